"""Where a sink stands in the log, and what it could not be given: two small files that outlive any crash."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.system.files import read_capped, replace_file

PLACE_MAX = 4096
"""Bytes of a place's file."""
ASIDE_MAX = 1000
"""Events that one sink sets aside. Then it stops and says so: a receiver that refuses so much is set up wrongly."""
ASIDE_BYTES = ASIDE_MAX * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """The last row that a sink is done with, and what it did so far."""

    seq: int = 0
    hash: str = ""
    """Hex hash of that row: it tells whether the log is still the same one."""
    sent: int = 0
    """Events that the receiver took, repeats included."""
    aside: int = 0
    """Events that it refused."""
    lost: int = 0
    """Rows that were removed from the log before it got them."""


@dataclass(frozen=True, slots=True)
class Aside:
    """One event that a receiver refused."""

    seq: int
    uid: str
    kind: str
    reason: str
    time: int
    """When, in nanoseconds."""


class Book:
    """The files of one sink in `folder`. One process writes them."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._path = folder / f"{name}.json"
        self._aside_path = folder / f"{name}.aside.json"

    def load(self) -> tuple[Place, str]:
        """The place, and what was wrong with its file: then it begins anew, for twice is better than never."""
        try:
            said = json.loads(read_capped(self._path, PLACE_MAX))
            values = {one.name: said[one.name] for one in fields(Place)}
            if any(type(value) is not type(getattr(Place(), name)) for name, value in values.items()):
                raise ValueError("a field has the wrong type")
            if min(values["seq"], values["sent"], values["aside"], values["lost"]) < 0:
                raise ValueError("a number is negative")
            return Place(**values), ""
        except FileNotFoundError:
            return Place(), ""
        except (CallgateError, ValueError, KeyError, TypeError, RecursionError) as error:
            return Place(), f"{self._path} made no sense ({error}), so all of the log is sent again"

    def save(self, place: Place) -> None:
        """Raises OSError; the old place stands then."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace_file(self._path, json.dumps(asdict(place)).encode("ascii") + b"\n")

    def aside(self) -> list[Aside]:
        """What was set aside, oldest first. A file that makes no sense is an empty one."""
        with contextlib.suppress(FileNotFoundError, CallgateError, ValueError, TypeError, RecursionError):
            return [Aside(**one) for one in json.loads(read_capped(self._aside_path, 4 * ASIDE_BYTES))]
        return []

    def set_aside(self, found: list[Aside]) -> None:
        """Note events that were refused, each once, at most ASIDE_MAX. Raises OSError."""
        known = {one.uid: one for one in [*self.aside(), *found]}
        kept = sorted(known.values(), key=lambda one: one.seq)[:ASIDE_MAX]
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace_file(self._aside_path, json.dumps([asdict(one) for one in kept]).encode("ascii") + b"\n")

    def forget_aside(self, after: int) -> None:
        """They are about to be sent again. Raises OSError."""
        if kept := self.aside():
            left = [one for one in kept if one.seq <= after]
            replace_file(self._aside_path, json.dumps([asdict(one) for one in left]).encode("ascii") + b"\n")
