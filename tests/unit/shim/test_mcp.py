"""What the shim knows of MCP: glimpses at answers, and the words of a refusal."""

from __future__ import annotations

import json

import pytest
from callgate.shim import mcp
from callgate.shim.frames import ASK_USER, DENY
from callgate.shim.jsonrpc import Message, Refused, parse


def message(value: object) -> Message:
    found = parse(json.dumps(value).encode())
    assert isinstance(found, Message)
    return found


@pytest.mark.parametrize(
    ("line", "id_bytes"),
    [
        (b'{"jsonrpc":"2.0","id":5,"result":{"id":6}}', b"5"),
        (b'{ "id" : "a b" , "result":{}}', b'"a b"'),
        (b'{"result":{"a":{"id":7}},"jsonrpc":"2.0","id":2}', b"2"),
        (b'{"result":{"content":[{"text":"' + b"x" * 500 + b'"}]},"jsonrpc":"2.0","id":"q"}\n', b'"q"'),
        (b'{"result":{"id":9},"jsonrpc":"2.0"}', None),
        (b'{"result":{"x":{"id":9}}}', None),
        (b'{"id":"a\\"b","result":{}}', None),
        (b'{"id"', None),
        (b'{"id":', None),
        (b"", None),
    ],
)
def test_the_id_of_an_answer_is_glimpsed_at_either_end(line: bytes, id_bytes: bytes | None) -> None:
    assert mcp.peek_id(line) == id_bytes


@pytest.mark.parametrize("params", [None, [], {}, {"name": 1}, {"name": None}, {"name": "n" * 5000}, {"Name": "x"}])
def test_a_call_that_names_no_tool_is_refused(params: object) -> None:
    with pytest.raises(Refused) as refused:
        mcp.tool_of(message({"id": 4, "method": "tools/call", "params": params}))
    assert refused.value.id == "4"


def test_a_parameter_that_differs_only_in_case_is_refused() -> None:
    with pytest.raises(Refused, match="could be read as 'name'"):
        mcp.tool_of(message({"id": 4, "method": "tools/call", "params": {"name": "a", "NAME": "b"}}))


@pytest.mark.parametrize("method", ["Tools/Call", " tools/call", "tools/call\0x", "tools/call\n", "TOOLS/CALL"])
def test_a_method_that_a_lenient_server_takes_for_a_call_is_refused(method: str) -> None:
    with pytest.raises(Refused):
        mcp.check_method(message({"id": 1, "method": method}))


def test_a_refusal_is_a_tool_result_that_tells_the_model_what_to_do() -> None:
    asked = message({"id": 1.5, "method": "tools/call", "params": {"name": "a"}})
    said = json.loads(mcp.denial(asked, "c0ffee-7", DENY, {"reason": 'it is "bad"\n', "rule": "no-bad"}))
    assert said["id"] == 1.5
    assert said["result"]["isError"] is True
    assert "resultType" not in said["result"]
    text = said["result"]["content"][0]["text"]
    assert 'it is "bad"' in text
    assert "no-bad" in text
    assert "callgate explain c0ffee-7" in text


def test_a_stateless_request_gets_a_result_that_names_its_type() -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    asked = message({"id": 1, "method": "tools/call", "params": {"name": "a", "_meta": meta}})
    said = json.loads(mcp.denial(asked, "c0ffee-7", ASK_USER, {}))
    assert said["result"]["resultType"] == "complete"
    assert "approval" in said["result"]["content"][0]["text"]


@pytest.mark.parametrize("meta", [None, [], {"io.modelcontextprotocol/protocolVersion": "2025-11-25"}, {"x": 1}])
def test_an_older_request_does_not(meta: object) -> None:
    assert not mcp.is_modern({"name": "a", "_meta": meta})


def test_what_a_client_says_of_itself_is_kept_short() -> None:
    params = {"protocolVersion": "2025-06-18", "clientInfo": {"name": "n" * 999, "version": 3}}
    said = mcp.opening(message({"id": 1, "method": "initialize", "params": params}))
    assert said == {"version": "2025-06-18", "client": "n" * mcp.SAID_MAX}
