"""`python -m callgate.service`: become the daemon."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.service.becoming import become

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="callgate.service", description="The Callgate daemon; `callgate up` starts it."
    )
    parser.add_argument("--home", type=Path, help="the home whose agents are governed (default: yours)")
    try:
        become(parser.parse_args().home)
    except CallgateError as error:
        print(f"callgate: {error}", file=sys.stderr)  # noqa: T201 - the log's first reader is `callgate up`
        sys.exit(error.exit_code)
