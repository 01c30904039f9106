"""The radix summary against the plain list of items that it stands for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reconciliation import radix_summary
from core.reconciliation.item_order import (
    ACTIVITIES,
    END,
    NOTHING,
    ItemKey,
    bound,
    fingerprint_of,
    item_key,
)
from core.reconciliation.radix_summary import LEAF_MAX, MemoryRows, RadixSummary
from core.wire.entries import COUNTER_MAX, EntryId
from tests.reconciliation.pulling import EVERYTHING, MemorySet, made_up

identities = st.builds(EntryId, st.sampled_from("abc"), st.integers(1, 2), st.integers(1, 9))
stamps = st.one_of(st.integers(0, 40), st.integers(0, COUNTER_MAX))
keys = st.builds(item_key, st.sampled_from(["activity", "account"]), stamps, identities)
bounds = st.one_of(keys, st.builds(bound, st.sampled_from([0, 1]), stamps), st.just(END))


@pytest.fixture(autouse=True, scope="module")
def divided_early() -> Iterator[None]:
    """Rows are divided from three items on, so that a few items make a deep tree."""
    patch = pytest.MonkeyPatch()
    patch.setattr(radix_summary, "LEAF_MAX", 2)
    yield
    patch.undo()


def between(items: set[ItemKey], lower: ItemKey, upper: ItemKey) -> list[ItemKey]:
    return sorted(key for key in items if lower <= key < upper)


@given(st.sets(keys, max_size=60), st.sets(keys, max_size=20), st.lists(st.tuples(bounds, bounds), max_size=5))
def test_every_range_has_the_sum_of_its_items_however_they_came(
    first: set[ItemKey], later: set[ItemKey], ranges: list[tuple[ItemKey, ItemKey]]
) -> None:
    known = MemorySet(first)
    for key in later - first:
        known.put(key)
    for lower, upper in [*ranges, tuple(EVERYTHING)]:
        assert known.summary.fingerprint(lower, upper) == fingerprint_of(between(first | later, lower, upper))
        assert list(known.summary.items(lower, upper)) == between(first | later, lower, upper)


@given(st.sets(keys, max_size=60), st.data())
def test_what_is_removed_counts_no_more(items: set[ItemKey], data: st.DataObject) -> None:
    known = MemorySet(items)
    gone = data.draw(st.sets(st.sampled_from(sorted(items)))) if items else set()
    for key in gone:
        known.items.remove(key)
    known.summary.remove(gone)
    lower, upper = data.draw(bounds), data.draw(bounds)
    assert known.summary.fingerprint(lower, upper) == fingerprint_of(between(items - gone, lower, upper))


@given(st.sets(keys, min_size=2, max_size=80), bounds, bounds, st.integers(2, 16))
def test_a_range_is_cut_into_parts_of_about_the_same_size(
    items: set[ItemKey], one: ItemKey, other: ItemKey, parts: int
) -> None:
    lower, upper = sorted((one, other))
    inside = between(items, lower, upper)
    cuts = MemorySet(items).summary.cuts(lower, upper, parts)
    assert cuts == sorted(set(cuts)) and all(lower < cut < upper for cut in cuts) and len(cuts) < parts
    assert bool(cuts) or len(inside) < 2
    edges = [lower, *cuts, upper]
    largest = max(len(between(items, *pair)) for pair in pairwise(edges))
    # Pieces have at most a quarter of a part, rounded up to one item.
    assert largest <= len(inside) / parts + max(1, len(inside) / (4 * parts)) + 1


@given(st.sets(keys, max_size=60), st.integers(0, COUNTER_MAX), st.integers(0, COUNTER_MAX))
def test_what_is_forgotten_leaves_all_later_ranges_as_they_were(items: set[ItemKey], horizon: int, later: int) -> None:
    known = MemorySet(items)
    known.summary.forget(bound(ACTIVITIES), bound(ACTIVITIES, horizon))
    lower = bound(ACTIVITIES, max(horizon, later))
    assert known.summary.fingerprint(lower, END) == fingerprint_of(between(items, lower, END))
    accounts = (bound(0), bound(ACTIVITIES))
    assert known.summary.fingerprint(*accounts) == fingerprint_of(between(items, *accounts))


def test_forgetting_makes_rows_few_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radix_summary, "LEAF_MAX", LEAF_MAX)
    known = MemorySet(made_up(20_000))
    newest = known.all()[-100]
    known.summary.forget(bound(0), newest)
    assert len(known.rows) < 120
    assert known.summary.fingerprint(newest, END).size == 100


def test_dropped_items_count_as_received() -> None:
    items = made_up(500)
    here, there = MemorySet(items), MemorySet(items)
    for key in items[::7]:
        here.items.remove(key)
    assert here.summary.fingerprint(*EVERYTHING) == there.summary.fingerprint(*EVERYTHING)
    assert here.summary.fingerprint(*EVERYTHING) != NOTHING


def test_many_items_of_one_stamp_are_one_row_and_can_be_cut() -> None:
    known = MemorySet(item_key("activity", 7, EntryId("a", 1, number)) for number in range(1, 3000))
    assert len(known.rows) <= radix_summary.ROOT_LEVEL + 1
    assert len(known.summary.cuts(*EVERYTHING, 16)) == 15
    assert known.summary.fingerprint(*EVERYTHING).size == 2999


@pytest.mark.parametrize("bursts", [True, False], ids=["bursts", "scattered"])
def test_rows_are_few_however_stamps_are_scattered(bursts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radix_summary, "LEAF_MAX", LEAF_MAX)
    items = made_up(20_000, bursts=bursts)
    random.Random(3).shuffle(items)
    known = MemorySet(items)
    assert len(known.rows) < len(items) / 10


def test_rows_are_all_that_a_table_has_to_keep() -> None:
    known = MemorySet(made_up(700))
    rows = MemoryRows()
    for level, bucket, row in known.rows.all():
        rows.put(level, bucket, row)
    assert RadixSummary(rows, known.items).fingerprint(*EVERYTHING) == fingerprint_of(known.all())
