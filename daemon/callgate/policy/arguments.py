"""Pure: which paths and hosts a call's arguments name, found without knowing the tool. Hostile input, bounded work.

It is a search, not a proof: what a tool makes of its arguments only the tool knows. Rules that forbid may rely on what
is found; that nothing was found allows nothing. What was not searched through is said (`incomplete`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

DEPTH_MAX = 32
"""Levels of nesting that are looked into."""
VALUES_MAX = 10_000
"""Values that are looked at."""
TEXT_MAX = 4096
"""Characters of one text that are searched; the rest is not."""
SEARCHED_MAX = 16 * 1024
"""Characters that are searched in one call."""
FOUND_MAX = 256
"""Paths and hosts of one call."""
NAME_MAX = 1024
"""Characters of one path; longer ones no file system has in daily use."""
FOLDERS_MAX = 64
"""Folders above one path."""


@dataclass(slots=True)
class Named:
    """What was found."""

    paths: set[str] = field(default_factory=set)
    """Each path in its shortest form, `/` between its parts, upper and lower case as written."""
    folders: set[str] = field(default_factory=set)
    """The paths and every folder above them; where they lie in the home, also as `~/...`."""
    names: set[str] = field(default_factory=set)
    """Every part of every path, in lower case."""
    hosts: set[str] = field(default_factory=set)
    """Hosts of addresses, in lower case; IP addresses in their usual form."""
    domains: set[str] = field(default_factory=set)
    """The hosts and every domain above them."""
    incomplete: bool = False
    """There was more than is looked at."""


NOTHING = Named()

_WORDS = re.compile(r"[^\s'\"`;|&<>(){}\[\],=\\$]+(?:\\[^\s'\"`;|&<>(){}\[\],=\\$]*)*|\\\\[^\s'\"`;|&<>,=]+")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31}):[/\\]{2}([^\s'\"`<>|]*)")
_END = re.compile(r"[/?#]")
_BACKSLASH_END = re.compile(r"[/?#\\]")
_AFTER_PATH = re.compile(r"[?#]")
_AFTER_HOST = re.compile(r"[)\]},;]")
"""What stands behind an address in a text."""
_NUMERIC = re.compile(r"(?:[0-9a-fx]*\.)*(?:0x[0-9a-f]*|[0-9]+)")
"""What programs may read as an IPv4 address: the last part begins with a digit."""
_HINT = re.compile(r"[/\\@~]|(?<![^\s'\"=(,])\.[^\s.]")
"""What a text has that holds a path or a host: most texts have not, and are done with."""
_PLAIN = re.compile(r"[\w/.~-]+", re.ASCII)
"""A path that is nothing else: it need not be taken apart."""
_ROUNDABOUT = re.compile(r"\\|//|(?:^|/)\.\.?(?:/|$)")
"""What a path has that is not in its shortest form."""
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_PATH_FIELD = re.compile(r"path|file|dir|folder|cwd|root|source|destination|target|uri", re.IGNORECASE)
_HOST_FIELD = re.compile(r"host|domain|server|^addr", re.IGNORECASE)
_HOST = re.compile(r"^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$")


def named(arguments: Mapping[str, object] | None, home: str = "", cwds: Iterable[str] = ()) -> Named:
    """The paths and hosts in parsed arguments. `home` is the caller's home folder ("": not known); relative paths are
    also taken from each of `cwds`. Never fails.
    """
    found = Named()
    room = SEARCHED_MAX
    for number, (name, value) in enumerate(_texts(arguments, found)):
        if number >= VALUES_MAX or room <= 0 or len(found.paths) + len(found.hosts) > FOUND_MAX:
            found.incomplete = True
            break
        text = value[: min(TEXT_MAX, room)]
        room -= len(text)
        found.incomplete |= len(text) < len(value)
        kind = _field(name) if len(name) < NAME_MAX else ""
        if kind or _HINT.search(text):
            _search(kind, text, found)
    for path in list(found.paths):
        if path[0] not in "/~" and not _DRIVE.match(path):
            found.paths.update(_shortest(f"{cwd}/{path}") for cwd in cwds)
    _climb(found, home)
    return found


@lru_cache(1024)
def _field(name: str) -> str:
    """What a field of that name is likely to hold: a path, a host, or nothing that we know."""
    if _PATH_FIELD.search(name):
        return "path"
    return "host" if _HOST_FIELD.search(name) else ""


def _texts(value: object, found: Named, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text with the name of the field that holds it; names of fields are texts too, and all else is empty."""
    if type(value) is str:
        yield name, value
    elif depth > DEPTH_MAX:
        found.incomplete = True
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield "", str(key)
            yield from _texts(item, found, str(key), depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item, found, name, depth + 1)
    else:
        yield "", ""


def _search(kind: str, text: str, found: Named) -> None:
    whole = text.strip()
    if not whole:
        return
    if "://" in text or ":\\\\" in text:
        for match in _ADDRESS.finditer(text):
            _add_address(match[1].lower(), match[2], found)
        text = _ADDRESS.sub(" ", text)
    elif kind == "path" and "\n" not in whole:
        _add_path(whole, found)
        if _PLAIN.fullmatch(whole):
            return
    elif kind == "host" and "/" not in whole and "\\" not in whole:
        _add_host(_without_port(whole), found)
    for word in _WORDS.findall(text):
        _word(word, found)


def _word(word: str, found: Named) -> None:
    option, colon, rest = word.partition(":")
    if word[0] in "/~." or _DRIVE.match(word) or word.startswith("\\\\"):
        if word.strip("."):
            _add_path(word, found)
    elif colon and "/" in rest and "/" not in option:  # host:path of scp and git
        _add_host(option.rpartition("@")[2], found)
        _add_path(rest, found)
    elif "@" in word[1:] and "/" not in word:  # mail addresses, user@host
        _add_host(_without_port(word.rpartition("@")[2]), found)
    elif "/" in word or "\\" in word:
        _add_path(word.lstrip("@"), found)


def _add_address(scheme: str, rest: str, found: Named) -> None:
    authority = _END.split(rest, maxsplit=1)[0]
    readings = {authority}
    if "\\" in rest:  # programs differ in whether it ends the host: both readings count
        readings.add(_BACKSLASH_END.split(rest, maxsplit=1)[0])
    for reading in readings:
        if reading:
            _add_host(_without_port(_decoded(reading).rpartition("@")[2]), found)
        if scheme == "file":
            _add_path(_decoded(_AFTER_PATH.split(rest[len(reading) :], maxsplit=1)[0]), found)


def _decoded(text: str) -> str:
    return unquote(text, errors="replace") if "%" in text else text


def _without_port(place: str) -> str:
    if place.startswith("["):
        return place[1:].partition("]")[0]
    place = _AFTER_HOST.split(place, maxsplit=1)[0]
    return place.partition(":")[0] if place.count(":") == 1 else place


def _add_host(text: str, found: Named) -> None:
    host = text.strip().strip("[]").rstrip(".").lower()
    if not host or len(host) > NAME_MAX:
        return
    if (":" in host or _NUMERIC.fullmatch(host)) and (number := _ip(host)):
        found.hosts.add(number)
        return
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except (UnicodeError, ValueError):
            found.incomplete = True
            return
    if _HOST.match(host):
        found.hosts.add(host)


def _ip(host: str) -> str | None:
    """The usual form of an IP address, also of the forms that only inet_aton() reads (0x7f.1, 2130706433)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return str(mapped or address)
    except ValueError:
        pass
    parts = host.split(".")
    if not 1 <= len(parts) <= 4 or not all(re.fullmatch(r"0x[0-9a-f]{1,8}|[0-9]{1,11}", part) for part in parts):
        return None
    try:
        numbers = [int(part, 16 if part[:2] == "0x" else 8 if part.startswith("0") else 10) for part in parts]
    except ValueError:
        return None
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(parts)):
        return None
    value = last
    for place, number in enumerate(first):
        value += number << (8 * (3 - place))
    return str(ipaddress.IPv4Address(value))


def _add_path(text: str, found: Named) -> None:
    if len(text) > NAME_MAX:
        found.incomplete = True
        return
    path = _shortest(text)
    if path:
        found.paths.add(path)


def _shortest(text: str) -> str:
    """`/a//b/./c/../d` -> `/a/b/d`, `C:\\a` -> `C:/a`. Links are not followed: nothing is asked of the disk."""
    if _ROUNDABOUT.search(text) is None:
        return text.rstrip("/") or text[:1]
    path = text.replace("\\", "/")
    start = "/" if path.startswith("/") else ""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts and parts[-1] not in ("..", "~"):
                parts.pop()
            elif not start:
                parts.append(part)
        elif part not in ("", "."):
            parts.append(part)
    return start + "/".join(parts)


def _climb(found: Named, home: str) -> None:
    """Fill in what lies above each path and host."""
    home = _shortest(home) if home else ""
    for path in list(found.paths):
        if home and (path == "~" or path.startswith("~/")):
            found.paths.add(home + path[1:])
        elif home and home != "/" and (path == home or path.startswith(home + "/")):
            found.paths.add("~" + path[len(home) :])
    for path in found.paths:
        found.names.update(path.lower().split("/"))
        found.folders.add(path)
        at = path.rfind("/")
        for _ in range(FOLDERS_MAX):
            if at <= 0:
                break
            found.folders.add(path[:at])
            at = path.rfind("/", 0, at)
        found.incomplete |= at > 0
        if path.startswith("/"):
            found.folders.add("/")
    found.names.discard("")
    for host in found.hosts:
        found.domains.add(host)
        if ":" not in host and not host.replace(".", "").isdigit():
            labels = host.split(".")
            found.domains.update(".".join(labels[count:]) for count in range(1, len(labels)))
