"""Pure: entries for the registry document, from what an administrator has: a server.json, an inventory, a list."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.policy import terms
from callgate.registry import bundle
from callgate.registry.bundle import META, Document

NAME = re.compile(r"[A-Za-z0-9.-]+/[A-Za-z0-9._-]+")
"""The name of a server.json of 2025-12-11. It is a label: no address, no blank, nothing to be rendered."""
NAME_MAX = 200
DEPTH_MAX = 32
"""Levels of a server.json; the schema needs 8."""
SIZE_MAX = 256 * 1024
"""Characters of a server.json; real ones have a few thousand."""
HUBS = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "registry.hub.docker.com/")
"""The same place under several names: images are named without it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What is said of each server that is added."""

    effect: Effect = Effect.ALLOW
    terms: Mapping[str, str] = field(default_factory=dict)
    """`owner`, `risk`, `expires`, as an approval states them; what is not named stays as it was."""


@dataclass(frozen=True, slots=True)
class Added:
    """A document with more in it than before, and what could not be added."""

    document: Document
    skipped: tuple[str, ...] = ()


def add(document: object, found: object, source: str, grant: Grant, *, lenient: bool = False) -> Added:
    """The document with what `found` (parsed JSON from `source`) names: a server.json, an entry or list in the form of
    the MCP Registry's API, or an inventory as `callgate servers --json` prints it. Raises RegistryError; with `lenient`
    a bad entry of a list is skipped, and said so.
    """
    bundle.rules(document, "the registry")
    try:
        terms.read(grant.terms)
    except ValueError as error:
        raise RegistryError(source, str(error), "see `callgate registry add --help`") from error
    if not isinstance(found, Mapping):
        raise RegistryError(source, "is not a JSON object", "give a server.json or an inventory export")
    sheet = _Sheet(document, grant)
    listed = found.get("servers")
    for number, one in enumerate(listed if isinstance(listed, list) else [found]):
        where = f"{source}, servers[{number}]" if isinstance(listed, list) else source
        try:
            if isinstance(listed, list) and isinstance(one, Mapping) and "identity" in one:
                sheet.add_seen(one, where)
            else:
                sheet.add_entry(one, where)
        except RegistryError as error:
            if not lenient:
                raise
            sheet.skipped.append(str(error))
    return sheet.done()


def revoke(document: object, server: str, source: str, *, remove: bool) -> Document:
    """The document after all entries of that name or identity are denied (or removed). Raises RegistryError.

    An identity that no entry names is denied by a new one, unless it is to be removed.
    """
    bundle.rules(document, source)
    changed: Document = copy.deepcopy(dict(document))  # type: ignore[call-overload]
    entries = changed.get("servers", [])
    matching = [e for e in entries if server in (e["server"]["name"], *e["_meta"][META]["identities"])]
    if remove and matching:
        changed["servers"] = [entry for entry in entries if entry not in matching]
        changed["metadata"] = {**changed.get("metadata", {}), "count": len(changed["servers"])}
        return changed
    for entry in matching:
        entry["_meta"][META]["effect"] = Effect.DENY.word
    if matching:
        return changed
    try:
        identity = ServerIdentity.parse(server)
    except ValueError as error:
        raise RegistryError(server, f"is the name of no entry in {source}", "give a name or an identity") from error
    if remove:
        raise RegistryError(server, f"is on no entry in {source}", "nothing is to be removed")
    return bundle.with_effect(changed, source, identity, None, Effect.DENY)


def identities(server: Mapping[str, Any], source: str) -> tuple[list[ServerIdentity], list[str]]:
    """What a server.json starts or reaches, and in words what of it no launch could be compared with."""
    found: list[ServerIdentity] = []
    skipped = []
    for package in _list(server, "packages", source):
        kind, identifier, version = (_text(package, name) for name in ("registryType", "identifier", "version"))
        if kind in ("npm", "pypi") and identifier:
            found.append(_identity(kind, identifier, version, source))
        elif kind == "oci" and identifier:
            found.append(_image(identifier, version, source))
        else:
            skipped.append(f"{source}: a package of the type {kind or '(none)'!r} is not identified at its launch")
    for remote in _list(server, "remotes", source):
        url = _text(remote, "url")
        if url.startswith(("https://", "http://")) and "{" not in url:
            found.append(ServerIdentity("url", url.partition("?")[0]))
        else:
            skipped.append(f"{source}: the address {url[:100]!r} has variables in it or is none")
    return found, skipped


class _Sheet:
    """A copy of a document that entries are put into, one after the other, each in a time that does not grow."""

    def __init__(self, document: object, grant: Grant) -> None:
        self.skipped: list[str] = []
        self._grant = grant
        self._take(copy.deepcopy(dict(document)))  # type: ignore[call-overload]  # rules() has looked

    def _take(self, document: Document) -> None:
        self._document = document
        self._entries: list[Any] = list(document.get("servers", []))
        self._places: dict[str, list[int]] = {}
        for number, entry in enumerate(self._entries):
            self._places.setdefault(entry["server"]["name"], []).append(number)

    def add_entry(self, one: object, source: str) -> None:
        """Add a server.json, or an entry that holds one, in place of the entries of the same name."""
        if not isinstance(one, Mapping):
            raise RegistryError(source, "is not a JSON object", "give a server.json or an inventory export")
        server = one.get("server", one)
        if not isinstance(server, Mapping):
            raise RegistryError(source, "`server` is not an object", "give a server.json")
        _check_size(server, source)
        name = _text(server, "name")
        if not NAME.fullmatch(name) or len(name) > NAME_MAX:
            raise RegistryError(source, f"has the name {name[:80]!r}, which is none of a server.json", "see its schema")
        known, skipped = identities(server, f"{source} ({name})")
        if not known:
            self.skipped += skipped or [f"{source} ({name}): names neither packages nor remotes"]
            return
        self.skipped += skipped
        stated = {"identities": [str(each) for each in known], "effect": self._grant.effect.word, **self._grant.terms}
        entry: Document = {"server": copy.deepcopy(dict(server)), "_meta": {META: stated}}
        if places := self._places.get(name):  # what was decided of its tools stays decided
            before = self._entries[places[-1]]["_meta"]
            entry["_meta"] = {**before, META: {**before[META], **stated}}
            for place in places:
                self._entries[place] = None
            self._entries[places[-1]] = entry
            self._places[name] = places[-1:]
            return
        self._places[name] = [len(self._entries)]
        self._entries.append(entry)

    def add_seen(self, one: Mapping[str, Any], source: str) -> None:
        """Add a server that was seen on a machine, by its identity."""
        try:
            identity = ServerIdentity.parse(_text(one, "identity"))
        except ValueError as error:
            self.skipped.append(f"{source}: {error}")
            return
        effect, name = self._grant.effect, _text(one, "entry")
        document = bundle.with_effect(self.done().document, source, identity, None, effect, name)
        for entry in document["servers"] if self._grant.terms else ():
            if entry["_meta"][META]["identities"] == [str(identity)]:
                entry["_meta"][META].update(self._grant.terms)
        self._take(document)

    def done(self) -> Added:
        """The document with all that was added."""
        entries = [entry for entry in self._entries if entry is not None]
        metadata = {**self._document.get("metadata", {}), "count": len(entries)}
        return Added({**self._document, "servers": entries, "metadata": metadata}, tuple(self.skipped))


def _check_size(server: Mapping[str, Any], source: str) -> None:
    """Raises RegistryError for a server.json that every machine should not have to carry, or that breaks readers."""
    left: list[tuple[Any, int]] = [(server, 1)]
    size = 0
    while left:
        value, depth = left.pop()
        size += len(value) + 2 if isinstance(value, str) else 4
        if depth > DEPTH_MAX or size > SIZE_MAX:
            most = f"is deeper than {DEPTH_MAX} levels or larger than {SIZE_MAX // 1024} KiB"
            raise RegistryError(source, f"{most}, which no server.json is", "see its schema")
        if isinstance(value, Mapping):
            left += [(one, depth + 1) for pair in value.items() for one in pair]
        elif isinstance(value, list):
            left += [(one, depth + 1) for one in value]


def _identity(kind: str, identifier: str, version: str, source: str) -> ServerIdentity:
    if not version or version == "latest" or re.search(r"[\s^~*<>=|]", version):
        step = "an approval names one exact version; write it into the file"
        raise RegistryError(source, f"names no exact version of {identifier} ({version!r})", step)
    try:
        return ServerIdentity.parse(f"{kind}:{identifier}@{version}")
    except ValueError as error:
        raise RegistryError(source, str(error), "correct the package's identifier") from error


def _image(identifier: str, version: str, source: str) -> ServerIdentity:
    name, at, digest = identifier.partition("@")
    stem, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name, version = stem, tag
    for hub in HUBS:
        name = name.removeprefix(hub)
    return _identity("oci", name.removeprefix("library/"), digest if at else version, source)


def _list(holder: Mapping[str, Any], name: str, source: str) -> list[Mapping[str, Any]]:
    value = holder.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise RegistryError(source, f"`{name}` is not a list of objects", "see the schema of server.json")
    return value


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
