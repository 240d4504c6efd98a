"""Pure: what a vendor file says of its agent, and how its path templates become paths on one machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from callgate.agents.hooking import Hooks
from callgate.agents.knob import Knob
from callgate.agents.process import recognise
from callgate.agents.shadow import Shadow
from callgate.agents.ways import Ways
from callgate.model.inventory import Format, Scope, Surroundings

OVERWRITTEN = "it belongs to a plugin or extension, whose updates overwrite it"
NEEDS_ROOT = "it is a system file, which only an administrator may change"


@dataclass(frozen=True, slots=True)
class Paths:
    """Path templates per system, always with `/`.

    `~` is the home, `{project}` a project's folder, `${VAR:-other}` a variable or, where it is not set, `other`
    (itself a template); `${VAR}` without a default makes the path apply only where the variable is set.
    `*` stands for any name in one folder, as in glob.
    """

    linux: tuple[str, ...] = ()
    macos: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()

    def on(self, os: str) -> tuple[str, ...]:
        """The templates for that system; none for a system that we do not know."""
        return {"linux": self.linux, "macos": self.macos, "windows": self.windows}.get(os, ())


def same(*templates: str) -> Paths:
    """The same templates on all systems."""
    return Paths(templates, templates, templates)


def app_data(tail: str, *apps: str) -> Paths:
    """`tail` in the folder where desktop apps of these names (Electron's userData) keep their state."""
    return Paths(
        tuple(f"${{XDG_CONFIG_HOME:-~/.config}}/{app}/{tail}".rstrip("/") for app in apps),
        tuple(f"~/Library/Application Support/{app}/{tail}".rstrip("/") for app in apps),
        tuple(f"${{APPDATA:-~/AppData/Roaming}}/{app}/{tail}".rstrip("/") for app in apps),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or several alike, in which an agent keeps server entries."""

    scope: Scope
    paths: Paths
    format: Format
    """JSON only where the agent was seen to reject comments; JSONC else, so that we never read less than it does."""
    shape: str
    unwrappable: str | None = None
    """Why entries of this file are read but never rewritten, or None."""
    note: str = ""

    @property
    def is_pattern(self) -> bool:
        """Are its expanded paths glob patterns? Then the home, project and variables in them are escaped for glob."""
        return any("*" in template for os in ("linux", "macos", "windows") for template in self.paths.on(os))

    def names(self, around: Surroundings) -> frozenset[str]:
        """The names of its files, without their folders, for whoever watches those folders; they may hold `*`."""
        paths = (*expand(self, around), *expand(self, around, around.home))
        return frozenset(path.replace("\\", "/").rpartition("/")[2] for path in paths)

    def folder_names(self, around: Surroundings) -> frozenset[str]:
        """The names of the folders on the way to its files, for whoever waits for such a folder to appear."""
        paths = (*expand(self, around), *expand(self, around, around.home))
        parts = {part for path in paths for part in path.replace("\\", "/").split("/")[1:-1]}
        return frozenset(part for part in parts if not any(mark in part for mark in "*?["))


@dataclass(frozen=True, slots=True)
class Agent:
    """All that Callgate knows of one vendor's agent."""

    id: str
    name: str
    executables: tuple[str, ...]
    """By what its processes are known (agents.process.recognise)."""
    evidence: Paths
    """If one of these exists, the agent is (or was) installed."""
    places: tuple[Place, ...]
    shadow: Shadow | None = None
    hooks: Hooks | None = None
    knobs: tuple[Knob, ...] = ()
    """Where the address of its model stands."""
    ways: Ways = field(default_factory=Ways)
    """The ways round the gate that it offers."""
    docs: str = ""
    """Where the vendor documents its servers' configuration."""
    blind: str = ""
    """What of its servers cannot be found on disk: a sentence for the user, empty if nothing is known."""

    def is_process(self, exe: str, argv: Sequence[str]) -> str | None:
        """Is the process with this executable path ("" if unknown) and command line this agent?

        Returns the evidence as a sentence, or None.
        """
        return recognise(self.executables, exe, argv)

    def signs(self, around: Surroundings) -> tuple[str, ...]:
        """Absolute paths of which one must exist for the agent to count as installed."""
        return _expand(self.evidence, around, None, escape=False)


def expand(place: Place, around: Surroundings, project: str | None = None) -> tuple[str, ...]:
    """Absolute paths (glob patterns if `place.is_pattern`) of this place on this machine.

    Without `project`: what belongs to the person or the system. With it: only what lies in that project's folder.
    () when the place does not apply: another system, a variable that is not set or holds a relative path.
    """
    return _expand(place.paths, around, project, escape=place.is_pattern)


def knob_files(knob: Knob, around: Surroundings) -> tuple[str, ...]:
    """Absolute paths of a knob's files on this machine."""
    filled = (fill(template, around) for template in knob.files)
    return tuple(dict.fromkeys(path for path in filled if path is not None))


def _expand(paths: Paths, around: Surroundings, project: str | None, *, escape: bool) -> tuple[str, ...]:
    found = []
    for template in paths.on(around.os):
        if ("{project}" in template) != (project is not None):
            continue
        path = fill(template, around, project, escape=escape)
        if path is not None and path not in found:
            found.append(path)
    return tuple(found)


_VARIABLE = re.compile(r"^\$\{(?P<name>\w+)(?::-(?P<other>[^}]*))?\}")


def fill(template: str, around: Surroundings, project: str | None = None, *, escape: bool = False) -> str | None:
    """The absolute path that one template gives; None if it gives none. With `escape`, for use as a glob pattern.

    Only the first part of a template is ever variable.
    """
    if variable := _VARIABLE.match(template):
        rest = template[variable.end() :]
        value = _lookup(variable["name"], around)
        if not value:
            other = variable["other"]
            return None if other is None else fill(other + rest, around, project, escape=escape)
        if value == "~" or value.startswith("~/"):
            value = around.home + value[1:]
    elif template.startswith("{project}") and project is not None:
        value, rest = project, template.removeprefix("{project}")
    elif template.startswith("~"):
        value, rest = around.home, template[1:]
    else:
        value, rest = "", template
    if value:
        value = value.rstrip("/\\") if rest else value
        value = _escape(value) if escape else value
    path = value + rest
    if around.os == "windows":
        path = path.replace("/", "\\")
    return path if _is_absolute(path, around.os) else None


def _lookup(name: str, around: Surroundings) -> str:
    if around.os != "windows":
        return around.env.get(name, "")
    return next((value for key, value in around.env.items() if key.upper() == name.upper()), "")


def _escape(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _is_absolute(path: str, os: str) -> bool:
    if os == "windows":
        return bool(re.match(r"[A-Za-z]:\\|\\\\", path))
    return path.startswith("/")
