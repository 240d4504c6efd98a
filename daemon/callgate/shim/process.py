"""The server's process: found, started in a group of its own, signalled, and never left behind."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import fcntl
import posix

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where commands are looked for when there is no PATH."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes, as a shell has them."""
ENOEXEC = 8
DEADLY = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGKILL, _signal.SIGPIPE, _signal.SIGTERM)
"""Signals that kill without a core dump: the shim dies of the same one as its server."""


class LaunchError(Exception):
    """The server cannot be started. `code` is what the shim leaves with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Server:
    """A started server: its pid (which is also its process group) and our ends of its pipes."""

    __slots__ = ("pid", "status", "stdin", "stdout")

    def __init__(self, pid: int, stdin: int, stdout: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.status: int | None = None
        """Its exit code (negative: the signal that killed it) once it has ended."""

    def reap(self) -> bool:
        """Has it ended? It stays a zombie until `bury`, so that its pid and group cannot become somebody else's."""
        if self.status is None:
            found = posix.waitid(posix.P_PID, self.pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
            if found is not None:
                self.status = found.si_status if found.si_code == posix.CLD_EXITED else -found.si_status
        return self.status is not None

    def bury(self) -> None:
        """End what is left of the server's group."""
        self.signal(_signal.SIGKILL)
        self.close_stdin()
        self.close_stdout()
        posix.waitpid(self.pid, posix.WNOHANG)

    def signal(self, number: int) -> None:
        """Send a signal to the server and everything it has started that is still in its group."""
        try:
            posix.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def close_stdin(self) -> None:
        """Let the server see the end of its input."""
        if self.stdin >= 0:
            posix.close(self.stdin)
            self.stdin = -1

    def close_stdout(self) -> None:
        """Read no more."""
        if self.stdout >= 0:
            posix.close(self.stdout)
            self.stdout = -1


def start(argv: list[str]) -> Server:
    """Start a server with our environment, folder and stderr. Raises LaunchError."""
    path = find(argv[0])
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
    return Server(pid, ours_in, ours_out)


def find(command: str) -> str:
    """The file that `command` names, looked up in PATH as a shell does. Raises LaunchError."""
    if "/" in command:
        places = [command]
        where = ""
    else:
        path = posix.environ.get(b"PATH", DEFAULT_PATH.encode()).decode("utf-8", "surrogateescape")
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


def _spawn(path: str, argv: list[str], actions: list[tuple[int, int, int]]) -> int:
    python_ignores = [_signal.SIGPIPE, _signal.SIGXFSZ]

    def spawn(argv: list[str], path: str) -> int:
        return posix.posix_spawn(
            path, argv, posix.environ, file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=python_ignores
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
