"""Addresses of models in agents' files: led through us and given back, byte for byte, whatever others do meanwhile."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.agents.adapter import Agent
from callgate.model.inventory import Surroundings
from callgate.modelproxy.routing import Routing

PORT = 17423
FILES = {
    "claude-code": (
        ".claude/settings.json",
        '{\n  // mine\n  "env": { "A": "1", "ANTHROPIC_BASE_URL": "https://gw.example/x" }\n}\n',
    ),
    "codex": (
        ".codex/config.toml",
        'model = "m" # c\n[model_providers.a]\nbase_url = "https://gw.example/x"\nwire_api = "responses"\n',
    ),
    "gemini-cli": (
        ".gemini/.env",
        "# mine\nGEMINI_API_KEY=k\nexport GOOGLE_GEMINI_BASE_URL = https://gw.example/x\n",
    ),
    "opencode": (
        ".config/opencode/opencode.json",
        '{"provider":{"a":{"options":{"baseURL":"https://gw.example/x"}},"b":{}}}',
    ),
    "cline": (
        ".cline/data/settings/providers.json",
        '{"providers":{"o":{"settings":{"baseUrl":"https://gw.example/x"}}}}\n',
    ),
}


def agent(id: str) -> Agent:
    return next(one for one in ALL if one.id == id)


@pytest.fixture
def routing(tmp_path: Path) -> Routing:
    (tmp_path / "home").mkdir()
    return Routing(tmp_path / "state", Surroundings(str(tmp_path / "home"), "linux", {}), PORT)


def address(token: str) -> str:
    return f"http://127.0.0.1:{PORT}/model/{token}"


def put(tmp_path: Path, id: str, text: str | None = None) -> Path:
    name, usual = FILES[id]
    path = tmp_path / "home" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(usual if text is None else text)
    return path


@pytest.mark.parametrize("id", FILES)
def test_an_address_leads_through_us_and_comes_back_byte_for_byte(tmp_path: Path, routing: Routing, id: str) -> None:
    path = put(tmp_path, id)
    os.chmod(path, 0o640)  # noqa: PTH101
    before = path.read_bytes()
    (line,), skipped = routing.route([agent(id)], address)
    assert not skipped and line.turned.upstream == "https://gw.example/x"
    assert path.read_text() == before.decode().replace("https://gw.example/x", line.address)
    assert routing.route([agent(id)], address) == ([], [])
    assert routing.lines() == ([line], [])
    assert routing.unroute() == ([line], [])
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o640
    assert routing.lines() == ([], []) and routing.unroute() == ([], [])


@pytest.mark.parametrize(
    ("id", "text"), [("claude-code", "{}\n"), ("claude-code", '{"env": {"A": "1"}}'), ("gemini-cli", "")]
)
def test_an_agent_that_uses_its_vendors_address_gets_ours_added_and_taken_out(
    tmp_path: Path, routing: Routing, id: str, text: str
) -> None:
    path = put(tmp_path, id, text)
    (line,), _ = routing.route([agent(id)], address)
    assert line.address in path.read_text() and line.turned.upstream.startswith("https://")
    routing.unroute()
    assert path.read_text() == text


def test_a_file_that_we_made_goes_again(tmp_path: Path, routing: Routing) -> None:
    path = put(tmp_path, "claude-code")
    path.unlink()
    (line,), _ = routing.route([agent("claude-code")], address)
    assert line.address in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    routing.unroute()
    assert not path.exists()


def test_an_agent_that_is_not_there_gets_no_file(tmp_path: Path, routing: Routing) -> None:
    assert routing.route(ALL, address) == ([], [])
    assert not list((tmp_path / "home").iterdir())


def test_what_others_wrote_meanwhile_stays(tmp_path: Path, routing: Routing) -> None:
    path = put(tmp_path, "claude-code", '{"env": {"A": "1"}}')
    routing.route([agent("claude-code")], address)
    path.write_text(path.read_text().replace('"1"', '"2"'))
    routing.unroute()
    assert path.read_text() == '{"env": {"A": "2"}}'


def test_a_mapping_that_we_added_stays_if_somebody_uses_it(tmp_path: Path, routing: Routing) -> None:
    path = put(tmp_path, "claude-code", "{}")
    (line,), _ = routing.route([agent("claude-code")], address)
    path.write_text(f'{{"env": {{"ANTHROPIC_BASE_URL": "{line.address}", "B": "2"}}}}')
    routing.unroute()
    assert path.read_text() == '{"env": {"B": "2"}}'


def test_an_address_that_the_user_put_in_place_of_ours_comes_back(tmp_path: Path, routing: Routing) -> None:
    path = put(tmp_path, "codex")
    (first,), _ = routing.route([agent("codex")], address)
    path.write_text(path.read_text().replace(first.address, "https://other.example"))
    (second,), _ = routing.route([agent("codex")], address)
    assert second.turned.upstream == "https://other.example" and second.token != first.token
    routing.unroute()
    assert "https://other.example" in path.read_text()


@pytest.mark.parametrize(
    "value", [7, "file:///etc", "http://u:p@h/", "http://[x", f"http://localhost:{PORT}/x", None, {"a": 1}]
)
def test_what_is_no_address_of_a_model_is_left_alone(tmp_path: Path, routing: Routing, value: object) -> None:
    text = json.dumps({"env": {"ANTHROPIC_BASE_URL": value}})
    path = put(tmp_path, "claude-code", text)
    assert routing.route([agent("claude-code")], address) == ([], [])
    assert path.read_text() == text


def test_a_file_that_does_not_parse_is_named_and_the_others_are_routed(tmp_path: Path, routing: Routing) -> None:
    broken, whole = put(tmp_path, "claude-code", '{"env": '), put(tmp_path, "codex")
    done, (skipped,) = routing.route([agent("claude-code"), agent("codex")], address)
    assert skipped.what == str(broken) and "cannot be changed" in skipped.reason
    assert [line.path for line in done] == [str(whole)]
    assert broken.read_text() == '{"env": '


def test_a_broken_record_is_named_and_kept(tmp_path: Path, routing: Routing) -> None:
    put(tmp_path, "codex")
    routing.route([agent("codex")], address)
    (record,) = (tmp_path / "state").glob("*.json")
    record.write_text("{")
    assert routing.lines()[1][0].what == str(record)
    done, (skipped,) = routing.unroute()
    assert not done and "cannot be put back" in skipped.reason and record.exists()


def test_a_link_stays_a_link(tmp_path: Path, routing: Routing) -> None:
    path = put(tmp_path, "codex")
    real = path.with_name("dotfiles.toml")
    path.rename(real)
    path.symlink_to(real.name)
    before = real.read_bytes()
    routing.route([agent("codex")], address)
    assert path.is_symlink() and b"/model/" in real.read_bytes()
    routing.unroute()
    assert path.is_symlink() and real.read_bytes() == before


def test_a_link_out_of_the_home_is_not_followed(tmp_path: Path, routing: Routing) -> None:
    path = put(tmp_path, "codex")
    outside = tmp_path / "outside.toml"
    path.rename(outside)
    path.symlink_to(outside)
    before = outside.read_bytes()
    done, (skipped,) = routing.route([agent("codex")], address)
    assert not done and "outside" in skipped.reason
    assert outside.read_bytes() == before
