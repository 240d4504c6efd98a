"""Microsoft Sentinel: the Logs Ingestion API, with a token of Entra.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from callgate.export.formats.ecs import instant
from callgate.export.formats.record import Message
from callgate.export.secret import read
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.web import Web
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings

EARLY = 300.0
"""Seconds before its end that a token is replaced."""
SCOPE = "https://monitor.azure.com/.default"


class SentinelSink:
    """`url` is the data collection endpoint. The table has the columns TimeGenerated, Id, Kind, Severity and Event, the
    last one dynamic. A batch is at most 1 MB, which `batch_bytes` sees to.
    """

    confirm_rows = 1

    def __init__(self, settings: SinkSettings) -> None:
        self._settings, self._web, self._entra = settings, Web(settings), Web(settings)
        rule, stream = quote(settings.rule, safe=""), quote(settings.index, safe="")
        base = settings.url.rstrip("/")
        self._url = f"{base}/dataCollectionRules/{rule}/streams/{stream}?api-version=2023-01-01"
        self._token, self._until = "", 0.0

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send."""
        if time.monotonic() >= self._until and (problem := self._ask_for_token()):
            return Sent(0, problem=problem)
        body = b"[" + b",".join(map(_row, batch)) + b"]"
        answer = self._web.post(self._url, body, "application/json", {"Authorization": f"Bearer {self._token}"})
        if answer.status == 401:
            self._until = 0.0
        if answer.status != 204:
            failed = answer.failure()
            return Sent(0, problem=failed.problem, wait=failed.wait, unfit=failed.unfit, said=failed.said)
        return Sent(len(batch), said="HTTP 204")

    def confirm(self) -> str:
        """Its status was the answer."""
        return ""

    def close(self) -> None:
        """As Sink.close."""
        self._web.close()
        self._entra.close()

    def _ask_for_token(self) -> str:
        """Empty, or why there is no token."""
        settings = self._settings
        try:
            secret = read(settings.secret, f"export {settings.name}")
        except CallgateError as error:
            return str(error)
        url = f"{settings.authority.rstrip('/')}/{quote(settings.tenant, safe='')}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client,
            "client_secret": secret,
            "scope": SCOPE,
        }
        kind = "application/x-www-form-urlencoded"
        answer = self._entra.post(url, urlencode(form).encode(), kind, {}, squeeze=False)
        try:
            said = json.loads(answer.body) if answer.good else {}
            token, lives = said["access_token"], float(said["expires_in"])
        except (ValueError, TypeError, KeyError, RecursionError):
            what = answer.problem or f"HTTP {answer.status} {short(_error(answer.body))}"
            return f"Entra gives no token ({what})"
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            return "Entra gives no token (what it gave is none)"
        self._token, self._until = token, time.monotonic() + max(lives - EARLY, lives / 2)
        return ""


def _row(one: Message) -> bytes:
    head = {"TimeGenerated": instant(one.time), "Id": one.uid, "Kind": one.kind, "Severity": one.severity}
    return json.dumps(head)[:-1].encode() + b',"Event":' + one.body + b"}"


def _error(body: bytes) -> str:
    """The name of what went wrong. Its description may repeat what was sent, so it is left out."""
    try:
        return str(json.loads(body).get("error", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""
