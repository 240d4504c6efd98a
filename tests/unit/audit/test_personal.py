"""What is personal data by form and check digits, and what only looks like it."""

from __future__ import annotations

import pytest
from callgate.audit import patterns, personal
from callgate.audit.redact import redact

KEY = b"k" * 32
PEOPLE = [
    ("iban", "DE89 3704 0044 0532 0130 00"), ("iban", "GB82WEST12345698765432"), ("iban", "NO9386011117947"),
    ("iban", "FR14 2004 1010 0505 0001 3M02 606"), ("iban", "NL91ABNA0417164300"), ("iban", "CH9300762011623852957"),
    ("iban", "MT84MALT011000012345MTLCAST001S"),
    ("phone", "+49 30 901820"), ("phone", "+1 (415) 555-0132"), ("phone", "+14155550132"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "+41-44-668-18-00"), ("phone", "+33 1.23.45.67.89"),
    ("national-id", "RSSMRA85T10A562S"), ("national-id", "111.444.777-35"), ("national-id", "85.07.30-033.28"),
    ("national-id", "1 85 05 78 006 084 91"), ("national-id", "255081416802538"), ("national-id", "11010519491231002X"),
    ("card", "4111 1111 1111 1111"), ("email", "jo.doe+x@mail.example.com"),
]  # fmt: skip
OTHERS = [
    "DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "GB82WEST1234569876543", "SHA256 of AB12CD34EF56GH78",
    "UTC+01:00", "2026-11-22T10:00:00+0100", "1.0.0+20130313144700", "x = y+1234567890", "C++17", "+1.2.3", "+100",
    "+35236450.6",
    "a\n+1234567890\n", "a\n+20260101,5\n", "+0049 30 1234567", "+999 123 456 789", "value += 1000000000",
    "RSSMRA85T10A562T", "111.444.777-36", "111.111.111-11", "85.07.30-033.29", "1 85 05 78 006 084 92",
    "192.168.100.200-24",
    "110105194912310021", "1795300000000000001", "4111 1111 1111 1112", "user@host", "npm:@scope/pkg@1.2.3",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), PEOPLE, ids=[text for _, text in PEOPLE])
@pytest.mark.parametrize("around", ["{}", "call {} now", '"{}"', "Contact: {}."])
def test_what_belongs_to_a_person_is_found(kind: str, text: str, around: str) -> None:
    raw = around.format(text).encode()
    assert [(name, raw[start:stop].decode()) for start, stop, name in patterns.spans(raw)] == [(kind, text)]
    assert patterns.may_hold(raw)


@pytest.mark.parametrize("text", OTHERS)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert list(personal.found(text.encode())) == []


@pytest.mark.parametrize(("kind", "text"), PEOPLE, ids=[text for _, text in PEOPLE])
def test_one_setting_leaves_all_of_it(kind: str, text: str) -> None:
    value = {"a": f"see {text}", "b": "password=hunter2"}
    plain, count = redact(value, KEY, 10_000, people=False)
    assert isinstance(plain, dict) and plain["a"] == value["a"] and count == 1 and "hunter2" not in plain["b"]
    assert text not in str(redact(value, KEY, 10_000)[0])


def test_a_phone_number_at_the_begin_of_a_line_counts_in_groups_only() -> None:
    """A line that was added begins with a plus in every diff."""
    assert list(personal.found(b"x\n+4930901820123\n")) == []
    assert [kind for _, _, kind in personal.found(b"x\n+49 30 901820\n")] == ["phone"]


@pytest.mark.parametrize("piece", ["+1", "+1 ", "AB12 ", "AA00AA00", "1 ", "00.00.00-000.00", "+(", "A" * 6 + "00A00"])
def test_hostile_text_is_read_in_proportion_to_its_size(piece: str) -> None:
    list(personal.found((piece * 100_000)[:100_000].encode()))  # a quadratic search would not end within the time limit
