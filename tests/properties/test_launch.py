"""Patterns of approvals match what they say and nothing else; an exact version is put into one word and no other."""

from __future__ import annotations

import re

from callgate.discovery.launch.read import read_launch
from callgate.discovery.launch.substitute import substituted
from callgate.discovery.launch.target import Package
from callgate.policy import patterns
from hypothesis import example, given
from hypothesis import strategies as st

PIECES = st.lists(st.sampled_from(["*", "**", "/", "\\*", "\\\\", "\\.", "a", "b", "..", "é", "-", "\n"]), max_size=8)
LETTERS = st.lists(st.sampled_from(["*", "/", "\\", "a", "b", "..", ".", "é", "-", "\n"]), max_size=10).map("".join)
WORDS = st.one_of(LETTERS, st.text(st.characters(exclude_characters="\0"), max_size=12))

NAMES = st.sampled_from(["pkg", "@a/pkg", "Some_Pkg", "ghcr.io/acme/x", "acme/x", "mcp/x"])
VERSIONS = st.sampled_from(
    ["", "@latest", "@^1", "==2.0", ">=1", ":latest", "@1.0.0", "[extra]", "@file:.", "@sha256:0"]
)
RUNNERS = st.sampled_from(
    [
        *("npx", "npx -y", "npx -p", "npx --package", "npm exec", "bunx", "deno run -A", "env A=b npx", "nice npx"),
        *("uvx", "uvx --from", "uv run --with", "pipx run", "pipx run --spec", "sh -c", "node"),
        *("docker run -i --rm", "podman run"),
    ]
)
FREE = st.sampled_from(["pkg", "--", "-p", "-e", "@a/pkg", "--package=pkg", "npm:pkg", "--from", "x", "-c", "", "p@2"])


def as_expression(pieces: list[str]) -> re.Pattern[str]:
    """The same pattern as a regular expression, written another way: from the pattern's text, wildcard by wildcard."""
    found = ""
    for token in re.findall(r"\\.|\*+|.", "".join(pieces), re.DOTALL):
        if token.startswith("*"):
            found += "[^/]*" if token == "*" else ".*"
        else:
            found += re.escape(token[-1])
    return re.compile(found, re.DOTALL)


@given(PIECES, WORDS)
@example(["/srv/", "**"], "/srv/../etc")
def test_a_pattern_matches_as_it_is_written_and_never_reaches_upwards(pieces: list[str], word: str) -> None:
    pattern = "".join(pieces)
    assert patterns.problem(pattern) is None
    has_wildcard = any(piece in ("*", "**") for piece in pieces)
    expected = bool(as_expression(pieces).fullmatch(word)) and not (has_wildcard and ".." in word.split("/"))
    assert patterns.matches(pattern, word) is expected


@given(WORDS, WORDS)
@example("...", "anything")
def test_a_word_taken_literally_matches_itself_alone(word: str, other: str) -> None:
    pattern = patterns.literal(word)
    assert patterns.problem(pattern) is None and patterns.matches(pattern, word)
    assert patterns.matches(pattern, other) is (word == other)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_a_line_of_literal_words_allows_that_line_alone(words: list[str], others: list[str]) -> None:
    line = [patterns.literal(word) for word in words]
    assert patterns.line_problem(line) is None
    assert patterns.unmatched(line, words) is None
    assert (patterns.unmatched(line, others) is None) is (words == others)


@given(RUNNERS, NAMES, VERSIONS, st.lists(FREE, max_size=3), st.lists(FREE, max_size=2))
def test_a_substituted_line_differs_in_one_word_and_starts_exactly_that_version(
    runner: str, name: str, version: str, after: list[str], before: list[str]
) -> None:
    argv = (*runner.split(), *before, name + version, *after)
    exact = "sha256:" + "a" * 64 if runner.startswith(("docker", "podman")) else "1.2.3"
    found = substituted(argv, exact)
    if isinstance(found, str):
        assert found
        return
    assert len(found) == len(argv) and sum(one != other for one, other in zip(found, argv, strict=True)) == 1
    asked, started = read_launch(argv), read_launch(found)
    assert isinstance(asked.target, Package) and isinstance(started.target, Package)
    assert (started.target.kind, started.target.name) == (asked.target.kind, asked.target.name)
    assert started.target.version == exact and started.arguments == asked.arguments and not started.caveats


@given(st.lists(st.one_of(FREE, WORDS, RUNNERS), min_size=1, max_size=6), st.sampled_from(["1.2.3", "-y", "1 2", ""]))
def test_no_command_line_and_no_version_makes_it_fail(argv: list[str], version: str) -> None:
    found = substituted(tuple(argv), version)
    assert isinstance(found, str) or len(found) == len(argv)
