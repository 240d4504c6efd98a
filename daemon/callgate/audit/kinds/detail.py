"""Pure: what the details of all kinds of events have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Detail(BaseModel):
    """What a row says that only rows of its kind do. A field that is not named here is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Asked(Detail):
    """A change that somebody asked the local API for."""

    by: str = Field("", description="who asked: the user, or a program started by an agent")
    pid: int = Field(0, description="process that asked")
    evidence: str = Field("", description="how the agent among its ancestors was recognised")


class Mark(StrEnum):
    """What a report makes of a kind of event."""

    EVENT = "event"
    CHANGE = "change"
    """Somebody changed what is allowed, or what is there."""
    FINDING = "finding"
    """Something that a person should look at."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: what happened, and the shape of its detail."""

    sentence: str
    detail: type[Detail] = Detail
    mark: Mark = Mark.EVENT


Kinds = Mapping[str, Kind]
