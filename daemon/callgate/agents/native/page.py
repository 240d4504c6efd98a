"""Pure: docs/native.md, written from the vendor files. `python -m callgate.agents.native.page > docs/native.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from callgate.agents.native.control import Ability, Can, Control, Native, Source
from callgate.agents.native.table import NATIVES

_HEAD = """\
# The agents' own controls

Written by `python -m callgate.agents.native.page > docs/native.md` from the files in `daemon/callgate/agents/native/`;
do not edit by hand.

Some agents can be told by the organisation, in a file that only an administrator may write, which servers they may
start. `callgate native render DIR` compiles the registry in force into these files
([commands](cli.md#callgate-native)): what it allows and what stands behind a launcher of ours is listed, all else is
refused by the agent itself, before any of our code runs. It is a second lock on the same door. The gate stays the
first: it knows what really runs, the tools and their arguments, and it can say why.

    sudo --preserve-env=HOME callgate native render / --merge    # this machine, for its user
    callgate native diff                                         # exit code 1: not as it should be
    callgate native render DIR --os windows                      # for device management, the same on all machines

## What follows from it

* **Exact command lines** belong to one machine and one user: a launcher's path holds the home, and a digest of where
  the entry stands (`launchers/AGENT/NAME-DIGEST` in Callgate's data folder). So render on the machine, after
  `callgate up`, and again when entries or the registry change: until then a new server is refused. `native diff` finds
  that, and suits as the detection script of device management, `native render / --merge` as its remedy.
* **A fleet** (`--fleet`, or `--os` of another system) gets only what is the same on all machines: addresses, denied
  addresses, and for agents that take patterns the places where launchers lie. For agents that compare exact command
  lines no allow list is written then, for it would keep every local server from starting.
* **One user a machine**: these files hold for all users of a machine, and list the launchers of the one for whom they
  were rendered. With several users, the servers of the others are refused.
* **A server that is refused here** is refused without a word from us: most agents drop it in silence.
  `callgate explain` says why.
* **An approved server that is not behind the gate** (a plugin's, or one in a file that is not to be changed) is on no
  allow list: rendering says so.
* **Remote servers** are listed by address, where the registry allows a `url:` identity. An address with a query, and a
  command line with what looks like a secret, are on no list: everyone can read these files.
* **A denied server** is denied by its command line, with and without launcher, and by its name, unless an approved one
  has the same name.
* **Files of the organisation** are never written over: `render` keeps them and leaves with 1. `--merge` puts our keys
  into them and leaves every other byte, `--replace` writes over them.
"""

_SOURCES = {
    Source.RUN: "seen with the real agent on Linux",
    Source.READ: "read in the agent's program",
    Source.VENDOR: "the vendor's documentation",
    Source.HEARD: "said by others, not checked",
}
_MARKS = {Source.RUN: "", Source.READ: " [r]", Source.VENDOR: " [v]", Source.HEARD: " [?]"}


def render(natives: Sequence[Native] = NATIVES) -> str:
    """The page, as Markdown."""
    return "\n".join(_lines(natives)) + "\n"


def _lines(natives: Sequence[Native]) -> Iterator[str]:
    yield _HEAD
    yield "## What each agent can enforce by itself"
    yield ""
    marks = "; ".join(f"{mark.strip()} {_SOURCES[source]}" for source, mark in _MARKS.items() if mark)
    yield f"Without a mark: {_SOURCES[Source.RUN]}; {marks}."
    yield ""
    yield _row("agent", *(control.value for control in Control), "bad file")
    yield _row(*["---"] * (len(Control) + 2))
    for one in natives:
        yield _row(f"[{one.name}](#{_anchor(one.name)})", *(_cell(one.abilities[each]) for each in Control), one.broken)
    yield ""
    yield "Agents that are not in this table have no such file that is known: only the gate is before their servers."
    yield "Callgate renders what restricts servers; hooks and flags are in the table for whoever writes the rest."
    for one in natives:
        yield from _section(one)


def _section(one: Native) -> Iterator[str]:
    yield ""
    yield f"## {one.name}"
    yield ""
    yield f"`--agent {one.agent}`. When the file does not parse: {one.broken}."
    yield ""
    for system, paths in (("Linux", one.place.linux), ("macOS", one.place.macos), ("Windows", one.place.windows)):
        for path in paths:
            yield f"* {system}: `{path}`"
    for control in Control:
        ability = one.abilities[control]
        if ability.how != "-":
            yield f"* {control.value}: {ability.can.value}, {ability.how}{_MARKS[ability.source]}"
    for note in one.notes:
        yield f"* {note}"


def _cell(ability: Ability) -> str:
    word = f"**{ability.can.value}**" if ability.can is Can.YES else ability.can.value
    return word + _MARKS[ability.source]


def _anchor(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum() or c in " -").replace(" ", "-")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(render())
