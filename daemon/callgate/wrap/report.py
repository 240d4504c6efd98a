"""Pure: what was done to which entry of which file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callgate.model.inventory import ConfigFile
from callgate.wrap.plan import FilePlan, Left, Plan
from callgate.wrap.record import digest


class Did(StrEnum):
    """What became of an entry."""

    WRAPPED = "wrapped"
    UNWRAPPED = "unwrapped"
    LEFT = "left"
    """Nothing was to be done, or it must not be done: the reason says which."""
    REPAIRED = "repaired"
    """Its launcher was not as we had left it (an upgrade, or someone changed or removed it)."""
    HOOKED = "hooked"
    """An agent's hooks were put into this file."""
    UNHOOKED = "unhooked"
    FAILED = "failed"
    """It should have been done; the file is as it was."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry, and what became of it."""

    file: str
    agent: str
    entry: str
    done: Did
    why: str = ""
    """A sentence; empty where there is nothing more to say."""
    code: str = ""
    """For programs, where `done` is "left": a value of plan.Why."""
    before: str = ""
    """Digest of the file before; empty if it was not changed."""
    after: str = ""
    launcher: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run did, entry by entry."""

    items: tuple[Item, ...] = ()

    @property
    def changed(self) -> bool:
        """Was any file or launcher written?"""
        return any(item.before != item.after or item.done is Did.REPAIRED for item in self.items)

    def of(self, done: Did) -> tuple[Item, ...]:
        """The items with this outcome."""
        return tuple(item for item in self.items if item.done is done)


def wrapped(plan: FilePlan) -> list[Item]:
    """The entries of a file plan, carried out."""
    before, after = digest(plan.before), digest(plan.after)
    return [
        Item(w.entry.file.path, w.entry.agent, w.entry.name, Did.WRAPPED, w.note, "", before, after, w.launcher)
        for w in plan.wrappings
    ]


def shadowed(plan: Plan) -> list[Item]:
    """The copies of a plan, carried out."""
    return [
        Item(each.file.path, each.entry.agent, each.entry.name, done, each.note, launcher=each.launcher)
        for each in plan.shadows
        for done in [Did.UNWRAPPED if each.value is None else Did.WRAPPED]
    ]


def left(one: Left) -> Item:
    """An entry that was left."""
    return Item(one.entry.file.path, one.entry.agent, one.entry.name, Did.LEFT, one.reason, one.why)


def failed(file: ConfigFile, name: str, problem: object) -> Item:
    """An entry whose file could not be changed."""
    return Item(file.path, file.agent, name, Did.FAILED, str(problem))


def report_json(report: Report, agent: str | None = None) -> dict[str, Any]:
    """A report (of one agent) as the local API gives it."""
    return {
        "items": [
            {"file": item.file, "agent": item.agent, "entry": item.entry, "done": item.done.value, "why": item.why}
            for item in report.items
            if agent in (None, item.agent)
        ]
    }
