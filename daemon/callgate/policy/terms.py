"""Pure: the terms of an approval: who answers for it, how risky it was found to be, and until when it holds."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass

RISKS = ("low", "medium", "high", "critical")
OWNER_MAX = 200
"""Characters of an owner: a name or an address, shown in reasons."""
YEARS = (2000, 9000)
"""Of an end: far from where the arithmetic of dates ends."""
DATE = "a date (2027-01-31, held to its end in UTC) or a time with its zone (2027-01-31T12:00:00Z)"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an approval says of itself. They bind no one but the approval: what it forbids holds without end."""

    owner: str = ""
    risk: str = ""
    """One of RISKS, "" if nobody said."""
    ends: float = math.inf
    """Seconds since the epoch; from then on the approval allows nothing any more."""

    @property
    def until(self) -> str:
        """When it ends, for people; "" if it does not."""
        if math.isinf(self.ends):
            return ""
        return f"{datetime.datetime.fromtimestamp(self.ends, datetime.UTC):%F %H:%M} UTC"

    def __str__(self) -> str:
        said = [f"owner {self.owner}" if self.owner else "", f"risk {self.risk}" if self.risk else ""]
        return ", ".join(one for one in [*said, f"until {self.until}" if self.until else ""] if one)


NONE = Terms()
FIELDS = ("owner", "risk", "expires")


def read(stated: Mapping[str, object]) -> Terms:
    """The terms in an approval's `owner`, `risk` and `expires`. Raises ValueError that names what is wrong."""
    owner, risk, expires = (stated.get(name) for name in FIELDS)
    if owner is not None and not (isinstance(owner, str) and len(owner) <= OWNER_MAX and owner.isprintable()):
        raise ValueError(f"`owner` is not one line of at most {OWNER_MAX} characters")
    if risk is not None and risk not in RISKS:
        raise ValueError(f"`risk` is {risk!r}, not one of {', '.join(RISKS)}")
    if expires is not None and not isinstance(expires, str):
        raise ValueError(f"`expires` is not {DATE}")
    return Terms(str(owner or ""), str(risk or ""), ends(expires) if expires is not None else math.inf)


def ends(text: str) -> float:
    """The moment that `expires` names, in seconds since the epoch. Raises ValueError."""
    try:
        moment = datetime.datetime.fromisoformat(text)
        if len(text) == len("2027-01-31") and "-" in text:
            moment = moment.replace(tzinfo=datetime.UTC) + datetime.timedelta(days=1)
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        if not YEARS[0] <= moment.year <= YEARS[1]:
            raise ValueError("a year that nobody means")
        return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"`expires` is {text[:40]!r}, not {DATE}") from error
