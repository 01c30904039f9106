"""What a node knows of the activities that it handed out last."""

from __future__ import annotations

import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from core.node.clients.handed_out import HandedOut
from core.wire.entries import COUNTER_MAX, EntryId, Stream
from tests.node.test_steps import GROWTH_MAX, counted

MOST = 5
STREAMS = [Stream("a", 1), Stream("a", 2), Stream("b", 7)]
noted = st.tuples(st.sampled_from(STREAMS), st.integers(0, 20), st.integers(0, 20), st.integers(1, 9))


@given(st.lists(noted, max_size=40))
def test_the_latest_ones_are_known_by_order_and_by_time(entries: list[tuple[Stream, int, int, int]]) -> None:
    kept = HandedOut(MOST)
    in_order: list[tuple[EntryId, int, int]] = []
    by_time: list[tuple[int, EntryId]] = []
    for seq, (stream, stamp, at, size) in enumerate(entries):
        if len(in_order) >= 2 * MOST and len(by_time) == 2 * MOST:
            del by_time[:MOST]
        kept.note(stream, seq, stamp, size, at)
        in_order.append((EntryId(*stream, seq), stamp, size))
        by_time.append((at, EntryId(*stream, seq)))
        by_time.sort(key=lambda one: one[0])
        assert list(kept.latest()) == in_order[: -MOST - 1 : -1]
        for since in (-1, 0, 7, 20, 21):
            assert list(kept.later_than(since)) == [one for one in by_time if one[0] > since]


@given(st.lists(noted, max_size=40), st.integers(0, 40))
def test_from_when_on_others_may_have_had_one_is_known_as_long_as_it_is_kept(
    entries: list[tuple[Stream, int, int, int]], asked_after: int
) -> None:
    kept = HandedOut(MOST)
    for seq, (stream, stamp, at, size) in enumerate(entries):
        kept.note(stream, seq, stamp, size, at)
        if seq >= asked_after:
            by_time = {entry_id: time for time, entry_id in kept.later_than(-1)}
            for before, (whose, *_) in enumerate(entries[: seq + 1]):
                entry_id = EntryId(*whose, before)
                assert kept.time_of(entry_id) == by_time.get(entry_id, 0)
    assert kept.time_of(EntryId("somebody", 1, 1)) == 0


def test_to_find_when_others_had_one_takes_no_more_where_more_are_kept() -> None:
    steps: list[int] = []
    for streams in (100, 200, 400):
        kept = HandedOut(streams)
        for number in range(streams):
            kept.note(Stream("n", number), 1, number, 10, number)
        asked = EntryId("n", streams - 1, 1)
        assert kept.time_of(asked) == streams - 1
        kept.note(STREAMS[0], 1, streams, 10, streams)
        steps.append(counted(lambda kept=kept, asked=asked: kept.time_of(asked)))  # type: ignore[misc]
    assert max(steps) <= GROWTH_MAX * min(steps)


def test_the_largest_numbers_there_are_find_a_place() -> None:
    kept = HandedOut(MOST)
    kept.note(Stream("n", COUNTER_MAX), COUNTER_MAX, COUNTER_MAX, 2**20, COUNTER_MAX)
    (newest,) = kept.latest()
    assert newest == (EntryId("n", COUNTER_MAX, COUNTER_MAX), COUNTER_MAX, 2**20)


def test_streams_of_which_none_is_left_are_forgotten() -> None:
    kept = HandedOut(100)
    tracemalloc.start()
    try:
        for number in range(1_000):
            kept.note(Stream("n", number), 1, number, 10, number)
        held, _ = tracemalloc.get_traced_memory()
        for number in range(1_000, 10_000):
            kept.note(Stream("n", number), 1, number, 10, number)
        grown = tracemalloc.get_traced_memory()[0] - held
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    assert [entry_id.incarnation for entry_id, _, _ in kept.latest()] == list(range(9_999, 9_899, -1))


def test_each_takes_some_bytes_and_no_objects() -> None:
    kept, rng = HandedOut(10_000), random.Random(1)
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        for seq in range(15_000):
            kept.note(STREAMS[0], seq, 10**15 + seq, 300, 10**15 + seq + rng.randrange(100))
        found = tracemalloc.take_snapshot().compare_to(before, "filename")
    finally:
        tracemalloc.stop()
    assert sum(one.size_diff for one in found) / 15_000 < 100
    assert sum(one.count_diff for one in found) < 500


@given(st.lists(st.tuples(st.sampled_from(STREAMS), st.lists(st.integers(0, 20), min_size=1, max_size=25)), max_size=9))
def test_many_at_once_are_noted_as_one_by_one(runs: list[tuple[Stream, list[int]]]) -> None:
    at_once, singly = HandedOut(MOST), HandedOut(MOST)
    for stream, stamps in runs:
        numbers, sizes = list(range(len(stamps))), list(range(100, 100 + len(stamps)))
        times = [stamp // 2 for stamp in stamps]
        at_once.note_all(stream, numbers, stamps, sizes, times)
        for number, stamp, size, at in zip(numbers, stamps, sizes, times, strict=True):
            singly.note(stream, number, stamp, size, at)
        assert list(at_once.latest()) == list(singly.latest())
        assert list(at_once.later_than(-1)) == list(singly.later_than(-1))
        last = EntryId(*stream, len(stamps) - 1)
        assert at_once.time_of(last) == singly.time_of(last)
