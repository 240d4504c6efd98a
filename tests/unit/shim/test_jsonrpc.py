"""What is read as a message, what is refused, and which bytes are cut out."""

from __future__ import annotations

import json

import pytest
from callgate.shim.jsonrpc import MAX_DEPTH, Batch, Message, Refused, dumps, elements, keep, parse


def message(raw: bytes) -> Message:
    found = parse(raw)
    assert isinstance(found, Message)
    return found


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"method":"a","method":"b","id":1}', "twice"),
        (b'{"id":1,"params":{"x":{"a":1,"\\u0061":2}}}', "twice"),
        (b'{"id":1,"params":[[{"a":1,"a":1}]]}', "twice"),
        (b'{"id":1,"params":{"x":NaN}}', "NaN"),
        (b'{"id":1,"params":{"x":-Infinity}}', "Infinity"),
        (b'{"id":1,"params":{"x":"\\ud800"}}', "surrogate"),
        (b'{"id":1,"params":{"x":"\\uDC00\\uD800"}}', "surrogate"),
        (b'{"id":1,"params":{"\\ud83d":1}}', "surrogate"),
        (b'{"id":1,"params":{"x":"\xed\xa0\x80"}}', "UTF-8"),
        (b'{"id":1,"params":{"x":"\xff"}}', "UTF-8"),
        (b'{"id":1,"params":{"x":"\xc0\xaf"}}', "UTF-8"),
        (b'\xef\xbb\xbf{"id":1}', "byte order mark"),
        (b'{"id":1,\r"method":"a"}', "carriage return"),
        ('{"id":1,"x":"\u2028{}"}'.encode(), "line separator"),
        ('{"id":1,"x":"\u2029 [1]"}'.encode(), "line separator"),
        ('{"id":1,"x":"\x85\ufeff{}"}'.encode(), "line separator"),
        (b'{"id":1,"METHOD":"tools/call"}', "could be read as"),
        ('{"id":1,"param\u017f":{}}'.encode(), "could be read as"),
        (b'{"id":1,"method":["tools/call"]}', "not a string"),
        (b'{"id":1,"method":null}', "null"),
        (b'{"id":1,"method":"a","result":{}}', "both"),
        (b'{"id":1,"method":"a"} {}', "follows"),
        (b'{"id":1,"method":"a",}', "not JSON"),
        (b'{"id":1 "method":"a"}', "not JSON"),
        (b'{"id":1,"method":"a"', "not JSON"),
        (b'{"id":01}', "not JSON"),
        (b"{'id':1}", "not JSON"),
        (b'{"id":1,"x":"a\tb"}', "not JSON"),
        (b'{"id":1,"x":"a\x00b"}', "not JSON"),
        (b"nul", "not JSON"),
        (b"3", "neither"),
        (b'"text"', "neither"),
        (b"[]", "batch"),
        (b"[3]", "batch"),
        (b'[[{"id":1}]]', "batch"),
        (b'[{"id":1},{"id":2,"id":3}]', "twice"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(65)) + b"}", "members"),
        (b'{"id":"' + b"i" * 5000 + b'"}', "id of more"),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(raw)
    assert why in refused.value.reason


@pytest.mark.parametrize(
    ("raw", "echoed"),
    [
        (b'{"params":{"x":"\\ud800"},"id":7}', "7"),
        (b'{"x":NaN,"id":1.50}', "1.50"),
        (b'{"x":1,"x":2,"id":"\\u0061"}', '"\\u0061"'),
        (b'{"x":"\xff","id":12}', "12"),
        (b'\xef\xbb\xbf{"id":3}', "3"),
        (b'{"id":1,"id":2}', "null"),
        (b'{"id":1,"ID":2}', "null"),
        (b'{"id":{"a":1},"x":NaN}', "null"),
        (b'{"id":NaN}', "null"),
        (b'{"id":1', "null"),
        (b'[{"id":1,"id":1}]', "null"),
        (b'{"id":"' + b"i" * 5000 + b'"}', "null"),
    ],
)
def test_a_refusal_names_the_id_only_when_there_is_no_doubt_about_it(raw: bytes, echoed: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(raw)
    assert refused.value.id == echoed


@pytest.mark.parametrize(
    "text", ["1", "-0", "1.0", "1e400", "9" * 4000, '"a\\u00e9"', '"é"', "null", "true", "{}", "[1]"]
)
def test_an_id_is_kept_as_it_was_written(text: str) -> None:
    assert message(f'{{"jsonrpc":"2.0", "id" : {text} ,"method":"a"}}'.encode()).id == text


def test_ids_that_some_parser_takes_for_the_same_are_the_same() -> None:
    keys = [message(b'{"id":%b}' % text).key for text in (b"1", b"1.0", b"1e0", b'"1"', b"true", b"null", b'"true"')]
    assert keys[0] == keys[1] == keys[2]
    assert len({keys[0], *keys[3:]}) == 5


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":1,"params":{"x":"half \\\\ud800 of none"}}',
        b'{"id":1,"params":{"x":"\\ud83d\\ude00 \\uD83D\\uDE00"}}',
        '{"id":1,"params":{"x":"a\u2028b\u2029\x85 b{"}}'.encode(),
        b'{"id":1,"params":{"x":[{"a":1},{"a":1}],"a":{"a":1}}}',
        b' \t{ "id" : 1 , "params" : { } } ',
        b'{"id":1,"params":{"x":' + b"9" * 10_000 + b"}}",
        b'{"id":1,"params":{"x":"' + b"[{" * 10_000 + b'"}}',
        b'{"id":1,"params":[' + b"[{}]," * 10_000 + b"1]}",
    ],
)
def test_what_is_unusual_but_clear_is_read(raw: bytes) -> None:
    assert message(raw.strip()).id == "1"


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"\\"":', b"}]")])
def test_nesting_is_counted_exactly(pair: tuple[bytes, bytes]) -> None:
    opening, closing = pair
    levels = (MAX_DEPTH - 1) // (opening.count(b"[") + opening.count(b"{"))
    assert message(b'{"x":' + opening * levels + b"1" + closing * levels + b"}")
    levels += 2
    with pytest.raises(Refused, match="deeper"):
        parse(b'{"x":' + opening * levels + b"1" + closing * levels + b"}")


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000, b'{"a":[' * 50_000 + b"]}" * 50_000]
)
def test_a_hundred_thousand_levels_are_refused_without_harm(raw: bytes) -> None:
    with pytest.raises(Refused, match="deeper"):
        parse(raw)


def test_the_members_of_a_batch_are_found_where_they_stand() -> None:
    raw = '[ {"id":1,"x":"é"} ,{"id":2} ]'.encode()
    batch = parse(raw)
    assert isinstance(batch, Batch)
    assert [one.raw().decode() for one in batch.messages] == ['{"id":1,"x":"é"}', '{"id":2}']


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ([0, 1, 2], "1 ,\t[2], {}"),
        ([0], "1"),
        ([1], "[2]"),
        ([2], "{}"),
        ([0, 2], "1, {}"),
        ([1, 2], "[2], {}"),
        ([], ""),
    ],
)
def test_elements_are_cut_out_of_an_array_with_their_separators(kept: list[int], left: str) -> None:
    text = "[ 1 ,\t[2], {}\n]"
    spans, end = elements(text, 0)
    assert end == len(text)
    assert keep(text, [(start, stop) for _, start, stop in spans], kept) == left


def test_what_we_write_is_ascii_that_any_parser_reads() -> None:
    value = {"a": ["é\ud800\n", 1, 2.5, None, True], "b": {}}
    assert dumps(value).isascii()
    assert json.loads(dumps(value)) == value
