"""Pure: policy/options.json: what the organisation decides beside the rules themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.pin import PinRules
from callgate.registry import reading

HOURS_MAX = 24 * 365 * 10
MINUTES_MAX = 24 * 60


@dataclass(frozen=True, slots=True)
class Options:
    """All options, with what holds when the file does not name them."""

    soft_stale_hours: float = 24
    """Hours without a proof that the rules are current, after which the machine says so. 0: never."""
    hard_stale_hours: float = 24 * 14
    """Hours after which only servers run that ran before under this registry. 0: never."""
    break_glass_minutes: float = 60
    """Minutes for which a machine's user may suspend the policy, with a reason that is logged. 0: not at all."""
    pins: PinRules | None = None
    """What each class of change may do alone, in place of the machine's own settings. None: those count."""


LOCAL = Options(soft_stale_hours=0, hard_stale_hours=0)
"""For a registry that this machine signs itself."""


def read(data: bytes, source: str, *, strict: bool = False) -> Options:
    """The options in a file. Raises RegistryError that names `source` and the option.

    An unknown option is passed over, so that an older daemon lives on with a newer registry; with `strict` (whoever
    signs) it is an error.
    """
    try:
        said = reading.read(data)
    except ValueError as error:
        raise RegistryError(source, str(error), "see docs/registry.md for the options") from error
    if not isinstance(said, Mapping):
        raise RegistryError(source, "is not a JSON object", "see docs/registry.md for the options")
    known = {item.name for item in fields(Options)}
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name == "pins":
            values[name] = _pins(source, value, strict=strict)
        elif name in known:
            values[name] = _amount(source, name, value)
        elif strict:
            raise RegistryError(source, f"has an unknown option {name!r}", f"known: {', '.join(sorted(known))}")
    return Options(**values)


def _pins(source: str, value: object, *, strict: bool) -> PinRules:
    known = {item.name for item in fields(PinRules)}
    if not isinstance(value, Mapping):
        raise RegistryError(source, "`pins` is not an object", "see docs/registry.md for the options")
    unknown = set(value) - known
    if unknown and strict:
        raise RegistryError(
            source, f"`pins` has an unknown class {min(unknown)!r}", f"known: {', '.join(sorted(known))}"
        )
    try:
        return PinRules(**{name: Effect.of(word) for name, word in value.items() if name in known})
    except (ValueError, AttributeError) as error:
        raise RegistryError(source, f"`pins`: {error}", "write allow, ask or deny") from error


def _amount(source: str, name: str, value: object) -> float:
    unit, most = ("hours", HOURS_MAX) if name.endswith("_hours") else ("minutes", MINUTES_MAX)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise RegistryError(source, f"`{name}` must be {unit} from 0 to {most}, not {value!r}", "correct it")
    return float(value)
