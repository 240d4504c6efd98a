"""Ask the organisation for a server: what the user wants, as a file that this machine has signed."""

from __future__ import annotations

import getpass
import platform
import time
from collections.abc import Mapping, Sequence
from typing import Any

from callgate.audit.redact import redact_text
from callgate.model.errors import CallgateError
from callgate.registry import requests
from callgate.registry.requests import WHY_MAX, Request
from callgate.service.key import payload_key
from callgate.system.paths import folders


def write_request(env: Mapping[str, str], found: Sequence[Mapping[str, Any]], asked: str, why: str) -> dict[str, Any]:
    """Write and sign a request for the one server in `found` (as `explain` describes it). Raises CallgateError."""
    identities = sorted({str(one["identity"]) for one in found})
    if len(identities) != 1:
        names = ", ".join(identities) or "none"
        raise CallgateError(asked, f"is the name of several servers ({names})", "name one of these identities")
    if not why.strip() or len(why) > WHY_MAX:
        raise CallgateError("--why", f"must be 1 to {WHY_MAX} characters", "say what the server is needed for")
    where = folders(env)
    where.make()
    name = "" if asked == identities[0] else asked
    reason = redact_text(why.strip(), payload_key(where), people=False)
    said = Request(identities[0], name, reason, _user(), platform.node(), int(time.time()))
    path = requests.write(where.requests, where.registry_keys, said)
    return {"identity": identities[0], "file": str(path), "why": said.why}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
