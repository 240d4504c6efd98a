"""The loopback port: who is let in, who is not, and a port that is taken."""

import http.client
import os
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web
from callgate.server.loopback import Loopback
from callgate.system.sockets import Peer
from until import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


async def show(request: web.Request, peer: Peer) -> web.Response:
    return web.json_response({"pid": peer.pid, "rest": request.match_info["rest"], "body": (await request.text())})


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    made = Loopback(free_port())
    made.mount("part", lambda token: token == "right", show)
    assert made.open() == ""
    yield made
    made.stop()


def ask(loopback: Loopback, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", loopback.port, timeout=10)
    try:
        connection.request(method, path, body="hi" if method == "POST" else None, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_program_with_the_token_is_let_in_and_known_by_its_pid(loopback: Loopback) -> None:
    status, said = ask(loopback, "POST", "/part/right/deeper/still")
    assert status == 200
    assert said == f'{{"pid": {os.getpid()}, "rest": "/deeper/still", "body": "hi"}}'
    assert ask(loopback, "GET", "/part/right", {"Host": f"localhost:{loopback.port}"})[0] == 200
    assert loopback.url("part", "right", "/x") == f"http://127.0.0.1:{loopback.port}/part/right/x"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/part/wrong", {}),
        ("GET", "/other/right", {}),
        ("GET", "/part/right", {"Host": "evil.example"}),
        ("GET", "/part/right", {"Host": "127.0.0.1"}),
        ("POST", "/part/right", {"Origin": "https://evil.example", "Content-Type": "text/plain"}),
        ("POST", "/part/right", {"Origin": "null"}),
        ("POST", "/part/right", {"Origin": "http://127.0.0.1:1"}),
        ("GET", "/part/right", {"Sec-Fetch-Site": "cross-site"}),
        ("OPTIONS", "/part/right", {}),
    ],
)
def test_a_page_a_scanner_and_a_wrong_token_all_get_the_same_answer(
    loopback: Loopback, method: str, path: str, headers: dict[str, str]
) -> None:
    status, said = ask(loopback, method, path, headers)
    plain = ask(loopback, "GET", "/part/nobody")
    assert plain[0] == 403
    assert status in (403, 404)
    assert "right" not in said


def test_a_port_that_is_taken_is_a_problem_with_a_next_step_and_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        loopback = Loopback(int(other.getsockname()[1]))
        problem = loopback.open()
        assert "is taken by another program" in problem
        assert "http.port" in problem
        loopback.tick()
        assert loopback.problem == problem
    try:

        def again() -> bool:
            loopback.tick()
            return not loopback.problem

        until(again, "the port to be free")
        assert ask(loopback, "GET", "/")[0] == 404
    finally:
        loopback.stop()


def test_nothing_listens_until_something_needs_the_port() -> None:
    loopback = Loopback(free_port())
    loopback.mount("part", lambda _: True, show)
    loopback.tick()
    with pytest.raises(ConnectionRefusedError):
        ask(loopback, "GET", "/part/right")
    loopback.stop()
