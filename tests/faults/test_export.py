"""Receivers that fail, lie, hang and come back: every event arrives, in order, repeats can be told, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.settings_export import Format, SinkType
from receiver import TOKEN, Receiver
from shipping import Shipping
from until import until

FAULTS = ["", "500", "", "500 kept", "429", "garbage", "cut", "", "slow", "", "garbage", "500 kept"]
HTTP = [SinkType.HTTPS, SinkType.OTLP, SinkType.ELASTIC, SinkType.HEC, SinkType.SENTINEL]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def settings(kind: SinkType, receiver: Receiver, folder: Path) -> dict[str, Any]:
    """How a sink of that type reaches the receiver."""
    secret = folder / "secret"
    secret.write_text(TOKEN + "\n")
    secret.chmod(0o600)
    made: dict[str, Any] = {"type": kind, "url": receiver.url, "secret": f"file:{secret}", "timeout": 2.0}
    if kind is SinkType.HTTPS:
        made["url"] += "/collect"
    if kind is SinkType.SENTINEL:
        made |= {"tenant": "t", "client": "c", "rule": "dcr-1", "index": "Custom-X_CL", "authority": receiver.url}
    if kind is SinkType.ELASTIC:
        made |= {"index": "logs-callgate-default", "format": Format.OCSF}
    return made


@pytest.mark.parametrize("kind", HTTP)
def test_whatever_a_receiver_does_every_event_arrives_in_order(
    kind: SinkType, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.faults = list(FAULTS)
    with Shipping(tmp_path, 300, **settings(kind, receiver, tmp_path), gzip=kind is SinkType.OTLP) as shipping:
        shipping.done()
    assert not receiver.faults
    shipping.check(receiver.taken)
    assert shipping.shipper.place.aside == 0 and not shipping.book.aside()


@pytest.mark.parametrize("kind", HTTP)
def test_a_receiver_that_is_gone_for_a_while_gets_everything_afterwards(
    kind: SinkType, receiver: Receiver, tmp_path: Path
) -> None:
    with Shipping(tmp_path, 100, **settings(kind, receiver, tmp_path)) as shipping:
        until(lambda: receiver.taken, "the first events")
        receiver.stop()
        shipping.more(100)
        until(lambda: shipping.shipper.state.failures >= 2, "failures", 30)
        assert "cannot be reached" in shipping.shipper.state.problem
        receiver.start()
        shipping.done()
    shipping.check(receiver.taken)
    assert shipping.shipper.state.problem == ""


@pytest.mark.parametrize("kind", HTTP)
def test_a_sender_that_ends_in_the_middle_goes_on_where_it_was(
    kind: SinkType, receiver: Receiver, tmp_path: Path
) -> None:
    shipping = Shipping(tmp_path, 400, **settings(kind, receiver, tmp_path), batch_rows=5)
    for count in (50, 150):
        shipping.start()
        until(lambda count=count: len(receiver.taken) > count, "some events", 30)
        shipping.stop()
    with shipping:
        shipping.done()
    shipping.check(receiver.taken)


@pytest.mark.parametrize("kind", [one for one in HTTP if one is not SinkType.OTLP])
def test_an_event_that_is_refused_is_set_aside_and_the_others_go_on(
    kind: SinkType, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.poison = {"-7-", "-33-"}
    with Shipping(tmp_path, 60, **settings(kind, receiver, tmp_path)) as shipping:
        shipping.done()
    shipping.check(receiver.taken, missing=[7, 33])
    assert [one.seq for one in shipping.book.aside()] == [7, 33]
    assert shipping.shipper.place.aside == 2 and shipping.shipper.place.sent == 58
    assert {event.kind for event in shipping.told} == {"export.refused"}
    receiver.poison = set()
    with shipping:
        shipping.shipper.replay(6)
        until(lambda: shipping.shipper.place.seq >= 60 and not shipping.book.aside(), "the rest", 30)
        until(lambda: set(shipping.uids()) <= set(receiver.taken), "what was refused", 30)


def test_a_collector_that_rejects_part_of_a_batch_is_not_sent_it_again(receiver: Receiver, tmp_path: Path) -> None:
    receiver.poison = {"-7-"}
    with Shipping(tmp_path, 60, **settings(SinkType.OTLP, receiver, tmp_path)) as shipping:
        shipping.done()
    shipping.check(receiver.taken, missing=[7])
    assert len(receiver.taken) == 59
    assert all("1 of 20 events, 1 to 20, were rejected: poison" in one.reason for one in shipping.book.aside())


def test_a_receiver_that_refuses_everything_is_left_alone_before_the_log_is_used_up(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.poison = {"-"}
    with Shipping(tmp_path, 60, **settings(SinkType.HTTPS, receiver, tmp_path)) as shipping:
        until(lambda: shipping.shipper.state.failures, "it to give up", 30)
        assert "refused 20 events one after the other" in shipping.shipper.state.problem
        assert shipping.shipper.place.seq == 20 and len(shipping.book.aside()) == 20
        receiver.poison = set()
        shipping.done()
    shipping.check(receiver.taken, missing=range(1, 21))


def test_a_wrong_token_costs_no_event(receiver: Receiver, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    with Shipping(tmp_path, 30, **settings(SinkType.HTTPS, receiver, tmp_path)) as shipping:
        shipping.done()
        secret.write_text("wrong")
        shipping.more(30)
        until(lambda: "HTTP 401" in shipping.shipper.state.problem, "the refusal", 30)
        assert "wrong" not in shipping.shipper.state.problem
        secret.write_text(TOKEN)
        shipping.done()
    shipping.check(receiver.taken)
    assert not shipping.book.aside()


def test_an_event_that_bulk_puts_off_comes_later_and_those_before_it_count(receiver: Receiver, tmp_path: Path) -> None:
    receiver.busy = {"-5-", "-25-"}
    with Shipping(tmp_path, 60, **settings(SinkType.ELASTIC, receiver, tmp_path)) as shipping:
        shipping.done()
    assert sorted(receiver.taken) == sorted(shipping.uids()) and len(receiver.taken) == 60


def test_what_an_indexer_loses_after_it_was_taken_is_sent_again(receiver: Receiver, tmp_path: Path) -> None:
    receiver.faults = ["", "", "lose", "", "", "", "lose"]
    with Shipping(tmp_path, 100, **settings(SinkType.HEC, receiver, tmp_path)) as shipping:
        shipping.done()
    assert set(receiver.taken) == set(shipping.uids()) and shipping.shipper.place.lost == 0


def test_spans_of_calls_go_along(receiver: Receiver, tmp_path: Path) -> None:
    from exported import log_of

    made = settings(SinkType.OTLP, receiver, tmp_path)
    shipping = Shipping(tmp_path, 10, **made, spans=True)
    log_of(shipping.log, 15, kind="call.answered")
    shipping.rows += 15
    with shipping:
        shipping.done()
    shipping.check(receiver.taken)
    assert receiver.spans == 15
