"""An agent's HTTP entry behind the gate: a real daemon, a real server, the bytes that pass between them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from callgate.service import background
from http_scene import Scene, call, free_port
from http_server import HttpServer, plain
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with Installation() as made:
        made.settle(f'mode = "enforce"\n[http]\nport = {free_port()}\n')
        background.ensure(made.folders, made.env, made.home)
        yield made


@pytest.fixture
def scene(installation: Installation) -> Iterator[Scene]:
    """With a server of its own, so with an identity that no rule knows."""
    with HttpServer() as server:
        yield Scene(installation, server)
        installation.client.unwrap()


def test_an_entry_leads_to_the_gate_without_its_credential_and_comes_back_byte_for_byte(scene: Scene) -> None:
    assert scene.entry["url"].startswith("http://127.0.0.1:")
    assert "s3cret" not in scene.config.read_text()
    scene.allow()
    assert scene.ask(call("good"))[0] == 200
    assert scene.server.asked[-1][1]["authorization"] == "Bearer s3cret"
    scene.installation.client.unwrap()
    assert scene.config.read_text() == scene.original
    assert list(scene.installation.folders.routes.iterdir()) == []


def test_a_server_that_is_not_approved_is_not_reached_and_says_why(scene: Scene) -> None:
    status, _, body = scene.ask({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})
    assert status == 200
    assert "does not let this server be reached" in json.loads(body)["result"]["instructions"]
    denied = json.loads(scene.ask(call("good"))[2])["result"]
    assert denied["isError"]
    assert scene.server.asked == []
    row = scene.installation.rows(kind="server.launched", server=f"url:{scene.server.url}")[0]
    assert (row["effect"], row["agent"], row["server"]) == ("deny", "claude-code", f"url:{scene.server.url}")


def test_what_is_allowed_passes_byte_for_byte_and_what_is_not_does_not_pass(scene: Scene) -> None:
    scene.allow("good")
    start = b'{ "jsonrpc":"2.0",\r\n "id": 1.0, "method":"tools/call",'
    raw = start + '"params":{"name":"good","arguments":{"e":"é"}}}\r\n'.encode()
    status, headers, body = scene.ask(None, raw=raw)
    assert status == 200
    assert headers["mcp-session-id"] == "s1"
    assert scene.server.asked[-1][2] == raw
    assert json.loads(body)["result"]["content"][0]["text"] == "done"
    count = len(scene.server.asked)
    refused = json.loads(scene.ask(call("bad", "x"))[2])
    assert refused["id"] == "x"
    assert refused["result"]["isError"]
    assert len(scene.server.asked) == count
    mine = {"server": f"url:{scene.server.url}"}
    asked = {row["tool"]: row["effect"] for row in scene.installation.rows(kind="call.asked", **mine)}
    assert asked == {"good": "allow", "bad": "deny"}
    until(lambda: scene.installation.rows(kind="call.answered", **mine), "the note of the answer")


def test_a_list_shows_only_what_may_be_called(scene: Scene) -> None:
    scene.allow("good")
    body = scene.ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})[2]
    assert [tool["name"] for tool in json.loads(body)["result"]["tools"]] == ["good"]


def test_a_batch_goes_on_without_what_is_refused_and_its_answer_holds_the_refusal(scene: Scene) -> None:
    async def batch(request: web.Request, message: Any) -> web.StreamResponse:
        if not isinstance(message, list):
            return await plain(request, message)
        return web.json_response([{"jsonrpc": "2.0", "id": one["id"], "result": {"content": []}} for one in message])

    scene.server.answer = batch
    scene.allow("good")
    body = json.loads(scene.ask([call("good", 1), call("bad", 2)])[2])
    assert {one["id"]: one["result"].get("isError", False) for one in body} == {1: False, 2: True}
    assert [one["id"] for one in json.loads(scene.server.asked[-1][2])] == [1]


def test_a_stream_passes_as_it_comes_and_a_list_in_it_is_filtered(scene: Scene) -> None:
    tools = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "good"}, {"name": "bad"}]}})
    before = b': ping\r\n\r\nid: 4\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\r\n\r\n'

    async def events(request: web.Request, message: Any) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(before)
        await answer.write(b"id: 5\ndata: " + tools.encode() + b"\n\n")
        return answer

    scene.server.answer = events
    scene.allow("good")
    body = scene.ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})[2]
    assert body.startswith(before + b"id: 5\ndata: ")
    shown = json.loads(body[len(before) :].split(b"data: ")[1])
    assert [tool["name"] for tool in shown["result"]["tools"]] == ["good"]


def test_an_answer_in_gzip_is_read_and_passed_on_plain(scene: Scene) -> None:
    async def packed(request: web.Request, message: Any) -> web.StreamResponse:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "bad"}]}}).encode()
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return web.Response(body=gzip.compress(body), headers=headers)

    scene.server.answer = packed
    scene.allow("good")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    _, headers, body = scene.ask(asked, headers={"Accept-Encoding": "gzip, br, zstd"})
    assert "content-encoding" not in headers
    assert json.loads(body)["result"]["tools"] == []
    assert scene.server.asked[-1][1]["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_coding_that_was_not_asked_for_is_an_error_that_says_so(scene: Scene, coding: str) -> None:
    async def packed(request: web.Request, message: Any) -> web.StreamResponse:
        return web.Response(body=b"?", headers={"Content-Type": "application/json", "Content-Encoding": coding})

    scene.server.answer = packed
    scene.allow()
    status, _, body = scene.ask(call("good"))
    assert status == 502
    assert coding in json.loads(body)["error"]["message"]
    assert json.loads(body)["id"] == 1


def test_a_redirect_is_not_followed_except_for_a_slash(scene: Scene) -> None:
    async def away(request: web.Request, message: Any) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/elsewhere"})

    async def slash(request: web.Request, message: Any) -> web.StreamResponse:
        if request.path == "/mcp":
            return web.Response(status=307, headers={"Location": "/mcp/"})
        return await plain(request, message)

    scene.allow()
    scene.server.answer = away
    status, _, body = scene.ask(call("good"))
    assert status == 502
    assert "not followed" in json.loads(body)["error"]["message"]
    scene.server.answer = slash
    assert scene.ask(call("good"))[0] == 200


def test_a_server_that_is_away_is_an_error_to_the_call_and_nothing_else(scene: Scene) -> None:
    scene.allow()
    scene.server.close()
    status, _, body = scene.ask(call("good"))
    assert status == 502
    assert "cannot be reached" in json.loads(body)["error"]["message"]


def test_headers_that_name_another_tool_than_the_message_are_refused(scene: Scene) -> None:
    scene.allow()
    status, _, body = scene.ask(call("good"), headers={"Mcp-Method": "tools/call", "Mcp-Name": "bad"})
    assert status == 400
    assert json.loads(body)["error"]["code"] == -32020
    assert scene.server.asked == []


def test_a_dead_session_is_told_as_the_server_tells_it(scene: Scene) -> None:
    async def dead(request: web.Request, message: Any) -> web.StreamResponse:
        return web.Response(status=404)

    scene.allow()
    scene.server.answer = dead
    assert scene.ask(call("good"), headers={"Mcp-Session-Id": "old"})[0] == 404
    assert scene.ask(None, "DELETE", headers={"Mcp-Session-Id": "old"})[0] == 404


BEARER = 'Bearer resource_metadata="x"'


async def challenge(request: web.Request, message: Any) -> web.StreamResponse:
    return web.Response(status=401, headers={"WWW-Authenticate": BEARER})


def bare(scene: Scene, **more: object) -> str:
    """The entry of this scene anew, without a credential."""
    scene.installation.client.unwrap()
    text = json.dumps({"mcpServers": {"remote": {"type": "http", "url": scene.server.url, **more}}})
    scene.config.write_text(text)
    return text


def state(scene: Scene) -> tuple[str, str]:
    (server,) = scene.installation.client.inventory()["servers"]
    return server["state"], server["why"]


def test_an_entry_whose_server_wants_a_token_of_its_own_is_never_touched(scene: Scene) -> None:
    original = bare(scene)
    scene.server.answer = challenge
    scene.server.asked.clear()
    scene.installation.client.wrap()
    assert scene.config.read_text() == original
    assert state(scene)[0] == "left"
    assert "OAuth" in state(scene)[1]
    scene.installation.client.wrap()
    assert [(method, "authorization" in sent) for method, sent, _ in scene.server.asked] == [("GET", False)]


def test_a_server_that_wants_a_token_only_later_gives_its_entry_the_address_back(scene: Scene) -> None:
    original = bare(scene)
    scene.installation.client.wrap()
    assert state(scene)[0] == "wrapped"
    scene.server.answer = challenge
    scene.allow()
    status, headers, _ = scene.ask(call("good"))
    assert (status, headers["www-authenticate"]) == (401, BEARER)
    until(lambda: scene.config.read_text() == original, "the entry to have its address back", 20)
    assert state(scene)[0] == "left"


@pytest.mark.parametrize(
    "more",
    [{"headers": {"Authorization": "Bearer ${TOKEN}"}}, {"headersHelper": "/bin/token"}],
    ids=["header", "helper"],
)
def test_an_entry_that_gets_its_credential_from_elsewhere_is_wrapped_without_a_question(
    scene: Scene, more: dict[str, object]
) -> None:
    bare(scene, **more)
    scene.server.answer = challenge
    scene.server.asked.clear()
    scene.installation.client.wrap()
    assert state(scene)[0] == "wrapped"
    assert scene.server.asked == []
    scene.allow()
    assert scene.ask(call("good"), headers={"Authorization": "Bearer worn-out"})[0] == 401
    scene.installation.client.reload()
    scene.installation.client.wrap()
    assert state(scene)[0] == "wrapped"


def test_a_server_that_does_not_answer_is_wrapped(scene: Scene) -> None:
    bare(scene)
    scene.server.close()
    scene.installation.client.wrap()
    assert state(scene)[0] == "wrapped"


def test_no_http_gives_the_entries_back(scene: Scene) -> None:
    background.set_http(scene.installation.folders, False)
    scene.installation.client.reload()
    scene.installation.client.wrap()
    assert scene.config.read_text() == scene.original
    assert "wrap = false" in scene.installation.folders.settings.read_text()
    background.set_http(scene.installation.folders, True)
    scene.installation.client.reload()
