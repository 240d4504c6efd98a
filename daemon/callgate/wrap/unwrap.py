"""Take our launchers out of the files that the journal knows, and out of copies that others made of wrapped entries."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from callgate.model.errors import CallgateError, FileChangedError
from callgate.model.inventory import ConfigFile, Entry
from callgate.system.files import replace_file
from callgate.wrap import report
from callgate.wrap.addresses import is_address, token_of
from callgate.wrap.journal import Journal
from callgate.wrap.look import in_use
from callgate.wrap.plan import Seen, Why, is_launcher
from callgate.wrap.record import Owned, Record, digest
from callgate.wrap.report import Did, Item, Report
from callgate.wrap.rewrite import PAUSE, TRIES, recover, rewrite
from callgate.wrap.undo import RESTORED, Undone, undo

FILE_GONE = "the file is gone: nothing to do"


class Unwrapper:
    """One run of unwrapping, of the files for which `within` holds. The caller holds the journal's lock."""

    def __init__(
        self,
        journal: Journal,
        launchers: Path,
        look: Callable[[ConfigFile], Seen],
        within: Callable[[str], bool],
        drop_route: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._launchers = launchers
        self._look = look
        self._within = within
        self._drop_route = drop_route

    def unwrap(self, agent: str | None, entries: Iterable[Entry]) -> Report:
        """See Wrapper.unwrap."""
        records = self._records(agent)
        items = [
            item
            for record in records
            for item in self._file(record, lambda each: agent in (None, each.file.agent), copies=agent is None)
        ]
        for file in self._copies(agent, entries, {record.target for record in records}):
            items += self._copied(file)
        self._remove_launchers({each.launcher for record in records for each in record.entries})
        self._journal.sweep()
        return Report(tuple(items))

    def release(self, launchers: Collection[str]) -> Report:
        """See Wrapper.release."""
        items = []
        for record in self._journal.records()[0]:
            if any(each.launcher in launchers for each in record.entries):
                items += self._file(record, lambda each: each.launcher in launchers)
        self._remove_launchers(set(launchers))
        return Report(tuple(items))

    def preview(self, agent: str | None, entries: Iterable[Entry]) -> Report:
        """See Wrapper.preview_unwrap."""
        records = self._records(agent)
        items = [
            _item(each.file, each.name, Did.UNWRAPPED, "", b"", b"")
            for record in records
            for each in record.entries
            if agent in (None, each.file.agent)
        ]
        copies = self._copies(agent, entries, {record.target for record in records})
        return Report(
            (*items, *(_item(file, "", Did.UNWRAPPED, "copies of wrapped entries", b"", b"") for file in copies))
        )

    def _records(self, agent: str | None) -> list[Record]:
        return [
            record
            for record in self._journal.records()[0]
            if self._within(record.target)
            and (record.pending or any(agent in (None, each.file.agent) for each in record.entries))
        ]

    def _file(self, record: Record, meant: Callable[[Owned], bool], *, copies: bool = False) -> list[Item]:
        """Unwrap those entries of one file that are meant; trouble becomes items."""
        problem: object = ""
        named = record.entries or (record.pending.entries if record.pending else ())
        try:
            settled = recover(self._journal, record)
            if settled is None:
                return []
            named = tuple(each for each in settled.entries if meant(each))
            for _ in range(TRIES if named else 0):
                try:
                    return self._now(settled, named, copies=copies)
                except FileChangedError as error:
                    problem = error
                time.sleep(PAUSE)
        except (CallgateError, OSError) as error:
            problem = error
        return [report.failed(each.file, each.name, problem) for each in named]

    def _now(self, record: Record, mine: tuple[Owned, ...], *, copies: bool) -> list[Item]:
        rest = tuple(each for each in record.entries if each not in mine)
        target = Path(record.target)
        if not _exists(target):
            self._journal.forget(record.target)
            return [_item(each.file, each.name, Did.UNWRAPPED, FILE_GONE, b"", b"") for each in mine]
        data = self._writable(replace(mine[0].file, path=record.target))
        if not rest and (original := self._original(record, data)) is not None:
            after, outcomes = (
                original,
                [Undone(each.name, each.file.agent, RESTORED, True, each.launcher) for each in mine],
            )
        else:
            others = [(each.file.shape, each.file.format) for each in mine] if copies else []
            after, outcomes = undo(data, mine, str(self._launchers), others)
        failed = {each.launcher for each in outcomes if not each.done}
        kept = (*rest, *(each for each in mine if each.launcher in failed))
        if after != data:
            rewrite(self._journal, record, target, (data, after), kept)
        else:
            self._journal.keep(record, kept)
        return [_of(outcome, mine[0].file, data, after) for outcome in outcomes]

    def _original(self, record: Record, data: bytes) -> bytes | None:
        """The bytes from before we came, if putting them back loses nobody's change."""
        if not record.exact or digest(data) != record.left:
            return None
        with contextlib.suppress(CallgateError):
            original = self._journal.original(record.target)
            return original if digest(original) == record.original else None
        return None

    def _writable(self, file: ConfigFile) -> bytes:
        """The file's bytes. Raises FileChangedError if it is in use, WrapError if it must not be written."""
        seen = self._look(file)
        if seen.obstacle is not None and seen.obstacle[0] is not Why.VCS:  # a launcher left in is worse than a diff
            raise CallgateError(file.path, seen.obstacle[1], "then unwrap again")
        if lock := in_use(Path(seen.target)):
            raise FileChangedError(file.path, f"another program is writing it ({lock})", "try again")
        return seen.data

    def _copies(self, agent: str | None, entries: Iterable[Entry], known: set[str]) -> list[ConfigFile]:
        """Files outside the journal in which an entry starts one of our launchers."""
        return list(
            dict.fromkeys(
                entry.file
                for entry in entries
                if entry.argv
                and is_launcher(entry.argv[0], str(self._launchers))
                and agent in (None, entry.agent)
                and self._look(entry.file).target not in known
            )
        )

    def _copied(self, file: ConfigFile) -> list[Item]:
        problem: object = ""
        for _ in range(TRIES):
            try:
                data = self._writable(file)
                after, outcomes = undo(data, (), str(self._launchers), [(file.shape, file.format)])
                if after != data:
                    replace_file(Path(self._look(file).target), after, expected=data)
                return [_of(outcome, file, data, after) for outcome in outcomes]
            except FileChangedError as error:
                problem = error
            except (CallgateError, OSError) as error:
                return [report.failed(file, "", error)]
            time.sleep(PAUSE)
        return [report.failed(file, "", problem)]

    def _remove_launchers(self, used: set[str]) -> None:
        """Remove launchers that no entry names any more; what cannot be removed does no harm."""
        owned = {each.launcher for record in self._journal.records()[0] for each in record.entries}
        for name in used - owned:
            if is_address(name):
                self._drop_route(token_of(name))
                continue
            with contextlib.suppress(OSError):
                Path(name).unlink()
            with contextlib.suppress(OSError):
                Path(name).parent.rmdir()


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _of(outcome: Undone, file: ConfigFile, before: bytes, after: bytes) -> Item:
    if not outcome.done:
        return report.failed(file, outcome.name, outcome.reason)
    return _item(
        replace(file, agent=outcome.agent or file.agent), outcome.name, Did.UNWRAPPED, outcome.reason, before, after
    )


def _item(file: ConfigFile, name: str, done: Did, why: str, before: bytes, after: bytes) -> Item:
    digests = (digest(before), digest(after)) if before != after else ("", "")
    return Item(file.path, file.agent, name, done, why, "", *digests)
