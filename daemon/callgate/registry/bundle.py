"""Pure: the registry document <-> rules. The form is the MCP Registry's server list (API v0.1, server.json of
2025-12-11) with our approval under a `_meta` key, so that a central registry can replace the local file as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Pins
from callgate.policy import labels, starting, terms
from callgate.policy.allowlist import ANY_TOOL, Allowlist, Approval
from callgate.registry import pinned

META = "dev.callgate/approval"
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

Document = dict[str, Any]  # parsed JSON: every read below checks what it finds


def empty() -> Document:
    """A registry that approves nothing."""
    return {"servers": [], "metadata": {"count": 0}}


def rules(document: object, source: str, signed_at: float = 0.0) -> Allowlist:
    """The rules that a document states. Raises RegistryError that names `source`, the entry and the field.

    A document with one bad entry is refused whole: half a policy is not a policy. `signed_at`: see Allowlist.
    """
    approvals = tuple(_approval(entry, where) for where, entry in _entries(document, source))
    return Allowlist(approvals, signed_at=signed_at)


def with_effect(
    document: object, source: str, identity: ServerIdentity, tool: str | None, effect: Effect, name: str = ""
) -> Document:
    """The document after `allow` or `deny` of a server (tool is None) or of one tool of it.

    An entry for exactly this identity is changed, else one is added, called after `name` (the identity, if empty).
    Allowing one tool of a server that is not approved yet approves that tool alone.
    """
    if not isinstance(document, Mapping):
        raise RegistryError(source, "is not a JSON object", "restore it, or delete it to start with an empty registry")
    changed: Document = copy.deepcopy(dict(document))
    for where, entry in _entries(changed, source):
        approval = _approval(entry, where)
        if entry["_meta"][META]["identities"] == [str(identity)]:
            stated = entry["_meta"][META]
            if stated.get("tools", {}) is None:  # a person's way to say that there are none
                del stated["tools"]
            if tool is None:
                stated["effect"] = effect.word
                if effect is Effect.ALLOW and stated.get("tools", {}).get(ANY_TOOL) not in (None, effect.word):
                    del stated["tools"][ANY_TOOL]  # "allow SERVER" after "allow SERVER TOOL" means all of it
            else:
                if effect is Effect.ALLOW and approval.effect is not Effect.ALLOW:
                    stated["effect"] = effect.word
                    stated.setdefault("tools", {}).setdefault(ANY_TOOL, approval.effect.word)
                stated.setdefault("tools", {})[tool] = effect.word
            return changed
    changed["servers"] = [*changed.get("servers", []), _new(identity, tool, effect, name)]
    changed["metadata"] = {"count": len(changed["servers"])}
    return changed


def with_pins(document: object, source: str, server: str, pins: Pins) -> Document:
    """The document after all entries of that name or identity got these pins, in place of those they had.

    Raises RegistryError if there is no such entry.
    """
    rules(document, source)
    changed: Document = copy.deepcopy(dict(document))  # type: ignore[call-overload]  # rules() has looked
    entries = changed.get("servers", [])
    matching = [one for one in entries if server in (one["server"]["name"], *one["_meta"][META]["identities"])]
    if not matching:
        raise RegistryError(server, f"is on no entry in {source}", "add it first: `callgate registry add`")
    for entry in matching:
        entry["_meta"][META]["pins"] = pinned.written(pins)
    return changed


def with_statements(document: object, source: str, identity: ServerIdentity, stated: Mapping[str, Any]) -> Document:
    """The document after the entry of exactly this identity states this (`launch`, ...), in place of what it did.

    Raises RegistryError if there is no such entry, or it makes no sense.
    """
    rules(document, source)
    changed: Document = copy.deepcopy(dict(document))  # type: ignore[call-overload]  # rules() has looked
    for entry in changed.get("servers", []):
        approval = entry["_meta"][META]
        if approval["identities"] == [str(identity)]:
            approval.update(stated)
            rules(changed, source)
            return changed
    raise RegistryError(str(identity), f"is on no entry in {source}", "add it first: `callgate registry add`")


def _entries(document: object, source: str) -> list[tuple[str, Any]]:
    if not isinstance(document, Mapping):
        raise RegistryError(source, "is not a JSON object", "restore it, or delete it to start with an empty registry")
    servers = document.get("servers", [])
    if not isinstance(servers, list):
        raise RegistryError(source, "`servers` is not a list", "see docs/registry.md for the form")
    return [(f"{source}, servers[{number}]", entry) for number, entry in enumerate(servers)]


def _approval(entry: object, where: str) -> Approval:
    def field(holder: object, name: str, kind: type) -> Any:
        value = holder.get(name) if isinstance(holder, Mapping) else None
        if not isinstance(value, kind):
            raise RegistryError(
                where, f"`{name}` is missing or not {kind.__name__}", "see docs/registry.md for the form"
            )
        return value

    name = field(field(entry, "server", dict), "name", str)
    stated = field(field(entry, "_meta", dict), META, dict)
    try:
        identities = tuple(ServerIdentity.parse(text) for text in field(stated, "identities", list))
        effect = Effect.of(field(stated, "effect", str))
        tools = {tool: Effect.of(word) for tool, word in (stated.get("tools") or {}).items()}
        pins = pinned.read(stated.get("pins"))
        said = labels.read(stated.get("labels"))
        agreed = terms.read(stated)
        launch, versions = starting.read(stated.get("launch"))
    except (ValueError, AttributeError, TypeError) as error:
        raise RegistryError(f"{where} ({name})", str(error), "see docs/registry.md for the form") from error
    if not identities:
        raise RegistryError(f"{where} ({name})", "`identities` is empty", "name at least one server identity")
    return Approval(name, _exact(identities, versions), effect, tools, pins, said, agreed, launch)


def _exact(identities: Sequence[ServerIdentity], versions: Sequence[str]) -> tuple[ServerIdentity, ...]:
    """The identities, with each that names no version once for each of `versions`, if there are any."""
    if not versions:
        return tuple(identities)
    packages = ("npm", "pypi", "oci")
    found = [
        replace(one, version=version) if one.kind in packages and one.version is None else one
        for one in identities
        for version in versions
    ]
    return tuple(dict.fromkeys(found))


def _new(identity: ServerIdentity, tool: str | None, effect: Effect, name: str) -> Document:
    server: Document = {
        "$schema": SCHEMA,
        "name": "local/" + (_slug(name or identity.name) or identity.kind),
        "description": f"{identity}"[:100],
        "version": identity.version or "0.0.0",
    }
    if identity.kind in ("npm", "pypi", "oci"):
        package: Document = {"registryType": identity.kind, "identifier": identity.name, "transport": {"type": "stdio"}}
        if identity.version:
            package["version"] = identity.version
        server["packages"] = [package]
    elif identity.kind == "url":
        server["remotes"] = [{"type": "streamable-http", "url": identity.name}]
    stated: Document = {"identities": [str(identity)], "effect": effect.word}
    if tool is not None:
        stated["tools"] = {tool: effect.word}
        stated["effect"] = Effect.ALLOW.word if effect is Effect.ALLOW else effect.word
        if effect is Effect.ALLOW:
            stated["tools"][ANY_TOOL] = Effect.DENY.word
    return {"server": server, "_meta": {META: stated}}


def _slug(name: str) -> str:
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)
    return "-".join(part for part in kept.split("-") if part)[:80]
