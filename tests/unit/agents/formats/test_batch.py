"""Many edits of one document: how often the text is read for them, and what becomes of those that meet."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from callgate.agents.formats.batch import State, edited
from callgate.agents.formats.document import Document, edit
from callgate.agents.formats.json_text import JsonText
from callgate.agents.formats.span import Laid
from callgate.model.inventory import Drop, Edit, Format, Put, PutText

FEW = b'{"a": {"x": 1, "y": 2, "z": 3}, "b": {"x": "1"}, "c": {}, "d": [1, 2]}'


def servers(count: int, indent: int | None = 2) -> bytes:
    made = {f"s{place}": {"command": "npx", "env": {}} for place in range(count)}
    return json.dumps({"mcpServers": made}, indent=indent).encode()


def wrapping(count: int) -> list[list[Edit]]:
    return [
        [Put(("mcpServers", f"s{place}", "command"), "l"), Put(("mcpServers", f"s{place}", "args"), ["--", "npx"])]
        for place in range(count)
    ]


def readings(data: bytes, groups: Sequence[Sequence[Edit]]) -> tuple[int, object]:
    count = 0

    def read(text: str) -> Laid:
        nonlocal count
        count += 1
        return JsonText(text)

    state, errors = edited(read, State(data.decode(), JsonText(data.decode())), groups)
    assert not any(errors)
    return count, state.laid.value


def test_the_text_is_read_once_more_for_all_entries_together() -> None:
    count, value = readings(servers(50), wrapping(50))
    assert count == 1
    assert value == {
        "mcpServers": {f"s{place}": {"command": "l", "args": ["--", "npx"], "env": {}} for place in range(50)}
    }


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.timeout(60)
def test_ten_thousand_entries_cost_linear_time(indent: int | None) -> None:
    data = servers(10_000, indent)
    document = Document(data, Format.JSON)
    after, errors = document.edited(wrapping(10_000))
    assert not any(errors)
    undo: list[list[Edit]] = [
        [PutText(put.at, b'"npx"'), Drop(add.at)]
        for put, add in wrapping(10_000)  # type: ignore[misc]
    ]
    assert after.edited(undo)[0].data == data


@pytest.mark.parametrize(
    ("groups", "value"),
    [
        ([[Put(("c", "x"), 1)], [Put(("c", "y"), 2)]], {"c": {"x": 1, "y": 2}}),
        ([[Put(("e",), {})], [Put(("e", "x"), 1)]], {"e": {"x": 1}}),
        ([[Put(("e",), {}), Put(("e", "x"), 1)]], {"e": {"x": 1}}),
        ([[Drop(("a", "x"))], [Drop(("a", "y"))], [Drop(("a", "z"))]], {"a": {}}),
        ([[Drop(("a", "x")), Put(("a", "n"), 4), Drop(("a", "z"))]], {"a": {"y": 2, "n": 4}}),
        ([[Drop(("a", "z"))], [Put(("a", "y"), 5)]], {"a": {"x": 1, "y": 5}}),
        ([[Put(("a", "x"), 7)], [Put(("a", "x"), 8)]], {"a": {"x": 8, "y": 2, "z": 3}}),
        ([[Put(("a", "x"), 7)], [Put(("a",), 8)]], {"a": 8}),
        ([[Put(("d", 0), "p")], [Put(("d", 1), "q")], [Drop(("b", "x"))]], {"d": ["p", "q"], "b": {}}),
    ],
)
def test_edits_that_meet_are_made_one_after_another(groups: list[list[Edit]], value: dict[str, object]) -> None:
    after, errors = Document(FEW, Format.JSON).edited(groups)
    assert errors == [None] * len(groups)
    assert after.value == json.loads(FEW) | value
    assert after.value == json.loads(after.data)


def test_a_group_that_cannot_be_made_is_left_out_whole() -> None:
    groups: list[list[Edit]] = [
        [Put(("a", "x"), 9)],
        [Put(("b", "x"), "new"), Drop(("b", "none"))],
        [Put(("b", "x"), "\ud83d")],
        [PutText(("d",), b"[1,")],
        [Put(("c", "x"), 1)],
    ]
    after, errors = Document(FEW, Format.JSON).edited(groups)
    assert [error is None for error in errors] == [True, False, False, False, True]
    assert after.value == json.loads(FEW) | {"a": {"x": 9, "y": 2, "z": 3}, "c": {"x": 1}}


def test_an_edit_that_fails_halfway_leaves_the_document_as_it_was() -> None:
    document = Document(FEW, Format.JSON)
    after, errors = document.edited([[Put(("e",), {}), Put(("e", "x"), 1), Drop(("none",))]])
    assert errors[0] is not None
    assert after.data == document.data == FEW


def test_no_number_of_edits_that_meet_has_the_text_read_without_end() -> None:
    count = 500
    after, errors = Document(b"{}", Format.JSON).edited([[Put((f"k{place}",), place)] for place in range(count)])
    made = [place for place, error in enumerate(errors) if error is None]
    assert after.value == {f"k{place}": place for place in made}
    assert 0 < len(made) < count
    assert "too many edits" in str(errors[-1])


def test_without_edits_the_bytes_stay() -> None:
    data = b'\xef\xbb\xbf{ "a": 1, } // end'
    assert edit(data, Format.JSONC, []) == data
    assert Document(data, Format.JSONC).edited([[], []])[0].data == data
