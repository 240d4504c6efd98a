"""Pure: a managed file as a machine has it against what it should be, and ours put into one that others wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tomlkit
from tomlkit.exceptions import TOMLKitError

from callgate.agents.formats.document import edit, parse
from callgate.agents.native.control import Piece
from callgate.model.errors import DocumentError
from callgate.model.inventory import Edit, Format, KeyPath, Put

SHOWN_MAX = 20
"""Differences of one file that are named; the rest is counted."""

_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one file is."""

    status: str
    """same, missing, or differs."""
    differences: tuple[str, ...] = ()
    """What of ours is not as it should be, sentences."""
    foreign: tuple[str, ...] = ()
    """Keys in it that are not ours."""


def compare(piece: Piece, data: bytes | None) -> Comparison:
    """The file as the machine has it (None: it has none) against the piece."""
    if data is None:
        return Comparison("missing")
    if piece.format is None:
        return Comparison("same" if data == piece.text else "differs")
    try:
        theirs = parse(data, piece.format)
    except DocumentError as error:
        return Comparison("differs", (f"it does not parse: {error}",))
    ours = parse(piece.text, piece.format)
    differences: list[str] = []
    extra: list[str] = []
    for at in piece.owned:
        wanted, there = _at(ours, at), _at(theirs, at)
        if wanted is _NOTHING and there is not _NOTHING:
            extra.append(_spoken(at))
        elif wanted is not _NOTHING:
            differences += _differences(_spoken(at), wanted, there)
    if len(differences) > SHOWN_MAX:
        differences[SHOWN_MAX:] = [f"{len(differences) - SHOWN_MAX} more differences"]
    foreign = (*extra, *_foreign(theirs, piece.owned))
    return Comparison("differs" if differences else "same", tuple(differences), foreign)


def holds(piece: Piece, data: bytes) -> tuple[str, ...]:
    """Which of our keys another file, which the agent joins with ours, holds; a file that does not parse holds none."""
    if piece.format is None:
        return ()
    try:
        theirs = parse(data, piece.format)
    except DocumentError:
        return ()
    return tuple(_spoken(at) for at in piece.owned if _at(theirs, at) is not _NOTHING)


def merged(piece: Piece, data: bytes) -> bytes:
    """The file with our values put in; every other byte stays. Raises DocumentError if that cannot be done."""
    if piece.format is None:
        raise DocumentError(piece.path, "is not a file into which values can be put", "put it in by hand")
    if piece.format is Format.TOML:
        return _merged_tables(piece, data)
    ours = parse(piece.text, piece.format)
    for at in piece.owned:
        value = _at(ours, at)
        there = parse(data, piece.format)
        if value is not _NOTHING and _at(there, at) != value:
            data = edit(data, piece.format, _puts(there, at, value))
    return data


def _merged_tables(piece: Piece, data: bytes) -> bytes:
    """The same for TOML, whose tables may be spread over the file: those of ours are taken out and put at the end."""
    theirs = parse(data, Format.TOML)
    if compare(piece, data).status == "same":
        return data
    try:
        document = tomlkit.parse(data.decode())
        for at in piece.owned:
            document.pop(at[0], None)
        rest = tomlkit.dumps(document)
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise DocumentError(piece.path, f"cannot be edited without doubt ({error})", "put it in by hand") from error
    gap = "" if not rest.strip() else "\n" if rest.endswith("\n") else "\n\n"
    after = (rest + gap).encode() + piece.text
    if _without(parse(after, Format.TOML), piece) != _without(theirs, piece) or compare(piece, after).status != "same":
        raise DocumentError(piece.path, "cannot be edited without doubt", "put it in by hand")
    return after


def _without(document: object, piece: Piece) -> object:
    """What of a document is not ours."""
    assert isinstance(document, Mapping), "every TOML document is a table"
    return {key: value for key, value in document.items() if (key,) not in piece.owned}


def _puts(document: object, at: KeyPath, value: object) -> tuple[Edit, ...]:
    """The edit that puts the value, with as many mappings around it as the document lacks."""
    depth = 1
    while depth < len(at) and _at(document, at[:depth]) is not _NOTHING:
        depth += 1
    for key in reversed(at[depth:]):
        value = {key: value}
    return (Put(at[:depth], value),)


def _at(document: object, at: KeyPath) -> object:
    for key in at:
        if not isinstance(document, Mapping) or key not in document:
            return _NOTHING
        document = document[key]
    return document


def _differences(where: str, wanted: object, there: object) -> Iterator[str]:
    if there is _NOTHING:
        yield f"{where} is missing"
    elif isinstance(wanted, list) and isinstance(there, list):
        yield from (f"{where} lacks {_short(one)}" for one in wanted if one not in there)
        yield from (f"{where} has {_short(one)} too many" for one in there if one not in wanted)
        if wanted != there and sorted(map(repr, wanted)) == sorted(map(repr, there)):
            yield f"{where} has another order"
    elif isinstance(wanted, Mapping) and isinstance(there, Mapping):
        for key in {**wanted, **there}:
            inner = f"{where}.{key}"
            if key not in wanted:
                yield f"{inner} is too many"
            else:
                yield from _differences(inner, wanted[key], there.get(key, _NOTHING))
    elif wanted != there or type(wanted) is not type(there):
        yield f"{where} is {_short(there)}, not {_short(wanted)}"


def _foreign(document: object, owned: tuple[KeyPath, ...], at: KeyPath = ()) -> list[str]:
    if not isinstance(document, Mapping):
        return []
    found: list[str] = []
    for key, value in document.items():
        here = (*at, key)
        if here in owned:
            continue
        if any(one[: len(here)] == here for one in owned):
            found += _foreign(value, owned, here)
        else:
            found.append(_spoken(here))
    return found


def _spoken(at: KeyPath) -> str:
    return ".".join(str(key) for key in at)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:160] + "..."
