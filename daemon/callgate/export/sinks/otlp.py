"""An OpenTelemetry collector: logs, and spans of calls, by OTLP/HTTP with JSON.

Source: https://opentelemetry.io/docs/specs/otlp/ (1.x).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from callgate.export.formats import jsontext, otlp
from callgate.export.formats.record import Message, Origin
from callgate.export.secret import read
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.web import Answer, Web
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings


class OtlpSink:
    """`url` is the base: `/v1/logs` and `/v1/traces` are added to it.

    A collector that rejects part of a batch says how many, not which, and forbids to send them again: then the batch's
    first and last event are set aside for all of it, with what the collector said.
    """

    confirm_rows = 1

    def __init__(self, settings: SinkSettings, origin: Origin) -> None:
        self._settings, self._web = settings, Web(settings)
        self._base = settings.url.rstrip("/")
        resource, scope = jsontext.write(otlp.resource(origin)), jsontext.write(otlp.scope(origin))
        schema = jsontext.write(otlp.SCHEMA_URL)
        self._logs = _frame("resourceLogs", "scopeLogs", "logRecords", resource, scope, schema)
        self._spans = _frame("resourceSpans", "scopeSpans", "spans", resource, scope, schema)

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send. Spans go first: they have ids of their own, so that sending them again does no harm."""
        spans = [one.span for one in batch if one.span]
        if spans:
            answer = self._post("/v1/traces", self._spans, spans)
            if not answer.good or (problem := _nonsense(answer)):
                return answer.failure() if not answer.good else Sent(0, problem=problem)
        answer = self._post("/v1/logs", self._logs, [one.body for one in batch])
        if not answer.good:
            return answer.failure()
        if problem := _nonsense(answer):
            return Sent(0, problem=problem)
        rejected, said = _rejected(answer.body)
        if rejected:
            reason = f"{rejected} of {len(batch)} events, {batch[0].seq} to {batch[-1].seq}, were rejected: {said}"
            return Sent(len(batch), tuple({0: reason, len(batch) - 1: reason}.items()), said=reason)
        return Sent(len(batch), said=f"HTTP {answer.status} {said}".strip())

    def confirm(self) -> str:
        """Its status was the answer."""
        return ""

    def close(self) -> None:
        """As Sink.close."""
        self._web.close()

    def _post(self, path: str, frame: tuple[bytes, bytes], records: Sequence[bytes]) -> Answer:
        try:
            secret = read(self._settings.secret, f"export {self._settings.name}")
        except CallgateError as error:
            return Answer(0, problem=str(error))
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return self._web.post(self._base + path, frame[0] + b",".join(records) + frame[1], "application/json", headers)


def _frame(outer: str, middle: str, inner: str, resource: str, scope: str, schema: str) -> tuple[bytes, bytes]:
    """What stands before and after the records of one request."""
    before = f'{{"{outer}":[{{"resource":{resource},"schemaUrl":{schema},"{middle}":[{{"scope":{scope},"{inner}":['
    return before.encode(), b"]}]}]}"


def _said(body: bytes) -> dict[str, object] | None:
    """The answer as an object: empty for an empty body, None for what no collector says."""
    if not body.strip():
        return {}
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _nonsense(answer: Answer) -> str:
    """Why an answer of status 2xx is not that of a collector; a proxy's login page is none."""
    if _said(answer.body) is None:
        said = short(answer.body.decode("utf-8", "replace"))
        return f"answers HTTP {answer.status}, but not as an OTLP receiver: {said}"
    return ""


def _rejected(body: bytes) -> tuple[int, str]:
    partial = (_said(body) or {}).get("partialSuccess")
    if not isinstance(partial, dict):
        return 0, ""
    try:
        count = int(partial.get("rejectedLogRecords", 0))
    except (TypeError, ValueError):
        count = 1
    return count, short(partial.get("errorMessage", ""))
