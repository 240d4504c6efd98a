"""Install the agents' hooks, keep them there, and take them out again: the shell of `hookplan`.

Order: client and launcher first, the agent's file last; the other way round on removal. Trouble with one agent is an
item of the report and never stops the others.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from callgate.agents import ALL
from callgate.agents.adapter import fill
from callgate.agents.hooking import Hooks, Layout, Phase, Spot
from callgate.model.errors import CallgateError, FileChangedError
from callgate.model.inventory import ConfigFile, Format, Scope, Surroundings
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders
from callgate.wrap import hookplan
from callgate.wrap.hookjournal import HookJournal, HookRecord
from callgate.wrap.hooklauncher import retire_launcher, write_hook_launcher
from callgate.wrap.hookscript import event_text
from callgate.wrap.launcher import hooks_folder
from callgate.wrap.look import in_use, look
from callgate.wrap.record import digest
from callgate.wrap.report import Did, Item
from callgate.wrap.rewrite import PAUSE, TRIES

NAME = "hooks"
"""What a report calls the hooks of an agent where an entry's name would stand."""
FILE_MAX = 8 * 1024 * 1024
"""Bytes of an agent's settings file."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file that is to hold hooks of an agent."""

    agent: str
    path: str
    hooks: Hooks
    spot: Spot
    launcher: str
    data: bytes | None = None
    """The whole file, where it is ours."""
    mode: int = 0o600


class Hooker:
    """The hooks of one person's agents. The caller holds the journal's lock while it changes something."""

    def __init__(self, folders: Folders, around: Surroundings) -> None:
        self._folders = folders
        self._around = around
        self._home = Path(around.home)
        self._journal = HookJournal(folders.journal / "hooks")

    def install(self, agents: Sequence[str], *, managed: bool = False) -> list[Item]:
        """Bring the hooks of these agents to where they are to be. What is right already is no item."""
        items: list[Item] = []
        for agent in agents:
            try:
                targets = list(self._targets(agent, managed))
                if targets:
                    write_hook_launcher(self._folders, agent, targets[0].hooks)
                for target in targets:
                    items += self._install(target)
            except (CallgateError, OSError) as error:
                items.append(Item("", agent, NAME, Did.FAILED, str(error), NAME))
        return items

    def remove(self, agent: str | None = None, *, whole: bool = False) -> list[Item]:
        """Take the hooks (of one agent) out again, to the byte where nobody else changed the file. `whole` means
        those in other homes too.
        """
        items: list[Item] = []
        ours = self._ours(agent, whole)
        for record in ours:
            items += self._remove(record)
        made = {folder for record in ours for folder in record.made}
        for folder in sorted(made, key=len, reverse=True):
            with contextlib.suppress(OSError):  # somebody else has put something into it
                Path(folder).rmdir()
        gone = {record.agent for record in ours}
        left = {record.agent for record in self._journal.records()}
        for name in gone - left:
            retire_launcher(self._folders, name, next(each.hooks for each in ALL if each.id == name))
        return items

    def preview(self, agents: Sequence[str], *, managed: bool = False) -> list[Item]:
        """What `install` would do, as far as can be said without doing it."""
        would = {"absent": Did.HOOKED, "left": Did.LEFT}
        states = self.states(agents, managed=managed)
        return [
            Item(one["file"], one["agent"], NAME, would[one["state"]], one["why"] or one["trust"])
            for one in states
            if one["state"] in would
        ]

    def preview_removal(self, agent: str | None = None, *, whole: bool = False) -> list[Item]:
        """What `remove` would take hooks out of."""
        return [Item(record.target, record.agent, NAME, Did.UNHOOKED) for record in self._ours(agent, whole)]

    def _ours(self, agent: str | None, whole: bool) -> list[HookRecord]:
        records = self._journal.records()
        return [one for one in records if agent in (None, one.agent) and (whole or self._at_home(one))]

    def _at_home(self, record: HookRecord) -> bool:
        """Is it a file of this home, or one of no home (an administrator's)?"""
        path = Path(record.target)
        return path.is_relative_to(self._home.resolve()) or path.parts[:2] == ("/", "etc")

    def refresh(self, agents: Sequence[str]) -> list[Item]:
        """Bring the launchers of installed hooks up to date. What cannot be written is an item."""
        items = []
        there = {record.agent for record in self._journal.records()}
        for agent in ALL:
            if agent.hooks is None or agent.id not in there or agent.id not in agents:
                continue
            try:
                write_hook_launcher(self._folders, agent.id, agent.hooks)
            except CallgateError as error:
                items.append(Item("", agent.id, NAME, Did.FAILED, str(error), NAME))
        return items

    def states(self, agents: Sequence[str], *, managed: bool = False) -> list[dict[str, str]]:
        """Per agent with hooks: `installed`, `absent` or `left`, where, and what the user should know."""
        found = []
        for agent in agents:
            for target in self._targets(agent, managed):
                state, why = self._state(target)
                hooks = target.hooks
                note = " ".join(each for each in (target.spot.trust, hooks.note) if each)
                found.append(
                    {
                        "agent": agent,
                        "file": target.path,
                        "state": state,
                        "why": why,
                        "fails": hooks.fails,
                        "note": note,
                        "trust": target.spot.trust,
                    }
                )
        return found

    def files(self, agents: Sequence[str], *, managed: bool = False) -> list[str]:
        """The files that hold, or are to hold, hooks."""
        return [target.path for agent in agents for target in self._targets(agent, managed)]

    def missing(self, agents: Sequence[str], *, managed: bool = False) -> list[str]:
        """The agents whose hooks are not as they are to be, though nothing forbids it."""
        states = self.states(agents, managed=managed)
        return list(dict.fromkeys(each["agent"] for each in states if each["state"] == "absent"))

    def _targets(self, agent: str, managed: bool) -> Iterator[Target]:
        hooks = next((each.hooks for each in ALL if each.id == agent), None)
        if hooks is None:
            return
        spot = hooks.managed if managed and hooks.managed is not None and os.geteuid() == 0 else hooks.spot
        path = fill(spot.path, self._around)
        if path is None:
            return
        launcher = str(self._folders.data / "hooks" / agent)
        if spot.layout is Layout.SCRIPTS:
            for event, phase in hooks.events.items():
                data = event_text(launcher, event, "ask" if phase is Phase.ASK else "tell")
                yield Target(agent, f"{path}/{event}", hooks, spot, launcher, data, 0o755)
        elif spot.layout is Layout.PLUGIN:
            source = read_capped(hooks_folder() / "plugin.js", FILE_MAX)
            yield Target(agent, path, hooks, spot, launcher, source.replace(b"@LAUNCHER@", os.fsencode(launcher)))
        elif spot.own:
            want = hookplan.wanted(hooks, spot, launcher)
            mode = 0o644 if spot is hooks.managed else 0o600
            yield Target(agent, path, hooks, spot, launcher, hookplan.fresh(want), mode)
        else:
            yield Target(agent, path, hooks, spot, launcher)

    def _state(self, target: Target) -> tuple[str, str]:
        data, obstacle = self._look(target)
        if data is not None and self._right(target, data):
            return "installed", ""
        return ("left", obstacle) if obstacle else ("absent", "")

    def _right(self, target: Target, data: bytes) -> bool:
        if target.data is not None:
            return data == target.data
        return hookplan.holds(data, target.spot.format, hookplan.wanted(target.hooks, target.spot, target.launcher))

    def _look(self, target: Target) -> tuple[bytes | None, str]:
        """The file's bytes (None: there is none), and why it must not be written."""
        path = Path(target.path)
        hiding = fill(target.spot.hidden_by, self._around) if target.spot.hidden_by else None
        if hiding is not None and os.path.lexists(hiding):
            return None, f"the agent reads its hooks from {hiding} instead: put them there by hand"
        if not path.is_symlink() and not path.exists():
            return None, "" if self._may_make(path) else f"{path.parent} cannot be written"
        seen = look(ConfigFile(target.agent, Scope.USER, target.path, target.spot.format, ""), self._home, FILE_MAX)
        if seen.obstacle is not None and target.spot is not target.hooks.managed:
            return seen.data or None, seen.obstacle[1]
        data = seen.data or read_capped(path, FILE_MAX)
        if target.data is not None and target.launcher.encode() not in data and data != target.data:
            return data, "a file of that name is there already, and not ours"
        return data, ""

    @staticmethod
    def _may_make(path: Path) -> bool:
        folder = next(each for each in path.parents if each.exists())
        return folder.is_dir() and os.access(folder, os.W_OK)

    def _install(self, target: Target) -> list[Item]:
        problem = ""
        for _ in range(TRIES):
            before, obstacle = self._look(target)
            if before is not None and self._right(target, before):
                return []
            if obstacle:
                return [Item(target.path, target.agent, NAME, Did.LEFT, obstacle)]
            if lock := in_use(Path(target.path)):
                problem = f"another program is writing it ({lock})"
            else:
                try:
                    return [self._write(target, before)]
                except FileChangedError as error:
                    problem = str(error)
                except (CallgateError, OSError) as error:
                    return [Item(target.path, target.agent, NAME, Did.FAILED, str(error), NAME)]
            time.sleep(PAUSE)
        return [Item(target.path, target.agent, NAME, Did.LEFT, problem)]

    def _write(self, target: Target, before: bytes | None) -> Item:
        want = hookplan.wanted(target.hooks, target.spot, target.launcher)
        format, path = target.spot.format, Path(target.path)
        real = path.resolve() if before is not None else path
        after = target.data
        if after is None:
            empty = before is None or not before.strip()
            after = hookplan.fresh(want) if empty else hookplan.put_in(before or b"", format, want)
        known = self._journal.record(str(real))
        theirs = before
        if known is not None and before is not None and digest(before) == known.after:
            theirs = self._journal.original(known) if known.before else None  # ours, brought up to date
        had = hookplan.events_in(theirs, format) if theirs is not None and not target.spot.own else ()
        if theirs is not None and not target.spot.own and hookplan.ours_in(theirs, format, target.launcher):
            had = known.had if known is not None else ()
            theirs = hookplan.take_out(theirs, format, target.launcher, had)
        made = tuple(map(str, _folders_to_make(path))) or (known.made if known is not None else ())
        digests = digest(theirs) if theirs is not None else "", digest(after)
        own = target.data is not None
        record = HookRecord(target.agent, str(real), format.value, own, *digests, had, made)
        self._journal.begin(record, theirs)
        path.parent.mkdir(mode=0o755 if target.mode == 0o644 else 0o700, parents=True, exist_ok=True)
        replace_file(real, after, mode=target.mode, expected=before)
        if read_capped(real, FILE_MAX) != after:
            raise FileChangedError(target.path, "was changed by another program just now", "try again")
        if target.mode == 0o755:
            real.chmod(0o755)
        return Item(target.path, target.agent, NAME, Did.HOOKED, target.spot.trust, "", *digests, target.launcher)

    def _remove(self, record: HookRecord) -> list[Item]:
        path, problem = Path(record.target), ""
        for _ in range(TRIES):
            try:
                return [self._take_out(record, path)]
            except FileChangedError as error:
                problem = str(error)
            except (CallgateError, OSError) as error:
                return [Item(record.target, record.agent, NAME, Did.FAILED, str(error), NAME)]
            time.sleep(PAUSE)
        return [Item(record.target, record.agent, NAME, Did.FAILED, problem, NAME)]

    def _take_out(self, record: HookRecord, path: Path) -> Item:
        mark = str(self._folders.data / "hooks" / record.agent)
        why = ""
        try:
            data = read_capped(path, FILE_MAX)
        except FileNotFoundError:
            self._journal.forget(record.target)
            return Item(record.target, record.agent, NAME, Did.UNHOOKED, "the file is gone: nothing to do")
        original = self._journal.original(record) if record.before else None
        after: bytes | None = data
        if digest(data) == record.after and (original is not None or not record.before):
            after = original
        elif record.own:
            after = None if mark.encode() in data else data
        else:
            after, why = self._cut(data, record, mark), "changed since: only our hooks were taken out"
        if after is None:
            path.unlink()
        elif after != data:
            replace_file(path, after, expected=data)
        self._journal.forget(record.target)
        digests = digest(data), digest(after) if after is not None else ""
        return Item(record.target, record.agent, NAME, Did.UNHOOKED, why, "", *digests)

    @staticmethod
    def _cut(data: bytes, record: HookRecord, mark: str) -> bytes | None:
        after = hookplan.take_out(data, Format(record.format), mark, record.had)
        return None if not record.before and after.strip() in (b"{}", b"") else after


def _folders_to_make(path: Path) -> list[Path]:
    return [folder for folder in path.parents if not folder.exists()]
