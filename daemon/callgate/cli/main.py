"""Entry of the `callgate` command: every failure becomes one clear line and a documented exit code."""

from __future__ import annotations

import os
import sys

from callgate.model.errors import CallgateError

INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone (`callgate log | head`): not our failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run(argv: list[str]) -> int:
    if argv[:1] == ["shim"]:  # agents start it: no time for the imports of the command line
        from callgate.cli.shim import run

        return _guarded(lambda: run(argv[1:]))
    from callgate.cli.app import run_app

    return _guarded(lambda: run_app(argv))


def _guarded(command) -> int:  # type: ignore[no-untyped-def]  # Callable would cost the shim an import
    try:
        return int(command() or 0)
    except CallgateError as error:
        print(f"callgate: {error}", file=sys.stderr)  # noqa: T201 - the one place where errors are shown
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
