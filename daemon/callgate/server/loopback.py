"""The one loopback port: the door in front of everything that agents reach us by over HTTP, and where parts hang in.

A request goes to its part only from this user's own programs on this machine, under a Host that means this port, with
no sign of a browser, and with a token that the part knows. Everything else is refused before it costs anything.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web

from callgate.model.errors import CallgateError
from callgate.settings import MESSAGE_MAX
from callgate.system.sockets import Peer
from callgate.system.tcp_peers import TcpPeers

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
BACKLOG = 1024
"""Connections that may wait to be accepted: agents open many at once."""
SHUTDOWN = 1.0
"""Seconds that a request may still take when the daemon ends; streams never end by themselves."""
START_TIME = 10.0
"""Seconds for the thread to listen or to say why it cannot."""
SAME_SITE = ("none", "same-origin")
"""What `Sec-Fetch-Site` says where no page of somebody else is behind a request. Only browsers send it."""

Serve = Callable[[web.Request, Peer], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class _Part:
    knows: Callable[[str], bool]
    serve: Serve


class Loopback:
    """`http://127.0.0.1:PORT/NAME/TOKEN[/REST]` -> the part that was mounted as NAME.

    It has a thread and an event loop of its own: handlers run there and must not block. The other methods
    may be called from any thread but that one.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.problem = ""
        """Why there is no port; empty while all is well."""
        self._parts: dict[str, _Part] = {}
        self._peers = TcpPeers()
        self._finder = ThreadPoolExecutor(1, thread_name_prefix="callgate-peer")
        self._known: weakref.WeakKeyDictionary[asyncio.BaseTransport, Peer] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self.wanted = False
        """Has something asked for the port to be open?"""
        self._thread: threading.Thread | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where handlers run; None while nothing is served."""
        self._end: asyncio.Event | None = None

    def mount(self, name: str, knows: Callable[[str], bool], serve: Serve) -> None:
        """Serve all below `/name/TOKEN` for which `knows(TOKEN)`: a random token that is looked up. `serve` gets the
        request (`match_info["token"]`, `match_info["rest"]`: "" or "/...") and the peer whose connection it is (pid 0:
        not found). It opens nothing: whoever writes an address of ours into a file calls `open` before.
        """
        self._parts[name] = _Part(knows, serve)

    def url(self, name: str, token: str, rest: str = "") -> str:
        """The address of a part for one token."""
        return f"http://{HOST}:{self.port}/{name}/{token}{rest}"

    def open(self) -> str:
        """Listen from now on, unless we do already. Returns `problem`: empty, or why nothing is served; `tick` tries
        again.
        """
        with self._lock:
            self.wanted = True
            if self._thread is None:
                self._start()
            return self.problem

    def _start(self) -> None:
        ready: Future[str] = Future()
        thread = threading.Thread(target=self._run, args=(ready,), name="callgate-loopback", daemon=True)
        thread.start()
        before, self.problem = self.problem, ready.result(START_TIME)
        if not self.problem:
            self._thread = thread
            return
        thread.join()
        if self.problem != before:
            log.error("%s", self.problem)

    def tick(self) -> None:
        """Try again where the port was taken."""
        if self.wanted and self.problem:
            self.open()

    def stop(self) -> None:
        """Serve no more. Streams are cut."""
        self.wanted = False
        if self._thread is not None and self.loop is not None and self._end is not None:
            self.loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
        self._thread = None
        self._finder.shutdown()

    def _run(self, ready: Future[str]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except Exception as error:  # a task edge: the gate lives on, `status` says what is missing
            log.exception("the loopback port has failed")
            self.problem = f"the loopback port has failed: {error!r}"
            if not ready.done():
                ready.set_result(self.problem)

    async def _serve(self, ready: Future[str]) -> None:
        self.loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=MESSAGE_MAX)
        application.router.add_route("*", "/{name}/{token}{rest:(/.*)?}", self._door)
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN,
            handler_cancellation=True,  # an agent that goes away cancels what it asked for
        )
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, HOST, self.port, backlog=BACKLOG).start()
            except OSError as error:
                ready.set_result(str(_taken(self.port, error)))
                return
            ready.set_result("")
            await self._end.wait()
        finally:
            await runner.cleanup()
            self.loop = None

    async def _door(self, request: web.Request) -> web.StreamResponse:
        """Everything is refused alike, so that a page that scans ports learns nothing."""
        part = self._parts.get(request.match_info["name"])
        peer = None
        if part is not None and self._is_local(request) and part.knows(request.match_info["token"]):
            peer = await self._peer(request)
        if part is None or peer is None:
            return web.Response(status=403, text="Callgate does not serve this request.\n")
        return await part.serve(request, peer)

    def _is_local(self, request: web.Request) -> bool:
        """Does the request come from a program, not from a page? A page cannot leave out Origin where it posts, nor
        choose Host (a name that was rebound to this address is in it).
        """
        hosts = (f"{HOST}:{self.port}", f"localhost:{self.port}")
        if request.headers.getall("Host", []) not in ([hosts[0]], [hosts[1]]):
            return False
        origins = request.headers.getall("Origin", [])
        if origins and origins not in ([f"http://{hosts[0]}"], [f"http://{hosts[1]}"]):
            return False
        return request.headers.get("Sec-Fetch-Site", "none") in SAME_SITE and request.method != "OPTIONS"

    async def _peer(self, request: web.Request) -> Peer | None:
        """Whose connection it is; None for another user's. Looked up once for each connection."""
        transport = request.transport
        if transport is None:
            return None
        known = self._known.get(transport)
        if known is None:
            theirs, ours = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
            loop = asyncio.get_running_loop()
            known = await loop.run_in_executor(self._finder, self._peers.find, theirs[:2], ours[:2])
            if known is None:
                return None
            self._known[transport] = known
        return known if known.uid == os.getuid() else None


def _taken(port: int, error: OSError) -> CallgateError:
    if error.errno == errno.EADDRINUSE:
        step = "end the program that uses it, or set `http.port` in config.toml and run `callgate up`"
        return CallgateError(f"port {port} on {HOST}", "is taken by another program", step)
    return CallgateError(
        f"port {port} on {HOST}", f"cannot be listened on ({error.strerror})", "set another `http.port`"
    )
