"""Pure: docs/agents.md, written from the vendor files. `python -m callgate.agents.page > docs/agents.md`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from callgate.agents import ALL
from callgate.agents.adapter import Agent, Paths, Place
from callgate.agents.hooking import Hooks
from callgate.model.inventory import Scope

_HEAD = """\
# Supported agents

Written by `python -m callgate.agents.page > docs/agents.md` from the files in `daemon/callgate/agents/`; do not edit by
hand. [How to add an agent](adding-an-agent.md).

"Wrapped" means that Callgate rewrites the entry so that the server starts behind the gate. That can be done for local
(stdio) servers, and for remote ones ([HTTP](http.md)) without OAuth. A file under version control is never changed: if
the agent lets a file of the user's own override the project's entries ("shadowed"), that is used, else the entry is
reported. Everything that is not wrapped is shown by `callgate servers`, with the reason. [Hooks](hooks.md) put the
agent's own tools behind the gate; "open" means that the agent runs a tool when the hook itself fails.

`~` is the home, `${NAME:-other}` the environment variable NAME or, if it is not set, `other`; `*` is any name.
"""
_WORDS = {
    Scope.USER: "user",
    Scope.LOCAL: "local",
    Scope.PROJECT: "project",
    Scope.SYSTEM: "system",
    Scope.PLUGIN: "plugin",
}


def render(agents: Sequence[Agent] = ALL) -> str:
    """The page, as Markdown."""
    lines = [_HEAD, "| agent | wrapped | read and reported | hooks | not to be found on disk |", "| --- " * 5 + "|"]
    lines += [_overview(agent) for agent in agents]
    for agent in agents:
        lines += ["", *_section(agent)]
    return "\n".join(lines) + "\n"


def _overview(agent: Agent) -> str:
    wrapped = sorted({_WORDS[place.scope] for place in agent.places if place.unwrappable is None}, reverse=True)
    reported = sorted({_WORDS[place.scope] for place in agent.places if place.unwrappable is not None})
    anchor = re.sub(r"[^a-z0-9 -]", "", agent.name.lower()).replace(" ", "-")
    hooks = agent.hooks
    word = "-" if hooks is None else "yes, fails " + ("open" if hooks.fails.startswith("open") else "closed")
    return _row(f"[{agent.name}](#{anchor})", ", ".join(wrapped), ", ".join(reported) or "-", word, agent.blind or "-")


def _section(agent: Agent) -> Iterator[str]:
    yield f"## {agent.name}"
    yield ""
    yield f"`--agent {agent.id}`. [The vendor's documentation]({agent.docs})."
    yield ""
    yield "| scope | files | format | wrapped |"
    yield "| --- | --- | --- | --- |"
    for place in agent.places:
        yield _row(_WORDS[place.scope], _files(place.paths), place.format.value, _wrapped(agent, place))
    if agent.hooks is not None:
        yield from ("", _hooks(agent.hooks))


def _hooks(hooks: Hooks) -> str:
    spots = [f"`{hooks.spot.path}`", *([f"`{hooks.managed.path}` for an administrator"] if hooks.managed else [])]
    seen = "seen with the real agent" if hooks.proven else "from its documentation"
    said = [f"Hooks: in {', '.join(spots)} ({seen}). When the hook itself fails: {hooks.fails}."]
    return " ".join([*said, *(text for text in (hooks.spot.trust, hooks.note) if text)])


def _wrapped(agent: Agent, place: Place) -> str:
    if place.unwrappable is not None:
        word = f"no: {place.unwrappable}"
    elif place.scope is Scope.PROJECT:
        over = agent.shadow.over if agent.shadow else ()
        shadowed = all(template in over for template in place.paths.on("linux"))
        word = "yes; under version control shadowed" if shadowed else "yes; under version control reported"
    else:
        word = "yes"
    return f"{word} ({place.note})" if place.note else word


def _files(paths: Paths) -> str:
    systems = {"Linux": paths.linux, "macOS": paths.macos, "Windows": paths.windows}
    groups: dict[tuple[str, ...], list[str]] = {}
    for system, templates in systems.items():
        if templates:
            groups.setdefault(templates, []).append(system)
    if len(groups) == 1 and len(next(iter(groups.values()))) == len(systems):
        return _spelled(paths.linux)
    return "<br>".join(f"{', '.join(names)}: {_spelled(templates)}" for templates, names in groups.items())


def _spelled(templates: tuple[str, ...]) -> str:
    return "<br>".join(f"`{template.replace('{project}', '<project>')}`" for template in templates)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(render())
