"""An MCP server that nobody approved: it would read whatever it is told to. If it ever starts, it leaves a mark."""

import pathlib
import sys

if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text("the unapproved server ran\n")
    for _ in sys.stdin:
        pass
