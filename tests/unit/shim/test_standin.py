"""What stands in the place of a server that must not run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callgate.shim import standin
from callgate.shim.jsonrpc import Message, parse

REFUSAL = "Callgate does not let this server run: it is evil"
META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


def ask(method: str, params: object = None) -> dict[str, Any]:
    message = parse(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}).encode())
    assert isinstance(message, Message)
    answer = json.loads(standin.answer(message, REFUSAL))
    assert answer["id"] == 7
    return answer


def test_the_handshake_succeeds_in_the_version_of_the_client_and_gives_the_reason() -> None:
    result = ask("initialize", {"protocolVersion": "2025-06-18"})["result"]
    assert (result["protocolVersion"], result["instructions"]) == ("2025-06-18", REFUSAL)
    assert ask("initialize")["result"]["protocolVersion"] == standin.OLDEST


@pytest.mark.parametrize(("params", "more"), [({}, set()), (META, {"resultType", "ttlMs", "cacheScope"})])
def test_the_one_tool_tells_the_model_why(params: dict[str, Any], more: set[str]) -> None:
    result = ask("tools/list", params)["result"]
    assert [tool["description"] for tool in result["tools"]] == [REFUSAL]
    assert set(result) == {"tools"} | more
    called = ask("tools/call", params | {"name": standin.TOOL})["result"]
    assert called["isError"] and called["content"][0]["text"] == REFUSAL


def test_the_stateless_era_discovers_the_reason() -> None:
    result = ask("server/discover", META)["result"]
    assert (result["supportedVersions"], result["instructions"]) == (["2026-07-28"], REFUSAL)


def test_everything_else_is_an_error_with_the_reason() -> None:
    assert ask("ping")["result"] == {}
    assert ask("resources/list")["error"]["message"] == REFUSAL
