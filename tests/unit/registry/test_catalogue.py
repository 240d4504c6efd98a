"""The static v0.1 API: what the gate lets run and nothing else, in the published shapes, as files of harmless names."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from callgate.registry import apitree, bundle, catalogue, roles
from callgate.registry.bundle import META, Document
from hypothesis import given
from hypothesis import strategies as st
from v01 import check_list, check_response

NOW = time.time()
PLACE = "v0.1/servers/org.example/git/versions"


def package(version: str = "1.2.0", name: str = "git") -> dict[str, Any]:
    return {"registryType": "npm", "identifier": name, "version": version, "transport": {"type": "stdio"}}


def entry(version: str = "1.2.0", name: str = "org.example/git", **more: Any) -> Document:
    stated = {"identities": [f"npm:git@{version}"], "effect": "allow", **more.pop("approval", {})}
    server = {"name": name, "description": "Git", "version": version, "packages": [package(version)], **more}
    return {"server": server, "_meta": {META: stated}}


def made(*entries: Document, now: float = NOW, before: dict[str, bytes] | None = None) -> catalogue.Catalogue:
    document = {"servers": list(entries)}
    return catalogue.tree(document, bundle.rules(document, "x"), now, before or {})


def listed(found: catalogue.Catalogue) -> list[dict[str, Any]]:
    return check_list(json.loads(found.files["v0.1/servers/index.json"]))


def test_every_version_has_its_file_and_the_list_names_the_latest() -> None:
    found = made(entry("1.10.0"), entry("1.9.0"), entry("1.2.0"))
    assert [one["server"]["version"] for one in listed(found)] == ["1.10.0"]
    assert sorted(found.files) == sorted(
        ["v0.1/servers/index.json"]
        + [f"{PLACE}/{name}" for name in ("1.10.0", "1.9.0", "1.2.0", "latest", "index.json")]
    )
    assert found.files[f"{PLACE}/latest"] == found.files[f"{PLACE}/1.10.0"]
    versions = check_list(json.loads(found.files[f"{PLACE}/index.json"]))
    official = [one["_meta"][catalogue.OFFICIAL]["isLatest"] for one in versions]
    assert sorted(official) == [False, False, True]
    assert not check_response(json.loads(found.files[f"{PLACE}/1.9.0"]))["_meta"][catalogue.OFFICIAL]["isLatest"]


@pytest.mark.parametrize(
    "approval", [{"effect": "deny"}, {"effect": "ask"}, {"expires": "2020-01-01"}, {"identities": ["npm:git@9.9.9"]}]
)
def test_what_the_gate_would_not_let_run_is_not_listed(approval: dict[str, Any]) -> None:
    assert listed(made(entry(approval=approval))) == []


def test_a_denial_anywhere_takes_the_package_off_the_list() -> None:
    denial = {"identities": ["npm:git"], "effect": "deny"}
    other = {"server": {"name": "org.example/no"}, "_meta": {META: denial}}
    assert listed(made(entry(), other)) == []


def test_only_the_approved_packages_and_addresses_of_a_server_are_shown() -> None:
    remotes = [
        {"type": "sse", "url": "https://mcp.example.org/mcp"},
        {"type": "sse", "url": "https://{x}.evil.example/"},
    ]
    packages = [package(), package("9.9.9"), package(name="evil"), {"registryType": "mcpb", "identifier": "x"}, "x"]
    approval = {"identities": ["npm:git@1.2.0", "url:https://mcp.example.org/mcp"], "owner": "Ann", "pins": {}}
    (one,) = listed(made(entry(packages=packages, remotes=remotes, approval=approval)))
    assert one["server"]["packages"] == [package()] and one["server"]["remotes"] == remotes[:1]
    assert one["_meta"][META] == {"identities": approval["identities"], "effect": "allow", "owner": "Ann"}


@pytest.mark.parametrize(
    "name",
    ["../etc", "a/..", "./x", "a/b/c", "https://evil.example/x", "a", "a/", "index.json/x", "a/b\n", "a/" + "x" * 150],
)
def test_a_name_that_would_leave_the_tree_is_skipped_and_said(name: str) -> None:
    found = made(entry(name=name), entry())
    assert [one["server"]["name"] for one in listed(found)] == ["org.example/git"] and len(found.skipped) == 1


@pytest.mark.parametrize(
    "version", ["../../x", "a/b", "..", "", "latest", "index.json", "^1.2", "1 2", "x" * 300, 7, None]
)
def test_a_version_that_is_no_file_name_is_skipped_and_said(version: Any) -> None:
    bad = entry()
    bad["server"]["version"] = version
    found = made(bad)
    assert listed(found) == [] and len(found.skipped) == 1


def test_two_names_that_are_one_on_some_disks_are_not_both_listed() -> None:
    found = made(entry(), entry(name="Org.Example/git"))
    assert len(listed(found)) == 1 and "case only" in found.skipped[0]


FIELDS = ["packages", "remotes", "type", "url", "transport", "registryType", "version", "title", "repository", "_meta"]
ANY = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=12,
)


@given(ANY)
def test_no_shape_of_a_server_breaks_the_tree_or_its_form(odd: Any) -> None:
    more = odd if isinstance(odd, dict) else {"packages": odd, "remotes": odd, "description": odd}
    found = made(
        entry(), {**entry(name="org.example/odd"), "server": {**entry(name="org.example/odd")["server"], **more}}
    )
    assert "org.example/git" in [one["server"]["name"] for one in listed(found)]


def test_what_did_not_change_keeps_its_bytes_and_what_did_keeps_its_first_day() -> None:
    first = made(entry())
    assert made(entry(), now=NOW + 9999, before=dict(first.files)).files == first.files
    changed = made(entry(title="Git!"), now=NOW + 9999, before=dict(first.files))
    dates = [json.loads(each.files[f"{PLACE}/latest"])["_meta"][catalogue.OFFICIAL] for each in (first, changed)]
    assert dates[0]["publishedAt"] == dates[1]["publishedAt"] and dates[0]["updatedAt"] < dates[1]["updatedAt"]
    damaged = dict.fromkeys(first.files, b"[" * 5000)
    assert made(entry(), before=damaged).files == first.files


def documents(*entries: Document) -> dict[str, bytes]:
    return {roles.SERVERS: json.dumps({"servers": list(entries)}).encode()}


def test_the_tree_on_disk_follows_the_document_and_a_revoked_server_is_gone(tmp_path: Path) -> None:
    both = documents(entry(), entry(name="org.example/other"))
    assert apitree.write(tmp_path, both, NOW).count == 2
    assert apitree.write(tmp_path, both, NOW + 60).changed == 0
    (tmp_path / PLACE / "latest").write_bytes(b"half")
    (tmp_path / PLACE / ".latest.abc.callgate-tmp").write_bytes(b"x")
    assert apitree.write(tmp_path, both, NOW).changed >= 1
    assert json.loads((tmp_path / PLACE / "latest").read_bytes())["server"]["name"] == "org.example/git"
    assert apitree.write(tmp_path, documents(entry(name="org.example/other")), NOW).count == 1
    assert not (tmp_path / "v0.1/servers/org.example/git").exists()
    assert apitree.write(tmp_path, {}, NOW).count == 0
    assert [path.name for path in (tmp_path / "v0.1").rglob("*") if path.is_file()] == ["index.json"]


def test_a_link_in_the_tree_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    apitree.write(tmp_path, documents(entry()), NOW)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / PLACE / "latest").unlink()
    (tmp_path / PLACE / "latest").symlink_to(victim)
    apitree.write(tmp_path, documents(entry()), NOW)
    assert victim.read_bytes() == b"mine" and not (tmp_path / PLACE / "latest").is_symlink()
