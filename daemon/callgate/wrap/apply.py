"""Wrap and unwrap the entries of one home: the public surface of this package.

Order: shim, settings and launcher first, the config last; the other way round when unwrapping. Trouble with one file is
an item of the report and never stops the others. One process at a time: others wait for the journal's lock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from callgate.model.errors import CallgateError, FileChangedError, WrapError
from callgate.model.inventory import ConfigFile, Entry, Inventory, Surroundings
from callgate.model.route import Route
from callgate.settings import Settings
from callgate.system.files import locked, remove_leftovers
from callgate.system.paths import Folders
from callgate.wrap import report
from callgate.wrap.addresses import Addresses, credentials, is_address, token_of
from callgate.wrap.journal import Journal
from callgate.wrap.launcher import install_shim, refresh_launcher, shim_build, write_conf
from callgate.wrap.look import in_use, look
from callgate.wrap.plan import FilePlan, Known, Left, Plan, Seen, Why, Wrapping, plan, plan_file
from callgate.wrap.record import Owned, Record, owned_in
from callgate.wrap.report import Did, Item, Report
from callgate.wrap.rewrite import PAUSE, TRIES, recover, rewrite
from callgate.wrap.routes import Routes
from callgate.wrap.shadower import apply_shadows, plan_shadows
from callgate.wrap.undo import still_there
from callgate.wrap.unwrap import Unwrapper

__all__ = ["Report", "Wrapper"]

LOCK_WAIT = 20.0
"""Seconds to wait for another Callgate process that is wrapping or unwrapping."""


class Wrapper:
    """Wraps the entries of one person's files, and can take it all back."""

    def __init__(
        self, folders: Folders, settings: Settings, around: Surroundings, addresses: Callable[[], Addresses | None]
    ) -> None:
        """`addresses` gives those for entries of remote servers, None while these are left alone."""
        self.settings = settings
        self._addresses = addresses
        self.routes = Routes(folders.routes)
        """Where our addresses lead."""
        self._folders = folders
        self._around = around
        self._home = Path(around.home)
        self._journal = Journal(folders.journal)

    def owned(self) -> tuple[Owned, ...]:
        """The entries that we wrapped and have not unwrapped, whatever others did to them since."""
        return tuple(entry for _, entry in owned_in(self._journal.records()[0]))

    def plan(self, inventory: Inventory) -> Plan:
        """What wrapping these entries would do, and why each other one is left. Changes nothing."""
        files = {entry.file.path: entry.file for entry in inventory.entries}
        seen = {path: self._look(file) for path, file in files.items()}
        records, _ = self._journal.records()
        made = plan(inventory.entries, seen, self._known(records))
        owned = [entry for _, entry in owned_in(records)]
        shadows, left = plan_shadows(
            inventory, made.left, owned, self._around, self._look, str(self._folders.launchers)
        )
        return Plan(made.files, tuple(left), tuple(shadows))

    def preview(self, plan: Plan) -> Report:
        """What `wrap` would report if it met no trouble. Changes nothing."""
        return Report(
            (
                *(item for file in plan.files for item in report.wrapped(file)),
                *report.shadowed(plan),
                *map(report.left, plan.left),
            )
        )

    def install(self) -> str:
        """Bring the shim's copy, its settings and all launchers up to date; the shim's build id. Raises WrapError."""
        with self.alone():
            self._repaired()
        return shim_build()

    def wrap(self, plan: Plan, entries: Collection[Entry] | None = None) -> Report:
        """Carry out a plan (of these entries only, if given). What changed since it was made is planned anew.

        Raises WrapError, before any file of the user is touched, if our own folders cannot be written.
        """
        items = [report.left(each) for each in plan.left]
        with self.alone():
            items += self._repaired()
            for file in plan.files:
                wanted = [w.entry for w in file.wrappings if entries is None or w.entry in entries]
                if wanted:
                    items += self._wrap_file(file, wanted)
            shadows = [s for s in plan.shadows if entries is None or s.value is None or s.entry in entries]
            items += apply_shadows(self._journal, shadows, self._look, self._launch)
        return Report(tuple(items))

    def unwrap(self, agent: str | None = None, entries: Collection[Entry] = (), *, whole: bool = True) -> Report:
        """Put the original text back (of one agent's entries), byte for byte where nobody else changed the file.

        `entries`, from a fresh inventory, lets us also find copies of wrapped entries that someone made elsewhere.
        `whole` means every file that we wrapped, in whichever home; without it, those in this home or in `entries`.
        """
        with self.alone():
            return self._unwrapper(entries, whole).unwrap(agent, entries)

    def preview_unwrap(
        self, agent: str | None = None, entries: Collection[Entry] = (), *, whole: bool = True
    ) -> Report:
        """What `unwrap` would report if it met no trouble. Changes nothing."""
        return self._unwrapper(entries, whole).preview(agent, entries)

    def release(self, launchers: Collection[str]) -> Report:
        """Put the original text of just these entries back."""
        with self.alone():
            return self._unwrapper((), True).release(launchers)

    def recover(self) -> Report:
        """Finish or forget what a crash left half done. To be called before anything else; cheap if nothing is."""
        items = []
        with self.alone():
            for record in self._journal.records()[0]:
                if record.pending is not None:
                    items += self._recover(record)
            self._journal.sweep()
            for folder in self._folders.launchers.glob("*/"):
                remove_leftovers(folder)
        return Report(tuple(items))

    def _unwrapper(self, entries: Collection[Entry], whole: bool) -> Unwrapper:
        home = self._home.resolve()
        named = {self._look(entry.file).target for entry in entries}

        def within(target: str) -> bool:
            return whole or target in named or Path(target).is_relative_to(home)

        return Unwrapper(self._journal, self._folders.launchers, self._look, within, self.routes.drop)

    def _look(self, file: ConfigFile) -> Seen:
        return look(file, self._home, self.settings.scan.file_max)

    def _known(self, records: list[Record]) -> Known:
        owned = list(owned_in(records))
        return Known(
            str(self._folders.launchers),
            frozenset(entry.launcher for _, entry in owned),
            frozenset((record.target, entry.at) for record, entry in owned),
            self._addresses(),
        )

    def _repaired(self) -> list[Item]:
        """Bring all that agents start up to date; an item for each launcher that was not as we left it."""
        write_conf(self._folders, self.settings, install_shim(self._folders))
        why = "its launcher was missing or not ours any more, and is written anew"
        return [
            Item(each.file.path, each.file.agent, each.name, Did.REPAIRED, why, launcher=each.launcher)
            for each in self.owned()
            if not is_address(each.launcher) and self._launch(each)
        ]

    def _launch(self, entry: Owned) -> bool:
        return refresh_launcher(self._folders, Path(entry.launcher), entry.file.agent, entry.name)

    def _wrap_file(self, planned: FilePlan, entries: list[Entry]) -> list[Item]:
        problem = ""
        for _ in range(TRIES):
            seen = self._look(planned.file)
            if seen.obstacle is not None:
                return [report.left(Left(entry, *seen.obstacle)) for entry in entries]
            if lock := in_use(Path(seen.target)):
                problem = f"another program is writing it ({lock})"
            else:
                try:
                    return self._wrap_now(planned, seen, entries)
                except FileChangedError as error:
                    problem = str(error)
                except (CallgateError, OSError) as error:
                    return [report.failed(entry.file, entry.name, error) for entry in entries]
            time.sleep(PAUSE)
        return [report.left(Left(entry, Why.BUSY, problem)) for entry in entries]

    def _wrap_now(self, planned: FilePlan, seen: Seen, entries: list[Entry]) -> list[Item]:
        target = Path(seen.target)
        record = self._journal.record(seen.target)
        if record is not None:
            record = recover(self._journal, record)
        fresh: FilePlan | None = planned
        left: list[Left] = []
        if (planned.target, planned.before) != (seen.target, seen.data) or len(entries) != len(planned.wrappings):
            fresh, left = plan_file(entries, seen, self._known(self._journal.records()[0]))
        items = [report.left(each) for each in left]
        if fresh is None:
            return items
        mine = tuple(_owned(wrapping) for wrapping in fresh.wrappings)
        for each, wrapping in zip(mine, fresh.wrappings, strict=True):
            if is_address(each.launcher):
                self.routes.put(_route(wrapping))
            else:
                self._launch(each)
        there = still_there(seen.data, record.entries) if record else set()
        launchers = {each.launcher for each in mine}
        kept = tuple(e for e in record.entries if e.launcher in there - launchers) if record else ()
        rewrite(self._journal, record if there else None, target, (seen.data, fresh.after), (*kept, *mine))
        return [*report.wrapped(fresh), *items]

    def _recover(self, record: Record) -> list[Item]:
        try:
            after = recover(self._journal, record)
        except (CallgateError, OSError) as error:
            return [report.failed(e.file, e.name, f"a crash left it half done: {error}") for e in record.entries]
        was = {each.launcher: each for each in record.entries}
        now = {each.launcher: each for each in (after.entries if after else ())}
        return [
            Item(one.file.path, one.file.agent, one.name, done, "finished after a crash", launcher=one.launcher)
            for done, some, others in ((Did.WRAPPED, now, was), (Did.UNWRAPPED, was, now))
            for one in some.values()
            if one.launcher not in others
        ]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the journal's lock. Raises WrapError if another process does not let go of it."""
        path = self._folders.journal / "lock"
        end = time.monotonic() + LOCK_WAIT
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(locked(path))
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        problem = "is held by another Callgate process that wraps or unwraps"
                        raise WrapError(str(path), problem, "wait for it, then try again") from None
                    time.sleep(PAUSE)
                except OSError as error:
                    raise WrapError(str(path), f"cannot be locked ({error})", "check its folder's rights") from error
            yield


def _owned(wrapping: Wrapping) -> Owned:
    entry, now = wrapping.entry, time.time_ns()
    argv = wrapping.raw.argv or (wrapping.raw.url or "",)
    return Owned(entry.file, entry.name, entry.at, wrapping.launcher, argv, wrapping.undo, now, entry.project)


def _route(wrapping: Wrapping) -> Route:
    entry, raw = wrapping.entry, wrapping.raw
    return Route(token_of(wrapping.launcher), entry.agent, entry.name, raw.url or "", credentials(raw))
