"""Pure: cover a project's entry, whose file is under version control, by a wrapped copy in a machine-side file.

Only what the user has approved is copied: a copy there runs without being asked for. A copy follows its original: it
is renewed when that changes and taken out when that goes, is refused, or may be wrapped itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callgate.agents.formats.document import parse
from callgate.agents.formats.values import Values, holds_surrogate, value_at
from callgate.agents.shadow import Shadow
from callgate.agents.shapes import SHAPES, RawEntry
from callgate.model.errors import DocumentError
from callgate.model.inventory import ConfigFile, Drop, Edit, Entry, KeyPath, Put, Transport
from callgate.wrap.plan import Left, Shadowing, Why, raws_of
from callgate.wrap.record import Owned
from callgate.wrap.script import launcher_path

NOT_APPROVED = "no wrapped copy is made, as its user has not approved it for this project"

_Read = tuple[object, Mapping[tuple[KeyPath, str], RawEntry]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the copies of one agent's entries in one project depend on."""

    shadow: Shadow
    project: str
    file: ConfigFile
    """The machine-side file."""
    documents: Mapping[str, object]
    """That file and those that hold approvals, parsed, by their path templates."""
    originals: Sequence[tuple[Left, bytes]]
    """Entries that are left because of version control, each with the bytes of its file."""
    owned: Mapping[str, Owned] = field(default_factory=dict)
    """The copies that we made, by name."""


def shadowings(ground: Ground, launchers: str) -> tuple[list[Shadowing], list[Left]]:
    """The copies to make, renew or take out, and what is to be said of each original."""
    approved = ground.shadow.approved(ground.project, ground.documents)
    wanted: list[Shadowing] = []
    left: list[Left] = []
    here = ground.documents.get(ground.shadow.file)
    read: dict[ConfigFile, _Read | str] = {}
    for original, data in ground.originals:
        entry = original.entry
        if not approved.allows(entry.name):
            left.append(Left(entry, Why.VCS, f"{original.reason}; {NOT_APPROVED}"))
            continue
        found_in = read.get(entry.file) or read.setdefault(entry.file, _read(entry.file, data))
        made = found_in if isinstance(found_in, str) else _copy(ground, entry, found_in, launchers)
        if isinstance(made, str):
            left.append(Left(entry, Why.VCS, f"{original.reason}; {made}"))
            continue
        found, owned = _value(here, made.at), ground.owned.get(entry.name)
        if found is not None and (owned is None or found not in (owned.undo[0].ours, made.value)):
            left.append(
                Left(entry, Why.VCS, f"{original.reason}; {ground.file.path} has an entry of that name already")
            )
        elif found == made.value:
            left.append(
                Left(entry, Why.SHADOWED, f"{original.reason}; a wrapped copy in {ground.file.path} wins over it")
            )
        else:
            wanted.append(made)
    kept = {each.entry.name for each in wanted} | {each.entry.name for each in left if each.why is Why.SHADOWED}
    for name, owned in ground.owned.items():
        if name not in kept and _value(here, owned.at) == owned.undo[0].ours:
            wanted.append(_taken_out(ground, owned))
    return wanted, left


def shadow_edit(shadow: Shadow, wanted: Shadowing, owned: Owned | None, parsed: object) -> tuple[Edit, int] | str:
    """The edit that makes, renews or takes out one copy in the file as it is now, and how many mappings above the copy
    it makes (or unmakes); or why not, as a sentence.
    """
    found = _value(parsed, wanted.at)
    if found is not None:
        if owned is None or found != owned.undo[0].ours:
            return "someone has changed the copy, or made an entry of that name"
        if wanted.value is None:
            return dropped(parsed, owned)
        return Put(wanted.at, wanted.value), owned.made
    if wanted.value is None:
        return "it is gone already"
    made = shadow.edits(wanted.entry.project or "", {wanted.entry.name: wanted.value}, parsed)
    if isinstance(made, str):
        return made
    return made[0], len(wanted.at) - len(made[0].at)


def dropped(parsed: object, owned: Owned) -> tuple[Drop, int]:
    """The edit that takes a copy out, with the mappings that were made for it, as far as nothing else is in them."""
    up = owned.made
    while up and _value(parsed, owned.at[: len(owned.at) - up]) != _nested(
        owned.at[len(owned.at) - up :], owned.undo[0].ours
    ):
        up -= 1
    return Drop(owned.at[: len(owned.at) - up]), up


def _read(file: ConfigFile, data: bytes) -> _Read | str:
    """A project's file as it is read; or why it cannot be."""
    try:
        parsed = parse(data, file.format)
    except DocumentError as error:
        return f"its file cannot be read without doubt ({error})"
    return parsed, raws_of(parsed, file.shape)


def _copy(ground: Ground, entry: Entry, read: _Read, launchers: str) -> Shadowing | str:
    """The whole entry as the project's file has it, but starting our launcher; or why there is none."""
    parsed, raws = read
    launcher = launcher_path(launchers, entry)
    raw = raws.get((entry.at, entry.name))
    edits = SHAPES[entry.file.shape].wrap(raw, launcher) if raw else ()
    if raw is None or not edits:
        return "it has no command to wrap"
    copy = Values(value_at(parsed, raw.at))
    for edit in edits:
        assert isinstance(edit, Put), "shapes wrap by putting values"
        copy.put(edit.at[len(raw.at) :], edit.value)
    if holds_surrogate([entry.name, copy.whole]):
        return "it holds half of a surrogate pair, which readers take differently"
    at = ground.shadow.entry_at(ground.project, entry.name)
    return Shadowing(entry, ground.file, at, launcher, raw.argv, copy.whole, entry.name in ground.owned)


def _taken_out(ground: Ground, owned: Owned) -> Shadowing:
    agent = ground.file.agent
    entry = Entry(agent, owned.name, ground.file, owned.at, Transport.STDIO, owned.argv, project=ground.project)
    return Shadowing(entry, ground.file, owned.at, owned.launcher, owned.argv, None)


def _value(document: object, at: KeyPath) -> object:
    """The value at a path of mappings; None if there is none."""
    for key in at:
        if not isinstance(document, Mapping) or key not in document:
            return None
        document = document[key]
    return document


def _nested(keys: KeyPath, value: object) -> object:
    for key in reversed(keys):
        value = {key: value}
    return value
