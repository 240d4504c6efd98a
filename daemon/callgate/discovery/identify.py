"""What a server really is: the identity of what a launch would run, with the evidence for it.

Identities of kind `exe` are SHA-256 digests, in hex, over one of:
- a program that is started directly: the bytes of its file, so that `sha256sum FILE` gives the same;
- a script: `of_words("script", interpreter, digest of the file)`, where interpreter is `python`, `node`, ...;
- `python -m name`: `of_words("module", name, digest of the module's file)`;
- everything in doubt: `of_words("command", folder or "", number of words, words..., digests...)` over the whole
  command line, the folder where it matters, and the code files that it names. No approval of something else covers it.
  Where variables of the environment are the doubt, `"environment"`, their number, names and values under this
  machine's key, and the files that they name, follow: equal launches are equal, and no value can be guessed from it.
Libraries that the code loads are not part of an identity.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from callgate.discovery import nearby, programs, surroundings
from callgate.discovery.digest import Digests, is_file, of_words
from callgate.discovery.installed import asked_for
from callgate.discovery.launch.environment import Usual, doubtful, files_in, is_relative
from callgate.discovery.launch.read import behind_ours, read_launch
from callgate.discovery.launch.target import Executable, Launched, Module, Package, Script, Target, Unknown, Url
from callgate.discovery.launch.words import program, words
from callgate.discovery.programs import Place, own_folders
from callgate.discovery.python_modules import find_module
from callgate.model.errors import SettingsError
from callgate.model.identity import Identified, Launch, ServerIdentity
from callgate.system.paths import home_of

CODE_FILES_MAX = 8
"""Files named in a doubtful command line whose bytes become part of its identity."""
VARIABLES_SHOWN = 5
"""Names of variables in one sentence."""
_CODE = tuple(
    words(
        ".js .mjs .cjs .ts .mts .cts .tsx .py .pyz .jar .dll .rb .pl .php .sh .bash .ps1 .lua .go .rs .wasm .exe "
        ".so .cs .r .R .ex .exs"
    )
)
IN_DOUBT = "could not be identified by what it runs"
"""Begins the evidence for the identity of a whole command line."""
_EVIDENCE_MAX = 500
"""Characters of one sentence: it ends up in every row of the log."""


class Identifier:
    """Identifies launches; remembers the digests of files. Safe to use from several threads.

    `own` are the folders of our launchers and shim, `home` the person's home; both default to what this process's
    environment says. `key` is this machine's own: what is digested under it cannot be guessed from the digest.
    """

    def __init__(self, own: Iterable[str] | None = None, home: str | None = None, key: bytes = b"") -> None:
        self.digests = Digests()
        self._own = tuple(own) if own is not None else own_folders()
        self._home = home if home is not None else _home()
        self._key = key

    @property
    def own(self) -> tuple[str, ...]:
        """The folders of our launchers and shim."""
        return self._own

    def place(self, launch: Launch) -> Place:
        """Where a launch looks for its programs."""
        return Place(launch.cwd, launch.path, self._home, self._own)

    def identify(self, launch: Launch) -> Identified:
        """What `launch` would run. Never raises: what cannot be identified has an identity of its own, that of the
        whole command line.
        """
        while (inner := behind_ours(launch.argv, self._own)) is not None:
            launch = replace(launch, argv=inner)
        try:
            return self._identify(launch, self.place(launch))
        except ValueError as error:  # half of a surrogate pair or a NUL byte in a path; a path that leads to two places
            variables = tuple(doubtful(launch.env, Usual((self._home,))).items())
            files = islice(filter(is_file, _named(launch)), CODE_FILES_MAX)
            digest = of_words(
                "command",
                launch.cwd,
                str(len(launch.argv)),
                *launch.argv,
                *map(self._digest_or_not, files),
                *self._keyed(variables),
            )
            return _exe(digest, f"{IN_DOUBT}: {error}")

    def _identify(self, launch: Launch, place: Place) -> Identified:
        launched = self._with_doubts(self._with_variables(read_launch(launch.argv, self._own), launch, place), place)
        target = launched.target
        package = target.via if isinstance(target, Url) else target
        if isinstance(package, Package) and not launched.caveats:
            launched, local = self._near(package, launched, place)
            if local is not None and not isinstance(target, Url):
                return self._local(local, launched, launch, place)
            if local is not None:
                launched = launched.doubt(f"{local.file} is started instead of {package.name}")
        if launched.caveats:
            return self._in_doubt(launched, launch, place)
        if isinstance(target, Url):
            return Identified(ServerIdentity("url", target.url), _cut(f"a bridge ({_shown(launched)}) to this address"))
        if isinstance(target, Package):
            server = ServerIdentity(target.kind, target.name, target.version)
            return Identified(server, _cut(self._how(target, launched)))
        return self._file(target, launched, launch, place)

    def _file(self, target: Target, launched: Launched, launch: Launch, place: Place) -> Identified:
        try:
            if isinstance(target, Script):
                return self._script(target, launched, launch, place)
            if isinstance(target, Module):
                return self._module(target, launched, launch, place)
            assert isinstance(target, Executable)
            return self._executable(target, launched, launch, place)
        except OSError as error:
            return self._in_doubt(launched.doubt(f"its file cannot be read: {error.strerror or error}"), launch, place)

    def _with_doubts(self, launched: Launched, place: Place) -> Launched:
        """The launch with a caveat for each program on the way that may not be what it is called."""
        tools = launched.tools[:-1] if isinstance(launched.target, Executable) else launched.tools
        doubts = {tool: why for tool in tools if (why := programs.doubt(tool, place))}
        if not doubts:
            return launched
        # a program that is named by its whole path is the same wherever it is started, and its bytes are in the digest
        moves = launched.place_matters or not all(tool.startswith("/") for tool in doubts)
        return replace(launched, caveats=(*launched.caveats, *doubts.values()), place_matters=moves)

    def _with_variables(self, launched: Launched, launch: Launch, place: Place) -> Launched:
        """The launch with a caveat if variables of the environment may change what it runs."""
        unclear = launched.caveats or isinstance(launched.target, Executable)
        runners = None if unclear else frozenset(map(program, launched.tools))
        found = doubtful(launch.env, surroundings.usual(launch.env, place), runners)
        if not found:
            return launched
        names = list(found)
        shown = ", ".join(names[:VARIABLES_SHOWN]) + (" and others" if len(names) > VARIABLES_SHOWN else "")
        return replace(
            launched.doubt(f"the environment sets {shown}, which may change what is started"),
            variables=tuple(found.items()),
            place_matters=launched.place_matters or any(map(is_relative, found.values())),
        )

    def _keyed(self, variables: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Words of a digest for variables, whose values may be secrets."""
        if variables:
            yield from ("environment", str(len(variables)))
        for name, value in variables:
            yield name
            yield hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _near(self, package: Package, launched: Launched, place: Place) -> tuple[Launched, nearby.LocalBin | None]:
        """The launch with a caveat if the folder may make the runner start something else; what it starts instead."""
        tool = launched.tools[-1]
        runner, asked = program(tool), asked_for(package, launched)
        found = programs.find(tool, place)
        beside = os.path.dirname(found.path) if found else ""  # noqa: PTH120
        why: str | None = None
        local: nearby.LocalBin | str | None = None
        if file := nearby.obeyed(runner, place):
            why = f"{file} changes what {runner} runs"
        elif package.command is not None and programs.find(package.command, place):
            why = f"PATH has a program {package.command} too"
        elif runner == "pipx" and os.path.lexists(place.absolute(asked)):
            why = f"{asked} is a file here"
        elif isinstance(local := nearby.local_bin(runner, package, asked, place, beside), str):
            why = local
        if why:
            launched = replace(launched.doubt(why), place_matters=True)
        return launched, local if isinstance(local, nearby.LocalBin) else None

    def _how(self, package: Package, launched: Launched) -> str:
        runner = program(launched.tools[-1])
        if package.version:
            return f"{runner} runs this version"
        text = f"{runner} runs the version that the registry offers" + (f" for {package.spec}" if package.spec else "")
        if package.kind == "npm" and (version := nearby.cached(package, asked_for(package, launched), self._home)):
            text += f" (its cache holds {version})"
        return text

    def _local(self, local: nearby.LocalBin, launched: Launched, launch: Launch, place: Place) -> Identified:
        try:
            digest = self.digests.of(local.file)
        except OSError as error:
            return self._in_doubt(launched.doubt(f"{local.file} cannot be read: {error.strerror}"), launch, place)
        also = (local.package,) if local.package else ()
        return _exe(digest, f"{_shown(launched)} prefers what is installed here: {local.file}", *also)

    def _script(self, script: Script, launched: Launched, launch: Launch, place: Place) -> Identified:
        if file := nearby.obeyed(script.interpreter, place):
            return self._in_doubt(launched.doubt(f"{file} changes what {script.interpreter} runs"), launch, place)
        base = replace(place, cwd=place.absolute(script.base)) if script.base else place
        path = _script_file(base.absolute(script.file), script.interpreter)
        digest = of_words("script", script.interpreter, self.digests.of(path))
        return _exe(digest, f"{script.interpreter} runs {path}", *_also(path))

    def _module(self, module: Module, launched: Launched, launch: Launch, place: Place) -> Identified:
        if not module.isolated and nearby.holds_modules(place.cwd or "/"):
            why = f"{place.cwd} holds Python modules, which come before those of the interpreter"
            return self._in_doubt(launched.doubt(why), launch, place)
        python = programs.find(module.interpreter, place)
        path = find_module(module.name, python, place) if python else None
        if path is None:
            return self._in_doubt(launched.doubt(f"the module {module.name} was not found"), launch, place)
        digest = of_words("module", module.name, self.digests.of(path))
        return _exe(digest, f"python runs the module {module.name} from {path}")

    def _executable(self, target: Executable, launched: Launched, launch: Launch, place: Place) -> Identified:
        found = programs.find(target.command, place)
        if found is None:
            return self._in_doubt(launched.doubt(f"{target.command} was not found"), launch, place)
        if program(found.real) != program(target.command):
            inside = read_launch((found.real, *launched.argv[1:]))
            if not isinstance(inside.target, Executable):
                why = f"{target.command} is a link to {found.real}, which runs what its arguments name"
                return self._in_doubt(launched.doubt(why), launch, place)
        return _exe(self.digests.of(found.real), f"the program {found.real}", *_also(found.real))

    def _in_doubt(self, launched: Launched, launch: Launch, place: Place) -> Identified:
        """The identity of the whole command line."""
        files: list[str] = []
        for word in launch.argv:
            path = place.absolute(word)
            if word.endswith(_CODE) and "\0" not in word and len(files) < CODE_FILES_MAX and is_file(path):
                files.append(self._digest_or_not(path))
        for tool in launched.tools:
            if programs.doubt(tool, place) and (found := programs.find(tool, place)):
                files.append(self._digest_or_not(found.real))
        for path in (path for _, value in launched.variables for path in files_in(value)):
            if len(files) < CODE_FILES_MAX and is_file(path):
                files.append(self._digest_or_not(path))
        folder = launch.cwd if launched.place_matters else ""
        variables = self._keyed(launched.variables)
        digest = of_words("command", folder, str(len(launch.argv)), *launch.argv, *files, *variables)
        return _exe(digest, f"{IN_DOUBT}: " + "; ".join(launched.caveats), *_guess(launched))

    def _digest_or_not(self, path: str) -> str:
        try:
            return self.digests.of(path)
        except OSError:
            return "unreadable"


def _named(launch: Launch) -> Iterator[str]:
    """Where the words of a command line may lie: as the kernel takes them, and as programs do that shorten paths."""
    command = launch.argv[0] if launch.argv else ""
    folders = launch.path.split(os.pathsep)[: programs.PATH_MAX] if command and "/" not in command else []
    words = [os.path.join(folder, command) for folder in folders]  # noqa: PTH118 - hostile text, no pathlib quirks
    for word in (*words, *launch.argv):
        whole = os.path.join(launch.cwd or "/", word)  # noqa: PTH118
        yield from dict.fromkeys((whole, os.path.normpath(whole)))


def _exe(digest: str, evidence: str, *also: str) -> Identified:
    return Identified(ServerIdentity("exe", f"sha256:{digest}"), _cut(evidence), tuple(map(_cut, also)))


def _cut(text: str) -> str:
    text = "".join(c if c.isprintable() else "?" for c in text[: _EVIDENCE_MAX + 1])
    return text if len(text) <= _EVIDENCE_MAX else text[: _EVIDENCE_MAX - 3] + "..."


def _guess(launched: Launched) -> tuple[str, ...]:
    target = launched.target
    if isinstance(target, Package):
        return (str(ServerIdentity(target.kind, target.name, target.version)),)
    if isinstance(target, Url):
        return (f"url:{target.url}",)
    if isinstance(target, Script) and target.file.startswith("/") and (package := nearby.owner(target.file)):
        return (package,)
    return () if isinstance(target, Unknown) or not launched.argv else (_shown(launched),)


def _shown(launched: Launched) -> str:
    return program(launched.argv[0])


def _also(path: str) -> tuple[str, ...]:
    package = nearby.owner(path)
    return (package,) if package else ()


def _script_file(path: str, interpreter: str) -> str:
    """The file that an interpreter reads when it is given `path`. Raises OSError if there is none."""
    candidates = [path]
    if interpreter.split()[0] in ("python", "uv"):
        candidates.append(f"{path}/__main__.py")
    else:
        manifest = nearby.read_manifest(f"{path}/package.json") or {}
        main = manifest.get("main")
        if isinstance(main, str) and main and "\0" not in main:
            main = os.path.normpath(os.path.join(path, main))  # noqa: PTH118
            candidates += [main, f"{main}.js", f"{main}/index.js"]
        candidates += [f"{path}.js", f"{path}/index.js"]
    for candidate in candidates:
        if is_file(candidate):
            return os.path.realpath(candidate)
    raise FileNotFoundError(2, f"there is no file {path}")


def _home() -> str:
    try:
        return str(home_of(os.environ))
    except SettingsError:
        return "/nonexistent"
