"""Pure: names of programs and options in a command line, read in one way only."""

from __future__ import annotations

from dataclasses import dataclass

_SUFFIXES = (".exe", ".cmd", ".bat", ".ps1", ".com")


def program(word: str) -> str:
    """The bare name of a program: no folder, no Windows suffix. Windows names (with a suffix or a backslash) are
    compared in lower case; elsewhere NPX is not npx.
    """
    windows = "\\" in word or word.lower().endswith(_SUFFIXES)
    name = word.replace("\\", "/").rsplit("/", 1)[-1] if windows else word.rsplit("/", 1)[-1]
    if windows:
        name = name.lower()
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix)
    return name


def words(text: str) -> frozenset[str]:
    """A set from words separated by blanks."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one program that we know. An option is harmless if it cannot change which code runs."""

    flags: frozenset[str] = frozenset()
    """Harmless, without a value."""
    values: frozenset[str] = frozenset()
    """Harmless, with a value."""
    risky_flags: frozenset[str] = frozenset()
    risky_values: frozenset[str] = frozenset()
    clusters: bool = False
    """`-it` means `-i -t`."""


@dataclass(frozen=True, slots=True)
class Read:
    """A command line after its options were taken off the front."""

    options: tuple[tuple[str, str], ...]
    """Option and value ("" for a flag), in order."""
    rest: tuple[str, ...]
    """From the first word that is not an option."""
    caveats: tuple[str, ...]
    place: bool = False
    """What the options do may depend on the folder in which the command starts."""

    def all(self, *names: str) -> list[str]:
        """The values of every option with one of these names."""
        return [value for name, value in self.options if name in names]


def options(
    flags: str = "", values: str = "", risky_flags: str = "", risky_values: str = "", *, clusters: bool = False
) -> Options:
    """A table from words separated by blanks."""
    return Options(words(flags), words(values), words(risky_flags), words(risky_values), clusters)


def read(argv: tuple[str, ...], table: Options, owner: str, until: str = "") -> Read:
    """Take options off the front of `argv` (without the program itself), up to `--`, to the option `until` (which
    stays, as the first word of the rest), or to the first other word.

    An option that is not in the table is a caveat: it may change what runs, or swallow the next word.
    """
    found: list[tuple[str, str]] = []
    caveats: list[str] = []
    place = False
    at = 0
    while at < len(argv) and argv[at] != until:
        word = argv[at]
        if word == "--" or len(word) < 2 or word[0] != "-":
            at += word == "--"
            break
        at += 1
        name, equals, value = word.partition("=")
        for one in [name] if equals else _spread(word, table):
            if not equals and one in table.values | table.risky_values:
                value, at = (argv[at], at + 1) if at < len(argv) else ("-", at)
            found.append((one, value))
            if problem := _problem(one, value, equals, table):
                caveats.append(f"{owner} {one} {problem}")
                place = place or _is_relative(one, value, table)
    return Read(tuple(found), argv[at:], tuple(caveats), place)


_NOT_PATHS = words("--with --scope --tag --before --cap-add --security-opt --index-strategy")


def _is_relative(name: str, value: str, table: Options) -> bool:
    if name in table.risky_values:
        return name not in _NOT_PATHS and not value.startswith("/") and "://" not in value
    return name not in table.risky_flags


def _problem(name: str, value: str, equals: str, table: Options) -> str | None:
    if name in table.risky_flags or name in table.risky_values:
        return "changes what runs"
    if name in table.values:
        odd = value.startswith("-") and not value[1:].isdigit()  # programs differ in whether they take it as the value
        return "has no plain value" if odd else None
    if name not in table.flags:
        return "is an option that is not known here"
    return "takes no value" if equals and value not in ("true", "false") else None


def _spread(word: str, table: Options) -> list[str]:
    """`-it` as `-i`, `-t`, when every letter is a known flag (the last may take a value)."""
    known = table.flags | table.risky_flags
    valued = table.values | table.risky_values
    if not table.clusters or word.startswith("--") or len(word) == 2 or word in known | valued:
        return [word]
    letters = ["-" + letter for letter in word[1:]]
    if all(one in known for one in letters[:-1]) and letters[-1] in known | valued:
        return letters
    return [word]
