"""Elasticsearch and OpenSearch: the `_bulk` API, event by event.

Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from callgate.export.formats.ecs import instant
from callgate.export.formats.record import Message
from callgate.export.secret import read
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.web import Web
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings

EXISTS = 409
"""The status of an event that is there already: a repeat, which is as good as taken."""
AGAIN = (429, 500, 502, 503, 504)
"""Status codes of an event that may go well later; any other failure of one is its own fault."""
NOBODY = (401, 403, 404)
"""Status codes that speak of us or of the index, not of the event."""


class ElasticSink:
    """Creates each event under its own id, so that a repeat is refused as one. `secret` is an API key."""

    confirm_rows = 1

    def __init__(self, settings: SinkSettings) -> None:
        self._settings, self._web = settings, Web(settings)
        self._url = f"{settings.url.rstrip('/')}/{quote(settings.index, safe='')}/_bulk"

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send."""
        try:
            key = read(self._settings.secret, f"export {self._settings.name}")
        except CallgateError as error:
            return Sent(0, problem=str(error))
        headers = {"Authorization": f"ApiKey {key}"} if key else {}
        answer = self._web.post(self._url, b"".join(map(_lines, batch)), "application/x-ndjson", headers)
        if not answer.good:
            return answer.failure()
        items = _items(answer.body, len(batch))
        if items is None:
            what = short(answer.body.decode("utf-8", "replace"))
            return Sent(0, problem=f"answers HTTP {answer.status}, but not as `_bulk` does: {what}")
        return _judged(items)

    def confirm(self) -> str:
        """Its answer on each event was the confirmation."""
        return ""

    def close(self) -> None:
        """As Sink.close."""
        self._web.close()


def _lines(one: Message) -> bytes:
    body = one.body
    if not body.startswith(b'{"@timestamp"'):  # a data stream needs one
        body = b'{"@timestamp":"' + instant(one.time).encode() + b'",' + body[1:]
    return b'{"create":{"_id":"' + one.uid.encode() + b'"}}\n' + body + b"\n"


def _items(body: bytes, count: int) -> list[tuple[int, str]] | None:
    """Status and reason of each event; None for an answer that does not say them of all."""
    try:
        items = json.loads(body)["items"]
        found = [item["create"] for item in items]
        told = [(one["status"], short(json.dumps(one.get("error", "")))) for one in found]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return told if len(told) == count and all(type(status) is int for status, _ in told) else None


def _judged(items: Sequence[tuple[int, str]]) -> Sent:
    """All that came through, up to the first that is to be tried again."""
    refused: list[tuple[int, str]] = []
    for at, (status, reason) in enumerate(items):
        if status in AGAIN or status in NOBODY:
            return Sent(at, tuple(refused), problem=f"an event got status {status}: {reason}")
        if not 200 <= status < 300 and status != EXISTS:
            refused.append((at, f"status {status}: {reason}"))
    repeats = sum(status == EXISTS for status, _ in items)
    return Sent(len(items), tuple(refused), said=f"{len(items)} events, {len(refused)} refused, {repeats} were there")
