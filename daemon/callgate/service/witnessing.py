"""Shows the log's checkpoints to the witness of the settings, and keeps what it signed. Nothing waits for it."""

from __future__ import annotations

import http.client
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from callgate.audit import checkpoints
from callgate.audit.note import SIGNATURES_MAX, Key, Note, is_size
from callgate.audit.proofs import Proofs
from callgate.audit.signed import Sealed, seen_by
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.service.checkpoints import Checkpoints
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.settings import Witness
from callgate.witness.protocol import request
from callgate.witness.serve import SIZE, serve
from callgate.witness.state import State

log = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds for one request."""
AGAIN_FIRST, AGAIN_LAST = 5.0, 600.0
"""Seconds until a witness that did not answer is asked again: twice as long each time."""
ANSWER_MAX = 16 * 1024
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness said: status 0 if it could not be asked."""

    status: int
    kind: str
    text: str


class Witnessing(Part):
    """The part of the daemon that speaks with the witness, on a thread of the pool."""

    name = "witness"

    def __init__(self, daemon: Running, signing: Checkpoints) -> None:
        self._daemon = daemon
        self._signing = signing
        self._busy = threading.Lock()
        self._of: Witness | None = None
        self._seen = (0, 0)  # rows, seconds since the epoch
        self._again_at, self._pause = 0.0, AGAIN_FIRST
        self._problem = ""
        self._forked: tuple[str, int] | None = None

    def tick(self) -> None:
        """Show the newest checkpoint if it was not seen yet."""
        newest, wanted = self._signing.newest, self._daemon.settings.audit.witness
        if not wanted.url or newest is None or time.monotonic() < self._again_at:
            return
        if wanted == self._of and newest.checkpoint.size <= self._seen[0]:
            return
        if self._busy.acquire(blocking=False):
            self._daemon.workers.submit(self._turn, wanted, newest)

    def facts(self) -> Mapping[str, object]:
        """Who, and how far."""
        url = self._daemon.settings.audit.witness.url
        return {"url": url, "rows": self._seen[0], "when": self._seen[1]} if url else {}

    def problems(self) -> list[str]:
        """What is wrong between us."""
        return [self._problem] if self._problem and self._daemon.settings.audit.witness.url else []

    def _turn(self, wanted: Witness, newest: Sealed) -> None:
        try:
            key = Key.parse(wanted.key)
            if wanted != self._of:
                book = checkpoints.read(self._daemon.folders.audit)
                seen = [(size, when) for _, size, when in seen_by(book, [key])]
                self._of, self._seen = wanted, max(seen, default=(0, 0))
            self._problem = self._show(wanted, key, newest)
        except (CallgateError, ValueError) as error:
            self._problem = f"the witness cannot be shown checkpoints: {error}"
        except Exception:  # a task edge: the next turn tries again
            log.exception("showing a checkpoint to the witness failed")
            self._problem = "showing a checkpoint to the witness failed: see the daemon's log"
        finally:
            if self._problem:
                log.warning("%s", self._problem)
                self._again_at = time.monotonic() + self._pause
                self._pause = min(2 * self._pause, AGAIN_LAST)
            else:
                self._again_at, self._pause = 0.0, AGAIN_FIRST
            self._busy.release()

    def _show(self, wanted: Witness, key: Key, newest: Sealed) -> str:
        """Empty if the witness has signed, else what is wrong. Raises CallgateError."""
        size, old = newest.checkpoint.size, self._seen[0]
        for _ in range(2):
            proof = Proofs(self._daemon.folders.audit).consistency(old, size)
            answer = _ask(wanted.url, request(old, proof, str(newest.note)))
            if answer.status == 200:
                return self._keep(key, newest, answer.text)
            if answer.status == 409 and answer.kind == SIZE and is_size(answer.text.strip()):
                known = int(answer.text)
                if known > size or known == old:
                    return self._fork(key, size, known)
                old = known
                continue
            if answer.status == 422:
                return self._fork(key, size, old)
            return _refusal(key, answer)
        return f"the witness {key.name} says another size each time"

    def _keep(self, key: Key, newest: Sealed, lines: str) -> str:
        """Keep its signature, if it holds. Raises CallgateError."""
        size = newest.checkpoint.size
        ours = tuple(line + "\n" for line in lines.split("\n")[:SIGNATURES_MAX] if line.startswith(f"— {key.name} "))
        try:
            when = Note(newest.note.text, ours).signed_by([key]).get(key)
        except ValueError as error:
            return f"the witness {key.name} answered with a forged signature ({error})"
        if when is None:
            return f"the witness at that address is not {key.name}: it signs with another key"
        self._seen = (size, when)
        checkpoints.append(self._daemon.folders.audit, {"cosigned": size, "lines": "".join(ours)})
        detail = {"size": size, "witness": key.name, "lines": "".join(ours), "when": when}
        self._signing.record([Event("log.witnessed", time.time_ns(), detail=detail)])
        return ""

    def _fork(self, key: Key, size: int, seen: int) -> str:
        """Another history: said once in the log, and as long as it lasts in `callgate status`."""
        if self._forked != (key.name, seen):
            self._forked = (key.name, seen)
            detail = {"size": size, "seen": seen, "witness": key.name}
            self._signing.record([Event("log.forked", time.time_ns(), detail=detail)])
        return (
            f"the witness {key.name} knows another history of this log (row {seen:,}; ours has {size:,}): it was rolled"
            ' back, restored from a backup, or rewritten; see docs/integrity.md, "A fork"'
        )


def run_witness(folder: Path, name: str, host: str, port: int) -> None:
    """Be a witness until interrupted. Raises CallgateError."""
    state = State(folder)
    signer = state.begin(name)
    log.info("%s", signer.key)
    serve(state, signer, host, port)


def witness_state(folder: Path) -> State:
    """What a witness knows."""
    return State(folder)


def _refusal(key: Key, answer: Answer) -> str:
    if answer.status == 404:
        return f"the witness {key.name} does not know this log; there: `callgate witness add` with this machine's key"
    if answer.status == 403:
        return f"the witness {key.name} knows another key of this log; there: `callgate witness add` with the new one"
    if not answer.status:
        return f"the witness {key.name} cannot be reached ({answer.text}); checkpoints wait for it"
    return f"the witness {key.name} answered {answer.status} {answer.text[:100]!r}; checkpoints wait for it"


def _ask(url: str, body: str) -> Answer:
    asked = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
        url.rstrip("/") + "/add-checkpoint", body.encode(), {"Content-Type": "text/plain; charset=utf-8"}, method="POST"
    )
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as response:  # noqa: S310
            return _answer(response.status, response.headers, response.read(ANSWER_MAX))
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read(ANSWER_MAX))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, "", str(error)[:200])


def _answer(status: int, headers: Message, body: bytes) -> Answer:
    return Answer(status, headers.get_content_type(), body.decode("utf-8", "replace"))
