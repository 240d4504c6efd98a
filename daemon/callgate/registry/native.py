"""Pure: the registry in force and the entries of a machine -> what each agent's managed settings are to say.

An agent's own list is a second lock on the same door: it lets start what stands behind our launchers and is approved,
and refuses the rest before any of our code runs. What an entry is called decides nothing here but the label under which
agents without a better rule know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from callgate.agents.native.control import Listed, Native, Piece, Wanted
from callgate.model.call import Effect
from callgate.model.identity import Identified
from callgate.model.inventory import Entry, Scope, Transport
from callgate.policy.allowlist import Allowlist

FLEET_LAUNCHERS = {
    "linux": "/home/*/.local/share/callgate/launchers/{agent}/*",
    "macos": "/Users/*/Library/Application Support/callgate/launchers/{agent}/*",
    "windows": "C:\\Users\\*\\AppData\\Local\\callgate\\launchers\\{agent}\\*",
}
"""Where launchers lie on a machine whose folders nobody has moved (system.paths.folders), per system."""

_OURS = re.compile(r"http://127\.0\.0\.1:\d{1,5}/\w+/(?=[0-9a-f]{32,}$)")
"""An address of our own loopback port up to its token (server.loopback)."""

_ORDER = (Scope.USER, Scope.LOCAL, Scope.PROJECT, Scope.SYSTEM, Scope.PLUGIN)


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of the machine and what is known of it."""

    entry: Entry
    server: Identified
    behind: bool
    """It starts a launcher of ours."""
    why: str = ""
    """Why it does not."""
    secret: bool = False
    """Its command line or address holds what looks like a secret: managed files can be read by everyone."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one agent is to be told."""

    native: Native
    pieces: tuple[Piece, ...]
    remarks: tuple[str, ...] = ()
    """What could not be said, or ends with these files: sentences for whoever deploys them."""


def machine(rules: Allowlist, found: Sequence[Found], native: Native, os: str, now: float) -> Rendering:
    """What `native` is to be told on a machine with these entries; `now` is in seconds since the epoch."""
    wanted, remarks = _sorted(rules, found, native, now)
    pieces = native.render(wanted, os)
    if not pieces:
        remarks.append("there is nothing that it could be told")
    return Rendering(native, pieces, tuple(remarks))


def fleet(rules: Allowlist, native: Native, os: str, now: float) -> Rendering:
    """What `native` can be told on all machines alike: addresses, and where launchers lie, but no command line."""
    place = FLEET_LAUNCHERS[os].format(agent=native.agent)
    allowed, denied, remarks = _addresses(rules, now)
    wanted = Wanted(urls=allowed, denied_urls=denied, launchers=(place,), exact=False)
    pieces = native.render(wanted, os)
    if not pieces:
        remarks.append("its list needs the command lines or names of one machine: render it there")
    return Rendering(native, pieces, tuple(remarks))


def _sorted(rules: Allowlist, found: Iterable[Found], native: Native, now: float) -> tuple[Wanted, list[str]]:
    agents = (native.agent, *native.covers)
    kept = [one for one in found if one.entry.agent in agents]
    kept.sort(key=lambda one: (agents.index(one.entry.agent), _ORDER.index(one.entry.file.scope), one.entry.name))
    allowed: list[Listed] = []
    denied: list[Listed] = []
    unapproved: list[Listed] = []
    urls, denied_urls, remarks = _addresses(rules, now)
    for one in kept:
        verdict = rules.server(one.server, now)
        listed = _listed(one)
        if verdict.effect is Effect.DENY:
            (denied if verdict.rule.startswith("server.deny:") else unapproved).append(listed)
            remarks.append(f"{_said(one)} is not started: {verdict.reason}")
        elif problem := _obstacle(one):
            unapproved.append(listed)
            remarks.append(f"{_said(one)} is approved and yet not started: {problem}")
        else:
            allowed.append(listed)
    taken = {entry.name for entry in allowed}
    for entry in denied:
        if entry.name in taken:
            remarks.append(f"the name {entry.name!r} is also that of an approved server: it is not denied by name")
    denied = [replace(entry, name="") if entry.name in taken else entry for entry in denied]
    return Wanted(tuple(allowed), tuple(denied), tuple(unapproved), urls, denied_urls), remarks


def _listed(one: Found) -> Listed:
    if one.entry.transport is Transport.HTTP:
        if ours := _OURS.match(one.entry.url or ""):
            return Listed(one.entry.name, pattern=ours[0] + "*")
        return Listed(one.entry.name, url=None if one.secret else one.entry.url)
    if one.secret:
        return Listed(one.entry.name)
    argv = one.entry.argv
    return Listed(one.entry.name, argv, behind=argv[2:] if one.behind and argv[1:2] == ("--",) else ())


def _obstacle(one: Found) -> str:
    """Why an approved entry is on no list, as a sentence; "" if it is."""
    if one.secret:
        return "its command line or address holds what looks like a secret, and these files can be read by everyone"
    if one.entry.transport is Transport.HTTP:
        return "its address holds `*`, which agents would read as a pattern" if "*" in (one.entry.url or "") else ""
    return "" if one.behind else f"it is not behind the gate ({one.why})"


def _said(one: Found) -> str:
    return f"{one.entry.agent} {one.entry.name!r} ({one.entry.file.path})"


def _addresses(rules: Allowlist, now: float) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """The addresses that the registry allows and denies, and remarks on those that cannot be listed."""
    allowed: list[str] = []
    denied: list[str] = []
    remarks: list[str] = []
    known = {one for approval in rules.approvals for one in approval.identities if one.kind == "url"}
    for one in sorted(known):
        if "*" in one.name:
            remarks.append(f"{one} holds `*`, which agents would read as a pattern: it is on no list")
        elif rules.server(Identified(one, "the registry"), now).effect is Effect.DENY:
            denied.append(one.name)
        else:
            allowed.append(one.name)
    return tuple(allowed), tuple(denied), remarks
