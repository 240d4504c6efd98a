"""Pure: which wire format a request to a model speaks, by its method and path."""

from __future__ import annotations

from callgate.modelproxy.dialects.anthropic import Messages
from callgate.modelproxy.dialects.chat import Chat
from callgate.modelproxy.dialects.google import GenerateContent
from callgate.modelproxy.dialects.responses import Responses
from callgate.modelproxy.dialects.turn import Dialect

_ENDS: tuple[tuple[str, Dialect], ...] = (
    ("/messages", Messages()),
    ("/chat/completions", Chat()),
    ("/responses", Responses()),
    (":generateContent", GenerateContent()),
    (":streamGenerateContent", GenerateContent()),
)


def recognise(method: str, path: str) -> Dialect | None:
    """The format of a request, None if it is no turn of a conversation. A WebSocket of the Responses API begins with
    a GET; gateways put these paths below others of their own.
    """
    path = path.partition("?")[0].rstrip("/")
    for end, dialect in _ENDS:
        if path.endswith(end) and (method == "POST" or (method == "GET" and end == "/responses")):
            return dialect
    return None
