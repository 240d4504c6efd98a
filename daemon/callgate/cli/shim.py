"""`callgate shim -- CMD ARGS`: put any stdio server behind the gate, without touching a config."""

from __future__ import annotations

import os

from callgate.model.errors import CallgateError

USAGE = "usage: callgate shim [--name NAME] -- COMMAND [ARGUMENTS]"


def run(argv: list[str]) -> int:
    """Become the shim. Does not return unless the command line is wrong (CallgateError) or the shim cannot start."""
    name = ""
    if argv[:1] == ["--name"] and len(argv) > 1:
        name, argv = argv[1], argv[2:]
    if argv[:1] in (["--help"], ["-h"]):
        print(USAGE)  # noqa: T201
        return 0
    if argv[:1] != ["--"] or len(argv) < 2:
        problem = CallgateError("shim", "names no server to start", USAGE)
        problem.exit_code = 2
        raise problem
    from callgate.service.shim import shim_argv

    command = shim_argv(os.environ, name, argv[1:])
    os.execv(command[0], command)  # noqa: S606 - becoming the shim is what this command is for
    return 0
