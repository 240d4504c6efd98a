"""The command line: a thin view on the client and, for what needs no daemon, on the composition root."""

from callgate.cli.main import main

__all__ = ["main"]
