"""Whatever stands in a config, reading it never fails, and a wrapped entry reads as the launcher with the old line."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from callgate.agents.shapes import SHAPES
from callgate.model.inventory import Edit, Put, Transport
from hypothesis import given
from hypothesis import strategies as st

LAUNCHER = "/opt/callgate/launchers/one"
# fmt: off
KEYS = st.sampled_from(
    [
        "mcpServers", "servers", "mcp", "mcp.servers", "projects", "powers", "customizations", "vscode",
        "settings", "extensions", "context_servers", "mcp_servers", "amp.mcpServers", "server", "mcp_config",
        "name", "experimental", "modelContextProtocolServers", "x", "/home/ana", "command", "args", "cmd",
        "env", "envs", "env_keys", "environment", "env_vars", "cwd", "url", "uri", "httpUrl", "serverUrl",
        "type", "source", "transport", "path", "enabled", "disabled", "sandboxEnabled",
    ]
)
# fmt: on
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["npx", "stdio", "local", "http", "builtin", "inline_python", "extension", "https://a/"]),
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=2), inner, max_size=6)
)
WORDS = st.lists(st.text(max_size=6), max_size=4)
ENTRIES = st.fixed_dictionaries(
    {"command": st.text(min_size=1, max_size=6)},
    optional={
        "args": WORDS | st.none(),
        "env": st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
        "disabled": st.booleans(),
        "type": st.sampled_from(["stdio", "local", "http"]),
        "url": st.just("https://a/"),
        "cwd": st.text(max_size=4),
    },
)
FILLED: dict[str, Any] = {
    "claude": lambda entry: {"mcpServers": {"x": entry}},
    "claude-state": lambda entry: {"projects": {"/p": {"mcpServers": {"x": entry}}}},
    "claude-plugin": lambda entry: {"x": entry},
    "vscode": lambda entry: {"servers": {"x": entry}},
    "vscode-settings": lambda entry: {"mcp": {"servers": {"x": entry}}},
    "vscode-workspace": lambda entry: {"settings": {"mcp": {"servers": {"x": entry}}}},
    "cline": lambda entry: {"mcpServers": {"x": {"transport": entry}}},
    "codex": lambda entry: {"mcp_servers": {"x": entry}},
    "continue": lambda entry: {"mcpServers": [{"name": "y", "url": "https://a/"}, {"name": "x", **entry}]},
    "amp": lambda entry: {"amp.mcpServers": {"x": entry}},
    "kiro": lambda entry: {"powers": {"mcpServers": {"x": entry}}},
    "windsurf": lambda entry: {"mcpServers": {"x": entry}},
    "zed": lambda entry: {
        "context_servers": {"x": {"command": {"path": entry["command"], "args": entry.get("args"), "env": {}}}}
    },
    "goose": lambda entry: {"extensions": {"x": {"cmd": entry["command"], "args": entry.get("args", [])}}},
    "opencode": lambda entry: {"mcp": {"x": {"command": [entry["command"], *(entry.get("args") or [])]}}},
}


def made(document: object, edits: tuple[Edit, ...]) -> Any:
    """The document after the edits, made on the values rather than on text."""
    after: Any = deepcopy(document)
    for edit in edits:
        assert isinstance(edit, Put)
        here = after
        for key in edit.at[:-1]:
            here = here[key]
        here[edit.at[-1]] = edit.value
    return after


@pytest.mark.parametrize("shape", SHAPES)
@given(document=DOCUMENTS)
def test_no_document_makes_a_shape_fail(shape: str, document: object) -> None:
    reading = SHAPES[shape].read(document)
    for raw in reading.entries:
        after = made(document, SHAPES[shape].wrap(raw, LAUNCHER))
        new = {other.at: other for other in SHAPES[shape].read(after).entries}[raw.at]
        wrapped = raw.transport is Transport.STDIO and raw.unwrappable is None
        assert new.argv == ((LAUNCHER, "--", *raw.argv) if wrapped else raw.argv)
    assert all(isinstance(problem, str) and problem for problem in reading.problems)


@pytest.mark.parametrize("shape", sorted(FILLED))
@given(entry=ENTRIES)
def test_a_wrapped_entry_starts_the_launcher_and_keeps_all_else(shape: str, entry: Mapping[str, Any]) -> None:
    document = FILLED[shape](entry)
    raw = next(raw for raw in SHAPES[shape].read(document).entries if raw.name == "x")
    assert raw.argv == (entry["command"], *(entry.get("args") or []))
    after = made(document, SHAPES[shape].wrap(raw, LAUNCHER))
    new = next(raw for raw in SHAPES[shape].read(after).entries if raw.name == "x")
    assert new.argv == (LAUNCHER, "--", *raw.argv)
    assert (new.at, new.env_names, new.cwd, new.enabled, new.url) == (
        raw.at,
        raw.env_names,
        raw.cwd,
        raw.enabled,
        raw.url,
    )
