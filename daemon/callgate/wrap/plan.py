"""Pure: which entries are wrapped, with which edits, and why each other entry is left as it is.

Ladder, first that applies: already behind a launcher that the journal knows > not ours to change (plugin, system,
unknown shape) > not stdio > the file must not be written (version control, link, rights) > the file does not parse, or
the entry changed since it was found > wrapped.

Whoever can write a config must not be able to look wrapped without being it: a launcher that the journal does not know
is replaced, and a command that only names one of ours is wrapped. Disabled entries are wrapped too: they are then
covered from the moment in which someone enables them. Placeholders (`${env:X}`) move with their words, for the agent
expands them before it starts us.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from callgate.agents.formats.document import Document
from callgate.agents.shapes import SHAPES, RawEntry
from callgate.model.errors import DocumentError
from callgate.model.inventory import ConfigFile, Edit, Entry, KeyPath, Put, Transport
from callgate.wrap.addresses import Addresses, lead, whole
from callgate.wrap.foreign import gateway
from callgate.wrap.record import Undo
from callgate.wrap.script import launcher_path

EXPANDED = frozenset("$%{}`")
"""Characters that some agent expands in a command: a launcher's own path must be free of them."""

NESTED_MAX = 2
"""Launchers of ours in one command line that we still put another one in front of, when another tool has put itself
before them: without an end to it, the two would make the line longer for ever."""


class Why(StrEnum):
    """Why an entry is left, for programs; the sentence beside it is for people."""

    OURS = "ours"
    """It starts a launcher of ours already: all is well."""
    FOREIGN = "foreign"
    """Another tool puts itself in front of our launcher again and again: one of the two has to stop."""
    SHARED = "shared"
    """Another agent reads the same entry of the same file, for which it is (or is not) wrapped."""
    HTTP = "http"
    """A remote server whose entry keeps its own address."""
    KIND = "kind"
    """It belongs to a plugin or the system, or has no command that could be wrapped."""
    VCS = "vcs"
    SHADOWED = "shadowed"
    """Its file is under version control; a wrapped copy in a file of the user's wins over it: all is well."""
    PLACE = "place"
    """Where the file lies, or whose it is, forbids to change it."""
    BUSY = "busy"
    """Another program is writing the file."""
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    """It is not what discovery found: look again."""
    FAILED = "failed"
    """Something went wrong while it was written; the old bytes stand."""


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that is not wrapped, or a change that was not made."""

    entry: Entry
    why: Why
    reason: str


@dataclass(frozen=True, slots=True)
class Wrapping:
    """An entry to wrap: from now on it starts `launcher`."""

    entry: Entry
    raw: RawEntry
    launcher: str
    edits: tuple[Edit, ...]
    again: bool = False
    """It was wrapped by us before, and someone has taken the launcher out again."""
    adopted: bool = False
    """It starts a launcher in our folder that the journal does not know (lost, or brought by a settings sync)."""
    note: str = ""
    """What else should be known of it, a sentence or empty."""
    undo: tuple[Undo, ...] = field(default=(), repr=False)
    """What puts back the values that the edits replace; empty for an adopted entry."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """All that is to change in one file."""

    file: ConfigFile
    target: str
    """The file itself, links resolved."""
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    wrappings: tuple[Wrapping, ...] = ()


@dataclass(frozen=True, slots=True)
class Shadowing:
    """A wrapped copy of a project's entry to make, renew, or take out, in a machine-side file (see wrap.shadows)."""

    entry: Entry
    file: ConfigFile
    """The machine-side file."""
    at: KeyPath
    """Where the copy stands in it."""
    launcher: str
    argv: tuple[str, ...]
    value: object = field(repr=False)
    """The copy; None to take it out."""
    again: bool = False
    note: str = "a wrapped copy wins over the project's file, which is under version control"


@dataclass(frozen=True, slots=True)
class Plan:
    """What wrapping would do; carrying it out checks everything again."""

    files: tuple[FilePlan, ...] = ()
    left: tuple[Left, ...] = ()
    shadows: tuple[Shadowing, ...] = ()

    @property
    def wrappings(self) -> tuple[Wrapping | Shadowing, ...]:
        """All entries to wrap, in their own file or by a copy."""
        copies = tuple(each for each in self.shadows if each.value is not None)
        return tuple(each for file in self.files for each in file.wrappings) + copies


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out about one file: its bytes, or why it must not be written."""

    target: str
    data: bytes = b""
    obstacle: tuple[Why, str] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of our own doings."""

    folder: str
    """Where our launchers are."""
    launchers: frozenset[str] = frozenset()
    """Those of the journal."""
    places: frozenset[tuple[str, KeyPath]] = frozenset()
    """(target, key path) of the entries that we wrapped before."""
    addresses: Addresses | None = None
    """For entries of remote servers; None: they are left alone."""


def plan(entries: Iterable[Entry], seen: Mapping[str, Seen], known: Known) -> Plan:
    """The plan for these entries. `seen` holds what was found out of each file, by its path."""
    left: list[Left] = []
    wanted: dict[str, list[Entry]] = {}
    taken: dict[tuple[str, KeyPath], Entry] = {}
    for entry in entries:
        look = seen.get(entry.file.path, Seen(entry.file.path, obstacle=(Why.CHANGED, "the file is gone")))
        if reason := _leave(entry, known) or look.obstacle:
            if entry.transport is Transport.HTTP and reason[0] is Why.VCS:  # it is not shadowed: see wrap.shadows
                reason = (Why.HTTP, reason[1])
            left.append(Left(entry, *reason))
        elif (first := taken.setdefault((look.target, entry.at), entry)) is not entry:
            left.append(Left(entry, Why.SHARED, f"{first.agent} reads the same entry: see there"))
        else:
            wanted.setdefault(look.target, []).append(entry)
    files = []
    for group in wanted.values():
        made, not_made = plan_file(group, seen[group[0].file.path], known)
        left += not_made
        if made is not None:
            files.append(made)
    return Plan(tuple(files), tuple(left))


def plan_file(entries: list[Entry], look: Seen, known: Known) -> tuple[FilePlan | None, list[Left]]:
    """The plan for entries of one file, from its bytes alone (the entries only say which are meant)."""
    file = entries[0].file
    left: list[Left] = []
    wrappings: list[Wrapping] = []
    try:
        whole = Document(look.data, file.format)
    except DocumentError as error:
        return None, [Left(entry, Why.UNREADABLE, f"the file does not parse: {error}") for entry in entries]
    raws = raws_of(whole.value, file.shape)
    for entry in entries:
        raw = raws.get((entry.at, entry.name))
        if raw is None or (raw.argv, raw.url) != (entry.argv, entry.url):
            left.append(Left(entry, Why.CHANGED, "the entry changed since it was found"))
        elif wrapping := _wrapping(entry, raw, known, (look.target, entry.at) in known.places):
            wrappings.append(wrapping)
        else:
            left.append(Left(entry, Why.KIND, raw.unwrappable or "it has nothing to wrap"))
    after, errors = whole.edited([each.edits for each in wrappings])
    kept = []
    for each, problem in zip(wrappings, errors, strict=True):
        if problem is not None:
            left.append(Left(each.entry, Why.UNREADABLE, f"it cannot be edited without doubt: {problem}"))
        else:
            kept.append(each if each.adopted else replace(each, undo=_undo_of(whole, each)))
    return (FilePlan(file, look.target, look.data, after.data, tuple(kept)) if kept else None), left


def _undo_of(whole: Document, wrapping: Wrapping) -> tuple[Undo, ...]:
    items = []
    for edit in wrapping.edits:
        assert isinstance(edit, Put), "shapes wrap by putting values"
        items.append(Undo(edit.at[len(wrapping.entry.at) :], edit.value, whole.text_at(edit.at)))
    return tuple(items)


def _wrapping(entry: Entry, raw: RawEntry, known: Known, again: bool) -> Wrapping | None:
    if raw.transport is Transport.HTTP:
        address = known.addresses.of(entry) if known.addresses else ""
        edits = lead(raw, address) if address else ()
        return Wrapping(entry, raw, address, edits, again) if edits else None
    adopted = is_launcher(raw.argv[0], known.folder) if raw.argv else False
    if adopted:
        words = raw.argv[2:] if raw.argv[1:2] == ("--",) else raw.argv[1:]
        raw = replace(raw, argv=words)
    launcher = launcher_path(known.folder, entry)
    edits = SHAPES[entry.file.shape].wrap(raw, launcher) if raw.argv else ()
    return Wrapping(entry, raw, launcher, edits, again, adopted, gateway(raw.argv)) if edits else None


def is_launcher(word: str, folder: str) -> bool:
    """Does this word of a command line name a file where our launchers are?"""
    agent, slash, name = word.removeprefix(folder + "/").partition("/")
    return word.startswith(folder + "/") and bool(slash) and "/" not in name and not {agent, name} & {"", ".", ".."}


def _leave(entry: Entry, known: Known) -> tuple[Why, str] | None:
    """Why the entry is left, as far as it says so itself."""
    if entry.argv and entry.argv[0] in known.launchers:
        return Why.OURS, "it is behind the gate already"
    if entry.url in known.launchers and entry.transport is Transport.HTTP:
        return Why.OURS, "it is behind the gate already"
    if entry.unwrappable is not None:
        return Why.KIND, entry.unwrappable
    if entry.transport is Transport.HTTP:
        return _leave_remote(entry.url or "", known.addresses)
    if sum(is_launcher(word, known.folder) for word in entry.argv) > NESTED_MAX:
        return Why.FOREIGN, f"{entry.argv[0]} and Callgate keep wrapping each other: stop one of them"
    if EXPANDED & set(known.folder):
        return Why.PLACE, f"agents would expand a character in our own folder's path {known.folder}: set CALLGATE_HOME"
    return None


def _leave_remote(url: str, addresses: Addresses | None) -> tuple[Why, str] | None:
    if addresses is None:
        return Why.HTTP, "a remote server: its entry keeps its own address (`callgate up --http` changes that)"
    if url.startswith(addresses.prefix):
        return Why.KIND, "it leads to an address of ours that is not known here: put the server's own address into it"
    if not whole(url):
        return Why.HTTP, "its address is not one of HTTP that stands whole in the file"
    if url in addresses.oauth:
        return (
            Why.HTTP,
            "its server asks for a token that is made for its own address (OAuth), so it keeps that address",
        )
    return None


def raws_of(parsed: object, shape: str) -> dict[tuple[KeyPath, str], RawEntry]:
    """The entries as the document has them now, by their place and name."""
    found = SHAPES[shape].read(parsed).entries if shape in SHAPES else ()
    return {(raw.at, raw.name): raw for raw in reversed(found)}
