"""Pure: the same command line with an exact version in the place of a floating one, where that is safe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from callgate.discovery.launch.packages import pypi_name
from callgate.discovery.launch.read import read_launch
from callgate.discovery.launch.target import Launched, Package, Target, Url
from callgate.discovery.launch.words import program

_PREFIXES = ("", "npm:", "--package=", "--from=", "--spec=")
"""What stands before the package in one word with it."""


def substituted(argv: tuple[str, ...], version: str, own: Iterable[str] = ()) -> tuple[str, ...] | str:
    """The command line that starts exactly this version of what `argv` starts, or why there is none.

    One word is replaced, and the result is read again: it counts only if everything else about it stayed the same and
    no other word could have been replaced instead.
    """
    own = tuple(own)
    before = read_launch(argv, own)
    package = _package(before.target)
    if package is None or before.caveats:
        return "it is not known what its command line starts"
    if argv[len(argv) - len(before.argv) :] != before.argv:
        return "the package is named inside a script of a shell"
    found = []
    for at, word in enumerate(argv):
        for changed in _candidates(word, package, version, program(before.argv[0])):
            after = (*argv[:at], changed, *argv[at + 1 :])
            if _is_same_but_exact(before, read_launch(after, own), version):
                found.append(after)
                break
    if len(found) != 1:
        return "no single word of its command line names the package"
    return found[0]


def _package(target: Target) -> Package | None:
    if isinstance(target, Url):
        return target.via
    return target if isinstance(target, Package) else None


def _is_same_but_exact(before: Launched, after: Launched, version: str) -> bool:
    one, other = _package(before.target), _package(after.target)
    if one is None or other is None or other.version != version:
        return False
    same = replace(other, version=one.version, spec=one.spec) == one
    rest = (after.tools, after.caveats, after.arguments) == (before.tools, (), before.arguments)
    address = not isinstance(before.target, Url) or (
        isinstance(after.target, Url) and after.target.url == before.target.url
    )
    return same and rest and address and len(after.argv) == len(before.argv)


def _candidates(word: str, package: Package, version: str, runner: str) -> Iterator[str]:
    """What a word that names the package may become."""
    for prefix in _PREFIXES:
        bare = word.removeprefix(prefix)
        if prefix and bare == word:
            continue
        if package.kind == "oci":
            if changed := _image(bare, package, version):
                yield prefix + changed
        elif package.kind == "npm":
            name, _, _ = bare[1:].partition("@")
            if bare[:1] + name == package.name:
                yield f"{prefix}{package.name}@{version}"
        elif not any(mark in bare for mark in "[/:;"):  # extras are written in more than one way
            name = bare.split("=")[0].split("@")[0].split("<")[0].split(">")[0].split("~")[0].split("!")[0].strip()
            if name and pypi_name(name) == package.name:
                yield f"{prefix}{name}{'==' if runner == 'pipx' or prefix else '@'}{version}"
                yield f"{prefix}{name}=={version}"


def _image(word: str, package: Package, version: str) -> str | None:
    rest, _, _ = word.partition("@")
    stem, colon, tag = rest.rpartition(":")
    name = stem if colon and "/" not in tag else rest
    if not name.endswith(package.name):
        return None
    return f"{name}@{version}" if version.startswith("sha256:") else f"{name}:{version}"
