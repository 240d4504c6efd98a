"""Kafka by librdkafka, against the broker that librdkafka brings for tests: the real protocol, in another process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.settings_export import SinkType
from confluent_kafka import Consumer
from exported import ORIGIN
from shipping import Shipping
from until import until

BROKER = """
import sys, time
from confluent_kafka import Producer
made = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 3, "log_level": 0})
brokers = made.list_topics(timeout=10).brokers.values()
print(",".join(f"{one.host}:{one.port}" for one in brokers), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def cluster() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Three brokers: their addresses, and the process that they are in."""
    command = [sys.executable, "-c", BROKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def consumed(brokers: str, count: int) -> list[Any]:
    """That many messages of the topic, in the order of their partition."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "siem", "auto.offset.reset": "earliest"})
    consumer.subscribe(["agents"])
    found: list[Any] = []

    def more() -> bool:
        found.extend(one for one in consumer.consume(1000, 0.5) if one.error() is None)
        return len(found) >= count

    try:
        until(more, f"{count} messages, not {len(found)}", 60)
    finally:
        consumer.close()
    return found


def ids(found: list[Any]) -> list[str]:
    return [dict(one.headers())["id"].decode() for one in found]


def test_every_event_of_a_machine_is_in_one_partition_in_order(
    tmp_path: Path, cluster: tuple[str, subprocess.Popen[str]]
) -> None:
    brokers, _ = cluster
    with Shipping(tmp_path, 300, type=SinkType.KAFKA, url=f"kafka://{brokers}/agents") as shipping:
        shipping.done()
    found = consumed(brokers, 300)
    shipping.check(ids(found))
    assert {one.key().decode() for one in found} == {ORIGIN.uid} and len({one.partition() for one in found}) == 1


def test_a_cluster_that_stands_still_for_a_while_gets_everything(
    tmp_path: Path, cluster: tuple[str, subprocess.Popen[str]]
) -> None:
    brokers, process = cluster
    with Shipping(tmp_path, 200, type=SinkType.KAFKA, url=f"kafka://{brokers}/agents", timeout=2.0) as shipping:
        until(lambda: shipping.shipper.place.seq >= 100, "some events", 30)
        process.send_signal(signal.SIGSTOP)
        shipping.more(100)
        until(lambda: shipping.shipper.state.failures, "the failure", 30)
        process.send_signal(signal.SIGCONT)
        shipping.done(90)
    assert set(ids(consumed(brokers, 300))) == set(shipping.uids())


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Shipping(tmp_path, 5, type=SinkType.KAFKA, url="kafka://127.0.0.1:1/agents", timeout=1.0) as shipping:
        until(lambda: "Kafka" in shipping.shipper.state.problem, "the failure", 30)
        assert shipping.shipper.place.seq == 0
