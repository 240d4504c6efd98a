"""The script that an agent's hooks start: written before any file names it, and left harmless when none does."""

from __future__ import annotations

import json
import os
from pathlib import Path

from callgate.agents.hooking import Hooks, Phase, filled
from callgate.model.call import Effect
from callgate.model.errors import WrapError
from callgate.system.files import replace_file
from callgate.system.paths import Folders
from callgate.wrap.hookscript import hook_text
from callgate.wrap.launcher import interpreter
from callgate.wrap.script import quoted

REASON = "Callgate cannot be asked, so nothing is allowed to run. Run: callgate up"


def write_hook_launcher(folders: Folders, agent: str, hooks: Hooks) -> Path:
    """Write (or bring up to date) the launcher of an agent's hooks. Raises WrapError."""
    return _put(folders, agent, hook_launcher_of(folders, agent, hooks))


def hook_launcher_of(folders: Folders, agent: str, hooks: Hooks) -> bytes:
    """The launcher that an agent's hooks are to have now. Raises WrapError."""
    output = hooks.output(Phase.ASK, Effect.DENY)
    out = "" if output.json is None else json.dumps(filled(output.json, REASON))
    paths = (os.fsencode(interpreter()), os.fsencode(folders.shim / "hook.py"), os.fsencode(folders.shim_conf))
    return hook_text(paths, agent, output.code, out)


def retire_launcher(folders: Folders, agent: str, hooks: Hooks | None) -> None:
    """Leave a launcher that lets everything pass: an agent that read its hooks at its start goes on calling it, and
    some refuse every tool when a hook's program is missing.
    """
    allowed = hooks.allow.json if hooks is not None else None
    says = b"" if allowed is None else b"printf '%s\\n' " + quoted(json.dumps(allowed).encode()) + b"\n"
    _put(folders, agent, b"#!/bin/sh\n# Left by Callgate, which is down: lets everything pass.\n" + says + b"exit 0\n")


def _put(folders: Folders, agent: str, text: bytes) -> Path:
    path = folders.data / "hooks" / agent
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.is_file() or path.read_bytes() != text:
            replace_file(path, text, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise WrapError(str(path), f"cannot be written ({error})", "check its folder's rights") from error
    return path
