"""Names that a hurried reader takes for each other."""

from __future__ import annotations

from callgate.registry.namesakes import Namesakes


def test_a_tool_finds_those_that_look_like_it_once_they_are_there() -> None:
    names = Namesakes()
    assert names.add("npm:a", "read_file") == []
    assert names.add("npm:a", "read_file") == []
    assert names.add("npm:b", "read_file") == [("npm:a", "read_file")]
    assert names.add("npm:a", "rеad-file") == [("npm:a", "read_file"), ("npm:b", "read_file")]  # a Cyrillic letter
    assert names.add("npm:a", "write_file") == []
