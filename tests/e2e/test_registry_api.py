"""The static MCP Registry API behind real web servers, set up as the docs say, asked as its clients ask."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from callgate.service import registry_admin as admin
from nginx import Nginx
from until import until
from v01 import check_list, check_response

DOCS = Path(__file__).parents[2] / "docs" / "registry-api.md"
GIT = "/v0.1/servers/org.example%2Fgit/versions"


def snippet(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.S)
    assert found, f"the docs have no example for {language}"
    return found[1]


@contextmanager
def nginx(public: Path) -> Iterator[str]:
    with Nginx(public, snippet("nginx")) as web:
        yield web.url


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def caddy(public: Path) -> Iterator[str]:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed: apt-get install caddy")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = public.parent / "Caddyfile"
    config.write_text(f"{{\n admin off\n}}\nhttp://127.0.0.1:{port} {{\nroot * {public}\n{snippet('caddy')}\n}}\n")
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"HOME": str(public.parent)})
    try:
        until(lambda: answers(port), "caddy is up", 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def ask(url: str, method: str = "GET") -> tuple[int, Any, Any]:
    request = urllib.request.Request(url, method=method, headers={"Origin": "https://editor.example"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    folder, keys = tmp_path / "org", tmp_path / "keys"
    admin.init(folder, keys, None, root=(1, 1), targets=(1, 1), timestamp_days=3)
    for name, version in (("git", "1.0.0"), ("time", "2.0.0+build.7"), ("gone", "1.0.0")):
        package = {"registryType": "npm", "identifier": name, "version": version, "transport": {"type": "stdio"}}
        server = {"name": f"org.example/{name}", "description": name, "version": version, "packages": [package]}
        (tmp_path / "server.json").write_text(json.dumps(server))
        admin.add(folder, tmp_path / "server.json", None, admin.grant("allow"), canary=False, dry_run=False)
    admin.sign(folder, [keys], None, dry_run=False)
    admin.publish(folder, [keys], None, None, dry_run=False)
    yield folder, keys


@pytest.mark.parametrize("server", [nginx, caddy])
def test_clients_find_what_is_approved_as_they_ask_for_it(published: tuple[Path, Path], server: Any) -> None:
    folder, keys = published
    with server(folder / "public") as url:
        status, headers, body = ask(f"{url}/v0.1/servers?limit=50&version=latest&search=git")
        assert status == 200 and headers.get_content_type() == "application/json"
        assert headers["Access-Control-Allow-Origin"] == "*"
        names = [one["server"]["name"] for one in check_list(json.loads(body))]
        assert names == ["org.example/git", "org.example/gone", "org.example/time"]
        for path in (f"{GIT}/latest", f"{GIT}/1.0.0", "/v0.1/servers/org.example%2Ftime/versions/2.0.0%2Bbuild.7"):
            status, headers, body = ask(url + path)
            assert (status, headers.get_content_type()) == (200, "application/json"), path
            check_response(json.loads(body))
        assert len(check_list(json.loads(ask(url + GIT)[2]))) == 1
        status, headers, _ = ask(f"{url}/v0.1/servers", "OPTIONS")
        assert status == 204 and headers["Access-Control-Allow-Methods"] == "GET, OPTIONS"
        assert headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
        assert ask(f"{url}{GIT}/9.9.9")[0] == ask(f"{url}/v0.1/servers/org.example%2Fnone/versions/latest")[0] == 404

        admin.revoke(folder, "org.example/gone", remove=False, canary=False, dry_run=False)
        admin.sign(folder, [keys], None, dry_run=False)
        done = admin.publish(folder, [keys], None, None, dry_run=False)
        assert (done["listed"], done["unlisted"]) == (2, [])
        assert ask(f"{url}/v0.1/servers/org.example%2Fgone/versions/latest")[0] == 404
        assert len(check_list(json.loads(ask(f"{url}/v0.1/servers")[2]))) == 2


def test_the_copy_for_a_web_server_loses_what_is_revoked_too(published: tuple[Path, Path], tmp_path: Path) -> None:
    folder, keys = published
    there = tmp_path / "www"
    admin.publish(folder, [keys], None, there, dry_run=False)
    assert (there / "v0.1/servers/org.example/gone/versions/latest").exists()
    admin.revoke(folder, "npm:gone@1.0.0", remove=True, canary=False, dry_run=False)
    admin.sign(folder, [keys], None, dry_run=False)
    admin.publish(folder, [keys], None, there, dry_run=False)
    assert not (there / "v0.1/servers/org.example/gone").exists()
    signed = "metadata/timestamp.json"
    assert (there / signed).read_bytes() == (folder / "public" / signed).read_bytes()


def test_what_one_organisation_lists_another_can_import(published: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    admin.init(other, tmp_path / "other-keys", None, root=(1, 1), targets=(1, 1), timestamp_days=3)
    with nginx(published[0] / "public") as url:
        done = admin.import_from(other, url, [], admin.grant("allow"), canary=False, dry_run=False)
        assert (len(done["changes"]), done["skipped"]) == (3, [])
        again = admin.import_from(other, url, ["org.example/git"], admin.grant("allow"), canary=False, dry_run=False)
        assert again["changes"] == []
