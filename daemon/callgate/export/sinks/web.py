"""POST to a receiver over HTTP(S): no redirects, bounded answers and times, proxies, our own certificate."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from urllib3 import PoolManager, ProxyManager
from urllib3.exceptions import HTTPError, LocationParseError

from callgate import __version__
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.tls import Context
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings

ANSWER_MAX = 4 * 1024 * 1024
"""Bytes of one answer: `_bulk` says some hundred bytes on each of the events."""
PIECE = 64 * 1024
UNFIT = (400, 413, 422)
"""Status codes by which a receiver says that what it was sent is at fault, not who sent it or when."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status 0 and `problem` if nothing did."""

    status: int
    body: bytes = b""
    problem: str = ""
    wait: float = 0.0

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def failure(self) -> Sent:
        """This answer as the failure of a whole batch."""
        said = short(self.body.decode("utf-8", "replace"))
        problem = self.problem or f"HTTP {self.status}" + (f": {said}" if said else "")
        return Sent(0, problem=problem, wait=self.wait, unfit=self.status in UNFIT, said=said)


class Web:
    """One receiver's door. Safe for one thread."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings
        self._tls = Context(settings)
        self._pool: PoolManager | None = None

    def post(self, url: str, body: bytes, kind: str, headers: Mapping[str, str], *, squeeze: bool = True) -> Answer:
        """Send, and read the answer, in at most about the sink's timeout. `kind` is the Content-Type."""
        sent = {"User-Agent": f"callgate/{__version__}", "Content-Type": kind, "Accept-Encoding": "identity", **headers}
        if self._settings.gzip and squeeze:
            body, sent["Content-Encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
        until = time.monotonic() + self._settings.timeout
        try:
            response = self._connections(url).request(
                "POST", url, body=body, headers=sent, redirect=False, retries=False, preload_content=False,
                decode_content=False,
            )  # fmt: skip
            try:
                said = b""
                while piece := response.read1(PIECE):
                    said += piece
                    if len(said) > ANSWER_MAX or time.monotonic() > until:
                        response.close()
                        return Answer(0, problem="its answer is too long or too slow")
                return Answer(response.status, said, wait=_wait(response.headers.get("Retry-After", "")))
            finally:
                response.release_conn()
        except CallgateError as error:
            return Answer(0, problem=str(error))
        except (HTTPError, OSError, ValueError) as error:
            return Answer(0, problem=f"cannot be reached ({_cause(error)})")

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def _connections(self, url: str) -> PoolManager:
        """Raises CallgateError."""
        if self._pool is not None and self._tls.changed():
            self.close()
        if self._pool is None:
            kept: dict[str, Any] = {"num_pools": 2, "maxsize": 1, "timeout": self._settings.timeout}
            if url.startswith("https:"):
                kept["ssl_context"] = self._tls.get()
            proxy = self._proxy(url)
            try:
                self._pool = ProxyManager(proxy, **kept) if proxy else PoolManager(**kept)
            except (LocationParseError, ValueError) as error:
                raise CallgateError(f"export {self._settings.name}", f"{proxy!r} is no proxy", "see proxy") from error
        return self._pool

    def _proxy(self, url: str) -> str:
        if self._settings.proxy:
            return "" if self._settings.proxy == "none" else self._settings.proxy
        named: dict[str, str] = urllib.request.getproxies_environment()
        parts = urlsplit(url)
        found = named.get(parts.scheme) or named.get("all") or ""
        bypass = urllib.request.proxy_bypass_environment(parts.netloc, named)  # type: ignore[attr-defined]
        return "" if bypass else found if not found or "://" in found else f"http://{found}"


def _wait(text: str) -> float:
    """Seconds of a Retry-After, which is a number or a date."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        if text.strip().isdigit():
            return float(text.strip()[:9])
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0


def _cause(error: BaseException) -> str:
    """The innermost reason in one short line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, socket.gaierror):
        return f"no such host: {error.strerror}"
    return short(error) or type(error).__name__
