"""A Kafka cluster, by librdkafka: idempotent, all replicas, in order for each machine. Needs `callgate[kafka]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from callgate.export.formats.record import Message
from callgate.export.secret import read
from callgate.export.sinks.sink import Sent, short
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings

UNFIT = ("MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_MSG_SIZE", "INVALID_RECORD")
"""Errors that are the event's own fault."""


class KafkaSink:
    """`url` is `kafka://host:9092,host:9092/topic`, `kafkas://` with TLS. The key of each message is the machine's id,
    so that one partition has all of a machine in order; the header `id` is the event's.
    """

    confirm_rows = 1

    def __init__(self, settings: SinkSettings) -> None:
        """Raises CallgateError where the library is not installed or cannot use the settings."""
        try:
            from confluent_kafka import KafkaException, Producer
        except ImportError as error:
            raise CallgateError(
                f"export {settings.name}", "needs a library that is not there", "pip install 'callgate[kafka]'"
            ) from error
        self._settings = settings
        parts = urlsplit(settings.url)
        self._topic = parts.path.strip("/")
        if not self._topic:
            raise CallgateError(f"export {settings.name}", "its url names no topic", "write kafka://host:9092/topic")
        try:
            self._producer: Any = Producer(_configured(settings, parts.netloc, parts.scheme == "kafkas"))
        except KafkaException as error:
            raise CallgateError(
                f"export {settings.name}", f"Kafka cannot be set up ({error})", "see its url"
            ) from error

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send: each message was written by all replicas, or is not taken."""
        results: dict[int, str] = {}

        def delivered(at: int) -> Any:
            def note(error: Any, _: object) -> None:
                results[at] = "" if error is None else f"{error.name()} {error.str()}"

            return note

        for at, one in enumerate(batch):
            key, _, _ = one.uid.rpartition("-")[0].rpartition("-")
            try:
                self._producer.produce(
                    self._topic, one.body, key=key, headers=[("id", one.uid.encode())], timestamp=one.time // 10**6,
                    on_delivery=delivered(at),
                )  # fmt: skip
            except Exception as error:  # noqa: BLE001 - its exceptions share no other parent
                name = getattr(error.args[0], "name", lambda: "")() if error.args else ""
                results[at] = f"{name} {short(error)}"
                break
        left = self._producer.flush(self._settings.timeout)
        if left:
            self._producer.purge()
            self._producer.flush(1.0)
        return _judged(results, len(batch))

    def confirm(self) -> str:
        """Each batch was flushed."""
        return ""

    def close(self) -> None:
        """As Sink.close."""
        self._producer.purge()
        self._producer.flush(1.0)


def _judged(results: dict[int, str], count: int) -> Sent:
    refused: list[tuple[int, str]] = []
    for at in range(count):
        problem = results.get(at, "no answer in time")
        if problem and problem.split(" ", 1)[0].lstrip("_") in UNFIT:
            refused.append((at, short(problem)))
        elif problem:
            return Sent(at, tuple(refused), problem=f"Kafka: {short(problem)}")
    return Sent(count, tuple(refused), said=f"{count - len(refused)} events in all replicas")


def _configured(settings: SinkSettings, brokers: str, tls: bool) -> dict[str, object]:
    """Raises CallgateError. With `client`, `secret` is the password of that user (SASL PLAIN over TLS)."""
    made: dict[str, object] = {
        "bootstrap.servers": brokers,
        "enable.idempotence": True,
        "client.id": "callgate",
        "compression.type": "gzip" if settings.gzip else "none",
        "message.timeout.ms": int(settings.timeout * 1000),
        "message.max.bytes": max(settings.event_max + 4096, 100_000),
        "queue.buffering.max.kbytes": 4 * settings.batch_bytes // 1024 + 1024,
        "linger.ms": 5,
    }
    secret = read(settings.secret, f"export {settings.name}")
    made["security.protocol"] = {(0, 0): "PLAINTEXT", (1, 0): "SSL", (1, 1): "SASL_SSL", (0, 1): "SASL_PLAINTEXT"}[
        (int(tls), int(bool(secret)))
    ]
    for name, value in (("ca", settings.ca), ("certificate", settings.cert), ("key", settings.key or settings.cert)):
        if value:
            made[f"ssl.{name}.location"] = value
    if secret:
        if not tls:
            raise CallgateError(f"export {settings.name}", "would send its password in the clear", "write kafkas://")
        made |= {"sasl.mechanism": "PLAIN", "sasl.username": settings.client, "sasl.password": secret}
    return made
