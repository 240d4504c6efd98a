"""What an approval may say of how a server is started, from what is installed on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from callgate.discovery import installed
from callgate.discovery.examine import file_of
from callgate.discovery.folders import Trees
from callgate.discovery.identify import IN_DOUBT, Identifier
from callgate.discovery.installed import Installed
from callgate.discovery.launch.read import read_launch
from callgate.discovery.launch.target import Launched
from callgate.model.errors import RegistryError
from callgate.model.identity import Identified, Launch, ServerIdentity
from callgate.policy import patterns, starting
from callgate.policy.starting import SCRIPTS, Starting

IMAGE_SECONDS = 20
"""Seconds for the container engine to say what an image is."""
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a launch is to be part of its approval."""

    files: bool = False
    """The digests of the package's own files."""
    dependencies: bool = False
    """Those of all packages that it needs, too."""
    arguments: bool = False
    """Exactly the arguments that it is given here."""
    environment: tuple[str, ...] | None = None
    """The variables that may be set for it. None: any."""


def of_launch(argv: Sequence[str], env: Mapping[str, str], wanted: Wanted) -> tuple[Identified, Starting]:
    """The server behind a command line, in its exact version, and how it may be started. Raises RegistryError."""
    identifier = Identifier()
    launch = Launch(tuple(argv), str(Path.cwd()), env.get("PATH", _DEFAULT_PATH))
    launched = read_launch(launch.argv, identifier.own)
    with identifier.digests.noting() as seen:
        found = identifier.identify(launch)
    server = found.server
    if found.evidence.startswith(IN_DOUBT):
        raise RegistryError(argv[0], found.evidence, "name the server by a plain command line")
    if server.kind in ("npm", "pypi", "oci") and server.version is None:
        found = replace(found, server=_exact(found, launched, identifier, launch))
    files: dict[str, str] = {}
    if wanted.files or wanted.dependencies:
        file = file_of(found, seen)
        places = installed.places(found, launched, file, identifier.place(launch))
        if isinstance(places, str):
            raise RegistryError(str(server), places, "then pin it again")
        for one in places:
            if one.odd:
                raise RegistryError(str(server), one.odd, "it cannot be pinned as it lies here")
            _take(files, one, identifier, wanted.dependencies)
    lines = None
    if wanted.arguments:
        lines = (tuple(map(patterns.literal, launched.arguments or ())),)
    return found, Starting(files, lines, wanted.environment)


def _exact(found: Identified, launched: Launched, identifier: Identifier, launch: Launch) -> ServerIdentity:
    """The version that a floating one has on this machine now."""
    server = found.server
    step = "name an exact version in the command line"
    if server.kind == "oci":
        return replace(server, version=_image_digest(launched, step))
    places = installed.places(found, launched, "", identifier.place(launch))
    if isinstance(places, str):
        raise RegistryError(str(server), places, step)
    names = {one.name for one in places}
    if len(names) != 1:
        raise RegistryError(str(server), f"lies here in several versions ({', '.join(sorted(names))})", step)
    (name,) = names
    exact = ServerIdentity.parse(name) if name else server
    if exact.version is None or exact.name != server.name:
        raise RegistryError(str(server), f"is not what lies in its place ({name or 'nothing'})", step)
    return exact


def _image_digest(launched: Launched, step: str) -> str:
    """The digest by which the registry of an image knows it, as the engine says."""
    engine, at = launched.argv[0], (launched.arguments or ()).index("{image}")
    reference = launched.argv[launched.argv.index("run") + 1 + at]
    try:
        done = subprocess.run(
            [engine, "image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", reference],
            capture_output=True,
            text=True,
            timeout=IMAGE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RegistryError(reference, f"{engine} does not say what it is ({error})", step) from error
    digests = {line.rpartition("@")[2] for line in done.stdout.split() if "@sha256:" in line}
    if len(digests) != 1:
        raise RegistryError(reference, f"{engine} knows {len(digests)} digests of it", f"pull it, or {step}")
    return digests.pop()


def _take(files: dict[str, str], one: Installed, identifier: Identifier, dependencies: bool) -> None:
    """Add the digests of one place. Raises RegistryError where two places differ."""
    found, trees = {}, Trees(identifier.digests)
    try:
        for path in one.own:
            if one.scripts and path.startswith(one.scripts + "/"):
                name = SCRIPTS + path.removeprefix(one.scripts + "/")
                found[name] = identifier.digests.of(path, without_first_line=True)
            else:
                found[path.removeprefix(one.root + "/") if one.root else path] = identifier.digests.of(path)
        for folder in installed.needs(one) if dependencies else ():
            found[folder] = trees.digest(f"{one.root}/{folder}".rstrip("/"))
    except OSError as error:
        raise RegistryError(error.filename or one.root, f"cannot be read ({error.strerror})", "check it") from error
    for name, digest in found.items():
        if files.setdefault(name, f"sha256:{digest}") != f"sha256:{digest}":
            what = f"{os.path.basename(name)} is not the same in all places where it lies"  # noqa: PTH119
            raise RegistryError(one.root, what, "remove the caches that are not used, and pin again")
    if len(files) > starting.FILES_MAX:
        raise RegistryError(one.root, f"holds more than {starting.FILES_MAX} files", "pin it without its dependencies")
