"""Pure: programs that only start another program (`sudo`, `env`, `xargs`, ...), and what they start."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from callgate.policy.shell_words import Word

LAYERS_MAX = 16
"""Programs that start programs in one command."""

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "rbash"})
CODE: Mapping[str, tuple[str, ...]] = {
    "python": ("-c", "-"),
    "perl": ("-e", "-E"),
    "ruby": ("-e",),
    "node": ("-e", "-p", "--eval", "--print"),
    "bun": ("-e", "--eval"),
    "deno": ("eval",),
    "php": ("-r",),
    "lua": ("-e",),
    "osascript": ("-e",),
    "powershell": ("-c", "-e", "-Command", "-EncodedCommand"),
    "pwsh": ("-c", "-e", "-Command", "-EncodedCommand"),
}
"""Interpreters, and how the options begin with which they are given code."""

_TAKES_VALUE: Mapping[str, str] = {
    "sudo": "ugpCTRDhrtU",
    "doas": "uC",
    "env": "uC",
    "nice": "n",
    "ionice": "cnp",
    "timeout": "ks",
    "stdbuf": "ioe",
    "xargs": "IEnPLdsa",
    "time": "fo",
    "nohup": "",
    "setsid": "",
    "command": "",
    "builtin": "",
    "exec": "a",
    "busybox": "",
    "toybox": "",
    "chroot": "",
    "watch": "n",
    "strace": "epos",
    "ltrace": "epos",
    "unbuffer": "",
    "caffeinate": "",
    "parallel": "jN",
    "flock": "wE",
    "su": "",
    "runuser": "u",
    "noglob": "",
    "nocorrect": "",
    "coproc": "",
    "then": "",
}
"""Programs that start what follows, with the letters of those options that take the next word."""
_OPERANDS: Mapping[str, int] = {"timeout": 1, "chroot": 1, "flock": 1}
"""How many words stand before what is started."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_VERSION = re.compile(r"^(python|perl|ruby|node|php|lua)[\d.]*$")


def program_name(text: str) -> str:
    """The name by which a program is known: without its folder, `.exe` and its version."""
    name = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = name[:-4] if name.lower().endswith(".exe") else name
    versioned = _VERSION.match(name)
    return versioned[1] if versioned else name


def unwrapped(words: Sequence[Word]) -> list[Sequence[Word]]:
    """A command and each command that it starts, the outermost first."""
    found: list[Sequence[Word]] = []
    open_ones = [words]
    while open_ones and len(found) < LAYERS_MAX:
        layer = open_ones.pop(0)
        if not layer:
            continue
        found.append(layer)
        name = program_name(layer[0].text)
        if name in _TAKES_VALUE:
            open_ones.append(_after(name, layer[1:]))
        elif name == "find":
            open_ones += _executed(layer)
    return found


def _after(name: str, words: Sequence[Word]) -> Sequence[Word]:
    """The words from the started program on."""
    at, operands = 0, _OPERANDS.get(name, 0)
    while at < len(words):
        text = words[at].text
        if name in ("su", "runuser") and text in ("-c", "--command"):
            return [Word("sh"), *words[at:]]
        if name == "env" and text.startswith(("-S", "--split-string")):
            line = text.partition("=")[2] or text[2:] or (words[at + 1].text if at + 1 < len(words) else "")
            return [Word("sh"), Word("-c"), Word(line)]
        if text == "--":
            at += 1
            break
        if text.startswith("-") and len(text) > 1:
            at += 2 if len(text) == 2 and text[1] in _TAKES_VALUE[name] else 1
        elif _ASSIGNMENT.match(text) and name in ("env", "sudo", "doas"):
            at += 1
        elif operands:
            operands -= 1
            at += 1
        else:
            break
    return words[at:]


def _executed(words: Sequence[Word]) -> list[Sequence[Word]]:
    """What `find` executes."""
    found: list[Sequence[Word]] = []
    for number, word in enumerate(words):
        if word.text in ("-exec", "-execdir", "-ok", "-okdir"):
            rest = words[number + 1 :]
            end = next((at for at, each in enumerate(rest) if each.text in (";", "+")), len(rest))
            found.append(rest[:end])
    return found
