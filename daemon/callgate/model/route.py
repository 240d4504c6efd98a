"""Pure: where the token in a loopback address leads."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Route:
    """One wrapped entry."""

    token: str
    """Random; in the address that stands in the agent's file."""
    agent: str
    entry: str
    url: str = field(repr=False)
    """The server's address as the entry had it. Its query may hold a secret."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Credentials that the entry had, sent with each request."""
