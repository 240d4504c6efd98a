"""A candidate policy is asked about what the log recorded: what would change is counted and listed."""

from __future__ import annotations

import json
from typing import Any

from asked import NOON, policies
from callgate.model.call import Effect
from callgate.model.event import Event, Row
from callgate.policy.labels import Known
from callgate.policy.replay import Machine, Replayed, replay

MACHINE = Machine("ann", ("dev",), "/home/ann", lambda server, tool: Known("local/" + server.name), lambda time: NOON)
CALL = 'action == Callgate::Action::"mcp:tools/call"'
NO_KEYS = f'@id("no") forbid(principal, {CALL}, resource) when {{ context.folders.contains("~/.ssh") }};'


def asked(
    seq: int = 1, effect: str = "allow", rule: str = "tool.approved:x", arguments: Any = None, **more: Any
) -> Row:
    said: dict[str, Any] = {
        "kind": "call.asked", "time": 1, "server": "npm:files@1.0.0", "tool": "read", "agent": "codex",
        "mode": "observe", "entry": "files", "effect": effect, "rule": rule, "detail": {"bytes": 9},
    }  # fmt: skip
    payload = json.dumps(arguments) if arguments is not None else None
    return Row(seq, Event(**(said | more)), "", payload)


def replayed(text: str, *rows: Row) -> Replayed:
    return replay(rows, policies(text), MACHINE)


def test_a_call_that_would_be_denied_is_listed_with_the_rule() -> None:
    rows = [asked(1, arguments={"p": "/tmp/x"}), asked(2, arguments={"p": "/home/ann/.ssh/id"})]
    found = replayed(NO_KEYS, *rows)
    assert (found.questions, dict(found.before), dict(found.after)) == (2, {"allow": 2}, {"allow": 1, "deny": 1})
    (change,) = found.changes
    assert (change.seq, change.tool, change.before, change.after) == (2, "read", Effect.ALLOW, Effect.DENY)
    assert change.rule == "policy:no" and found.changed == {("allow", "deny", "policy:no"): 1}
    assert not found.denies_everything


def test_what_an_earlier_rung_denied_stays_denied_and_is_counted_apart() -> None:
    found = replayed("", asked(effect="deny", rule="server.unapproved"), asked(effect="deny", rule="pin.widening"))
    assert (found.questions, found.earlier, found.changes) == (0, 2, [])


def test_what_the_policy_of_then_stopped_is_free_again_but_asking_by_the_registry_stays() -> None:
    rows = [
        asked(1, "deny", "policy:old"), asked(2, "deny", "policy.none"), asked(3, "ask", "tool.ask:x"),
        asked(4, "allow", "policy.suspended"),
    ]  # fmt: skip
    found = replayed("", *rows)
    assert [(one.seq, one.after) for one in found.changes] == [(1, Effect.ALLOW), (2, Effect.ALLOW)]
    assert found.after == {"allow": 3, "ask": 1}


def test_a_policy_that_denies_everything_is_noticed_and_one_that_changes_nothing_is_not() -> None:
    everything = '@id("x") forbid(principal, action, resource);'
    assert replayed(everything, asked(), asked(effect="ask")).denies_everything
    assert not replayed(everything, asked(effect="deny", rule="policy:x")).denies_everything
    assert not replayed(everything).denies_everything and not replayed("", asked()).denies_everything


def test_launches_are_asked_with_their_words() -> None:
    launch = asked(kind="server.launched", tool="", detail={"argv": ["npx", "--evil"]})
    scope = 'principal, action == Callgate::Action::"server:launch", resource'
    text = f'@id("x") forbid({scope}) when {{ context.argv.contains("--evil") }};'
    assert replayed(text, launch).changes[0].rule == "policy:x"


def test_arguments_that_the_log_did_not_keep_whole_are_said_and_count_as_incomplete() -> None:
    cut = Row(1, asked().event, "", '{"p": "/home/ann/.ss')
    digest = asked(detail={"payload": {"digest": "x"}})
    for row in (cut, digest, asked(detail={"truncated": True})):
        found = replayed(NO_KEYS, row)
        assert (found.questions, found.partial, found.changes) == (1, 1, [])
    strict = f'@id("x") forbid(principal, {CALL}, resource) when {{ context.incomplete }};'
    assert replayed(strict, cut).changes and replayed(strict, cut).partial == 0  # it does not look at arguments
    assert replayed(strict, asked()).changes == []


def test_rows_that_make_no_sense_are_counted_and_harm_nothing() -> None:
    odd = [
        asked(server="nonsense"), asked(effect="maybe"), asked(mode="asleep"), asked(server=""),
        Row(1, asked(detail={"bytes": "many", "argv": 5}).event, "", "[" * 100_000),
    ]  # fmt: skip
    found = replayed(NO_KEYS, *odd, asked(kind="call.answered"), asked(effect=""))
    assert (found.unread, found.questions) == (4, 1)
