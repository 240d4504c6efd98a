"""The way to a server and back: resumed and cut streams, cancelled calls, private CAs, proxies, bridges."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from authority import Authority
from callgate.service import background
from http_scene import Scene, call, free_port
from http_server import HttpServer
from installation import Installation

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

WAIT = 30.0
EVENTS = {"Content-Type": "text/event-stream"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def proxy() -> Iterator[HttpServer]:
    """Answers for whatever host it is asked."""
    with HttpServer() as server:
        yield server


@pytest.fixture(scope="module")
def installation(authority: Authority, proxy: HttpServer) -> Iterator[Installation]:
    with Installation() as made:
        made.settle(f'mode = "enforce"\n[http]\nport = {free_port()}\nca_file = "{authority.ca}"\n')
        env = {**made.env, "HTTP_PROXY": f"http://127.0.0.1:{proxy.port}"}
        background.ensure(made.folders, env, made.home)
        yield made


@pytest.fixture
def scene(installation: Installation) -> Iterator[Scene]:
    with HttpServer() as server:
        made = Scene(installation, server)
        made.allow()
        yield made
        installation.client.unwrap()


def begun(scene: Scene, method: str, message: Any, headers: dict[str, str]) -> http.client.HTTPConnection:
    """A request whose answer is still to come."""
    where = urlsplit(scene.entry["url"])
    connection = http.client.HTTPConnection("127.0.0.1", where.port or 0, timeout=WAIT)
    body = json.dumps(message).encode() if message is not None else None
    connection.request(method, where.path, body, {"Content-Type": "application/json", **headers})
    return connection


def test_a_stream_is_resumed_where_the_agent_says_and_each_sign_of_life_passes_at_once(scene: Scene) -> None:
    seen = threading.Event()

    async def resumed(request: web.Request, message: Any) -> web.StreamResponse:
        answer = web.StreamResponse(headers=EVENTS)
        await answer.prepare(request)
        await answer.write(b": alive\n\n")
        await asyncio.get_running_loop().run_in_executor(None, seen.wait, WAIT)
        await answer.write(b'id: 8\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\n')
        return answer

    scene.server.answer = resumed
    connection = begun(scene, "GET", None, {"Accept": "text/event-stream", "Last-Event-ID": "7"})
    answer = connection.getresponse()
    assert answer.read1() == b": alive\n\n"  # while the server still holds its next event back
    seen.set()
    assert answer.read().startswith(b"id: 8\n")
    connection.close()
    method, headers, _ = scene.server.asked[-1]
    assert (method, headers["last-event-id"]) == ("GET", "7")


def test_a_stream_that_breaks_off_breaks_off_for_the_agent(scene: Scene) -> None:
    async def broken(request: web.Request, message: Any) -> web.StreamResponse:
        answer = web.StreamResponse(headers=EVENTS)
        await answer.prepare(request)
        await answer.write(b'id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"x":"\xc3')
        assert request.transport is not None
        request.transport.abort()
        return answer

    scene.server.answer = broken
    connection = begun(scene, "POST", call("good"), {"Accept": "text/event-stream"})
    answer = connection.getresponse()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        answer.read()
    connection.close()


def test_an_agent_that_goes_away_cancels_its_call_at_the_server(scene: Scene) -> None:
    reached, cancelled = threading.Event(), threading.Event()

    async def slow(request: web.Request, message: Any) -> web.StreamResponse:
        reached.set()
        try:
            await asyncio.sleep(WAIT)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return web.Response()

    scene.server.answer = slow
    connection = begun(scene, "POST", call("good"), {})
    assert reached.wait(WAIT)
    connection.close()
    assert cancelled.wait(WAIT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("trusted", [True, False])
def test_a_private_ca_counts_where_the_settings_name_it_and_no_other_does(
    installation: Installation, authority: Authority, tmp_path: Path, trusted: bool
) -> None:
    pair = (authority if trusted else Authority(tmp_path, "Another")).issue("server", file=f"server-{trusted}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    with HttpServer(tls=context) as server:
        scene = Scene(installation, server)
        scene.allow()
        status, _, body = scene.ask(call("good"))
        installation.client.unwrap()
    gc.collect()  # asyncio leaves the server's socket of a handshake that failed to the collector, which complains
    assert (status, len(server.asked)) == ((200, 1) if trusted else (502, 0))
    if not trusted:
        assert "certificate" in json.loads(body)["error"]["message"].lower()


def test_the_proxy_of_the_environment_is_used_but_not_for_this_machine(
    installation: Installation, proxy: HttpServer, scene: Scene
) -> None:
    proxy.asked.clear()
    assert scene.ask(call("good"))[0] == 200
    assert proxy.asked == []
    scene.installation.client.unwrap()
    text = json.dumps({"mcpServers": {"remote": {"type": "http", "url": "http://mcp.test/mcp"}}})
    scene.config.write_text(text)
    scene.installation.client.wrap()
    scene.allow()
    assert scene.ask(call("good"))[0] == 200
    assert [headers["host"] for _, headers, _ in proxy.asked] == ["mcp.test"] * 2  # asked for its demands, and the call


def test_a_bridge_is_approved_by_the_address_that_it_leads_to(installation: Installation) -> None:
    url = "https://bridged.example.org/mcp"
    entry = {"command": "npx", "args": ["-y", "mcp-remote", url]}
    config = installation.home / ".claude.json"
    config.write_text(json.dumps({"mcpServers": {"bridged": entry}}))
    installation.client.wrap()
    (before,) = installation.client.inventory()["servers"]
    installation.client.rule(f"url:{url}", None, "allow")
    (after,) = installation.client.inventory()["servers"]
    installation.client.unwrap()
    assert (before["state"], before["identity"]) == ("wrapped", f"url:{url}")
    assert (before["effect"], after["effect"]) == ("deny", "allow")
