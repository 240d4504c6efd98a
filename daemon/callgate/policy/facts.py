"""Pure: from a launch or a call to what a policy is asked: principal, action, resource and context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from callgate.model.call import Call, Caller, Deed, Mode, Session
from callgate.model.identity import ServerIdentity
from callgate.policy import arguments
from callgate.policy.labels import Known
from callgate.policy.schema import ASKED, BUILTIN, CALL, FROM_ARGUMENTS, LAUNCH, NAMESPACE

TEXT_MAX = 1024
"""Characters of one fact; a longer one is cut, marked, and the request counts as incomplete."""
SESSIONS_KEPT = 512
"""Sessions whose facts are kept ready."""
WORDS_MAX = 1024
"""Words of a command line."""

Uid = tuple[str, str]
"""Type and id of an entity."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When, by this machine's local time."""

    hour: int
    weekday: int
    """1 is Monday, 7 Sunday."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a policy. Every text in it can be encoded, and is bounded."""

    action: str
    principals: tuple[Uid, ...]
    """The agent, the user that it acts for, and that user's groups."""
    resources: tuple[Uid, ...]
    """The tool (for a call), the server, and the server whatever its version."""
    context: Mapping[str, Any]
    """The facts; those from arguments only as far as they were wanted."""


def of_call(call: Call, known: Known, mode: Mode, moment: Moment, wanted: frozenset[str]) -> Request:
    """What is asked for a tool call. `known` is what the registry says of it; `wanted` are the facts that the
    policies look at: the arguments are searched only if one of these comes from them.
    """
    session, tool = call.session, call.tool or ""
    found: arguments.Named | Deed = arguments.NOTHING
    if call.deed is not None:
        found = call.deed
    elif wanted & FROM_ARGUMENTS and call.arguments is not None:
        found = arguments.named(call.arguments, session.caller.home)
    context = _always(session, known.approval, mode, moment)
    context["labels"] = sorted(known.labels)
    context["tool"] = _fact(tool, context)
    context["bytes"] = min(call.size, 2**53)
    context[ASKED] = call.asked_by_model
    context["incomplete"] |= call.truncated or found.incomplete
    for name in FROM_ARGUMENTS & wanted:
        context[name] = [text if text.isascii() else _clean(text) for text in getattr(found, name)]
    if call.deed is not None:
        _tell(call.deed, context)
    server = session.server.server
    resource = (f"{NAMESPACE}::Tool", _fact(tool_id(server, tool), context))
    action = CALL if call.deed is None else BUILTIN
    return Request(action, _principals(session.caller), (resource, *_servers(server)), context)


def of_launch(session: Session, argv: Sequence[str], approval: str, mode: Mode, moment: Moment) -> Request:
    """What is asked for the start of a server."""
    context = _always(session, approval, mode, moment)
    context["argv"] = sorted({_fact(word, context) for word in argv[:WORDS_MAX]})
    context["incomplete"] |= len(argv) > WORDS_MAX
    return Request(LAUNCH, _principals(session.caller), _servers(session.server.server), context)


def _tell(deed: Deed, context: dict[str, Any]) -> None:
    """Fill in the facts that only tools of an agent's own have."""
    context["does"] = deed.kind.value
    context["programs"] = sorted(_fact(name, context) for name in deed.programs)
    context["arguments"] = sorted({_fact(word, context) for word in deed.words})
    context["writes"] = sorted(_fact(path, context) for path in deed.writes)
    context["opaque"] = deed.opaque
    context["globs"] = deed.globs


def tool_id(server: ServerIdentity, tool: str) -> str:
    """`npm:files#read`, whatever the server's version. A `#` or `%` in the server's own name is written `%23` or `%25`:
    no name of a tool can pose as a part of a server's.
    """
    return f"{server.kind}:{server.name}".replace("%", "%25").replace("#", "%23") + "#" + tool


@lru_cache(SESSIONS_KEPT)
def _servers(server: ServerIdentity) -> tuple[Uid, ...]:
    names = [str(server)] if server.version is None else [str(server), f"{server.kind}:{server.name}"]
    return tuple((f"{NAMESPACE}::McpServer", _clean(name)) for name in names)


@lru_cache(SESSIONS_KEPT)
def _principals(caller: Caller) -> tuple[Uid, ...]:
    return (
        (f"{NAMESPACE}::Agent", _clean(caller.agent or "unknown")),
        (f"{NAMESPACE}::User", _clean(caller.user or str(caller.uid))),
        *((f"{NAMESPACE}::Group", _clean(group)) for group in caller.groups),
    )


def _always(session: Session, approval: str, mode: Mode, moment: Moment) -> dict[str, Any]:
    context = dict(_steady(session, approval, mode))
    context["hour"] = moment.hour
    context["weekday"] = moment.weekday
    return context


@lru_cache(SESSIONS_KEPT)
def _steady(session: Session, approval: str, mode: Mode) -> Mapping[str, Any]:
    """The facts that are the same for all questions of a session."""
    caller, server = session.caller, session.server.server
    context: dict[str, Any] = {"incomplete": False}
    context["agent"] = _clean(caller.agent or "unknown")
    context["agentProven"] = caller.proven
    context["user"] = _clean(caller.user or str(caller.uid))
    context["mode"] = mode.value
    context["server"] = _fact(str(server), context)
    context["serverKind"] = server.kind
    context["serverName"] = _fact(server.name, context)
    if server.version is not None:
        context["serverVersion"] = _fact(server.version, context)
    context["approval"] = _fact(approval, context)
    context["entry"] = _fact(session.entry, context)
    return context


def _fact(text: str, context: dict[str, Any]) -> str:
    context["incomplete"] |= len(text) > TEXT_MAX
    return _clean(text)


def _clean(text: str) -> str:
    """Text that UTF-8 can carry: lone surrogates are replaced; a long text is cut so that it equals no whole one."""
    if len(text) > TEXT_MAX:
        text = text[:TEXT_MAX] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
