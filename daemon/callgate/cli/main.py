"""Entry of the `callgate` command: every failure becomes one clear line and a documented exit code."""

from __future__ import annotations

import os
import sys

from callgate.cli.harmless import clean
from callgate.model.errors import CallgateError

INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    _steady()
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone (`callgate log | head`): not our failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except KeyboardInterrupt:
        code = INTERRUPTED
    except CallgateError as error:
        code = _complain(str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - the outermost edge: one line, never a traceback
        code = _complain(f"{type(error).__name__}: {error}; please report it, with the output of `callgate doctor`", 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what could not be written now will not be at exit
    sys.exit(code)


def _run(argv: list[str]) -> int:
    if argv[:1] == ["shim"]:  # agents start it: no time for the imports of the command line
        from callgate.cli.shim import run

        return run(argv[1:])
    from callgate.cli.app import run_app

    return run_app(argv)


def _complain(text: str, code: int) -> int:
    print(f"callgate: {clean(text)}", file=sys.stderr)  # noqa: T201 - the one place where errors are shown
    return code


def _steady() -> None:
    """Make standard streams that can be used: there, and able to say any text."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed: else the next file that we open would stand there
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - as long as the process; pathlib costs 8 ms
        else:
            stream.reconfigure(errors="backslashreplace")
