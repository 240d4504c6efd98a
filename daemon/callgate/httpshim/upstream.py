"""The connection to a server behind the HTTP shim: verified, by the environment's proxies, without redirects."""

from __future__ import annotations

import ssl
import urllib.request
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from callgate.model.errors import CallgateError

CONNECT = 30.0
"""Seconds to connect."""
IDLE = 3.0
"""Seconds that an unused connection is kept: less than the 5 s after which common servers close it, so that a call
does not go into a closing one."""
CHUNK = 64 * 1024
"""Bytes of one read, and of what is unpacked at once."""
HEAD_MAX = 64 * 1024
"""Bytes of one header of a server."""
MOVED = (301, 302, 303, 307, 308)
LOCAL = ("127.0.0.1", "localhost", "::1")


class UpstreamError(CallgateError):
    """A server cannot be reached, or answers with what is not passed on."""


class Upstream:
    """All connections to servers. Belongs to one event loop; `close` it there."""

    def __init__(self, own_ports: Iterable[int], ca_file: Path | None = None) -> None:
        self._own = frozenset(own_ports)
        self._tls = ssl.create_default_context()
        if ca_file is not None:
            try:
                self._tls.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError) as error:
                raise CallgateError(
                    str(ca_file), f"cannot be used as a CA file ({error})", "see `http.ca_file`"
                ) from error
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls, keepalive_timeout=IDLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            max_line_size=HEAD_MAX,
            max_field_size=HEAD_MAX,
            read_bufsize=CHUNK,
        )

    async def request(
        self, method: str, url: str, headers: Callable[[str], list[tuple[str, str]]], body: bytes | None
    ) -> aiohttp.ClientResponse:
        """Send, and return once the head of the answer is there. `headers` gives them for an address. Raises
        UpstreamError.
        """
        if self._is_own(url):
            raise UpstreamError(shown(url), "is Callgate's own address", "put the server's address into the entry")
        response = await self._send(method, url, headers(url), body)
        if response.status in MOVED and response.headers.get("Location"):
            there = str(URL(url, encoded=True).join(URL(response.headers["Location"], encoded=True)))
            response.release()
            if response.status not in (307, 308) or not _only_slash(url, there):
                step = f"if that is right, put {shown(there)} into the agent's config"
                raise UpstreamError(shown(url), f"redirects to {shown(there)}, which is not followed", step)
            response = await self._send(method, there, headers(there), body)
            if response.status in MOVED:
                response.release()
                raise UpstreamError(shown(url), "redirects again and again")
        return response

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def _send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | None
    ) -> aiohttp.ClientResponse:
        try:
            return await self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False, proxy=self.proxy(url)
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise UpstreamError(shown(url), f"cannot be reached ({why})", "is the server up?") from error

    def proxy(self, url: str) -> str | None:
        """The proxy of the environment for this address; never one that is ourselves."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host in LOCAL or urllib.request.proxy_bypass(host):
            return None
        found = urllib.request.getproxies()
        proxy = found.get(parts.scheme) or found.get("all")
        if not proxy or not proxy.startswith(("http://", "https://")):
            return None
        return None if self._is_own(proxy) else proxy

    def _is_own(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            return parts.hostname in LOCAL and parts.port in self._own
        except ValueError:
            return False


def shown(url: str) -> str:
    """An address without what may be a secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that makes no sense"
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _only_slash(here: str, there: str) -> bool:
    """Do they differ in nothing but a slash at the end of the path?"""
    one, two = urlsplit(here), urlsplit(there)
    same = (one.scheme, one.netloc.lower(), one.query) == (two.scheme, two.netloc.lower(), two.query)
    return same and one.path.rstrip("/") == two.path.rstrip("/")


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes, unpacked. Raises UpstreamError if it breaks off or is packed in a way that is not read."""
    unpack = _unpacker(response.headers.get("Content-Encoding", ""), str(response.url))
    try:
        async for chunk in response.content.iter_any():
            for piece in unpack(chunk):
                yield piece
    except (aiohttp.ClientError, OSError, zlib.error) as error:
        raise UpstreamError(shown(str(response.url)), f"broke off its answer ({error})") from error


class _Unpack:
    """A body in gzip or deflate, unpacked in pieces of bounded size: a small one may grow a thousandfold."""

    def __init__(self, bits: int) -> None:
        self._made = zlib.decompressobj(bits)

    def __call__(self, chunk: bytes) -> Iterable[bytes]:
        while chunk:
            if piece := self._made.decompress(chunk, CHUNK):
                yield piece
            chunk = self._made.unconsumed_tail


def _unpacker(coding: str, url: str) -> Callable[[bytes], Iterable[bytes]]:
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return lambda chunk: (chunk,)
    if coding in ("gzip", "x-gzip"):
        return _Unpack(16 + zlib.MAX_WBITS)
    if coding == "deflate":
        return _Unpack(zlib.MAX_WBITS)
    raise UpstreamError(shown(url), f"answers in the content coding {coding!a}, which was not asked for")


def unpacked(body: bytes, coding: str, limit: int) -> bytes | None:
    """A whole body in plain; None if it is packed in a way that we do not read, is broken, or larger than `limit`."""
    try:
        parts, size = [], 0
        for piece in _unpacker(coding, "")(body):
            parts.append(piece)
            size += len(piece)
            if size > limit:
                return None
        return b"".join(parts)
    except (UpstreamError, zlib.error):
        return None
