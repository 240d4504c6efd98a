"""Pure: shells and other programs that start the command line in their arguments."""

from __future__ import annotations

import shlex

from callgate.discovery.launch.environment import assignment, is_risky
from callgate.discovery.launch.target import Launched, unknown
from callgate.discovery.launch.words import Options, options, program, read
from callgate.discovery.launch.words import words as word_set

Inner = tuple[tuple[str, ...], tuple[str, ...]]
"""The command line inside, and the caveats of the layer around it."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./^- ")
_BUILTINS = word_set(
    ". alias bg bind break builtin case cd command continue coproc declare do done elif else enable esac eval exit "
    "export fc fg fi for function getopts hash help if in jobs let local logout mapfile popd pushd read readonly "
    "return select set shift shopt source then time times trap type typeset ulimit umask unalias unset until wait "
    "while"
)
POSIX = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
SHELLS = POSIX | {"fish", "csh", "tcsh", "nu", "elvish", "xonsh", "cmd", "powershell", "pwsh", "busybox", "wsl"}

WRAPPERS: dict[str, Options] = {
    "nohup": options(),
    "setsid": options("-c -f -w --ctty --fork --wait"),
    "nice": options(values="-n --adjustment"),
    "ionice": options("-t --ignore", "-c -n --class --classdata"),
    "stdbuf": options(values="-i -o -e --input --output --error"),
    "time": options("-p -v --portability --verbose"),
    "sudo": options(
        "-n -E -H -S -k --non-interactive --preserve-env --set-home", "-u -g --user --group -p --prompt", clusters=True
    ),
    "doas": options("-n", "-u"),
    "caffeinate": options("-d -i -m -s -u"),
    "winpty": options(),
}
"""Programs that start the rest of their command line unchanged."""
_TIMEOUT = options("--preserve-status --foreground -v --verbose", "-s -k --signal --kill-after")
_ENV = options("-i --ignore-environment -0 --null -v --debug", "-u --unset", "", "-C --chdir -S --split-string -P")
_CMD = frozenset({"/d", "/s", "/q"})
_CMD_PLAIN = _PLAIN - {"%", "^"} | {"\\"}
_POWERSHELL = options(
    "-noprofile -nop -noninteractive -noni -nologo -nol -sta -mta",
    "-executionpolicy -ep -ex -windowstyle -w -inputformat -outputformat",
    "-noexit",
    "-encodedcommand -e -ec -enc -file -f -configurationname -psconsolefile -version",
)


def unwrap(argv: tuple[str, ...]) -> Inner | Launched | None:
    """The command line inside this one; Launched (unknown) if there is one that cannot be read without doubt;
    None if this is not such a program.
    """
    name, rest = program(argv[0]), argv[1:]
    if name in WRAPPERS:
        return _inside(argv, name, rest, WRAPPERS[name])
    if name == "timeout":
        found = read(rest, _TIMEOUT, name)
        return _checked(argv, found.rest[1:], found.caveats)
    if name == "env":
        return _env(argv, rest)
    if name in POSIX:
        return _posix(argv, name, rest)
    if name == "cmd":
        return _cmd(argv, rest)
    if name in ("powershell", "pwsh"):
        return _powershell(argv, name, rest)
    return unknown(argv, f"what {name} runs is not read here") if name in SHELLS else None


def _checked(argv: tuple[str, ...], inner: tuple[str, ...], caveats: tuple[str, ...]) -> Inner | Launched:
    if not inner or not inner[0] or inner[0].startswith("-"):
        return unknown(argv, f"{program(argv[0])} is given no command")
    return inner, caveats


def _inside(argv: tuple[str, ...], name: str, rest: tuple[str, ...], table: Options) -> Inner | Launched:
    found = read(rest, table, name)
    return (_assigned if name == "sudo" else _checked)(argv, found.rest, found.caveats)


def _env(argv: tuple[str, ...], rest: tuple[str, ...]) -> Inner | Launched:
    found = read(rest, _ENV, "env")
    return _assigned(argv, found.rest, found.caveats)


def _assigned(argv: tuple[str, ...], words: tuple[str, ...], caveats: tuple[str, ...]) -> Inner | Launched:
    """Take `NAME=value` words off the front."""
    at = 0
    while at < len(words) and (pair := assignment(words[at])):
        if is_risky(pair[0]):
            caveats += (f"the variable {pair[0]} changes what runs",)
        at += 1
    return _checked(argv, words[at:], caveats)


def _posix(argv: tuple[str, ...], name: str, rest: tuple[str, ...]) -> Inner | Launched:
    """`sh -c "one plain command"`. Letters before c: l (login), i, e, u, x change nothing about a plain command."""
    if len(rest) < 2 or rest[0][:1] != "-" or rest[0][-1:] != "c" or not set(rest[0][1:-1]) <= set("lieux"):
        return unknown(argv, f"what {name} runs is not a plain command given with -c")
    text = rest[1]
    words = _plain_words(text)
    if words is None:
        return unknown(argv, f"the {name} script is more than one plain command")
    if words and (pair := assignment(words[0])) and text.lstrip().startswith(pair[0] + "="):  # the name is not quoted
        inner = _assigned(argv, words, ())
        if isinstance(inner, Launched):
            return inner
        words, caveats = inner
    else:
        caveats = ()
    if words[:1] == ("exec",) and words[1:2] and not words[1].startswith("-"):
        words = words[1:]
    if words and (words[0] in _BUILTINS or words[0] == "exec" or "=" in words[0]):
        return unknown(argv, f"the {name} script uses the shell's own {words[0]}")
    return _checked(argv, words, caveats)


def _plain_words(text: str) -> tuple[str, ...] | None:
    """The words of a script in which nothing but quotes has a meaning to the shell, else None."""
    if not set(text) <= _PLAIN | {"'", '"'}:
        return None
    try:
        return tuple(shlex.split(text, comments=False, posix=True))
    except ValueError:
        return None


def _cmd(argv: tuple[str, ...], rest: tuple[str, ...]) -> Inner | Launched:
    """`cmd [/d] [/s] /c COMMAND ...`: cmd joins its arguments and parses them again."""
    at = 0
    while at < len(rest) and rest[at].lower() in _CMD:
        at += 1
    if at == len(rest) or rest[at].lower() != "/c":
        return unknown(argv, "what cmd runs is not a plain command given with /c")
    words = rest[at + 1 :]
    if len(words) == 1:  # npm and others hand over one quoted string
        text = words[0]
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]
        words = tuple(text.split())
    if not all(set(word) <= _CMD_PLAIN - {" "} for word in words):
        return unknown(argv, "the command for cmd holds characters that cmd itself reads")
    return _checked(argv, words, ())


def _powershell(argv: tuple[str, ...], name: str, rest: tuple[str, ...]) -> Inner | Launched:
    """`powershell [options] -Command WORDS`: PowerShell joins the words and parses them again."""
    lowered = [word.lower() for word in rest]
    at = next((at for at, word in enumerate(lowered) if word in ("-command", "-c")), None)
    if at is None:
        return unknown(argv, f"what {name} runs is not a plain command given with -Command")
    before = read(tuple(lowered[:at]), _POWERSHELL, name)
    text = " ".join(rest[at + 1 :])
    if before.caveats or before.rest or not set(text) <= _PLAIN - {"@", "%", ","} | {"\\", "@"} or " @" in text:
        return unknown(argv, f"the command for {name} is more than one plain command")
    return _checked(argv, tuple(text.split()), ())
