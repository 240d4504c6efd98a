"""Pure: our hooks in the text of an agent's file: put in before all others, found again, and taken out to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from callgate.agents.formats.document import Document
from callgate.agents.hooking import Hooks, Layout, Phase, Spot
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, Put, PutText
from callgate.wrap.script import quoted

EVENTS_AT = "hooks"
"""The key below which all layouts keep their hooks."""
NAME = "callgate"
_OPENING = re.compile(rb"\[(\s*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The hooks of one agent: by event, what stands in its file."""

    layout: Layout
    items: Mapping[str, Mapping[str, object]]
    head: Mapping[str, object]
    mark: str
    """A text that only our items hold: the path of our launcher."""


def wanted(hooks: Hooks, spot: Spot, launcher: str) -> Wanted:
    """What is to stand in the agent's file so that its events reach `launcher`."""
    items: dict[str, Mapping[str, object]] = {}
    for event, phase in hooks.events.items():
        one: dict[str, object] = {"type": "command"} if spot.typed else {}
        one[spot.command] = command(launcher, event, phase)
        one |= spot.extra if phase is Phase.ASK else {}
        if spot.timeout is not None:
            one[spot.timeout[0]] = spot.timeout[1]
        if spot.layout is Layout.GROUPS:
            group: dict[str, object] = {"hooks": [one]}
            tools = phase in (Phase.ASK, Phase.DONE, Phase.FAILED)
            items[event] = {"matcher": spot.matcher, **group} if spot.matcher is not None and tools else group
        elif spot.layout is Layout.LISTED:
            action = {"type": "command", "command": one[spot.command]}
            items[event] = {"name": f"{NAME}-{phase}", "trigger": event, "action": action, **spot.extra}
        else:
            items[event] = one
    return Wanted(spot.layout, items, spot.head, launcher)


def command(launcher: str, event: str, phase: Phase) -> str:
    """The command line of one hook, for a shell."""
    word = launcher if re.fullmatch(r"[\w/.+-]+", launcher) else quoted(launcher.encode()).decode()
    return f"{word} {event} {'ask' if phase is Phase.ASK else 'tell'}"


def fresh(want: Wanted) -> bytes:
    """The text of a file that holds nothing but our hooks."""
    if want.layout is Layout.LISTED:
        held: object = list(want.items.values())
    else:
        held = {event: [item] for event, item in want.items.items()}
    return (json.dumps({**want.head, EVENTS_AT: held}, indent=2) + "\n").encode()


def put_in(data: bytes, format: Format, want: Wanted) -> bytes:
    """The text with our hooks in it, each first among those of its event; other texts of ours are taken out before.
    Raises DocumentError if the file does not parse or keeps hooks in another way.
    """
    if holds(data, format, want):
        return data
    whole = Document(take_out(data, format, want.mark), format)
    value = whole.value if whole.value is not None else {}
    if not isinstance(value, Mapping):
        raise DocumentError("the document", "is not an object", "mend the file by hand")
    there = value.get(EVENTS_AT)
    edits: list[Edit] = []
    if EVENTS_AT not in value:
        edits.append(Put((EVENTS_AT,), {event: [item] for event, item in want.items.items()}))
    elif not isinstance(there, Mapping):
        raise DocumentError(EVENTS_AT, "is not an object", "mend the file by hand")
    else:
        for event, item in want.items.items():
            edits.append(_first(whole, there, event, item))
    return _edited(whole, edits)


def _first(whole: Document, there: Mapping[str, object], event: str, item: Mapping[str, object]) -> Edit:
    if event not in there:
        return Put((EVENTS_AT, event), [item])
    if not isinstance(there[event], list):
        raise DocumentError(f"{EVENTS_AT} > {event}", "is not a list", "mend the file by hand")
    text = whole.text_at((EVENTS_AT, event))
    opening = _OPENING.match(text or b"")
    if text is None or opening is None or not there[event]:
        return Put((EVENTS_AT, event), [item])
    ours = json.dumps(item).encode()
    return PutText((EVENTS_AT, event), b"[" + opening[1] + ours + b"," + (opening[1] or b" ") + text[opening.end() :])


def holds(data: bytes, format: Format, want: Wanted) -> bool:
    """Does each event of the file have our hook, as it is to be, and nothing else of ours?"""
    try:
        value = Document(data, format).value
    except DocumentError:
        return False
    found: dict[str, list[object]] = {}
    for event, items in _lists(value):
        found[event] = [item for item in items if want.mark in json.dumps(item)]
    there = {event: items for event, items in found.items() if items}
    return there == {event: [item] for event, item in want.items.items()}


def ours_in(data: bytes, format: Format, mark: str) -> bool:
    """Is anything of ours in the file?"""
    try:
        value = Document(data, format).value
    except DocumentError:
        return mark.encode() in data
    return any(mark in json.dumps(item) for _, items in _lists(value) for item in items)


def take_out(data: bytes, format: Format, mark: str, had: Sequence[str] | None = None) -> bytes:
    """The text without the hooks that hold `mark`. Lists that are empty then go as well, but for those named in `had`
    (`hooks` itself is named "hooks"). Raises DocumentError if the file does not parse.
    """
    whole = Document(data, format)
    edits: list[Edit] = []
    left: dict[str, list[object]] = {}
    for event, items in _lists(whole.value):
        kept = [item for item in items if mark not in json.dumps(item)]
        left[event] = kept
        if len(kept) == len(items):
            continue
        at = (EVENTS_AT, event)
        if kept or (had is not None and event in had):
            edits.append(_without(whole, at, items, kept, mark))
        else:
            edits.append(Drop(at))
    if not edits:
        return data
    value = whole.value
    hooks = value.get(EVENTS_AT) if isinstance(value, Mapping) else None
    dropped = {edit.at[1] for edit in edits if isinstance(edit, Drop)}
    if isinstance(hooks, Mapping) and set(hooks) == dropped and EVENTS_AT not in (had or ()):
        edits = [Drop((EVENTS_AT,))]
    return _edited(whole, edits)


def _without(whole: Document, at: tuple[str, str], items: list[object], kept: list[object], mark: str) -> Edit:
    """The list without our items: by the very text that we put, where that still stands."""
    text = whole.text_at(at) or b""
    opening = _OPENING.match(text)
    if opening is not None and kept and len(kept) == len(items) - 1 and mark in json.dumps(items[0]):
        ours = json.dumps(items[0]).encode() + b"," + (opening[1] or b" ")
        if text[opening.end() :].startswith(ours):
            return PutText(at, b"[" + opening[1] + text[opening.end() + len(ours) :])
    return Put(at, kept)


def _edited(whole: Document, edits: Sequence[Edit]) -> bytes:
    for edit in edits:  # one by one: two members of one object may go
        whole, errors = whole.edited([[edit]])
        if errors[0] is not None:
            raise errors[0]
    return whole.data


def _lists(value: object) -> Iterator[tuple[str, list[object]]]:
    """The lists of hooks in a document, by event."""
    hooks = value.get(EVENTS_AT) if isinstance(value, Mapping) else None
    if isinstance(hooks, Mapping):
        for event, items in hooks.items():
            if isinstance(items, list):
                yield str(event), items


def events_in(data: bytes, format: Format) -> tuple[str, ...]:
    """The lists of hooks that a file has, and "hooks" if it has that key at all. () if it does not parse."""
    try:
        value = Document(data, format).value
    except DocumentError:
        return ()
    has = isinstance(value, Mapping) and EVENTS_AT in value
    return (*((EVENTS_AT,) if has else ()), *(event for event, _ in _lists(value)))
