"""Whatever is done to the bytes of a log, the check finds it and names the row."""

import sqlite3
from pathlib import Path

import pytest
from callgate.audit.check import Check, Harm, Stored, Verification
from callgate.audit.log import GENESIS, decode, encode, index, link, seal
from callgate.audit.payload import Kept
from callgate.audit.store import Reader, Writer
from callgate.model.event import Event
from callgate.settings import Durability
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = st.text(st.characters(codec=None), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(["call.asked", "call.answered", "daemon.started"]),
    time=st.integers(-(2**70), 2**70),
    uid=TEXT, session=TEXT, agent=TEXT, server=TEXT, entry=TEXT, tool=TEXT, effect=TEXT, rule=TEXT,
    reason=TEXT, mode=TEXT,
    detail=st.dictionaries(TEXT, JSON, max_size=4),
)  # fmt: skip
PAYLOADS = st.none() | st.tuples(st.binary(min_size=1, max_size=16), st.text(st.characters(codec="ascii"), max_size=30))


def stored(events: list[tuple[Event, tuple[bytes, str] | None]]) -> list[Stored]:
    rows: list[Stored] = []
    prev = GENESIS
    for seq, (event, payload) in enumerate(events, 1):
        salt, kept = (payload[0], payload[1].encode()) if payload else (None, None)
        extra = {"payload": {"seal": seal(salt, kept)}} if salt and kept is not None else None
        body = encode(event, seq, extra).encode("ascii")
        time, uid, effect = index(event)
        digest = link(prev, body)
        rows.append(Stored(seq, body, prev, digest, time, uid and uid.encode(), effect and effect.encode(), salt, kept))
        prev = digest
    return rows


LOGS = st.lists(st.tuples(EVENTS, PAYLOADS), min_size=3, max_size=8).map(stored)


def verdict(rows: list[Stored], head: tuple[int, bytes]) -> Verification:
    check = Check()
    for row in rows:
        check.row(row)
    return check.finish(head)


def head_of(rows: list[Stored]) -> tuple[int, bytes]:
    assert isinstance(rows[-1].hash, bytes)
    return rows[-1].seq, rows[-1].hash


@settings(deadline=None)
@given(EVENTS, st.integers(1, 2**53 - 1))
def test_any_event_is_encoded_as_ascii_json_and_decoded_again(event: Event, seq: int) -> None:
    body = encode(event, seq)
    again = decode(body.encode("ascii"))
    assert again.time == event.time and (again.uid, again.reason) == (event.uid, event.reason)
    assert encode(again, seq) == body


@settings(deadline=None)
@given(LOGS)
def test_an_untouched_log_is_intact(rows: list[Stored]) -> None:
    assert verdict(rows, head_of(rows)).ok


@settings(deadline=None)
@given(LOGS, st.data())
def test_any_flipped_bit_is_found_in_its_row(rows: list[Stored], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    fields = [name for name in Stored._fields if isinstance(getattr(rows[at], name), bytes) and getattr(rows[at], name)]
    field = data.draw(st.sampled_from(fields))
    spoilt = bytearray(getattr(rows[at], field))
    bit = data.draw(st.integers(0, len(spoilt) * 8 - 1))
    spoilt[bit // 8] ^= 1 << bit % 8
    head = head_of(rows)
    found = verdict([*rows[:at], rows[at]._replace(**{field: bytes(spoilt)}), *rows[at + 1 :]], head)
    assert {(fault.first, fault.last) for fault in found.faults} == {(at + 1, at + 1)}


@settings(deadline=None)
@given(LOGS, st.data())
def test_any_deleted_run_of_rows_is_found(rows: list[Stored], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(rows) - 1))
    last = data.draw(st.integers(first, len(rows) - 1))
    found = verdict(rows[:first] + rows[last + 1 :], head_of(rows))
    (fault,) = found.faults
    assert (fault.first, fault.last) == (first + 1, last + 1)
    assert fault.harm in (Harm.MISSING, Harm.CUT_START, Harm.CUT_END)


@settings(deadline=None)
@given(LOGS, st.data())
def test_any_two_swapped_rows_are_found(rows: list[Stored], data: st.DataObject) -> None:
    a, b = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=2, max_size=2)))
    head = head_of(rows)
    spoilt = list(rows)
    spoilt[a], spoilt[b] = rows[b]._replace(seq=a + 1), rows[a]._replace(seq=b + 1)
    found = verdict(spoilt, head)
    assert [(fault.harm, fault.first) for fault in found.faults] == [(Harm.SWAPPED, a + 1), (Harm.SWAPPED, b + 1)]


@settings(deadline=None)
@given(LOGS, st.data())
def test_any_row_put_in_again_is_found(rows: list[Stored], data: st.DataObject) -> None:
    a, b = data.draw(st.permutations(range(len(rows))))[:2]
    head = head_of(rows)
    found = verdict([*rows[:b], rows[a]._replace(seq=b + 1), *rows[b + 1 :]], head)
    assert [(fault.harm, fault.first) for fault in found.faults] == [(Harm.REPEATED, b + 1)]


@settings(deadline=None)
@given(LOGS, EVENTS, st.data())
def test_any_row_replaced_together_with_its_hash_is_found(
    rows: list[Stored], event: Event, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    head = head_of(rows)
    body = encode(event, at + 1).encode()
    if body == rows[at].body:
        return
    time, uid, effect = index(event)
    prev = rows[at].prev
    assert isinstance(prev, bytes)
    forged = Stored(at + 1, body, prev, link(prev, body), time, uid and uid.encode(), effect and effect.encode())
    found = verdict([*rows[:at], forged, *rows[at + 1 :]], head)
    assert (at + 1, at + 1) in {(fault.first, fault.last) for fault in found.faults}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log", numbered=True) / "audit.db"
    path.parent.chmod(0o700)
    writer = Writer.open(path, Durability.COMMIT)
    for n in range(200):
        kept = Kept("d", 1, '{"a":"b"}', salt=b"s" * 16) if n % 3 else None
        writer.append(Event("call.asked", n, uid=f"u-{n}", effect="allow", reason="x" * (n % 90)), kept)
    writer.close()
    return path


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_of_a_row_in_the_file_is_found(
    log: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = log.read_bytes()
    connection = sqlite3.connect(log)
    connection.text_factory = bytes
    values = [value for row in connection.execute("SELECT body, prev, hash FROM event") for value in row]
    values += [value for row in connection.execute("SELECT kept FROM event WHERE kept NOT NULL") for value in row]
    connection.close()
    value = data.draw(st.sampled_from(values))
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    flipped = bytearray(value)
    flipped[bit // 8] ^= 1 << bit % 8
    spoilt = whole.replace(value, flipped)  # wherever it is: a moved row may have left a copy in a page's free space
    copy = tmp_path_factory.getbasetemp() / "spoilt.db"
    copy.write_bytes(spoilt)
    assert not Reader(copy).verify().ok
