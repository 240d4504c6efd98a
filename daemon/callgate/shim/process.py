"""Starting a server: found, in a process group of its own, and tied to our life."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import fcntl
import posix
import sys

DEFAULT_PATH = b"/usr/local/bin:/usr/bin:/bin"
"""Where commands are looked for when there is no PATH."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes, as a shell has them."""
ENOEXEC = 8
COERCED = (b"C.UTF-8", b"C.utf8", b"UTF-8")
"""What Python makes of the locale "C"."""
DEADLY = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGKILL, _signal.SIGPIPE, _signal.SIGTERM)
"""Signals that kill without a core dump: the shim dies of the same one as its server."""


class LaunchError(Exception):
    """The server cannot be started. `code` is what the shim leaves with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def start(argv: list[str], program: str = "") -> tuple[int, int, int]:
    """Start a server with our environment, folder and stderr, as the leader of a process group of its own; from the
    file `program`, if it is given, else from where PATH leads.

    Returns its pid, the writing end of its input and the reading end of its output, both non-blocking. The kernel
    kills the group when this process is gone (see `_tie`). Raises LaunchError.
    """
    path = program or find(argv[0])
    theirs_in, ours_in = posix.pipe()
    ours_out, theirs_out = posix.pipe()
    lifeline, ours_life = posix.pipe()  # our end stays open, unused, until we are gone
    actions = [
        (posix.POSIX_SPAWN_DUP2, theirs_in, 0),
        (posix.POSIX_SPAWN_DUP2, theirs_out, 1),
        (posix.POSIX_SPAWN_DUP2, lifeline, ours_life),
    ]
    try:
        pid = _spawn(path, argv, actions)
    except OSError as error:
        raise LaunchError(NOT_EXECUTABLE, f"{path} cannot be started ({error.strerror})") from error
    _tie(lifeline, pid)
    for fd in (theirs_in, theirs_out, lifeline):
        posix.close(fd)
    posix.set_blocking(ours_in, False)
    posix.set_blocking(ours_out, False)
    return pid, ours_in, ours_out


def search_path() -> str:
    """The folders in which commands are looked for. An empty one, or none at all but a PATH, is the present folder."""
    return text(posix.environ.get(b"PATH", DEFAULT_PATH))


def find(command: str) -> str:
    """The file that `command` names, looked up in PATH as a shell does. Raises LaunchError."""
    if "/" in command:
        places = [command]
        where = ""
    else:
        path = search_path()
        places = [(folder or ".") + "/" + command for folder in path.split(":")]
        where = f" (PATH={path})"
    there = None
    for place in places:
        try:
            is_folder = posix.stat(place).st_mode & 0o170000 == 0o040000
        except (OSError, ValueError):
            continue
        if not is_folder and posix.access(place, posix.X_OK):
            return place
        there = there or place
    if there:
        raise LaunchError(NOT_EXECUTABLE, f"{there} is not executable")
    raise LaunchError(NOT_FOUND, f"command not found: {command}{where}")


def die_of(number: int) -> None:
    """End this process by a signal, as the server ended. Returns only for a signal that would dump core."""
    if number in DEADLY:
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
        posix.kill(posix.getpid(), number)


def text(raw: bytes) -> str:
    """A path or argument as the interpreter spells it, whatever bytes it has; the system calls turn it back."""
    return raw.decode(sys.getfilesystemencoding(), "surrogateescape")


def environment() -> dict[bytes, bytes]:
    """What the agent gave us. Python itself adds LC_CTYPE to it where no locale is set (PEP 538): the server would see
    a variable, and a locale, that it does not have without us.
    """
    env = dict(posix.environ)
    if env.get(b"LC_CTYPE") in COERCED:
        try:
            fd = posix.open("/proc/self/environ", posix.O_RDONLY | posix.O_CLOEXEC)
        except OSError:  # not Linux: cannot tell
            return env
        given = b"".join(iter(lambda: posix.read(fd, 64 * 1024), b"")).split(b"\0")
        posix.close(fd)
        before = [item[9:] for item in given if item.startswith(b"LC_CTYPE=")]
        del env[b"LC_CTYPE"]
        if before:
            env[b"LC_CTYPE"] = before[0]
    return env


def _spawn(path: str, argv: list[str], actions: list[tuple[int, int, int]]) -> int:
    env = environment()
    python_ignores = [_signal.SIGPIPE, _signal.SIGXFSZ]

    def spawn(argv: list[str], path: str) -> int:
        return posix.posix_spawn(
            path, argv, env, file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=python_ignores
        )

    try:
        return spawn(argv, path)
    except OSError as error:
        if error.errno != ENOEXEC:
            raise
        return spawn(["/bin/sh", path, *argv[1:]], "/bin/sh")  # a script without #!, as execvp has it


def _tie(lifeline: int, pid: int) -> None:
    """Let the kernel kill the server's group when this process dies, however it dies (Linux).

    The server inherits the reading end of a pipe whose writing end only we have. When that end closes, the kernel
    signals the owner of the reading end: the group, with SIGKILL. Elsewhere a server that ignores the end of its input
    can outlive a shim that was killed with SIGKILL.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -pid)
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, _signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | fcntl.FASYNC)
