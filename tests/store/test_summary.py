"""What a store says of sums, of wanted entries, and of dropped ones: by the one on disk and the one without alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.reconciliation import radix_summary, range_comparison
from core.reconciliation.item_order import (
    ACCOUNTS,
    ACTIVITIES,
    END,
    NOTHING,
    Fingerprint,
    bound,
    fingerprint_of,
    item_key,
)
from core.reconciliation.range_comparison import ItemRange, NextQuestion, RangeAnswer, RangePart
from core.reconciliation.summary_queries import (
    AnswerFound,
    AnswerWanted,
    ComparisonBegun,
    DroppedFound,
    DroppedWanted,
    FirstQuestion,
    FollowUpQuestion,
    SumFound,
    SummaryAnswer,
    SummaryQuery,
    SumWanted,
    horizon_told,
)
from core.store import KEEP_EVERYTHING, MemoryStore, Retention, Store, sqlite_summary
from core.wire.entries import Entry, StreamMark, Wanted
from core.wire.entry_runs import count_of, ids_in
from tests.store.making import WALL, A, B, account, activity, open_at
from tests.store.test_contract import Disk

FOR_EVER = 2**52


@pytest.fixture(params=["sqlite", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(request.param, tmp_path / "data")
    yield disk
    disk.close()


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radix_summary, "LEAF_MAX", 4)
    monkeypatch.setattr(sqlite_summary, "FRESH_STEP", 3)


def ask(store: Store, query: SummaryQuery) -> SummaryAnswer:
    while not store.prepare_summary(query):
        pass
    return store.ask_summary(query)


def whole(store: Store, since: int = 0) -> SumFound:
    found = ask(store, SumWanted(since, FOR_EVER))
    assert isinstance(found, SumFound)
    return found


def sum_of(*entries: Entry) -> Fingerprint:
    return fingerprint_of(item_key(one.kind, one.stamp, one.id) for one in entries)


ENTRIES = [
    *(activity(A, number) for number in range(1, 30)),
    *(activity(B, number, 7 * number) for number in range(1, 30)),
    *(account(B, number, f"user{number}", 5) for number in range(30, 40)),
]


def test_lists_hold_all_that_is_in_a_range_in_the_order_of_items_also_where_many_have_one_stamp(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(range_comparison, "LISTED_MAX", 3)
    store, _ = disk.open()
    # In the table streams have numbers, in the order in which they came: not that of their names.
    store.commit(ENTRIES[::-1])
    keys = sorted(item_key(one.kind, one.stamp, one.id) for one in ENTRIES)
    for lower, upper in (
        (bound(ACCOUNTS), END),
        (keys[3], keys[-2]),
        (keys[12], keys[13]),
        (keys[4], bound(ACTIVITIES)),
    ):
        found = ask(store, AnswerWanted((RangePart(ItemRange(lower, upper), 0, b""),), whole=False))
        assert isinstance(found, AnswerFound)
        within = [key for key in keys if lower <= key < upper]
        for one in found.answer.lists:
            listed = {*ids_in(one.entries)}
            assert listed == {key.id for key in within if one.range.lower <= key < one.range.upper}
            assert len(listed) <= 3
        assert sum(count_of(one.entries) for one in found.answer.lists) == len(within)


def test_sums_are_of_all_that_was_received(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit(ENTRIES)
    assert whole(store).whole == sum_of(*ENTRIES)
    store.commit(ENTRIES[:5])
    more = [activity(A, 30), account(A, 31, "late", 5)]
    store.commit(more)
    assert whole(store).whole == sum_of(*ENTRIES, *more)
    store, _ = disk.open()
    assert whole(store).whole == sum_of(*ENTRIES, *more)


def test_what_is_committed_while_sums_are_made_counts_once(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit(ENTRIES)
    store, _ = disk.open()
    more = [activity(A, number, 1_500 - 17 * number) for number in range(30, 59)]
    more += [account(A, number, f"later{number}", 3 + number % 4) for number in range(60, 80)]
    for one in more:
        store.prepare_summary(SumWanted(0, FOR_EVER))
        store.commit([one])
    assert whole(store).whole == sum_of(*ENTRIES, *more)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 60), max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_a_range_has_the_same_sum_on_disk_and_in_memory(
    tmp_path_factory: pytest.TempPathFactory, stamps: list[int], since: int, until: int
) -> None:
    disks = [Disk(kind, tmp_path_factory.mktemp("data") / "data") for kind in ("sqlite", "memory")]
    entries = [
        activity(A, number, stamp) if stamp % 3 else account(A, number, f"user{number}", stamp)
        for number, stamp in enumerate(stamps, 1)
    ]
    try:
        found = []
        for disk in disks:
            store, _ = disk.open()
            store.commit(entries[::2])
            whole(store)
            store.commit(entries[1::2])
            found.append(ask(store, SumWanted(since, until)))
        inside = [one for one in entries if one.stamp < until and (one.kind == "account" or one.stamp >= since)]
        assert found == [SumFound(since, sum_of(*inside))] * 2
    finally:
        for disk in disks:
            disk.close()


def test_what_a_crash_took_is_in_no_sum(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit(ENTRIES[:10])
    assert whole(store).whole == sum_of(*ENTRIES[:10])
    if isinstance(store, MemoryStore):
        store.write(ENTRIES[10:])
        assert whole(store).whole == sum_of(*ENTRIES)
        store.crash()
    assert whole(store).whole == sum_of(*ENTRIES[:10])


def test_wanted_entries_come_in_the_order_of_stamps_and_what_has_no_room_is_told(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit([activity(A, number, 1_000 - number, size=100) for number in range(1, 20)])
    page = store.fetch_wanted(Wanted({A: ((2, 5), (18, 40)), B: ((1, 3),)}, bytes_max=300))
    assert [one.id.seq for one in page.entries] == [19, 18]
    assert dict(page.left) == {A: ((2, 5),)}
    page = store.fetch_wanted(Wanted(page.left))
    assert [one.id.seq for one in page.entries] == [5, 4, 3, 2] and not page.left
    assert store.fetch_wanted(Wanted({A: ((1, 1),)}, bytes_max=0)).entries[0].id.seq == 1


def test_what_was_received_and_dropped_is_told_apart_from_what_never_came(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=5))
    store.commit([activity(A, number) for number in (*range(1, 11), *range(15, 20))])
    store.commit([StreamMark(B, 4)])
    while store.trim(WALL):
        pass
    found = ask(store, DroppedWanted({A: ((1, 30),), B: ((2, 9),)}))
    assert isinstance(found, DroppedFound)
    kept = {one.id.seq for one in store.activities_before(None, 100, 10**6)}
    gone = {one.seq for one in ids_in(found.entries) if one.stream == A}
    assert kept == {15, 16, 17, 18, 19} and gone == set(range(1, 11))
    assert found.entries[B] == ((2, 4),)


def test_the_horizon_is_behind_the_last_that_was_dropped_for_its_age(disk: Disk) -> None:
    keeping = Retention(activities=20, share=2.0)
    store, _ = disk.open(keeping)
    store.commit(ENTRIES)
    assert whole(store).since == 0
    while store.trim(WALL):
        pass
    kept = store.activities_before(None, 100, 10**6)
    begun = ask(store, FirstQuestion(0, None))
    assert isinstance(begun, ComparisonBegun)
    horizon = begun.question.parts[1].range.lower
    assert horizon == bound(ACTIVITIES, kept[0].stamp) or horizon.place < bound(ACTIVITIES, kept[0].stamp).place
    above = [one for one in ENTRIES if one.kind == "account" or item_key(one.kind, one.stamp, one.id) >= horizon]
    assert begun.whole == sum_of(*above)
    assert begun.question.parts[0].range == ItemRange(bound(ACCOUNTS), bound(ACTIVITIES))
    store, _ = disk.open(keeping)
    again = ask(store, FirstQuestion(0, None))
    assert isinstance(again, ComparisonBegun) and again.question.parts[1].range.lower == horizon


def test_nothing_is_told_of_what_is_below_the_horizon(disk: Disk) -> None:
    store, _ = disk.open(Retention(activities=20, share=2.0))
    store.commit(ENTRIES)
    while store.trim(WALL):
        pass
    begun = ask(store, FirstQuestion(0, None))
    assert isinstance(begun, ComparisonBegun)
    horizon = begun.question.parts[1].range.lower
    below = RangePart(ItemRange(bound(ACTIVITIES), horizon), 99, b"\0" * 16)
    found = ask(store, AnswerWanted((below,), True))
    assert isinstance(found, AnswerFound)
    assert (found.answer.parts, found.answer.lists, found.answer.upto) == ((), (), horizon)
    across = RangePart(ItemRange(bound(ACTIVITIES), END), 99, b"\0" * 16)
    found = ask(store, AnswerWanted((across,), True))
    assert isinstance(found, AnswerFound) and found.answer.lists[0].range.lower == horizon


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**12))
def test_a_horizon_that_is_told_is_no_earlier_and_moves_seldom(horizon: int, above: int, further: int) -> None:
    until = horizon + above
    told = horizon_told(horizon, until)
    assert horizon <= told <= horizon + max(1, above // 8)
    moved = min(further, above // 64)
    steps = {horizon_told(horizon + moved * part // 64, until) for part in range(64)}
    assert len(steps) <= 3


def test_sums_can_be_asked_for_when_there_is_nothing(disk: Disk) -> None:
    store, _ = disk.open(KEEP_EVERYTHING)
    assert whole(store) == SumFound(0, Fingerprint(0, 0))


def test_a_large_database_is_summed_in_steps(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, number) for number in range(1, 20)])
    steps = 0
    while not store.prepare_summary(SumWanted(0, FOR_EVER)):
        steps += 1
    assert steps >= 4
    store.close()


def test_who_has_nothing_is_told_what_there_is_before_anything_is_summed_up(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, number) for number in range(1, 20)])
    ranges = ItemRange(bound(ACCOUNTS), bound(ACTIVITIES)), ItemRange(bound(ACTIVITIES), END)
    query = AnswerWanted(tuple(RangePart(one, *_nothing()) for one in ranges), whole=True)
    assert store.prepare_summary(query)
    found = store.ask_summary(query)
    assert isinstance(found, AnswerFound) and found.whole is None and found.answer.upto == END
    assert [count_of(one.entries) for one in found.answer.lists] == [19]
    assert not store.prepare_summary(SumWanted(0, FOR_EVER)), "nothing was summed up for it"
    store.close()


def test_who_catches_up_asks_on_before_anything_is_summed_up_of_what_has_come(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, number) for number in range(1, 20)])
    asked = (RangePart(ItemRange(bound(ACCOUNTS), END), *_nothing()),)
    upto = bound(ACTIVITIES, FOR_EVER // 2)
    query = FollowUpQuestion(asked, RangeAnswer((), (), upto), ())
    assert store.prepare_summary(query)
    assert store.ask_summary(query) == NextQuestion((RangePart(ItemRange(upto, END), *_nothing()),), ())
    assert not store.prepare_summary(SumWanted(0, FOR_EVER)), "nothing was summed up for it"
    store.close()


def test_who_has_accounts_alone_is_told_the_sum_of_all_once_all_is_summed_up(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, number) for number in range(1, 20)])
    parts = (
        RangePart(ItemRange(bound(ACCOUNTS), bound(ACTIVITIES)), 1, b"\0" * 16),
        RangePart(ItemRange(bound(ACTIVITIES), END), *_nothing()),
    )
    assert not store.prepare_summary(AnswerWanted(parts, whole=True))
    assert store.prepare_summary(AnswerWanted(parts[1:], whole=True)), "who has nothing is told of no whole"
    found = ask(store, AnswerWanted(parts, whole=True))
    assert isinstance(found, AnswerFound) and found.whole is not None and found.whole.size == 19
    store.close()


def test_who_has_something_is_told_what_there_is_in_sums(disk: Disk) -> None:
    store, _ = disk.open()
    store.commit(ENTRIES)
    found = ask(store, AnswerWanted((RangePart(ItemRange(bound(ACCOUNTS), END), 1, b"\0" * 16),), whole=True))
    assert isinstance(found, AnswerFound) and found.whole == sum_of(*ENTRIES)


def _nothing() -> tuple[int, bytes]:
    return NOTHING.size, NOTHING.print
