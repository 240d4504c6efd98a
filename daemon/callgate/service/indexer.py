"""The process that brings the search index up to date: `python -m callgate.service.indexer LOG`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from callgate.audit.indexing import catch_up
from callgate.audit.reader import Reader
from callgate.model.errors import AuditError

NICE = 10
"""Whatever else the machine has to do goes first."""


def main() -> int:
    """Index the log that the command line names. Exit code 1 if it cannot be read."""
    os.nice(NICE)
    os.umask(0o077)
    try:
        catch_up(Reader(Path(sys.argv[1])))
    except AuditError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
