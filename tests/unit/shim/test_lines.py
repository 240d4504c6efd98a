"""Lines are cut at newlines only, and a line without end costs no memory."""

from __future__ import annotations

from callgate.shim.lines import GLIMPSE, Lines, Oversize


def test_a_line_that_comes_in_pieces_is_one_line() -> None:
    lines = Lines(100)
    assert lines.feed(b"ab") == []
    assert lines.feed(b"c\nde\n\nf") == [[b"ab", b"c\n"], b"de\n", b"\n"]
    assert lines.rest() == b"f"


def test_only_a_newline_ends_a_line() -> None:
    assert Lines(100).feed(b"a\rb\x0b\x0c\xe2\x80\xa8c\r\n") == [b"a\rb\x0b\x0c\xe2\x80\xa8c\r\n"]


def test_a_line_of_exactly_the_limit_passes_and_one_more_byte_does_not() -> None:
    lines = Lines(10)
    assert lines.feed(b"123456789\n") == [b"123456789\n"]
    found = lines.feed(b"1234567890\n")
    assert [type(one) for one in found] == [Oversize, Oversize]
    assert lines.feed(b"next\n") == [b"next\n"]


def test_of_a_line_that_is_too_long_only_its_ends_are_kept() -> None:
    lines = Lines(10_000)
    found = [one for _ in range(1000) for one in lines.feed(b"x" * 1000)]
    found += lines.feed(b"y" * GLIMPSE + b"\nnext\n")
    head, tail, following = found
    assert isinstance(head, Oversize)
    assert isinstance(tail, Oversize)
    assert (head.glimpse, head.ended) == (b"x" * GLIMPSE, False)
    assert (tail.glimpse, tail.ended) == (b"y" * (GLIMPSE - 1) + b"\n", True)
    assert following == b"next\n"
    assert lines.rest() == b""
