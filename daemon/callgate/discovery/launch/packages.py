"""Pure: programs that fetch a package from a registry and start it."""

from __future__ import annotations

import re
from dataclasses import replace

from callgate.discovery.launch import bridges
from callgate.discovery.launch.target import Launched, Package, Unknown, unknown
from callgate.discovery.launch.words import Read, options, program, read

_NPM_NAME = re.compile(r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*", re.IGNORECASE)
_NPM_EXACT = re.compile(r"v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?")
_PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PYPI_SPEC = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\[[A-Za-z0-9._,\s-]*\])?\s*(?:(==|@)\s*([^\s]+))?"
)
_PYPI_RANGE = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\[[A-Za-z0-9._,\s-]*\])?\s*((?:[<>~!=]=?|===)[^@;/:]+)"
)
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+_-]*")
_RANGE = re.compile(r"[0-9A-Za-z.^~<>=|* x_-]+")
_PYTHON = re.compile(r"(?:c|py)?py(?:thon)?[0-9.]*|pythonw?[0-9.]*")

_NPX = options(
    "-y --yes -q --quiet --silent -s --no-install --prefer-offline --prefer-online --offline --verbose -d "
    "--ignore-existing",
    "-p --package --loglevel --fetch-timeout --fetch-retries",
    "--shell-auto-fallback --workspaces -ws --include-workspace-root --install-links --legacy-peer-deps --force -f",
    "-c --call --registry --userconfig --globalconfig --prefix --cache -w --workspace -C --node-options "
    "--script-shell --node-arg -n --npm --tag --before --scope",
)
"""Not here: `--no-audit` and its like, after which npx and npm read what follows the package in two ways."""
_BUNX = options("--bun -b --silent --verbose", "-p --package", "--no-install", "--registry --cwd --config -c")
_DLX = options(
    "--silent -s -q --quiet",
    "--package -p --loglevel --reporter",
    "-c --shell-mode",
    "--registry --dir -C --allow-build",
)
_UVX = options(
    "-q --quiet -v --verbose --refresh -n --no-cache --isolated --offline --no-progress --no-config --native-tls "
    "--system-certs --no-python-downloads --no-env-file --managed-python --no-build --compile-bytecode --reinstall",
    "--from -p --python --color --refresh-package --resolution --prerelease --exclude-newer --index-strategy "
    "--keyring-provider --link-mode --no-build-package --python-preference",
    "--lfs --pre --no-sources --no-index --no-build-isolation",
    "--with --with-editable --with-requirements -w -c --constraints --overrides --override -b --build-constraints -i "
    "--index --index-url --default-index --extra-index-url -f --find-links --cache-dir --directory --project "
    "--config-file --env-file --allow-insecure-host --config-setting -C --torch-backend --python-platform",
)
_PIPX = options(
    "--no-cache --verbose -v --quiet -q", "--spec --python", "--system-site-packages --pypackages --path",
    "--pip-args --index-url -i --with --backend",
)  # fmt: skip


def start(argv: tuple[str, ...]) -> Launched | tuple[str, ...] | None:
    """What a package runner starts; a new command line if it only starts another program; None if it is no runner."""
    name, rest = program(argv[0]), argv[1:]
    if name == "npx":
        return _npm(argv, read(rest, _NPX, name))
    if name in ("npm", "pnpm", "yarn", "bun", "uv") and rest:
        return _by_verb(argv, name, rest)
    if name == "bunx":
        return _npm(argv, read(rest, _BUNX, name))
    if name in ("pnpx", "pnx"):
        return _npm(argv, read(rest, _DLX, name))
    if name == "uvx":
        return _pypi(argv, read(rest, _UVX, name), "--from")
    if name == "pipx" and rest[:1] == ("run",):
        return _pypi(argv, read(rest[1:], _PIPX, name), "--spec")
    return None


def _by_verb(argv: tuple[str, ...], name: str, rest: tuple[str, ...]) -> Launched | None:
    verb, after = rest[0], rest[1:]
    if name == "npm" and verb in ("exec", "x"):
        return _npm(argv, _npm_exec(after))
    if (name, verb) == ("bun", "x"):
        return _npm(argv, read(after, _BUNX, name))
    if name in ("pnpm", "yarn") and verb == "dlx":
        return _npm(argv, read(after, _DLX, name))
    if name == "uv" and rest[:2] == ("tool", "run"):
        return _pypi(argv, read(rest[2:], _UVX, name), "--from")
    if name in ("npm", "pnpm", "yarn"):
        return unknown(argv, f"{name} {verb} runs what the folder's own package.json says")
    return None


def _npm_exec(words: tuple[str, ...]) -> Read:
    """npm reads its options before and after the package, up to `--`."""
    first = read(words, _NPX, "npm exec")
    if "--" in words[: len(words) - len(first.rest)] or not first.rest:
        return first
    cut = first.rest.index("--") if "--" in first.rest else len(first.rest)
    for word in first.rest[1:cut]:
        if word.startswith("-"):
            return Read(first.options, first.rest, (*first.caveats, f"npm exec reads {word} itself"), True)
    return Read(first.options, tuple(w for at, w in enumerate(first.rest) if at != cut), first.caveats, first.place)


def _npm(argv: tuple[str, ...], found: Read) -> Launched:
    wanted = found.all("-p", "--package")
    words = found.rest
    if not words:
        return unknown(argv, f"{program(argv[0])} is given no package")
    spec = wanted[0] if wanted else words[0]
    caveats = found.caveats
    if len(wanted) > 1:
        caveats += ("several packages are put together",)
    package = npm_package(spec)
    if package is None:
        return unknown(argv, f"{spec!r} is not a package of the npm registry")
    launched = _finish(argv, package, words[0] if wanted else None, words[1:], caveats)
    return replace(launched, place_matters=found.place or isinstance(launched.target, Unknown))


def _pypi(argv: tuple[str, ...], found: Read, source: str) -> Launched:
    wanted = found.all(source)
    words = found.rest
    if not words:
        return unknown(argv, f"{program(argv[0])} is given no package")
    caveats = found.caveats
    for python in found.all("--python", "-p"):
        if not re.fullmatch(r"(?:python|cpython|pypy)?[-@]?[0-9.]*", python):
            caveats += (f"the interpreter {python} is named by a path",)
    spec = wanted[-1] if wanted else words[0]
    package = pypi_package(spec)
    if package is None or _PYTHON.fullmatch(words[0].partition("@")[0]):
        return unknown(argv, f"{spec!r} is not a package of PyPI")
    launched = _finish(argv, package, words[0] if wanted else None, words[1:], caveats)
    return replace(launched, place_matters=found.place or isinstance(launched.target, Unknown))


def _finish(
    argv: tuple[str, ...], package: Package, command: str | None, rest: tuple[str, ...], caveats: tuple[str, ...]
) -> Launched:
    if command is not None:
        own = package.name.rsplit("/", 1)[-1]
        if not _NPM_NAME.fullmatch(command) or "/" in command:
            return unknown(argv, f"{command!r} is not a program of {package.name}")
        named = pypi_name(command) == own if package.kind == "pypi" else command == own
        package = Package(
            package.kind, package.name, package.version, package.spec, None if named else command, package.local
        )
    if (package.kind, package.name) in bridges.RUNNERS:
        return _through(argv, package, rest, caveats)
    return Launched(package, argv, (argv[0],), caveats, rest)


def _through(argv: tuple[str, ...], package: Package, rest: tuple[str, ...], caveats: tuple[str, ...]) -> Launched:
    """What a package that runs its arguments comes to."""
    if package.command is None and (address := bridges.remote(package.kind, package.name, rest)):
        return Launched(replace(address, via=package), argv, (argv[0],), caveats, rest)
    return Launched(package, argv, (argv[0],), (*caveats, f"{package.name} runs what its arguments name"), rest)


def npm_package(spec: str) -> Package | None:
    """`name`, `name@1.2.3`, `name@^1`, `name@latest`; None for addresses, folders, git and aliases."""
    at = spec.find("@", 1)
    name, wanted = (spec, "") if at < 0 else (spec[:at], spec[at + 1 :])
    if (
        not _NPM_NAME.fullmatch(name)
        or (at >= 0 and not _RANGE.fullmatch(wanted))
        or name.endswith((".tgz", ".tar.gz", ".tar"))
    ):
        return None
    if name.lower() != name and name.startswith("@"):
        return None
    exact = _NPM_EXACT.fullmatch(wanted)
    return Package("npm", name, exact[1] if exact else None, "" if exact or wanted == "latest" else wanted)


def pypi_name(name: str) -> str:
    """The normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pypi_package(spec: str) -> Package | None:
    """`name`, `name[extra]`, `name==1.2`, `name@1.2`, `name>=1`; None for addresses, folders and git."""
    if spec.endswith((".py", ".whl", ".tar.gz", ".zip")):
        return None
    if (found := _PYPI_SPEC.fullmatch(spec)) is not None:
        name, wanted = pypi_name(found[1]), found[4] or ""
        if wanted and wanted != "latest" and not (_VERSION.fullmatch(wanted) or re.fullmatch(r"[0-9.]+\*", wanted)):
            return None
        exact = wanted if wanted not in ("", "latest") and "*" not in wanted else None
        return Package("pypi", name, exact, "" if exact or wanted == "latest" else wanted, local=False)
    if (ranged := _PYPI_RANGE.fullmatch(spec)) is not None:
        return Package("pypi", pypi_name(ranged[1]), None, ranged[3], local=False)
    return None
