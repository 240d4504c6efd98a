"""Pure: read JSON that carries a decision, and refuse what two readers could take for two things."""

from __future__ import annotations

import json
import math
from typing import Any


def read(data: bytes) -> Any:
    """The value in `data`. Raises ValueError that says what is wrong: not UTF-8, no JSON, a name twice in an object (of
    which readers see the one or the other: a deny could vanish), a number that JSON has not, too deep.
    """
    try:
        return _STRICT.decode(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error})") from error
    except RecursionError as error:
        raise ValueError("is not JSON (nested too deeply)") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise ValueError(f"has {twice[:80]!r} twice in one object")
    return made


def _constant(name: str) -> Any:
    raise ValueError(f"holds {name}, which is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"holds {text[:40]}, which is out of range")
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
