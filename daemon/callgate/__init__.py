"""Callgate: one gate in front of every tool call of the coding agents on this machine."""

__version__ = "0.1.0"
