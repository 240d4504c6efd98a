"""What changed between two captures of a server, or between a capture and the registry's pins, classed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from callgate.detect import change as changes
from callgate.detect.definition import Definition
from callgate.model.errors import CallgateError, FileRefusedError
from callgate.model.pin import Change, ChangeClass, Pins
from callgate.service import capture
from callgate.system.files import read_capped, replace_file

CAPTURE_MAX = 64 * 1024 * 1024
"""Bytes of a capture in a file."""

Json = dict[str, Any]


def captured(source: Sequence[str]) -> Json:
    """What a server shows: from a capture's file, or by starting it. Raises CallgateError."""
    if len(source) == 1 and source[0].endswith(".json"):
        return _read(Path(source[0]))
    return capture.capture(source)


def save(found: Json, path: Path) -> None:
    """Keep a capture for later reviews. Raises CallgateError."""
    try:
        replace_file(path, (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise CallgateError(str(path), f"cannot be written ({error.strerror})", "check its folder") from error


def pins(found: Json, source: str) -> Pins:
    """The pins of everything in a capture. Raises CallgateError."""
    made: dict[Any, dict[str, Any]] = {kind: {} for kind in capture.LISTS if kind.value in found}
    for one in capture.definitions(found, source):
        made.setdefault(one.kind, {})[one.name] = one.shaped
    return made


def review(old: Json, new: Json) -> Json:
    """What differs between two captures: each difference with class and reasons, the gravest first."""
    before = {(one.kind, one.name): one for one in capture.definitions(old, "the old capture")}
    after = {(one.kind, one.name): one for one in capture.definitions(new, "the new capture")}
    found = [_item(one, None, Change(()), "gone") for key, one in before.items() if key not in after]
    for key, one in after.items():
        known = before.get(key)
        if known is None:
            found.append(_item(None, one, changes.appeared(one, ChangeClass.ADDED), "added"))
        elif not known.pin.same(one.pin):
            found.append(_item(known, one, changes.compare(known, one), "changed"))
    found.sort(key=lambda item: (-ChangeClass[item["class"].upper()], item["kind"], item["name"]))
    return {"items": found, "same": sum(one.pin.same(after[key].pin) for key, one in before.items() if key in after)}


def _item(old: Definition | None, new: Definition | None, change: Change, what: str) -> Json:
    one = new or old
    assert one is not None, "an item is of one of the two"
    return {
        "kind": one.kind.value,
        "name": one.name,
        "state": what,
        "class": change.worst.word,
        "rule": "",
        "reasons": [{"class": reason.of.word, "text": reason.text, "quote": reason.quote} for reason in change.reasons],
        "before": old.text if old else "",
        "after": new.text if new else "",
    }


def _read(path: Path) -> Json:
    try:
        found = json.loads(read_capped(path, CAPTURE_MAX))
    except FileNotFoundError as error:
        raise CallgateError(str(path), "does not exist", "check the path") from error
    except FileRefusedError as error:
        raise CallgateError(error.thing, error.problem, error.step) from error
    except (ValueError, RecursionError) as error:
        raise CallgateError(str(path), f"is not JSON ({error})", "make it anew by `callgate registry pin`") from error
    if not isinstance(found, dict):
        raise CallgateError(str(path), "is not a JSON object", "make it anew by `callgate registry pin`")
    return found
