"""Pure: the launcher, a shell script that a wrapped entry starts instead of its server.

Guarantees: no environment variable and no program besides the interpreter is needed (all other words are the shell's
own), paths and names may hold any byte but NUL, and when Callgate is gone the script says so and then either starts
the server without the gate (observe mode, or on_doubt = allow) or leaves with REFUSED.
"""

from __future__ import annotations

import hashlib

from callgate.model.inventory import Entry

REFUSED = 127
"""Exit code of a launcher that cannot ask the gate and may not pass: what a shell gives for "command not found"."""
NAME_MAX = 200
"""Characters of an entry's name that a launcher carries: enough to know it by, far from the kernel's limits."""

_TEXT = b"""#!/bin/sh
# Made by Callgate: starts an MCP server behind the gate. `callgate unwrap` takes it out of the config that names it.
python=%(python)s
run=%(run)s
conf=%(conf)s
if [ -x "$python" ] && [ -f "$run" ]; then
  exec "$python" -I -S -E "$run" --launcher %(agent)s --entry %(entry)s "$@"
fi
[ -x "$python" ] && missing=$run || missing=$python
mode= on_doubt=
if [ -r "$conf" ]; then
  while IFS='=' read -r key value; do
    case $key in mode) mode=$value ;; on_doubt) on_doubt=$value ;; esac
  done <"$conf"
fi
[ "$1" = -- ] && shift
if [ $# -gt 0 ] && { [ "$mode" = observe ] || [ "$on_doubt" = allow ]; }; then
  printf '%%s\\n' "callgate: $missing is missing: this server runs without the gate; run: callgate up" >&2
  exec "$@"
fi
printf '%%s\\n' "callgate: $missing is missing: this server is not started; run: callgate up (or: callgate unwrap)" >&2
exit %(refused)d
"""


def launcher_path(folder: str, entry: Entry) -> str:
    """Where the launcher of `entry` lies below the launchers' folder: a readable name, and a digest that keeps two
    entries apart however they are called (long enough that no config can be written to hit another's).
    """
    place = repr((entry.file.path, entry.at, entry.name)).encode("utf-8", "surrogatepass")
    return f"{folder}/{_readable(entry.agent)}/{_readable(entry.name)}-{hashlib.sha256(place).hexdigest()[:12]}"


def launcher_text(python: bytes, run: bytes, conf: bytes, agent: str, entry: str) -> bytes:
    """The script that starts `run` by `python` for the server called `entry` of `agent`; all three paths absolute."""
    return _TEXT % {
        b"python": quoted(python),
        b"run": quoted(run),
        b"conf": quoted(conf),
        b"agent": quoted(_word(agent)),
        b"entry": quoted(_word(entry)),
        b"refused": REFUSED,
    }


def quoted(word: bytes) -> bytes:
    """`word` as one word of a POSIX shell. Raises ValueError if it holds a NUL, which no argument can."""
    if b"\0" in word:
        raise ValueError(f"{word!r} holds a NUL byte")
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


def _word(name: str) -> bytes:
    return name[:NAME_MAX].replace("\0", "?").encode("utf-8", "replace")


def _readable(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name[:40])
    return kept.strip("-.") or "server"
