"""Fetch a registry over HTTP(S): no redirects, a limit on bytes and on time, proxies as the environment says."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.request
from calendar import timegm
from collections.abc import Iterator
from email.utils import parsedate
from typing import Any
from urllib.parse import quote, urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.response import BaseHTTPResponse

from callgate import __version__
from callgate.model.errors import SettingsError
from callgate.registry.places import FILE_MAX, TIMESTAMP_MAX, TIMESTAMP_PATH, Look, PlaceError, RefusedError

GAP = 10.0
"""Seconds that a connection, or one read of it, may take."""
TOTAL = 120.0
"""Seconds for one file, however steadily it drips: 64 MiB at half a MiB a second."""
RACY = 2
"""Seconds after a change of the timestamp in which its ETag is not relied upon."""
PIECE = 64 * 1024
"""Bytes read at a time."""


class Web:
    """A registry below a URL. One connection at a time is kept open between requests; safe for one thread."""

    tag_covers_all = False

    def __init__(self, url: str, *, gap: float = GAP, total: float = TOTAL) -> None:
        """Raises SettingsError if the URL is none that we fetch from."""
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError("registry.url", f"{url!r} is no http(s) URL of a folder", "write https://host/path")
        if parts.username is not None:
            raise SettingsError("registry.url", "holds a user name", "a registry is public to those who reach it")
        self.name = url.rstrip("/")
        self._total = total
        try:
            self._pool = _pool(url, parts.scheme, parts.hostname, gap)
        except LocationParseError as error:
            raise SettingsError("the proxy variables", f"name no proxy ({error})", "correct HTTPS_PROXY") from error

    def look(self, tag: str) -> Look:
        """As Place.look, by If-None-Match: an unchanged registry costs one small request."""
        with self._get(quote(TIMESTAMP_PATH), {"If-None-Match": tag} if tag else {}) as response:
            if response.status == 304 and tag:
                return Look(None, tag)
            self._refuse(TIMESTAMP_PATH, response)
            data = b"".join(self._pieces(TIMESTAMP_PATH, response, TIMESTAMP_MAX))
            return Look(data, "" if _is_racy(response) else response.headers.get("ETag", "")[:256])

    def chunks(self, path: str) -> Iterator[bytes]:
        """As Place.chunks."""
        with self._get(quote(path), {}) as response:
            self._refuse(path, response)
            yield from self._pieces(path, response, FILE_MAX)

    def read(self, target: str, limit: int) -> bytes:
        """What lies at `target`, a path that is quoted already and may have a query.

        Raises PlaceError, and RefusedError for more than `limit` bytes.
        """
        with self._get(target, {"Accept": "application/json"}) as response:
            self._refuse(target, response)
            return b"".join(self._pieces(target, response, limit))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._pool.clear()

    @contextlib.contextmanager
    def _get(self, target: str, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
        url = f"{self.name}/{target}"
        sent = {"User-Agent": f"callgate/{__version__}", "Accept-Encoding": "identity", **headers}
        watch = _Watch()
        try:
            with watch.running(self._total):
                response = self._pool.request(
                    "GET", url, headers=sent, redirect=False, retries=False, preload_content=False, decode_content=False
                )
                try:
                    yield response
                finally:
                    response.close()
        except (HTTPError, OSError) as error:
            if watch.over:
                raise PlaceError(url, f"did not arrive within {self._total:.0f} s", "see the server's load") from error
            raise PlaceError(url, f"cannot be fetched ({_cause(error)})", "see the network and the server") from error

    def _refuse(self, path: str, response: BaseHTTPResponse) -> None:
        if response.status == 200:
            return
        url = f"{self.name}/{path}"
        if 300 <= response.status < 400:
            raise PlaceError(url, "is redirected, which a registry never is", "set registry.url to where it is")
        what = "is missing" if response.status == 404 else "was refused by the server"
        raise PlaceError(url, f"{what} (HTTP {response.status})", "see registry.url", status=response.status)

    def _pieces(self, path: str, response: BaseHTTPResponse, limit: int) -> Iterator[bytes]:
        left = limit
        while piece := response.read1(PIECE):  # what has come, without waiting for more
            left -= len(piece)
            if left < 0:
                raise RefusedError(f"{self.name}/{path}", f"is larger than {limit:,} bytes", "see registry.url")
            yield piece


class _Watch:
    """Cuts the connections of one thread when its time is over: a timeout of the socket alone begins anew with each
    byte, so that a server which drips could hold us for ever.
    """

    def __init__(self) -> None:
        self.over = False

    @contextlib.contextmanager
    def running(self, seconds: float) -> Iterator[None]:
        """Within the block the connections that this thread uses live at most so many seconds."""
        twins = _open.twins
        timer = threading.Timer(seconds, self._cut, (twins,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self, twins: set[socket.socket]) -> None:
        self.over = True
        for twin in list(twins):
            with contextlib.suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)


class _Open(threading.local):
    """The connections that this thread has open, each by a second handle that TLS does not take over."""

    def __init__(self) -> None:
        self.twins: set[socket.socket] = set()


_open = _Open()


class _Cuttable:
    """A connection that a watch can cut at any time, in the midst of a TLS handshake or of headers too."""

    _twin: socket.socket | None = None
    _twins: set[socket.socket]
    """Of the thread that made the connection; it may be closed by another one, or by the collector in any."""

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._twin = made.dup()
        self._twins = _open.twins
        self._twins.add(self._twin)
        return made

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._twin is not None:
            self._twins.discard(self._twin)
            self._twin.close()
            self._twin = None


class _Http(_Cuttable, HTTPConnection):
    pass


class _Https(_Cuttable, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def _pool(url: str, scheme: str, host: str, gap: float) -> PoolManager:
    proxies: dict[str, str] = urllib.request.getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    kept: dict[str, Any] = {"num_pools": 1, "maxsize": 1, "timeout": gap}
    if not proxy or urllib.request.proxy_bypass_environment(  # type: ignore[attr-defined]
        urlsplit(url).netloc or host, proxies
    ):
        made = PoolManager(**kept)
    else:
        made = ProxyManager(proxy if "://" in proxy else f"http://{proxy}", **kept)
    made.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return made


def _is_racy(response: BaseHTTPResponse) -> bool:
    """Was the file changed so lately that the next change may get the same ETag? Many servers make it of the size and
    the second of the change. A server that tells no times is taken at its word.
    """
    sent, changed = (parsedate(response.headers.get(name, "")) for name in ("Date", "Last-Modified"))
    return sent is not None and changed is not None and timegm(sent) - timegm(changed) < RACY


def _cause(error: BaseException) -> str:
    """The innermost reason in one short line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return " ".join(str(error).split())[:200] or type(error).__name__
