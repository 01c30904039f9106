"""Sums of what came, by ranges of stamps: of everything once, in few ranges, and as servers make them."""

from __future__ import annotations

import base64
import random

from core.client.received_sums import RANGES, ReceivedSums
from core.reconciliation.item_order import fingerprint_of, item_key
from core.wire.entries import EntryId


def test_each_range_has_the_sum_of_what_came_in_it() -> None:
    rng = random.Random(5)
    sums = ReceivedSums(100, 4)
    stamps = [rng.randrange(50, 1_000) for _ in range(400)]
    keys = [(stamp, EntryId(f"n{number % 7}", 1, number + 1)) for number, stamp in enumerate(sorted(stamps))]
    late = keys[3::50]
    for stamp, entry_id in [*(one for one in keys if one not in late), *late]:
        sums.add(entry_id, stamp)
    ranges, until = sums.told()
    assert len(ranges) <= RANGES
    assert [begin for begin, _, _ in ranges] == sorted({begin for begin, _, _ in ranges})
    assert (ranges[0][0], until) == (100, max(stamps) + 1)
    ends = [*(begin for begin, _, _ in ranges[1:]), until]
    for (begin, size, text), end in zip(ranges, ends, strict=True):
        there = [item_key("activity", stamp, entry_id) for stamp, entry_id in keys if begin <= stamp < end]
        expected = fingerprint_of(there)
        assert (size, base64.b64decode(text)) == (expected.size, expected.print)
    assert sum(size for _, size, _ in ranges) == sum(stamp >= 100 for stamp in stamps)


def test_ranges_of_very_many_activities_are_about_as_large_as_each_other() -> None:
    sums = ReceivedSums(0, 4)
    for number in range(4_000):
        sums.add(EntryId("n", 1, number + 1), number)
    sizes = [size for _, size, _ in sums.told()[0]]
    assert len(sizes) <= RANGES
    assert max(sizes) <= 4_000 / RANGES * 4


def test_what_is_older_than_a_stamp_is_let_go_of_by_whole_ranges() -> None:
    sums = ReceivedSums(0, 4)
    for number in range(40):
        sums.add(EntryId("n", 1, number + 1), number)
    begins = [begin for begin, _, _ in sums.told()[0]]
    sums.forget(begins[2] + 1)
    assert [begin for begin, _, _ in sums.told()[0]] == begins[2:]
    sums.forget(10_000)
    assert [begin for begin, _, _ in sums.told()[0]] == begins[-1:]


def test_a_range_that_has_just_begun_has_an_end() -> None:
    sums = ReceivedSums(5, 1)
    sums.add(EntryId("n", 1, 1), 9)
    ranges, until = sums.told()
    assert [(begin, size) for begin, size, _ in ranges] == [(5, 1), (10, 0)]
    assert until == 11
