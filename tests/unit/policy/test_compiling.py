"""Text that is no good policy never comes into force, and each mistake says its line."""

from __future__ import annotations

import pytest
from asked import policies
from callgate.policy.cedar import Policies
from callgate.policy.compiling import compile_policies, unpermitted

CALL = 'action == Callgate::Action::"mcp:tools/call"'
BAD = [
    ("", 0, "no policy"),
    ("// only a comment\n", 0, "no policy"),
    ("\npermit(principal, action, resource);", 2, "@id"),
    ('@id("") permit(principal, action, resource);', 1, "@id"),
    ('@id("no spaces") permit(principal, action, resource);', 1, "@id"),
    ('@id("a") permit(principal, action, resource);\n@id("a") forbid(principal, action, resource);', 2, "line 1"),
    ('@id("a")\n@note("x")\npermit(principal, action, resource);', 2, "@note"),
    ('@id("a")\n@effect("redact")\nforbid(principal, action, resource);', 2, '"ask" or "observe"'),
    ('@id("a")\n@effect("observe")\npermit(principal, action, resource);', 2, '"ask"'),
    ('@id("a")\n@effect("deny")\nforbid(principal, action, resource);', 2, "deny"),
    ('@id("a")\n@effect\nforbid(principal, action, resource);', 2, "@effect"),
    ('@id("a")\n@reason("two\\nlines")\nforbid(principal, action, resource);', 2, "one line"),
    (f'@id("a")\n@reason("{"x" * 501}")\nforbid(principal, action, resource);', 2, "500"),
    ('@id("a") @id("b") permit(principal, action, resource);', 1, "duplicate"),
    ('@id("a")\npermit(principal, action,\nresource) when {\n true &&\n};', 5, "unexpected token"),
    ('@id("a")\npermit(principal, action, resource)', 2, "unexpected end"),
    ('@id("a") permit(principal, action, resource);\n;', 2, "unexpected"),
    ('@id("a") permit(principal == ?principal, action, resource);', 1, "templates"),
    ('@id("a")\nforbid(principal, action, resource)\nwhen {\n  context.colour == "red"\n};', 4, "colour"),
    (f'@id("a") forbid(principal, {CALL}, resource) when {{ context.bytes like "x" }};', 1, "expected String"),
    (f'@id("a") forbid(principal, {CALL}, resource) when {{ context.serverVersion == "1" }};', 1, "serverVersion"),
    ('@id("a") forbid(principal, action, resource) when { context.tool == "x" };', 1, "server:launch"),
    ('@id("a") forbid(principal, action == Callgate::Action::"mcp:tols/call", resource);', 1, "mcp:tols/call"),
    ('@id("a") forbid(principal in Callgate::Team::"x", action, resource);', 1, "Team"),
    ('@id("a") forbid(principal, action, resource) when { "\\u{d800}" == context.agent };', 1, ""),
]


@pytest.mark.parametrize(("text", "line", "told"), BAD, ids=[f"{n}" for n in range(len(BAD))])
def test_a_mistake_is_told_with_its_line(text: str, line: int, told: str) -> None:
    found = compile_policies(text)
    assert isinstance(found, tuple) and found
    assert found[0].line == line, found
    assert any(told in mistake.problem for mistake in found), found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    found = compile_policies(
        '@id("a") @x("1") permit(principal, action, resource);\n'
        "permit(principal, action, resource);\n"
        '@id("a") permit(principal, action, resource) when { tru };'
    )
    assert isinstance(found, tuple)
    assert [mistake.line for mistake in found] == [1, 2, 3]


def test_one_bad_policy_among_good_ones_keeps_all_of_them_out() -> None:
    good = "\n".join(f'@id("p{n}") permit(principal, action, resource);' for n in range(50))
    assert isinstance(compile_policies(good), Policies)
    found = compile_policies(good + "\nforbid(principal, action, resource);")
    assert isinstance(found, tuple) and [mistake.line for mistake in found] == [51]


def test_a_compiled_policy_knows_its_line_effect_and_reason() -> None:
    found = policies('\n@id("b")\n@effect("ask")\n@reason("because")\nforbid(principal, action, resource);')
    assert [(one.id, one.permits, one.effect, one.reason, one.line) for one in found.policies] == [
        ("approved", True, "allow", "", 1),
        ("b", False, "ask", "because", 3),
    ]


def test_only_facts_that_are_looked_at_are_wanted() -> None:
    forbid = f"forbid(principal, {CALL}, resource)"
    assert policies("").wanted == frozenset()
    assert policies(f'@id("a") {forbid} when {{ context.folders.contains("/x") }};').wanted == {"folders"}
    assert policies(f'@id("a") {forbid} when {{ context["pat\\u{{68}}s"].isEmpty() }};').wanted == {"paths"}
    has = '@id("a") forbid(principal, action, resource) when { context has serverVersion && context.hour > 1 };'
    assert policies(has).wanted == {"serverVersion", "hour"}


def test_actions_that_nothing_permits_are_named() -> None:
    assert unpermitted(policies("")) == []
    assert unpermitted(policies(f'@id("a") permit(principal, {CALL}, resource);', approved=False)) == ["server:launch"]
    assert len(unpermitted(policies('@id("a") forbid(principal, action, resource);', approved=False))) == 2
