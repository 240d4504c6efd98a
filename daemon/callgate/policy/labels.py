"""Pure: what the registry says that a tool reads and does: words for policies to go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

READS = ("public", "private", "untrusted")
DOES = ("none", "write", "send", "execute", "destroy")
WORDS: Mapping[str, tuple[str, ...]] = {"reads": READS, "does": DOES}

Labels = frozenset[str]
"""`reads:private`, `does:send`, ..."""
NONE: Labels = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry says of a server and one of its tools, apart from the verdict."""

    approval: str = ""
    """The registry's name for the server."""
    labels: Labels = NONE


def read(stated: object) -> dict[str, Labels]:
    """The labels of an approval, by tool name: `{"read_file": {"reads": ["private"], "does": ["none"]}}`.

    Raises ValueError that names the tool and the word.
    """
    if stated is None:
        return {}
    if not isinstance(stated, Mapping):
        raise ValueError("`labels` is not an object")
    return {str(tool): _of_tool(str(tool), said) for tool, said in stated.items()}


def parse(words: str) -> Labels:
    """Labels from `reads:private does:send`. Raises ValueError that names a word that is none."""
    for word in words.split():
        kind, _, value = word.partition(":")
        if value not in WORDS.get(kind, ()):
            raise ValueError(f"{word!r} is not a label: expected {_expected()}")
    return frozenset(words.split())


def _of_tool(tool: str, said: object) -> Labels:
    if not isinstance(said, Mapping):
        raise ValueError(f"`labels` of {tool!r} is not an object")
    found = set()
    for kind, values in said.items():
        if kind not in WORDS or not isinstance(values, list):
            raise ValueError(f"`labels` of {tool!r}: expected `reads` and `does`, each a list")
        for value in values:
            if value not in WORDS[kind]:
                raise ValueError(f"`labels` of {tool!r}: {value!r} is not one of {', '.join(WORDS[kind])}")
            found.add(f"{kind}:{value}")
    return frozenset(found)


def _expected() -> str:
    return ", ".join(f"{kind}:{value}" for kind, values in WORDS.items() for value in values)
