"""The index of time against the plain sets that it stands for: what was received, and what of it is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.reconciliation import radix_summary
from core.reconciliation.item_order import (
    ACCOUNTS,
    ACTIVITIES,
    END,
    SET_BITS,
    Fingerprint,
    ItemKey,
    ItemSet,
    bound,
    fingerprint_of,
)
from core.reconciliation.range_comparison import ItemRange
from core.store import sqlite_summary, time_index
from core.store.checksums import DamagedRow
from core.store.schema import CURRENT, migrate
from core.store.sqlite_summary import SqliteSummary
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import PARTS_MAX, Block, Columns, ItemPlace
from core.store.time_index import LATEST, TimeIndex
from core.wire.entries import COUNTER_MAX, EntryId, Stream

STREAMS = [Stream("b", 7), Stream("a", 1), Stream("c", 3)]
"""In the table they have the numbers 1, 2, 3, which is not the order of their identities."""
ALL = ItemRange(bound(ACCOUNTS), END)
WHOLE = {ACCOUNTS: (bound(ACCOUNTS), bound(ACTIVITIES)), ACTIVITIES: (bound(ACTIVITIES), END)}

stamps = st.one_of(st.integers(0, 5), st.integers(0, 40), st.integers(0, COUNTER_MAX))
places = st.builds(lambda which, stamp: which << SET_BITS | stamp, st.sampled_from([ACCOUNTS, ACTIVITIES]), stamps)
items = st.tuples(places, st.integers(1, 3), st.integers(1, 9))
bounds = st.one_of(
    st.builds(
        lambda place, node, seq: ItemKey(place, EntryId(node, 1, seq)),
        places,
        st.sampled_from("abc"),
        st.integers(1, 9),
    ),
    st.builds(bound, st.sampled_from([ACCOUNTS, ACTIVITIES]), stamps),
    st.just(END),
)


@pytest.fixture(autouse=True, scope="module")
def divided_early() -> Iterator[None]:
    """A few items make a deep tree, and a few steps sum them up."""
    patch = pytest.MonkeyPatch()
    patch.setattr(radix_summary, "LEAF_MAX", 3)
    patch.setattr(time_index, "BLOCKS_READ", 2)
    patch.setattr(time_index, "BLOCKS_READ_LEVEL", 0)
    patch.setattr(sqlite_summary, "FRESH_STEP", 4)
    patch.setattr(sqlite_summary, "BLOCKS_STEP", 40)
    yield
    patch.undo()


def key_of(item: ItemPlace) -> ItemKey:
    place, number, seq = item
    return ItemKey(place, EntryId(*STREAMS[number - 1], seq))


class Index:
    """A database with nothing but an index, and what it should have."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.connection, CURRENT, 0)
        numbers = StreamNumbers(self.connection)
        assert [numbers.make(stream) for stream in STREAMS] == [1, 2, 3]
        self.received: set[ItemPlace] = set()
        self.kept: set[ItemPlace] = set()
        self.restart()

    def restart(self) -> None:
        numbers = StreamNumbers(self.connection)
        self.index = TimeIndex(self.connection, numbers)
        self.summary = SqliteSummary(self.index, numbers)

    def add(self, some: list[ItemPlace]) -> None:
        self.index.add(Columns.of(some))
        self.received |= set(some)
        self.kept |= set(some)

    def drop(self, some: set[ItemPlace]) -> None:
        self.index.take_out(some, received=True)
        self.kept -= some

    def lose(self, some: set[ItemPlace]) -> None:
        """They are damaged, and count as never received."""
        self.index.take_out(some, received=False)
        self.kept -= some
        self.received -= some

    def sum(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        return self.summary.sums.fingerprint(lower, upper)

    def expected(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        return fingerprint_of(key for key in map(key_of, self.received) if lower <= key < upper)


class History(RuleBasedStateMachine):
    """Whatever happens to an index, it has what was received, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.known = Index()
        self.exact = True
        """Whether nothing was dropped that still counts: what was in a bucket that is divided later cannot be told."""
        self.horizon = 0

    @rule(some=st.lists(items, max_size=12))
    def receive(self, some: list[ItemPlace]) -> None:
        # Of what is older than the horizon nothing is told, and what has been received is not received again.
        again = self.known.received - self.known.kept
        self.known.add([one for one in some if one not in again and not self._is_old(one)])

    @rule(data=st.data())
    def drop_of_one_writer(self, data: st.DataObject) -> None:
        gone = self._some(data, ACTIVITIES)
        self.exact = self.exact and not gone
        self.known.drop(gone)

    @rule(stamp=stamps)
    def drop_the_oldest(self, stamp: int) -> None:
        self.horizon = max(self.horizon, stamp)
        gone = {one for one in self.known.kept if self._is_old(one)}
        self.known.drop(gone)
        self.known.index.forget(self.horizon)

    @rule(data=st.data())
    def find_damaged(self, data: st.DataObject) -> None:
        self.known.lose(self._some(data, data.draw(st.sampled_from([ACCOUNTS, ACTIVITIES]))))

    @rule()
    def restart(self) -> None:
        self.known.restart()

    @rule(lower=bounds, upper=bounds)
    def sum_up_some(self, lower: ItemKey, upper: ItemKey) -> None:
        self.known.summary.sum_up(ItemRange(lower, upper))

    @rule(lower=bounds, upper=bounds)
    def prepare(self, lower: ItemKey, upper: ItemKey) -> None:
        """However little of it is done at once, it comes to its end."""
        steps = 0
        while not self.known.summary.prepare(ItemRange(lower, upper)):
            steps += 1
            assert steps < 1000

    @rule(lower=bounds, upper=bounds)
    def ask(self, lower: ItemKey, upper: ItemKey) -> None:
        lowest = bound(ACTIVITIES, self.horizon)
        if self.exact and (upper <= bound(ACTIVITIES) or lower >= lowest):
            assert self.known.sum(lower, upper) == self.known.expected(lower, upper)

    @invariant()
    def accounts_are_all_there(self) -> None:
        assert self.known.sum(*WHOLE[ACCOUNTS]) == self.known.expected(*WHOLE[ACCOUNTS])

    @invariant()
    def activities_count_although_they_were_dropped(self) -> None:
        if not self.horizon:
            assert self.known.sum(*WHOLE[ACTIVITIES]) == self.known.expected(*WHOLE[ACTIVITIES])

    @invariant()
    def what_is_kept_is_found(self) -> None:
        index = self.known.index
        assert [one for found in index.ascending(0, LATEST) for one in found] == sorted(self.known.kept)
        assert all(block.is_summed_rightly(StreamNumbers(self.known.connection).name) for block in index.blocks())

    def _is_old(self, item: ItemPlace) -> bool:
        return bound(ACTIVITIES).place <= item[0] < bound(ACTIVITIES, self.horizon).place

    def _some(self, data: st.DataObject, which: ItemSet) -> set[ItemPlace]:
        candidates = sorted(one for one in self.known.kept if one[0] >> SET_BITS == which)
        return data.draw(st.sets(st.sampled_from(candidates), max_size=8)) if candidates else set()

    def teardown(self) -> None:
        self.known.connection.close()


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@settings(max_examples=50)
@given(st.sets(items, max_size=60), st.one_of(places, st.just(LATEST)), st.one_of(places, st.just(LATEST)))
def test_items_are_found_from_a_place_on_and_before_another_in_both_directions(
    some: set[ItemPlace], lowest: int, upper: int
) -> None:
    known = Index()
    known.add(list(some))
    inside = sorted(one for one in some if lowest <= one[0] < upper)
    assert [one for found in known.index.ascending(lowest, upper) for one in found] == inside
    backwards = [one for found in known.index.descending(lowest, upper) for one in reversed(found)]
    assert backwards == inside[::-1]
    known.connection.close()


@settings(max_examples=50)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_many_items_of_one_moment_make_few_parts_of_which_few_are_written_anew(sizes: list[int]) -> None:
    known = Index()
    number = count(1)
    for size in sizes:
        known.add([(5, 1, next(number)) for _ in range(size)])
    rows = known.connection.execute("SELECT no, length(packed) FROM time_index ORDER BY no").fetchall()
    assert len(rows) <= 1 + sum(sizes).bit_length() < PARTS_MAX
    assert all(one >= 2 * other for (_, one), (_, other) in pairwise(rows))
    assert known.sum(*WHOLE[ACCOUNTS]) == known.expected(*WHOLE[ACCOUNTS])
    known.connection.close()


def test_a_large_index_is_summed_up_in_steps_and_nothing_is_added_up_twice() -> None:
    known = Index()
    known.add([(number, 1, number) for number in range(1, 1000)])
    steps = 0
    while not known.summary.is_summed_up(ALL):
        known.summary.sum_up(ALL)
        steps += 1
    assert steps >= 200
    steps = 0
    while not known.summary.prepare(ALL):
        steps += 1
    assert steps >= 10
    statements: list[str] = []
    known.connection.set_trace_callback(statements.append)
    assert known.sum(bound(ACCOUNTS), END) == known.expected(bound(ACCOUNTS), END)
    assert len(statements) <= 4, "what was summed up is remembered, and behind the last there is nothing"
    known.connection.close()


def test_what_is_asked_does_not_depend_on_whether_it_was_prepared() -> None:
    known = Index()
    some = [(number * number, 1 + number % 3, number) for number in range(1, 60)]
    known.add(some)
    assert known.sum(bound(ACCOUNTS), END) == known.expected(bound(ACCOUNTS), END)
    known.summary.sum_up(ALL)
    known.add([(7, 1, 100), (3000, 2, 100)])
    assert known.sum(bound(ACCOUNTS), END) == known.expected(bound(ACCOUNTS), END)
    known.connection.close()


@pytest.mark.parametrize("column", ["no", "level", "size", "fresh", "sum", "packed"])
def test_a_damaged_block_is_not_believed(column: str) -> None:
    known = Index()
    known.add([(number, 1, number) for number in range(1, 4)])
    known.summary.sum_up(ALL)
    change = f"CAST(x'ff' || substr({column}, 2) AS BLOB)" if column in ("sum", "packed") else f"{column} + 1"
    known.connection.execute(f"UPDATE time_index SET {column} = {change}")
    known.restart()
    with pytest.raises(DamagedRow):
        known.sum(bound(ACCOUNTS), END)
    known.connection.close()


def test_what_lies_below_a_bucket_that_was_summed_up_is_known_without_reading_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_index, "BLOCKS_READ", 256)
    index = Index()
    index.add([(ACTIVITIES << SET_BITS | 16 * number, 1, number) for number in range(1, 200)])
    whole = index.sum(bound(ACCOUNTS), END)
    read: list[int] = []

    def reading(begin: int, end: int) -> list[Block]:
        read.append(begin)
        return TimeIndex._read(index.index, begin, end)

    monkeypatch.setattr(index.index, "_read", reading)
    assert index.sum(bound(ACCOUNTS), END) == whole and not read
    divided = [key for key, row in index.index._sums.items() if row is not None and row.divided]
    assert len(divided) > 15
    assert all(index.index.sum_of(*key) is not None for key in divided) and not read
    index.add([(ACTIVITIES << SET_BITS | 5, 2, 1)])
    assert index.sum(bound(ACCOUNTS), END) == index.expected(bound(ACCOUNTS), END) != whole


def test_a_range_is_summed_up_without_what_lies_before_it() -> None:
    known = Index()
    known.add([(number, 1, number) for number in range(1, 1000)])
    last = ItemRange(bound(ACCOUNTS, 990), END)
    while not known.summary.is_summed_up(last):
        known.summary.sum_up(last)
    assert known.summary.prepare(last)
    assert known.sum(*last) == known.expected(*last)
    (fresh,) = known.connection.execute("SELECT sum(fresh) FROM time_index").fetchone()
    assert 980 < fresh < 999
    known.connection.close()
