"""Pure: pins: what of a server was approved, by digest, and how a definition may differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from callgate.model.call import Effect
from callgate.model.identity import ServerIdentity


class Kind(StrEnum):
    """What a server shows to the model: the word in files, in the log and in the registry's document."""

    TOOL = "tools"
    PROMPT = "prompts"
    TEMPLATE = "resourceTemplates"
    INSTRUCTIONS = "instructions"

    @property
    def noun(self) -> str:
        """One of them, for sentences."""
        return {"tools": "tool", "prompts": "prompt", "resourceTemplates": "resource template"}.get(self, self.value)


class ChangeClass(IntEnum):
    """How a definition differs from the pinned one; the larger, the more it can do to us (docs/pins.md)."""

    COSMETIC = 0
    """Nothing that a model reads or a server accepts: key order, white space, an icon, a title's spelling."""
    TEXT = 1
    """Wording, without a word to the model that was not there before; what a tool says of its results."""
    NARROWING = 2
    """Takes less than before."""
    FIRST = 3
    """Not a change: the first that this machine sees of the server."""
    ADDED = 4
    """New, on a server that is known, and without a word to the model."""
    WIDENING = 5
    """Takes more than before, or something else."""
    UNREAD = 6
    """It could not be compared: too large, too deep, not an object, or listed without its definition."""
    INSTRUCTION = 7
    """The text now orders the model about, hides something, or leads somewhere that it did not."""
    CAPABILITY = 8
    """It says that it may do other things than before, or a registry that has pinned all tools has not pinned this."""

    @property
    def word(self) -> str:
        """The word in settings, rules and the log."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Pin:
    """One definition, by digest (hex SHA-256)."""

    digest: str
    """Of what the model acts on: name, description and schemas."""
    second: str
    """Of everything else: title, annotations, icons, _meta."""
    shape: str = ""
    """Of the first without its texts: equal shapes differ in wording alone. Empty: not known."""

    def same(self, other: Pin) -> bool:
        """Are both of the very same definition?"""
        return (self.digest, self.second) == (other.digest, other.second)


@dataclass(frozen=True, slots=True)
class Reason:
    """One difference, as a sentence in our own words: it may be told to a model."""

    of: ChangeClass
    text: str
    quote: str = ""
    """What a person should see of the hostile text, shortened. It must never reach a model."""


@dataclass(frozen=True, slots=True)
class Change:
    """All differences between a definition and the pinned one, the gravest first."""

    reasons: tuple[Reason, ...]

    @property
    def worst(self) -> ChangeClass:
        """The gravest class among the differences."""
        return max((reason.of for reason in self.reasons), default=ChangeClass.COSMETIC)


@dataclass(frozen=True, slots=True)
class PinRules:
    """What each class of change may do alone: "allow" (and be noted), "ask" (calls wait for an approval), or "deny"
    (the tool is hidden and its calls are refused until `callgate pins approve`).
    """

    cosmetic: Effect = Effect.ALLOW
    """Key order, white space, icons."""
    text: Effect = Effect.ALLOW
    """Wording without a new word to the model."""
    narrowing: Effect = Effect.ALLOW
    """The tool takes less."""
    first: Effect = Effect.ALLOW
    """The first listing of a server that the registry has no pins for: it is trusted, and pinned."""
    added: Effect = Effect.ALLOW
    """A new tool of a known server that the registry has no pins for, without a word to the model."""
    widening: Effect = Effect.DENY
    """The tool takes more, or something else."""
    unread: Effect = Effect.DENY
    """The definition could not be read or compared."""
    instruction: Effect = Effect.DENY
    """The text orders the model about, hides something, or leads to a new address."""
    capability: Effect = Effect.DENY
    """The tool says that it may do other things, or is new where the registry has pinned all tools."""
    unlisted: Effect = Effect.ALLOW
    """A call of a tool that the server never listed on this machine, where the registry has no pins for it."""

    def effect(self, of: ChangeClass) -> Effect:
        """What a class may do."""
        effect: Effect = getattr(self, of.word)
        return effect


Pins = Mapping[Kind, Mapping[str, Pin]]
"""The pins of one approval: by kind, then by name (a template's URI template; "" for the instructions)."""


def lineage(server: ServerIdentity) -> str:
    """What keeps its pins through updates and renames: the identity without its version."""
    return f"{server.kind}:{server.name}"
