"""Where what a launch would run lies on this machine, and which files belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callgate.discovery import node_packages, python_packages
from callgate.discovery.launch.target import Launched, Module, Package, Script, Target, Url
from callgate.discovery.launch.words import program
from callgate.discovery.programs import Place, find
from callgate.model.identity import Identified

FOLDERS_MAX = 16
"""Places in which one package is looked for and compared: caches of several environments."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One place of a package. All paths are absolute."""

    root: str
    """The folder from which the names of files start: node_modules or site-packages; empty for a file that belongs to
    no package.
    """
    own: tuple[str, ...]
    """The files of the package itself, below root; or that one file."""
    scripts: str = ""
    """The folder of programs that belongs to it; empty if there is none."""
    odd: str | None = None
    """Something there that would be run as well and is no part of the package."""
    name: str = ""
    """What the package calls itself, with its version."""
    top: tuple[str, ...] = ()
    """Its own folders below root."""


def places(found: Identified, launched: Launched, file: str, place: Place) -> Sequence[Installed] | str:
    """Every place from which this launch may take its code; or why there is none that could be looked at.

    `file` is the file that the identity rests on, if it rests on one.
    """
    package = _package(launched.target)
    if found.server.kind in ("npm", "pypi") and package is not None:
        return _of_package(package, launched, place)
    if found.server.kind != "exe" or not file:
        return "its files do not lie on this machine as files"
    if one := node_packages.around(file):
        return [Installed(*one)]
    if found_there := _of_python(file, launched, place):
        return [found_there]
    return [Installed("", (file,))]


def needs(one: Installed) -> Sequence[str]:
    """Folders below root, ending with `/`, of the packages that a package needs. Reads each of their manifests."""
    if not one.root:
        return ()
    if one.root.endswith("/node_modules"):
        return node_packages.needs(one.root, one.top[0])
    return python_packages.others(one.root, one.top)


def _package(target: Target) -> Package | None:
    if isinstance(target, Url):
        return target.via
    return target if isinstance(target, Package) else None


def _of_package(package: Package, launched: Launched, place: Place) -> Sequence[Installed] | str:
    asked = asked_for(package, launched)
    runner = program(launched.tools[-1])
    if package.kind == "npm":
        if runner not in ("npx", "npm"):
            return f"where {runner} keeps its packages is not known here"
        one = node_packages.in_npx_cache(package, asked, place.home)
        how = f"`npx --yes --package={asked} true` installs it"
        return [Installed(*one)] if one else f"npm has not installed {asked} yet: {how}"
    envs = python_packages.environments(package.name, package.version, runner, place.home)
    if isinstance(envs, str):
        return envs
    if len(envs) > FOLDERS_MAX:
        return f"{package.name} lies in more than {FOLDERS_MAX} environments: `uv cache prune` removes old ones"
    return [Installed(*one) for one in envs]


def _of_python(file: str, launched: Launched, place: Place) -> Installed | None:
    """The package that a module or a program of an environment belongs to."""
    if isinstance(launched.target, Module):
        python = find(launched.target.interpreter, place)
        one = python_packages.around_module(file, python.path if python else "")
    elif isinstance(launched.target, Script):
        one = python_packages.around_module(file, "")
    else:
        one = python_packages.around_program(file)
    return Installed(*one) if one else None


def asked_for(package: Package, launched: Launched) -> str:
    """The package as the command line names it."""
    for word in launched.argv[1:]:
        bare = word.removeprefix("--package=").removeprefix("npm:")
        if bare == package.name or bare.startswith(package.name + "@"):
            return bare
    return package.name
