"""What launches are identified as, with real files in a home made for the test."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import pytest
from callgate.discovery import digest, nearby
from callgate.discovery.digest import Digests
from callgate.discovery.identify import Identifier
from callgate.model.identity import Identified, Launch, ServerIdentity


class Machine:
    """A home with tools on PATH, and a project to start servers in."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.tools = self.home / ".local/bin"
        self.cwd = self.home / "src/project"
        self.launchers = self.home / ".local/share/callgate/launchers"
        for folder in (self.tools, self.cwd, self.launchers):
            folder.mkdir(parents=True)
        for name in ("npx", "uvx", "uv", "docker", "node", "sh", "env", "pipx", "bunx", "pnpm", "tsx"):
            self.program(self.tools / name)
        self.identifier = Identifier((str(self.launchers),), str(self.home))

    def program(self, path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def write(self, path: str, value: object) -> Path:
        target = self.cwd / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(value if isinstance(value, str) else json.dumps(value))
        return target

    def identify(self, *argv: str, cwd: Path | None = None, path: str | None = None) -> Identified:
        return self.identifier.identify(Launch(argv, str(cwd or self.cwd), str(self.tools) if path is None else path))

    def name(self, *argv: str) -> str:
        return str(self.identify(*argv).server)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def is_in_doubt(found: Identified) -> bool:
    return found.server.kind == "exe" and found.evidence.startswith("could not be identified by what it runs: ")


def sha(path: Path) -> str:
    return f"exe:sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("npx -y good@1.2.3", "npm:good@1.2.3"),
        ("npx -y @scope/pkg", "npm:@scope/pkg"),
        ("env A=b npx good", "npm:good"),
        ("uvx good==1.0", "pypi:good@1.0"),
        ("uvx --from good good-cli", "pypi:good"),
        ("docker run -i --rm mcp/fetch", "oci:mcp/fetch"),
        ("npx -y mcp-remote https://x.org/mcp", "url:https://x.org/mcp"),
    ],
)
def test_a_package_is_identified_by_its_name(machine: Machine, line: str, name: str) -> None:
    assert machine.name(*line.split()) == name


def test_every_identity_survives_being_written_down(machine: Machine) -> None:
    for line in ("npx -y @a/b@1.0.0", "uvx x", "docker run mcp/a:2", "sh -c 'a;b'", "npx mcp-remote https://x.org/a@b"):
        found = machine.identify(*line.split()).server
        assert ServerIdentity.parse(str(found)) == found


def test_a_program_has_the_digest_of_its_file(machine: Machine) -> None:
    server = machine.program(machine.home / ".local/lib/server", "binary")
    (machine.tools / "server").symlink_to(server)
    assert machine.name("server", "--stdio") == sha(server)
    assert machine.name(str(machine.tools / "server")) == sha(server)


def test_a_program_in_the_project_is_known_by_its_bytes(machine: Machine) -> None:
    server = machine.program(machine.cwd / "run", "one")
    before = machine.name("./run")
    assert before == sha(server)
    machine.program(machine.cwd / "run", "two")
    assert machine.name("./run") != before


def test_a_script_is_its_interpreter_and_its_bytes(machine: Machine) -> None:
    machine.write("a.js", "1")
    machine.write("b.js", "1")
    machine.write("c.js", "2")
    assert (
        machine.name("node", "a.js")
        == machine.name("node", "--no-warnings", "./b.js", "arg")
        != machine.name("node", "c.js")
    )
    assert machine.name("node", "a.js") != machine.name("tsx", "a.js")


def test_node_finds_the_main_file_of_a_folder(machine: Machine) -> None:
    machine.write("srv/package.json", {"main": "lib/x.js"})
    machine.write("srv/lib/x.js", "1")
    machine.write("x.js", "1")
    assert machine.name("node", "srv") == machine.name("node", "x")


def test_a_script_that_is_not_there_is_in_doubt(machine: Machine) -> None:
    found = machine.identify("node", "gone.js")
    assert is_in_doubt(found) and "gone.js" in found.evidence


def test_a_script_that_is_a_pipe_is_in_doubt(machine: Machine) -> None:
    os.mkfifo(machine.cwd / "x.js")
    assert is_in_doubt(machine.identify("node", "x.js"))


def test_a_program_in_node_modules_says_its_package_aside(machine: Machine) -> None:
    machine.write("node_modules/good/package.json", {"name": "good", "version": "1.0.0"})
    script = machine.write("node_modules/good/cli.js", "1")
    script.chmod(0o755)
    link = machine.cwd / "node_modules/.bin/good"
    link.parent.mkdir()
    link.symlink_to("../good/cli.js")
    found = machine.identify("node_modules/.bin/good")
    assert (str(found.server), found.also) == (sha(script), ("npm:good@1.0.0",))


def test_npx_runs_what_the_project_has_and_that_is_no_package_of_the_registry(machine: Machine) -> None:
    machine.write("node_modules/good/package.json", {"name": "good", "version": "1.0.0"})
    script = machine.write("node_modules/good/cli.js", "evil")
    (machine.cwd / "node_modules/.bin").mkdir()
    (machine.cwd / "node_modules/.bin/good").symlink_to("../good/cli.js")
    for asked in ("good", "good@1.0.0"):
        found = machine.identify("npx", "-y", asked)
        assert (str(found.server), found.also) == (sha(script), ("npm:good@1.0.0",))
    below = machine.cwd / "a/b"
    below.mkdir(parents=True)
    assert str(machine.identify("npx", "good", cwd=below).server) == sha(script)
    assert machine.name("npx", "good@2.0.0") == "npm:good@2.0.0"
    assert is_in_doubt(machine.identify("npx", "good@^1"))


def test_npx_may_run_the_projects_own_program(machine: Machine) -> None:
    machine.write("package.json", {"name": "x", "bin": {"good": "evil.js"}})
    assert is_in_doubt(machine.identify("npx", "good"))


def test_a_bridge_in_the_project_is_no_bridge(machine: Machine) -> None:
    machine.write("node_modules/.bin/mcp-remote", "evil")
    assert is_in_doubt(machine.identify("npx", "mcp-remote", "https://x.org/"))


def test_a_global_program_of_that_name_is_run_by_npx(machine: Machine) -> None:
    script = machine.program(machine.tools / "good", "x")
    assert machine.name("npx", "good") == sha(script)
    assert machine.name("npx", "good@1.0.0") == "npm:good@1.0.0"


@pytest.mark.parametrize(
    ("runner", "file", "text"),
    [
        ("npx", ".npmrc", "registry=http://evil"),
        ("npx", ".npmrc", "@scope:registry=http://evil"),
        ("npx", ".npmrc", "node-options=--require=./evil"),
        ("bunx", "bunfig.toml", "preload = ['evil']"),
        ("pnpm dlx", ".pnpmfile.cjs", "evil"),
        ("pipx run", "good", "evil"),
        ("pipx run", "__pypackages__/x", "evil"),
    ],
)
def test_files_of_the_project_that_a_runner_obeys_cause_doubt(
    machine: Machine, runner: str, file: str, text: str
) -> None:
    command = [*runner.split(), "good"]
    assert not is_in_doubt(machine.identify(*command))
    machine.write(file, text)
    assert is_in_doubt(machine.identify(*command))


def test_a_harmless_npmrc_and_the_homes_own_are_no_doubt(machine: Machine) -> None:
    machine.write(".npmrc", "# x\nsave-exact=true\n")
    (machine.home / ".npmrc").write_text("registry=https://mirror.corp/")
    assert machine.name("npx", "good") == "npm:good"


def test_the_version_in_the_npx_cache_is_told_but_not_promised(machine: Machine) -> None:
    name = hashlib.sha512(b"good").hexdigest()[:16]
    cached = machine.home / f".npm/_npx/{name}/node_modules/good/package.json"
    cached.parent.mkdir(parents=True)
    cached.write_text('{"name": "good", "version": "4.5.6"}')
    found = machine.identify("npx", "-y", "good")
    assert str(found.server) == "npm:good" and "4.5.6" in found.evidence


@pytest.mark.parametrize("place", ["npx", "tools/npx", "node_modules/.bin/npx"])
def test_a_runner_in_the_project_is_not_believed(machine: Machine, place: str) -> None:
    machine.program(machine.cwd / place, "evil")
    folder = str((machine.cwd / place).parent)
    assert is_in_doubt(machine.identify(f"./{place}", "good"))
    assert is_in_doubt(machine.identify("npx", "good", path=f"{folder}:{machine.tools}"))


def test_a_relative_folder_on_the_path_is_the_projects(machine: Machine) -> None:
    machine.program(machine.cwd / "npx", "evil")
    for path in (f".:{machine.tools}", f":{machine.tools}"):
        assert is_in_doubt(machine.identify("npx", "good", path=path))


def test_a_runner_of_the_checkout_around_is_not_believed(machine: Machine) -> None:
    (machine.cwd / ".git").mkdir()
    machine.program(machine.cwd / "bin/npx", "evil")
    below = machine.cwd / "sub"
    below.mkdir()
    assert is_in_doubt(machine.identify("../bin/npx", "good", cwd=below))


def test_a_link_to_another_program_is_not_believed(machine: Machine) -> None:
    evil = machine.program(machine.home / ".evil/bash", "evil")
    (machine.home / ".evil/npx").symlink_to(evil)
    assert is_in_doubt(machine.identify(str(machine.home / ".evil/npx"), "good"))


def test_a_runner_that_everyone_may_write_is_not_believed(machine: Machine) -> None:
    machine.program(machine.tools / "npx", "x", 0o777)
    assert is_in_doubt(machine.identify("npx", "good"))


def test_a_runner_somewhere_in_the_home_is_not_believed(machine: Machine) -> None:
    machine.program(machine.home / "Downloads/npx", "evil")
    assert is_in_doubt(machine.identify(str(machine.home / "Downloads/npx"), "good"))


def test_npx_as_version_managers_install_it_is_believed(machine: Machine) -> None:
    real = machine.program(machine.home / ".nvm/versions/node/v22/lib/node_modules/npm/bin/npx-cli.js")
    link = machine.home / ".nvm/versions/node/v22/bin/npx"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    assert machine.name(str(link), "-y", "good") == "npm:good"


def test_a_command_named_unlike_its_package_must_not_be_on_the_path(machine: Machine) -> None:
    assert machine.name("uvx", "--from", "good", "evil") == "pypi:good"
    machine.program(machine.tools / "evil")
    assert is_in_doubt(machine.identify("uvx", "--from", "good", "evil"))


def test_a_program_that_is_a_link_to_an_interpreter_is_in_doubt(machine: Machine) -> None:
    (machine.tools / "server").symlink_to(machine.tools / "node")
    assert is_in_doubt(machine.identify("server", "-e", "evil"))


def test_doubtful_command_lines_have_identities_of_their_own(machine: Machine) -> None:
    names = [
        machine.name("sh", "-c", "npx good; evil"),
        machine.name("sh", "-c", "npx good; evil", "x"),
        machine.name("npx", "--registry", "http://evil", "good"),
        machine.name("npx", "--registry", "http://evil", "good", ""),
        machine.name("docker", "run", "-v", "/a:/b", "mcp/good"),
        machine.name("unknown", "a", "b"),
        machine.name("unknown", "a b"),
        machine.name(),
        machine.name(""),
    ]
    assert len(set(names)) == len(names)
    assert all(name.startswith("exe:sha256:") for name in names)


def test_a_doubtful_command_line_covers_the_code_that_it_names(machine: Machine) -> None:
    machine.write("x.js", "1")
    before = machine.name("node", "--inspect", "x.js")
    machine.write("x.js", "2")
    assert machine.name("node", "--inspect", "x.js") != before


def test_the_folder_counts_only_where_it_matters(machine: Machine) -> None:
    other = machine.home / "src/other"
    other.mkdir()
    for line, same in (("docker run -v /a:/b mcp/good", True), ("python -c x", False), ("uvx --with mcp good", True)):
        names = {str(machine.identify(*line.split(), cwd=cwd).server) for cwd in (machine.cwd, other)}
        assert (len(names) == 1) is same, line


def test_a_wrapped_command_line_is_identified_like_the_one_inside(machine: Machine) -> None:
    launcher = str(machine.launchers / "cursor/x-1")
    for line in ("npx good", "sh -c a;b", "node gone.js"):
        assert machine.name(launcher, "--", *line.split()) == machine.name(*line.split())


def test_our_launchers_are_no_programs(machine: Machine) -> None:
    machine.program(machine.launchers / "npx", "x")
    assert is_in_doubt(machine.identify("npx", "good", path=str(machine.launchers)))


def test_a_module_is_found_next_to_its_interpreter(machine: Machine) -> None:
    packages = machine.home / ".venv/lib/python3.12/site-packages"
    (packages / "good").mkdir(parents=True)
    (packages / "good/__main__.py").write_text("1")
    (machine.home / ".venv/pyvenv.cfg").write_text("")
    python = machine.program(machine.home / ".venv/bin/python3.12")
    found = machine.identify(str(python), "-m", "good")
    assert found.server.kind == "exe" and "good/__main__.py" in found.evidence and not is_in_doubt(found)
    assert is_in_doubt(machine.identify(str(python), "-m", "absent"))


def test_python_modules_in_the_folder_cause_doubt_unless_python_is_isolated(machine: Machine) -> None:
    packages = machine.home / ".venv/lib/python3.12/site-packages"
    packages.mkdir(parents=True)
    (packages / "good.py").write_text("1")
    (machine.home / ".venv/pyvenv.cfg").write_text("")
    python = str(machine.program(machine.home / ".venv/bin/python3.12"))
    machine.write("json.py", "evil")
    assert is_in_doubt(machine.identify(python, "-m", "good"))
    assert not is_in_doubt(machine.identify(python, "-I", "-m", "good"))


@pytest.mark.parametrize(
    "argv",
    [(), ("",), ("\0",), ("a\0b", "c"), ("\ud800",), ("npx", "\udcff"), ("/",), ("..",), ("x" * 100_000,), ("a\nb",)],
)
@pytest.mark.parametrize("cwd", ["", "/nonexistent", "relative", "\ud800", "a\0b"])
def test_nothing_raises(machine: Machine, argv: tuple[str, ...], cwd: str) -> None:
    found = machine.identifier.identify(Launch(argv, cwd, "\0:\ud800::/nonexistent"))
    assert found.server.kind == "exe" and len(found.evidence) <= 500 and found.evidence.isprintable()


@pytest.mark.parametrize("bare", [False, True])
def test_what_leads_to_two_places_is_another_one_when_a_byte_of_either_changes(machine: Machine, bare: bool) -> None:
    machine.program(machine.home / "elsewhere/run", "kernel's")
    machine.program(machine.cwd / "run", "shortened")
    (machine.home / "elsewhere/deep").mkdir()
    (machine.cwd / "link").symlink_to(machine.home / "elsewhere/deep")
    argv, path = (("run",), "link/..") if bare else (("link/../run", "--stdio"), "")
    found = machine.identify(*argv, path=path)
    assert is_in_doubt(found) and "leads to two places" in found.evidence
    assert machine.identify(*argv, path=path) == found
    machine.program(machine.home / "elsewhere/run", "evil")
    changed = machine.identify(*argv, path=path)
    assert changed.server != found.server
    machine.program(machine.cwd / "run", "evil too")
    assert machine.identify(*argv, path=path).server not in (found.server, changed.server)


def test_a_script_is_held_although_an_argument_is_no_text(machine: Machine) -> None:
    script = machine.write("x.js", "1")
    found = machine.identify(str(script), "\ud800/../x")
    script.write_text("2")
    assert machine.identify(str(script), "\ud800/../x").server != found.server


def test_a_digest_is_kept_while_the_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "big"
    file.write_bytes(b"x" * 1_000_000)
    monkeypatch.setattr(digest, "_SETTLED", -1.0)
    digests = Digests()
    first = digests.of(str(file))
    began = time.perf_counter()
    assert all(digests.of(str(file)) == first for _ in range(100))
    assert time.perf_counter() - began < 0.1  # 100 readings would take about 0.1 s and more
    file.write_bytes(b"y" * 1_000_000)
    assert digests.of(str(file)) != first


def test_a_fresh_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"1")
    digests = Digests()
    seen = set()
    for text in (b"1", b"2", b"3"):
        with file.open("r+b") as out:
            out.write(text)
        seen.add(digests.of(str(file)))
    assert len(seen) == 3


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    with file.open("wb") as out:
        out.truncate(digest.FILE_MAX + 1)
    with pytest.raises(OSError, match="over the limit"):
        Digests().of(str(file))


def test_digests_of_words_do_not_run_into_each_other() -> None:
    assert digest.of_words("k", "ab", "c") != digest.of_words("k", "a", "bc") != digest.of_words("ka", "b", "c")


def test_identifying_is_quick(machine: Machine) -> None:
    machine.identify("npx", "-y", "good@1.0.0")
    began = time.perf_counter()
    for _ in range(20):
        machine.identify("npx", "-y", "good@1.0.0")
    assert (time.perf_counter() - began) / 20 < 0.02  # typically 1 ms; the rest is for a busy machine


def test_a_manifest_that_is_hostile_is_no_manifest(tmp_path: Path) -> None:
    for text in (b"[" * 100_000, b"{}x", b"\xff", b'"x"', b"x" * (nearby.MANIFEST_MAX + 1)):
        (tmp_path / "package.json").write_bytes(text)
        assert nearby.read_manifest(str(tmp_path / "package.json")) is None


def test_the_real_interpreter_is_what_it_is_called(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text("1")
    found = Identifier((), str(Path.home())).identify(Launch((sys.executable, str(script)), "/", os.environ["PATH"]))
    assert not is_in_doubt(found), found


def test_a_program_in_a_checkout_that_is_named_by_its_whole_path_is_the_same_wherever_it_is_started(
    tmp_path: Path,
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    node = checkout / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    script = tmp_path / "server.js"
    script.write_text("1\n")
    places = [tmp_path / "one", tmp_path / "two"]
    identifier = Identifier((), str(tmp_path / "home"))
    found = {identifier.identify(Launch((str(node), str(script)), str(place), "/usr/bin")).server for place in places}
    assert len(found) == 1
    node.write_text("#!/bin/sh\nexit 1\n")
    assert identifier.identify(Launch((str(node), str(script)), str(places[0]), "/usr/bin")).server not in found
