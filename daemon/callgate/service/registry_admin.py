"""The registry's owner at work: each function is one `callgate registry` command, and returns what it did as JSON.

Imported late by the command line: signing costs half a second of imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, Key

from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.pin import Pins
from callgate.policy import starting
from callgate.policy.compiling import unpermitted
from callgate.policy.terms import read
from callgate.registry import (
    activation,
    additions,
    apitree,
    bundle,
    changes,
    keys,
    publishing,
    reading,
    requests,
    roles,
    rotation,
    signing,
    updating,
)
from callgate.registry.additions import Grant
from callgate.registry.places import Folder, Place
from callgate.registry.repository import SOURCE_MAX, Repository
from callgate.registry.roles import Plan
from callgate.registry.upstream import Upstream
from callgate.registry.web import Web
from callgate.service import installation
from callgate.service.installation import Wanted
from callgate.system.files import locked, read_capped

Json = dict[str, Any]

INPUT_MAX = 10 * 1024 * 1024
"""Bytes of a server.json, an inventory or a list that is added."""
PASSPHRASE_MAX = 4096
"""Bytes."""
PASSPHRASE_FILE = "CALLGATE_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
"""Variable of the environment that names a file with the keys' passphrase."""


def passphrase(env: Mapping[str, str], fd: int | None) -> bytes | None:
    """The keys' passphrase, from an open file descriptor or the file that the environment names; never from the
    command line, which other users can read. Raises RegistryError.
    """
    try:
        if fd is not None:
            with os.fdopen(fd, "rb") as file:
                said = file.read(PASSPHRASE_MAX)
        elif path := env.get(PASSPHRASE_FILE):
            said = read_capped(Path(path), PASSPHRASE_MAX)
        else:
            return None
    except OSError as error:
        where = f"file descriptor {fd}" if fd is not None else PASSPHRASE_FILE
        raise RegistryError(where, f"gives no passphrase ({error.strerror})", "see docs/registry.md") from error
    return said.rstrip(b"\r\n") or None


def init(
    folder: Path,
    key_folder: Path,
    secret: bytes | None,
    *,
    root: tuple[int, int],
    targets: tuple[int, int],
    timestamp_days: int,
) -> Json:
    """A new registry with new keys, signed and ready to be published; `root` and `targets` are how many keys, and how
    many of them must sign. Raises RegistryError.
    """
    plan = Plan(*root, *targets, {roles.TIMESTAMP: timestamp_days})
    if problem := plan.problem():
        raise RegistryError(str(folder), problem, "see `callgate registry init --help`")
    if (folder / "repository.json").exists():
        raise RegistryError(str(folder), "holds a registry already", "name another folder")
    counts = {roles.ROOT: plan.root_keys, roles.TARGETS: plan.targets_keys}
    made: dict[str, list[CryptoSigner]] = {}
    for role in roles.ALL:
        count = counts.get(role, 1)
        names = [f"{role}-{number}" for number in range(1, count + 1)] if count > 1 else [role]
        made[role] = [keys.make(key_folder, name, secret) for name in names]
    holders: dict[str, Sequence[Key]] = {role: [one.public_key for one in signers] for role, signers in made.items()}
    thresholds = {roles.ROOT: plan.root_threshold, roles.TARGETS: plan.targets_threshold}
    repository = Repository.create(folder, holders, thresholds, plan.days or {})
    repository.put(roles.SERVERS, _written(bundle.empty()))
    signers = {one.public_key.keyid: one for each in made.values() for one in each}
    states = signing.sign(repository, signers)
    return {"folder": str(folder), "keys": str(key_folder), "roles": _roles(states)}


def grant(effect: str, **terms: str) -> Grant:
    """What is said of each server that is added; empty terms are left as they were. Raises ValueError."""
    said = {name: value for name, value in terms.items() if value}
    read(said)
    return Grant(Effect.of(effect), said)


def add(
    folder: Path, source: Path | None, request_folder: Path | None, grant: Grant, *, canary: bool, dry_run: bool
) -> Json:
    """Add servers to the document, from a file or from requests. Raises RegistryError."""
    with _changing(folder) as repository:
        before = _document(repository, canary)
        added = additions.Added(before)
        asked = []
        read, odd = requests.read_all(request_folder) if request_folder is not None else ([], [])
        if source is not None:
            added = additions.add(before, _json(source), str(source), grant)
        for path, request, key in read:
            seen = {"servers": [{"identity": request.identity, "entry": request.name}]}
            added = additions.Added(additions.add(added.document, seen, str(path), grant).document, added.skipped)
            asked.append({"file": str(path), "key": key, "identity": request.identity, "why": request.why,
                          "user": request.user, "host": request.host, "time": request.time})  # fmt: skip
        changed = _edit(repository, added.document, canary, dry_run)
    return {"changes": changed, "skipped": [*odd, *added.skipped], "requests": asked, "dry_run": dry_run}


def import_from(folder: Path, url: str, names: Sequence[str], given: Grant, *, canary: bool, dry_run: bool) -> Json:
    """Add servers of another MCP Registry, by name (none: all that it lists). What it withdrew, or what makes no
    approval, is skipped and said. Raises RegistryError.
    """
    upstream = Upstream(url)
    try:
        found = upstream.named(names) if names else upstream.all()
    finally:
        upstream.close()
    with _changing(folder) as repository:
        listed = {"servers": list(found.servers)}
        added = additions.add(_document(repository, canary), listed, url, given, lenient=not names)
        changed = _edit(repository, added.document, canary, dry_run)
    return {"changes": changed, "skipped": [*found.skipped, *added.skipped], "requests": [], "dry_run": dry_run}


def add_launch(
    folder: Path, argv: Sequence[str], wanted: Wanted, grant: Grant, *, name: str, canary: bool, dry_run: bool
) -> Json:
    """Add the server that a command line starts, with what is wanted of how it is started. Raises RegistryError."""
    found, said = installation.of_launch(argv, os.environ, wanted)
    with _changing(folder) as repository:
        path = str(repository.source / _servers(canary))
        before = _document(repository, canary)
        document = bundle.with_effect(before, path, found.server, None, grant.effect, name)
        stated = {"launch": starting.written(said), **grant.terms}
        document = bundle.with_statements(document, path, found.server, stated)
        changed = _edit(repository, document, canary, dry_run)
    return {"changes": changed, "skipped": [], "requests": [], "dry_run": dry_run, "pinned": len(said.files)}


def revoke(folder: Path, server: str, *, remove: bool, canary: bool, dry_run: bool) -> Json:
    """Deny a server by name or identity, or take it off the document. Raises RegistryError."""
    with _changing(folder) as repository:
        path = str(repository.source / _servers(canary))
        document = additions.revoke(_document(repository, canary), server, path, remove=remove)
        changed = _edit(repository, document, canary, dry_run)
    return {"changes": changed, "skipped": [], "requests": [], "dry_run": dry_run}


def pin(folder: Path, server: str, pins: Pins, *, canary: bool, dry_run: bool) -> Json:
    """Put pins into the entries of that name or identity. Raises RegistryError."""
    with _changing(folder) as repository:
        path = str(repository.source / _servers(canary))
        document = bundle.with_pins(_document(repository, canary), path, server, pins)
        changed = _edit(repository, document, canary, dry_run)
    return {"changes": changed, "skipped": [], "requests": [], "dry_run": dry_run}


def sign(folder: Path, key_places: Sequence[Path], secret: bytes | None, *, dry_run: bool) -> Json:
    """Sign what changed with the keys at hand. Raises RegistryError if a document makes no sense."""
    with _changing(folder) as repository:
        documents = repository.documents()
        warned = _validated(documents, str(repository.source))
        changed = changes.between(publishing.published_documents(repository), documents)
        due = signing.due(repository)
        if dry_run:
            states = [signing.state(repository, role, due.get(role, "")) for role in _existing(repository)]
        else:
            states = signing.sign(repository, keys.find(key_places, secret))
    return {"changes": changed, "due": due, "roles": _roles(states), "notes": warned, "dry_run": dry_run}


def publish(folder: Path, key_places: Sequence[Path], secret: bytes | None, to: Path | None, *, dry_run: bool) -> Json:
    """Put what is signed in public/ (and `to`), the timestamp last. Raises RegistryError."""
    with _changing(folder) as repository:
        changed = changes.between(publishing.published_documents(repository), repository.documents())
        if dry_run:
            publishing.check(repository)
            staged = [role for role in roles.OFFLINE if repository.staged(role)]
            return {"changes": changed, "staged": staged, "versions": {}, "copied": 0, "dry_run": True}
        done = publishing.publish(repository, keys.find(key_places, secret))
        copied = publishing.copy(repository, to) if to is not None else 0
        signed = publishing.published_documents(repository)
        listed = [apitree.write(each, signed, time.time()) for each in (repository.public, to) if each is not None]
    public = str(to or repository.public)
    return {"changes": changed, "staged": list(done.changed), "versions": dict(done.versions), "copied": copied,
            "public": public, "listed": listed[0].count, "unlisted": list(listed[0].skipped),
            "dry_run": False}  # fmt: skip


def rotate(
    folder: Path,
    role: str,
    key_folder: Path,
    secret: bytes | None,
    drop: Sequence[str],
    threshold: int | None,
    *,
    dry_run: bool = False,
) -> Json:
    """Give a role a new key in place of those to be dropped (by default: the only one it has). Raises RegistryError."""
    with _changing(folder) as repository:
        held = rotation.keyids(repository, role)
        if not drop and len(held) > 1:
            raise RegistryError(role, f"has {len(held)} keys", "say by --drop which of them the new key replaces")
        dropped = [_one(held, start, role) for start in drop] if drop else held
        name = _free_name(key_folder, role)
        if dry_run:
            left = len(held) - len(dropped) + 1
            said = {"keys": left, "key": str(key_folder / f"{name}{keys.SUFFIX}"), "dropped": dropped}
            return {"role": role, **said, "dry_run": True}
        fresh = keys.make(key_folder, name, secret)
        above = rotation.change_keys(
            repository, role, add=[fresh.public_key], drop=dropped, threshold=threshold if threshold else None
        )
    path = str(key_folder / f"{name}{keys.SUFFIX}")
    return {"role": role, "key": path, "keyid": fresh.public_key.keyid, "dropped": dropped, "above": above}


def verify(place: str, root: Path | None, *, canary: bool) -> Json:
    """Look at a registry as a machine does that never saw it. Raises RegistryError if that machine would refuse it."""
    repository = None
    if place.startswith(("https://", "http://")):
        looked: Place = Web(place)
        if root is None:
            raise RegistryError(place, "cannot be verified without a trusted root", "name a root.json by --root")
    else:
        repository = Repository(Path(place)) if (Path(place) / "repository.json").exists() else None
        looked = Folder(repository.public if repository else Path(place))
        root = root or (repository.public if repository else Path(place)) / "metadata" / "1.root.json"
    with tempfile.TemporaryDirectory(prefix="callgate-") as scratch:
        try:
            trusted = read_capped(root, INPUT_MAX)
        except FileNotFoundError as error:
            raise RegistryError(str(root), "is missing: nothing was published yet", "see --root") from error
        found = updating.update(looked, Path(scratch), trusted, canary=canary)
    rules = activation.compiled(found.files, looked.name)
    said: Json = {"place": looked.name, "versions": dict(found.versions), "expires": found.expires,
                  "signed_at": found.signed_at, "approvals": len(rules.allowlist.approvals)}  # fmt: skip
    if repository is not None:
        states = [signing.state(repository, role) for role in _existing(repository)]
        said["roles"] = _roles(states)
        said["keys"] = {role: rotation.keyids(repository, role) for role in roles.ALL}
        said["unsigned"] = publishing.unsigned_changes(repository)
    return said


@contextlib.contextmanager
def _changing(folder: Path) -> Iterator[Repository]:
    repository = Repository(folder)
    try:
        with locked(repository.lock):
            yield repository
    except BlockingIOError as error:
        raise RegistryError(str(folder), "is being changed by another command", "try again") from error


def _servers(canary: bool) -> str:
    return roles.CANARY + roles.SERVERS if canary else roles.SERVERS


def _document(repository: Repository, canary: bool) -> Json:
    for path in dict.fromkeys((_servers(canary), roles.SERVERS)):
        there = repository.source / path
        if there.exists():
            document = _json(there, SOURCE_MAX)
            bundle.rules(document, str(there))
            return dict(document)
    return bundle.empty()


def _edit(repository: Repository, document: Json, canary: bool, dry_run: bool) -> list[str]:
    path = _servers(canary)
    before = repository.documents()
    after = before | {path: _written(document)}
    _validated(after, str(repository.source))
    if not dry_run and after[path] != before.get(path):
        repository.put(path, after[path])
    return changes.between(before, after)


def _validated(documents: Mapping[str, bytes], source: str) -> list[str]:
    """Compile what each ring of machines would get, and say what its policy permits to nobody. Raises RegistryError."""
    stable = {path: data for path, data in documents.items() if not path.startswith(roles.CANARY)}
    rings = [activation.compiled(stable, source, strict=True)]
    ring = {path.removeprefix(roles.CANARY): data for path, data in documents.items() if path not in stable}
    if ring:
        rings.append(activation.compiled(stable | ring, f"{source}, canary", strict=True))
    missing = [action for each in rings if each.policies for action in unpermitted(each.policies)]
    return [f"no policy permits {action}: machines that take this will deny all of them" for action in set(missing)]


def _existing(repository: Repository) -> list[str]:
    return [role for role in roles.ALL if repository.effective(role) is not None]


def _roles(states: Sequence[signing.RoleState]) -> list[Json]:
    return [
        {
            "role": one.role,
            "version": one.version,
            "signed": one.signed,
            "threshold": one.threshold,
            "staged": one.staged,
            "expires": round(one.expires.timestamp()),
            "why": one.why,
        }
        for one in states
    ]


def _one(held: Sequence[str], start: str, role: str) -> str:
    matching = [keyid for keyid in held if keyid.startswith(start)]
    if len(matching) != 1:
        raise RegistryError(f"key {start}", f"is {len(matching)} of the keys of {role}", "`verify` lists their ids")
    return matching[0]


def _free_name(folder: Path, role: str) -> str:
    number = 2
    while (folder / f"{role}-{number}{keys.SUFFIX}").exists():
        number += 1
    return f"{role}-{number}"


def _json(path: Path, limit: int = INPUT_MAX) -> Any:
    try:
        return reading.read(read_capped(path, limit))
    except FileNotFoundError as error:
        raise RegistryError(str(path), "does not exist", "check the path") from error
    except ValueError as error:
        raise RegistryError(str(path), str(error), "correct it") from error


def _written(document: object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
