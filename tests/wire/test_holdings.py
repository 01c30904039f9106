"""What a client has of each stream: exact where it has heard of the stream, by a stamp elsewhere, and bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import is_in
from core.wire.holdings import Holdings, StreamHoldings, decode_holdings, encoded_size

numbers = st.integers(1, 40)
spans = st.lists(st.tuples(numbers, st.integers(0, 5)), max_size=8)


def runs(raw: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ascending runs, no two of which touch."""
    found: list[tuple[int, int]] = []
    for first, more in sorted(raw):
        if not found or first > found[-1][1] + 1:
            found.append((first, first + more))
    return found


def inside(some: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in some for number in range(first, last + 1)}


@given(st.lists(st.tuples(st.booleans(), numbers, spans), max_size=8), spans)
def test_runs_say_what_a_set_of_numbers_says(
    steps: list[tuple[bool, int, list[tuple[int, int]]]], raw: list[tuple[int, int]]
) -> None:
    holdings = Holdings()
    stream = Stream("n", 1)
    had: set[int] = set()
    floor: int | None = None
    for single, number, more in steps:
        if single:
            holdings.add(EntryId("n", 1, number), 7)
            had.add(number)
            floor = min(number - 1, number - 1 if floor is None else floor)
        else:
            told = [span for span in runs(more) if span[0] > number + 1]
            holdings.put(stream, [number, number + 1, *(one for span in told for one in span)], 7)
            had |= {number + 1} | inside(told)
            floor = min(number, number if floor is None else floor)
    if floor is None:
        return
    part = holdings.streams[stream]
    assert part.floor == floor
    assert {number for number in range(120) if number in part} == had
    assert len(holdings) == len(part.firsts)
    there = runs(raw)
    missing = list(part.missing_of(there))
    assert inside(missing) == {number for number in inside(there) if number > floor and number not in had}
    twin = Holdings()
    for one, told_numbers in decode_holdings(holdings.encoded()):
        twin.put(one, told_numbers, 0)
    assert twin.encoded() == holdings.encoded()


def test_what_is_not_listed_counts_as_had_if_it_is_older_than_the_stamp() -> None:
    holdings = Holdings(100)
    holdings.add(EntryId("n", 1, 5), 200)
    assert holdings.covers(EntryId("n", 1, 5), 200)
    assert not holdings.covers(EntryId("n", 1, 6), 50)
    assert holdings.covers(EntryId("n", 1, 4), 99)
    assert not holdings.covers(EntryId("n", 1, 4), 100)
    assert holdings.covers(EntryId("m", 1, 1), 99)
    assert not holdings.covers(EntryId("m", 1, 1), 100)


def test_of_too_many_runs_the_streams_go_that_were_quiet_for_longest_and_the_stamp_follows() -> None:
    holdings = Holdings(runs_max=64)
    for number in range(200):
        holdings.add(EntryId(f"n{number}", 1, 1), number)
        assert len(holdings) <= 64
        # Nothing that came is taken for missing, and nothing later for had.
        assert all(holdings.covers(EntryId(f"n{one}", 1, 1), one) for one in range(number + 1))
        assert not holdings.covers(EntryId("another", 1, 1), number + 1)


def test_the_stamp_is_raised_behind_what_is_older_than_so_many_activities() -> None:
    holdings = Holdings(activities_max=512)
    for number in range(1, 5001):
        holdings.add(EntryId("n", 1, number), number)
    assert 5000 - 520 <= holdings.since <= 5000 - 512
    assert list(holdings.streams[Stream("n", 1)].lasts) == [5000]


def test_runs_of_numbers_that_are_none_are_refused() -> None:
    for wrong in ([], [1], [5, 4], [0, 5, 5, 6], [1, 2, 2, 3], [0, 2**60]):
        try:
            list(decode_holdings({"n.1": wrong}))
        except ValueError:
            continue
        raise AssertionError(f"{wrong} was taken")
    assert list(decode_holdings({"n.1": [0, 0, 2, 3]})) == [(Stream("n", 1), [0, 0, 2, 3])]


def test_an_entry_is_found_in_a_list() -> None:
    listed = {Stream("n", 1): ((1, 5), (8, 9))}
    there = [number for number in range(12) if is_in(listed, EntryId("n", 1, number))]
    assert there == [1, 2, 3, 4, 5, 8, 9]
    assert not is_in(listed, EntryId("x", 1, 1))


def test_the_size_that_is_told_of_a_list_is_about_that_of_its_text() -> None:
    part = StreamHoldings(3)
    part.add(9, 12)
    holdings = Holdings()
    holdings.streams[Stream("n" * 24, 123_456_789_012)] = part
    text = str(holdings.encoded()).replace(" ", "")
    assert abs(encoded_size(holdings.encoded()) - len(text)) < 8
