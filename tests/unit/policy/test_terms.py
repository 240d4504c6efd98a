"""The terms of an approval: an end after which it allows nothing, an owner to ask, a risk."""

import math

import pytest
from callgate.model.call import Effect
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy import terms
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.terms import Terms
from hypothesis import given
from hypothesis import strategies as st

SERVER = ServerIdentity("npm", "files", "1.0.0")
FOUND = Identified(SERVER, "a test")
END = terms.ends("2027-01-31")


def approval(ends: float = END, effect: Effect = Effect.ALLOW, **tools: Effect) -> Approval:
    return Approval("org/files", (SERVER,), effect, tools, terms=Terms("Ann", "high", ends))


def test_an_approval_holds_to_the_end_of_its_last_day_and_not_a_second_longer() -> None:
    rules = Allowlist((approval(),))
    assert END == terms.ends("2027-02-01T00:00:00Z") == terms.ends("2027-02-01T01:00:00+01:00")
    assert rules.server(FOUND, END - 1).effect is Effect.ALLOW and rules.tool(FOUND, "read", END - 1).rule
    for verdict in (rules.server(FOUND, END), rules.tool(FOUND, "read", END)):
        assert (verdict.effect, verdict.rule) == (Effect.DENY, "server.expired:org/files")
        assert "2027-02-01 00:00 UTC" in verdict.reason and "Ann may renew it" in verdict.reason


def test_a_verdict_on_a_tool_is_not_remembered_over_the_end() -> None:
    rules = Allowlist((approval(),))
    assert rules.tool(FOUND, "read", END - 1).effect is Effect.ALLOW
    assert rules.tool(FOUND, "read", END).effect is Effect.DENY
    assert rules.tool(FOUND, "read", END - 1).effect is Effect.ALLOW, "a clock that was set back"


def test_another_approval_that_holds_is_enough_and_what_the_ended_one_forbids_stays_forbidden() -> None:
    rules = Allowlist((approval(remove=Effect.DENY, send=Effect.ASK), approval(math.inf)))
    assert rules.server(FOUND, END).effect is Effect.ALLOW
    effects = [rules.tool(FOUND, name, END).effect for name in ("read", "remove", "send")]
    assert effects == [Effect.ALLOW, Effect.DENY, Effect.ASK]


def test_a_denial_does_not_end_and_an_ask_does() -> None:
    assert Allowlist((approval(effect=Effect.DENY),)).server(FOUND, END).rule == "server.deny:org/files"
    assert Allowlist((approval(effect=Effect.ASK),)).server(FOUND, END).rule == "server.expired:org/files"


def test_a_clock_that_is_years_behind_revives_nothing() -> None:
    rules = Allowlist((approval(),), signed_at=END + 60)
    assert rules.server(FOUND, 0).effect is Effect.DENY
    assert Allowlist((approval(),), signed_at=END - 60).server(FOUND, 0).effect is Effect.ALLOW


def test_who_gives_no_time_is_allowed_nothing_that_may_have_ended() -> None:
    assert Allowlist((approval(),)).server(FOUND).effect is Effect.DENY
    assert Allowlist((approval(math.inf),)).server(FOUND).effect is Effect.ALLOW


@given(st.lists(st.sampled_from([END, END + 10, math.inf]), min_size=1), st.floats(END - 20, END + 20))
def test_a_server_is_allowed_while_one_of_its_approvals_holds(ends: list[float], now: float) -> None:
    rules = Allowlist(tuple(approval(each) for each in ends))
    assert (rules.server(FOUND, now).effect is Effect.ALLOW) == any(now < each for each in ends)


@pytest.mark.parametrize(
    "stated",
    [
        {"expires": "soon"},
        {"expires": "2027-13-01"},
        {"expires": "2027-01-31T12:00:00"},
        {"expires": 1800000000},
        {"expires": "0001-01-01T00:00:00+23:00"},
        {"expires": "9999-12-31"},
        {"expires": "1" * 10_000},
        {"risk": "none"},
        {"risk": ["low"]},
        {"owner": "two\nlines"},
        {"owner": "x" * 201},
        {"owner": {"name": "Ann"}},
    ],
)
def test_terms_that_make_no_sense_are_refused(stated: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"owner|risk|expires"):
        terms.read(stated)


def test_terms_are_read_and_told() -> None:
    found = terms.read({"owner": "Ann", "risk": "high", "expires": "2027-01-31", "effect": "allow"})
    assert found == Terms("Ann", "high", END) and str(found) == "owner Ann, risk high, until 2027-02-01 00:00 UTC"
    assert terms.read({}) == terms.NONE and str(terms.NONE) == ""
