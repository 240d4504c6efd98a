"""Wrapping puts our launcher in front of each server; unwrapping gives every byte back."""

from pathlib import Path

from callgate.wrap.report import Did

TWO = {
    "theme": "dark",
    "mcpServers": {"a": {"command": "npx", "args": ["-y", "pkg"], "env": {"K": "s"}}, "b": {"command": "x"}},
}


def test_a_file_is_wrapped_and_comes_back_byte_for_byte(home) -> None:
    path = home.file(".claude.json", TWO)
    before = path.read_bytes()
    report = home.wrap()
    assert [(item.entry, item.done) for item in report.items] == [("a", Did.WRAPPED), ("b", Did.WRAPPED)]
    launcher, *rest = home.argv("a")
    assert rest == ["--", "npx", "-y", "pkg"]
    assert Path(launcher).is_relative_to(home.folders.launchers)
    assert home.argv("b")[1:] == ("--", "x")
    assert b'"theme": "dark"' in path.read_bytes()
    report = home.unwrap()
    assert {item.done for item in report.items} == {Did.UNWRAPPED}
    assert path.read_bytes() == before
    assert not Path(launcher).exists()
    assert [p.name for p in home.folders.journal.iterdir()] == ["lock"]
