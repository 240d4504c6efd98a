"""Pure: the loopback addresses that stand in wrapped HTTP entries, and which of an entry's headers are credentials."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from callgate.agents.entry import RawEntry
from callgate.audit import patterns
from callgate.model.inventory import Edit, Entry, Put

START = "http://127.0.0.1:"
"""How every address of ours begins."""
NAME = "mcp"
"""The first word in its path."""
KEPT = "kept-by-callgate"
"""Stands in the place of a credential; it never leaves this machine."""
REFERENCE = frozenset("${}`")
"""Characters by which some agent refers to something outside the file: such an address is not whole as it stands."""
CREDENTIALS = frozenset(("authorization", "proxy-authorization", "cookie"))


@dataclass(frozen=True, slots=True)
class Addresses:
    """How addresses are made: an entry gets the same one each time, which nobody without the key can guess."""

    prefix: str
    """`http://127.0.0.1:PORT/mcp/`."""
    key: bytes = field(repr=False)
    oauth: frozenset[str] = field(default=frozenset(), repr=False)
    """Addresses of servers that ask for a token of their own."""

    def of(self, entry: Entry) -> str:
        """The address for this entry."""
        place = repr(("address", entry.file.path, entry.at, entry.name)).encode("utf-8", "surrogatepass")
        return self.prefix + hmac.new(self.key, place, hashlib.sha256).hexdigest()[:40]


def prefix(port: int) -> str:
    """How the addresses at that port begin."""
    return f"{START}{port}/{NAME}/"


def is_address(launcher: str) -> bool:
    """Is what a record calls its launcher an address of ours?"""
    return launcher.startswith(START)


def token_of(address: str) -> str:
    """The token in an address of ours."""
    return address.rpartition("/")[2]


def whole(url: str) -> bool:
    """Does the address lead to a server over HTTP, and stand whole in the file?"""
    return url.lower().startswith(("http://", "https://")) and not REFERENCE & set(url)


def credentials(raw: RawEntry) -> tuple[tuple[str, str], ...]:
    """The headers of an entry that are secrets and stand in the file as they are; references to elsewhere stay there,
    for the agent resolves them and sends the result.
    """
    return tuple(
        (name, value) for _, name, value in raw.headers if _is_secret(name) and value and not REFERENCE & set(value)
    )


def presents(raw: RawEntry) -> bool:
    """Does the entry itself say what to show to its server: a credential, or where the agent finds one?"""
    return raw.more_headers or any(_is_secret(name) for _, name, _ in raw.headers)


def _is_secret(name: str) -> bool:
    return name.lower() in CREDENTIALS or bool(patterns.named(name))


def lead(raw: RawEntry, address: str) -> tuple[Edit, ...]:
    """The edits that make an HTTP entry lead to `address`; () for what is not to be wrapped."""
    if raw.unwrappable is not None or not raw.url_at:
        return ()
    kept = {name for name, _ in credentials(raw)}
    return (Put(raw.url_at, address), *(Put(at, KEPT) for at, name, _ in raw.headers if name in kept))
