"""Pure: the forms of managed files that several vendors share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from callgate.agents.native.control import Listed, Piece, Wanted
from callgate.model.inventory import Format, KeyPath

GLOB = frozenset("*?[]{}!\\")
"""Characters by which a name or command would match more than itself where an agent takes patterns."""


def json_text(value: object) -> bytes:
    """JSON as all agents read it: no comments, ASCII, one final line end."""
    return (json.dumps(value, indent=2, ensure_ascii=True) + "\n").encode()


def json_piece(path: str, value: object, does: str, owned: tuple[KeyPath, ...], beside: str = "") -> tuple[Piece, ...]:
    """One JSON file; none where there is no path for it."""
    return (Piece(path, json_text(value), does, Format.JSON, owned, beside),) if path else ()


def matchers(listed: Iterable[Listed], urls: Iterable[str], *, names: bool = False) -> list[dict[str, object]]:
    """`serverCommand`, `serverUrl` and (for a deny list) `serverName` entries, each once, in a stable order.

    Of an entry behind a launcher a deny list names the command line behind it as well.
    """
    lines: set[tuple[str, ...]] = set()
    reached = set(urls)
    said: set[str] = set()
    for one in listed:
        lines |= {one.argv} - {()}
        if names:
            lines |= {one.behind} - {()}
            said |= {one.name} - {""}
        reached |= {one.url or "", "" if names else one.pattern} - {""}  # a pattern would deny others' addresses too
    found: list[dict[str, object]] = [{"serverCommand": list(argv)} for argv in sorted(lines) if is_text(*argv)]
    found += [{"serverUrl": url} for url in sorted(reached) if is_text(url)]
    found += [{"serverName": name} for name in sorted(said) if is_text(name)]
    return found


def addresses(wanted: Wanted) -> list[str]:
    """What may be reached, for agents that take `*` in an address; each once, sorted."""
    entries = (word for one in wanted.allowed for word in (one.url, one.pattern) if word)
    return sorted(filter(is_text, {*wanted.urls, *entries}))


def commands(wanted: Wanted) -> list[str]:
    """The programs that may be started, without arguments: our launchers, each once, sorted."""
    return sorted({one.argv[0] for one in wanted.allowed if one.argv and is_text(one.argv[0])})


def allowed_matchers(wanted: Wanted) -> list[dict[str, object]] | None:
    """The allow list; None where one cannot be written, for it would keep every local server from starting."""
    return matchers(wanted.allowed, wanted.urls) if wanted.exact else None


def denied_matchers(wanted: Wanted) -> list[dict[str, object]]:
    """The deny list."""
    return matchers(wanted.denied, wanted.denied_urls, names=True)


def names(listed: Sequence[Listed], *, patterns: bool) -> list[str]:
    """The names of entries, sorted. Where the agent reads names as patterns, those that would match more are left
    out: whoever can write a config chooses names.
    """
    found = {one.name for one in listed if one.name and is_text(one.name)}
    return sorted(name for name in found if not (patterns and GLOB & set(name)))


def is_text(*words: str) -> bool:
    """Can they be written as UTF-8? Words in JSON may hold half of a surrogate pair, with which nothing can start."""
    return not any("\ud800" <= char <= "\udfff" for word in words for char in word)


def host(url: str) -> str | None:
    """The host of an address; None if it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
