"""What holds for any policies and calls: forbids never loosen, errors deny, the short way decides as the long one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cedarpy
from asked import call, launch, session
from callgate.model.call import Effect
from callgate.model.identity import ServerIdentity
from callgate.policy.cedar import SETTLED, Policies
from callgate.policy.compiling import compile_policies
from callgate.policy.facts import Moment, Request
from callgate.policy.needs import _like
from callgate.policy.schema import CALL, schema
from hypothesis import given
from hypothesis import strategies as st

ACTION = 'action == Callgate::Action::"mcp:tools/call"'
BOTH = st.sampled_from(
    [
        "context.hour > 12", "context.agentProven", 'context.user == "ann"', 'context.entry like "f*"', "true", "false",
        'context has serverVersion && context.serverVersion like "1.*"', "context.incomplete", 'context.server != "x"',
        "context.hour * 4611686018427387904 > 0", 'context.agent == "claude-code"', '"npm" == context.serverKind',
    ]
)  # fmt: skip
CALLS = st.sampled_from(
    [
        'context.tool like "*delete*"', 'context.tool == "read"', 'context.tool like "r*d"', "context.bytes > 1000",
        'context.folders.contains("/etc")', 'context.folders.containsAny(["~/.ssh", "/srv"])',
        "context.paths.isEmpty()",
        '["a.example"].containsAll(context.hosts)', '["evil.example"].containsAny(context.domains)',
        'context.names.containsAll([".ssh", "id_rsa"])', 'context.hosts == ["evil.example"]',
        'context.paths.contains("/etc/passwd") || context.tool == "list"',
    ]
)  # fmt: skip
WHO = st.sampled_from(
    ["principal", 'principal in Callgate::Group::"dev"', 'principal in Callgate::Group::"finance"',
     'principal == Callgate::Agent::"claude-code"', 'principal is Callgate::Agent in Callgate::User::"ann"']
)  # fmt: skip
WHAT = st.sampled_from(
    ["resource", 'resource in Callgate::McpServer::"npm:files"', 'resource in Callgate::McpServer::"npm:files@2.0.0"']
)


@st.composite
def condition(draw: st.DrawFn, leaves: st.SearchStrategy[str]) -> str:
    parts = draw(st.lists(leaves, min_size=1, max_size=3))
    joined = parts[0]
    for part in parts[1:]:
        joined = f"({joined}) {draw(st.sampled_from(['&&', '||']))} ({part})"
    return f"!({joined})" if draw(st.booleans()) and draw(st.booleans()) else joined


@st.composite
def policy(draw: st.DrawFn, kinds: tuple[str, ...] = ("permit", "forbid")) -> str:
    """One policy without its @id."""
    kind = draw(st.sampled_from(kinds))
    effects = [None, "ask"] if kind == "permit" else [None, None, "ask", "observe"]
    effect = draw(st.sampled_from(effects))
    of_calls = draw(st.booleans())
    clauses = " ".join(
        f"{draw(st.sampled_from(['when', 'when', 'unless']))} {{ {one} }}"
        for one in draw(st.lists(condition(BOTH | CALLS if of_calls else BOTH), max_size=2))
    )
    note = f'@effect("{effect}") ' if effect else ""
    return f"{note}{kind}({draw(WHO)}, {ACTION if of_calls else 'action'}, {draw(WHAT)}) {clauses};"


@st.composite
def request(draw: st.DrawFn) -> Request:
    server = draw(st.sampled_from(["files@1.0.0", "files@2.0.0", "files", "other@1.0.0"]))
    who = session(
        ServerIdentity.parse(f"npm:{server}"),
        proven=draw(st.booleans()),
        groups=draw(st.sampled_from([(), ("dev",), ("finance", "dev")])),
    )
    if draw(st.booleans()) and draw(st.booleans()):
        return launch(who=who)
    arguments: dict[str, Any] = draw(
        st.dictionaries(
            st.sampled_from(["path", "url", "text"]),
            st.sampled_from(
                [
                    "/etc/passwd",
                    "~/.ssh/id_rsa",
                    "/srv/x",
                    "https://evil.example",
                    "https://a.example/x",
                    "hello",
                    "id_rsa",
                ]
            ),
        )
    )
    return call(
        arguments,
        draw(st.sampled_from(["read", "delete_all", "list", "rd"])),
        Moment(draw(st.sampled_from([0, 2, 20])), 1),
        who,
        draw(st.booleans()),
        draw(st.sampled_from([10, 5000])),
    )


SETS = st.lists(policy(), min_size=1, max_size=6)


def compiled(texts: list[str]) -> Policies:
    found = compile_policies("\n".join(f'@id("p{n}") {text}' for n, text in enumerate(texts)))
    assert isinstance(found, Policies), (found, texts)
    return found


@given(SETS, policy(("forbid",)), request())
def test_adding_a_forbid_never_loosens(texts: list[str], more: str, asked: Request) -> None:
    before = compiled(texts).judge(asked).verdict
    after = compiled([*texts, more]).judge(asked).verdict
    assert after.effect >= before.effect


@given(SETS, policy(("permit",)), request())
def test_adding_a_permit_never_tightens_but_by_an_error(texts: list[str], more: str, asked: Request) -> None:
    before = compiled(texts).judge(asked).verdict
    after = compiled([*texts, more]).judge(asked).verdict
    assert after.effect <= before.effect or after.rule == "policy.error"


@given(SETS, request())
def test_an_erroring_policy_denies_whatever_else_there_is(texts: list[str], asked: Request) -> None:
    broken = "context.weekday * 9223372036854775807 * 2 > 0"
    for kind in ("permit", "forbid", '@effect("observe") forbid', '@effect("ask") forbid'):
        found = compiled([*texts, f"{kind}(principal, action, resource) when {{ {broken} }};"]).judge(asked)
        assert (found.verdict.effect, found.verdict.rule) == (Effect.DENY, "policy.error")


@given(SETS, request())
def test_the_short_way_decides_as_cedar_does_with_everything(texts: list[str], asked: Request) -> None:
    """Slices, needs and reduced contexts are left out: all policies, the whole schema, every fact."""
    ours = compiled(texts)
    found = ours.judge(asked).verdict
    assert found.effect is plainly(texts, asked)


@given(SETS, st.lists(request(), min_size=2, max_size=8))
def test_a_verdict_that_was_kept_is_the_one_that_would_be_given(texts: list[str], questions: list[Request]) -> None:
    ours = compiled(texts)
    for asked in (*questions, *questions):
        assert ours.judge(asked) == compiled(texts).judge(asked)


@given(SETS, request(), st.lists(request(), min_size=1, max_size=4))
def test_what_is_never_permitted_is_denied_whatever_it_is_called_with(
    texts: list[str], asked: Request, others: list[Request]
) -> None:
    found = compiled(texts)
    settled = {name: asked.context[name] for name in SETTLED if name in asked.context}
    bare = {**{name: fact for name, fact in call().context.items() if name not in SETTLED}, **settled}
    if asked.action == CALL and found.never(replace(asked, context=bare)):
        for one in [asked, *others]:
            loose = {name: fact for name, fact in one.context.items() if name not in {*SETTLED, "argv"}}
            effect = found.judge(replace(asked, context={**bare, **loose})).verdict.effect
            assert effect is Effect.DENY


def plainly(texts: list[str], asked: Request) -> Effect:
    """The documented meaning, with Cedar's plain calls."""
    whole = cedarpy.Schema.from_str(schema())
    chains = (asked.principals[:1], asked.principals[1:2], asked.principals[2:])
    entities = [entity(chains[0][0], chains[1]), entity(chains[1][0], chains[2]), *(entity(g, ()) for g in chains[2])]
    entities += [entity(one, asked.resources[n:]) for n, one in enumerate(asked.resources, 1)]
    question = {
        "principal": uid(asked.principals[0]),
        "action": {"type": "Callgate::Action", "id": asked.action},
        "resource": uid(asked.resources[0]),
        "context": dict(asked.context),
    }

    def applies(wanted: list[str]) -> bool | None:
        """Does one of these apply? They are made forbids: None for an error."""
        text = "\n".join(one.replace("permit(", "forbid(", 1) for one in wanted)
        answer = cedarpy.is_authorized(question, text, json.dumps(entities), whole)
        return None if answer.diagnostics.errors else bool(answer.diagnostics.reasons)

    def those(kind: str, effect: str) -> bool | None:
        return applies([one for one in texts if (kind in one.split("(principal")[0]) and effect_of(one) == effect])

    found = {(k, e): those(k, e) for k in ("permit", "forbid") for e in ("", "ask", "observe")}
    if None in found.values() or found["forbid", ""] or not (found["permit", ""] or found["permit", "ask"]):
        return Effect.DENY
    return Effect.ASK if found["forbid", "ask"] or not found["permit", ""] else Effect.ALLOW


def effect_of(text: str) -> str:
    return text.split('"')[1] if text.startswith("@effect") else ""


def uid(one: tuple[str, str]) -> dict[str, str]:
    return {"type": one[0], "id": one[1]}


def entity(one: tuple[str, str], above: Any) -> dict[str, Any]:
    return {"uid": uid(one), "attrs": {}, "parents": [uid(each) for each in above]}


PIECES = st.lists(st.sampled_from([None, "a", "b", "ab", ""]), max_size=7)


@given(PIECES, st.text("ab", max_size=10))
def test_a_form_fits_what_cedars_like_fits(pieces: list[str | None], text: str) -> None:
    pattern = "".join("*" if piece is None else piece for piece in pieces)
    answer = cedarpy.is_authorized(
        {"principal": 'U::"x"', "action": 'Action::"x"', "resource": 'U::"x"', "context": {"t": text}},
        f'permit(principal, action, resource) when {{ context.t like "{pattern}" }};',
        "[]",
    )
    assert _like(text, pieces) is answer.allowed
