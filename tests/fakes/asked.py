"""Questions to a policy, as the gate would ask them."""

from __future__ import annotations

from typing import Any

from callgate.model.call import Call, Caller, Mode, Session
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy import facts
from callgate.policy.cedar import Judged, Policies
from callgate.policy.compiling import compile_policies
from callgate.policy.facts import Moment, Request
from callgate.policy.labels import Known
from callgate.policy.schema import FROM_ARGUMENTS

FILES = ServerIdentity("npm", "files", "1.0.0")
NOON = Moment(12, 1)
APPROVED = '@id("approved") permit(principal, action, resource);\n'


def session(server: ServerIdentity = FILES, **who: Any) -> Session:
    """A proven agent of ann, who is in dev and ops."""
    said: dict[str, Any] = {"proven": True, "user": "ann", "groups": ("dev", "ops"), "home": "/home/ann"}
    agent = who.pop("agent", "claude-code")
    caller = Caller(1000, 1, agent, "by test", "s", **(said | who))
    return Session("0" * 16, caller, Identified(server, "by test"), "files")


def call(
    arguments: dict[str, Any] | None = None,
    tool: str = "read",
    moment: Moment = NOON,
    who: Session | None = None,
    truncated: bool = False,
    size: int = 100,
    labels: frozenset[str] = frozenset(),
) -> Request:
    asked = Call("u-1", who or session(), "tools/call", tool, arguments or {}, size, truncated)
    return facts.of_call(asked, Known("local/files", labels), Mode.ENFORCE, moment, FROM_ARGUMENTS)


def launch(*argv: str, who: Session | None = None) -> Request:
    return facts.of_launch(who or session(), argv or ("npx", "files"), "local/files", Mode.ENFORCE, NOON)


def policies(text: str, *, approved: bool = True) -> Policies:
    """Compiled; everything is permitted that these do not forbid."""
    found = compile_policies((APPROVED if approved else "") + text)
    assert isinstance(found, Policies), [str(mistake) for mistake in found]
    return found


def judged(text: str, request: Request, *, approved: bool = True) -> Judged:
    return policies(text, approved=approved).judge(request)
