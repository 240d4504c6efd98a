"""Compare two conversations with the same server, answer by answer and byte by byte, but for what can never repeat."""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import re
from dataclasses import dataclass

from ground.stdio import Transcript

BASE64_TEXT = re.compile(rb'"blob":"([A-Za-z0-9+/=]+)"')


@dataclass(frozen=True)
class Nondeterminism:
    """Something that differs between two runs of the same server, whatever stands between."""

    reason: str
    pattern: re.Pattern[bytes]
    instead: bytes


UNREPEATABLE = (
    Nondeterminism(
        "server-everything tells the time of day in its dynamic resources",
        re.compile(rb"created at \d{1,2}:\d\d:\d\d [AP]M"),
        b"created at NOON",
    ),
    Nondeterminism(
        "tasks carry the moment of their creation and last change; mcp-server-time tells the time",
        re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
        b"MOMENT",
    ),
    Nondeterminism(
        "mcp-server-time tells the day of the week, and a run may cross midnight",
        re.compile(rb'(day_of_week\\?": \\?")[A-Z][a-z]+day'),
        rb"\1SOMEDAY",
    ),
    Nondeterminism(
        "server-filesystem tells when a file was made, changed and read",
        re.compile(rb"(created|modified|accessed): [A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d"),
        rb"\1: MOMENT",
    ),
    Nondeterminism(
        "server-everything draws the ids of its tasks",
        re.compile(rb'("taskId":")[0-9a-f]{32}"'),
        rb'\1TASK"',
    ),
    Nondeterminism(
        "server-everything draws the ids of the elicitations that it asks for by an error",
        re.compile(rb'("elicitationId":")[0-9a-f-]{36}"'),
        rb'\1UUID"',
    ),
    Nondeterminism(
        "the Python SDK encrypts the state of a call that waits for input, with a key of the process",
        re.compile(rb'("requestState":")[^"]+"'),
        rb'\1SEALED"',
    ),
    Nondeterminism(
        "server-everything draws the level of its simulated log messages",
        re.compile(rb'"level":"[a-z]+","data":"[A-Z][a-z]+([ -])level[ -]message"'),
        rb'"level":"ANY","data":"ANY"',
    ),
)


def normal(line: bytes) -> bytes:
    """A line with each unrepeatable part replaced; everything else, white space and key order included, as it was."""
    line = BASE64_TEXT.sub(_blob_in_clear, line)
    for part in UNREPEATABLE:
        line = part.pattern.sub(part.instead, line)
    return line


def _blob_in_clear(found: re.Match[bytes]) -> bytes:
    """The blob resources of server-everything hide the time of day in base64."""
    try:
        text = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return found[0]
    return b'"blob-in-clear":"' + text + b'"' if b"created at" in text else found[0]


def differences(direct: Transcript, through: Transcript) -> list[str]:
    """Every difference, one text each; empty when the client could not have told the two apart.

    Answers are compared by the id of their question; what the server said unasked is compared in its order.
    """
    first, second = _sorted_out(direct), _sorted_out(through)
    found = []
    for key in first.keys() | second.keys():
        a, b = first.get(key, []), second.get(key, [])
        if a != b:
            question = direct.asked.get(key, key.encode()).decode()[:300]
            found.append(f"{question}\n" + "\n".join(_diff(a, b)))
    return sorted(found)


def _sorted_out(transcript: Transcript) -> dict[str, list[bytes]]:
    by_question: dict[str, list[bytes]] = {}
    for line in transcript.lines:
        by_question.setdefault(_belongs_to(line), []).append(normal(line))
    return by_question


def _belongs_to(line: bytes) -> str:
    try:
        message = json.loads(line)
    except ValueError:
        return "not JSON"
    if not isinstance(message, dict):
        return "not an object"
    if "method" in message:
        return "said by the server"
    return str(message.get("id"))


def _diff(a: list[bytes], b: list[bytes]) -> list[str]:
    def show(lines: list[bytes]) -> list[str]:
        return [line.decode(errors="backslashreplace")[:2000] for line in lines]

    return [line.rstrip("\n") for line in difflib.unified_diff(show(a), show(b), "direct", "through Callgate", n=0)]
