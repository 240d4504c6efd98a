"""Pure: the scripts that an agent's hooks start.

As the launcher of a server: no environment variable and no program besides the interpreter is needed, and when Callgate
is gone the script says so and then either lets the agent go on (observe mode, or on_doubt = allow) or refuses in the
agent's own way.
"""

from __future__ import annotations

from callgate.wrap.script import quoted

_TEXT = b"""#!/bin/sh
# Made by Callgate: asks the gate for %(agent)s. `callgate down` takes it out of the files that name it.
# EVENT ask|tell
python=%(python)s
hook=%(hook)s
conf=%(conf)s
code=%(code)d
out=%(out)s
if [ -x "$python" ] && [ -f "$hook" ]; then
  exec "$python" -I -S -E "$hook" %(agent)s "$1" "$2" "$code" "$out"
fi
[ "$2" = ask ] || exit 0
[ -x "$python" ] && missing=$hook || missing=$python
mode= on_doubt=
if [ -r "$conf" ]; then
  while IFS='=' read -r key value; do
    case $key in mode) mode=$value ;; on_doubt) on_doubt=$value ;; esac
  done <"$conf"
fi
if [ "$mode" = observe ] || [ "$on_doubt" = allow ]; then
  exit 0
fi
[ -z "$out" ] || printf '%%s\\n' "$out"
printf '%%s\\n' "Callgate: $missing is missing, so nothing is allowed to run; run: callgate up (or: callgate down)" >&2
exit "$code"
"""


def hook_text(paths: tuple[bytes, bytes, bytes], agent: str, code: int, out: str) -> bytes:
    """The script of an agent. `paths` are the interpreter, the client and shim.conf, all absolute; `code` and `out` are
    how this agent is refused something by a client that could not ask.
    """
    python, hook, conf = paths
    return _TEXT % {
        b"python": quoted(python),
        b"hook": quoted(hook),
        b"conf": quoted(conf),
        b"agent": quoted(agent.encode()),
        b"code": code,
        b"out": quoted(out.encode()),
    }


def event_text(launcher: str, event: str, phase: str) -> bytes:
    """A program that stands for one event, where an agent looks for programs of the events' names."""
    return b"#!/bin/sh\nexec %b %b %b\n" % (quoted(launcher.encode()), event.encode(), phase.encode())
