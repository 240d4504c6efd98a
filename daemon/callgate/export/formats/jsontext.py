"""Pure: JSON as it goes over the wire: canonical (RFC 8785 for what our rows hold), one line, fit for any receiver."""

from __future__ import annotations

import json
from collections.abc import Mapping

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_PLAIN_MIN, _PLAIN_MAX = 1e-4, 1e16
"""Between these Python writes a float as RFC 8785 does."""


def write(value: object) -> str:
    """Sorted keys, no spaces, one line. Half a surrogate pair, which no UTF-8 can carry, becomes a question mark.
    Raises ValueError for NaN, which a row cannot hold.
    """
    said = _ENCODER.encode(value)
    return said if said.isascii() else said.encode("utf-8", "replace").decode("utf-8")


def exact(value: object) -> object:
    """The same value with numbers that every writer of canonical JSON puts down alike: whole floats as integers, very
    small or large ones as text (their shortest form differs between languages).
    """
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
        return value if _PLAIN_MIN <= abs(value) < _PLAIN_MAX else str(value)
    if isinstance(value, Mapping):
        return {str(name): exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    return value
