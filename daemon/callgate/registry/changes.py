"""Pure: what changes between two states of the documents, in lines for the person who signs them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping

from callgate.model.pin import Kind, Pins
from callgate.policy.allowlist import Approval
from callgate.policy.starting import ANY_START, Starting
from callgate.registry import bundle, roles

LINES_MAX = 200
"""Lines of difference shown of one text file."""


def between(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """One line a change: `+` added, `-` removed, `~` changed, in the order of the paths. Raises RegistryError if a
    document of servers makes no sense.
    """
    lines: list[str] = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        if path.removeprefix(roles.CANARY) == roles.SERVERS:
            ring = " (canary)" if path.startswith(roles.CANARY) else ""
            lines += [line + ring for line in _servers(_approvals(old, path), _approvals(new, path))]
        else:
            lines += _text(path, old, new)
    return lines


def _approvals(data: bytes | None, path: str) -> dict[tuple[str, int], Approval]:
    """By name; several of one name are told apart by their order."""
    found: dict[tuple[str, int], Approval] = {}
    seen: dict[str, int] = {}
    for one in bundle.rules(json.loads(data), path).approvals if data is not None else ():
        count = seen[one.name] = seen.get(one.name, -1) + 1
        found[one.name, count] = one
    return found


def _servers(old: Mapping[tuple[str, int], Approval], new: Mapping[tuple[str, int], Approval]) -> list[str]:
    lines = [f"- {one.name}: {_said(one)}" for key, one in old.items() if key not in new]
    for key, one in new.items():
        if key not in old:
            lines.append(f"+ {one.name}: {_said(one)}")
            lines += [f"+ {one.name}: {line}" for line in _starting(ANY_START, one.launch)]
    for key, one in new.items():
        if key in old and old[key] != one:
            said, says = _said(old[key]), _said(one)
            lines += [f"~ {one.name}: {said} -> {says}"] if said != says else []
            lines += [f"~ {one.name}: {line}" for line in _pins(old[key].pins, one.pins)]
            lines += [f"~ {one.name}: {line}" for line in _starting(old[key].launch, one.launch)]
    return lines or ["~ the document, but no approval in it"]


def _said(one: Approval) -> str:
    tools = ", ".join(f"{tool} {effect.word}" for tool, effect in sorted(one.tools.items()))
    terms = f" [{one.terms}]" if str(one.terms) else ""
    return f"{one.effect.word} {', '.join(map(str, one.identities))}" + (f" ({tools})" if tools else "") + terms


def _starting(old: Starting, new: Starting) -> list[str]:
    lines = []
    if old.files != new.files:
        count = sum(old.files.get(path) != digest for path, digest in new.files.items())
        lines.append(f"{len(old.files)} pinned files -> {len(new.files)}, {count} of them new or other than before")
    for what, before, after in (
        ("arguments", old.arguments, new.arguments),
        ("variables", old.environment, new.environment),
    ):
        if before != after:
            said = ["any" if one is None else json.dumps(one, ensure_ascii=False) for one in (before, after)]
            lines.append(f"{what} {said[0]} -> {said[1]}")
    return lines


def _pins(old: Pins, new: Pins) -> list[str]:
    lines = []
    for kind in Kind:
        before, after = old.get(kind), new.get(kind)
        if before is None or after is None:
            counts = [f"{len(pins)} {kind}" if pins is not None else f"no {kind}" for pins in (before, after)]
            lines += [f"pins {counts[0]} -> {counts[1]}"] if counts[0] != counts[1] else []
            continue
        lines += [f"{kind.noun} {name} is no longer pinned" for name in before if name not in after]
        lines += [f"{kind.noun} {name} is pinned" for name in after if name not in before]
        lines += [
            f"{kind.noun} {name} is pinned anew" for name in after if name in before and before[name] != after[name]
        ]
    return lines


def _text(path: str, old: bytes | None, new: bytes | None) -> list[str]:
    def split(data: bytes | None) -> list[str]:
        return (data or b"").decode("utf-8", "replace").splitlines()

    found = list(difflib.unified_diff(split(old), split(new), path if old else "(none)", path, n=1, lineterm=""))
    return found[:LINES_MAX] + ([f"... {len(found) - LINES_MAX} more lines"] if len(found) > LINES_MAX else [])
