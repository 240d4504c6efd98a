"""Pure: what a server really is, never what it is called (design, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class ServerIdentity:
    """`kind:name[@version]`, as in `npm:@scope/pkg@1.2.3`, `pypi:pkg`, `oci:image@sha256:..`,
    `exe:sha256:..`, `url:https://host/path`. A version of None means that it floats or is not known.
    """

    kind: str
    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" + (f"@{self.version}" if self.version else "")

    @property
    def short(self) -> str:
        """For people: the same, but of a digest only as much as tells two apart at a glance."""
        return str(self) if self.kind != "exe" else f"exe:{self.name[: len('sha256:') + 8]}…"

    @classmethod
    def parse(cls, text: str) -> ServerIdentity:
        """Read what `str()` wrote. Raises ValueError, naming the text, if it is not an identity."""
        kind, colon, rest = text.partition(":")
        if not colon or kind not in KINDS or not rest or rest != rest.strip():
            raise ValueError(f"{text!r} is not a server identity: expected one of {', '.join(k + ':' for k in KINDS)}")
        if kind in ("exe", "url", "builtin"):
            return cls(kind, rest)
        at = rest.find("@", 1)  # an npm scope begins with @
        name, version = (rest, None) if at < 0 else (rest[:at], rest[at + 1 :])
        if version == "":
            raise ValueError(f"{text!r} ends with @ but names no version")
        return cls(kind, name, version)

    def covers(self, other: ServerIdentity) -> bool:
        """Does an approval of this identity reach `other`? Without a version it reaches every version."""
        return (self.kind, self.name) == (other.kind, other.name) and self.version in (None, other.version)


KINDS = ("npm", "pypi", "oci", "exe", "url", "builtin")
"""`builtin:<agent>` stands for the tools that an agent brings itself: no server, but approved and denied like one."""
BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
class Launch:
    """What is about to be started: the original command line, and where."""

    argv: tuple[str, ...]
    cwd: str
    path: str = ""
    """The PATH of the starting process: what a bare command name is looked up in."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """Its other variables, as far as they may change what is started. Values may be secrets: decide by, never keep."""


@dataclass(frozen=True, slots=True)
class Identified:
    """An identity, and how we came to it: `evidence` is a sentence for the person who reads the log.

    `also` holds weaker names of the same thing (the package behind a local path, ...), for messages only.
    """

    server: ServerIdentity
    evidence: str
    also: tuple[str, ...] = ()
