"""The command line that becomes a shim: for `callgate shim`, which agents may start as well as people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callgate.settings import load
from callgate.system.paths import folders
from callgate.wrap.launcher import install_shim, interpreter, write_conf


def shim_argv(env: Mapping[str, str], name: str, command: Sequence[str]) -> list[str]:
    """What to execute so that `command` runs behind the gate under `name` (empty: one is found).

    Sets up the shim's copy if there is none.

    Raises CallgateError if the settings are broken or the copy cannot be written.
    """
    where = folders(env)
    if not (where.shim / "run.py").exists() or not where.shim_conf.exists():
        where.make()
        write_conf(where, load(where.settings), install_shim(where))
    run = str(where.shim / "run.py")
    return [interpreter(), "-I", "-S", "-E", run, "--launcher", "", "--entry", name, "--", *command]
