"""The registry document: the MCP Registry's form, read strictly, edited without losing what it does not know."""

import copy

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import Identified, ServerIdentity
from callgate.registry import bundle
from hypothesis import given
from hypothesis import strategies as st

GIT = ServerIdentity("pypi", "mcp-server-git", "2026.10.19")
LOCAL = ServerIdentity("exe", "sha256:" + "a" * 64)


def effect_of(document: bundle.Document, identity: ServerIdentity, tool: str | None = None) -> Effect:
    rules = bundle.rules(document, "registry.json")
    found = Identified(identity, "a test")
    return (rules.server(found) if tool is None else rules.tool(found, tool)).effect


def after(*steps: tuple[ServerIdentity, str | None, Effect]) -> bundle.Document:
    document = bundle.empty()
    for identity, tool, effect in steps:
        document = bundle.with_effect(document, "registry.json", identity, tool, effect)
    return document


def test_an_empty_registry_approves_nothing() -> None:
    assert effect_of(bundle.empty(), GIT) is Effect.DENY


@pytest.mark.parametrize("identity", [GIT, LOCAL, ServerIdentity("url", "https://mcp.example.com/mcp")])
def test_allow_then_deny_then_allow_ends_allowed_in_one_entry(identity: ServerIdentity) -> None:
    document = after((identity, None, Effect.ALLOW), (identity, None, Effect.DENY), (identity, None, Effect.ALLOW))
    assert effect_of(document, identity) is Effect.ALLOW
    assert len(document["servers"]) == document["metadata"]["count"] == 1


def test_allowing_one_tool_of_an_unapproved_server_allows_that_tool_alone() -> None:
    document = after((GIT, "git_log", Effect.ALLOW))
    assert effect_of(document, GIT) is Effect.ALLOW
    assert effect_of(document, GIT, "git_log") is Effect.ALLOW
    assert effect_of(document, GIT, "git_reset") is Effect.DENY


def test_allowing_the_server_afterwards_allows_its_other_tools_too() -> None:
    document = after((GIT, "git_log", Effect.ALLOW), (GIT, None, Effect.ALLOW))
    assert effect_of(document, GIT, "git_reset") is Effect.ALLOW


def test_a_denied_tool_stays_denied_when_its_server_is_allowed_again() -> None:
    document = after((GIT, None, Effect.ALLOW), (GIT, "git_reset", Effect.DENY), (GIT, None, Effect.ALLOW))
    assert effect_of(document, GIT, "git_reset") is Effect.DENY
    assert effect_of(document, GIT, "git_log") is Effect.ALLOW


def test_allowing_one_tool_of_a_denied_server_opens_nothing_else() -> None:
    document = after((GIT, None, Effect.DENY), (GIT, "git_log", Effect.ALLOW))
    assert effect_of(document, GIT, "git_log") is Effect.ALLOW
    assert effect_of(document, GIT, "git_reset") is Effect.DENY


def test_what_we_do_not_know_survives_an_edit() -> None:
    document = after((GIT, None, Effect.ALLOW))
    document["servers"][0]["server"]["repository"] = {"url": "https://example.com"}
    document["servers"][0]["_meta"]["com.example/risk"] = "low"
    document["generated"] = "by hand"
    before = copy.deepcopy(document)
    changed = bundle.with_effect(document, "registry.json", LOCAL, None, Effect.DENY)
    assert changed["servers"][0] == before["servers"][0]
    assert changed["generated"] == "by hand"
    assert document == before, "the document that was given is not touched"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "not a JSON object"),
        ({"servers": {}}, "`servers`"),
        ({"servers": [7]}, "servers[0]"),
        ({"servers": [{"server": {"name": "a/b"}}]}, "_meta"),
        ({"servers": [{"server": {"name": 1}, "_meta": {}}]}, "`name`"),
        (
            {
                "servers": [
                    {"server": {"name": "a/b"}, "_meta": {bundle.META: {"identities": ["x"], "effect": "allow"}}}
                ]
            },
            "x",
        ),
        (
            {"servers": [{"server": {"name": "a/b"}, "_meta": {bundle.META: {"identities": [], "effect": "allow"}}}]},
            "empty",
        ),
        (
            {
                "servers": [
                    {"server": {"name": "a/b"}, "_meta": {bundle.META: {"identities": ["npm:x"], "effect": "maybe"}}}
                ]
            },
            "maybe",
        ),
        (
            {
                "servers": [
                    {
                        "server": {"name": "a/b"},
                        "_meta": {bundle.META: {"identities": ["npm:x"], "effect": "allow", "tools": [1]}},
                    }
                ]
            },
            "a/b",
        ),
    ],
)
def test_a_document_with_a_mistake_is_refused_whole_and_the_mistake_is_named(document: object, named: str) -> None:
    with pytest.raises(RegistryError, match=r"registry\.json") as caught:
        bundle.rules(document, "registry.json")
    assert named in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["servers", "server", "name", "_meta", bundle.META, "identities", "effect", "tools", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_document_is_read_or_refused_clearly(document: object) -> None:
    try:
        bundle.rules(document, "registry.json")
    except RegistryError as error:
        assert str(error)
