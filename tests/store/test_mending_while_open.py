"""Damage that an open store comes upon: what is damaged counts as never received, all else goes on, and what comes
again is kept as if nothing had happened."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from core.reconciliation.summary_queries import SumWanted
from core.store import SqliteStore, held_rows, verify
from core.store.identity import KEY_SETTING
from core.store.store_errors import StoreUnmendable, StoreUnreadable, StoreUnwritable
from core.store.stream_numbers import StreamNumbers
from core.wire.entries import Entry, EntryId, Fetch, Stream
from core.wire.entry_runs import count_of, ids_in
from core.wire.records import loose
from core.wire.recovered import Recovered
from tests.store.damaging import OTHER, activities, bodies, filled, opened
from tests.store.making import WALL, account, activity


def damage_a_record(store: SqliteStore, data: Path, no: int) -> None:
    with sqlite3.connect(data / "node.db") as connection:
        connection.execute("UPDATE records SET line = zeroblob(length(line)) WHERE no = ?", (no,))
    connection.close()
    # Those that were read last are in memory.
    store._shelf.forget()


def whole(data: Path) -> bool:
    return verify(data / "node.db").damage == []


def open_again(data: Path, at: float) -> tuple[SqliteStore, Recovered]:
    return opened(data, WALL + at)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    filled(tmp_path)
    return tmp_path


def test_a_damaged_record_is_not_served_and_counts_as_never_received(data: Path) -> None:
    store, _ = open_again(data, 10)
    before = {entry.id: entry for entry in activities(store)}
    damage_a_record(store, data, 3)
    (line,) = store._connection.execute("SELECT line FROM records WHERE no = 3").fetchone()
    assert not store.is_damaged
    left = bodies(store)
    assert store.is_damaged and store.damage == ""
    lost = store.mend()
    assert set(ids_in(lost)) == before.keys() - left.keys()
    assert count_of(lost) == 4
    assert not store.is_damaged and store.mend() == {}
    assert not any(store._held.holds(entry_id) for entry_id in ids_in(lost))
    assert all(store._held.holds(entry_id) for entry_id in left)
    assert bodies(store) == left
    (told,) = store.discoveries
    assert "record 3" in told and "node.damaged-records" in told
    assert (data / "node.damaged-records").read_bytes() == line + b"\n"
    store.commit([activity(OTHER, 100, 5000, sender="bob")])
    store.close()
    assert whole(data)


def test_what_was_damaged_is_kept_again_when_it_comes_and_is_counted_once(data: Path) -> None:
    store, _ = open_again(data, 10)
    before = {entry.id: entry for entry in activities(store)}
    usage = store.usage()
    damage_a_record(store, data, 3)
    damage_a_record(store, data, 4)
    bodies(store)
    lost = set(ids_in(store.mend()))
    assert len(lost) == 8
    store.commit(loose([before[entry_id] for entry_id in sorted(lost)][:4]))
    store.commit([before[entry_id] for entry_id in sorted(lost)[4:]])
    assert {entry.id: entry.body for entry in activities(store)} == {one: entry.body for one, entry in before.items()}
    assert store.usage() == usage
    store.close()
    assert whole(data)
    store, recovered = open_again(data, 20)
    assert store.findings == () and recovered.activities == len(before)
    store.close()


def test_what_does_not_come_again_is_asked_for_at_the_next_start_and_counted_once_then(data: Path) -> None:
    store, _ = open_again(data, 10)
    before = {entry.id: entry for entry in activities(store)}
    damage_a_record(store, data, 3)
    bodies(store)
    lost = set(ids_in(store.mend()))
    store.close()
    assert whole(data)
    store, recovered = open_again(data, 20)
    assert store.findings == ()
    for entry_id in lost:
        assert entry_id.seq > recovered.streams.get(entry_id.stream, 0)
        assert entry_id not in set(ids_in(recovered.beyond))
    assert set(ids_in(recovered.damaged)) == lost, "it had been received"
    assert recovered.activities == len(before) - len(lost)
    store.commit([before[entry_id] for entry_id in sorted(lost)])
    store.follow(idle=True)
    store.close()
    assert whole(data)
    store, recovered = open_again(data, 30)
    assert recovered.damaged == {} and recovered.activities == len(before)
    store.close()


def test_a_process_that_dies_right_after_starts_again_without_a_person(data: Path, tmp_path: Path) -> None:
    store, _ = open_again(data, 10)
    damage_a_record(store, data, 3)
    bodies(store)
    store.mend()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("node.db", "node.db-wal", "node.witness", "node.identity"):
        if (data / name).exists():
            (copy / name).write_bytes((data / name).read_bytes())
    store.close()
    store, _ = open_again(copy, 20)
    assert len(bodies(store)) == 76
    store.close()


def test_streams_that_were_packed_are_unpacked_where_something_of_them_is_damaged(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_rows, "LOOSE_MAX", 0)
    store, _ = open_again(data, 10)
    assert OTHER in store._held.packed
    damage_a_record(store, data, 4)
    bodies(store)
    lost = list(ids_in(store.mend()))
    assert lost and all(entry_id.stream == OTHER for entry_id in lost)
    store.close()
    assert whole(data)
    store, recovered = open_again(data, 20)
    assert recovered.streams[OTHER] < lost[0].seq
    store.close()


def test_one_record_that_is_damaged_hides_nothing_of_those_that_overlap_it(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    entries = [activity(OTHER, number, 1000 + number, sender="bob") for number in range(1, 9)]
    store.commit([entries[2]])
    store.commit([one.without([3]) for one in loose(entries)])
    store.follow(idle=True)
    damage_a_record(store, tmp_path, 2)
    assert bodies(store).keys() == {entries[2].id}
    assert {one.seq for one in ids_in(store.mend())} == {1, 2, 4, 5, 6, 7, 8}
    assert store._held.holds(entries[2].id)
    store.close()


# --- more than records ------------------------------------------------------------------------------------------------


def use(store: SqliteStore, entry: Entry) -> None:
    """What a server does all the time; some of it fails."""
    for step in (
        lambda: store.commit([entry, account(OTHER, entry.id.seq + 500, f"u{entry.id.seq}")]),
        lambda: store.follow(idle=True),
        lambda: store.fetch(Fetch({})),
        lambda: store.activities_before(None, 1000, 1 << 20),
        lambda: store.prepare_summary(SumWanted(0, 10**15)),
    ):
        with contextlib.suppress(StoreUnwritable, StoreUnreadable):
            step()


def overwrite_pages(data: Path, chance: random.Random) -> None:
    """Every page but the first, of which one is not a database without."""
    with open(data / "node.db", "r+b") as file:
        size = file.seek(0, 2)
        for place in range(8192, size, 8192):
            if chance.random() < 0.5:
                file.seek(place)
                file.write(chance.randbytes(8192))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE streams SET incarnation = incarnation + 1 WHERE no = 2",
        "UPDATE accounts SET texts = zeroblob(length(texts))",
    ],
)
def test_whatever_else_is_damaged_the_database_is_made_anew_and_the_same_start_goes_on(
    data: Path, statement: str
) -> None:
    store, recovered = open_again(data, 10)
    own = Stream(recovered.node, recovered.incarnation)
    before = bodies(store)
    with sqlite3.connect(data / "node.db") as connection:
        connection.execute(statement)
    connection.close()
    # What it has in memory of streams would hide it for long.
    store._database.streams = StreamNumbers(store._connection)
    store._use_database()
    use(store, activity(own, 1, 9001, sender="ada"))
    assert store.damage
    assert not set(ids_in(store.mend())) & before.keys()
    assert not store.is_damaged
    assert before.items() <= bodies(store).items()
    store.commit([activity(own, 9, 9999, sender="ada")])
    assert EntryId(*own, 9) in bodies(store)
    assert any("was damaged" in told for told in store.discoveries)
    store.close()
    assert whole(data)


def test_the_next_start_knows_what_was_lost_when_the_database_was_made_anew_under_a_server(data: Path) -> None:
    store, _ = open_again(data, 10)
    damage_a_record(store, data, 3)
    store.note_damage([], "something else")
    lost = store.mend()
    assert lost
    store.close()
    store, recovered = open_again(data, 20)
    assert recovered.damaged == lost
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_of_pages_of_garbage_the_rest_is_kept_and_what_is_lost_is_told_exactly(data: Path, seed: int) -> None:
    store, recovered = open_again(data, 10)
    before = {entry.id: entry for entry in activities(store)}
    store._database.is_settled()
    store._connection.execute("PRAGMA shrink_memory")
    overwrite_pages(data, random.Random(seed))
    for number in range(1, 4):
        use(store, activity(Stream(recovered.node, recovered.incarnation), number, 9000 + number, sender="ada"))
    lost: set[EntryId] = set()
    while store.is_damaged:
        lost |= set(ids_in(store.mend()))
    store.follow(idle=True)
    left = bodies(store)
    assert before.keys() - left.keys() <= lost
    assert not lost & left.keys()
    assert all(left[entry_id] == before[entry_id].body for entry_id in left.keys() & before.keys())
    store.commit([before[entry_id] for entry_id in sorted(lost & before.keys())])
    assert before.keys() <= bodies(store).keys()
    store.close()
    assert whole(data)


def test_a_server_whose_database_was_overwritten_goes_on_as_who_it_is_where_the_log_still_says_that(data: Path) -> None:
    store, recovered = open_again(data, 10)
    key = store.get_setting(KEY_SETTING)
    overwrite_all(data)
    store._connection.execute("PRAGMA shrink_memory")
    use(store, activity(OTHER, 300, 7000))
    assert store.is_damaged
    store.mend()
    assert store.get_setting(KEY_SETTING) == key
    store.close()
    store, again = open_again(data, 20)
    assert again.node == recovered.node
    store.close()


def test_what_cannot_be_made_anew_is_told_with_what_to_do(data: Path) -> None:
    store, _ = open_again(data, 10)
    overwrite_all(data)
    (data / "node.db-wal").write_bytes(b"")
    store._connection.execute("PRAGMA shrink_memory")
    use(store, activity(OTHER, 300, 7000))
    assert store.is_damaged
    with pytest.raises(StoreUnmendable):
        store.mend()
    assert any("restore a backup" in told for told in store.discoveries)
    store.close()


def overwrite_all(data: Path) -> None:
    """Nothing is left of the database, nor of the second copy of who the server is."""
    (data / "node.db").write_bytes(b"my novel, chapter one. " * 3000)
    for leftover in ("node.identity", "node.witness"):
        (data / leftover).unlink(missing_ok=True)
