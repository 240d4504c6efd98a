"""Keep this machine's rules those of its registry: look, verify, compile, and only then hand over what to enforce.

Nothing that a registry does can take the rules away that are in force: what cannot be had or believed leaves them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from callgate.model.errors import CallgateError, RegistryError
from callgate.registry import activation, freshness
from callgate.registry.activation import InForce
from callgate.registry.cache import Cache, Good
from callgate.registry.freshness import Freshness
from callgate.registry.places import Place, PlaceError
from callgate.system.files import read_capped

log = logging.getLogger(__name__)

ROOT_MAX = 512 * 1024
"""Bytes of a root.json."""
TAGGED_LOOKS = 12
"""Looks in a row that trust the server's tag (ETag); the next one compares bytes: a tag of seconds can lie."""


class Outcome(StrEnum):
    """What one poll led to."""

    UNCHANGED = "unchanged"
    UPDATED = "updated"
    REFUSED = "refused"
    """What is handed out cannot be believed or used."""
    AWAY = "away"
    """Nothing could be fetched."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which registry this machine follows."""

    place: Place
    root: Path
    """The trusted root.json."""
    channel: str
    local: bool = False
    """Signed by this machine itself: how old it is means nothing."""

    @property
    def canary(self) -> bool:
        """Is this machine in the canary ring?"""
        return self.channel == "canary"


class Sync:
    """One registry's rules on this machine. `load` once, then `poll` again and again, all on one thread at a time.

    `activate` puts rules in force and returns when they are; `now` is the wall clock in seconds.
    """

    def __init__(
        self, source: Source, cache: Cache, activate: Callable[[InForce], None], now: Callable[[], float]
    ) -> None:
        self.source = source
        self.good: Good | None = None
        self.in_force: InForce | None = None
        self.error: CallgateError | None = None
        """Why the last poll failed."""
        self.refused = False
        """The last poll was refused, not merely without a network."""
        self.proven = 0.0
        self.polled = 0.0
        self._cache = cache
        self._activate = activate
        self._now = now
        self._bad: tuple[str, CallgateError] | None = None
        self._tagged = 0
        self._tag = ""

    def tidy(self) -> None:
        """Remove what a killed process left half written. Only for whoever polls."""
        self._cache.tidy()

    def load(self) -> bool:
        """Put the last good rules in force, without a network. False if there are none of this registry; why they
        cannot be used, if they cannot, is in `error`.
        """
        try:
            kept = self._cache.load()
            if kept is None or not self._is_ours(kept[0]):
                return False
            good, files = kept
            in_force = activation.compiled(files, good.place, signed_at=good.signed_at)
            self._activate(in_force)
        except CallgateError as error:
            self.error, self.refused = _bare(error), True
            return False
        self.good, self.in_force, self._tag = good, in_force, good.tag
        self.proven = self._cache.proven() or good.verified
        return True

    def poll(self) -> Outcome:
        """Look for news once. Never raises CallgateError: a failure is in `error`, and the rules stay."""
        self.polled = self._now()
        try:
            outcome = self._poll()
        except CallgateError as error:
            self.error, self.refused = _bare(error), not isinstance(error, PlaceError)
            return Outcome.REFUSED if self.refused else Outcome.AWAY
        self.error, self.refused = None, False
        self.proven = self._now()
        if not self.source.local:
            self._cache.prove(self.proven)
        return outcome

    def freshness(self) -> Freshness:
        """How stale the rules in force are by now."""
        if self.source.local or self.in_force is None:
            return Freshness.FRESH
        said = self.in_force.options
        return freshness.judge(self._now(), self.proven, said.soft_stale_hours, said.hard_stale_hours)

    def clock_problem(self) -> str | None:
        """What the signed times say of this machine's clock."""
        if self.good is None or self.source.local:
            return None
        return freshness.clock_problem(self._now(), self.good.signed_at, self.good.expires)

    def _poll(self) -> Outcome:
        good = self.good
        current = good is not None and good.expires > self._now() and self._is_exactly(good)
        tag = self._tag if current and self._tagged < TAGGED_LOOKS else ""
        look = self.source.place.look(tag)
        self._tagged = self._tagged + 1 if tag else 0
        if look.data is None:
            return Outcome.UNCHANGED
        digest = hashlib.sha256(look.data).hexdigest()
        if current and good is not None and digest == good.timestamp and self._same_tag(look.tag):
            self._tag = look.tag
            return Outcome.UNCHANGED
        key = f"{digest} {look.tag}"
        if self._bad is not None and self._bad[0] == key:
            raise self._bad[1]
        try:
            return self._update(digest, look.tag)
        except RegistryError as error:
            self._bad = None if isinstance(error, PlaceError) else (key, error)
            raise

    def _update(self, digest: str, tag: str) -> Outcome:
        from callgate.registry import updating  # late: it costs half a second and 12 MB

        root = self._root()
        found = updating.update(self.source.place, self._cache.tuf, root, canary=self.source.canary)
        now = self._now()
        before = self.good
        good = Good(
            place=self.source.place.name,
            root=hashlib.sha256(root).hexdigest(),
            channel=self.source.channel,
            versions=found.versions,
            expires=found.expires,
            signed_at=found.signed_at,
            adopted=before.adopted if before else now,
            verified=now,
            tag=tag,
            timestamp=digest,
            digests={path: hashlib.sha256(data).hexdigest() for path, data in found.files.items()},
        )
        same = before is not None and self.in_force is not None and before.digests == good.digests
        if not same:
            in_force = activation.compiled(found.files, self.source.place.name, signed_at=found.signed_at)
            self._activate(in_force)
            self.in_force = in_force
        self.good, self._tag = good, tag
        self._cache.save(good, found.files)
        return Outcome.UNCHANGED if same else Outcome.UPDATED

    def _same_tag(self, tag: str) -> bool:
        return self.good is not None and (tag == self.good.tag or not self.source.place.tag_covers_all)

    def _root(self) -> bytes:
        try:
            return read_capped(self.source.root, ROOT_MAX)
        except FileNotFoundError as error:
            raise RegistryError(
                str(self.source.root), "is missing: without a trusted root nothing can be believed", "see registry.root"
            ) from error
        except CallgateError as error:
            raise RegistryError(str(self.source.root), error.problem, "see registry.root") from error

    def _is_ours(self, good: Good) -> bool:
        """Are these rules of the registry that is configured? It may have moved, or its root.json been replaced by a
        newer one; rules of which neither place nor root is ours are another's.
        """
        return good.place == self.source.place.name or good.root == self._root_digest()

    def _is_exactly(self, good: Good) -> bool:
        return (good.place, good.channel) == (self.source.place.name, self.source.channel) and (
            good.root == self._root_digest()
        )

    def _root_digest(self) -> str:
        try:
            return hashlib.sha256(self._root()).hexdigest()
        except RegistryError:
            return ""


def _bare(error: CallgateError) -> CallgateError:
    """The error without what led to it: it is kept, and must not keep connections and documents with it."""
    error.__cause__ = error.__context__ = error.__traceback__ = None
    return error
