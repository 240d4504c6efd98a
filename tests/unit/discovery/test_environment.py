"""Which variables of a starting process put its identity in doubt, and which are what everybody has."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate.discovery.identify import Identifier
from callgate.discovery.launch.environment import Usual, doubtful, is_relative, is_risky, settings_of
from callgate.model.identity import Identified, Launch
from callgate.shim.frames import telling

HOME = "/home/u"
USUAL = Usual((HOME, "/data/u"), ("/opt/node22",), {"registry": "https://npm.corp/", "cafile": "/home/u/ca.pem"})

BY_NPX = {
    "npm_config_user_agent": "npm/11.19.1 node/v20.20.2 linux x64 workspaces/false",
    "npm_config_noproxy": "",
    "npm_config_userconfig": f"{HOME}/.npmrc",
    "npm_config_local_prefix": "/somewhere/else",
    "npm_config_yes": "true",
    "npm_config_audit": "",
    "npm_config_prefix": "/opt/node22",
    "npm_config_npm_version": "11.19.1",
    "npm_config_cache": f"{HOME}/.npm",
    "npm_config_node_gyp": "/opt/node22/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js",
    "npm_config_update_notifier": "",
    "npm_config_globalconfig": "/opt/node22/etc/npmrc",
    "npm_config_init_module": f"{HOME}/.npm-init.js",
    "npm_config_omit_lockfile_registry_resolved": "true",
    "npm_config_global_prefix": "/opt/node22",
    "npm_config_allow_scripts": "",
    "NODE": "/opt/node22/bin/node",
}
"""What npx 11 sets for what it starts, so that an agent that it started hands it down."""


@pytest.mark.parametrize(
    "env",
    [
        BY_NPX,
        {"npm_config_registry": "https://registry.npmjs.org/"},
        {"npm_config_registry": "https://npm.corp/", "NPM_CONFIG_CAFILE": f"{HOME}/ca.pem"},
        {"npm_config_//npm.corp/:_authToken": "secret"},
        {"HOME": HOME, "XDG_CONFIG_HOME": f"{HOME}/.config", "XDG_CACHE_HOME": "/data/u/.cache/"},
        {"NODE_OPTIONS": "--max-old-space-size=8192 --no-warnings --use-system-ca"},
        {"NODE_OPTIONS": "", "LD_PRELOAD": "", "PYTHONPATH": ""},
        {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64:/nix/store/x/lib"},
        {"VIRTUAL_ENV": "/x/.venv", "PYTHONSTARTUP": "/x.py", "GIT_ASKPASS": "/x.sh", "GIT_EDITOR": "true"},
        {"PYTHONWARNINGS": "ignore::DeprecationWarning", "PYTHONUNBUFFERED": "1"},
        {"DOCKER_HOST": "unix:///run/user/1000/docker.sock"},
        {"UV_INDEX_CORP_PASSWORD": "secret", "UV_PYTHON": "3.12", "UV_LINK_MODE": "copy"},
        {"BASH_FUNC_module%%": "() { x; }", "CALLGATE_HOME": "/x", "PATH": "/x"},
    ],
)
def test_what_is_usual_raises_no_doubt(env: dict[str, str]) -> None:
    assert doubtful(env, USUAL) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME", "/tmp/evil"),
        ("HOME", ""),
        ("LD_PRELOAD", "/tmp/evil.so"),
        ("LD_AUDIT", "evil.so"),
        ("LD_LIBRARY_PATH", "/usr/lib:"),
        ("LD_LIBRARY_PATH", "/usr/../tmp"),
        ("DYLD_INSERT_LIBRARIES", "/tmp/evil.dylib"),
        ("GCONV_PATH", "/tmp"),
        ("OPENSSL_CONF", "/tmp/openssl.cnf"),
        ("NODE_OPTIONS", "--require /tmp/evil.js"),
        ("NODE_OPTIONS", "--max-old-space-size=1 --import=data:text/javascript,evil"),
        ("NODE_OPTIONS", "--no-warnings=1\t-r x"),
        ("NODE_PATH", "/tmp"),
        ("npm_config_registry", "https://evil.example/"),
        ("NPM_CONFIG_REGISTRY", "https://evil.example/"),
        ("npm_config_globalconfig", "/tmp/npmrc"),
        ("npm_config_userconfig", "/home/u/project/.npmrc"),
        ("npm_config_cache", "/tmp"),
        ("npm_config_node_gyp", "/tmp/gyp.js"),
        ("npm_config_node-gyp", "/tmp/gyp.js"),
        ("npm_config_package", "evil"),
        ("npm_config_script_shell", "/tmp/sh"),
        ("npm_config_//evil/:registry", "x"),
        ("PYTHONPATH", "/tmp"),
        ("PYTHONHOME", "/tmp"),
        ("PYTHONWARNINGS", "ignore::evil.Module"),
        ("UV_INDEX_URL", "https://evil.example/simple"),
        ("UV_PYTHON", "/tmp/python"),
        ("PIP_INDEX_URL", "https://evil.example"),
        ("BASH_ENV", "/tmp/x"),
        ("BASH_FUNC_npx%%", "() { evil; }"),
        ("SHELLOPTS", "xtrace"),
        ("XDG_CONFIG_HOME", "/home/u/project/.config"),
        ("DOCKER_HOST", "tcp://evil:2375"),
        ("GIT_CONFIG_GLOBAL", "/tmp/gitconfig"),
        ("GIT_CONFIG_KEY_0", "url.https://evil.example/.insteadof"),
        ("RUBYOPT", "-revil"),
        ("JAVA_TOOL_OPTIONS", "-javaagent:/tmp/x.jar"),
    ],
)
def test_what_may_change_the_code_raises_doubt_and_the_shim_tells_it(name: str, value: str) -> None:
    assert doubtful({name: value}, USUAL) == {name: value}
    assert telling({name.encode(): value.encode()}) == {name: value}
    assert is_risky(name)


def test_only_what_the_programs_on_the_way_obey_counts() -> None:
    env = {
        "UV_INDEX_URL": "https://e/",
        "npm_config_registry": "https://e/",
        "NODE_OPTIONS": "-r e",
        "LD_PRELOAD": "/e",
    }
    assert set(doubtful(env, USUAL, frozenset({"npx"}))) == {"npm_config_registry", "NODE_OPTIONS", "LD_PRELOAD"}
    assert set(doubtful(env, USUAL, frozenset({"uvx"}))) == {"UV_INDEX_URL", "NODE_OPTIONS", "LD_PRELOAD"}
    assert set(doubtful(env, USUAL, frozenset({"docker"}))) == {"NODE_OPTIONS", "LD_PRELOAD"}


def test_a_harmless_git_setting_that_an_agent_hands_down_raises_no_doubt_unless_it_comes_with_another() -> None:
    first = {"GIT_CONFIG_KEY_0": "safe.bareRepository", "GIT_CONFIG_VALUE_0": "explicit"}
    second = {"GIT_CONFIG_KEY_1": "core.sshCommand", "GIT_CONFIG_VALUE_1": "/tmp/evil"}
    assert doubtful(first | {"GIT_CONFIG_COUNT": "1"}, USUAL, frozenset({"npx"})) == {}
    both = first | second | {"GIT_CONFIG_COUNT": "2"}
    assert doubtful(both, USUAL, frozenset({"npx"})) == second | {"GIT_CONFIG_COUNT": "2"}
    assert doubtful(both, USUAL, frozenset({"node"})) == {}


def test_the_shim_tells_nothing_else() -> None:
    said = {b"AWS_SECRET_ACCESS_KEY": b"x", b"HOMEBREW_GITHUB_API_TOKEN": b"x", b"OPENAI_API_KEY": b"x", b"PATH": b"/"}
    assert telling(said) == {}
    assert telling({b"LD_\xff": b"\xfe"}) == {"LD_\udcff": "\udcfe"}


def test_npm_settings_are_read_as_npm_hands_them_down() -> None:
    text = '; c\n# d\nregistry = "https://x/"\nstrict-ssl=false\n//x/:_authToken=${TOKEN}\n[odd]\nca-file=/a\n'
    assert settings_of(text) == {"registry": "https://x/", "strict_ssl": "", "ca_file": "/a"}


@pytest.mark.parametrize(
    ("value", "relative"),
    [
        ("/a:/b", False),
        ("--require /a.js", False),
        ("https://h/simple", False),
        ("-javaagent:/x.jar", False),
        ("./x", True),
        ("--require x", True),
        ("--require=./x", True),
        ("/a:lib", True),
        ("evil.so", True),
        (":", True),
    ],
)
def test_a_value_that_depends_on_the_folder_is_told_apart(value: str, relative: bool) -> None:
    assert is_relative(value) is relative


class Machine:
    def __init__(self, root: Path, key: bytes = b"k") -> None:
        self.home = root / "home"
        self.tools = self.home / ".local/bin"
        self.tools.mkdir(parents=True, exist_ok=True)
        for name in ("npx", "node", "uvx", "docker", "server"):
            (self.tools / name).write_text("#!/bin/sh\n")
            (self.tools / name).chmod(0o755)
        (self.home / "x.js").write_text("1")
        self.identifier = Identifier((), str(self.home), key)

    def identify(self, line: str, cwd: str = "/", **env: str) -> Identified:
        return self.identifier.identify(Launch(tuple(line.split()), cwd, str(self.tools), env))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    "line", ["npx -y good@1.2.3", "node {home}/x.js", "server", "npx mcp-remote https://x.org/mcp"]
)
def test_a_risky_variable_makes_any_launch_one_of_its_own(machine: Machine, line: str) -> None:
    line = line.format(home=machine.home)
    plain = machine.identify(line)
    assert machine.identify(line, HOME=str(machine.home), npm_config_yes="true").server == plain.server
    once = machine.identify(line, NODE_OPTIONS="--require /tmp/secret.js")
    assert once.server.kind == "exe"
    assert once.server != plain.server
    assert once == machine.identify(line, NODE_OPTIONS="--require /tmp/secret.js", NODE_ENV="production")
    assert once.server != machine.identify(line, NODE_OPTIONS="--require /tmp/other.js").server
    assert once.server != machine.identify(line, NODE_PATH="--require /tmp/secret.js").server
    assert "the environment sets NODE_OPTIONS" in once.evidence
    assert "secret" not in str(once) and "secret" not in repr(Launch((line,), "/", env={"X": "secret"}))


def test_the_folder_counts_where_a_value_starts_from_it(machine: Machine) -> None:
    here = machine.identify("npx good", "/", NODE_OPTIONS="--require ./x.js").server
    assert here != machine.identify("npx good", "/usr", NODE_OPTIONS="--require ./x.js").server
    there = machine.identify("npx good", "/", NODE_OPTIONS="--require /x.js").server
    assert there == machine.identify("npx good", "/usr", NODE_OPTIONS="--require /x.js").server


def test_the_files_that_a_value_names_are_part_of_the_identity(machine: Machine) -> None:
    library = machine.home / "a.so"
    library.write_text("1")
    before = machine.identify("npx good", LD_PRELOAD=str(library)).server
    library.write_text("2")
    assert machine.identify("npx good", LD_PRELOAD=str(library)).server != before


def test_a_value_cannot_be_guessed_from_an_identity_without_the_key(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path, b"another")
    assert machine.identify("uvx x", UV_INDEX_URL="u").server != other.identify("uvx x", UV_INDEX_URL="u").server
    assert machine.identify("uvx x").server == other.identify("uvx x").server


def test_the_homes_own_npm_settings_are_the_users_word(machine: Machine) -> None:
    (machine.home / ".npmrc").write_text("registry=https://npm.corp/\n")
    assert str(machine.identify("npx good", npm_config_registry="https://npm.corp/").server) == "npm:good"
    assert machine.identify("npx good", npm_config_registry="https://evil/").server.kind == "exe"


def test_npms_own_tree_is_that_of_the_node_on_path(machine: Machine) -> None:
    tree = str(machine.home / ".local")
    assert str(machine.identify("npx good", npm_config_globalconfig=f"{tree}/etc/npmrc").server) == "npm:good"
    assert machine.identify("npx good", npm_config_globalconfig="/tmp/etc/npmrc").server.kind == "exe"


@pytest.mark.parametrize("value", ["\0", "\ud83d", "\x1b[2J", "x" * 100_000, "::::", "=", "/" * 5000])
def test_hostile_values_have_an_identity_too(machine: Machine, value: str) -> None:
    for name in ("LD_PRELOAD", "npm_config_cache", "HOME", "NODE_OPTIONS", "PYTHONWARNINGS", "LD_LIBRARY_PATH"):
        found = machine.identify("npx good", **{name: value, "LD_\x1b[2J" + value[:5]: "1"})
        assert found.server.kind == "exe"
        assert found.evidence.isprintable()
    assert machine.identify("npx good\0", LD_PRELOAD=value).server != machine.identify("npx good\0").server
