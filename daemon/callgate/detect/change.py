"""Pure: how a definition differs from the pinned one, classed by what the difference can do, each with its reason.

cosmetic     nothing that a model reads or a server takes: white space, an icon, `null` for left out
text         wording: descriptions, titles, examples, `_meta`, and what a tool says of its results (`outputSchema` gives
             a server nothing that it could not do before: it may return what it likes)
narrowing    takes less: a parameter gone or now required, fewer values, a closer limit
widening     takes more or something else: a new parameter, one no longer required, another default, a keyword that we
             do not know
instruction  a word to the model that was not there: an order about other tools, the user, secrets; secrecy; hidden
             characters; look-alike letters; a place of secrets; a new address; encoded text; marks of a prompt's frame
capability   `annotations` say otherwise (read-only, destructive, open world, idempotent), or a member that we do not
             know
unread       there is nothing to compare: too large, too deep, or listed without its definition

A difference may be several at once; what may happen then is what the gravest of them may. Equal definitions have no
reasons. The result depends on the two definitions alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callgate.detect import schema, words
from callgate.detect.definition import FIRST, Definition, wordless
from callgate.detect.jcs import canonical
from callgate.detect.schema import called
from callgate.model.pin import Change, ChangeClass, Kind, Pin, Reason

HINTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
"""What a tool is taken for when its annotations do not say (MCP 2025-03-26 and later)."""
REASONS_MAX = 20
"""Reasons kept of one change."""
QUOTE_MAX = 120
"""Characters of hostile text beside one reason."""
SAID = {
    "override": "sets other instructions aside",
    "secrecy": "keeps something from the user",
    "reach": "speaks of other tools or of what the model knows",
    "place": "names a place of secrets",
    "order": "orders the model about",
    "markup": "holds marks that a model takes for the frame of its prompt",
    "hidden": "holds a character that nobody sees",
    "lookalike": "mixes letters that look alike",
    "address": "leads to an address that was not there",
    "encoded": "holds encoded text",
}


def compare(old: Definition, new: Definition) -> Change:
    """What differs from `old`, which was read, to `new`."""
    if new.unread:
        return Change((Reason(ChangeClass.UNREAD, new.unread),))
    if old.pin.same(new.pin):
        return Change(())
    before, after = old.value, new.value
    reasons: list[Reason] = []
    if old.pin.digest != new.pin.digest:
        reasons += _first(new.kind, before, after)
    if old.pin.second != new.pin.second:
        reasons += _second(new.kind, before, after)
    if marks := words.marks(strings(after)):
        known = words.marks(strings(before))
        reasons += _steering({mark: said for mark, said in marks.items() if mark not in known})
    return _change(reasons or [Reason(ChangeClass.COSMETIC, "the same in another spelling")])


def compare_pin(pin: Pin, new: Definition) -> Change:
    """The same where only the digests of what was approved are known: a difference beyond wording cannot be told."""
    if new.unread:
        return Change((Reason(ChangeClass.UNREAD, new.unread),))
    reasons = _steering(words.marks(strings(new.value))) if not pin.same(new.pin) else []
    if pin.digest != new.pin.digest:
        if pin.shape == new.shaped.shape:
            reasons.append(Reason(ChangeClass.TEXT, "other words; the pinned ones are not known on this machine"))
        else:
            said = "more than its wording differs; the pinned definition is not known on this machine"
            reasons.append(Reason(ChangeClass.WIDENING, said))
    if pin.second != new.pin.second:
        said = "title, annotations, icons or _meta differ; the pinned ones are not known on this machine"
        reasons.append(Reason(ChangeClass.CAPABILITY, said))
    return _change(reasons)


def appeared(new: Definition, of: ChangeClass) -> Change:
    """A definition that was never seen before: `of` is FIRST, ADDED or CAPABILITY (not among the pinned ones)."""
    if new.unread:
        return Change((Reason(ChangeClass.UNREAD, new.unread),))
    said = {
        ChangeClass.FIRST: "the first that is seen of this server",
        ChangeClass.ADDED: f"a new {new.kind.noun} of a known server",
    }.get(of, f"a new {new.kind.noun}, not among those that the registry has pinned")
    reasons = [Reason(of, said)]
    if of is not ChangeClass.FIRST:
        reasons += _steering(words.marks(strings(new.value)))
    return _change(reasons)


def steering(definition: Definition) -> list[Reason]:
    """What in a definition is meant to steer a model."""
    return [] if definition.unread else _steering(words.marks(strings(definition.value)))


def strings(value: Any) -> list[str]:
    """All texts in a definition, names of members included: a model reads them all."""
    found: list[str] = []
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            found += one
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found


def _first(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Reason]:
    """What the first digest covers."""
    for key in ("description", "instructions", "name", "uriTemplate", "mimeType"):
        if old.get(key) != new.get(key):
            yield _wording(f"the {key}", old.get(key), new.get(key))
    before, after = _input(kind, old), _input(kind, new)
    yield from schema.differences(before, after)
    if canonical(before) != canonical(after) and canonical(wordless(before)) == canonical(wordless(after)):
        yield Reason(ChangeClass.TEXT, "the parameters are described in other words")
    if canonical(old.get("outputSchema")) != canonical(new.get("outputSchema")):
        yield Reason(ChangeClass.TEXT, "it says something else of its results (outputSchema)")


def _input(kind: Kind, value: dict[str, Any]) -> Any:
    """What it takes, as a schema."""
    if kind is Kind.TOOL:
        return value.get("inputSchema", {})
    if kind is not Kind.PROMPT or not isinstance(value.get("arguments"), list):
        return {}
    arguments = [one for one in value["arguments"] if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return {
        "properties": {one["name"]: {key: part for key, part in one.items() if key != "required"} for one in arguments},
        "required": [one["name"] for one in arguments if one.get("required") is True],
    }


def _second(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Reason]:
    """What the second digest covers."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if canonical(before) == canonical(after) or key in FIRST[kind]:
            continue
        if key == "annotations":
            yield from _annotations(before, after)
        elif key == "title":
            yield _wording("the title", before, after)
        elif key == "_meta":
            yield Reason(ChangeClass.TEXT, "its _meta is different")
        elif key == "icons":
            yield Reason(ChangeClass.COSMETIC, "its icons are different")
        else:
            yield Reason(ChangeClass.CAPABILITY, f"{called(key, 'a member')} is different, which we do not know")


def _annotations(old: Any, new: Any) -> Iterator[Reason]:
    before, after = (one if isinstance(one, dict) else {} for one in (old, new))
    for hint, default in HINTS.items():
        said, says = before.get(hint, default), after.get(hint, default)
        if said is not says:
            now = f"now says {hint} = {canonical(says)}" if isinstance(says, bool) else f"has an odd {hint}"
            yield Reason(ChangeClass.CAPABILITY, now if hint in after else f"no longer says {hint}")
    if before.get("title") != after.get("title"):
        yield _wording("the title", before.get("title"), after.get("title"))
    others = [key for key in before.keys() | after.keys() if key not in HINTS and key != "title"]
    if any(canonical(before.get(key)) != canonical(after.get(key)) for key in others):
        yield Reason(ChangeClass.TEXT, "its annotations are different")


def _wording(what: str, old: Any, new: Any) -> Reason:
    before, after = (" ".join(one.split()) if isinstance(one, str) else "" for one in (old, new))
    if before == after:
        return Reason(ChangeClass.COSMETIC, f"{what} is spaced otherwise")
    if not before or not after:
        return Reason(ChangeClass.TEXT, f"{what} is {'new' if after else 'gone'}")
    return Reason(ChangeClass.TEXT, f"{what} is worded otherwise")


def _steering(marks: dict[words.Mark, str]) -> list[Reason]:
    """One reason for each kind of mark, with the first passage."""
    found: dict[str, str] = {}
    for (kind, _), passage in sorted(marks.items()):
        found.setdefault(kind, passage)
    return [Reason(ChangeClass.INSTRUCTION, SAID[kind], passage[:QUOTE_MAX]) for kind, passage in found.items()]


def _change(reasons: list[Reason]) -> Change:
    ordered = sorted(set(reasons), key=lambda reason: (-reason.of, reason.text))
    return Change(tuple(ordered[:REASONS_MAX]))
