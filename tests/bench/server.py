"""The MCP server under test: answers a tools/call in some microseconds. Run it with `python -I -S -E server.py`.

Arguments of its tool `echo`: `label` (comes back), `pad` (its checksum comes back), `size` (bytes of filler in the
answer) and `wait` (milliseconds before the answer; other calls are answered meanwhile). `whoami` gives its pid.
"""

import sys
from _json import encode_basestring_ascii, make_scanner
from binascii import crc32
from posix import getpid, read, write
from select import POLLIN, poll
from time import monotonic

PROSE = "The build of the second target stopped at line 214: a header named in config.h was not found in the path. "
CHUNK = 65536
"""Bytes of one read: a pipe holds no more, and larger buffers cost page faults."""

_ECHO = (
    '{"name":"echo","description":"Give back the label.","inputSchema":{"type":"object","properties":{'
    '"label":{"type":"string"},"pad":{"type":"string"},"size":{"type":"integer"},"wait":{"type":"integer"}},'
    '"required":["label"]}}'
)
_WHOAMI = '{"name":"whoami","description":"Give the process id.","inputSchema":{"type":"object","properties":{}}}'
_OTHERS = ",".join(
    f'{{"name":"tool_{n}","description":"{PROSE[:60]}","inputSchema":{{"type":"object","properties":'
    f'{{"path":{{"type":"string"}}}},"required":["path"]}}}}'
    for n in range(6)
)
TOOLS = f'{{"tools":[{_ECHO},{_WHOAMI},{_OTHERS}]}}'
_fillers: dict[int, str] = {}


def filler(size: int) -> str:
    """`size` bytes of text that JSON does not escape."""
    if size not in _fillers:
        _fillers[size] = (PROSE * (size // len(PROSE) + 1))[:size]
    return _fillers[size]


def echo_text(label: str, pad: str, size: int) -> str:
    """What `echo` answers. The driver computes the same to compare."""
    return f"{label} {crc32(pad.encode()):08x} {filler(size)}"


def answer(ident: str, text: str) -> bytes:
    """One answer line; `ident` is the id as JSON."""
    return (f'{{"jsonrpc":"2.0","id":{ident},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}\n').encode()


class _Plain:
    """What the C scanner asks of a decoder. (`import json` would cost 10 ms.)"""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


_scan = make_scanner(_Plain())  # type: ignore[arg-type]  # any object with these attributes will do


def reply(line: bytes) -> tuple[int, bytes]:
    """(milliseconds to wait, the answer line); an empty answer for a notification."""
    message, _end = _scan(line.decode(), 0)
    if "id" not in message or "method" not in message:
        return 0, b""
    ident, method, params = message["id"], message["method"], message.get("params") or {}
    ident = encode_basestring_ascii(ident) if isinstance(ident, str) else str(ident)
    if method == "tools/call":
        if params["name"] == "whoami":
            return 0, answer(ident, str(getpid()))
        given = params.get("arguments") or {}
        text = echo_text(given["label"], given.get("pad", ""), given.get("size", 0))
        return given.get("wait", 0), answer(ident, text)
    result = {"tools/list": TOOLS, "ping": "{}"}.get(method)
    if method == "initialize":
        version = encode_basestring_ascii(params.get("protocolVersion", "2025-06-18"))
        result = (
            f'{{"protocolVersion":{version},"capabilities":{{"tools":{{}}}},'
            '"serverInfo":{"name":"bench","version":"1"}}'
        )
    if result is None:
        error = '{"code":-32601,"message":"Method not found"}'
        return 0, f'{{"jsonrpc":"2.0","id":{ident},"error":{error}}}\n'.encode()
    return 0, f'{{"jsonrpc":"2.0","id":{ident},"result":{result}}}\n'.encode()


def send(data: bytes) -> None:
    """All of `data`, blocking."""
    view = memoryview(data)
    while view:
        view = view[write(1, view) :]


def main() -> None:
    """Serve until end of input."""
    waiting: list[tuple[float, bytes]] = []
    ready = poll()
    ready.register(0, POLLIN)
    parts: list[bytes] = []
    while True:
        if waiting:
            left = max(0.0, waiting[0][0] - monotonic())
            if not ready.poll(left * 1000):
                send(waiting.pop(0)[1])
                continue
        chunk = read(0, CHUNK)
        if not chunk:
            return
        parts.append(chunk)
        if b"\n" not in chunk:
            continue
        *lines, rest = b"".join(parts).split(b"\n")
        parts = [rest] if rest else []
        out = []
        for line in lines:
            wait, data = reply(line) if line.strip() else (0, b"")
            if wait:
                waiting.append((monotonic() + wait / 1000, data))
                waiting.sort()
            else:
                out.append(data)
        send(b"".join(out))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)
