"""A server.json that is hostile: refused where it would be signed, harmless where it was signed all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import CallgateError, RegistryError
from callgate.model.identity import Identified, ServerIdentity
from callgate.registry import activation, roles
from callgate.service import registry_admin as admin

GOOD: dict[str, Any] = {
    "name": "org.example/git",
    "description": "Git",
    "version": "1.0.0",
    "packages": [{"registryType": "npm", "identifier": "git", "version": "1.0.0", "transport": {"type": "stdio"}}],
}


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    admin.init(tmp_path / "org", tmp_path / "keys", None, root=(1, 1), targets=(1, 1), timestamp_days=3)
    return tmp_path / "org"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (json.dumps({**GOOD, "x": "y" * 11_000_000}), "over the limit"),
        (json.dumps({**GOOD, "x": "y" * 9_000_000}), "larger than 256 KiB"),
        (json.dumps({**GOOD, "x": ["y"] * 200_000}), "larger than 256 KiB"),
        (json.dumps({**GOOD, "y" * 300_000: 1}), "larger than 256 KiB"),
        (json.dumps(GOOD)[:-1] + f', "x": {deep(40)}}}', "deeper than 32 levels"),
        (json.dumps(GOOD)[:-1] + f', "x": {deep(100_000)}}}', "is not JSON"),
        (json.dumps({**GOOD, "name": "https://evil.example/git"}), "none of a server.json"),
        (json.dumps({**GOOD, "name": "org.example/git?x=1"}), "none of a server.json"),
        (json.dumps({**GOOD, "name": {"a": 1}}), "none of a server.json"),
        (json.dumps({**GOOD, "packages": {"npm": 1}}), "not a list of objects"),
        ("{" + '"a":1,' * 500_000 + '"b":2}', "'a' twice in one object"),
        (json.dumps(GOOD)[:-1] + ', "name": "c/d"}', "'name' twice in one object"),
        (json.dumps({**GOOD, "x": float("nan")}), "NaN"),
        ("", "is not JSON"),
    ],
    ids=lambda value: value[:30] if len(value) < 40 else "",
)
def test_it_is_refused_before_it_is_signed(folder: Path, tmp_path: Path, text: str, why: str) -> None:
    there = tmp_path / "server.json"
    there.write_text(text)
    before = (folder / "source" / roles.SERVERS).read_bytes()
    with pytest.raises(CallgateError, match=why) as caught:
        admin.add(folder, there, None, admin.grant("allow"), canary=False, dry_run=False)
    assert len(str(caught.value)) < 1000 and (folder / "source" / roles.SERVERS).read_bytes() == before


@pytest.mark.parametrize(
    "server", [{**GOOD, "name": "https://evil.example/\x1b[31m"}, {**GOOD, "packages": 7}, {"name": ""}]
)
def test_what_was_signed_all_the_same_decides_by_identity_alone(server: dict[str, Any]) -> None:
    stated = {"identities": ["npm:git@1.0.0"], "effect": "allow", "owner": "Ann"}
    entry = {"server": server, "_meta": {"dev.callgate/approval": stated, "other": [[[[]]]]}}
    files = {roles.SERVERS: json.dumps({"servers": [entry]}).encode()}
    rules = activation.compiled(files, "x").allowlist
    found = [
        rules.server(Identified(ServerIdentity("npm", name, "1.0.0"), "test")).effect.word for name in ("git", "x")
    ]
    assert found == ["allow", "deny"]


@pytest.mark.parametrize("levels", [500, 5_000, 1_000_000])
def test_a_signed_document_of_any_depth_is_compiled_or_refused(levels: int) -> None:
    entry = json.dumps(
        {"server": GOOD, "_meta": {"dev.callgate/approval": {"identities": ["npm:git"], "effect": "deny"}}}
    )
    text = f'{{"servers": [{entry}], "x": {deep(levels)}}}'
    try:
        assert len(activation.compiled({roles.SERVERS: text.encode()}, "x").allowlist.approvals) == 1
    except RegistryError as error:
        assert levels > 500 and "is not JSON" in str(error)
