"""What single sinks do beside sending: secrets, certificates, proxies, answers of any size, files that turn over."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from callgate.export import secret
from callgate.export.formats.record import Message
from callgate.export.sinks.elastic import ElasticSink
from callgate.export.sinks.file import FileSink
from callgate.export.sinks.making import make
from callgate.export.sinks.syslog import SyslogSink
from callgate.export.sinks.web import ANSWER_MAX, Web
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings, SinkType
from exported import ORIGIN, TIME
from receiver import Receiver

ONE = Message(1, "m-1-aa", "call.asked", TIME, 3, b'{"metadata":{"uid":"m-1-aa"}}')


def two(seq: int) -> Message:
    return Message(seq, f"m-{seq}-aa", "call.asked", TIME, 1, json.dumps({"seq": seq, "x": "y" * 80}).encode())


# Secrets


def test_a_secret_is_read_from_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert secret.read(f"file:{path}", "x") == "s3cret" and secret.read("", "x") == ""


@pytest.mark.parametrize("said", ["", "a\nb", "a\x00b"])
def test_a_secret_that_is_no_line_of_text_is_refused(tmp_path: Path, said: str) -> None:
    path = tmp_path / "token"
    path.write_text(said)
    path.chmod(0o600)
    with pytest.raises(CallgateError, match="no line of text"):
        secret.read(f"file:{path}", "x")


def test_a_secret_that_others_can_read_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret")
    path.chmod(0o640)
    with pytest.raises(CallgateError, match="can be read by others") as caught:
        secret.read(f"file:{path}", "x")
    assert "s3cret" not in str(caught.value)


def test_a_secret_of_the_keyring_is_asked_for_by_service_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    monkeypatch.setattr(
        keyring, "get_password", lambda service, user: {("callgate/es", "key"): "k3y"}.get((service, user))
    )
    assert secret.read("keyring:callgate/es/key", "x") == "k3y"
    with pytest.raises(CallgateError, match="has no secret"):
        secret.read("keyring:callgate/other", "x")


# HTTP


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def receiver(authority: Authority) -> Iterator[Receiver]:
    """One with mutual TLS."""
    pair = authority.issue("siem.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with Receiver(tls=context) as receiver:
        yield receiver


def https(receiver: Receiver, authority: Authority, **more: Any) -> SinkSettings:
    pair = authority.issue("machine.example.com", file="client")
    made: dict[str, Any] = {
        "name": "s",
        "type": SinkType.OTLP,
        "url": receiver.url,
        "ca": str(authority.ca),
        "timeout": 5.0,
    }
    return SinkSettings(**{**made, "cert": str(pair.cert), "key": str(pair.key), **more})


def test_a_certificate_that_is_renewed_is_used_from_the_next_request_on(
    receiver: Receiver, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "other").issue("machine.example.com")
    settings = https(receiver, authority)
    own = (Path(settings.cert).read_bytes(), Path(settings.key).read_bytes())
    Path(settings.cert).write_bytes(stranger.cert.read_bytes())
    Path(settings.key).write_bytes(stranger.key.read_bytes())
    web = Web(settings)
    assert web.post(f"{receiver.url}/v1/logs", b"{}", "application/json", {}).status == 0
    Path(settings.cert).write_bytes(own[0])
    Path(settings.key).write_bytes(own[1])
    assert web.post(f"{receiver.url}/v1/logs", b"{}", "application/json", {}).status == 200
    web.close()


def test_a_receiver_of_another_authority_and_an_encrypted_key_are_named(
    receiver: Receiver, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    web = Web(https(receiver, authority, ca=str(other.ca)))
    assert "certificate" in web.post(f"{receiver.url}/v1/logs", b"{}", "application/json", {}).problem.lower()
    web.close()
    web = Web(https(receiver, authority, key=str(tmp_path / "none")))
    assert "cannot be read" in web.post(f"{receiver.url}/v1/logs", b"{}", "application/json", {}).problem


def test_a_proxy_is_used_when_one_is_set_and_not_when_there_is_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "")
        settings = SinkSettings(name="s", type=SinkType.HTTPS, url="http://siem.invalid/v1/logs", timeout=5.0)
        assert "cannot be reached" in Web(settings).post(settings.url, b"{}", "application/json", {}).problem
        named = SinkSettings(name="s", type=SinkType.HTTPS, url=settings.url, proxy=proxy.url, timeout=5.0)
        web = Web(named)
        assert web.post(named.url, b"{}", "application/json", {}).status == 200
        assert proxy.requests == ["http://siem.invalid/v1/logs"]
        web.close()
        none = SinkSettings(name="s", type=SinkType.HTTPS, url=proxy.url, proxy="none", timeout=5.0)
        web = Web(none)
        assert web.post(f"{proxy.url}/v1/logs", b"{}", "application/json", {}).status == 200
        web.close()


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver:
        monkeypatch.setattr(receiver, "_route", lambda *_: (200, "x" * (ANSWER_MAX + 10)))
        web = Web(SinkSettings(name="s", type=SinkType.HTTPS, url=receiver.url, timeout=5.0))
        assert "too long" in web.post(receiver.url, b"{}", "application/json", {}).problem
        web.close()


@pytest.mark.parametrize(
    "answer",
    [
        '{"items": []}',
        '{"items": [{"index": {"status": 201}}]}',
        '{"items": 7}',
        "[]",
        "null",
        '{"items": [{"create": {"status": "201"}}]}',
    ],
)
def test_an_answer_that_does_not_speak_of_every_event_takes_none(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver:
        monkeypatch.setattr(receiver, "_route", lambda *_: (200, answer))
        sink = ElasticSink(SinkSettings(name="s", type=SinkType.ELASTIC, url=receiver.url, index="i", timeout=5.0))
        sent = sink.send([ONE])
        sink.close()
    assert sent.taken == 0 and "not as `_bulk` does" in sent.problem


# Files


def file_sink(path: Path, **more: Any) -> FileSink:
    return FileSink(SinkSettings(name="f", url=str(path), **more))


def test_a_full_file_turns_over_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    sink = file_sink(path, file_max=250, keep=2)
    for seq in range(1, 9):
        assert sink.send([two(seq), two(seq)]).taken == 2
    sink.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.1", "out.jsonl.2"]
    found = [
        json.loads(line)["seq"] for name in (".2", ".1", "") for line in Path(f"{path}{name}").read_text().splitlines()
    ]
    assert found == [6, 6, 7, 7, 8, 8] and path.stat().st_mode & 0o777 == 0o600


def test_half_a_line_of_a_crash_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b'{"seq": 1}\n{"se')
    sink = file_sink(path)
    sink.send([two(2)])
    sink.close()
    assert path.read_bytes().splitlines()[1:] == [b'{"se', two(2).body]


def test_a_file_that_a_forwarder_moved_away_is_begun_anew_and_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    sink = file_sink(path)
    sink.send([two(1)])
    path.rename(tmp_path / "moved")
    sink.send([two(2)])
    assert json.loads(path.read_text())["seq"] == 2
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert "cannot be written" in sink.send([two(3)]).problem and not (tmp_path / "elsewhere").exists()
    sink.close()


# Syslog


def test_a_frame_is_as_rfc_5424_and_6587_say() -> None:
    sink = SyslogSink(SinkSettings(name="s", type=SinkType.SYSLOG, url="tcp://localhost:514"), ORIGIN)
    frame = sink._frame(ONE)
    count, _, line = frame.partition(b" ")
    assert int(count) == len(line)
    head, _, body = line.partition(b"] ")
    assert body == ONE.body
    assert head.startswith(b"<108>1 2026-11-22T02:01:43.209Z dev-7.example.com callgate ")
    assert head.endswith(b' call.asked [callgate@32473 id="m-1-aa"')


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(CallgateError, match=r"callgate\[kafka\]"):
        make(SinkSettings(name="k", type=SinkType.KAFKA, url="kafka://h:1/t"), ORIGIN)
