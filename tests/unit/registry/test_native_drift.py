"""A managed file against what it should be, and ours put into one of the organisation's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from callgate.agents.native.control import Piece
from callgate.model.errors import DocumentError
from callgate.model.inventory import Format
from callgate.registry.native_drift import compare, holds, merged

LIST = Piece(
    "/etc/x.json", b'{"allowed": ["a", "b"], "mcp": {"on": true}}', "", Format.JSON, (("allowed",), ("mcp", "on"))
)
NESTED = Piece("/etc/x.json", b'{"mcp": {"allowed": ["a"]}}', "", Format.JSON, (("mcp", "allowed"), ("mcp", "out")))
TABLE = Piece("/etc/x.toml", b'[mcp_servers.a.identity]\ncommand = "/l/a"\n', "", Format.TOML, (("mcp_servers",),))


def test_no_file_is_missing() -> None:
    assert compare(LIST, None).status == "missing"


def test_the_file_itself_is_the_same() -> None:
    for piece in (LIST, NESTED, TABLE):
        found = compare(piece, piece.text)
        assert (found.status, found.differences, found.foreign) == ("same", (), ())


def test_other_bytes_of_the_same_meaning_are_the_same() -> None:
    assert compare(LIST, b'// ours\n{"mcp": {"on": true}, "allowed": ["a",\n"b",]}').status == "same"


def test_what_is_lacking_and_what_is_too_many_is_named() -> None:
    found = compare(LIST, b'{"allowed": ["b", "evil"], "mcp": {"on": true}}')
    assert found.status == "differs"
    assert found.differences == ("allowed lacks 'a'", "allowed has 'evil' too many")


def test_one_is_not_true() -> None:
    assert compare(LIST, b'{"allowed": ["a", "b"], "mcp": {"on": 1}}').differences == ("mcp.on is 1, not True",)


def test_another_order_is_a_difference_for_rules_go_by_the_first_that_matches() -> None:
    assert compare(LIST, b'{"allowed": ["b", "a"], "mcp": {"on": true}}').differences == ("allowed has another order",)


def test_a_server_that_somebody_added_to_our_table_is_too_many() -> None:
    added = TABLE.text + b'[mcp_servers.evil.identity]\ncommand = "/x"\n'
    assert compare(TABLE, added).differences == ("mcp_servers.evil is too many",)


def test_keys_of_others_are_foreign_and_no_fault() -> None:
    found = compare(NESTED, b'{"mcp": {"allowed": ["a"], "theirs": 1}, "hooks": {}}')
    assert (found.status, found.foreign) == ("same", ("mcp.theirs", "hooks"))


def test_a_list_of_theirs_where_we_have_none_is_foreign() -> None:
    found = compare(NESTED, b'{"mcp": {"allowed": ["a"], "out": ["x"]}}')
    assert (found.status, found.foreign) == ("same", ("mcp.out",))


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"\xff\xfe", b"[]", b"null", b'"x"', b'{"allowed": 1}'])
def test_a_file_of_rubbish_differs(data: bytes) -> None:
    assert compare(LIST, data).status == "differs"


def test_many_differences_are_counted() -> None:
    found = compare(LIST, b'{"mcp": {"on": true}, "allowed": ["a", "b", %s]}' % b",".join(b"%d" % n for n in range(50)))
    assert len(found.differences) == 21 and found.differences[-1] == "30 more differences"


def test_ours_is_put_into_theirs_and_every_other_byte_stays() -> None:
    theirs = b'{\n  // theirs\n  "hooks": {"a": 1},\n  "mcp": {"theirs": true}\n}\n'
    after = merged(NESTED, theirs)
    assert compare(NESTED, after).status == "same"
    assert b"// theirs\n" in after and b'"hooks": {"a": 1}' in after and b'"theirs": true' in after
    assert merged(NESTED, after) == after


def test_ours_is_put_where_there_is_nothing_yet() -> None:
    for piece in (LIST, NESTED, TABLE):
        theirs = b'model = "x"\n' if piece.format is Format.TOML else b'{"model": "x"}\n'
        assert compare(piece, merged(piece, theirs)).status == "same"


def test_an_older_list_of_ours_is_replaced_whole() -> None:
    older = b'{"allowed": ["gone"], "mcp": {"on": false}, "theirs": 1}'
    after = merged(LIST, older)
    assert compare(LIST, after).status == "same" and b"gone" not in after and b'"theirs": 1' in after


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"mcp": 5}'])
def test_what_cannot_be_merged_is_an_error(data: bytes) -> None:
    with pytest.raises(DocumentError):
        merged(NESTED, data)


def test_text_for_a_console_cannot_be_merged() -> None:
    with pytest.raises(DocumentError):
        merged(Piece("console/x.txt", b"x", ""), b"y")


def test_another_file_that_sets_our_keys_is_found() -> None:
    assert holds(LIST, b'{"allowed": []}') == ("allowed",)
    assert holds(LIST, b'{"other": []}') == ()
    assert holds(LIST, b"{") == ()


HEADS = [b"", b"# theirs\n", b'model = "x" # theirs\n', b"# theirs\n[features]\nhooks = true\n\n", b'a = "no line end"']


def table(*names: str) -> Piece:
    text = "".join(f'[mcp_servers."{name}".identity]\ncommand = "/l/{name}"\n' for name in names) or "[mcp_servers]\n"
    return replace(TABLE, text=text.encode())


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("before", [(), ("a",), ("a", "b"), ("b.c",)])
@pytest.mark.parametrize("now", [(), ("a",), ("a", "b"), ("b.c",)])
def test_tables_of_ours_are_renewed_in_a_file_of_theirs_again_and_again(
    head: bytes, before: tuple[str, ...], now: tuple[str, ...]
) -> None:
    first = merged(table(*before), head)
    after = merged(table(*now), first)
    assert compare(table(*now), after).status == "same"
    assert after.startswith(head.rstrip(b"\n")) and merged(table(*now), after) == after


def test_tables_of_ours_that_stand_between_theirs_or_inline_are_renewed() -> None:
    spread = b'[a]\nx = 1\n[mcp_servers.old.identity]\ncommand = "/old"\n[b]\ny = 2 # why\n[mcp_servers.older]\n'
    for theirs in (spread, b'mcp_servers = {old = {identity = {command = "/old"}}}\n[b]\ny = 2 # why\n'):
        after = merged(TABLE, theirs)
        assert compare(TABLE, after).status == "same" and b"old" not in after and b"[b]\ny = 2 # why\n" in after
