"""Table tests of policies: what a line may say, and what is told when it makes no sense or does not hold."""

from __future__ import annotations

import pytest
from asked import policies
from callgate.model.call import Effect
from callgate.policy import table
from callgate.policy.table import failures, parse


def test_a_line_is_a_call_with_all_its_facts() -> None:
    text = (
        "effect,rule,server,tool,arguments,agent,proven,user,groups,home,entry,approval,bytes,truncated,mode,hour,weekday\n"
        'deny,no,npm:x@1,t,"{""p"": ""~/k""}",codex,no,ann,a b,/home/ann,e,reg/x,7,yes,observe,23,6\n'
    )
    (case,), mistakes = parse(text)
    assert mistakes == [] and (case.line, case.effect, case.rule) == (2, Effect.DENY, "policy:no")
    context = case.request.context
    assert context["agent"] == "codex" and context["agentProven"] is False and context["user"] == "ann"
    assert context["mode"] == "observe" and (context["hour"], context["weekday"], context["bytes"]) == (23, 6, 7)
    assert context["incomplete"] is True and "/home/ann/k" in context["paths"] and context["approval"] == "reg/x"
    assert [name for kind, name in case.request.principals if kind.endswith("Group")] == ["a", "b"]


def test_a_launch_has_words_and_no_tool() -> None:
    (case,), _ = parse('effect,action,server,argv\nallow,launch,npm:x,"[""npx"", ""x""]"\n')
    assert case.request.action == "server:launch" and set(case.request.context["argv"]) == {"npx", "x"}


def test_comments_and_empty_lines_say_nothing_and_lines_keep_their_numbers() -> None:
    cases, mistakes = parse('\n# about\neffect,server,tool\n\n# more, and "more\nallow,npm:x,a\ndeny,npm:x,b\n')
    assert mistakes == [] and [case.line for case in cases] == [6, 7]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names the columns"),
        ("effect,server\n", "no case"),
        ("effect,server,colour\n", "unknown column 'colour'"),
        ("effect,tool\n", "'server' is missing"),
        ("effect,server,effect\n", "twice"),
        ("effect,server,tool\nallow,npm:x\n", "2 cells"),
        ("effect,server,tool\nmaybe,npm:x,t\n", "not an effect"),
        ("effect,server,tool\nallow,x,t\n", "not a server identity"),
        ("effect,server,tool\nallow,npm:x,\n", "needs a tool"),
        ("effect,action,server,tool\nallow,launch,npm:x,t\n", "neither tool"),
        ("effect,action,server,tool\nallow,fly,npm:x,t\n", "unknown action"),
        ("effect,server,tool,hour\nallow,npm:x,t,24\n", "`hour`"),
        ("effect,server,tool,hour\nallow,npm:x,t,²\n", "`hour`"),
        ("effect,server,tool,arguments\nallow,npm:x,t,{\n", "not JSON"),
        ("effect,server,tool,arguments\nallow,npm:x,t,[]\n", "JSON object"),
        ("effect,server,tool,truncated\nallow,npm:x,t,perhaps\n", "yes or no"),
        ("effect,server,tool,proven\nallow,npm:x,t,perhaps\n", "yes or no"),
        ("effect,server,tool,mode\nallow,npm:x,t,sleep\n", "sleep"),
        ("effect,server,tool\nallow,npm:x," + "t" * 200_000 + "\n", "CSV"),
        ("effect,server,tool,arguments\nallow,npm:x,t," + "[" * 90_000 + "\n", "`arguments`"),
    ],
    ids=range(20),
)
def test_what_makes_no_sense_is_told_with_its_line(text: str, told: str) -> None:
    cases, mistakes = parse(text)
    assert cases == [] and told in str(mistakes[0]), mistakes
    assert mistakes[0].line == (0 if told == "no case" else min(text.count("\n"), 2))


def test_no_more_cases_than_the_limit() -> None:
    assert "split" in parse("effect,server,tool\n" + "allow,npm:x,t\n" * (table.CASES_MAX + 1))[1][0].problem


def test_a_failure_says_what_was_expected_and_why_it_is_not_so() -> None:
    found = policies('@id("no") @reason("Never.") forbid(principal, action, resource);')
    cases, _ = parse("effect,rule,server,tool,note\nallow,,npm:x,t,reading\ndeny,other,npm:x,t,\ndeny,no,npm:x,t,\n")
    first, second = failures(found, cases)
    assert (first.line, first.about, first.expected) == (2, "reading", "allow")
    assert (first.got, first.reason) == ("deny by policy:no", "Never.")
    assert second.expected == "deny by policy:other" and second.about == "npm:x › t"
