"""An event in the form that a sink wants, and what becomes of one that is too large or hostile."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from callgate.export.formats import jsontext
from callgate.export.formats.record import Record
from callgate.export.formats.rendering import message
from callgate.model.event import Event, Row
from callgate.settings_export import Format
from exported import ORIGIN, TIME, samples

HOSTILE = 'x"},\n\u2028\ud800\u202e\x00|=\\]] <1>{"attestation_list":[{"chain_uid":'


def record(detail: dict[str, object], payload: str | None = None) -> Record:
    event = Event(
        "call.asked", TIME, uid="c", tool=HOSTILE, agent=HOSTILE, server=HOSTILE, reason=HOSTILE, detail=detail
    )
    return Record(Row(3, event, "ab" * 32, payload), "cd" * 32)


@pytest.mark.parametrize("form", list(Format))
def test_hostile_text_stays_text_on_one_line(form: Format) -> None:
    one = message(record({HOSTILE: [HOSTILE, {"attestation_list": [{"chain_uid": "forged"}]}]}), ORIGIN, form, 10**6)
    said = one.body.decode("utf-8")
    assert "\n" not in said and "\x00" not in said
    if form is not Format.CEF:
        document = json.loads(said)
        assert isinstance(document, dict)
    if form is Format.OCSF:
        fingerprint = document["attestation_list"][0].pop("fingerprint")
        again = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert fingerprint["value"] == sha256(again.encode()).hexdigest()
        assert document["metadata"]["uid"] == one.uid


@pytest.mark.parametrize("form", [form for form in Format if form is not Format.CEF])  # CEF has no room for payloads
def test_what_is_too_large_goes_without_payload_then_without_detail(form: Format) -> None:
    whole = message(record({"a": "b" * 100}, "p" * 5000), ORIGIN, form, 10**6)
    bare = message(record({"a": "b" * 100}, "p" * 5000), ORIGIN, form, len(whole.body) - 4000)
    assert len(bare.body) < len(whole.body) - 4000 and b"pppp" not in bare.body
    last = message(record({"a": "b" * 50_000}), ORIGIN, form, 5000)
    assert len(last.body) <= 5000 and b"bbbb" not in last.body
    if form is Format.OCSF:
        assert json.loads(last.body)["metadata"]["is_truncated"] is True


def test_a_uid_is_the_same_each_time_and_of_one_row_only() -> None:
    records = list(samples())
    uids = [one.uid(ORIGIN) for one in records]
    assert len(set(uids)) == len(uids)
    assert records[0].uid(ORIGIN) == replace(records[0], cut=9).uid(ORIGIN)
    first = records[0].row
    after = replace(records[1], row=replace(records[1].row, seq=first.seq + 1), previous=first.hash)
    assert after.previous_uid(ORIGIN) == records[0].uid(ORIGIN)
    assert records[0].uid(replace(ORIGIN, uid="f" * 32)) != records[0].uid(ORIGIN)


@pytest.mark.parametrize(
    ("value", "same"),
    [(3.0, 3), (2.5, 2.5), (1e-9, "1e-09"), (1e300, "1e+300"), ([1.0, {"a": 2.0}], [1, {"a": 2}]), (True, True)],
)
def test_numbers_are_written_as_every_canonical_writer_does(value: object, same: object) -> None:
    assert jsontext.write(jsontext.exact(value)) == json.dumps(same, separators=(",", ":"))
