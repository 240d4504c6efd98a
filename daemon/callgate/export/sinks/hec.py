"""Splunk's HTTP Event Collector, with indexer acknowledgement.

Source: https://docs.splunk.com/Documentation/Splunk/latest/Data/AboutHECIDXAck
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence

from callgate.export.formats.record import Message, Origin
from callgate.export.secret import read
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.web import Answer, Web
from callgate.model.errors import CallgateError
from callgate.settings_export import Format, SinkSettings, format_of

ASK_PAUSE = 0.2
"""Seconds between two questions whether what was sent is indexed, at first; each is longer than the one before."""
UNFIT_CODES = (5, 6, 12, 13, 15)
"""What it says where the data is at fault: no data, invalid format, event field required or blank, indexed fields."""


class HecSink:
    """`url` is the collector's, without a path. A batch counts when the indexers have it, if `acknowledge` is on: what
    a receiver took and then lost is sent again.
    """

    def __init__(self, settings: SinkSettings, origin: Origin) -> None:
        self._settings, self._web = settings, Web(settings)
        self._base = settings.url.rstrip("/")
        self._channel = str(uuid.uuid4())
        self._acks: list[int] = []
        self.confirm_rows = 10 * settings.batch_rows if settings.acknowledge else 1
        form = format_of(settings)
        self._quote = form is Format.CEF
        meta: dict[str, object] = {
            "host": origin.hostname,
            "source": "callgate",
            "sourcetype": f"callgate:{form.value}",
        }
        if settings.index:
            meta["index"] = settings.index
        self._meta = json.dumps(meta)[1:-1].encode()

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send."""
        answer = self._post("/services/collector/event", b"\n".join(map(self._event, batch)))
        said = _object(answer.body)
        code = said.get("code") if said else None
        if answer.good and code == 0:
            return self._accepted(batch, said or {})
        if answer.good:
            what = short(answer.body.decode("utf-8", "replace"))
            return Sent(0, problem=f"answers HTTP {answer.status}, but not as an event collector: {what}")
        failed = answer.failure()
        unfit = answer.status == 413 or (answer.status == 400 and code in UNFIT_CODES)
        return Sent(0, problem=failed.problem, wait=failed.wait, unfit=unfit, said=failed.said)

    def confirm(self) -> str:
        """Ask until all that was sent is indexed, for as long as the sink's timeout."""
        until, pause = time.monotonic() + self._settings.timeout, ASK_PAUSE
        while self._acks:
            answer = self._post("/services/collector/ack", json.dumps({"acks": self._acks}).encode(), squeeze=False)
            said = (_object(answer.body) or {}).get("acks") if answer.good else None
            if not isinstance(said, dict):
                return self._give_up(answer.failure().problem)
            self._acks = [one for one in self._acks if said.get(str(one)) is not True]
            if self._acks and time.monotonic() > until:
                return self._give_up(f"{len(self._acks)} batches are not indexed after {self._settings.timeout:.0f} s")
            if self._acks:
                time.sleep(pause)
                pause = min(pause * 1.5, 5.0)
        return ""

    def close(self) -> None:
        """As Sink.close."""
        self._web.close()

    def _accepted(self, batch: Sequence[Message], said: dict[str, object]) -> Sent:
        if self._settings.acknowledge:
            ack = said.get("ackId")
            if type(ack) is not int:
                step = "turn indexer acknowledgement on for the token, or set acknowledge = false"
                return Sent(0, problem=f"gives no ackId: {step}")
            self._acks.append(ack)
        return Sent(len(batch), said=short(json.dumps(said)))

    def _give_up(self, problem: str) -> str:
        """Everything is sent again, on a channel of its own: late answers to the old one say nothing of it."""
        self._acks, self._channel = [], str(uuid.uuid4())
        return f"what was sent is not acknowledged: {problem}"

    def _event(self, one: Message) -> bytes:
        body = json.dumps(one.body.decode("utf-8")).encode() if self._quote else one.body
        seconds = f"{one.time // 10**9}.{one.time // 10**6 % 1000:03d}".encode()
        return b'{"time":' + seconds + b"," + self._meta + b',"event":' + body + b"}"

    def _post(self, path: str, body: bytes, *, squeeze: bool = True) -> Answer:
        try:
            token = read(self._settings.secret, f"export {self._settings.name}")
        except CallgateError as error:
            return Answer(0, problem=str(error))
        headers = {"Authorization": f"Splunk {token}", "X-Splunk-Request-Channel": self._channel}
        return self._web.post(self._base + path, body, "application/json", headers, squeeze=squeeze)


def _object(body: bytes) -> dict[str, object] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
