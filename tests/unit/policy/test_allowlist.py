"""The allowlist: identity decides, severity beats order, and what is not named is denied."""

from callgate.model.call import Effect
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy.allowlist import Allowlist, Approval
from hypothesis import given
from hypothesis import strategies as st

TIME = ServerIdentity("pypi", "mcp-server-time", "1.0")


def found(text: str = "pypi:mcp-server-time@1.0") -> Identified:
    return Identified(ServerIdentity.parse(text), "a test")


def approval(
    effect: Effect, tools: dict[str, Effect] | None = None, identity: str = "pypi:mcp-server-time"
) -> Approval:
    return Approval("local/time", (ServerIdentity.parse(identity),), effect, tools or {})


def test_a_server_on_no_entry_is_denied_and_the_reason_names_it() -> None:
    verdict = Allowlist().server(found())
    assert (verdict.effect, verdict.rule) == (Effect.DENY, "server.unapproved")
    assert "pypi:mcp-server-time@1.0" in verdict.reason


def test_an_approval_without_a_version_reaches_every_version() -> None:
    assert Allowlist((approval(Effect.ALLOW),)).server(found()).effect is Effect.ALLOW


def test_an_approval_of_one_version_reaches_no_other_and_no_floating_one() -> None:
    rules = Allowlist((approval(Effect.ALLOW, identity="pypi:mcp-server-time@1.0"),))
    assert rules.server(found()).effect is Effect.ALLOW
    assert rules.server(found("pypi:mcp-server-time@1.1")).effect is Effect.DENY
    assert rules.server(found("pypi:mcp-server-time")).effect is Effect.DENY


def test_a_package_of_the_same_name_from_another_registry_is_another_server() -> None:
    assert Allowlist((approval(Effect.ALLOW),)).server(found("npm:mcp-server-time@1.0")).effect is Effect.DENY


def test_a_tool_that_is_denied_is_denied_although_its_server_is_allowed() -> None:
    rules = Allowlist((approval(Effect.ALLOW, {"delete": Effect.DENY}),))
    assert rules.tool(found(), "delete").effect is Effect.DENY
    assert rules.tool(found(), "read").effect is Effect.ALLOW


def test_the_star_stands_for_all_tools_that_are_not_named() -> None:
    rules = Allowlist((approval(Effect.ALLOW, {"read": Effect.ALLOW, "*": Effect.ASK}),))
    assert rules.tool(found(), "read").effect is Effect.ALLOW
    assert rules.tool(found(), "write").effect is Effect.ASK


def test_a_tool_is_never_milder_than_its_server() -> None:
    rules = Allowlist((approval(Effect.DENY, {"read": Effect.ALLOW}),))
    assert rules.tool(found(), "read").effect is Effect.DENY


@given(st.lists(st.sampled_from(Effect), min_size=1), st.randoms())
def test_the_order_of_entries_never_changes_an_effect(effects: list[Effect], random: object) -> None:
    entries = [approval(effect) for effect in effects]
    expected = max(effects)
    random.shuffle(entries)  # type: ignore[attr-defined]
    assert Allowlist(tuple(entries)).server(found()).effect is expected
    assert Allowlist(tuple(entries)).tool(found(), "any").effect is expected


@given(st.lists(st.sampled_from(Effect)), st.sampled_from(Effect))
def test_one_more_entry_never_loosens_what_was_matched(effects: list[Effect], extra: Effect) -> None:
    before = Allowlist(tuple(approval(effect) for effect in [Effect.ALLOW, *effects])).server(found()).effect
    after = Allowlist(tuple(approval(effect) for effect in [Effect.ALLOW, *effects, extra])).server(found()).effect
    assert after >= before
