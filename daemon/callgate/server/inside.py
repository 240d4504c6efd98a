"""A shim inside the daemon: its questions reach the desk as frames, like those of all shims, but without a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from callgate.model.call import Session, Verdict
from callgate.model.errors import CallgateError
from callgate.server.desk import Reply, Visit
from callgate.server.listener import Listener
from callgate.shim import frames
from callgate.system.sockets import Peer


class Inside:
    """One session's way to the gate. To be used on the event loop that it was made for, where `heard` gets the answers
    as the bytes of frames.
    """

    def __init__(
        self, listener: Listener, session: Session, loop: asyncio.AbstractEventLoop, heard: Callable[[bytes], None]
    ) -> None:
        self._listener = listener
        self._session = session
        self._loop = loop
        self._heard = heard
        self._visit = Visit(Peer(session.caller.uid, session.caller.pid), session=session, ended=True)

    async def launch(self, argv: Sequence[str], detail: Mapping[str, object]) -> Verdict:
        """May this server be reached? The verdict's row is durable, or it is one of doubt. Raises CallgateError if the
        gate has stopped.
        """
        desk = self._listener.desk
        answer: asyncio.Future[Verdict] = self._loop.create_future()
        found: list[Verdict] = []

        def ask() -> None:
            desk.sessions[self._session.uid] = self._visit
            found.append(desk.gate.launch(self._session, argv, detail))

        def tell(durable: bool) -> None:
            good = durable and found
            verdict = found[0] if good else desk.gate.in_doubt("the audit log cannot be written")
            self._loop.call_soon_threadsafe(_set, answer, verdict)

        self._listener.submit(ask, tell)
        return await answer

    def send(self, asked: list[bytes]) -> None:
        """Put frames to the desk. Where the gate has stopped nothing is heard: then doubt begins in due time."""
        desk = self._listener.desk
        replies: list[Reply] = []

        def ask() -> None:
            for kind, serial, body in frames.unpack(bytearray(b"".join(asked))):
                if kind == frames.NOTE:
                    desk.note(self._visit, body)
                elif (reply := desk.frame(self._visit, kind, serial, body)) is not None:
                    replies.append(reply)

        def tell(durable: bool) -> None:
            data = b"".join(reply.data if durable else desk.undurable(reply) for reply in replies if reply.serial)
            if data:
                self._loop.call_soon_threadsafe(self._heard, data)

        self._submit(ask, tell)

    def left(self) -> None:
        """The session is over."""
        self._submit(lambda: self._listener.desk.gone(self._visit), lambda durable: None)

    def _submit(self, ask: Callable[[], None], tell: Callable[[bool], None]) -> None:
        with contextlib.suppress(CallgateError):  # the daemon is ending
            self._listener.submit(ask, tell)


def _set(answer: asyncio.Future[Verdict], verdict: Verdict) -> None:
    if not answer.done():
        answer.set_result(verdict)
