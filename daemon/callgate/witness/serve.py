"""The witness as a web service: one route, one log at a time, nothing signed that is not on the disk."""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus

from aiohttp import web

from callgate.audit.note import Signer
from callgate.model.errors import CallgateError
from callgate.system.files import locked
from callgate.witness.protocol import BODY_MAX, Refused, Shown, judge, read
from callgate.witness.state import State

log = logging.getLogger(__name__)

SIZE = "text/x.tlog.size"


class Service:
    """Answers `POST /add-checkpoint` (C2SP tlog-witness). All requests take turns: to hold a checkpoint against what
    was seen last and to remember it must be one step."""

    def __init__(self, state: State, signer: Signer) -> None:
        self._state = state
        self._signer = signer
        self._turn = asyncio.Lock()

    def application(self) -> web.Application:
        """For aiohttp."""
        application = web.Application(client_max_size=BODY_MAX)
        application.router.add_post("/add-checkpoint", self._add)
        return application

    async def _add(self, request: web.Request) -> web.Response:
        try:
            shown = read((await request.read()).decode())
        except ValueError as error:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=f"{error}\n")
        async with self._turn:
            try:
                outcome = await asyncio.to_thread(self._sign, shown)
            except CallgateError as error:
                log.error("%s", error)
                return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="the witness has lost its state\n")
        if isinstance(outcome, str):
            return web.Response(text=outcome)
        log.warning("refused %r, size %d: %s", shown.checkpoint.origin, shown.checkpoint.size, outcome.reason)
        if outcome.size is not None:
            return web.Response(status=outcome.status, body=f"{outcome.size}\n".encode(), content_type=SIZE)
        return web.Response(status=outcome.status, text=f"{outcome.reason}\n")

    def _sign(self, shown: Shown) -> str | Refused:
        """The signature line, or why there is none. Raises CallgateError."""
        origin = shown.checkpoint.origin
        seen = self._state.seen(origin)
        refused = judge(shown, self._state.keys(origin), seen)
        if refused is not None:
            return refused
        if seen != shown.checkpoint:
            self._state.see(shown.checkpoint, shown.note)
        return self._signer.sign(shown.note.text, int(time.time()))


def serve(state: State, signer: Signer, host: str, port: int) -> None:
    """Serve until interrupted. Raises CallgateError if another one uses the folder, or the port cannot be had."""
    try:
        with locked(state.folder / "lock"):
            web.run_app(Service(state, signer).application(), host=host, port=port, access_log=None, print=_ready)
    except BlockingIOError:
        raise CallgateError(str(state.folder), "is in use by another witness", "end that one first") from None
    except OSError as error:
        raise CallgateError(
            f"{host}:{port}", f"cannot be listened on ({error})", "choose another with --listen"
        ) from error


def _ready(*said: object) -> None:
    for one in said:
        log.info("%s", str(one).strip())
