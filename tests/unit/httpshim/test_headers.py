"""Headers: what travels on, what stays, and what must say the same as the message."""

import pytest
from callgate.httpshim import headers


def test_credentials_of_the_entry_take_the_place_of_what_the_agent_sends() -> None:
    sent = headers.outgoing(
        [
            ("Host", "127.0.0.1:1"),
            ("Connection", "keep-alive, X-Hop"),
            ("X-Hop", "1"),
            ("authorization", "kept-by-callgate"),
            ("Mcp-Method", "tools/call"),
            ("Accept-Encoding", "br, gzip"),
        ],
        [("Authorization", "Bearer right")],
    )
    assert sent == [
        ("Mcp-Method", "tools/call"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Authorization", "Bearer right"),
    ]


def test_only_codings_that_we_read_are_asked_for() -> None:
    assert headers.outgoing([("Accept-Encoding", "br, zstd")], []) == [("Accept-Encoding", "identity")]


def test_headers_of_the_connection_do_not_come_back() -> None:
    back = headers.returned([("Mcp-Session-Id", "a"), ("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")])
    assert back == [("Mcp-Session-Id", "a")]


@pytest.mark.parametrize(
    ("received", "wrong"),
    [
        ([], False),
        ([("mcp-method", "tools/call"), ("Mcp-Name", "echo")], False),
        ([("Mcp-Name", "=?base64?ZWNobw==?=")], False),
        ([("Mcp-Method", "tools/list")], True),
        ([("Mcp-Name", "delete_all")], True),
        ([("Mcp-Name", "=?base64?!?=")], True),
        ([("Mcp-Name", "echo"), ("mcp-name", "delete_all")], True),
    ],
)
def test_a_header_that_says_something_else_than_the_message_is_noticed(
    received: list[tuple[str, str]], wrong: bool
) -> None:
    assert bool(headers.mismatch(received, "tools/call", "echo")) is wrong
