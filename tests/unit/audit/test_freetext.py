"""What people, agents and servers write into rows is kept without secrets."""

from __future__ import annotations

import json

from callgate.audit.freetext import redact_event
from callgate.model.event import Event

KEY = b"k" * 32
TOKEN = "ghp_" + "a1B2c3D4e5" * 4


def test_a_reason_is_kept_without_its_secrets() -> None:
    event = redact_event(Event("policy.suspended", 1, reason=f"deploy with {TOKEN}, call +49 30 901820"), KEY)
    assert (
        TOKEN not in event.reason and "[redacted:github-token:" in event.reason and "[redacted:phone:" in event.reason
    )


def test_free_text_of_the_detail_is_redacted_at_any_depth() -> None:
    detail = {"why": f"x {TOKEN}", "problems": [f"y {TOKEN}"], "error": f"password={TOKEN}", "pid": 7}
    event = redact_event(Event("machine.health", 1, detail=detail), KEY)
    assert TOKEN not in json.dumps(event.detail) and event.detail["pid"] == 7


def test_digests_ids_and_signed_notes_stay_as_they_are() -> None:
    note = f"log/x\n5\n{TOKEN}=\n"
    event = Event("log.checkpoint", 1, uid=TOKEN, reason="", detail={"note": note, "why": "start", "error": False})
    assert redact_event(event, KEY) is event


def test_personal_data_stays_where_the_setting_says_so() -> None:
    event = Event("policy.suspended", 1, reason=f"jo@example.com needs {TOKEN}")
    kept = redact_event(event, KEY, people=False)
    assert "jo@example.com" in kept.reason and TOKEN not in kept.reason
