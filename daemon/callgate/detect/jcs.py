"""Pure: JSON read once, and written in the one canonical form of RFC 8785 (JCS).

Two departures, where the RFC knows no form: an integer from 2^53 up keeps its digits, so that a change of it is seen,
and a number too large for a double is written as 1e+999.
"""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring
from typing import Any

DIGITS_MAX = 400
"""Digits of an integer that are kept; Python reads no more than 4,300, and only with effort."""
EXACT = 2**53
"""Integers from here on are not exact as doubles."""


class Real:
    """A number with a fraction or an exponent. Not a float: Python's own writer must not write it."""

    __slots__ = ("value",)

    def __init__(self, text: str) -> None:
        self.value = float(text)


def parse(text: str | bytes) -> Any:
    """The JSON value in `text`, for `canonical`. Raises ValueError or RecursionError."""
    return _DECODER.decode(text if isinstance(text, str) else text.decode())


def canonical(value: Any) -> str:
    """The canonical text of a value that `parse` gave. Raises RecursionError if it is too deep."""
    try:
        text = _ENCODER.encode(value)
    except TypeError:  # there is a Real somewhere
        return "".join(_written(value))
    if text.isascii() or max(text) < "\ud800":
        return text
    return "".join(_written(value))  # JCS sorts by UTF-16 units, Python by code points: here they may differ


def number(value: float) -> str:
    """A double as ECMAScript writes it (RFC 8785, section 3.2.2.3)."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    if math.isinf(value):
        return sign + "1e+999"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)  # where the decimal point stands in the digits
    stripped = digits.rstrip("0")
    if len(stripped) <= point <= 21:
        return sign + stripped + "0" * (point - len(stripped))
    if 0 < point <= 21:
        return f"{sign}{stripped[:point]}.{stripped[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{stripped}"
    power = point - 1
    tail = f".{stripped[1:]}" if len(stripped) > 1 else ""
    return f"{sign}{stripped[0]}{tail}e{'+' if power > 0 else '-'}{abs(power)}"


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | Real:
    return int(text) if len(text) <= DIGITS_MAX else Real(text)


def _written(value: Any) -> list[str]:
    if isinstance(value, str):
        return [encode_basestring(value)]
    if isinstance(value, dict):
        out = ["{"]
        for key in sorted(value, key=_units):
            out += ["," if len(out) > 1 else "", encode_basestring(key), ":", *_written(value[key])]
        return [*out, "}"]
    if isinstance(value, list):
        out = ["["]
        for item in value:
            out += ["," if len(out) > 1 else "", *_written(item)]
        return [*out, "]"]
    if isinstance(value, Real):
        exact = abs(value.value) < EXACT and value.value.is_integer()
        return [str(int(value.value)) if exact else number(value.value)]
    return [_ENCODER.encode(value)]


def _units(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


_DECODER = json.JSONDecoder(parse_float=Real, parse_int=_integer, parse_constant=_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
