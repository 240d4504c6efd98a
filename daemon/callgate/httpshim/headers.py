"""Pure: which headers travel on, and which must say the same as the message that they travel with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

Pairs = list[tuple[str, str]]

HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Headers that belong to one connection (RFC 9110, section 7.6.1)."""
_NOT_OUT = HOP | {"host", "content-length", "accept-encoding", "origin", "referer", "expect", "cookie2"}
_NOT_BACK = HOP | {
    "content-length",
    "content-encoding",
    "alt-svc",
    "strict-transport-security",
    "date",
    "server",
    "access-control-allow-origin",
    "access-control-allow-credentials",
}
SESSION = "Mcp-Session-Id"
METHOD = "Mcp-Method"
NAME = "Mcp-Name"
HEADER_MISMATCH = -32020
"""The JSON-RPC error code of MCP 2026-07-28 for a header that says something else than the message."""
CODINGS = ("gzip", "deflate")
"""Content codings that we read."""


def outgoing(
    received: Iterable[tuple[str, str]], credentials: Iterable[tuple[str, str]], *, plain: bool = False
) -> Pairs:
    """What goes to the server: what the agent sent, with the entry's credentials in place of headers of that name.
    `plain`: the body is not the one that came, and in no content coding.
    """
    ours = list(credentials)
    replaced = {name.lower() for name, _ in ours}
    found = list(received)
    dropped = _NOT_OUT | replaced | _named_by_connection(found)
    if plain:
        dropped |= {"content-encoding", "content-digest"}
    sent = [(name, value) for name, value in found if name.lower() not in dropped]
    offered = ",".join(value for name, value in found if name.lower() == "accept-encoding").lower()
    sent.append(("Accept-Encoding", ", ".join(CODINGS) if "gzip" in offered else "identity"))
    return sent + ours


def returned(received: Iterable[tuple[str, str]]) -> Pairs:
    """What goes back to the agent."""
    found = list(received)
    dropped = _NOT_BACK | _named_by_connection(found)
    return [(name, value) for name, value in found if name.lower() not in dropped]


def mismatch(received: Iterable[tuple[str, str]], method: object, name: object) -> str:
    """Why the headers say something else than the message (a gateway may go by them); empty if they do not."""
    said: dict[str, list[str]] = {}
    for key, value in received:
        said.setdefault(key.lower(), []).append(value)
    for key, meant in ((METHOD, method), (NAME, name)):
        values = said.get(key.lower(), [])
        if len(values) > 1:
            return f"the header {key} is given twice"
        if values and isinstance(meant, str) and decoded(values[0]) != meant:
            return f"the header {key} says {values[0]!a}, the message {meant!a}"
    return ""


def decoded(value: str) -> str | None:
    """A header's value, out of the form that MCP gives to what is not plain ASCII; None if that makes no sense."""
    value = value.strip(" \t")
    if value[:9].lower() == "=?base64?" and value.endswith("?="):
        try:
            return base64.b64decode(value[9:-2], validate=True).decode()
        except (binascii.Error, ValueError):
            return None
    return value


def _named_by_connection(received: Pairs) -> set[str]:
    return {
        word.strip().lower() for name, value in received if name.lower() == "connection" for word in value.split(",")
    }
