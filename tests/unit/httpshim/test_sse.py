"""Server-sent events: cut where they end, however they arrive, and never changed."""

from callgate.httpshim.sse import Event, Events

STREAM = (
    b'\xef\xbb\xbf: hello\r\n\r\nevent: message\r\nid: 1\r\ndata: {"a":\r\ndata: "\xc3\xa9"}\r\n\r\n'
    b"data: two\n\n\nretry: 5\rdata:three\r\rdata: four\r\n\n: ping\ndata: five\n\n"
)
DATA = [b'{"a":\n"\xc3\xa9"}', b"two", b"three", b"four", b"five"]


def read(pieces: list[bytes], limit: int = 10**6) -> list[Event]:
    events = Events(limit)
    return [event for piece in pieces for event in events.feed(piece)]


def test_every_way_to_cut_a_stream_gives_the_same_events_and_the_same_bytes() -> None:
    for at in range(len(STREAM) + 1):
        for second in {at, min(at + 1, len(STREAM)), min(at + 7, len(STREAM))}:
            found = read([STREAM[:at], STREAM[at:second], STREAM[second:]])
            assert [event.data for event in found if event.data is not None] == DATA, (at, second)
            assert b"".join(event.raw for event in found) == STREAM, (at, second)
    found = read([bytes((byte,)) for byte in STREAM])
    assert [event.data for event in found if event.data is not None] == DATA
    assert b"".join(event.raw for event in found) == STREAM


def test_an_event_comes_as_soon_as_it_is_whole_and_a_comment_as_soon_as_its_line_is() -> None:
    events = Events(10**6)
    assert [event.data for event in events.feed(b"data: one\n\ndata: tw")] == [b"one"]
    assert [event.data for event in events.feed(b"o\n\n")] == [b"two"]
    assert [event.raw for event in events.feed(b": ping\n")] == [b": ping\n"]
    assert events.feed(b"data: cut in the middle of a rune \xc3") == []


def test_another_message_takes_the_place_of_the_data_and_leaves_the_other_lines() -> None:
    (event,) = read([b": c\r\nid: 7\r\ndata: a\r\ndata: b\r\nevent: message\r\n\r\n"])[-1:]
    assert event.with_data(b"x\ny").endswith(b"id: 7\r\ndata: x\r\ndata: y\r\nevent: message\r\n\r\n")


def test_an_event_of_ten_megabytes_passes_and_one_over_the_limit_is_thrown_away_alone() -> None:
    big = b'data: {"id":5,"result":"' + b"x" * 10_000_000 + b'"}\n\n'
    pieces = [big[at : at + 65536] for at in range(0, len(big), 65536)]
    (whole,) = read(pieces, 64 * 1024 * 1024)
    assert whole.raw == big
    found = read([*pieces, b"data: next\n\n"], 1_000_000)
    assert [event.oversize for event in found] == [True, False]
    assert found[0].data is not None
    assert found[0].data.startswith(b'{"id":5')
    assert found[1].data == b"next"
