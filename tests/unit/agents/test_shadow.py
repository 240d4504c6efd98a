"""A project's entry is overridden from the user's own file, and only if the user approved it."""

from __future__ import annotations

import pytest
from callgate.agents import ALL
from callgate.agents.formats import document
from callgate.agents.shadow import Shadow
from callgate.agents.shapes import SHAPES

FOUND = next(agent.shadow for agent in ALL if agent.id == "claude-code")
assert FOUND is not None
SHADOW: Shadow = FOUND
STATE = SHADOW.file
LOCAL = "{project}/.claude/settings.local.json"
SHARED = "{project}/.claude/settings.json"
SHOP = "/home/ana/work/shop"
TRUST = {"projects": {"/home/ana/work": {"hasTrustDialogAccepted": True}}}
ENTRY = {"command": "/opt/callgate/launchers/one", "args": ["--", "uvx", "mcp-server-time"]}


def approves(documents: dict[str, object], name: str = "time") -> bool:
    return SHADOW.approved(SHOP, documents).allows(name)


def test_nothing_is_approved_by_default() -> None:
    assert not approves({})


def test_an_approval_in_the_users_own_file_counts() -> None:
    assert approves({STATE: {"projects": {SHOP: {"enabledMcpjsonServers": ["time"]}}}})
    assert not approves({STATE: {"projects": {"/home/ana/other": {"enabledMcpjsonServers": ["time"]}}}})


@pytest.mark.parametrize("file", [LOCAL, SHARED])
def test_a_repository_cannot_approve_itself(file: str) -> None:
    says = {"enableAllProjectMcpServers": True, "enabledMcpjsonServers": ["time"]}
    assert not approves({file: says})
    assert not approves({file: says, STATE: {"projects": {SHOP: {"hasTrustDialogAccepted": False}}}})
    assert not approves({file: says, STATE: {"projects": {SHOP + "/deeper": {"hasTrustDialogAccepted": True}}}})


@pytest.mark.parametrize("file", [LOCAL, SHARED])
def test_a_project_below_a_trusted_folder_may_approve_its_servers(file: str) -> None:
    assert approves({file: {"enabledMcpjsonServers": ["time"]}, STATE: TRUST})
    assert not approves({file: {"enabledMcpjsonServers": ["other"]}, STATE: TRUST})
    assert approves({file: {"enableAllProjectMcpServers": True}, STATE: TRUST})


def test_a_refusal_wins_over_every_approval() -> None:
    all_of_them = {"enableAllProjectMcpServers": True}
    assert not approves({STATE: TRUST, LOCAL: all_of_them, SHARED: {"disabledMcpjsonServers": ["time"]}})


@pytest.mark.parametrize(
    "wrong", [None, [], "x", 5, {"projects": 3}, {"projects": {SHOP: []}}, {"projects": {SHOP: 1}}]
)
def test_documents_of_the_wrong_shape_approve_nothing(wrong: object) -> None:
    assert not approves({STATE: wrong, LOCAL: wrong, SHARED: {"enabledMcpjsonServers": "time"}})


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"mcpServers": {}}',
        b'{"projects": {}}',
        b'{\n  "projects": {\n    "/home/ana/work/shop": {"lastCost": 1}\n  }\n}\n',
        b'{"projects": {"/home/ana/work/shop": {"mcpServers": {"db": {"command": "db"}}}}}',
    ],
)
def test_the_entry_stands_in_the_users_file_whatever_was_there(text: bytes) -> None:
    edits = SHADOW.edits(SHOP, {"time": ENTRY, "two": ENTRY}, document.parse(text, SHADOW.format))
    assert not isinstance(edits, str)
    after = document.parse(document.edit(text, SHADOW.format, edits), SHADOW.format)
    read = {raw.name: raw for raw in SHAPES[SHADOW.shape].read(after).entries}
    assert read["time"].at == SHADOW.entry_at(SHOP, "time")
    assert read["time"].project == SHOP
    assert read["two"].argv == (ENTRY["command"], *ENTRY["args"])


def test_an_entry_that_the_user_has_there_already_stays() -> None:
    own = {"projects": {SHOP: {"mcpServers": {"time": {"command": "mine"}}}}}
    assert SHADOW.edits(SHOP, {"time": ENTRY}, own) == "there already is an entry of the name 'time'"


@pytest.mark.parametrize(
    "wrong", [[], {"projects": []}, {"projects": {SHOP: 3}}, {"projects": {SHOP: {"mcpServers": 1}}}]
)
def test_a_file_with_something_else_in_the_place_is_left_alone(wrong: object) -> None:
    assert "is not a mapping" in str(SHADOW.edits(SHOP, {"time": ENTRY}, wrong))


def test_nothing_to_shadow_changes_nothing() -> None:
    assert SHADOW.edits(SHOP, {}, {}) == ()
