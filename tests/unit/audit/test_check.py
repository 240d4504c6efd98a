"""Each way to tamper with rows, and how it is named."""

from callgate.audit.check import FAULTS_MAX, START, Check, Harm, Stored, Verification
from callgate.audit.log import encode, index, link, seal
from callgate.model.event import Event


def rows(count: int, *, first: int = 1, prev: bytes = START[1]) -> list[Stored]:
    made = []
    for seq in range(first, first + count):
        event = Event("call.asked", 1000 + seq, uid=f"u-{seq}", effect="allow", reason=f"because {seq}")
        body = encode(event, seq).encode()
        digest = link(prev, body)
        time, uid, effect = index(event)
        made.append(Stored(seq, body, prev, digest, time, uid and uid.encode(), effect and effect.encode()))
        prev = digest
    return made


def verdict(log: list[Stored], head: tuple[int, bytes] | None = None, **more: object) -> Verification:
    check = Check(**more)
    for row in log:
        check.row(row)
    return check.finish(head if head or not log else (log[-1].seq, log[-1].hash))


def named(log: list[Stored], head: tuple[int, bytes] | None = None, **more: object) -> list[tuple[Harm, int, int]]:
    return [(fault.harm, fault.first, fault.last) for fault in verdict(log, head, **more).faults]


LOG = rows(20)
HEAD = (20, LOG[-1].hash)


def test_an_untouched_log_has_no_faults() -> None:
    found = verdict(LOG, HEAD)
    assert found.ok and found.checked == 20 and found.last == HEAD and found.cut == 0
    assert verdict([], START).ok


def test_an_edited_text_is_named() -> None:
    log = list(LOG)
    log[4] = log[4]._replace(body=log[4].body.replace(b"because", b"becauze"))
    assert named(log, HEAD) == [(Harm.EDITED, 5, 5)]


def test_a_row_rewritten_with_a_fresh_hash_is_named_by_the_row_after_it() -> None:
    log = list(LOG)
    body = log[4].body.replace(b"because", b"becauze")
    log[4] = log[4]._replace(body=body, hash=link(log[4].prev, body))
    assert named(log, HEAD) == [(Harm.EDITED, 5, 5)]


def test_the_last_row_rewritten_with_a_fresh_hash_is_named_by_the_head_or_the_head_file() -> None:
    log = list(LOG)
    body = log[19].body.replace(b"because", b"becauze")
    log[19] = log[19]._replace(body=body, hash=link(log[19].prev, body))
    assert named(log, HEAD) == [(Harm.EDITED, 20, 20)]
    assert named(log, known=(HEAD,)) == [(Harm.EDITED, 20, 20)]


def test_a_log_rewritten_to_the_end_is_known_by_an_older_hash() -> None:
    log = [*LOG[:9], *rows(11, first=10, prev=b"other" * 6)]
    assert (Harm.EDITED, 9, 9) in named(log)
    whole = rows(20, prev=START[1])
    forged = [row._replace(body=row.body.replace(b"because", b"becauze")) for row in whole]
    prev = START[1]
    for at, row in enumerate(forged):
        forged[at] = row._replace(prev=prev, hash=link(prev, row.body))
        prev = forged[at].hash
    assert named(forged) == []
    assert named(forged, known=((7, LOG[6].hash),)) == [(Harm.EDITED, 7, 7)]


def test_deleted_rows_are_named_as_a_range() -> None:
    assert named(LOG[:4] + LOG[7:], HEAD) == [(Harm.MISSING, 5, 7)]


def test_rows_deleted_at_the_start_or_the_end_are_named() -> None:
    assert named(LOG[3:], HEAD) == [(Harm.CUT_START, 1, 3)]
    assert named(LOG[:15], HEAD) == [(Harm.CUT_END, 16, 20)]
    assert named(LOG[:15], known=(HEAD,)) == [(Harm.CUT_END, 16, 20)]
    assert named([], HEAD) == [(Harm.CUT_END, 1, 20)]


def test_swapped_rows_are_named_as_a_pair() -> None:
    log = list(LOG)
    log[4], log[8] = log[8]._replace(seq=5), log[4]._replace(seq=9)
    assert named(log, HEAD) == [(Harm.SWAPPED, 5, 5), (Harm.SWAPPED, 9, 9)]
    log = list(LOG)
    log[4], log[5] = log[4]._replace(body=log[5].body), log[5]._replace(body=log[4].body)
    assert named(log, HEAD) == [(Harm.SWAPPED, 5, 5), (Harm.SWAPPED, 6, 6)]


def test_a_row_put_in_again_is_named() -> None:
    log = list(LOG)
    log[8] = log[2]._replace(seq=9)
    assert named(log, HEAD) == [(Harm.REPEATED, 9, 9)]
    assert named([*LOG[:6], LOG[3], *LOG[6:]], HEAD) == [(Harm.REPEATED, 4, 4)]
    assert named([*LOG, LOG[3]._replace(seq=21)], HEAD) == [(Harm.REPEATED, 21, 21), (Harm.ADDED, 21, 21)]


def test_a_row_deleted_and_put_in_elsewhere_is_named_in_both_places() -> None:
    log = [*LOG[:4], *LOG[5:], LOG[4]._replace(seq=21)]
    assert named(log, HEAD) == [(Harm.MISSING, 5, 5), (Harm.MOVED, 21, 21), (Harm.ADDED, 21, 21)]


def test_rows_added_at_the_end_are_named() -> None:
    assert named(rows(22), HEAD) == [(Harm.ADDED, 21, 22)]


def test_a_deleted_head_is_named() -> None:
    check = Check()
    for row in LOG:
        check.row(row)
    assert [fault.harm for fault in check.finish(None).faults] == [Harm.EDITED]


def test_a_column_of_the_wrong_type_is_damage_not_a_crash() -> None:
    for column in ("body", "prev", "hash"):
        for value in (None, 5, 1.5, "text"):
            log = list(LOG)
            log[4] = log[4]._replace(**{column: value})
            assert named(log, HEAD) == [(Harm.EDITED, 5, 5)], (column, value)


def test_edited_search_columns_are_named() -> None:
    for column, value in (
        ("time", 5),
        ("uid", b"u-6"),
        ("uid", None),
        ("effect", b"deny"),
        ("effect", None),
        ("time", "x"),
    ):
        log = list(LOG)
        log[4] = log[4]._replace(**{column: value})
        assert named(log, HEAD) == [(Harm.INDEX, 5, 5)], (column, value)


def test_a_payload_that_was_edited_deleted_or_put_in_is_named() -> None:
    body = encode(Event("call.asked", 1), 1, {"payload": {"seal": seal(b"salt", b"kept")}}).encode()
    row = Stored(1, body, START[1], link(START[1], body), 1, None, None, b"salt", b"kept")
    assert named([row]) == []
    assert named([row._replace(kept=b"kepT")]) == [(Harm.PAYLOAD, 1, 1)]
    assert named([row._replace(salt=b"Salt")]) == [(Harm.PAYLOAD, 1, 1)]
    assert named([row._replace(salt=None, kept=None)]) == [(Harm.PAYLOAD, 1, 1)]
    assert named([LOG[0]._replace(salt=b"salt", kept=b"kept")]) == [(Harm.PAYLOAD, 1, 1)]


def cut_log() -> tuple[list[Stored], tuple[int, bytes]]:
    """Rows 6 to 21, where row 21 says that rows up to 5 were removed."""
    body = encode(Event("log.cut", 2000, detail={"last": 5, "hash": LOG[4].hash.hex()}), 21).encode()
    said = Stored(21, body, LOG[19].hash, link(LOG[19].hash, body), 2000, None, None)
    return [*LOG[5:], said], (5, LOG[4].hash)


def test_a_recorded_cut_is_no_fault() -> None:
    log, anchor = cut_log()
    found = verdict(log, anchor=anchor)
    assert found.ok and found.cut == 5


def test_a_cut_that_no_row_records_is_named() -> None:
    assert named(LOG[5:], anchor=(5, LOG[4].hash)) == [(Harm.CUT_START, 1, 5)]
    log, _ = cut_log()
    assert named(log[3:], anchor=(8, LOG[7].hash)) == [(Harm.CUT_START, 1, 8)]
    assert named(log, anchor=START)[0] == (Harm.CUT_START, 1, 5)
    assert named(log, anchor=(5, b"other"))[0] == (Harm.CUT_START, 6, 6)


def test_every_one_of_several_faults_is_named() -> None:
    log = [row for row in LOG if row.seq not in (3, 11, 12)]
    log[5] = log[5]._replace(body=log[5].body.replace(b"because", b"becauze"))
    log[-1] = log[-1]._replace(prev=b"x" * 32)
    assert named(log, HEAD) == [
        (Harm.MISSING, 3, 3), (Harm.EDITED, 7, 7), (Harm.MISSING, 11, 12), (Harm.EDITED, 20, 20),
    ]  # fmt: skip


def test_the_list_of_faults_is_bounded_and_the_rest_counted() -> None:
    log = [row._replace(body=row.body.replace(b"because", b"becauze")) for row in rows(500)]
    found = verdict(log)
    assert len(found.faults) == FAULTS_MAX and found.more == 400
    assert found.as_json()["findings"][-1] == "and 400 more"


def test_what_could_not_be_read_is_named_and_the_rest_still_checked() -> None:
    check = Check()
    for row in LOG[:5]:
        check.row(row)
    check.unreadable(6, 9, "bad page")
    for row in LOG[9:]:
        check.row(row)
    found = check.finish(HEAD)
    assert [str(fault) for fault in found.faults] == ["rows 6 to 9: cannot be read (bad page)"]
