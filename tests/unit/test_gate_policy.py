"""The gate with a policy: it can only make a verdict stricter, rows say who decided, and break-glass is in each row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asked
import pytest
from callgate.audit.store import Filter, Reader, Writer
from callgate.detect.listing import Listing, read
from callgate.gate import JUDGED_MAX, Gate
from callgate.model.call import Call, Effect, Mode
from callgate.model.event import Event
from callgate.model.pin import Kind
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.cedar import Policies
from callgate.settings import Durability, Settings

APPROVED = Approval("local/files", (asked.FILES,), Effect.ALLOW, {"write": Effect.ASK, "delete": Effect.DENY})
CALLS = 'principal, action == Callgate::Action::"mcp:tools/call", resource'
NO_KEYS = f'@id("no-keys") @reason("Keys stay.") forbid({CALLS}) when {{ context.folders.contains("~/.ssh") }};'
ASK_WRITE = '@id("ask") @effect("ask") forbid(principal, action, resource);'


class Place:
    """A gate with a log of its own, a clock, and a policy that a test may change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.policies: Policies | None = None
        self.rules: Allowlist | None = Allowlist((APPROVED,))
        self.now = 10**18
        self.writer = Writer.open(path, Durability.COMMIT)
        settings = Settings(mode=Mode.ENFORCE)
        self.gate = Gate(
            self.writer, lambda: self.rules, settings, lambda: self.now, b"k" * 32, policies=lambda: self.policies
        )
        self.count = 0

    def call(self, tool: str = "read", **arguments: object) -> tuple[Effect, str, Event]:
        """One call, with its row."""
        self.count += 1
        verdict = self.gate.check(Call(f"u-{self.count}", asked.session(), "tools/call", tool, arguments, 50))
        assert self.gate.commit()
        (row,) = Reader(self.path).rows(Filter(kind="call.asked", newest_first=True, limit=1))
        return verdict.effect, verdict.rule, row.event


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    tmp_path.chmod(0o700)
    place = Place(tmp_path / "audit.db")
    yield place
    place.writer.close()


def test_without_a_policy_the_approvals_alone_decide(place: Place) -> None:
    effect, rule, event = place.call(p="~/.ssh/id")
    assert (effect, rule) == (Effect.ALLOW, "tool.approved:local/files") and "policies" not in event.detail


def test_a_policy_denies_what_is_approved_and_the_row_says_why(place: Place) -> None:
    place.policies = asked.policies(NO_KEYS)
    assert place.call(p="/tmp/x")[:2] == (Effect.ALLOW, "tool.approved:local/files")
    effect, rule, event = place.call(p="/home/ann/.ssh/id")
    assert (effect, rule) == (Effect.DENY, "policy:no-keys")
    assert (event.effect, event.rule, event.reason) == ("deny", "policy:no-keys", "Keys stay.")
    assert event.detail["policies"] == ["no-keys"]


def test_a_policy_never_permits_what_is_not_approved_or_held_for_an_approval(place: Place) -> None:
    place.policies = asked.policies("")
    assert place.call("write")[0] is Effect.ASK and place.call("delete")[0] is Effect.DENY
    place.rules = Allowlist()
    assert place.call()[:2] == (Effect.DENY, "server.unapproved")
    place.rules = None
    assert place.call()[:2] == (Effect.DENY, "doubt")


def test_of_two_asks_the_earlier_rung_is_named(place: Place) -> None:
    place.policies = asked.policies(ASK_WRITE)
    assert place.call("write")[1] == "tool.ask:local/files" and place.call("read")[1] == "policy:ask"


def test_what_only_observes_marks_the_row(place: Place) -> None:
    place.policies = asked.policies(NO_KEYS.replace('@id("no-keys")', '@id("watch") @effect("observe")'))
    effect, _, event = place.call(p="~/.ssh/id")
    assert effect is Effect.ALLOW and event.detail["observed"] == ["watch"]


def test_a_policy_decides_launches_too(place: Place) -> None:
    scope = 'principal, action == Callgate::Action::"server:launch", resource'
    place.policies = asked.policies(f'@id("x") forbid({scope}) when {{ context.argv.contains("--evil") }};')
    assert place.gate.launch(asked.session(), ["npx", "files"], {}).effect is Effect.ALLOW
    verdict = place.gate.launch(asked.session(), ["npx", "files", "--evil"], {"pid": 1})
    assert (verdict.effect, verdict.rule) == (Effect.DENY, "policy:x")
    assert place.gate.commit()
    rows = list(Reader(place.path).rows(Filter(kind="server.launched")))
    assert [row.event.effect for row in rows] == ["allow", "deny"] and rows[1].event.detail["pid"] == 1


def test_observe_mode_lets_pass_and_writes_what_the_policy_would_do(place: Place) -> None:
    place.policies = asked.policies(NO_KEYS)
    place.gate.settings = replace(place.gate.settings, mode=Mode.OBSERVE)
    effect, _, event = place.call(p="~/.ssh/id")
    assert effect is Effect.ALLOW and (event.effect, event.rule, event.mode) == ("deny", "policy:no-keys", "observe")


def test_a_suspended_policy_stops_nothing_says_what_it_would_do_and_comes_back(place: Place) -> None:
    place.policies = asked.policies(NO_KEYS)
    place.gate.suspended_until = place.now + 60
    effect, rule, event = place.call(p="~/.ssh/id")
    assert (effect, rule, event.effect) == (Effect.ALLOW, "policy.suspended", "allow")
    assert "policy:no-keys would deny: Keys stay." in event.reason and event.detail["policies"] == ["no-keys"]
    assert place.call(p="/tmp/x")[1] == "tool.approved:local/files"  # what it permits is no news
    assert place.call("delete")[0] is Effect.DENY and place.call("write")[0] is Effect.ASK  # approvals hold
    place.now += 60
    assert place.call(p="~/.ssh/id")[:2] == (Effect.DENY, "policy:no-keys")


def test_a_call_that_is_asked_again_gets_the_same_verdict_from_its_row(place: Place) -> None:
    place.policies = asked.policies(NO_KEYS)
    first = place.call(p="~/.ssh/id")
    place.policies = None
    again = Call(f"u-{place.count}", asked.session(), "tools/call", "read", {"p": "~/.ssh/id"}, 50)
    assert place.gate.check(again, retry=True).rule == first[1] == "policy:no-keys"


def listing(*names: str) -> Listing:
    said = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": name, "inputSchema": {}} for name in names]}}
    return read(Kind.TOOL, json.dumps(said))


READS = f'@id("reads") permit({CALLS}) when {{ context.tool like "read*" }};'
NO_SEND = f'@id("no-send") forbid({CALLS}) when {{ context.labels.contains("does:send") }};'


@pytest.mark.parametrize(
    ("text", "approved", "hidden"),
    [
        (NO_KEYS, True, []),
        (ASK_WRITE, True, []),
        (READS, False, ["list", "mail"]),
        (READS + f'@id("late") permit({CALLS}) when {{ context.hour > 20 }};', False, []),
        (READS + f'@id("ask") @effect("ask") permit({CALLS}) when {{ context.tool == "list" }};', False, ["mail"]),
        (f'@id("no") forbid({CALLS}) when {{ context.tool == "list" && context.bytes > 5 }};', True, []),
        (f'@id("no") forbid({CALLS}) when {{ context.tool == "list" && context.user == "ann" }};', True, ["list"]),
        (f'@id("no") forbid({CALLS}) when {{ context.tool == "list" && context.user == "bob" }};', True, []),
        ('@id("launch") permit(principal, action == Callgate::Action::"server:launch", resource);', False,
         ["read", "list", "mail"]),
        (NO_SEND, True, ["mail"]),
        (NO_SEND.replace("forbid", '@effect("observe") forbid'), True, []),
    ],
)  # fmt: skip
def test_a_tool_that_the_policy_denies_in_any_case_is_not_shown(
    place: Place, text: str, approved: bool, hidden: list[str]
) -> None:
    labels = {"mail": frozenset({"does:send"})}
    place.rules = Allowlist((replace(APPROVED, labels=labels),))
    place.policies = asked.policies(text, approved=approved)
    shown = listing("read", "list", "mail", "delete")
    assert place.gate.hide(asked.session(), shown) == ["delete", *hidden]
    for name in hidden:
        assert place.call(name, p="/tmp/x")[0] is Effect.DENY
    place.gate.suspended_until = place.now + 1
    assert place.gate.hide(asked.session(), shown) == ["delete"], "break-glass lets them be called"


def test_of_a_flood_of_tools_the_first_are_hidden_and_all_are_refused(place: Place) -> None:
    place.policies = asked.policies(READS, approved=False)
    names = [f"tool{number}" for number in range(JUDGED_MAX + 5)]
    assert place.gate.hide(asked.session(), listing(*names)) == names[:JUDGED_MAX]
    assert place.call(names[-1])[:2] == (Effect.DENY, "policy.none")
