"""Pure: from the signed rules to a static MCP Registry API (v0.1): what clients that know nothing of us may offer.

It lists what the gate would let run, and of each server only the packages and addresses that it would let run. A client
that believes it can be no milder than the gate; what it believes is not signed, so the gate never reads it.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy.allowlist import Allowlist
from callgate.registry import additions, bundle
from callgate.registry.bundle import META, Document

ROOT = "v0.1/servers"
LIST = "index.json"
"""Where a folder's own list lies: `/v0.1/servers` is a list and a folder at once, which no file system can hold."""
LATEST = "latest"
OFFICIAL = "io.modelcontextprotocol.registry/official"
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}")
"""A version that is a file name everywhere and no range."""
PART_MAX = 100
"""Characters of each half of a name: a file name on every system."""
TRANSPORTS = ("stdio", "streamable-http", "sse")
ADDRESS = re.compile(r"https?://[^\s{}]+")
DESCRIPTION_MAX = 100
OPTIONAL: Mapping[str, type] = {"title": str, "websiteUrl": str, "repository": dict, "icons": list, "_meta": dict}
"""Fields that clients read beside those we judge by; of another type they are left out."""
SHOWN = ("identities", "effect", "tools", "owner", "risk", "expires")
"""What of an approval is repeated for clients; pins are large and of use to the gate alone."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The files of the tree by path, and in words what of the approved servers is not in it."""

    files: Mapping[str, bytes]
    skipped: tuple[str, ...] = ()


@dataclass(slots=True)
class _Listed:
    """All versions of one server, in the registry's order."""

    name: str
    entries: dict[str, Document] = field(default_factory=dict)

    @property
    def latest(self) -> str:
        """The highest version if all are numbers, else the one that was added last."""
        versions = list(self.entries)
        if all(re.fullmatch(r"\d{1,9}(\.\d{1,9})*", version) for version in versions):
            return max(versions, key=lambda version: [int(part) for part in version.split(".")])
        return versions[-1]


def tree(document: Document, rules: Allowlist, now: float, before: Mapping[str, bytes]) -> Catalogue:
    """The tree for a document whose rules are `rules`. `before` are the files that are there: dates are taken from
    them, so that what did not change keeps its bytes. `now` is in seconds since the epoch.
    """
    moment = f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    found: dict[str, _Listed] = {}
    skipped = []
    for entry in document.get("servers", []):
        server, stated = entry["server"], entry["_meta"][META]
        if stated["effect"] != Effect.ALLOW.word:
            continue
        try:
            shown = _allowed(server, rules, now)
            listed = found.setdefault(server["name"].casefold(), _Listed(server["name"]))
            if listed.name != server["name"]:
                raise RegistryError(server["name"], f"differs from {listed.name} in case only")
            listed.entries.pop(server["version"], None)
            listed.entries[server["version"]] = _dated(shown, stated, before, moment)
        except RegistryError as error:
            skipped.append(f"{str(error.thing)[:200]} {error.problem}")
    names = sorted(name for name, listed in found.items() if listed.entries)
    files: dict[str, bytes] = {}
    for name in names:
        files |= _of_server(found[name])
    latest = [found[name].entries[found[name].latest] for name in names]
    files[f"{ROOT}/{LIST}"] = _list([_marked(one, latest=True) for one in latest])
    return Catalogue(files, tuple(skipped))


def _of_server(listed: _Listed) -> dict[str, bytes]:
    folder = f"{ROOT}/{listed.name}/versions"
    marked = {version: _marked(one, latest=version == listed.latest) for version, one in listed.entries.items()}
    files = {f"{folder}/{version}": _written(one) for version, one in marked.items()}
    files[f"{folder}/{LATEST}"] = _written(marked[listed.latest])
    files[f"{folder}/{LIST}"] = _list(list(reversed(marked.values())))
    return files


def _allowed(server: Mapping[str, Any], rules: Allowlist, now: float) -> Document:
    """The server.json with those packages and remotes alone that the gate would let run. Raises RegistryError."""
    name = server["name"]
    _check_names(name, server.get("version"))
    description = server.get("description")
    if not isinstance(description, str) or not 1 <= len(description) <= DESCRIPTION_MAX:
        raise RegistryError(name, f"has no description of 1 to {DESCRIPTION_MAX} characters")
    shown = {key: server[key] for key in ("name", "description", "version")}
    shown |= {key: server[key] for key, kind in OPTIONAL.items() if isinstance(server.get(key), kind)}
    if not all(isinstance(shown.get("repository", {key: ""}).get(key), str) for key in ("url", "source")):
        del shown["repository"]
    for kind, fits in (("packages", _package_fits), ("remotes", _remote_fits)):
        kept = [one for one in _objects(server, kind) if fits(one) and _runs(kind, one, rules, now)]
        if kept:
            shown[kind] = kept
    if "packages" not in shown and "remotes" not in shown:
        raise RegistryError(name, "has no package and no address that a client could start and the gate lets run")
    return {"$schema": bundle.SCHEMA, **shown}


def _check_names(name: str, version: object) -> None:
    parts = name.split("/")
    bad = not additions.NAME.fullmatch(name) or any(part in (".", "..", LIST) or len(part) > PART_MAX for part in parts)
    if bad:
        raise RegistryError(name, "has a name that is none of a server.json, or no file name")
    if not isinstance(version, str) or not VERSION.fullmatch(version) or version in (LATEST, LIST):
        raise RegistryError(name, f"has the version {str(version)[:80]!r}, which is none, or no file name")


def _objects(server: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    value = server.get(kind)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _package_fits(package: Mapping[str, Any]) -> bool:
    transport, version = package.get("transport"), package.get("version", "1")
    return (
        isinstance(package.get("registryType"), str)
        and isinstance(package.get("identifier"), str)
        and isinstance(version, str)
        and version != LATEST
        and isinstance(transport, Mapping)
        and transport.get("type") in TRANSPORTS
    )


def _remote_fits(remote: Mapping[str, Any]) -> bool:
    return remote.get("type") in TRANSPORTS[1:] and bool(ADDRESS.fullmatch(str(remote.get("url"))))


def _runs(kind: str, one: Mapping[str, Any], rules: Allowlist, now: float) -> bool:
    """Would the gate let this package or remote run?"""
    try:
        if kind == "packages" and "version" not in one and one["registryType"] != "oci":
            identities = [ServerIdentity.parse(f"{one['registryType']}:{one['identifier']}")]
        else:
            identities = additions.identities({kind: [one]}, "")[0]
    except (RegistryError, ValueError):
        return False
    verdicts = [rules.server(Identified(identity, ""), now).effect for identity in identities]
    return bool(verdicts) and all(effect is Effect.ALLOW for effect in verdicts)


def _dated(server: Document, stated: Mapping[str, Any], before: Mapping[str, bytes], moment: str) -> Document:
    """One entry; when it was first published and last changed is what the tree before says, if it knows it."""
    approval = {name: stated[name] for name in SHOWN if stated.get(name)}
    fresh = {"status": "active", "publishedAt": moment, "updatedAt": moment, "statusChangedAt": moment}
    try:
        old = json.loads(before[f"{ROOT}/{server['name']}/versions/{server['version']}"])
        dates = old["_meta"][OFFICIAL]
        same = old["server"] == server and old["_meta"][META] == approval
        kept = {name: str(dates[name]) for name in ("publishedAt", "updatedAt", "statusChangedAt")}
        fresh |= kept if same else {**kept, "updatedAt": moment}
    except (KeyError, TypeError, ValueError, RecursionError):
        pass  # new, or damaged: then it is new
    return {"server": server, "_meta": {OFFICIAL: fresh, META: approval}}


def _marked(entry: Document, *, latest: bool) -> Document:
    official = {**entry["_meta"][OFFICIAL], "isLatest": latest}
    return {"server": entry["server"], "_meta": {**entry["_meta"], OFFICIAL: official}}


def _list(entries: list[Document]) -> bytes:
    """All on one page: a static host does not read the query, so there is no cursor that could lead to another."""
    return _written({"servers": entries, "metadata": {"count": len(entries)}})


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
