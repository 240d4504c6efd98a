"""Where the addresses that we put into entries lead: one file each (0600 in a 0700 folder: it may hold credentials).

A route is written before the entry that leads to it, and removed after that entry is as it was.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from callgate.model.errors import CallgateError, WrapError
from callgate.model.route import Route
from callgate.system.files import read_capped, replace_file

log = logging.getLogger(__name__)

ROUTE_MAX = 256 * 1024
"""Bytes of one route: an address and some headers."""
OAUTH = "oauth.json"


class Routes:
    """The routes of one data folder. Safe to use from several threads; reads no file after it was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._routes: dict[str, Route] = {}
        self._oauth: frozenset[str] = frozenset()
        self.problems: list[str] = []
        """What could not be read."""
        for path in sorted(folder.glob("*.json")):
            try:
                plain = json.loads(read_capped(path, ROUTE_MAX))
                if path.name == OAUTH:
                    self._oauth = frozenset(map(str, plain))
                else:
                    route = _from_plain(path.stem, plain)
                    self._routes[route.token] = route
            except (CallgateError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                self.problems.append(
                    f"{path}: this route of a wrapped entry cannot be read ({error}); run `callgate up`"
                )

    def find(self, token: str) -> Route | None:
        """The route of that token."""
        return self._routes.get(token)

    def all(self) -> list[Route]:
        """All routes."""
        return list(self._routes.values())

    def put(self, route: Route) -> bool:
        """Keep a route; False if it is kept already. Raises WrapError if it cannot be written."""
        with self._lock:
            if self._routes.get(route.token) == route:
                return False
            self._write(f"{route.token}.json", _plain(route))
            self._routes[route.token] = route
            return True

    def drop(self, token: str) -> None:
        """Forget a route, and its credentials with it."""
        with self._lock:
            self._routes.pop(token, None)
            (self._folder / f"{token}.json").unlink(missing_ok=True)

    @property
    def oauth(self) -> frozenset[str]:
        """Addresses whose servers ask for a token of their own: a token's audience is that address, so it must stay."""
        return self._oauth

    def challenged(self, url: str, challenge: str) -> bool:
        """A server answers 401 to who shows it nothing: if it wants a token made for its address, its entry is to keep
        that address. False if that is nothing new, or not what it asks for (RFC 6750, RFC 9728).
        """
        said = challenge.lower()
        with self._lock:
            if not ("bearer" in said or "resource_metadata" in said) or url in self._oauth:
                return False
            self._oauth |= {url}
            try:
                self._write(OAUTH, sorted(self._oauth))
            except WrapError as error:
                log.error("%s", error)
            return True

    def _write(self, name: str, plain: object) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._folder / name, json.dumps(plain).encode())
        except OSError as error:
            raise WrapError(str(self._folder), f"cannot be written ({error})", "check its rights") from error


def _plain(route: Route) -> dict[str, object]:
    return {"agent": route.agent, "entry": route.entry, "url": route.url, "headers": list(map(list, route.headers))}


def _from_plain(token: str, plain: dict[str, object]) -> Route:
    """Read what `_plain` made. Raises ValueError, KeyError or TypeError for anything else."""
    agent, entry, url, headers = (plain[name] for name in ("agent", "entry", "url", "headers"))
    if not all(isinstance(one, str) for one in (agent, entry, url)) or not isinstance(headers, list):
        raise ValueError("its values are of the wrong kind")
    return Route(token, str(agent), str(entry), str(url), tuple((str(name), str(value)) for name, value in headers))
