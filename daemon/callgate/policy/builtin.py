"""Pure: what a tool of an agent's own is about to do, from its arguments: no vendor knowledge but the kind of tool.

A shell command is parsed; of a tool that reads or writes only the fields that name files count (the text that it writes
names nothing that it does); of the others all arguments are searched, as those of an MCP call are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from callgate.model.call import Deed, Doing
from callgate.policy import shell
from callgate.policy.arguments import DEPTH_MAX, Named, named

COMMANDS = ("command", "commands", "cmd", "script")
"""Fields that hold a command line, or several."""
_FILES = (
    "file_path filepath path paths absolute_path notebook_path dir_path directory_path directory target_file "
    "relative_workspace_path old_path new_path source destination file files folder folders cwd workdir"
)
FILES = frozenset(_FILES.split())
"""Fields that name files, in lower case."""
PATCHES = ("patch", "patch_text", "patchText", "input", "command", "diff")
"""Fields that may hold a patch."""
LINES_MAX = 64
"""Command lines of one call."""
FILES_MAX = 256
"""Files of one patch, or of one call."""

_PATCHED = re.compile(r"^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+?)[ \t]*\r?$", re.MULTILINE)
_DIFFED = re.compile(r"^(?:---|\+\+\+) (?:[ab]/)?([^\t\r\n]+)", re.MULTILINE)
_PARTS = re.compile(r"^[a-z0-9_][a-z0-9_.-]*\.[a-z0-9-]{2,}\.?$", re.IGNORECASE)


def look(kind: Doing, arguments: Mapping[str, object] | None, cwd: str = "", home: str = "") -> Deed:
    """What a call does. `cwd` is where relative paths begin ("": not known). Never fails."""
    arguments = arguments if arguments is not None else {}
    if kind is Doing.SHELL:
        return _shell(arguments, cwd, home)
    if kind in (Doing.READ, Doing.WRITE):
        files = list(_files(arguments))
        if kind is Doing.WRITE:
            files += _patched(arguments)
        found = named({"path": files[:FILES_MAX]}, home, [cwd] if cwd else [])
        found.incomplete |= len(files) > FILES_MAX
        return _deed(kind, cwd, found, writes=found.folders if kind is Doing.WRITE else ())
    return _deed(kind, cwd, named(arguments, home, [cwd] if cwd else []))


def _shell(arguments: Mapping[str, object], cwd: str, home: str) -> Deed:
    lines = list(_lines(arguments))
    line = shell.Line()
    for text in lines[:LINES_MAX]:
        _merge(line, shell.read(text))
    cwds = _cwds(cwd, [*(place for place in _files(arguments)), *line.folders])
    # what an option is given with `=` counts as well
    words = {*line.words, *(word.partition("=")[2] for word in line.words if "=" in word)}
    found = named({"": sorted(words)}, home, cwds)
    written = named({"path": sorted(line.written)}, home, cwds)
    found.names.update(word.lower() for word in words if word and word[0] != "-" and not set(word) & set(" \t\n/"))
    for word in line.remote:
        place = named({"host": _place(word)})
        found.hosts |= place.hosts
        found.domains |= place.domains
    nothing = not lines or len(lines) > LINES_MAX
    return Deed(
        Doing.SHELL,
        cwd,
        programs=frozenset(line.programs),
        words=frozenset(line.words),
        paths=frozenset(found.paths),
        folders=frozenset(found.folders),
        names=frozenset(found.names),
        hosts=frozenset(found.hosts),
        domains=frozenset(found.domains),
        writes=frozenset(written.folders),
        opaque=line.opaque or nothing,
        globs=line.globs,
        incomplete=line.incomplete or found.incomplete or written.incomplete or nothing,
    )


def _merge(line: shell.Line, more: shell.Line) -> None:
    line.programs |= more.programs
    line.words |= more.words
    line.written |= more.written
    line.remote |= more.remote
    line.folders += more.folders
    line.opaque |= more.opaque
    line.globs |= more.globs
    line.incomplete |= more.incomplete


def _cwds(cwd: str, places: Iterable[str]) -> list[str]:
    """All folders in which a part of the line may run: it is not followed which part runs where."""
    found = [cwd] if cwd else []
    for place in places:
        before = [each for each in found if each] or [""]
        found += [place] if place[:1] in ("/", "~") else [f"{each}/{place}" for each in before if each]
    return list(dict.fromkeys(found))[: shell.FOLDERS_MAX * 2]


def _place(word: str) -> str:
    """The host that a bare word of a network program may stand for; empty if it does not look like one."""
    host = re.split(r"[/:?#]", word.rpartition("@")[2], maxsplit=1)[0]
    return host if "://" not in word and (_PARTS.match(host) or host.lower() == "localhost") else ""


def _deed(kind: Doing, cwd: str, found: Named, writes: Iterable[str] = ()) -> Deed:
    return Deed(
        kind,
        cwd,
        paths=frozenset(found.paths),
        folders=frozenset(found.folders),
        names=frozenset(found.names),
        hosts=frozenset(found.hosts),
        domains=frozenset(found.domains),
        writes=frozenset(writes),
        incomplete=found.incomplete,
    )


def _lines(arguments: Mapping[str, object]) -> Iterator[str]:
    """The command lines: text, a list of them, or of objects that hold them. An argument vector is one line."""
    for name in COMMANDS:
        value = arguments.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list) and name == "commands":
            for item in value:
                if isinstance(item, str):
                    yield item
                elif isinstance(item, Mapping):
                    yield from _lines(item)
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            yield " ".join(map(_quoted, value))


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _files(value: object, depth: int = 0) -> Iterator[str]:
    """The texts of all fields that name files, however deep."""
    if depth > DEPTH_MAX:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).lower() in FILES:
                yield from _texts(item)
            if isinstance(item, (Mapping, list)):
                yield from _files(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _files(item, depth + 1)


def _texts(item: object) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, list):
        yield from (each for each in item if isinstance(each, str))


def _patched(arguments: Mapping[str, object]) -> list[str]:
    """The files that a patch changes."""
    texts = [text for name in PATCHES if isinstance(text := arguments.get(name), str)]
    return [name for text in texts for form in (_PATCHED, _DIFFED) for name in form.findall(text)][: FILES_MAX + 1]
