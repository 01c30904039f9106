"""The past is read a page at a time from any place, either way, and each activity comes once, in the order of all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.store import MemoryStore, Retention, SqliteStore
from core.store.contents import position
from core.wire.entries import Entry, EntryId
from core.wire.past_query import PastQuery
from tests.store.making import WALL, A, B, account, activity, open_at

AnyStore = SqliteStore | MemoryStore


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AnyStore:
    if request.param == "sqlite":
        return open_at(tmp_path)[0]
    store = MemoryStore("gezdgnbvgy3t")
    store.start(WALL)
    return store


def read_through(store: AnyStore, *, backward: bool, entries_max: int) -> list[Entry]:
    """All of the past, page by page, in the order in which it is read."""
    found: list[Entry] = []
    query = PastQuery(backward, entries_max=entries_max)
    while True:
        page = store.fetch_past(query)
        assert len(page.entries) <= entries_max
        assert list(page.entries) == sorted(page.entries, key=position)
        found += reversed(page.entries) if backward else page.entries
        if not page.more:
            return found
        query = PastQuery(backward, *position(found[-1]), entries_max)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("backward", [False, True])
def test_pages_together_are_all_of_the_past_in_one_order(store: AnyStore, seed: int, backward: bool) -> None:
    rng = random.Random(seed)
    # Many have one stamp, and some are older than what came before them.
    entries = [activity(stream, number, rng.randrange(400, 460)) for stream in (A, B) for number in range(1, 101)]
    rng.shuffle(entries)
    for begin in range(0, len(entries), 37):
        store.commit(entries[begin : begin + 37])
    expected = sorted(entries, key=position, reverse=backward)
    assert read_through(store, backward=backward, entries_max=rng.randrange(1, 30)) == expected


def test_a_date_is_asked_for_with_a_stamp_alone(store: AnyStore) -> None:
    store.commit([activity(A, 1, 500), activity(B, 1, 501), account(A, 2, "ann", 501), activity(A, 3, 501)])
    store.commit([activity(B, 2, 502)])
    behind = store.fetch_past(PastQuery(False, activity(A, 3, 501).stamp))
    assert [str(one.id) for one in behind.entries] == ["a.1.3", "b.1.1", "b.1.2"]
    before = store.fetch_past(PastQuery(True, activity(A, 3, 501).stamp))
    assert [str(one.id) for one in before.entries] == ["a.1.1"]
    assert not behind.more and not before.more


def test_a_place_need_not_be_there_any_more(store: AnyStore) -> None:
    store.commit([activity(A, number) for number in range(1, 6)])
    store.remove([EntryId(*A, 3)], ())
    gone = activity(A, 3)
    assert [one.id.seq for one in store.fetch_past(PastQuery(True, *position(gone))).entries] == [1, 2]
    assert [one.id.seq for one in store.fetch_past(PastQuery(False, *position(gone))).entries] == [4, 5]


def test_a_page_ends_where_its_bytes_do_but_has_one_at_least(store: AnyStore) -> None:
    store.commit([activity(A, number, size=1_000) for number in range(1, 6)])
    for bytes_max, backward, expected in (
        (2_500, True, [4, 5]),
        (2_500, False, [1, 2]),
        (10, True, [5]),
        (10, False, [1]),
    ):
        page = store.fetch_past(PastQuery(backward, bytes_max=bytes_max))
        assert [one.id.seq for one in page.entries] == expected
        assert page.more


def test_nothing_is_no_page(store: AnyStore) -> None:
    for backward in (False, True):
        page = store.fetch_past(PastQuery(backward))
        assert page.entries == ()
        assert not page.more


def test_what_has_not_been_put_in_order_yet_is_read_too(tmp_path: Path) -> None:
    store = open_at(tmp_path)[0]
    store.commit([activity(A, number) for number in range(1, 4)])
    assert [one.id.seq for one in store.fetch_past(PastQuery(False, entries_max=2)).entries] == [1, 2]


def test_what_retention_has_dropped_is_not_read(tmp_path: Path) -> None:
    store = open_at(tmp_path, retention=Retention(activities=3, share=1.0))[0]
    store.commit([activity(A, number) for number in range(1, 9)])
    while store.trim(WALL):
        pass
    assert [one.id.seq for one in store.fetch_past(PastQuery(False)).entries] == [6, 7, 8]
