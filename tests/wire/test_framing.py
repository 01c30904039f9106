"""Bytes become lines, whatever pieces they arrive in."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.framing import LineSplitter, LineTooLong

STREAMS = {
    "lf": (b"one\ntwo\n", [b"one", b"two"]),
    "crlf": (b"one\r\ntwo\r\n", [b"one", b"two"]),
    "lone cr": (b"one\rtwo\r", [b"one", b"two"]),
    "mixed": (b"a\rb\nc\r\nd\n\re", [b"a", b"b", b"c", b"d", b""]),
    "empty lines": (b"\n\n\r\n\r\r\n", [b"", b"", b"", b"", b""]),
    "cr then crlf": (b"a\r\r\nb\n", [b"a", b"", b"b"]),
    "unfinished": (b"a\nbc", [b"a"]),
    "other separators": ("a\u2028b\x0b\x0c\x85\n".encode(), ["a\u2028b\x0b\x0c\x85".encode()]),
    "nothing": (b"", []),
}


def split_at(data: bytes, cuts: tuple[int, ...]) -> list[bytes]:
    bounds = (0, *cuts, len(data))
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def feed_all(splitter: LineSplitter, pieces: list[bytes]) -> list[bytes]:
    return [line for piece in pieces for line in splitter.feed(piece)]


def reference(data: bytes) -> list[bytes]:
    """Lines by the definition: bytes.splitlines, without what has not ended yet."""
    lines = data.splitlines(keepends=True)
    if lines and not lines[-1].endswith((b"\n", b"\r")):
        lines.pop()
    return [line.rstrip(b"\r\n") for line in lines]


@pytest.mark.parametrize(("data", "lines"), STREAMS.values(), ids=STREAMS.keys())
def test_a_line_may_arrive_in_any_two_or_three_pieces(data: bytes, lines: list[bytes]) -> None:
    positions = range(len(data) + 1)
    for cuts in itertools.chain(((),), itertools.combinations(positions, 1), itertools.combinations(positions, 2)):
        assert feed_all(LineSplitter(100), split_at(data, cuts)) == lines, cuts


@pytest.mark.parametrize(("data", "lines"), STREAMS.values(), ids=STREAMS.keys())
def test_a_line_may_arrive_byte_by_byte_with_nothing_in_between(data: bytes, lines: list[bytes]) -> None:
    pieces = [piece for byte in data for piece in (bytes((byte,)), b"")]
    assert feed_all(LineSplitter(100), pieces) == lines


@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"\r", b"\n", b"\r\n"]), max_size=12))
def test_pieces_never_change_what_the_lines_are(pieces: list[bytes]) -> None:
    assert feed_all(LineSplitter(1000), pieces) == reference(b"".join(pieces))


def test_many_lines_may_arrive_in_one_piece() -> None:
    assert LineSplitter(10).feed(b"x\n" * 1000) == [b"x"] * 1000


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_of_exactly_the_limit_is_a_line(end: bytes) -> None:
    line = b"x" * 64
    for cut in range(len(line + end) + 1):
        assert feed_all(LineSplitter(64), split_at(line + end, (cut,))) == [line]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_a_line_of_one_byte_more_than_the_limit_is_refused(end: bytes) -> None:
    data = b"x" * 65 + end
    for cut in range(len(data) + 1):
        with pytest.raises(LineTooLong, match="64 bytes"):
            feed_all(LineSplitter(64), split_at(data, (cut,)))


def test_a_line_without_an_end_is_refused_when_it_is_dribbled_past_the_limit() -> None:
    splitter = LineSplitter(64)
    for _ in range(64):
        assert splitter.feed(b"x") == []
    assert splitter.pending_bytes == 64
    with pytest.raises(LineTooLong):
        splitter.feed(b"x")


def test_what_was_complete_before_a_line_that_is_too_long_is_not_lost() -> None:
    for tail in (b"y" * 11, b"y" * 11 + b"\nafter\n"):
        with pytest.raises(LineTooLong) as caught:
            LineSplitter(10).feed(b"one\ntwo\n" + tail)
        assert caught.value.lines == [b"one", b"two"]
        assert caught.value.limit == 10


def test_the_limit_counts_each_line_by_itself() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"0123456789\n0123456789\n01234") == [b"0123456789"] * 2
    assert splitter.feed(b"56789\n") == [b"0123456789"]
    assert splitter.pending_bytes == 0


def test_the_limit_may_be_raised_in_the_middle_of_a_line() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"x" * 10) == []
    splitter.limit = 20
    assert splitter.feed(b"x" * 10 + b"\n") == [b"x" * 20]


def test_dribbled_bytes_cost_no_more_than_their_number() -> None:
    splitter = LineSplitter(1024 * 1024)
    size = 200_000
    for _ in range(size):
        splitter.feed(b"x")
    # Were the partial line copied with every byte, this would be 20 GB of copying and never end within the limit.
    assert splitter.feed(b"\n") == [b"x" * size]
