"""Servers from another MCP Registry (API v0.1): what it says today, for the person who signs what becomes of it.

Nothing here is trusted: TLS says whose word it is, and the signature that counts is made after a person has looked.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from callgate.model.errors import RegistryError, SettingsError
from callgate.registry import reading
from callgate.registry.catalogue import LATEST, OFFICIAL, ROOT
from callgate.registry.places import PlaceError, RefusedError
from callgate.registry.web import Web

PAGE = 100
"""Servers asked for at a time: the most that the official registry gives."""
PAGE_MAX = 8 * 1024 * 1024
"""Bytes of one page."""
PAGES_MAX = 500
"""Pages of one import."""
SERVERS_MAX = 20_000
"""Servers of one import: nobody has looked at more."""
CURSOR_MAX = 2_000
"""Characters of a cursor; they are part of an address."""
SECONDS_MAX = 600.0
"""Seconds of one import."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What another registry lists."""

    servers: tuple[Mapping[str, Any], ...]
    """In the form of the API: each with its `server`."""
    skipped: tuple[str, ...] = ()


class Upstream:
    """One MCP Registry that can be read without an account."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises RegistryError if the URL is none that we import from."""
        base = url.rstrip("/").removesuffix(f"/{ROOT}").removesuffix("/v0.1")
        parts = urlsplit(base)
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            step = "give an https:// address"
            raise RegistryError(url, "is not protected by TLS: whoever is on the way could put servers in", step)
        try:
            self._web = Web(base)
        except SettingsError as error:
            raise RegistryError(url, error.problem, "give the address of an MCP Registry") from error
        self._name, self._clock = base, clock

    def named(self, names: Sequence[str]) -> Fetched:
        """These servers, each `NAME` (its latest version) or `NAME@VERSION`. Raises RegistryError."""
        found = []
        for asked in names:
            name, _, version = asked.partition("@")
            path = f"{ROOT}/{quote(name, safe='')}/versions/{quote(version or LATEST, safe='')}"
            one = self._get(path, asked)
            server = one.get("server")
            if not isinstance(server, Mapping) or server.get("name") != name:
                raise RegistryError(f"{self._name}/{path}", f"does not answer with {name}", "ask its owner")
            found.append(one)
        return _sorted_out(found, self._name)

    def all(self) -> Fetched:
        """The latest version of every server, page by page. Raises RegistryError."""
        found: list[Mapping[str, Any]] = []
        cursor, seen, deadline = "", set[str](), self._clock() + SECONDS_MAX
        for number in range(PAGES_MAX):
            query = {"limit": PAGE, "version": LATEST} | ({"cursor": cursor} if cursor else {})
            where = f"page {number + 1}"
            page = self._get(f"{ROOT}?{urlencode(query)}", where)
            listed = page.get("servers")
            if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
                raise self._odd(where, "has no list of servers")
            found += listed
            if len(found) > SERVERS_MAX:
                raise self._odd(where, f"makes it more than {SERVERS_MAX:,} servers")
            metadata = page.get("metadata")
            cursor = metadata.get("nextCursor") or "" if isinstance(metadata, Mapping) else ""
            if not cursor:
                return _sorted_out(found, self._name)
            if not isinstance(cursor, str) or len(cursor) > CURSOR_MAX or cursor in seen:
                raise self._odd(where, "has a cursor that is none, or leads in a circle")
            seen.add(cursor)
            if self._clock() > deadline:
                raise self._odd(where, f"came after more than {SECONDS_MAX:.0f} seconds")
        raise self._odd(f"page {PAGES_MAX}", "is not the last one")

    def close(self) -> None:
        """Close the connection."""
        self._web.close()

    def _get(self, target: str, what: str) -> Mapping[str, Any]:
        try:
            data = self._web.read(target, PAGE_MAX)
        except (PlaceError, RefusedError) as error:
            raise RegistryError(error.thing, error.problem, "see the address that --from names") from error
        try:
            found = reading.read(data)
        except ValueError as error:
            raise self._odd(what, str(error)[:150]) from error
        if not isinstance(found, Mapping):
            raise self._odd(what, "is not a JSON object")
        return found

    def _odd(self, what: str, problem: str) -> RegistryError:
        return RegistryError(f"{self._name}, {what}", problem, "it is no MCP Registry of API v0.1, or a broken one")


def _sorted_out(found: Sequence[Mapping[str, Any]], source: str) -> Fetched:
    """Without what the registry itself has withdrawn."""
    kept, skipped = [], []
    for one in found:
        official = one.get("_meta")
        official = official.get(OFFICIAL) if isinstance(official, Mapping) else None
        status = official.get("status", "active") if isinstance(official, Mapping) else "active"
        server = one.get("server")
        name = server.get("name") if isinstance(server, Mapping) else None
        if status == "active":
            kept.append(one)
        else:
            skipped.append(f"{source}: {str(name)[:200]} is {str(status)[:20]} there")
    return Fetched(tuple(kept), tuple(skipped))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
