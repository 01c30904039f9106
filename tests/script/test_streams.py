"""Input is cut into the lines that it has, whatever ends them and however it comes."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from tui.script.streams import LineCutter


def lines_of(data: bytes) -> list[bytes]:
    """What Python's universal newlines make of it (PEP 278)."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="latin-1", newline=None).read()
    *whole, rest = text.split("\n")
    return [line.encode("latin-1") for line in (*whole, *([rest] if rest else []))]


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\xff", b""]), max_size=30), st.data())
def test_lines_are_those_of_universal_newlines_in_whatever_pieces_they_come(
    parts: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    cutter, found = LineCutter(1_000), list[bytes]()
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += cutter.feed(stream[begin:end])
    assert found + cutter.end() == lines_of(stream)
    assert cutter.end() == []


def test_an_empty_line_behind_a_line_end_that_came_in_two_pieces_is_a_line() -> None:
    cutter = LineCutter(1_000)
    assert [*cutter.feed(b"a\r"), *cutter.feed(b"\n"), *cutter.feed(b"\n")] == [b"a", b""]


@given(st.integers(0, 20), st.integers(0, 60), st.integers(1, 7))
def test_a_line_that_is_too_long_comes_as_one_byte_more_than_may_be_and_the_next_one_is_whole(
    longest: int, length: int, step: int
) -> None:
    stream = b"x" * length + b"\nnext\n"
    cutter, found = LineCutter(longest), list[bytes]()
    for begin in range(0, len(stream), step):
        found += cutter.feed(stream[begin : begin + step])
    assert found == [b"x" * min(length, longest + 1), b"next"[: longest + 1]]
