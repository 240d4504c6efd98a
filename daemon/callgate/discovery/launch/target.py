"""Pure: what a command line may turn out to launch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Package:
    """A package that a runner (npx, uvx, docker, ...) fetches and starts."""

    kind: str
    """A ServerIdentity kind: npm, pypi or oci."""
    name: str
    version: str | None = None
    """Exact version (for oci: tag or digest), or None when it floats."""
    spec: str = ""
    """The version as written, when it is a range or a tag."""
    command: str | None = None
    """The program to start, when it is not named like the package: it is the package's own only if PATH has none."""
    local: bool = True
    """The runner prefers what lies in the folder's own node_modules to what the registry has."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file that an interpreter reads."""

    interpreter: str
    file: str
    base: str = ""
    """The folder that a relative `file` starts from, when the command line names one."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module that Python finds by name (`python -m name`)."""

    interpreter: str
    name: str
    isolated: bool = False
    """The current folder is not searched."""


@dataclass(frozen=True, slots=True)
class Executable:
    """A program that is started directly; its arguments are its own business."""

    command: str


@dataclass(frozen=True, slots=True)
class Url:
    """A remote server behind a local bridge."""

    url: str
    via: Package | None = None
    """The package that is the bridge, when a runner fetches it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A command line of which we cannot say what it runs; `Launched.caveats` says why."""


Target = Package | Script | Module | Executable | Url | Unknown


@dataclass(frozen=True, slots=True)
class Launched:
    """What a command line launches.

    With any caveat the target is only a guess for messages: the command line as a whole is what runs, and an approval
    of the target must not reach it.
    """

    target: Target
    argv: tuple[str, ...]
    """The innermost command line: what is left when all wrappers are taken off."""
    tools: tuple[str, ...] = ()
    """Every program on the way, as written, from the outside in. The target holds only if each is what it is called."""
    caveats: tuple[str, ...] = ()
    arguments: tuple[str, ...] | None = None
    """What the target itself is given; of a container all words after `run`, with `{image}` for its image. None: not
    known."""
    place_matters: bool = True
    """The folder in which it is started may change what it runs."""
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The variables, with their values, that may change what it runs: the reason of a caveat."""

    def doubt(self, *caveats: str) -> Launched:
        """The same with more caveats."""
        return replace(self, caveats=self.caveats + caveats)


def unknown(argv: tuple[str, ...], why: str, *, tools: tuple[str, ...] = ()) -> Launched:
    """A command line that cannot be read further, and why."""
    return Launched(Unknown(), argv, tools, (why,))
