"""What servers list, held against what was approved: by the registry where it has pins, else by this machine.

Without the registry's pins the first listing of a server is trusted, and everything after it compared with what was
trusted last. Pins belong to a server's lineage: they outlive its versions, its name in a config, and a tool that
vanishes and returns. Only the gate's thread uses the book; what it changes is durable when a method returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from callgate.detect import change as changes
from callgate.detect import definition
from callgate.detect.definition import Definition
from callgate.detect.listing import Listing
from callgate.model.call import Effect, Session, Verdict
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Change, ChangeClass, Kind, Pin, PinRules, Reason, lineage
from callgate.policy import pinning
from callgate.policy.allowlist import Allowlist
from callgate.policy.pinning import Finding, Judged
from callgate.registry.namesakes import Namesakes
from callgate.registry.pinstore import Key, PinStore, Version

ITEMS_MAX = 20_000
"""Names of one kind that one server may ever list, and that one session may be shown."""
VERSIONS_MAX = 32
"""Definitions kept under one name; of more, the oldest that was never trusted goes."""
TEXTS_MAX = 16 * 1024 * 1024
"""Characters of definitions kept of one server; beyond it only their digests are."""
NOTES_MAX = 100
"""Findings noted of one listing; the last says how many there were."""

PinId = tuple[str, str]
"""Digest and second digest."""


@dataclass(slots=True)
class Item:
    """All definitions that were listed under one name."""

    versions: dict[PinId, Version] = field(default_factory=dict)

    @property
    def trusted(self) -> Version | None:
        """What the others are compared with: what was approved, or trusted, last."""
        return max((one for one in self.versions.values() if one.trusted), key=lambda one: one.trusted, default=None)

    @property
    def last(self) -> Version | None:
        """What the server listed last."""
        return max(self.versions.values(), key=lambda one: one.listed, default=None)


@dataclass(slots=True)
class _Turn:
    """One listing at work."""

    server: ServerIdentity
    own: str
    allowlist: Allowlist | None
    rules: PinRules
    first: bool
    now: int


class PinBook:
    """Definitions by server and name, in memory and on disk."""

    def __init__(self, store: PinStore) -> None:
        """Raises RegistryError if the store cannot be read."""
        self.store = store
        self._sessions: dict[str, dict[tuple[Kind, str], PinId]] = {}
        self._paging: dict[tuple[str, Kind], bool] = {}
        """Sessions between two pages of a listing: was its first page the first of this server?"""
        self._memo: dict[tuple[ServerIdentity, Key, PinId], Verdict | None] = {}
        self._memo_of: tuple[Allowlist | None, PinRules] | None = None
        self._load()

    def listed(
        self, session: Session, listing: Listing, allowlist: Allowlist | None, rules: PinRules, now: int
    ) -> Judged:
        """Judge a listing and keep what it shows. Raises ValueError if it shows more than is kept, RegistryError if it
        cannot be kept; then nothing of it is.
        """
        server = session.server.server
        own, page = lineage(server), (session.uid, listing.kind)
        first = self._paging.pop(page, None)
        seen = self._sessions.setdefault(session.uid, {})
        if first is None:  # the first page: what was listed before counts no longer
            first = (own, listing.kind) not in self._counts
            seen = self._sessions[session.uid] = {key: one for key, one in seen.items() if key[0] is not listing.kind}
        self._refuse_flood(own, listing, seen)
        if listing.more:
            self._paging[page] = first
        turn = _Turn(server, own, allowlist, rules, first, now)
        try:
            judged = self._take_in(turn, listing, seen)
            self.store.commit()
        except RegistryError:
            self._load()  # memory must not know more than the disk
            raise
        return judged

    def verdict(self, session: Session, tool: str, allowlist: Allowlist | None, rules: PinRules) -> Verdict | None:
        """The verdict on a call of this tool by the definition that was listed last: in this session, else at all."""
        server = session.server.server
        key = (lineage(server), Kind.TOOL, tool)
        item = self._items.get(key)
        shown = self._sessions.get(session.uid, _NOTHING).get((Kind.TOOL, tool))
        version = None
        if item is not None:
            version = item.versions.get(shown) if shown else None
            version = version or item.last
        if version is None:
            return self._unlisted(server, tool, allowlist, rules)
        return self.standing(server, key, version, allowlist, rules)

    def standing(
        self,
        server: ServerIdentity,
        key: Key,
        version: Version,
        allowlist: Allowlist | None,
        rules: PinRules,
    ) -> Verdict | None:
        """The verdict on one definition. None: it is as it was approved, or differs in a way that passes."""
        if self._memo_of is None or self._memo_of[0] is not allowlist or self._memo_of[1] is not rules:
            self._memo, self._memo_of = {}, (allowlist, rules)
        memo = (server, key, _id(version.pin))
        if memo not in self._memo:
            change = self.change(server, key, version, allowlist)
            self._memo[memo] = pinning.judge(change, rules, server, key[1], key[2])
        return self._memo[memo]

    def change(self, server: ServerIdentity, key: Key, version: Version, allowlist: Allowlist | None) -> Change:
        """How a definition differs from what was approved: by the registry if it has pins, else by this machine."""
        stated = allowlist.pins(server, key[1]) if allowlist else ()
        if not stated:
            return Change(()) if version.trusted else version.change
        pins = [one[key[2]] for one in stated if key[2] in one]
        shown = self.definition(key, version)
        if not pins:
            return changes.appeared(shown, ChangeClass.CAPABILITY)
        if any(pin.same(version.pin) for pin in pins):
            return Change(())
        for pin in pins:
            known = self._items[key].versions.get(_id(pin))
            if known and not (pinned := self.definition(key, known)).unread:
                return changes.compare(pinned, shown)
        return changes.compare_pin(pins[0], shown)

    def definition(self, key: Key, version: Version) -> Definition:
        """A version as a definition; unread if its text was not kept."""
        if text := self.store.text(key, version.pin):
            return definition.stored(key[1], key[2], version.pin, text)
        said = version.change.reasons[0].text if version.change.worst is ChangeClass.UNREAD else "its text was not kept"
        return definition.unread(key[1], key[2], said)

    def items(self, own: str | None = None) -> list[tuple[Key, Item]]:
        """All items, or those of one lineage, in order."""
        return sorted((pair for pair in self._items.items() if own in (None, pair[0][0])), key=lambda pair: pair[0])

    def approve(self, key: Key, pin: PinId) -> bool:
        """Trust this definition from now on. False if it was never listed. Raises RegistryError."""
        item = self._items.get(key)
        version = item.versions.get(pin) if item else None
        if version is None:
            return False
        version.trusted = self._next()
        self._write(key, version)
        return True

    def forget(self, own: str, name: str | None = None) -> int:
        """Forget all of a server, or what it lists under one name. How many names. Raises RegistryError."""
        gone = [key for key, _ in self.items(own) if name in (None, key[2])]
        for key in gone:
            for version in self._items[key].versions.values():
                self.store.drop(key, version.pin)
        self._settle()
        self._load()
        return len(gone)

    def left(self, uid: str) -> None:
        """A session has ended."""
        self._sessions.pop(uid, None)
        for page in [page for page in self._paging if page[0] == uid]:
            del self._paging[page]

    def _take_in(self, turn: _Turn, listing: Listing, seen: dict[tuple[Kind, str], PinId]) -> Judged:
        judged = Judged()
        fresh: list[Definition] = []
        for one in listing.definitions:
            key = (turn.own, one.kind, one.name)
            version, is_new = self._keep(key, one, turn)
            verdict = self.standing(turn.server, key, version, turn.allowlist, turn.rules)
            before = judged.verdicts.get(one.name)
            if before is None or (verdict and verdict.effect > before.effect):  # of two of one name the worse counts
                seen[one.kind, one.name] = _id(one.pin)
                if verdict:
                    judged.verdicts[one.name] = verdict
            if is_new:
                fresh.append(one)
                if not turn.first or verdict:
                    judged.findings.append(self._changed(turn, key, version, verdict))
                judged.findings.extend(self._namesakes(turn, one))
        if turn.first and fresh:
            judged.findings.insert(0, _pinned(listing.kind, fresh))
        if len(judged.findings) > NOTES_MAX:
            left = Finding("definition.changed", "", None, {"more": len(judged.findings) - NOTES_MAX})
            judged.findings[NOTES_MAX:] = [left]
        return judged

    def _keep(self, key: Key, one: Definition, turn: _Turn) -> tuple[Version, bool]:
        """The version that this definition is, and whether it was never seen before."""
        item = self._items.setdefault(key, Item())
        base, known = item.trusted, item.versions.get(_id(one.pin))
        if known is not None:
            if not known.trusted and base is not None and known.against != _id(base.pin) and not one.unread:
                known.change, known.against = self._compare(key, base, one), _id(base.pin)
                self._write(key, known, settle=False)
            if item.last is not known:
                known.listed = self._next()
                self._write(key, known, settle=False)
            return known, False
        if not item.versions:
            change = changes.appeared(one, ChangeClass.FIRST if turn.first else ChangeClass.ADDED)
            self._count(key, 1)
        else:
            change = self._compare(key, base, one) if base else changes.appeared(one, ChangeClass.ADDED)
        text = one.text
        if self._texts.get(key[0], 0) + len(text) > TEXTS_MAX:
            text = ""
        trusted = self._next() if not item.versions and self._is_trusted(turn, one, change) else 0
        version = Version(one.shaped, change, trusted, self._next(), str(turn.server), turn.now, len(text))
        version.against = _id(base.pin) if base else None
        self.store.put(key, version, text)
        self._texts[key[0]] = self._texts.get(key[0], 0) + len(text)
        item.versions[_id(one.pin)] = version
        self._memo = {}
        self._evict(key, item)
        return version, True

    def _is_trusted(self, turn: _Turn, one: Definition, change: Change) -> bool:
        """May the first definition under a name be what later ones are compared with?"""
        stated = turn.allowlist.pins(turn.server, one.kind) if turn.allowlist else ()
        if stated:
            return any(one.name in pins and pins[one.name].same(one.pin) for pins in stated)
        return all(turn.rules.effect(reason.of) is Effect.ALLOW for reason in change.reasons)

    def _compare(self, key: Key, base: Version, one: Definition) -> Change:
        old = self.definition(key, base)
        return changes.compare_pin(base.pin, one) if old.unread else changes.compare(old, one)

    def _evict(self, key: Key, item: Item) -> None:
        if len(item.versions) <= VERSIONS_MAX:
            return
        last = item.last
        spare = [one for one in item.versions.values() if one is not last and one is not item.trusted]
        oldest = min(spare, key=lambda one: (one.trusted > 0, one.listed))
        del item.versions[_id(oldest.pin)]
        self.store.drop(key, oldest.pin)
        self._texts[key[0]] -= oldest.size

    def _changed(self, turn: _Turn, key: Key, version: Version, verdict: Verdict | None) -> Finding:
        change = self.change(turn.server, key, version, turn.allowlist)
        detail: dict[str, object] = {
            "kind": key[1].value,
            "class": change.worst.word,
            "reasons": [_said(reason) for reason in change.reasons],
            "digest": version.pin.digest,
        }
        return Finding("definition.changed", key[2], verdict, detail)

    def _namesakes(self, turn: _Turn, one: Definition) -> list[Finding]:
        found = self._names.add(turn.own, one.name) if one.kind is Kind.TOOL else []
        alike = []
        for server, name in found:
            item = self._items.get((server, Kind.TOOL, name))
            other = item.last if item else None
            if other and not other.pin.same(one.pin):
                alike.append({"server": server, "tool": name})
        return [Finding("tool.shadowed", one.name, None, {"alike": alike[:NOTES_MAX]})] if alike else []

    def _unlisted(
        self, server: ServerIdentity, tool: str, allowlist: Allowlist | None, rules: PinRules
    ) -> Verdict | None:
        stated = allowlist.pins(server, Kind.TOOL) if allowlist else ()
        if not stated:
            return pinning.unlisted(rules, server, tool)
        if any(tool in pins for pins in stated):
            return None
        change = changes.appeared(definition.read(Kind.TOOL, {"name": tool}) or _NO_TOOL, ChangeClass.CAPABILITY)
        return pinning.judge(change, rules, server, Kind.TOOL, tool)

    def _refuse_flood(self, own: str, listing: Listing, seen: dict[tuple[Kind, str], PinId]) -> None:
        new = {one.name for one in listing.definitions if (own, one.kind, one.name) not in self._items}
        if len(seen) + len(listing.definitions) > ITEMS_MAX * len(Kind):
            raise ValueError(f"more than {ITEMS_MAX:,} {listing.kind}")
        if self._counts.get((own, listing.kind), 0) + len(new) > ITEMS_MAX:
            raise ValueError(f"more than {ITEMS_MAX:,} {listing.kind} of different names over time")

    def _write(self, key: Key, version: Version, *, settle: bool = True) -> None:
        self._memo = {}
        self.store.put(key, version)
        if settle:
            self._settle()

    def _settle(self) -> None:
        try:
            self.store.commit()
        except RegistryError:
            self._load()
            raise

    def _next(self) -> int:
        self._turn += 1
        return self._turn

    def _count(self, key: Key, more: int) -> None:
        self._counts[key[0], key[1]] = self._counts.get((key[0], key[1]), 0) + more

    def _load(self) -> None:
        self._items: dict[Key, Item] = {}
        self._counts: dict[tuple[str, Kind], int] = {}
        self._texts: dict[str, int] = {}
        self._names = Namesakes()
        self._turn = 0
        self._memo = {}
        for key, version in self.store.load():
            if key not in self._items:
                self._count(key, 1)
                if key[1] is Kind.TOOL:
                    self._names.add(key[0], key[2])
            self._items.setdefault(key, Item()).versions[_id(version.pin)] = version
            self._texts[key[0]] = self._texts.get(key[0], 0) + version.size
            self._turn = max(self._turn, version.listed, version.trusted)


def _pinned(kind: Kind, fresh: Sequence[Definition]) -> Finding:
    """The first listing of a server, and what in it is worth a person's look."""
    steering = {one.name: [_said(one) for one in said] for one in fresh if (said := changes.steering(one))}
    detail: dict[str, object] = {"kind": kind.value, "count": len(fresh)}
    if steering:
        detail["steering"] = dict(list(steering.items())[:NOTES_MAX])
    return Finding("definitions.pinned", "", None, detail)


def _said(reason: Reason) -> str:
    """A reason for the log, which people read."""
    return f"{reason.of.word}: {reason.text}" + (f" ({reason.quote!r})" if reason.quote else "")


def _id(pin: Pin) -> PinId:
    return (pin.digest, pin.second)


_NOTHING: dict[tuple[Kind, str], PinId] = {}
_NO_TOOL = definition.unread(Kind.TOOL, "", "its name is too long")
