"""A collector that takes lines of JSON by POST: the least that a receiver can be."""

from __future__ import annotations

from collections.abc import Sequence

from callgate.export.formats.record import Message
from callgate.export.secret import read
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.web import Web
from callgate.model.errors import CallgateError
from callgate.settings_export import Format, SinkSettings, format_of


class HttpsSink:
    """One event a line. A status of 2xx takes the batch; `Idempotency-Key` is the same when a batch is sent again."""

    confirm_rows = 1

    def __init__(self, settings: SinkSettings) -> None:
        self._settings, self._web = settings, Web(settings)
        self._kind = "text/plain; charset=utf-8" if format_of(settings) is Format.CEF else "application/x-ndjson"

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send."""
        try:
            secret = read(self._settings.secret, f"export {self._settings.name}")
        except CallgateError as error:
            return Sent(0, problem=str(error))
        headers = {"Idempotency-Key": f'"{batch[0].uid}+{len(batch)}"'}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        answer = self._web.post(self._settings.url, b"".join(one.body + b"\n" for one in batch), self._kind, headers)
        if not answer.good:
            return answer.failure()
        if answer.body.lstrip().startswith(b"<"):
            return Sent(0, problem=f"answers HTTP {answer.status} with a web page, as a proxy that wants a login does")
        return Sent(len(batch), said=f"HTTP {answer.status} {short(answer.body.decode('utf-8', 'replace'))}".strip())

    def confirm(self) -> str:
        """Its status was the answer."""
        return ""

    def close(self) -> None:
        """As Sink.close."""
        self._web.close()
