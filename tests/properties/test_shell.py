"""A shell command line, whatever it holds, is read without failing, and a program in it is not hidden by quoting."""

import shlex

from callgate.model.call import Doing
from callgate.policy.builtin import look
from callgate.policy.shell import read
from hypothesis import given, settings
from hypothesis import strategies as st

PIECES = ["rm", " ", "'", '"', "\\", "$(", ")", "`", "${", "}", "|", "&&", ";", "\n", "<<A\n", "A\n"]
PIECES += [">", "(", "{", "if", "$", "~", "*", "é", "\0", "=", "#"]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=12)
JSON = st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_no_command_line_makes_it_fail(pieces: list[str]) -> None:
    line = read("".join(pieces))
    assert all(isinstance(name, str) and name for name in line.programs)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    read(text)


@settings(max_examples=200, deadline=None)
@given(WORDS.filter(lambda word: not word.isspace()))
def test_an_argument_is_found_as_the_program_would_get_it(word: str) -> None:
    assert word in read(f"cat {shlex.quote(word)}").words


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["'{}'", '"{}"', "\\{}", "{}", "$'{}'"]), min_size=2, max_size=2), st.booleans())
def test_a_program_is_found_however_it_is_quoted(forms: list[str], nested: bool) -> None:
    name = "".join(form.format(letter) for form, letter in zip(forms, "rm", strict=True))
    command = f"{name} -rf x"
    line = read(f"bash -c {shlex.quote(command)}" if nested else f"true && {command}")
    assert "rm" in line.programs


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(Doing)), st.dictionaries(st.text(), JSON, max_size=4), st.text(max_size=20))
def test_no_arguments_make_it_fail(kind: Doing, arguments: dict[str, object], cwd: str) -> None:
    deed = look(kind, arguments, cwd, "/home/u")
    assert deed.kind is kind


def test_what_is_too_long_is_said_to_be_incomplete() -> None:
    line = read("echo " + "x" * 100_000)
    assert line.incomplete and line.opaque


def test_deep_nesting_costs_no_stack() -> None:
    for piece in ("(", "$(", "{ ", "`", '"$(', "if ", "<<A "):
        read(piece * 20_000)
