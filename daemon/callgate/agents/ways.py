"""Pure: the ways round the gate that an agent itself offers: options, variables and settings, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from callgate.model.inventory import Format, KeyPath


class About(StrEnum):
    """What is no longer as Callgate arranged it."""

    SERVERS = "servers"
    """Servers come from where we do not look."""
    SETTINGS = "settings"
    HOOKS = "hooks"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Option:
    """An option on the agent's command line."""

    words: tuple[str, ...]
    """Its spellings; one with a blank is an option and a glob that its value matches (`--disable hooks`)."""
    about: About


@dataclass(frozen=True, slots=True)
class Home:
    """A variable that leads the agent to another folder or file of settings."""

    variable: str
    default: str
    """The path that it has where the variable is not set, with `~` for the home; empty: none."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that turns something off, or leads it elsewhere."""

    files: tuple[str, ...]
    """Path templates (see adapter.Paths); those with `{project}` are the repository's."""
    format: Format
    at: KeyPath
    about: About
    value: object = None
    """The value that does it; None: any text."""


@dataclass(frozen=True, slots=True)
class Ways:
    """All of them that are known of one agent."""

    options: tuple[Option, ...] = ()
    homes: tuple[Home, ...] = ()
    model: tuple[str, ...] = ()
    """Variables that lead the agent to another model API."""
    switches: tuple[Switch, ...] = ()

    @property
    def variables(self) -> frozenset[str]:
        """All variables that matter."""
        return frozenset({*(home.variable for home in self.homes), *self.model})


def options_used(ways: Ways, argv: Sequence[str]) -> Iterator[tuple[Option, str]]:
    """The options of `ways` on a command line, each with its spelling; what follows `--` is not looked at."""
    words = list(argv[1:])
    if "--" in words:
        words = words[: words.index("--")]
    for option in ways.options:
        for spelled in option.words:
            if _used(words, spelled):
                yield option, spelled
                break


def _used(words: list[str], spelled: str) -> bool:
    name, _, value = spelled.partition(" ")
    for at, word in enumerate(words):
        if not value and (word == name or word.startswith(name + "=")):
            return True
        given = words[at + 1] if word == name and at + 1 < len(words) else word.removeprefix(f"{name}=")
        if value and word.startswith(name) and given != word and fnmatchcase(given, value):
            return True
    return False


def homes_moved(
    ways: Ways, theirs: Mapping[str, str], ours: Mapping[str, str], home: str
) -> Iterator[tuple[Home, str]]:
    """The variables by which an agent with the environment `theirs` looks elsewhere than we, who know `ours`, each
    with the place where it looks.
    """
    for one in ways.homes:
        looks = _place(theirs.get(one.variable) or one.default, theirs.get("HOME") or home)
        if looks != _place(ours.get(one.variable) or one.default, home):
            yield one, looks


def _place(path: str, home: str) -> str:
    whole = home + path[1:] if path == "~" or path.startswith("~/") else path
    root = "/" if whole.startswith("/") else ""
    return root + "/".join(part for part in whole.split("/") if part not in ("", "."))
