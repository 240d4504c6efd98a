"""Which agents reach their models through us: turns the knobs in their files, remembers how, and turns them back.

One record a file, written and synced before the file is changed. A file that nobody else has changed since gets its
bytes back; in one that somebody has, only our addresses are taken out.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgate.agents.adapter import Agent, knob_files
from callgate.agents.formats.document import Document, edit
from callgate.agents.formats.values import value_at
from callgate.agents.knob import Knob, Turned, turn, turn_back, turnable
from callgate.model.errors import CallgateError
from callgate.model.inventory import Format, Skipped, Surroundings
from callgate.system.files import locked, read_capped, replace_file, sync_folder

FILE_MAX = 8 * 1024 * 1024
"""Bytes of an agent's file that is looked at."""
RECORD_MAX = 16 * 1024 * 1024
"""Bytes of one of our records: it holds the file's original bytes."""
TOKEN_BYTES = 24
_EMPTY = {Format.JSON: b"{}\n", Format.JSONC: b"{}\n"}


@dataclass(frozen=True, slots=True)
class Line:
    """One setting of one agent that leads through us."""

    agent: str
    path: str
    turned: Turned
    token: str
    address: str
    """Ours, as it stands in the file."""


@dataclass(frozen=True, slots=True)
class _Record:
    path: str
    format: Format
    created: bool
    original: bytes
    after: str
    """SHA-256 of the file as we left it."""
    lines: tuple[Line, ...]


class Routing:
    """The records of one state folder. One process at a time: the daemon's lock sees to it."""

    def __init__(self, folder: Path, around: Surroundings, own_port: int) -> None:
        self._folder = folder
        self._around = around
        self._own_port = own_port

    def lines(self) -> tuple[list[Line], list[Skipped]]:
        """All that leads through us, and records that cannot be read."""
        found: list[Line] = []
        skipped: list[Skipped] = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found += _read(path).lines
            except (CallgateError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                skipped.append(Skipped(str(path), f"this record of a model's address cannot be read ({error})"))
        return found, skipped

    def standing(self) -> list[tuple[Line, object]]:
        """Each setting that leads through us, and what stands there now: our address, or whatever came in its place."""
        found: list[tuple[Line, object]] = []
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(CallgateError, OSError, ValueError, KeyError, TypeError, RecursionError):
                record = _read(path)
                value: object = None
                with contextlib.suppress(CallgateError, OSError):
                    value = Document(read_capped(Path(record.path), FILE_MAX), record.format).value
                found += [(line, value_at(value, line.turned.at)) for line in record.lines]
        return found

    def route(self, agents: Iterable[Agent], address: Callable[[str], str]) -> tuple[list[Line], list[Skipped]]:
        """Turn the knobs of these agents to `address(token)`; what leads through us already stays. Returns what was
        turned now, and what could not be.
        """
        done: list[Line] = []
        skipped: list[Skipped] = []
        with self._alone():
            for agent in agents:
                for knob in agent.knobs:
                    for path in knob_files(knob, self._around):
                        try:
                            done += self._turn(agent, knob, self._target(Path(path)), address)
                        except (CallgateError, OSError) as error:
                            skipped.append(Skipped(path, f"the model's address cannot be changed ({error})"))
        return done, skipped

    def unroute(self, agent: str | None = None) -> tuple[list[Line], list[Skipped]]:
        """Turn everything (of one agent) back. Returns what was turned back, and what could not be."""
        done: list[Line] = []
        skipped: list[Skipped] = []
        with self._alone():
            for path in sorted(self._folder.glob("*.json")):
                try:
                    record = _read(path)
                    if agent is None or any(line.agent == agent for line in record.lines):
                        _put_back(record)
                        path.unlink()
                        done += record.lines
                except (CallgateError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                    skipped.append(Skipped(str(path), f"the model's address cannot be put back ({error})"))
            sync_folder(self._folder)
        return done, skipped

    def _turn(self, agent: Agent, knob: Knob, path: Path, address: Callable[[str], str]) -> list[Line]:
        record = self._folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:24]}.json"
        before = self._content(knob, path)
        if before is None:
            return []
        turned = turnable(Document(before, knob.format), knob, self._own_port)
        if not turned:
            return []
        if record.exists():  # somebody put an address of his own in its place: that one is the original now
            _put_back(_read(record))
            record.unlink()
            before = self._content(knob, path)
            turned = turnable(Document(before or b"", knob.format), knob, self._own_port)
        assert before is not None, "a file that was there is there"
        lines = []
        for each in turned:
            token = secrets.token_urlsafe(TOKEN_BYTES)
            lines.append(Line(agent.id, str(path), each, token, address(token)))
        after = edit(before, knob.format, [one for line in lines for one in turn(line.turned, line.address)])
        there = path.exists()
        made = _Record(str(path), knob.format, not there, before, hashlib.sha256(after).hexdigest(), tuple(lines))
        replace_file(record, json.dumps(_plain(made)).encode())
        try:
            replace_file(path, after, mode=None if there else 0o600, expected=before if there else None)
        except BaseException:
            record.unlink(missing_ok=True)
            raise
        return lines

    def _target(self, path: Path) -> Path:
        """Where links lead: they stay, and only their target is replaced. Raises CallgateError where it is not ours."""
        target, home = path.resolve(), Path(self._around.home).resolve()
        if path.is_symlink() and not target.is_relative_to(home):
            raise CallgateError(str(path), f"is a link that leads outside of the home, to {target}", "edit it by hand")
        return target

    def _content(self, knob: Knob, path: Path) -> bytes | None:
        """The file's bytes; what a new one would begin with, where the agent means an address that stands nowhere."""
        try:
            return read_capped(path, FILE_MAX)
        except FileNotFoundError:
            return _EMPTY.get(knob.format, b"") if knob.default and path.parent.is_dir() else None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with locked(self._folder / "lock"):
                yield
        except BlockingIOError as error:
            raise CallgateError("the models' addresses", "are being changed by another process", "try again") from error


def _put_back(record: _Record) -> None:
    """Give the file back. Does nothing where nothing of ours is in it any more."""
    path = Path(record.path)
    try:
        now = read_capped(path, FILE_MAX)
    except FileNotFoundError:
        return
    if hashlib.sha256(now).hexdigest() == record.after:
        if record.created:
            path.unlink()
        else:
            replace_file(path, record.original, expected=now)
        return
    data = now
    for line in record.lines:
        if edits := turn_back(Document(data, record.format), line.turned, line.address):
            data = edit(data, record.format, edits)
    if data != now:
        replace_file(path, data, expected=now)


def _plain(record: _Record) -> dict[str, Any]:
    return {
        "path": record.path,
        "format": record.format.value,
        "created": record.created,
        "original": base64.b64encode(record.original).decode(),
        "after": record.after,
        "lines": [
            {
                "agent": line.agent,
                "at": list(line.turned.at),
                "upstream": line.turned.upstream,
                "present": line.turned.present,
                "parent": line.turned.parent,
                "token": line.token,
                "address": line.address,
            }
            for line in record.lines
        ],
    }


def _read(path: Path) -> _Record:
    said = json.loads(read_capped(path, RECORD_MAX))
    lines = tuple(
        Line(
            str(one["agent"]),
            str(said["path"]),
            Turned(tuple(one["at"]), str(one["upstream"]), one["present"] is True, one["parent"] is True),
            str(one["token"]),
            str(one["address"]),
        )
        for one in said["lines"]
    )
    original = base64.b64decode(said["original"], validate=True)
    return _Record(
        str(said["path"]), Format(said["format"]), said["created"] is True, original, str(said["after"]), lines
    )
