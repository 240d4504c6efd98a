"""Pure: entries for the registry document, from what an administrator has: a server.json, an inventory, a list."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.registry import bundle
from callgate.registry.bundle import META, Document

NAME = re.compile(r"[A-Za-z0-9.-]+/[A-Za-z0-9._-]+")
"""The name of a server.json of 2025-12-11. It is a label: no address, no blank, nothing to be rendered."""
NAME_MAX = 200
HUBS = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "registry.hub.docker.com/")
"""The same place under several names: images are named without it."""


@dataclass(frozen=True, slots=True)
class Added:
    """A document with more in it than before, and what could not be added."""

    document: Document
    skipped: tuple[str, ...] = ()


def add(document: object, found: object, source: str, effect: Effect) -> Added:
    """The document with what `found` (parsed JSON from `source`) names: a server.json, an entry or list in the form of
    the MCP Registry's API, or an inventory as `callgate servers --json` prints it. Raises RegistryError.
    """
    bundle.rules(document, "the registry")
    if not isinstance(found, Mapping):
        raise RegistryError(source, "is not a JSON object", "give a server.json or an inventory export")
    listed = found.get("servers")
    if not isinstance(listed, list):
        return _add_entry(document, found, source, effect)
    added = Added(copy.deepcopy(dict(document)))  # type: ignore[call-overload]  # rules() has looked
    for number, one in enumerate(listed):
        where = f"{source}, servers[{number}]"
        if isinstance(one, Mapping) and "identity" in one:
            after = _add_seen(added.document, one, where, effect)
        else:
            after = _add_entry(added.document, one, where, effect)
        added = Added(after.document, (*added.skipped, *after.skipped))
    return added


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


def _add_entry(document: object, one: object, source: str, effect: Effect) -> Added:
    if not isinstance(one, Mapping):
        raise RegistryError(source, "is not a JSON object", "give a server.json or an inventory export")
    server = one.get("server", one)
    if not isinstance(server, Mapping):
        raise RegistryError(source, "`server` is not an object", "give a server.json")
    name = _text(server, "name")
    if not NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise RegistryError(source, f"has the name {name[:80]!r}, which is none of a server.json", "see its schema")
    known, skipped = identities(server, f"{source} ({name})")
    if not known:
        why = "; ".join(skipped) or f"{source} ({name}): names neither packages nor remotes"
        return Added(copy.deepcopy(dict(document)), (why,))  # type: ignore[call-overload]
    approval = {"identities": [str(identity) for identity in known], "effect": effect.word}
    entry = {"server": copy.deepcopy(dict(server)), "_meta": {META: approval}}
    changed: Document = copy.deepcopy(dict(document))  # type: ignore[call-overload]
    others = [each for each in changed.get("servers", []) if each["server"]["name"] != name]
    before = [each for each in changed.get("servers", []) if each["server"]["name"] == name]
    if before:  # what was decided of its tools stays decided
        entry["_meta"] = {**before[-1]["_meta"], META: {**before[-1]["_meta"][META], **approval}}
    changed["servers"] = [*others, entry]
    changed["metadata"] = {**changed.get("metadata", {}), "count": len(changed["servers"])}
    return Added(changed, tuple(skipped))


def _add_seen(document: Document, one: Mapping[str, Any], source: str, effect: Effect) -> Added:
    try:
        identity = ServerIdentity.parse(_text(one, "identity"))
    except ValueError as error:
        return Added(document, (f"{source}: {error}",))
    return Added(bundle.with_effect(document, source, identity, None, effect, _text(one, "entry")))


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
