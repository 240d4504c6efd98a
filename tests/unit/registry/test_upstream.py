"""Servers from another MCP Registry: page by page, by name, and nothing that it sends breaks or fools the import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import RegistryError
from callgate.registry import roles
from callgate.registry.catalogue import OFFICIAL
from callgate.registry.upstream import PAGE_MAX, Upstream
from callgate.service import registry_admin as admin
from mcp_registry import McpRegistry, server
from rude_server import RudeServer, cut_short, endless_body

NAMES = [f"org.example/server-{number}" for number in range(5)]


@pytest.fixture
def upstream() -> Iterator[McpRegistry]:
    with McpRegistry([server(name) for name in NAMES]) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    admin.init(tmp_path / "org", tmp_path / "keys", None, root=(1, 1), targets=(1, 1), timestamp_days=3)
    return tmp_path / "org"


def document(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "source" / roles.SERVERS).read_bytes())["servers"])


def take(folder: Path, url: str, *names: str, dry_run: bool = False) -> dict[str, Any]:
    return admin.import_from(folder, url, names, admin.grant("allow", owner="Ann"), canary=False, dry_run=dry_run)


def test_all_pages_are_read_and_every_server_becomes_an_approval_of_ours(folder: Path, upstream: McpRegistry) -> None:
    assert len(take(folder, upstream.url, dry_run=True)["changes"]) == 5 and document(folder) == []
    take(folder, f"{upstream.url}/v0.1/servers")
    assert [one["server"]["name"] for one in document(folder)] == NAMES
    approval = document(folder)[0]["_meta"]["dev.callgate/approval"]
    assert approval == {"identities": ["npm:server-0@1.0.0"], "effect": "allow", "owner": "Ann"}
    assert all("version=latest" in path and "limit=100" in path for path in upstream.asked)
    assert sum("cursor=" in path for path in upstream.asked) == 4, "two imports of three pages"


def test_servers_are_taken_by_name_and_version(folder: Path, upstream: McpRegistry) -> None:
    upstream.servers.insert(0, server(NAMES[0], "2.0.0"))
    take(folder, upstream.url, f"{NAMES[0]}@1.0.0", NAMES[3])
    versions = [(one["server"]["name"], one["server"]["version"]) for one in document(folder)]
    assert versions == [(NAMES[0], "1.0.0"), (NAMES[3], "1.0.0")]
    assert upstream.asked[0] == "/v0.1/servers/org.example%2Fserver-0/versions/1.0.0"
    with pytest.raises(RegistryError, match=r"missing \(HTTP 404\)"):
        take(folder, upstream.url, "org.example/none")


def test_what_the_registry_withdrew_or_what_makes_no_approval_is_skipped_and_said(folder: Path) -> None:
    gone = {"server": server("org/gone"), "_meta": {OFFICIAL: {"status": "deleted"}}}
    old = {"server": server("org/old"), "_meta": {OFFICIAL: {"status": "deprecated"}}}
    floating = server("org/floating", packages=[{"registryType": "npm", "identifier": "x"}])
    bad = [server("https://evil.example/x"), server("org/deep", x=deep(100)), server("org/big", x="y" * 300_000)]
    approving = {"server": server("org/own"), "_meta": {"dev.callgate/approval": {"identities": ["npm:evil"]}}}
    with McpRegistry([gone, old, floating, *bad, server("org/good"), approving], page=3) as made:
        done = take(folder, made.url)
    assert [one["server"]["name"] for one in document(folder)] == ["org/good", "org/own"]
    assert document(folder)[1]["_meta"]["dev.callgate/approval"]["identities"] == ["npm:own@1.0.0"], (
        "its word is not ours"
    )
    assert len(done["skipped"]) == 6 and "org/gone is deleted there" in done["skipped"][0]


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 100_000,
        b'{"servers": {}}',
        b'{"servers": [1]}',
        b'{"servers": [], "metadata": {"nextCursor": ["x"]}}',
        b'{"servers": [], "metadata": {"nextCursor": "same"}}',
        b'{"servers": [], "metadata": {"nextCursor": "' + b"x" * 3000 + b'"}}',
        b'{"servers": [' + b" " * PAGE_MAX + b"]}",
        500,
        403,
        302,
    ],
)
def test_an_answer_that_is_none_ends_the_import_and_changes_nothing(folder: Path, answer: bytes | int) -> None:
    with McpRegistry([], answer=lambda path, query: answer) as made, pytest.raises(RegistryError):
        take(folder, made.url)
    assert document(folder) == []


def test_a_list_without_end_is_given_up(folder: Path) -> None:
    def more(path: str, query: dict[str, str]) -> dict[str, Any]:
        cursor = str(int(query.get("cursor", "0")) + 1)
        return {"servers": [server("org/x")] * 100, "metadata": {"nextCursor": cursor}}

    with McpRegistry([], answer=more) as made, pytest.raises(RegistryError, match="more than 20,000 servers"):
        take(folder, made.url)

    ticks = iter(range(0, 10**6, 100))
    with McpRegistry(
        [], answer=lambda path, query: {"servers": [], "metadata": {"nextCursor": str(len(made.asked))}}
    ) as made:
        slow = Upstream(made.url, clock=lambda: float(next(ticks)))
        with pytest.raises(RegistryError, match="more than 600 seconds"):
            slow.all()
        slow.close()


@pytest.mark.parametrize("pieces", [endless_body, cut_short, list])
def test_a_rude_server_ends_the_import(folder: Path, pieces: Any) -> None:
    with RudeServer(pieces()) as rude, pytest.raises(RegistryError):
        take(folder, rude.url)


def test_a_server_of_another_name_than_asked_for_is_refused(folder: Path, upstream: McpRegistry) -> None:
    upstream.answer = lambda path, query: {"server": server("org.example/evil")}
    with pytest.raises(RegistryError, match=r"does not answer with org\.example/server-0"):
        take(folder, upstream.url, NAMES[0])


@pytest.mark.parametrize("url", ["http://registry.example.org", "ftp://x", "", "https://user@x.example/", "registry"])
def test_an_address_that_nobody_should_import_from_is_refused(url: str) -> None:
    with pytest.raises(RegistryError):
        Upstream(url)


def test_thousands_of_servers_are_taken_at_once(folder: Path) -> None:
    with McpRegistry([server(f"org.example/server-{number}") for number in range(3_000)], page=100) as made:
        assert len(take(folder, made.url)["changes"]) == 3_000
