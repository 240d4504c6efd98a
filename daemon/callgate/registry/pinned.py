"""Pure: pins in the registry's document, under `pins` of an approval: JSON <-> values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from callgate.model.pin import Kind, Pin, Pins

HEX = re.compile(r"[0-9a-f]{64}")


def read(stated: object) -> Pins:
    """The pins in `pins`. Raises ValueError that names what is wrong."""
    if stated is None:
        return {}
    if not isinstance(stated, Mapping):
        raise ValueError("`pins` is not an object")
    if unknown := set(stated) - set(Kind):
        raise ValueError(f"`pins` has an unknown kind {min(map(str, unknown))!r} (known: {', '.join(Kind)})")
    return {Kind(kind): _of_kind(Kind(kind), pins) for kind, pins in stated.items()}


def written(pins: Pins) -> dict[str, Any]:
    """The same as JSON."""
    found: dict[str, Any] = {}
    for kind in sorted(pins):
        by_name = {name: _written(pin) for name, pin in sorted(pins[kind].items())}
        found[kind.value] = by_name.get("", {}) if kind is Kind.INSTRUCTIONS else by_name
    return found


def _of_kind(kind: Kind, stated: object) -> dict[str, Pin]:
    if kind is Kind.INSTRUCTIONS:
        return {"": _pin(stated, kind, "")}
    if not isinstance(stated, Mapping):
        raise ValueError(f"`pins.{kind}` is not an object")
    return {str(name): _pin(pin, kind, str(name)) for name, pin in stated.items()}


def _pin(stated: object, kind: Kind, name: str) -> Pin:
    what = f"the pin of {kind.noun} {name!r}"
    if not isinstance(stated, Mapping):
        raise ValueError(f"{what} is not an object")
    values = [stated.get("digest"), stated.get("second"), stated.get("shape", "")]
    for field, value in zip(("digest", "second", "shape"), values, strict=True):
        if not isinstance(value, str) or not (HEX.fullmatch(value) or (field == "shape" and not value)):
            raise ValueError(f"`{field}` of {what} is not a SHA-256 in lower-case hex")
    return Pin(*values)


def _written(pin: Pin) -> dict[str, str]:
    return {"digest": pin.digest, "second": pin.second} | ({"shape": pin.shape} if pin.shape else {})
