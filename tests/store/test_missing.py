"""What somebody lacks: by the order in which things came, by stamps, and then the activities themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.node.log.record_numbers import RecordNumbers
from core.reconciliation.item_order import fingerprint_of, item_key
from core.store import KEEP_EVERYTHING, MemoryStore, Retention, SqliteStore, restore_backup, sqlite_shelf
from core.store.own_starts import STARTS_MAX, starts_with
from core.wire.entries import Entry, EntryId, Stream
from core.wire.entry_runs import EntryRuns, ids_in, union
from core.wire.missing import FindArrived, FindDated, HeldRange, Missing
from core.wire.records import loose
from tests.store.making import WALL, A, B, account, activity, open_at

AnyStore = SqliteStore | MemoryStore


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AnyStore]:
    def making(retention: Retention = KEEP_EVERYTHING) -> AnyStore:
        if request.param == "sqlite":
            return open_at(tmp_path, retention=retention)[0]
        store = MemoryStore("gezdgnbvgy3t", retention=retention)
        store.start(WALL)
        return store

    return making


@pytest.fixture
def store(make: Callable[[], AnyStore]) -> AnyStore:
    return make()


def found(store: AnyStore, query: FindArrived | FindDated) -> set[EntryId]:
    """All of the answer; each part once."""
    parts: list[EntryRuns] = []
    rest: FindArrived | FindDated | None = query
    while rest is not None:
        answer = store.find(rest)
        parts.append(answer.runs)
        rest = answer.rest
    together = list(ids_in(union(*parts)))
    assert sum(len(list(ids_in(part))) for part in parts) == len(together)
    return set(together)


def sent(store: AnyStore, runs: EntryRuns, entries_max: int = 2) -> list[Entry]:
    entries: list[Entry] = []
    left = runs
    while left:
        page = store.fetch_missing(Missing(left, entries_max))
        entries += page.entries
        assert page.left != left
        left = page.left
    return entries


@pytest.fixture(autouse=True)
def a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_shelf, "FOUND_AT_ONCE", 3)


def test_what_came_behind_a_record_is_found(store: AnyStore) -> None:
    store.commit([activity(A, number) for number in range(1, 6)])
    here = store.arrived
    store.commit([activity(A, 9), activity(A, 6)])
    store.commit([activity(B, 1, 5), account(B, 2, "ann")])
    store.commit([activity(A, 9)])
    store.commit([activity(A, 8)])
    assert found(store, FindArrived(here)) == {
        *(EntryId(*A, number) for number in (6, 8, 9)),
        *(EntryId(*B, number) for number in (1, 2)),
    }
    assert found(store, FindArrived(store.arrived)) == set()


def test_of_a_record_only_what_was_new_came_with_it(store: AnyStore) -> None:
    """The rest of it is in the record that had it first."""
    whole = [activity(A, number) for number in range(1, 6)]
    store.commit([whole[1], whole[3]])
    here = store.arrived
    (record,) = loose(whole)
    store.commit([record])
    assert found(store, FindArrived(here)) == {EntryId(*A, number) for number in (1, 3, 5)}


def test_what_is_not_older_than_a_stamp_is_found_but_behind_floors(store: AnyStore) -> None:
    store.commit([activity(A, number, 100 + number) for number in range(1, 9)])
    store.commit([activity(B, number, 100 + number) for number in range(1, 9)])
    store.commit([account(B, 9, "ann", 109), activity(B, 10, 105)])
    every = found(store, FindDated(105, {}))
    assert every == {
        *(EntryId(*A, number) for number in range(5, 9)),
        *(EntryId(*B, number) for number in (*range(5, 9), 10)),
    }
    assert found(store, FindDated(105, {A: 6, B: 0})) == {EntryId(*A, 5), EntryId(*A, 6)}
    assert found(store, FindDated(0, {A: 0})) == {EntryId(*B, number) for number in (*range(1, 9), 10)}


def test_activities_of_one_stamp_are_all_found(store: AnyStore) -> None:
    store.commit([activity(A, number, 7) for number in range(1, 12)])
    store.commit([activity(B, number, 7) for number in range(1, 12)])
    assert len(found(store, FindDated(7, {}))) == 22


def test_what_is_missing_is_sent_in_the_order_of_stamps_and_a_page_at_a_time(store: AnyStore) -> None:
    store.commit([activity(A, number, 2 * number) for number in range(1, 9)])
    store.commit([account(B, 1, "ann", 1), *(activity(B, number, 2 * number - 1) for number in range(2, 9))])
    runs = {A: ((2, 3), (6, 20)), B: ((1, 4), (8, 8)), Stream("stranger", 1): ((1, 9),)}
    entries = sent(store, runs)
    assert [entry.stamp for entry in entries] == sorted(entry.stamp for entry in entries)
    assert {entry.id for entry in entries} == {
        *(EntryId(*A, number) for number in (2, 3, 6, 7, 8)),
        *(EntryId(*B, number) for number in (2, 3, 4, 8)),
    }
    assert len(entries) == 9


def test_what_retention_has_dropped_is_not_sent(make: Callable[..., AnyStore]) -> None:
    store = make(Retention(activities=3))
    store.commit([activity(A, number) for number in range(1, 9)])
    while store.trim(WALL):
        pass
    assert [entry.id.seq for entry in sent(store, {A: ((1, 8),)})] == [6, 7, 8]
    here = store.arrived
    store.commit([activity(A, 9)])
    assert store.arrived > here


def test_numbers_go_on_after_a_start(tmp_path: Path) -> None:
    store, recovered = open_at(tmp_path)
    first = recovered.starts
    store.commit([activity(A, 1), activity(B, 1)])
    here = store.arrived
    place = (recovered.node, recovered.incarnation, here)
    store.close()
    store, recovered = open_at(tmp_path, WALL + 10)
    assert store.arrived == here
    assert recovered.starts == (*first, (recovered.incarnation, here + 1))
    numbers = RecordNumbers(recovered.node, recovered.starts)
    assert numbers.number_of(place) == here
    store.commit([activity(A, 2)])
    assert found(store, FindArrived(here)) == {EntryId(*A, 2)}
    store.close()


def test_a_number_that_a_restored_server_has_given_before_is_none_of_its_own(tmp_path: Path) -> None:
    store, recovered = open_at(tmp_path / "one")
    store.commit([activity(A, 1)])
    early = (recovered.node, recovered.incarnation, store.arrived)
    backup = store.backup(tmp_path / "backups", 1)
    store.commit([activity(A, 2)])
    late = (recovered.node, recovered.incarnation, store.arrived)
    store.close()
    restore_backup(backup, tmp_path / "two")
    store, recovered = open_at(tmp_path / "two", WALL + 10)
    store.commit([activity(B, 1), activity(B, 2)])
    numbers = RecordNumbers(recovered.node, recovered.starts)
    numbers.number = store.arrived
    assert numbers.number_of(early) == early[2]
    assert numbers.number_of(late) is None
    assert numbers.number_of(("another", *early[1:])) is None
    assert numbers.number_of((recovered.node, recovered.incarnation, store.arrived)) == store.arrived
    assert numbers.number_of((recovered.node, recovered.incarnation, store.arrived + 1)) is None
    assert numbers.number_of(None) is None
    store.close()


def test_starts_are_known_as_far_as_no_older_version_came_between() -> None:
    starts = starts_with((), 0, 100, 1)
    starts = starts_with(starts, 100, 200, 7)
    assert starts == ((100, 1), (200, 7))
    # An incarnation that nobody has noted was there before this one.
    assert starts_with(starts, 250, 300, 9) == ((300, 9),)
    for number in range(STARTS_MAX + 5):
        starts = starts_with(starts, starts[-1][0], 1000 + number, 10 + number)
    assert len(starts) == STARTS_MAX


def held(begin: int, until: int, entries: list[Entry]) -> HeldRange:
    found = fingerprint_of(
        item_key(entry.kind, entry.stamp, entry.id) for entry in entries if begin <= entry.stamp < until
    )
    return HeldRange(begin, until, found.size, found.print)


def test_ranges_of_which_somebody_has_just_the_same_are_left_out(store: AnyStore) -> None:
    some = [activity(A, number, 100 + number) for number in range(1, 20)]
    more = [activity(B, 1, 108), activity(B, 2, 125)]
    store.commit([*some, account(B, 3, "ann", 103), *more])
    sums = (held(102, 106, some), held(106, 112, some), held(112, 118, some))
    # In the second one there is something else, and before the first and behind the last anything may be.
    assert found(store, FindDated(100, {}, sums=sums)) == {
        EntryId(*A, 1),
        *(EntryId(*A, number) for number in range(6, 12)),
        EntryId(*A, 18),
        EntryId(*A, 19),
        *(one.id for one in more),
    }
    assert found(store, FindDated(109, {A: 0}, sums=sums)) == {EntryId(*B, 2)}


def test_a_range_that_agrees_costs_nothing_however_much_is_in_it(store: AnyStore) -> None:
    some = [activity(A, number, 100 + number) for number in range(1, 60)]
    store.commit(some)
    answers = 0
    rest: FindArrived | FindDated | None = FindDated(0, {}, sums=(held(0, 158, some),))
    while rest is not None:
        answer = store.find(rest)
        answers += 1
        rest = answer.rest
    assert set(ids_in(answer.runs)) == {EntryId(*A, 58), EntryId(*A, 59)}
    # The second time behind the comparison.
    assert answers <= 3
