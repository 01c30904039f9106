"""What operators have removed: dropped as retention drops, in any store, and nothing of it is left in the files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.reconciliation.summary_queries import SumWanted
from core.simulation.environment.hash_signing import HashSigner
from core.store import MemoryStore, SqliteStore, verify
from core.wire.entries import EntryId, Fetch, Wanted
from core.wire.idempotency import idempotency_fingerprint
from core.wire.keepables import RemovedEntry
from core.wire.records import seal
from tests.store.making import A, B, activity, ids, open_at

AnyStore = SqliteStore | MemoryStore


@pytest.fixture(params=["sqlite", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], AnyStore]]:
    """Opens the store, again each time."""
    memory = MemoryStore("gezdgnbvgy3t")
    at = [1_800_000_000.0]
    stores: list[SqliteStore] = []

    def open_it() -> AnyStore:
        at[0] += 86_400
        while stores:
            stores.pop().close()
        if request.param == "memory":
            memory.start(at[0])
            return memory
        stores.append(open_at(tmp_path / "data", at[0])[0])
        return stores[0]

    yield open_it
    for store in stores:
        store.close()


def streams(store: AnyStore) -> object:
    store_streams = store.fetch(Fetch({})).upto
    return dict(store_streams)


def test_what_is_removed_is_gone_and_counts_as_received(opened: Callable[[], AnyStore]) -> None:
    store = opened()
    store.commit([activity(A, number, sender="ann") for number in (1, 2, 3)])
    before = streams(store)
    assert store.remove([EntryId(*A, 2), EntryId(*B, 7)], frozenset()) == 1
    for is_reopened in (False, True):
        again = opened() if is_reopened else store
        assert [one.seq for one in ids(again)] == [1, 3]
        assert streams(again) == before
        assert [one.id.seq for one in again.fetch_wanted(Wanted({A: ((1, 3),)})).entries] == [1, 3]
        assert again.usage().activities == 2
        assert not again.commit([activity(A, 2, sender="ann")]) and len(ids(again)) == 2


def test_what_is_removed_twice_is_gone_once(opened: Callable[[], AnyStore]) -> None:
    store = opened()
    store.commit([activity(A, 1, sender="ann"), activity(A, 2, sender="ann")])
    assert [store.remove([EntryId(*A, 1)], frozenset()) for _ in range(2)] == [1, 0]
    assert store.usage().activities == 1


def test_copies_go_with_it(opened: Callable[[], AnyStore]) -> None:
    store = opened()
    first, copy = activity(A, 1, sender="ann", ref="r"), activity(B, 1, sender="ann", ref="r")
    other = activity(B, 2, sender="ann", ref="other")
    store.commit([first])
    store.commit([copy, other])
    fingerprint = idempotency_fingerprint("ann", "r", first.body)
    assert store.remove([first.id], frozenset({fingerprint})) == 2
    assert ids(store) == [other.id]


def test_of_a_signed_record_the_rest_stays_and_its_signature_fits(opened: Callable[[], AnyStore]) -> None:
    store = opened()
    signer = HashSigner(b"b")
    (record,) = seal([activity(B, number, sender="ann") for number in (1, 2, 3)], b"", signer)
    store.commit([record])
    store.remove([EntryId(*B, 2)], frozenset())
    (kept,) = store.fetch_records(Fetch({})).records
    assert kept.digest == record.digest and kept.left_out == (2,)
    store.remove([EntryId(*B, 1), EntryId(*B, 3)], frozenset())
    assert not store.fetch_records(Fetch({})).records


def test_what_was_removed_before_it_came_counts_as_received_in_sums_too(opened: Callable[[], AnyStore]) -> None:
    store = opened()
    kept, gone = activity(A, 1, 500, sender="ann"), activity(A, 2, 600, sender="ann")
    store.commit([kept, RemovedEntry(gone.id, 600)])
    assert ids(store) == [kept.id] and not store.commit([gone])
    other = MemoryStore("aaaaaaaaaaaa")
    other.start(1_800_000_000.0)
    other.commit([kept, gone])
    other.remove([gone.id], frozenset())
    assert _sums(store) == _sums(other) == _sums(opened())


def _sums(store: AnyStore) -> object:
    wanted = SumWanted(0, 10**15)
    while not store.prepare_summary(wanted):
        pass
    return store.ask_summary(wanted)


@pytest.mark.parametrize("gap", [False, True])
def test_one_that_was_removed_closes_a_gap_and_stands_beyond_one(opened: Callable[[], AnyStore], gap: bool) -> None:
    store = opened()
    store.commit([activity(A, 1), activity(A, 3)])
    store.commit([RemovedEntry(EntryId(*A, 5 if gap else 2), 55)])
    reopened = opened()
    assert reopened.fetch(Fetch({})).upto[A] == (1 if gap else 3)
    assert not reopened.commit([activity(A, 5 if gap else 2)])


def test_nothing_of_it_is_left_in_the_files(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    words = b"what nobody is to read any more"
    entries = [activity(A, number, sender="ann", ref=f"r{number}") for number in range(1, 200)]
    secret = entries[50]
    marked = type(secret)(secret.id, "activity", secret.stamp, b'{"text":"%s"}' % words, "ann", None, "r51")
    store.commit([*entries[:50], marked, *entries[51:]])
    store.follow(idle=True)
    assert words in _files(tmp_path)
    store.remove([secret.id], frozenset())
    assert words not in _files(tmp_path)
    store.close()
    assert words not in _files(tmp_path)
    assert verify(tmp_path / "data" / "node.db").damage == []


@pytest.mark.parametrize("removed", [(3,), (2, 3), (1, 2, 3)])
def test_data_whose_newest_activity_was_removed_is_whole(tmp_path: Path, removed: tuple[int, ...]) -> None:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, number, number, sender="ann") for number in (1, 2, 3)])
    store.commit([activity(B, 1, 1, sender="bob")])
    assert store.remove([EntryId(*A, number) for number in removed], frozenset()) == len(removed)
    store.close()
    assert verify(tmp_path / "data" / "node.db").damage == []
    again, _ = open_at(tmp_path / "data")
    again.close()
    assert not list((tmp_path / "data").glob("replaced-*")), "it was made anew"


@pytest.mark.parametrize("told", ["stamp = stamp + 1", "seq = 4", "seq = 1", "stream = 77"])
def test_a_newest_activity_that_was_never_received_is_damage_beside_one_that_was_removed(
    tmp_path: Path, told: str
) -> None:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, number, number, sender="ann") for number in (1, 2, 3)])
    store.commit([activity(B, 1, 1, sender="bob")])
    store.remove([EntryId(*B, 1)], frozenset())
    store.close()
    with sqlite3.connect(tmp_path / "data" / "node.db") as connection:
        connection.execute(f"UPDATE senders SET {told} WHERE sender = 'ann'")
    connection.close()
    assert verify(tmp_path / "data" / "node.db").damage


def _files(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())
