"""The text of a row, and the link to the row before it."""

import json
import math

import pytest
from callgate.audit.log import DEPTH_MAX, GENESIS, TEXT_MAX, decode, encode, index, link, seal
from callgate.model.event import Event


def event(**more: object) -> Event:
    return Event(**{"kind": "call.asked", "time": 1_795_300_000_000_000_001, **more})


def test_a_row_is_canonical_json_without_its_empty_fields() -> None:
    body = encode(event(uid="u-1", tool="echo", detail={"b": 1, "a": [True, None]}), 7)
    assert body == (
        '{"detail":{"a":[true,null],"b":1},"kind":"call.asked","seq":7,"time":"1795300000000000001",'
        '"tool":"echo","uid":"u-1","v":2}'
    )


def test_every_row_is_canonical_json() -> None:
    hostile = 'q"\\\n\x00\x7f\u2028\ud800\U0001f600'
    texts = ("uid", "session", "agent", "server", "entry", "tool", "effect", "rule", "reason", "mode")
    full = event(**dict.fromkeys(texts, hostile), detail={hostile: [1.5, -1, {"z": 1, "a": hostile}], "a": 2**60})
    for one in (event(), event(kind=hostile), full, event(time=-5, detail={"x": None})):
        body = encode(one, 7, {"payload": {"size": 3, "digest": "d"}})
        assert body == json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))


def test_what_was_encoded_is_decoded() -> None:
    said = event(
        uid="u", session="s", agent="a", server="npm:x", entry="e", tool="t\u00e9\ud800", effect="deny", rule="r",
        reason='a "reason"\n', mode="enforce", detail={"n": 5, "deep": {"x": ["y"]}},
    )  # fmt: skip
    assert decode(encode(said, 3).encode("ascii")) == said


def test_numbers_that_readers_would_round_are_written_as_text() -> None:
    body = json.loads(encode(event(detail={"big": 2**53, "max": 2**53 - 1, "huge": 10**5000, "nan": math.nan}), 1))
    assert body["detail"]["big"] == "9007199254740992"
    assert body["detail"]["max"] == 9007199254740991
    assert body["detail"]["huge"] == "[integer of 16610 bits]"
    assert body["detail"]["nan"] == "nan"


def test_a_hostile_event_makes_a_row_of_bounded_size() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    wide = {str(n): "x" * 100_000 for n in range(1000)}
    body = encode(event(tool="t" * 10_000_000, detail={"deep": deep, "wide": wide, "list": [1] * 1_000_000}), 1)
    assert len(body) < 800_000
    assert json.loads(body)["tool"].endswith(f"...[{10_000_000 - TEXT_MAX} characters cut]")
    assert body.count("[[[") and "[cut]" in body and "[" * (DEPTH_MAX + 2) not in body


def test_extra_detail_is_added_to_the_event_s_own() -> None:
    assert json.loads(encode(event(detail={"a": 1}), 1, {"b": 2}))["detail"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"kind":1,"time":"1"}', b'{"kind":"x","time":"y"}', b'{"kind":"x","time":null}',
     b'{"kind":"x","time":"1","detail":[]}', b'{"kind":"x","time":"1","tool":5}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_row_is_refused_with_one_kind_of_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a row"):
        decode(body)


def test_a_link_depends_on_the_row_before_and_on_every_byte() -> None:
    assert link(GENESIS, b"a") != link(link(GENESIS, b"a"), b"a") != link(GENESIS, b"b")
    assert len(link(GENESIS, b"a")) == 32


def test_a_seal_depends_on_salt_and_payload() -> None:
    assert len({seal(b"s", b"p"), seal(b"t", b"p"), seal(b"s", b"q")}) == 3


def test_what_sql_cannot_ask_for_is_not_indexed() -> None:
    assert index(event(uid="u", effect="deny")) == (1_795_300_000_000_000_001, "u", "deny")
    assert index(Event("k", 2**63, uid="\ud800", effect="\u00e9")) == (None, None, None)
    assert index(Event("k", -1, uid="u" * 5000)) == (-1, None, None)
