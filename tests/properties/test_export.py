"""Whatever a row holds, each format is one line that parses, keeps its id, and fits what it says of itself."""

from __future__ import annotations

import json
from hashlib import sha256

from callgate.audit.log import decode, encode
from callgate.export.formats.record import Record
from callgate.export.formats.rendering import message
from callgate.export.sinks.elastic import _items
from callgate.export.sinks.otlp import _rejected, _said
from callgate.export.sinks.web import _wait
from callgate.model.event import Event, Row
from callgate.settings_export import Format
from exported import ORIGIN
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(), max_size=40)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    kind = draw(
        st.sampled_from(["call.asked", "call.answered", "server.ended", "entry.added", "log.broken", "new.kind"])
    )
    names = ("uid", "session", "agent", "server", "entry", "tool", "effect", "rule", "reason", "mode", "user")
    texts = {name: draw(TEXT) for name in names}
    known = st.sampled_from(["ms", "pid", "argv", "file", "after", "method", "error", "code", "agents"])
    detail = draw(st.dictionaries(known | TEXT, VALUE, max_size=4))
    event = Event(kind, draw(st.integers(-(2**62), 2**62)), detail=detail, **texts)
    stored = decode(encode(event, 7).encode("ascii"))  # as the log gives it back
    return Record(Row(7, stored, "ab" * 32, draw(st.none() | TEXT)), "cd" * 32)


@given(records(), st.sampled_from(list(Format)))
def test_any_row_is_one_line_of_its_format(record: Record, form: Format) -> None:
    one = message(record, ORIGIN, form, 10**6, spans=True)
    said = one.body.decode("utf-8")
    assert "\n" not in said and "\r" not in said and one.uid == record.uid(ORIGIN)
    if form is Format.CEF:
        assert said.startswith("CEF:0|Callgate|Callgate|")
        return
    assert isinstance(json.loads(said), dict)
    if one.span:
        span = json.loads(one.span)
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])


@given(records())
def test_the_fingerprint_of_any_row_is_that_of_its_canonical_json(record: Record) -> None:
    event = json.loads(message(record, ORIGIN, Format.OCSF, 10**6).body)
    value = event["attestation_list"][0].pop("fingerprint")["value"]
    again = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert value == sha256(again.encode()).hexdigest()


@given(st.binary(max_size=200) | VALUE.map(lambda value: json.dumps(value).encode()), TEXT)
def test_no_answer_of_a_receiver_breaks_its_sink(body: bytes, header: str) -> None:
    assert _items(body, 3) is None
    said = _said(body)
    assert said is None or isinstance(said, dict)
    assert isinstance(_rejected(body)[0], int)
    assert _wait(header) >= 0.0
