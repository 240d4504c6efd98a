"""How a difference is shown: readable, and harmless whatever stands in it."""

from __future__ import annotations

import json

from callgate.cli.pins import WIDTH, lines


def shown(before: object, after: object) -> list[str]:
    return lines(json.dumps(before), json.dumps(after))


def test_only_what_changed_is_shown_with_a_line_around_it() -> None:
    found = shown({"a": 1, "b": "old", "c": 3, "d": 4}, {"a": 1, "b": "new", "c": 3, "d": 4})
    assert found == ['   "a": 1,', '-  "b": "old",', '+  "b": "new",', '   "c": 3,']


def test_long_texts_are_folded_and_nothing_of_them_is_left_out() -> None:
    found = shown({}, {"description": "word " * 100})
    assert max(map(len, found)) < WIDTH + 20
    assert "".join(line[1:].strip() for line in found).count("word") + 5 >= 100


def test_what_could_steer_a_terminal_or_hide_is_spelled_out() -> None:
    text = "\n".join(shown({}, {"\x1b[2J": "a\u202eb\u200bc\U000e0041"}))
    assert text.isprintable() or set(text) - set("\n") <= {letter for letter in text if letter.isprintable()}
    assert "\x1b" not in text and "\u202e" not in text and "\u200b" not in text and "\U000e0041" not in text


def test_a_definition_that_did_not_change_or_was_not_kept_is_shown_as_such() -> None:
    assert shown({"a": 1}, {"a": 1}) == [" {", '   "a": 1', " }"]
    assert lines("{}", "") == ["(its text was not kept)"]
    assert lines("", '{"a":1}')[0].startswith("+")
