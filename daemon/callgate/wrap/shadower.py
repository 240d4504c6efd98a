"""Find the ground for wrapped copies of projects' entries (see wrap.shadows); make, renew and take out the copies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from callgate.agents import ALL
from callgate.agents.adapter import Agent, fill
from callgate.agents.formats.document import Document, parse
from callgate.agents.shapes import SHAPES
from callgate.model.errors import CallgateError, DocumentError, FileChangedError
from callgate.model.inventory import ConfigFile, Entry, Inventory, Scope, Surroundings
from callgate.wrap import report
from callgate.wrap.journal import Journal
from callgate.wrap.look import in_use
from callgate.wrap.plan import Left, Seen, Shadowing, Why
from callgate.wrap.record import Owned, Undo, digest
from callgate.wrap.report import Did, Item
from callgate.wrap.rewrite import PAUSE, TRIES, recover, rewrite
from callgate.wrap.shadows import Ground, shadow_edit, shadowings
from callgate.wrap.undo import still_there

Look = Callable[[ConfigFile], Seen]


def plan_shadows(
    inventory: Inventory, left: Sequence[Left], owned: Iterable[Owned], around: Surroundings, look: Look, launchers: str
) -> tuple[list[Shadowing], list[Left]]:
    """The copies to make, renew or take out, and `left` with what is to be said of their originals. Changes nothing."""
    copies = [each for each in owned if each.follows is not None]
    wanted: list[Shadowing] = []
    said: dict[int, Left | None] = {}
    for agent in ALL:
        if agent.shadow is None:
            continue
        mine = [each for each in left if each.why is Why.VCS and each.entry.agent == agent.id and each.entry.project]
        projects = {each.entry.project: None for each in mine} | {
            each.project: None for each in copies if each.file.agent == agent.id
        }
        for project in filter(None, projects):
            theirs = {each.name: each for each in copies if each.project == project and each.file.agent == agent.id}
            originals = [each for each in mine if each.entry.project == project]
            ground = _ground(agent, project, originals, theirs, around, look, inventory)
            if ground is None:
                continue
            made, remaining = shadowings(ground, launchers)
            wanted += made
            said |= {id(each.entry): None for each, _ in ground.originals} | {
                id(each.entry): each for each in remaining
            }
    return wanted, [now for each in left if (now := said.get(id(each.entry), each)) is not None]


def apply_shadows(
    journal: Journal, wanted: Sequence[Shadowing], look: Look, launch: Callable[[Owned], object]
) -> list[Item]:
    """Make, renew and take out copies, file by file; trouble becomes items. `launch` writes the launcher of one."""
    items: list[Item] = []
    for file in dict.fromkeys(each.file for each in wanted):
        group = [each for each in wanted if each.file == file]
        problem = ""
        for _ in range(TRIES):
            seen = look(file)
            if seen.obstacle is not None:
                items += [report.left(Left(each.entry, *seen.obstacle)) for each in group]
                break
            if lock := in_use(Path(seen.target)):
                problem = f"another program is writing {seen.target} ({lock})"
            else:
                try:
                    items += _now(journal, seen, group, launch)
                    break
                except FileChangedError as error:
                    problem = str(error)
                except (CallgateError, OSError) as error:
                    items += [report.failed(each.entry.file, each.entry.name, error) for each in group]
                    break
            time.sleep(PAUSE)
        else:
            items += [report.left(Left(each.entry, Why.BUSY, problem)) for each in group]
    return items


def _now(journal: Journal, seen: Seen, group: list[Shadowing], launch: Callable[[Owned], object]) -> list[Item]:
    record = journal.record(seen.target)
    record = recover(journal, record) if record else None
    entries = {each.launcher: each for each in (record.entries if record else ())}
    there = still_there(seen.data, entries.values())
    kept = {launcher: each for launcher, each in entries.items() if launcher in there}
    whole, done, items = Document(seen.data, group[0].file.format), list[tuple[Shadowing, Did]](), list[Item]()
    for each in group:
        shadow = next(agent.shadow for agent in ALL if agent.id == each.file.agent)
        assert shadow is not None, "planned for an agent that has one"
        edit = shadow_edit(shadow, each, entries.get(each.launcher), whole.value)
        if isinstance(edit, str):
            items.append(report.left(Left(each.entry, Why.CHANGED, edit)))
            continue
        whole, (error,) = whole.edited([[edit[0]]])
        if error is not None:
            items.append(report.failed(each.file, each.entry.name, error))
            continue
        was = kept.pop(each.launcher, None)
        if each.value is None:
            kept = _inherited(kept, was, edit[1])
        else:
            kept[each.launcher] = _owned(each, edit[1])
            launch(kept[each.launcher])
        done.append((each, Did.UNWRAPPED if each.value is None else Did.WRAPPED))
    after = whole.data
    if after != seen.data:
        rewrite(journal, record if there else None, Path(seen.target), (seen.data, after), tuple(kept.values()))
    digests = (digest(seen.data), digest(after))
    for each, did in done:
        items.append(
            Item(
                each.file.path, each.entry.agent, each.entry.name, did, each.note, "", *digests, launcher=each.launcher
            )
        )
        if did is Did.UNWRAPPED:
            with contextlib.suppress(OSError):
                Path(each.launcher).unlink()
    return items


def _inherited(kept: dict[str, Owned], gone: Owned | None, unmade: int) -> dict[str, Owned]:
    """Hand the mappings that were made for a copy, and that others still stand in, to one of those."""
    if gone is None or gone.made == unmade:
        return kept
    heir = next((each for each in kept.values() if each.follows and each.at[:-1] == gone.at[:-1]), None)
    return kept if heir is None else kept | {heir.launcher: replace(heir, made=max(heir.made, gone.made))}


def _owned(each: Shadowing, made: int) -> Owned:
    undo = (Undo((), each.value, None),)
    entry = each.entry
    return Owned(
        each.file, entry.name, each.at, each.launcher, each.argv, undo, time.time_ns(), entry.project, entry.file, made
    )


def _ground(
    agent: Agent,
    project: str,
    originals: list[Left],
    owned: dict[str, Owned],
    around: Surroundings,
    look: Look,
    inventory: Inventory,
) -> Ground | None:
    """What the copies in one project depend on; None if the machine-side file cannot be read."""
    shadow = agent.shadow
    assert shadow is not None, "only asked for agents that have one"
    path = fill(shadow.file, around, project)
    if path is None:
        return None
    file = ConfigFile(agent.id, Scope.LOCAL, path, shadow.format, shadow.shape, project)
    documents = {}
    for template, format in [(shadow.file, shadow.format), *((each.file, each.format) for each in shadow.approvals)]:
        if path := fill(template, around, project):
            with contextlib.suppress(DocumentError):
                seen = look(ConfigFile(agent.id, Scope.USER, path, format, shadow.shape))
                if seen.data:
                    documents[template] = parse(seen.data, format)
    if shadow.file not in documents:
        return None
    over = {fill(template, around, project) for template in shadow.over}
    looked_at = {each.path for each in inventory.files}
    elsewhere = {each.follows for each in owned.values() if each.follows and each.follows.path not in looked_at}
    originals = [*originals, *(left for follows in elsewhere for left in _found_in(follows, look(follows)))]
    kept = [(each, look(each.entry.file).data) for each in originals if each.entry.file.path in over]
    return Ground(shadow, project, file, documents, kept, owned)


def _found_in(file: ConfigFile, seen: Seen) -> Iterator[Left]:
    """The entries of a project's file that discovery did not reach this time, as far as they are still to be copied."""
    if seen.obstacle is None or seen.obstacle[0] is not Why.VCS:
        return
    with contextlib.suppress(DocumentError):
        for raw in SHAPES[file.shape].read(parse(seen.data, file.format)).entries:
            entry = Entry(file.agent, raw.name, file, raw.at, raw.transport, raw.argv, project=file.project)
            yield Left(entry, *seen.obstacle)
