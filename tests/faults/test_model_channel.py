"""The model leg between a raw client and raw upstreams that cut, compress, redirect, hang up or are not there."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

TOKENISH = "sk-ant-" + "a1B2" * 8
STREAM = b"".join(
    b"event: x%sdata: %s%s%s" % (end, json.dumps(value, ensure_ascii=False).encode(), end, end)
    for end, value in (
        (b"\n", {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}}),
        (b"\r\n", {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "t1", "name": "echo"}}),
        (b"\r", {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"a":"é"}'}}),
        (b"\n", {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}),
    )
)


def answer(body: bytes, kind: str = "text/event-stream", *more: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*head, "", ""]).encode() + body


class Upstream:
    """An API that answers each request with the same bytes, in pieces, and keeps what it was sent."""

    def __init__(self, pieces: list[bytes], *, hold: threading.Event | None = None) -> None:
        self.seen: list[bytes] = []
        self._pieces, self._hold = pieces, hold
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/base"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (line := reader.readline()):
                    return
                head += line
            length = next(
                (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0
            )
            self.seen.append(head + reader.read(length))
            for number, piece in enumerate(self._pieces):
                if number and self._hold:
                    self._hold.wait(20)
                try:
                    connection.sendall(piece)
                except OSError:
                    return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as made:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
        made.settle(f'mode = "enforce"\n[http]\nport = {port}\n')
        yield made


def route(place: Installation, upstream: str) -> str:
    """Lead one agent's model through the gate; its address then."""
    file = place.home / ".claude" / "settings.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": upstream}}))
    place.start()
    place.client.route_models()
    return str(json.loads(file.read_text())["env"]["ANTHROPIC_BASE_URL"])


def ask(address: str, body: bytes = b'{"model":"m","messages":[]}', **headers: str) -> tuple[int, bytes]:
    """One request to the model; what came until the end, also where that is a break."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(
            "POST", parts.path + "/v1/messages?beta=true", body, {"Content-Type": "application/json", **headers}
        )
        got = connection.getresponse()
        try:
            return got.status, got.read()
        except http.client.IncompleteRead as broken:
            return got.status, broken.partial
    finally:
        connection.close()


def rows(place: Installation, kind: str, count: int = 1) -> list[dict[str, Any]]:
    return until(lambda: found if len(found := place.rows(kind=kind)) >= count else [], f"{count} rows {kind}")


def test_each_byte_passes_both_ways_as_it_was_and_the_turn_is_read(place: Installation) -> None:
    api = Upstream(
        [answer(STREAM[:100], "text/event-stream").replace(b"Length: 100", b"Length: %d" % len(STREAM)), STREAM[100:]]
    )
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "calé"}], "stream": True}).encode()
    status, got = ask(route(place, api.url), body, Authorization="Bearer secret-thing")
    assert (status, got) == (200, STREAM)
    (seen,) = api.seen
    assert seen.startswith(b"POST /base/v1/messages?beta=true HTTP/1.1\r\n") and seen.endswith(body)
    assert b"Authorization: Bearer secret-thing" in seen and b"callgate" not in seen.lower()
    (asked,), (answered,) = rows(place, "model.asked"), rows(place, "model.answered")
    assert asked["detail"]["model"] == "m" and "cal\\u00e9" in str(asked["payload"])
    assert answered["detail"]["tool_uses"][0]["id"] == "t1" and answered["detail"]["input_tokens"] == 3
    assert answered["uid"] == asked["uid"] and answered["detail"]["bytes"] == len(STREAM)
    assert "secret-thing" not in json.dumps(place.rows())


def test_the_first_event_reaches_the_agent_before_the_last_one_leaves_the_model(place: Installation) -> None:
    hold = threading.Event()
    api = Upstream([answer(STREAM).replace(STREAM, STREAM[:100]), STREAM[100:]], hold=hold)
    parts = urlsplit(route(place, api.url))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request("POST", parts.path + "/v1/messages", b"{}", {"Content-Type": "application/json"})
    got = connection.getresponse()
    assert got.read(100) == STREAM[:100]
    hold.set()
    assert got.read() == STREAM[100:]
    connection.close()


def test_a_compressed_answer_passes_compressed_and_is_read(place: Installation) -> None:
    packed = gzip.compress(STREAM)
    api = Upstream([answer(packed, "text/event-stream", "Content-Encoding: gzip")])
    status, got = ask(route(place, api.url), **{"Accept-Encoding": "br, gzip, zstd"})
    assert (status, got) == (200, packed)
    assert b"Accept-Encoding: gzip\r\n" in api.seen[0]
    assert rows(place, "model.answered")[0]["detail"]["stop"] == "tool_use"


@pytest.mark.parametrize(
    ("piece", "problem"),
    [
        (answer(STREAM).replace(STREAM, STREAM[:250]), "reached"),
        (answer(b"\x1f\x8b nonsense", "text/event-stream", "Content-Encoding: gzip"), "compression is broken"),
        (answer(b"x", "application/json", "Content-Encoding: br"), "not read"),
        (answer(b"{oops", "application/json"), "not JSON"),
    ],
)
def test_an_answer_that_breaks_off_or_makes_no_sense_passes_and_says_so(
    place: Installation, piece: bytes, problem: str
) -> None:
    api = Upstream([piece])
    status, got = ask(route(place, api.url))
    assert status == 200 and got == piece.partition(b"\r\n\r\n")[2]
    assert problem in str(rows(place, "model.answered")[0]["detail"]["problem"])


@pytest.mark.parametrize(
    "piece",
    [answer(b"", "text/plain", "Location: https://elsewhere.example/", status="307 Temporary"), b"junk\r\n\r\n", b""],
)
def test_a_model_that_cannot_be_reached_is_told_in_its_own_dialect(place: Installation, piece: bytes) -> None:
    status, got = ask(route(place, Upstream([piece]).url))
    assert status == 502
    assert "cannot be reached" in json.loads(got)["error"]["message"]
    assert "cannot be reached" in str(rows(place, "model.answered")[0]["detail"]["problem"])


def test_nobody_at_the_other_end_is_told_too_and_the_next_request_is_served(place: Installation) -> None:
    api = Upstream([answer(STREAM)])
    address = route(place, api.url)
    api.close()
    assert ask(address)[0] == 502
    assert ask(address)[0] == 502
    assert len(rows(place, "model.asked", 2)) == 2


def test_an_address_that_leads_back_to_us_is_refused(place: Installation) -> None:
    first = route(place, "http://localhost:1/x")
    record = next((place.folders.data / "models").glob("*.json"))
    record.write_text(record.read_text().replace("http://localhost:1/x", first))
    place.signal()
    place.start()
    status, got = ask(first)
    assert status == 502 and b"own port" in got


def test_what_the_rules_forbid_never_reaches_the_model_and_the_agent_is_told_why(place: Installation) -> None:
    text = place.folders.settings.read_text()
    place.settle(text + '[model]\nallow = ["127.0.0.1/good-*"]\nsecrets = "deny"\n')
    api = Upstream([answer(b"{}", "application/json")])
    address = route(place, api.url)
    status, got = ask(address, b'{"model":"evil-1","messages":[]}')
    assert status == 403 and "not approved" in json.loads(got)["error"]["message"]
    secret = {"model": "good-1", "messages": [{"role": "user", "content": f"my key is {TOKENISH}"}]}
    status, got = ask(address, json.dumps(secret).encode())
    assert status == 403 and "anthropic-key" in json.loads(got)["error"]["message"]
    assert ask(address, b"not json")[0] == 403
    assert not api.seen
    assert ask(address, b'{"model":"good-1","messages":[]}')[0] == 200
    rules = [row["rule"] for row in rows(place, "model.asked", 4)]
    assert rules == ["model.unapproved", "model.secret", "model.unread", "model.allowed"]
    assert TOKENISH not in json.dumps(place.rows())


def test_in_observe_mode_the_row_says_what_would_have_happened(place: Installation) -> None:
    place.settle(place.folders.settings.read_text().replace("enforce", "observe") + '[model]\nallow = ["x"]\n')
    api = Upstream([answer(b"{}", "application/json")])
    assert ask(route(place, api.url))[0] == 200
    (asked,) = rows(place, "model.asked")
    assert (asked["effect"], asked["mode"]) == ("deny", "observe")


def test_an_agent_that_hangs_up_ends_the_request_to_the_model(place: Installation) -> None:
    hold = threading.Event()
    api = Upstream([answer(STREAM).replace(STREAM, STREAM[:100]), STREAM[100:]], hold=hold)
    parts = urlsplit(route(place, api.url))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request("POST", parts.path + "/v1/messages", b"{}", {"Content-Type": "application/json"})
    assert connection.getresponse().read(50) == STREAM[:50]
    connection.close()
    assert rows(place, "model.answered")[0]["detail"]["problem"] == "the agent hung up"
    hold.set()


def test_a_socket_is_refused_in_a_way_that_agents_fall_back_from(place: Installation) -> None:
    parts = urlsplit(route(place, "http://localhost:1"))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"}
    connection.request("GET", parts.path + "/v1/responses", headers=headers)
    assert connection.getresponse().status == 426
    connection.close()


def test_after_the_daemon_was_killed_the_same_addresses_lead_to_the_models_again(
    place: Installation,
) -> None:
    api = Upstream([answer(b"{}", "application/json")])
    address = route(place, api.url)
    place.signal()
    with pytest.raises(ConnectionError):
        ask(address)
    place.start()
    assert ask(address)[0] == 200
