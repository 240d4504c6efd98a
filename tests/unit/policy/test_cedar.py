"""From compiled policies and a request to a verdict: severity, annotations, and what is denied when in doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asked import APPROVED, NOON, call, judged, launch, policies, session
from callgate.model.call import Effect
from callgate.model.identity import ServerIdentity
from callgate.policy.facts import Moment

CALL = 'action == Callgate::Action::"mcp:tools/call"'
DENY = '@id("no") @reason("Not now.") forbid(principal, action, resource);\n'
ASK = '@id("ask") @effect("ask") @reason("Ask first.") forbid(principal, action, resource);\n'
WATCH = '@id("watch") @effect("observe") forbid(principal, action, resource);\n'
PERMIT_ASK = '@id("maybe") @effect("ask") permit(principal, action, resource);\n'


@pytest.mark.parametrize(
    ("text", "effect", "rule"),
    [
        (APPROVED, Effect.ALLOW, "policy:approved"),
        (APPROVED + DENY, Effect.DENY, "policy:no"),
        (APPROVED + ASK, Effect.ASK, "policy:ask"),
        (APPROVED + ASK + DENY, Effect.DENY, "policy:no"),
        (APPROVED + WATCH, Effect.ALLOW, "policy:approved"),
        (PERMIT_ASK, Effect.ASK, "policy:maybe"),
        (PERMIT_ASK + APPROVED, Effect.ALLOW, "policy:approved"),
        (PERMIT_ASK + DENY, Effect.DENY, "policy:no"),
        (ASK, Effect.DENY, "policy.none"),
        (WATCH, Effect.DENY, "policy.none"),
        (DENY, Effect.DENY, "policy:no"),
    ],
)
def test_deny_beats_ask_beats_allow_and_nothing_is_permitted_by_itself(text: str, effect: Effect, rule: str) -> None:
    for request in (call(), launch()):
        found = judged(text, request, approved=False)
        assert (found.verdict.effect, found.verdict.rule) == (effect, rule)
        assert found.observed == (("watch",) if WATCH in text else ())


def test_the_reason_is_the_policys_own_or_names_it() -> None:
    assert judged(DENY, call()).verdict.reason == "Not now."
    assert judged('@id("x") forbid(principal, action, resource);', call()).verdict.reason == "denied by the policy x"


def test_all_policies_that_decided_are_named_in_the_order_of_the_text() -> None:
    more = "".join(f'@id("p{n:02}") forbid(principal, action, resource);\n' for n in range(40))
    found = judged(more + DENY, call())
    assert found.policies[:3] == ("p00", "p01", "p02") and len(found.policies) <= 16
    assert found.verdict.rule == "policy:no"  # the first that has a reason


def test_principals_and_resources_are_in_what_the_docs_say() -> None:
    for scope in (
        'principal == Callgate::Agent::"claude-code", action, resource',
        'principal in Callgate::User::"ann", action, resource',
        'principal in Callgate::Group::"ops", action, resource',
        'principal is Callgate::Agent in Callgate::Group::"dev", action, resource',
        'principal, action, resource in Callgate::McpServer::"npm:files"',
        'principal, action, resource in Callgate::McpServer::"npm:files@1.0.0"',
        'principal, action in [Callgate::Action::"mcp:tools/call", Callgate::Action::"server:launch"], resource',
    ):
        for request in (call(), launch()):
            assert judged(f'@id("x") forbid({scope});', request).verdict.rule == "policy:x", scope
    tool = f'@id("x") forbid(principal, {CALL}, resource == Callgate::Tool::"npm:files#read");'
    assert judged(tool, call()).verdict.effect is Effect.DENY
    for other in (
        'principal == Callgate::Agent::"claude", action, resource',
        'principal in Callgate::Group::"finance", action, resource',
        'principal, action, resource in Callgate::McpServer::"npm:files@1.0"',
        'principal, action, resource in Callgate::McpServer::"npm:file"',
    ):
        assert judged(f'@id("x") forbid({other});', call()).verdict.effect is Effect.ALLOW, other


def test_no_tools_name_can_pose_as_a_part_of_a_servers_name() -> None:
    """`a#b` of one server is not `b` of another one that is called `…a`."""
    text = '@id("x") permit(principal, action, resource == Callgate::Tool::"url:https://h/#a#read");'
    assert policies(text, approved=False).judge(call(tool="a#read", who=session(ServerIdentity("url", "https://h/"))))
    for server, tool in (("https://h/#a", "read"), ("https://h/", "read"), ("https://h/%23a", "read")):
        asked = call(tool=tool, who=session(ServerIdentity("url", server)))
        assert judged(text, asked, approved=False).verdict.rule == "policy.none"
    escaped = '@id("x") permit(principal, action, resource == Callgate::Tool::"url:https://h/%23a#read");'
    asked = call(tool="read", who=session(ServerIdentity("url", "https://h/#a")))
    assert judged(escaped, asked, approved=False).verdict.effect is Effect.ALLOW


@pytest.mark.parametrize(
    "tool",
    ["", "a b", "\x00", "a\nb", '"; permit(', "\ud800", "é", "😀", "..", "a/../b", "x" * 100_000, "\u202e", "null"],
)
def test_hostile_names_are_judged_like_any_other(tool: str) -> None:
    who = replace(session(ServerIdentity("npm", tool or "x")), entry=tool)
    text = f'@id("x") forbid(principal, {CALL}, resource) when {{ context.tool == "secret" }};'
    assert judged(text, call(tool=tool, who=who)).verdict.effect is Effect.ALLOW
    assert judged(text, call(tool="secret", who=who)).verdict.effect is Effect.DENY


def test_a_name_that_is_cut_equals_no_whole_one_and_counts_as_incomplete() -> None:
    text = f'@id("x") permit(principal, {CALL}, resource) when {{ context.tool == "{"x" * 1024}" }};'
    assert judged(text, call(tool="x" * 1024), approved=False).verdict.effect is Effect.ALLOW
    assert judged(text, call(tool="x" * 1025), approved=False).verdict.effect is Effect.DENY
    partly = f'@id("x") forbid(principal, {CALL}, resource) when {{ context.incomplete }};'
    assert judged(partly, call(tool="x" * 1025)).verdict.effect is Effect.DENY


def test_an_error_in_any_policy_denies_whatever_the_others_say() -> None:
    overflow = '@id("sum") forbid(principal, action, resource) when { context.hour * 9223372036854775807 > 0 };'
    found = judged(overflow, call())
    assert (found.verdict.effect, found.verdict.rule) == (Effect.DENY, "policy.error")
    assert "sum" in found.verdict.reason and "overflow" in found.verdict.reason
    for effect in ("ask", "observe"):
        aside = overflow.replace('@id("sum")', f'@id("sum") @effect("{effect}")')
        assert judged(aside, call()).verdict.rule == "policy.error"
    assert judged(overflow, call(moment=Moment(0, 1))).verdict.effect is Effect.ALLOW  # 0 * x is no overflow


def test_a_request_that_does_not_fit_the_schema_is_denied() -> None:
    text = '@id("x") forbid(principal, action, resource) when { context.hour > 25 };'
    request = call()
    for context in ({**request.context, "hour": "late"}, {**request.context, "hour": 2**70}, {}):
        found = policies(text).judge(replace(request, context=context))
        assert (found.verdict.effect, found.verdict.rule) == (Effect.DENY, "policy.error")
    other = replace(request, resources=(("Callgate::Colour", "red"),))
    assert policies(text).judge(other).verdict.rule == "policy.error"
    unknown = replace(request, action="mcp:sampling")
    assert policies(text).judge(unknown).verdict.rule == "policy.error"


def test_a_panic_or_any_other_failure_of_the_engine_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    import cedarpy

    class PanicException(BaseException):
        """What a panic in Rust becomes in Python."""

    for error in (PanicException("index out of bounds"), MemoryError(), ValueError("x"), RecursionError()):

        def broken(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(cedarpy, "is_authorized", broken)
        found = policies("").judge(call())
        assert (found.verdict.effect, found.verdict.rule) == (Effect.DENY, "policy.error")
    monkeypatch.undo()
    assert policies("").judge(call()).verdict.effect is Effect.ALLOW


def test_facts_of_the_caller_the_server_and_the_time_reach_the_policy() -> None:
    conditions = [
        'context.agent == "claude-code"', "context.agentProven", 'context.user == "ann"', 'context.mode == "enforce"',
        'context.server == "npm:files@1.0.0"', 'context.serverKind == "npm"', 'context.serverName == "files"',
        'context has serverVersion && context.serverVersion == "1.0.0"', 'context.approval == "local/files"',
        'context.entry == "files"', "context.hour == 12", "context.weekday == 1", "!context.incomplete",
    ]  # fmt: skip
    for condition in conditions:
        for request in (call(), launch()):
            text = f'@id("x") forbid(principal, action, resource) when {{ {condition} }};'
            assert judged(text, request).verdict.rule == "policy:x", condition
    other = call(who=session(ServerIdentity("npm", "files"), proven=False, agent=None), moment=Moment(3, 7))
    text = '@id("x") forbid(principal, action, resource) when { %s };'
    for condition in ('context.agent == "unknown"', "!context.agentProven", "!(context has serverVersion)"):
        assert judged(text % condition, other).verdict.rule == "policy:x", condition
    assert judged(text % "context.hour == 3 && context.weekday == 7", other).verdict.rule == "policy:x"
    argv = '@id("x") forbid(principal, action == Callgate::Action::"server:launch", resource) when { %s };'
    assert judged(argv % 'context.argv.contains("--evil")', launch("npx", "--evil")).verdict.rule == "policy:x"
    assert judged(argv % 'context.argv.contains("--evil")', launch("npx")).verdict.effect is Effect.ALLOW


def test_two_thousand_tools_leave_no_more_behind_than_is_kept() -> None:
    from callgate.policy import cedar

    found = policies("")
    for number in range(cedar.CACHE_MAX + 50):
        assert found.judge(call(tool=f"t{number}")).verdict.effect is Effect.ALLOW
    assert len(found._prepared) <= cedar.CACHE_MAX and NOON.hour == 12
