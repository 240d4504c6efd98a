"""Policy text is split and measured before Cedar sees it: Cedar's parser would take the whole process with it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from callgate.policy import statements
from callgate.policy.statements import DEPTH_MAX, JOINTS_MAX, STATEMENTS_MAX, TEXT_MAX, split

HEAD = '@id("a") permit(principal, action, resource) when { '


def test_statements_know_the_line_of_their_first_word() -> None:
    found, mistakes = split('// a comment; with a semicolon\n\n@id("a;b")\npermit;\n\n  forbid\n;\r\n// the end')
    assert mistakes == []
    assert [(one.line, one.text) for one in found] == [(3, '@id("a;b")\npermit;'), (6, "forbid\n;")]


def test_quotes_and_comments_hide_brackets_and_semicolons_from_the_count() -> None:
    deep = "(" * 100
    found, mistakes = split(f'permit "{deep} \\" ; {deep}"; // {deep} ;\nforbid;')
    assert mistakes == [] and [one.line for one in found] == [1, 2]


def test_a_comment_ends_where_cedar_ends_it() -> None:
    assert split("// x\r" + "(" * 100 + ";")[1]  # a carriage return ends it: what follows is code


@pytest.mark.parametrize("brackets", ["()", "[]", "{}"])
def test_deep_nesting_is_refused_with_its_line(brackets: str) -> None:
    text = "permit\n" + brackets[0] * (DEPTH_MAX + 1) + brackets[1] * (DEPTH_MAX + 1) + ";"
    (mistake,) = split(text)[1]
    assert mistake.line == 2 and "nested" in mistake.problem


def test_closing_brackets_buy_no_depth() -> None:
    assert split(")" * 1000 + "(" * (DEPTH_MAX + 1))[1]


@pytest.mark.parametrize("chain", ["a && ", "a || ", "1 + ", "1 - ", "2 * ", "a.b", "a[1]", "!", "if a then ", "if "])
def test_long_chains_are_refused(chain: str) -> None:
    (mistake,) = split("permit when {" + chain * (JOINTS_MAX + 1) + "a};\npermit;")[1]
    assert mistake.line == 1 and "operators" in mistake.problem


def test_each_policy_has_limits_of_its_own() -> None:
    assert split(("permit when {" + "a && " * (JOINTS_MAX - 1) + "a};\n") * 10)[1] == []


def test_too_much_text_or_too_many_policies_are_refused() -> None:
    assert "characters" in split("x" * (TEXT_MAX + 1))[1][0].problem
    assert "policies" in split("permit;" * (STATEMENTS_MAX + 1))[1][0].problem


def test_a_quote_without_an_end_is_a_mistake_and_not_an_endless_search() -> None:
    assert "no end" in split('permit;\nforbid "' + "x" * 100_000)[1][0].problem
    assert split('"\\' * 200_000)[1]


SHAPES = {
    "brackets": "(" * (DEPTH_MAX - 1) + "true" + ")" * (DEPTH_MAX - 1),
    "sets": "[" * (DEPTH_MAX - 1) + "1" + "]" * (DEPTH_MAX - 1) + " == []",
    "records": "{a:" * (DEPTH_MAX - 1) + "1" + "}" * (DEPTH_MAX - 1) + " == {}",
    "and": " && ".join(["true"] * JOINTS_MAX),
    "plus": " + ".join(["1"] * JOINTS_MAX) + " == 1",
    "minus": " - ".join(["1"] * JOINTS_MAX) + " == 1",
    "access": "context" + ".a" * JOINTS_MAX,
    "index": "context" + '["a"]' * JOINTS_MAX,
    "calls": "context.argv" + ".contains(1)" * (JOINTS_MAX - 1),
    "if": "if true then true else " * (JOINTS_MAX // 3) + "true",
    "if in if": "if " * (JOINTS_MAX // 3) + "true" + " then true else true" * (JOINTS_MAX // 3),
    "both": "(" * (DEPTH_MAX - 1)
    + " && ".join(["true"] * (JOINTS_MAX // 2))
    + ")" * (DEPTH_MAX - 1)
    + " && true" * 100,
    "both ways": "(true && " * (DEPTH_MAX - 1) + " && ".join(["true"] * 250) + ")" * (DEPTH_MAX - 1),
    "names": "A" + "::A" * 20_000 + '::"x" == principal',
    "wide set": "[" + ",".join(['"x"'] * 50_000) + "].contains(context.agent)",
}
SMALL_STACK = """
import sys, threading
from callgate.policy.compiling import compile_policies
def go():
    found = compile_policies(sys.stdin.read())
    if not isinstance(found, tuple):
        from asked import call, launch
        found.judge(call()), found.judge(launch())
threading.stack_size(512 * 1024)
thread = threading.Thread(target=go)
thread.start()
thread.join()
print("alive")
"""


@pytest.mark.parametrize("shape", SHAPES)
def test_what_passes_the_limits_does_not_break_the_engine_on_a_small_stack(shape: str) -> None:
    """512 KiB: the smallest that a thread has on the systems that we know (macOS); on Linux threads have 8 MiB."""
    text = HEAD + SHAPES[shape] + " };"
    if split(text)[1]:
        pytest.fail(f"{shape} is over the limits: it proves nothing")
    done = subprocess.run(
        [sys.executable, "-c", SMALL_STACK],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == "alive\n", (done.returncode, done.stderr[-500:])


def test_the_limits_are_what_the_docs_say() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
    for number in (statements.DEPTH_MAX, statements.JOINTS_MAX, statements.STATEMENTS_MAX, statements.TEXT_MAX):
        assert f"{number:,}" in page
