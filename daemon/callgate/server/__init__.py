"""Listeners and routes of gate.sock and api.sock."""
