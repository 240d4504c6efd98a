"""Pure: what a shell command line runs, reads and writes, from its syntax tree. Hostile input, bounded work.

Parsed by tree-sitter's grammar of Bash, which also reads what POSIX shells and zsh share with it. Nothing is executed
and nothing is asked of the disk. What cannot be known without running it (variables that the line does not set,
substitutions, code for another interpreter, syntax that is not understood) is said: `opaque`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from callgate.policy.shell_words import Scope, Word, joined, word_of
from callgate.policy.wrappers import CODE, SHELLS, program_name, unwrapped

TEXT_MAX = 64 * 1024
"""Bytes of one command line that are parsed; the worst of that size took 0.17 s (measured), usual ones 0.1 ms."""
NODES_MAX = 50_000
"""Nodes of one tree that are visited."""
INNER_MAX = 4
"""Command lines inside command lines (`sh -c`, `eval`)."""
SEEN_MAX = 512
"""Programs, words and paths that are kept of each kind."""
FOLDERS_MAX = 8
"""Folders in which the line may find itself after its `cd`s."""

_WRITES = frozenset({">", ">>", "&>", "&>>", ">|", "<>", ">&"})
_NO_FILE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "-"})
_READS_CODE = frozenset({"source", ".", "alias", "trap", "ssh", "awk", "gawk", "mawk"})


@dataclass(slots=True)
class Line:
    """What was found in one command line, and in those inside it."""

    programs: set[str] = field(default_factory=set)
    """Names of all programs, built-in commands and functions that it may run, without their folder."""
    words: set[str] = field(default_factory=set)
    """All arguments, quotes and escapes taken away, and the paths of programs that are given with a folder."""
    written: set[str] = field(default_factory=set)
    """Files that its redirections write."""
    remote: set[str] = field(default_factory=set)
    """Arguments of programs that talk to hosts: a bare word may be a host."""
    folders: list[str] = field(default_factory=list)
    """Where it changes to with `cd`, as written."""
    opaque: bool = False
    """Not all that it runs, or with what, can be known."""
    globs: bool = False
    """It has patterns, which stand for whatever files there are."""
    incomplete: bool = False
    """There was more than is looked at."""


def read(text: str) -> Line:
    """What a command line does. Never fails."""
    line = Line()
    _read(text, line, Scope(), 0)
    return line


@lru_cache(1)
def _language() -> Language:
    return Language(tree_sitter_bash.language())


def _read(text: str, line: Line, scope: Scope, depth: int) -> None:
    data = text.encode("utf-8", "replace")
    if len(data) > TEXT_MAX or depth > INNER_MAX:
        line.incomplete = line.opaque = True
        return
    root = Parser(_language()).parse(data).root_node
    line.opaque |= root.has_error
    for node in _all(root, line):
        if node.type == "command":
            _command(node, line, scope, depth)
        elif node.type == "file_redirect":
            _redirect(node, line, scope)
        elif node.type == "variable_assignment":
            scope.assign(node)
        elif node.type in ("declaration_command", "unset_command"):
            _declaration(node, line, scope)
        elif node.type in ("command_substitution", "process_substitution"):
            line.opaque = True
        elif node.type in ("for_statement", "select_statement"):
            scope.forget(node.child_by_field_name("variable"))


def _all(root: Node, line: Line) -> Iterator[Node]:
    """The tree in the order of the text, without recursion: its depth is chosen by whoever wrote it."""
    stack, seen = [root], 0
    while stack:
        node = stack.pop()
        seen += 1
        if seen > NODES_MAX:
            line.incomplete = line.opaque = True
            return
        yield node
        stack.extend(reversed(node.children))


def _command(node: Node, line: Line, scope: Scope, depth: int) -> None:
    words: list[Word] = []
    end = -1
    for child in node.children:
        if _is_word(child):
            word = word_of(child, scope)
            if child.start_byte == end:  # the grammar splits some words whose parts are quoted in different ways
                word = joined(words.pop(), word)
            words.append(word)
        end = child.end_byte
    _run(words, line, scope, depth, _fed(node))


def _is_word(node: Node) -> bool:
    return node.is_named and not node.type.endswith("_redirect") and node.type != "variable_assignment"


def _run(words: Sequence[Word], line: Line, scope: Scope, depth: int, fed: str | None = None) -> None:
    """Take in one simple command: its program, behind all that only starts another one, and its words."""
    for layer in unwrapped(words):
        if not layer:
            continue
        first, rest = layer[0], layer[1:]
        _note(line, layer)
        name = program_name(first.text)
        if not first.known or not name:
            line.opaque = True
        if name and len(line.programs) < SEEN_MAX:
            line.programs.add(name)
        _special(name, rest, line, scope, depth, fed)


def _note(line: Line, words: Sequence[Word]) -> None:
    first, *rest = words
    taken = [first, *rest] if "/" in first.text else rest
    for word in taken:
        line.opaque |= not word.known
        line.globs |= word.glob
        if word.text:
            if len(line.words) >= SEEN_MAX:
                line.incomplete = True
                return
            line.words.add(word.text)


def _special(name: str, rest: Sequence[Word], line: Line, scope: Scope, depth: int, fed: str | None) -> None:
    """Programs whose arguments are more than words."""
    texts = [word.text for word in rest]
    if name in SHELLS:
        inner = _inner(texts)
        if inner is not None:
            _read(inner, line, scope, depth + 1)
        elif fed is not None:
            _read(fed, line, scope, depth + 1)
        else:
            line.opaque = True  # a script's text, or whatever is piped into it
    elif name == "eval":
        _read(" ".join(texts), line, scope, depth + 1)
    elif _runs_code(name, texts):
        line.opaque = True
    elif name in ("cd", "pushd", "chdir"):
        target = next((text for text in texts if not text.startswith("-")), "~")
        if len(line.folders) < FOLDERS_MAX:
            line.folders.append(target)
        else:
            line.incomplete = True
    if name in _SETS:
        scope.values.update(dict.fromkeys(scope.values.keys() & set(texts)))
    if name in _NETWORK:
        line.remote.update(texts[:SEEN_MAX])


def _runs_code(name: str, texts: Sequence[str]) -> bool:
    """Does it run what is not in this line, or is no shell's?"""
    return name in _READS_CODE or (name in CODE and any(text.startswith(CODE[name]) for text in texts))


def _inner(texts: Sequence[str]) -> str | None:
    """The command line that a shell is given with -c, also in a cluster of options (-lc)."""
    for number, text in enumerate(texts):
        if text.startswith("-") and not text.startswith("--") and "c" in text:
            return next((each for each in texts[number + 1 :] if not each.startswith("-")), "")
        if not text.startswith(("-", "+")):
            return None
    return None


def _fed(node: Node) -> str | None:
    """The text that a command is fed by a here-document or here-string, as far as it is known."""
    parent = node.parent
    holders = [node, parent] if parent is not None and parent.type == "redirected_statement" else [node]
    for holder in holders:
        for child in holder.children:
            if child.type == "herestring_redirect" and child.named_children:
                word = word_of(child.named_children[0], Scope())
                return word.text if word.known else None
            if child.type == "heredoc_redirect":
                body = next((each for each in child.children if each.type == "heredoc_body"), None)
                return (body.text or b"").decode("utf-8", "replace") if body is not None else None
    return None


def _redirect(node: Node, line: Line, scope: Scope) -> None:
    operator = next((child.type for child in node.children if not child.is_named), "")
    target = node.child_by_field_name("destination")
    if target is None:
        return
    word = word_of(target, scope)
    line.opaque |= not word.known
    line.globs |= word.glob
    if not word.text or word.text in _NO_FILE or word.text.isdecimal():
        return
    if len(line.words) >= SEEN_MAX:
        line.incomplete = True
        return
    line.words.add(word.text)
    if operator in _WRITES:
        line.written.add(word.text)


def _declaration(node: Node, line: Line, scope: Scope) -> None:
    line.programs.add(node.children[0].type if node.children else "export")
    line.words.update(word_of(child, scope).text for child in node.children[1:] if child.type == "word")


_SET = "read mapfile readarray getopts printf let declare local typeset export readonly"
_SETS = frozenset(_SET.split())
"""Built-in commands that give variables values which cannot be known."""
_NET = "curl wget ssh scp sftp rsync nc ncat netcat telnet ping dig nslookup host ftp http https xh aria2c socat"
_NETWORK = frozenset(_NET.split())
"""Programs to which a bare word may be a host."""
