"""Pure: programs that start a container image."""

from __future__ import annotations

import re

from callgate.discovery.launch.environment import is_risky
from callgate.discovery.launch.target import Launched, Package, unknown
from callgate.discovery.launch.words import options, program, read

PROGRAMS = frozenset({"docker", "podman", "nerdctl", "finch"})

_RUN = options(
    "-i -t --interactive --tty --rm --init --read-only -q --quiet --no-healthcheck --sig-proxy -d --detach -P "
    "--publish-all --oom-kill-disable",
    "-e --env --name -m --memory --memory-swap --memory-reservation --cpus -c --cpu-shares --cpuset-cpus -h "
    "--hostname -l --label --network --net --network-alias -p --publish --expose --add-host --dns --dns-search "
    "--log-driver --log-opt --pull --platform -u --user --cap-drop --pids-limit --shm-size --ulimit --stop-timeout "
    "--stop-signal --restart -a --attach --gpus --ip -w --workdir --group-add --cidfile --isolation --domainname",
    "--privileged --disable-content-trust --no-entrypoint --rootfs --systemd --env-host --http-proxy",
    "--entrypoint -v --volume --mount --volumes-from --env-file --tmpfs --cap-add --device --security-opt --pid "
    "--ipc --uts --userns --cgroupns --cgroup-parent --runtime --volume-driver --link --label-file --annotation "
    "--sysctl --secret --storage-opt --env-merge --pod --authfile --decryption-key --init-path --hooks-dir "
    "--image-volume",
    clusters=True,
)
_NAME = re.compile(r"[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_ARGUMENTS = frozenset({"stdio", "run", "start", "serve", "server", "mcp", "http", "sse", "--"})


def start(argv: tuple[str, ...]) -> Launched | None:
    """What `docker run` and its like start; None if this is no such program."""
    name, rest = program(argv[0]), argv[1:]
    if name not in PROGRAMS:
        return None
    if rest[:2] == ("container", "run"):
        rest = rest[1:]
    if rest[:1] != ("run",):
        return unknown(argv, f"{name} is not used with run", tools=(argv[0],))
    found = read(rest[1:], _RUN, f"{name} run")
    caveats = found.caveats
    for one in found.all("-e", "--env"):
        variable = one.partition("=")[0]
        if is_risky(variable) and variable.upper() != "HOME":
            caveats += (f"the variable {variable} changes what runs",)
    if not found.rest:
        return unknown(argv, f"{name} run is given no image")
    target = image(found.rest[0], local_names=name == "podman")
    if target is None:
        return unknown(argv, f"{found.rest[0]!r} does not name the registry of an image")
    word = found.rest[1] if len(found.rest) > 1 else "--"
    if not (word in _ARGUMENTS or word.startswith("-") or "://" in word):
        caveats += (f"{word!r} may replace the image's own command",)
    hosts = found.all("-v", "--volume", "--mount", "--env-file", "--label-file", "--secret")
    before = rest[1 : len(rest) - len(found.rest)]
    given = (*before, "{image}", *found.rest[1:])
    return Launched(target, argv, (argv[0],), caveats, given, any(not _absolute(one) for one in hosts))


def image(reference: str, *, local_names: bool = False) -> Package | None:
    """`[registry/]name[:tag][@digest]` with the name in its short Docker Hub form.

    With `local_names` a name without a registry is looked up as the machine is set up: then it names nothing for sure.
    """
    rest, at, digest = reference.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return None
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    if not _NAME.fullmatch(name) or (tag and not _TAG.fullmatch(tag)):
        return None
    first, slash, path = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        if local_names:
            return None
    elif first in ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"):
        name = path
    name = name.removeprefix("library/")
    return Package("oci", name, digest or (tag if tag != "latest" else None) or None, tag, local=False)


def _absolute(host: str) -> bool:
    for part in host.split(","):
        key, equals, value = part.partition("=")
        if equals and key in ("source", "src"):
            return value.startswith("/")
    return host.startswith("/") or not any(mark in host for mark in "./~$\\")
