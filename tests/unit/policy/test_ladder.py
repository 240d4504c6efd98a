"""The ladder: from a launch, a call or a doubt to one verdict."""

from callgate.model.call import Effect, Mode, Verdict
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy import ladder
from callgate.policy.allowlist import Allowlist, Approval

NOW = 1_800_000_000.0
FOUND = Identified(ServerIdentity("npm", "echo", "1.0.0"), "a test")
RULES = Allowlist((Approval("local/echo", (FOUND.server,), Effect.ALLOW, {"rm": Effect.DENY, "mv": Effect.ASK}),))


def test_without_a_readable_registry_doubt_decides() -> None:
    for effect in Effect:
        assert ladder.judge_launch(None, FOUND, effect, NOW).effect is effect
        assert ladder.judge_call(None, FOUND, "echo", effect, NOW).rule == "doubt"


def test_a_call_that_names_no_tool_is_denied_even_if_doubt_would_allow() -> None:
    assert ladder.judge_call(RULES, FOUND, None, Effect.ALLOW, NOW).effect is Effect.DENY


def test_a_listing_hides_what_is_denied_and_shows_what_must_be_asked() -> None:
    assert ladder.judge_listing(RULES, FOUND, ["echo", "rm", "mv"], Effect.DENY, NOW, {}) == ["rm"]


def test_a_definition_that_does_not_hold_denies_what_is_allowed_and_loosens_nothing() -> None:
    held = {name: Verdict(Effect.DENY, "pin.widening", "x") for name in ("echo", "rm")}
    milder = Verdict(Effect.ASK, "pin.text", "x")
    assert ladder.judge_listing(RULES, FOUND, ["echo", "rm", "mv"], Effect.DENY, NOW, held) == ["echo", "rm"]
    assert ladder.judge_call(RULES, FOUND, "echo", Effect.DENY, NOW, milder) is milder
    assert ladder.judge_call(RULES, FOUND, "rm", Effect.DENY, NOW, milder).effect is Effect.DENY


def test_observe_lets_everything_pass_and_says_what_would_have_happened() -> None:
    denied = Verdict(Effect.DENY, "server.unapproved", "not on the allowlist")
    passed = ladder.applied(denied, Mode.OBSERVE)
    assert (passed.effect, passed.rule) == (Effect.ALLOW, "server.unapproved")
    assert "would deny" in passed.reason
    assert ladder.applied(denied, Mode.ENFORCE) is denied
