"""Entries from a server.json, an inventory or a list: exact, and nothing hostile in them becomes a rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import Identified, ServerIdentity
from callgate.registry import additions, bundle, changes
from hypothesis import given
from hypothesis import strategies as st

FETCH: dict[str, Any] = {
    "name": "io.github.acme/fetch",
    "description": "Fetch",
    "version": "1.2.0",
    "packages": [
        {"registryType": "npm", "identifier": "@acme/fetch", "version": "1.2.0", "transport": {"type": "stdio"}},
        {"registryType": "pypi", "identifier": "acme-fetch", "version": "1.2.0", "transport": {"type": "stdio"}},
        {"registryType": "oci", "identifier": "docker.io/acme/fetch:1.2.0", "transport": {"type": "stdio"}},
    ],
    "remotes": [{"type": "streamable-http", "url": "https://mcp.acme.com/mcp?x=1"}],
}


def effect(document: object, identity: str) -> Effect:
    return bundle.rules(document, "x").server(Identified(ServerIdentity.parse(identity), "test")).effect


def add(found: object, document: object | None = None, wanted: Effect = Effect.ALLOW) -> additions.Added:
    return additions.add(bundle.empty() if document is None else document, found, "found.json", additions.Grant(wanted))


def test_a_server_json_approves_exactly_what_it_names() -> None:
    document = add(FETCH).document
    for identity in (
        "npm:@acme/fetch@1.2.0",
        "pypi:acme-fetch@1.2.0",
        "oci:acme/fetch@1.2.0",
        "url:https://mcp.acme.com/mcp",
    ):
        assert effect(document, identity) is Effect.ALLOW
    for identity in ("npm:@acme/fetch@1.2.1", "npm:@acme/fetch", "npm:fetch@1.2.0", "url:https://mcp.acme.com/"):
        assert effect(document, identity) is Effect.DENY
    assert document["servers"][0]["server"] == FETCH, "as its author wrote it"


def test_a_list_of_the_registry_api_is_added_whole() -> None:
    other = {**FETCH, "name": "io.github.acme/other", "packages": [{**FETCH["packages"][0], "identifier": "other"}]}
    added = add({"servers": [{"server": FETCH, "_meta": {}}, {"server": other}], "metadata": {"count": 2}})
    assert len(added.document["servers"]) == added.document["metadata"]["count"] == 2


def test_an_inventory_is_added_by_what_was_seen() -> None:
    seen = {"servers": [{"identity": "npm:time@1.0.0", "entry": "time", "agent": "x"}] * 2, "skipped": []}
    document = add(seen).document
    assert effect(document, "npm:time@1.0.0") is Effect.ALLOW and len(document["servers"]) == 1


def test_an_inventory_with_something_unidentified_says_so() -> None:
    added = add({"servers": [{"identity": "what:ever", "entry": "x"}, {"identity": "npm:time@1", "entry": "time"}]})
    assert len(added.document["servers"]) == 1 and "servers[0]" in added.skipped[0]


def test_a_newer_version_takes_the_place_of_the_older_one_and_keeps_what_was_decided_of_its_tools() -> None:
    document = add(FETCH).document
    first = ServerIdentity.parse("npm:@acme/fetch@1.2.0")
    document["servers"][0]["_meta"][bundle.META]["tools"] = {"fetch_all": "deny"}
    newer = {**FETCH, "version": "1.3.0", "packages": [{**FETCH["packages"][0], "version": "1.3.0"}]}
    after = add(newer, document).document
    assert len(after["servers"]) == 1
    assert effect(after, "npm:@acme/fetch@1.3.0") is Effect.ALLOW and effect(after, str(first)) is Effect.DENY
    found = Identified(ServerIdentity.parse("npm:@acme/fetch@1.3.0"), "test")
    assert bundle.rules(after, "x").tool(found, "fetch_all").effect is Effect.DENY


@pytest.mark.parametrize("version", ["", "latest", "^1.2.0", "~1", ">=1", "1.x || 2", "*", "1 - 2"])
def test_a_version_that_floats_is_refused(version: str) -> None:
    floating = {**FETCH, "packages": [{**FETCH["packages"][0], "version": version}]}
    with pytest.raises(RegistryError, match="no exact version"):
        add(floating)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "fetch",
        "a/b/c",
        "https://evil.example/x",
        "a/b\n",
        "a b/c",
        "\u202ea/b",
        "a/\u0430",
        "a/" + "b" * 300,
        7,
        None,
    ],
)
def test_a_name_that_is_no_name_of_a_server_json_is_refused(name: object) -> None:
    with pytest.raises(RegistryError, match="name"):
        add({**FETCH, "name": name})


@pytest.mark.parametrize(
    "packages",
    [
        [{"registryType": "mcpb", "identifier": "https://evil.example/x.mcpb", "version": "1"}],
        [{"registryType": "nuget", "identifier": "x", "version": "1"}],
        [{"registryType": ["npm"], "identifier": "x", "version": "1"}],
        [{}],
        [],
    ],
)
def test_what_cannot_be_identified_at_its_launch_is_skipped_and_said(packages: object) -> None:
    added = add({**FETCH, "packages": packages, "remotes": [{"url": "https://{tenant}.acme.com/mcp"}]})
    assert added.document["servers"] == [] and added.skipped


@pytest.mark.parametrize("found", [[], 7, None, "x", {"servers": [7]}, {"name": "a/b", "packages": 7}])
def test_what_is_no_server_json_is_refused(found: object) -> None:
    with pytest.raises(RegistryError, match=r"found\.json"):
        add(found)


def test_revoking_by_name_or_identity_denies_and_removing_takes_it_off_the_list() -> None:
    document = add(FETCH).document
    for server in ("io.github.acme/fetch", "npm:@acme/fetch@1.2.0"):
        denied = additions.revoke(document, server, "x", remove=False)
        assert effect(denied, "pypi:acme-fetch@1.2.0") is Effect.DENY and len(denied["servers"]) == 1
        removed = additions.revoke(document, server, "x", remove=True)
        assert removed["servers"] == [] and removed["metadata"]["count"] == 0
    assert effect(document, "npm:@acme/fetch@1.2.0") is Effect.ALLOW, "the document that was given is not touched"


def test_revoking_what_is_on_no_list_denies_an_identity_and_refuses_a_name() -> None:
    denied = additions.revoke(bundle.empty(), "npm:evil", "x", remove=False)
    assert "evil" in json.dumps(denied) and effect(denied, "npm:evil@6") is Effect.DENY
    for server, remove in (("nobody/knows", False), ("npm:evil", True)):
        with pytest.raises(RegistryError):
            additions.revoke(bundle.empty(), server, "x", remove=remove)


KEYS = ["servers", "server", "name", "packages", "remotes", "registryType", "identifier", "version", "url", "identity"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_added_skipped_or_refused_clearly(found: object) -> None:
    try:
        added = add(found)
    except RegistryError as error:
        assert str(error)
    else:
        bundle.rules(added.document, "what came of it")


def test_changes_are_told_in_one_line_each() -> None:
    before = add(FETCH).document
    after = additions.revoke(before, "io.github.acme/fetch", "x", remove=False)
    after = add({"servers": [{"identity": "npm:time@1.0.0", "entry": "time"}]}, after).document
    lines = changes.between(
        {"registry/servers.json": json.dumps(before).encode(), "policy/options.json": b"{}\n"},
        {"registry/servers.json": json.dumps(after).encode(), "policy/options.json": b'{"x": 1}\n'},
    )
    assert "-{}" in lines and '+{"x": 1}' in lines
    assert any(line.startswith("+ local/time: allow npm:time@1.0.0") for line in lines)
    assert any(line.startswith("~ io.github.acme/fetch: allow") and "-> deny" in line for line in lines)
    assert changes.between({}, {}) == []


def test_terms_are_written_into_the_approval_and_kept_until_others_are_given() -> None:
    first = additions.add(bundle.empty(), FETCH, "x", additions.Grant(terms={"owner": "Ann", "expires": "2027-01-31"}))
    again = additions.add(first.document, FETCH, "x", additions.Grant(terms={"expires": "2028-01-31"})).document
    (approval,) = bundle.rules(again, "x").approvals
    assert (approval.terms.owner, approval.terms.until) == ("Ann", "2028-02-01 00:00 UTC")
    lines = changes.between(*({"registry/servers.json": json.dumps(one).encode()} for one in (first.document, again)))
    assert len(lines) == 1 and "until 2027-02-01" in lines[0] and "until 2028-02-01" in lines[0]
    seen = {"servers": [{"identity": "npm:time@1.0.0", "entry": "time"}]}
    document = additions.add(again, seen, "x", additions.Grant(terms={"risk": "low"})).document
    assert [one.terms.risk for one in bundle.rules(document, "x").approvals] == ["", "low"]
    with pytest.raises(RegistryError, match="risk"):
        additions.add(bundle.empty(), FETCH, "x", additions.Grant(terms={"risk": "huge"}))


def test_thousands_of_servers_are_added_in_a_time_that_does_not_explode() -> None:
    listed = [{**FETCH, "name": f"org/server-{number}"} for number in range(5_000)]
    added = add({"servers": listed})
    assert len(added.document["servers"]) == 5_000
