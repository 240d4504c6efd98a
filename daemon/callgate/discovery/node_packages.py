"""npm packages as they lie on this machine: their files, the packages they need, and what npx would start of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from callgate.discovery.folders import files_below
from callgate.discovery.launch.target import Package
from callgate.discovery.nearby import name_of, read_manifest

Found = tuple[str, tuple[str, ...], str, str | None, str, tuple[str, ...]]
"""The fields of installed.Installed, in order."""

NEEDS_MAX = 2000
"""Packages that one package may need, all together."""
_TAKEN = ("node", "sh", "env", "bash", "dash", "npm", "npx", "cmd", "python", "python3")
"""Programs that npx or a package's first line start by name, with the cache's own programs first in PATH."""


def in_npx_cache(package: Package, asked: str, home: str) -> Found | None:
    """What npx keeps for a package asked for in these words, or None."""
    key = hashlib.sha512(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    root = f"{home.rstrip('/')}/.npm/_npx/{key}/node_modules"
    found = _package_at(root, package.name)
    if found is None:
        return None
    return (*found[:3], found[3] or _odd_program(root, package), *found[4:])


def around(file: str) -> Found | None:
    """The package in whose folder below a node_modules a file lies."""
    head, middle, tail = file.rpartition("/node_modules/")
    if not middle or tail.startswith(".bin/"):
        return None
    parts = tail.split("/")
    return _package_at(f"{head}/node_modules", "/".join(parts[: 2 if tail.startswith("@") else 1]))


def _package_at(root: str, name: str) -> Found | None:
    manifest = read_manifest(f"{root}/{name}/package.json")
    if manifest is None:
        return None
    own, odd = files_below(f"{root}/{name}", without=("node_modules",))
    nested = f"{root}/{name}/node_modules"
    if odd is None and os.path.islink(nested):  # noqa: PTH114
        odd = f"{nested} is a link"
    says = name_of(manifest) or ""
    return root, tuple(f"{root}/{name}/{one}" for one in own), "", odd, says, (name,)


def _odd_program(root: str, package: Package) -> str | None:
    """What stands among the cache's programs that should not: npx puts them before all others."""
    folder = f"{root}/.bin"
    for name in _TAKEN:
        if os.path.lexists(f"{folder}/{name}"):
            return f"{folder}/{name} would be started in the place of {name}"
    names = [package.command] if package.command else _programs(read_manifest(f"{root}/{package.name}/package.json"))
    inside = os.path.realpath(f"{root}/{package.name}") + "/"
    for name in names:
        path = f"{folder}/{name}"
        if os.path.lexists(path) and not os.path.realpath(path).startswith(inside):
            return f"{path} is no program of {package.name}"
    return None


def _programs(manifest: dict[str, object] | None) -> list[str]:
    """The names of the programs that a package offers."""
    offered = (manifest or {}).get("bin")
    if isinstance(offered, dict):
        return [name for name in offered if name and "/" not in name and "\0" not in name]
    return [str((manifest or {}).get("name", "")).rpartition("/")[2]] if isinstance(offered, str) else []


def needs(root: str, name: str) -> list[str]:
    """The folders below root of all packages that a package needs, found as node finds them."""
    found: dict[str, None] = {}
    waiting = [(f"{name}/", one) for one in _wanted(read_manifest(f"{root}/{name}/package.json") or {})]
    while waiting and len(found) < NEEDS_MAX:
        start, wanted = waiting.pop()
        for folder in _upwards(start, wanted):
            inner = read_manifest(f"{root}/{folder}package.json")
            if inner is None:
                continue
            if folder not in found and folder != f"{name}/":
                found[folder] = None
                waiting += [(folder, one) for one in _wanted(inner)]
            break
    return sorted(found)


def _upwards(start: str, wanted: str) -> Iterator[str]:
    """Where a package below root looks for another one, from the inside out."""
    parts = start.rstrip("/").split("/node_modules/")
    for count in range(len(parts), 0, -1):
        yield f"{'/node_modules/'.join(parts[:count])}/node_modules/{wanted}/"
    yield f"{wanted}/"


def _wanted(manifest: dict[str, object]) -> list[str]:
    names: dict[str, None] = {}
    for kind in ("dependencies", "optionalDependencies", "peerDependencies"):
        listed = manifest.get(kind)
        if isinstance(listed, dict):
            names |= dict.fromkeys(one for one in listed if one and ".." not in one.split("/") and "\0" not in one)
    return list(names)
