"""The real rsyslog with mutual TLS: stopped, killed, frozen and restarted in the middle, it loses no event."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from callgate.export.sinks import syslog
from callgate.settings_export import SinkType
from rsyslogd import Rsyslogd
from shipping import Shipping
from until import until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def siem(tmp_path: Path, authority: Authority) -> Iterator[Rsyslogd]:
    with Rsyslogd(tmp_path / "siem", authority) as siem:
        yield siem


def settings(siem: Rsyslogd, authority: Authority, **more: Any) -> dict[str, Any]:
    pair = authority.issue("machine.example.com")
    made = {"type": SinkType.SYSLOG, "url": siem.url, "ca": str(authority.ca)}
    return {**made, "cert": str(pair.cert), "key": str(pair.key), "timeout": 3.0, **more}


def uids(siem: Rsyslogd) -> list[str]:
    return [event["metadata"]["uid"] for event in siem.events()]


def test_events_arrive_whole_and_in_order(tmp_path: Path, siem: Rsyslogd, authority: Authority) -> None:
    with Shipping(tmp_path, 2000, **settings(siem, authority), batch_rows=500) as shipping:
        until(lambda: len(uids(siem)) >= 2000, "the events", 30)
        shipping.done()
    shipping.check(uids(siem))
    assert len(siem.events()) == 2000
    first = siem.events()[0]
    assert first["class_uid"] == 6003 and first["attestation_list"][0]["uid"] == first["unmapped"]["hash"]


def test_stopped_killed_frozen_and_restarted_it_loses_nothing(
    tmp_path: Path, siem: Rsyslogd, authority: Authority
) -> None:
    with Shipping(tmp_path, 600, **settings(siem, authority), rate=60_000) as shipping:
        for number in (signal.SIGTERM, signal.SIGKILL):
            before = len(uids(siem))
            until(lambda before=before: len(uids(siem)) > before + 20, "some events", 30)
            siem.stop(number)
            until(lambda: shipping.shipper.state.failures, "the failure", 30)
            siem.start()
        before = len(uids(siem))
        until(lambda: len(uids(siem)) > before, "more events", 30)
        siem.signal(signal.SIGSTOP)
        shipping.more(200)
        siem.signal(signal.SIGCONT)
        shipping.done(90)
    shipping.check(uids(siem))


def test_what_a_dead_receiver_never_read_is_sent_again(tmp_path: Path, siem: Rsyslogd, authority: Authority) -> None:
    with Shipping(tmp_path, 100, **settings(siem, authority)) as shipping:
        shipping.done()
        siem.signal(signal.SIGSTOP)  # what comes now lies in its system's buffer, and dies with it
        shipping.more(50)
        until(lambda: shipping.shipper.state.last_sent and shipping.shipper.place.seq == 100, "the events to be sent")
        siem.stop(signal.SIGKILL)
        siem.start()
        shipping.done(90)
    shipping.check(uids(siem))


def test_a_machine_without_a_certificate_is_refused_and_says_so(
    tmp_path: Path, siem: Rsyslogd, authority: Authority
) -> None:
    made = settings(siem, authority)
    with Shipping(tmp_path, 10, **{**made, "cert": "", "key": ""}) as shipping:
        until(lambda: shipping.shipper.state.problem, "the refusal", 30)
        until(lambda: shipping.shipper.state.failures >= 2, "another try", 30)
        assert shipping.shipper.place.seq == 0 and not siem.events()


def test_a_receiver_with_another_authority_is_not_trusted(tmp_path: Path, siem: Rsyslogd, authority: Authority) -> None:
    other = Authority(tmp_path / "other")
    with Shipping(tmp_path, 10, **{**settings(siem, authority), "ca": str(other.ca)}) as shipping:
        until(lambda: "certificate" in shipping.shipper.state.problem.lower(), "the refusal", 30)
    assert not siem.events()


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path, siem: Rsyslogd, authority: Authority) -> None:
    wrong = authority.issue("stranger.example.com", file="client")
    made = {**settings(siem, authority), "cert": str(wrong.cert), "key": str(wrong.key)}
    with Shipping(tmp_path, 10, **made) as shipping:
        until(lambda: shipping.shipper.state.failures, "the refusal", 30)
        authority.issue("machine.example.com", file="client")
        shipping.done()
    shipping.check(uids(siem))


def test_a_connection_is_ended_in_order_after_some_thousand_events(
    tmp_path: Path, siem: Rsyslogd, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "CONFIRM_ROWS", 100)
    with Shipping(tmp_path, 450, **settings(siem, authority), rate=200_000) as shipping:
        until(lambda: 100 <= shipping.shipper.place.seq < 450, "the first confirmation", 30)
        shipping.done()
    shipping.check(uids(siem))
    assert len(siem.events()) == 450
