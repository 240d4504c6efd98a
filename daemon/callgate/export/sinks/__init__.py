"""Receivers, one file a kind of receiver."""
