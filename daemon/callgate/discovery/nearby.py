"""What lies around the folder that a server is started in and makes a runner start something else than it is asked."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callgate.discovery.digest import is_file
from callgate.discovery.launch.target import Package
from callgate.discovery.launch.words import words
from callgate.discovery.programs import Place
from callgate.model.errors import FileRefusedError
from callgate.system.files import read_capped

MANIFEST_MAX = 1024 * 1024
"""Bytes of one package.json or .npmrc: real ones have some KB."""
LEVELS_MAX = 64
"""Folders from the cwd up to the root."""
MODULES_MAX = 5000
"""Names in a folder that are looked at for Python modules; a folder with more counts as one that holds some."""

_FILES: dict[str, tuple[str, ...]] = {
    "npx": (".npmrc",),
    "npm": (".npmrc",),
    "pnpm": (".npmrc", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpm-workspace.yaml"),
    "pnpx": (".npmrc", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpm-workspace.yaml"),
    "yarn": (".npmrc", ".yarnrc", ".yarnrc.yml"),
    "bunx": (".npmrc", "bunfig.toml"),
    "bun": (".npmrc", "bunfig.toml"),
    "deno": (".npmrc", "deno.json", "deno.jsonc", "package.json"),
    "ts-node": ("tsconfig.json",),
    "ts-node-esm": ("tsconfig.json",),
    "pipx": ("__pypackages__",),
}
"""Files in the cwd or above it that a runner obeys. uvx does not read any (uv's tool commands act for the user)."""
_HARMLESS_KEYS = words(
    "save-exact save-prefix engine-strict fund audit loglevel package-lock legacy-peer-deps auto-install-peers "
    "progress color strict-peer-dependencies update-notifier"
)
_PREFER_LOCAL = frozenset({"npx", "npm", "bunx", "bun"})


@dataclass(frozen=True, slots=True)
class LocalBin:
    """The file that a runner starts because it is there already, and the package that it says it is."""

    file: str
    package: str | None


def obeyed(runner: str, place: Place) -> str | None:
    """The first file in or above the cwd that changes what the runner fetches or runs, or None."""
    for folder in _upwards(place):
        for name in _FILES.get(runner, ()):
            path = os.path.join(folder, name)  # noqa: PTH118
            if not os.path.lexists(path) or (folder == place.home and name in (".npmrc", ".yarnrc", ".yarnrc.yml")):
                continue  # the home's own files are the user's word, wherever a server is started
            if name != ".npmrc" or not _is_harmless(path):
                return path
    return None


def local_bin(runner: str, package: Package, asked: str, place: Place, beside: str) -> LocalBin | str | None:
    """What the runner would start instead of the registry's package: a file; a sentence if that is in doubt; or None.

    `asked` is the word on the command line, `beside` the folder of the runner itself (npm's global programs).
    """
    if runner not in _PREFER_LOCAL or package.kind != "npm":
        return None
    bare = package.name.rsplit("/", 1)[-1]
    for folder in _upwards(place):
        modules = f"{folder}/node_modules"
        program = f"{modules}/.bin/{package.command or asked}"
        manifest = read_manifest(f"{modules}/{package.name}/package.json")
        if package.command is not None and is_file(program):
            return f"{program} may be started instead"
        if package.command is None and is_file(program):
            return LocalBin(os.path.realpath(program), name_of(manifest))
        if manifest is not None and package.version in (None, manifest.get("version")):
            if package.spec or not is_file(f"{modules}/.bin/{bare}"):
                return f"{modules}/{package.name} may be started instead"
            return LocalBin(os.path.realpath(f"{modules}/.bin/{bare}"), name_of(manifest))
        own = read_manifest(f"{folder}/package.json")
        if own is not None and _has_bin(own, bare, package.name):
            return f"{folder}/package.json offers a program of that name"
    return _global_bin(package, asked, beside)


def _global_bin(package: Package, asked: str, beside: str) -> LocalBin | None:
    """npm starts a globally installed program, when only a name is asked for or the version is the same."""
    if package.command is not None or not beside:
        return None
    bare = package.name.rsplit("/", 1)[-1]
    manifest = read_manifest(f"{os.path.dirname(beside)}/lib/node_modules/{package.name}/package.json")  # noqa: PTH120
    same = manifest is not None and package.version in (None, manifest.get("version"))
    program = f"{beside}/{asked if asked == bare else bare}"
    if is_file(program) and (same or asked == bare):
        return LocalBin(os.path.realpath(program), name_of(manifest))
    return None


def cached(package: Package, asked: str, home: str) -> str | None:
    """The version of an npm package that the npx cache holds. npx asks the registry before it uses that."""
    name = hashlib.sha512(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    manifest = read_manifest(f"{home}/.npm/_npx/{name}/node_modules/{package.name}/package.json")
    version = manifest.get("version") if manifest else None
    return version if isinstance(version, str) and len(version) < 100 else None


def owner(file: str) -> str | None:
    """`npm:name@version` of the package in whose node_modules folder a file lies, as it says itself."""
    head, middle, tail = file.rpartition("/node_modules/")
    if not middle:
        return None
    parts = tail.split("/")
    name = "/".join(parts[: 2 if tail.startswith("@") else 1])
    return name_of(read_manifest(f"{head}/node_modules/{name}/package.json"))


def read_manifest(path: str) -> dict[str, object] | None:
    """A package.json, or None if there is none that can be read."""
    try:
        value = json.loads(read_capped(Path(path), MANIFEST_MAX))
    except (OSError, ValueError, RecursionError, FileRefusedError):
        return None
    return value if isinstance(value, dict) else None


def holds_modules(folder: str) -> bool:
    """Does the folder hold anything that Python would import before its own modules?"""
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= MODULES_MAX or entry.name.endswith((".py", ".so", ".pyd", ".pyc")):
                    return True
                if entry.name.isidentifier() and is_file(f"{entry.path}/__init__.py"):
                    return True
    except OSError:
        return False
    return False


def _upwards(place: Place) -> Iterator[str]:
    folder = place.cwd or "/"
    for _ in range(LEVELS_MAX):
        yield folder.rstrip("/")
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return
        folder = above


def _is_harmless(npmrc: str) -> bool:
    try:
        text = read_capped(Path(npmrc), MANIFEST_MAX).decode()
    except (OSError, ValueError, FileRefusedError):
        return False
    lines = (line.strip() for line in text.splitlines())
    keys = [line.partition("=")[0].strip() for line in lines if line and line[0] not in "#;"]
    return all(key in _HARMLESS_KEYS for key in keys)


def _has_bin(manifest: dict[str, object], *names: str) -> bool:
    programs = manifest.get("bin")
    if isinstance(programs, dict):
        return any(name in programs for name in names)
    return isinstance(programs, str) and manifest.get("name") in names


def name_of(manifest: dict[str, object] | None) -> str | None:
    if manifest is None:
        return None
    name, version = manifest.get("name"), manifest.get("version")
    if not isinstance(name, str) or not name or len(name) > 214 or not name.isprintable():
        return None
    return f"npm:{name}" + (f"@{version}" if isinstance(version, str) and 0 < len(version) < 100 else "")
