"""Pure: the frames that a shim and the gate exchange over gate.sock.

A frame is `length (4 bytes, little endian, of all that follows) | kind (1) | serial (4, little endian) | body`.
A question (HELLO, ASK, LIST, HOOK) is answered by exactly one ANSWER with the same serial; a NOTE is not answered.
"""

VERSION = 1
HEAD = 9
"""Bytes before the body."""
MAX_BODY = 2 * 1024 * 1024
"""Bytes of one body: a question carries at most MAX_INSPECTED of a message and says so when it is more."""
MAX_INSPECTED = 1024 * 1024
"""Bytes of one JSON-RPC message that the gate looks at."""

# shim -> gate
HELLO = 1
"""Body: JSON object; the first frame of each connection and the launch question. Fields:
version, uid (16 hex digits, the same after a reconnect), resumed (bool), launcher (agent id the launcher was made
for, or ""), entry (name of the server in that config), argv, cwd, path (the PATH), env (name to value: the variables
that may change what is started; they may hold secrets, so they are never kept), pid, server_pid (0 before the start),
build."""
ASK = 2
"""Body: flags (1 byte) + raw bytes of one JSON-RPC tools/call request. The gate answers when its row is durable."""
LIST = 3
"""Body: flags (1 byte) + raw bytes of one JSON-RPC answer that shows something to the model: to tools/list, or with a
flag to another request. The answer names what to hide."""
NOTE = 4
"""Body: JSON object with `what`: "answered" {call, ms, bytes, error}, "started" {pid}, "ended" {code},
"said" {method, direction, ...}."""

HOOK = 5
"""Body: length of the head (4 bytes, little endian) + head (JSON object) + at most MAX_INSPECTED bytes of what an agent
gave to its hook. Needs no HELLO. Head: version, agent (whose hook this is), event, asks (bool: the agent waits for a
verdict), size (bytes that the agent gave), cwd."""

# gate -> shim
ANSWER = 16
"""Body: effect (1 byte) + UTF-8 JSON object. To HELLO and ASK: {rule, reason}; nothing after the effect byte when
allowed without more to say. To a HELLO that is allowed: {argv, program}, where the server is to be started by another
command line than its own, or by exactly this file. A HELLO may be answered once more: what was allowed is revoked.
To LIST: {hide: [names]} (of templates: their URI templates). To HOOK: effect, exit code (1 byte), length of stdout (4,
little endian), stdout, stderr: what the agent is to see."""

# env of HELLO
TELLING = (
    b"LD_", b"DYLD_", b"GCONV_PATH", b"OPENSSL_", b"BASH_", b"BASHOPTS", b"SHELLOPTS", b"HOME=", b"XDG_C", b"XDG_DATA_",
    b"PYTHON", b"UV_", b"PIP_", b"PIPX_", b"NODE_", b"NPM_CONFIG_", b"PNPM_", b"YARN_", b"COREPACK_", b"BUN_", b"DENO_",
    b"TSX_", b"TS_NODE_", b"GIT_", b"DOCKER_", b"CONTAINER_", b"RUBY", b"PERL5", b"CLASSPATH", b"JAVA_TOOL_OPTIONS",
    b"JDK_JAVA_", b"_JAVA_",
)  # fmt: skip
"""How the names of variables begin that change what a runner, an interpreter or the loader starts, in upper case."""

# flags of ASK and LIST
RETRY = 1
"""The same question was sent before the connection broke: the gate may know its answer already."""
TRUNCATED = 2
"""The message is larger than MAX_INSPECTED: the body is {"method","params":{"name"},"id"} rebuilt by the shim,
without arguments."""
OVERSIZE_LIST = 4
"""A LIST larger than MAX_INSPECTED: body holds only {"names": [...]} collected by the shim."""
PROMPTS, TEMPLATES, GREETING = 8, 16, 32
"""A LIST of prompts/list, of resources/templates/list, or of initialize or server/discover: then the one name that may
be hidden is "", which stands for the server's instructions."""

# effects on the wire: the same numbers as model.call.Effect
ALLOW, ASK_USER, DENY = 0, 1, 2
EFFECTS = ("allow", "ask", "deny")
"""Their names, in files."""


def telling(env: dict[bytes, bytes]) -> dict[str, str]:
    """The variables by which the gate judges what would really be started."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in env.items()
        if (name.upper() + b"=").startswith(TELLING)
    }


def pack(kind: int, serial: int, body: bytes = b"") -> bytes:
    """One frame as bytes."""
    return (serial << 40 | kind << 32 | len(body) + 5).to_bytes(HEAD, "little") + body


def unpack(buffer: bytearray, most: int = 0) -> list[tuple[int, int, bytes]]:
    """Take whole frames off the front of a bytearray, at most `most` of them (0: all): a list of (kind, serial, body).

    Raises ValueError when a length is impossible (the peer is not one of ours).
    """
    frames = []
    at = 0
    size = len(buffer)
    while size - at >= HEAD:
        head = int.from_bytes(buffer[at : at + HEAD], "little")
        length = head & 0xFFFFFFFF
        if not 5 <= length <= MAX_BODY + 5:
            raise ValueError(f"frame of {length} bytes")
        end = at + 4 + length
        if end > size:
            break
        frames.append((head >> 32 & 0xFF, head >> 40, bytes(buffer[at + HEAD : end])))
        at = end
        if len(frames) == most:
            break
    if at:
        del buffer[:at]
    return frames
