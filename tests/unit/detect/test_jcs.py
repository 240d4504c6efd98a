"""Canonical JSON: the examples of RFC 8785, and what it leaves open."""

from __future__ import annotations

import json
import struct

import pytest
from callgate.detect import jcs

# RFC 8785, appendix B: the bits of a double, and how it is written
NUMBERS = [
    ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"), ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"), ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"), ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]  # fmt: skip


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_written_as_the_rfc_has_them(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert jcs.number(value) == text


def test_the_whole_example_of_the_rfc_comes_out_as_printed_there() -> None:
    given = r"""{
       "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
       "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
       "literals": [null, true, false]
     }"""
    wanted = (
        r'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )
    assert jcs.canonical(jcs.parse(given)) == wanted


def test_keys_are_sorted_by_utf_16_units() -> None:
    given = r'{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}'
    assert list(json.loads(jcs.canonical(jcs.parse(given))).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_equal_numbers_are_written_alike_and_large_integers_keep_their_digits() -> None:
    assert jcs.canonical(jcs.parse("[1,1.0,1e0,10e-1,-0,-0.0]")) == "[1,1,1,1,0,0]"
    assert jcs.canonical(jcs.parse("[9007199254740993,1e400,-1e400]")) == "[9007199254740993,1e+999,-1e+999]"
    assert jcs.canonical(jcs.parse("9" * 5000)) == "1e+999"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}', "[1,]", "", "\ufeff1", "[" * 100_000])
def test_what_is_not_json_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        jcs.parse(text)
