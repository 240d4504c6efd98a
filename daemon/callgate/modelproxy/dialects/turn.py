"""Pure: one turn of a conversation with a model, whatever the wire format: what was asked, what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

TEXT_MAX = 64 * 1024
"""Characters kept of a prompt or an answer."""
NAME_MAX = 256
"""Characters kept of a name or an id that a peer chose."""
ITEMS_MAX = 2000
"""Tools, results or tool calls of one turn that are looked at; real turns have some hundred."""
ARGUMENTS_MAX = 1024 * 1024
"""Characters of the arguments of one tool call; with more, it is marked as cut and never taken for joined."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the agent gave back for one tool call."""

    id: str
    digest: str
    """SHA-256 of its text."""
    size: int
    error: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a model."""

    model: str
    prompt: str = ""
    """What the user says in this turn; empty where the request only brings results of tools."""
    system: str = ""
    """SHA-256 of the system prompt, empty where there is none."""
    tools: tuple[str, ...] = ()
    """Names of the tools on offer."""
    results: tuple[Result, ...] = ()
    """What tools gave since the model last spoke."""
    session: str = ""
    """The agent's own id of the conversation, where it tells one. A hint, never proof."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call that the model asks for."""

    id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What the model answered."""

    model: str = ""
    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    stop: str = ""
    """Why it stopped, in the API's own word."""
    error: str = ""


@dataclass(slots=True)
class Draft:
    """An answer that is still coming in; `said` gives it as far as it came."""

    model: str = ""
    texts: list[str] = field(default_factory=list)
    size: int = 0
    tool_uses: dict[object, Building] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    stop: str = ""
    error: str = ""

    def add_text(self, more: object) -> None:
        """Text of the answer, as far as there is room."""
        if isinstance(more, str) and more and self.size < TEXT_MAX:
            self.texts.append(more[: TEXT_MAX - self.size])
            self.size += len(self.texts[-1])

    def tool(self, key: object, id: object = "", name: object = "") -> Building:
        """The tool call under that key, begun if it is new."""
        if key not in self.tool_uses and len(self.tool_uses) >= ITEMS_MAX:
            return Building()
        found = self.tool_uses.setdefault(key, Building())
        found.id = found.id or short(id)
        found.name = found.name or short(name)
        return found

    def count(self, usage: object, asked: str, given: str) -> None:
        """Take the tokens from a usage object, which states totals."""
        if isinstance(usage, Mapping):
            self.input_tokens = max(self.input_tokens, natural(usage.get(asked)))
            self.output_tokens = max(self.output_tokens, natural(usage.get(given)))

    def said(self) -> Said:
        """The answer as far as it came."""
        uses = tuple(each.made() for each in self.tool_uses.values() if each.name)
        text = "".join(self.texts)
        return Said(self.model, text, uses, self.input_tokens, self.output_tokens, self.stop, self.error[:TEXT_MAX])


@dataclass(slots=True)
class Building:
    """A tool call that is still coming in."""

    id: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)
    size: int = 0
    cut: bool = False

    def add(self, more: object) -> None:
        """The next piece of its arguments."""
        if not isinstance(more, str):
            return
        self.size += len(more)
        if self.size > ARGUMENTS_MAX:
            self.cut = True
        else:
            self.parts.append(more)

    def replace(self, whole: object) -> None:
        """Its arguments as a whole."""
        if isinstance(whole, str):
            self.parts, self.size, self.cut = [], 0, False
            self.add(whole)

    def made(self) -> ToolUse:
        """The call as far as it came."""
        return ToolUse(self.id, self.name, "".join(self.parts), self.cut)


class Reply(Protocol):
    """Reads one answer. Never raises, whatever the model sends: what makes no sense is left out."""

    def event(self, name: str, value: Mapping[str, Any]) -> None:
        """The next event of a stream."""

    def whole(self, value: Mapping[str, Any]) -> None:
        """An answer that is no stream."""

    def said(self) -> Said:
        """The answer as far as it came."""


class Dialect(Protocol):
    """One wire format."""

    name: str

    def asked(self, path: str, request: Mapping[str, Any]) -> Asked:
        """What a request asks. Never raises, whatever an agent sends."""

    def reply(self) -> Reply:
        """A reader for the answer."""

    def refusal(self, reason: str) -> dict[str, Any]:
        """The body of an error answer in this format, such that agents show the reason."""


def text_of(value: object, depth: int = 8) -> str:
    """All text in a message's content, however it is nested."""
    if isinstance(value, str):
        return value
    if depth and isinstance(value, (list, tuple)):
        return "\n".join(filter(None, (text_of(each, depth - 1) for each in value[:ITEMS_MAX])))
    if depth and isinstance(value, Mapping):
        for key in ("text", "content", "output", "result", "parts"):
            if key in value:
                return text_of(value[key], depth - 1)
    return ""


def result(id: object, value: object, error: bool = False) -> Result:
    """What a tool gave back, without its text."""
    said = text_of(value).encode("utf-8", "surrogatepass")
    return Result(short(id), sha256(said).hexdigest(), len(said), error)


def digest(value: object) -> str:
    """SHA-256 of a system prompt's text; empty where there is none."""
    said = text_of(value)
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest() if said else ""


def objects(value: object) -> Sequence[Mapping[str, Any]]:
    """The objects of a list, and nothing of anything else."""
    return [each for each in value[:ITEMS_MAX] if isinstance(each, Mapping)] if isinstance(value, list) else []


def short(value: object) -> str:
    """A name or id, if it is text."""
    return value[:NAME_MAX] if isinstance(value, str) else ""


def clip(text: str) -> str:
    """As much of a text as is kept."""
    return text[:TEXT_MAX]


def natural(value: object) -> int:
    """A count, 0 if it is none."""
    return value if type(value) is int and 0 <= value < 2**53 else 0
