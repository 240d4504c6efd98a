"""The process client of all agents' hooks: passes an event to the gate, and gives the agent the gate's answer.

    client AGENT EVENT ask|tell CODE [OUT]

It understands neither the event nor the answer: the gate reads the one and writes the other in the agent's own dialect.
`ask` means that the agent waits to hear whether it may go on. CODE and OUT are this agent's refusal, for when the gate
cannot be asked: then mode and on_doubt of shim.conf decide, and the decision is spooled. Standard library only, and of
that nothing that is slow to load; our copy lies beside the shim's, whose modules it uses.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import posix
import sys
import time

from callgate.shim.conf import Conf, load
from callgate.shim.frames import ALLOW, ANSWER, EFFECTS, HOOK, MAX_INSPECTED, VERSION, pack, unpack
from callgate.shim.gate_link import check_owner
from callgate.shim.jsonrpc import dumps
from callgate.shim.spool import Spool

CHUNK = 64 * 1024
"""Bytes of one read."""
DEADLINE_MAX = 8.0
"""Seconds for all of it: less than the ten that we ask agents for, and than all of their own limits."""
LOCK_TRIES = 40
"""Tries, 5 ms apart, to get at the spool file that other hooks of the same agent write too."""
NAME_MAX = 200
"""Characters of a tool's name that are kept without understanding the event."""
AWAY = "Callgate cannot be asked ({why}), and on_doubt says that nothing runs then. Run: callgate up"


class Away(Exception):
    """The gate gave no answer."""


def main() -> int:
    """Handle one event; the exit code that the agent is to see."""
    agent, event, phase, code, *rest = sys.argv[1:]
    refusal = int(code), (rest[0] if rest else "").encode()
    asks = phase == "ask"
    try:
        conf = load(__file__.rsplit("/", 3)[0] + "/shim.conf")
    except (OSError, ValueError, IndexError) as error:
        return _refuse(refusal, f"its settings cannot be read: {error}") if asks else 0
    data, size, why = b"", 0, ""
    try:
        _signal.signal(_signal.SIGALRM, _too_late)
        _signal.setitimer(_signal.ITIMER_REAL, min(conf.deadline, DEADLINE_MAX))
        data, size = _event()
        exit_code, out, err = _ask(conf, agent, event, asks, data, size)
        _signal.setitimer(_signal.ITIMER_REAL, 0)
    except (OSError, ValueError, Away) as error:
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        why = str(error) or type(error).__name__
    if why:
        return _alone(conf, agent, event, asks, refusal, data, size, why)
    _say(1, out)
    _say(2, err)
    return exit_code


def _too_late(_number: int, _frame: object) -> None:
    raise Away("it did not answer in time")


def _event() -> tuple[bytes, int]:
    """What the agent says: at most MAX_INSPECTED bytes of it, and how many there were. The rest is read and dropped, so
    that the agent can finish its writing.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = posix.read(0, CHUNK)
        if not piece:
            return b"".join(pieces)[:MAX_INSPECTED], size
        if size < MAX_INSPECTED:
            pieces.append(piece)
        size += len(piece)


def _ask(conf: Conf, agent: str, event: str, asks: bool, data: bytes, size: int) -> tuple[int, bytes, bytes]:
    """The exit code, stdout and stderr that the gate has for the agent. Raises OSError, ValueError or Away."""
    try:
        cwd = posix.getcwd()
    except OSError:
        cwd = ""
    head = dumps({"version": VERSION, "agent": agent, "event": event, "asks": asks, "size": size, "cwd": cwd})
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.connect(conf.socket)
        check_owner(sock)
        sock.sendall(pack(HOOK, 1, len(head).to_bytes(4, "little") + head + data))
        buffer = bytearray()
        while not (frames := unpack(buffer)):
            piece = sock.recv(CHUNK)
            if not piece:
                raise Away("it has hung up")
            buffer += piece
    finally:
        sock.close()
    kind, _, body = frames[0]
    if kind != ANSWER or len(body) < 6:
        raise ValueError("it gave an answer that makes no sense")
    length = int.from_bytes(body[2:6], "little")
    return body[1], body[6 : 6 + length], body[6 + length :]


def _alone(
    conf: Conf, agent: str, event: str, asks: bool, refusal: tuple[int, bytes], data: bytes, size: int, why: str
) -> int:
    """Decide without the gate, and keep the decision for it."""
    effect = conf.on_doubt if conf.enforce and asks else ALLOW
    kept = _spool(conf, agent, event, {"effect": EFFECTS[effect], "reason": why, "tool": _tool(data), "bytes": size})
    if asks and conf.enforce and (effect != ALLOW or not kept):
        return _refuse(refusal, why)
    return 0


def _spool(conf: Conf, agent: str, event: str, said: dict[str, object]) -> bool:
    """Keep a decision; False if it could not be kept."""
    uid = f"{posix.getppid():016x}"
    hello = dumps({"uid": uid, "launcher": agent, "entry": "", "argv": ["hook", agent, event]})
    spool = Spool(conf.spool, f"hook-{uid}", conf.mode, hello)
    call = f"{uid}-{posix.getpid()}-{time.time_ns()}"
    for _ in range(LOCK_TRIES):
        if spool.record({"call": call, "channel": "hook", "event": event, **said}):
            return True
        time.sleep(0.005)
    return False


def _tool(data: bytes) -> str:
    """The tool's name, for people who read the log: found as text, decided upon by nobody."""
    for key in (b'"tool_name"', b'"toolName"'):
        at = data.find(key)
        if at >= 0:
            start = data.find(b'"', at + len(key)) + 1
            end = data.find(b'"', start)
            if 0 < start <= end:
                return data[start : min(end, start + NAME_MAX)].decode("utf-8", "replace")
    return ""


def _refuse(refusal: tuple[int, bytes], why: str) -> int:
    _say(1, refusal[1])
    _say(2, AWAY.format(why=why).encode("utf-8", "backslashreplace"))
    return refusal[0]


def _say(fd: int, text: bytes) -> None:
    while text:
        try:
            text = text[posix.write(fd, text) :]
        except OSError:
            return
