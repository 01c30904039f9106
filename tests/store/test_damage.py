"""A start with a damaged database: what is whole stays, what is not is asked for again, and no person is needed."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store import DataDirectoryUnusable, SqliteStore, StoreError, mending, verify
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import ids_in
from core.wire.recovered import Recovered
from tests.store.damaging import DAMAGES, ENTRIES, OTHER, become_something_else, bodies, filled, flip, opened
from tests.store.making import WALL, activity, everything

BITS = 8


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pristine") / "data"
    filled(path)
    return path


ACCOUNT = EntryId(*OTHER, ENTRIES + 1)
"""Bob's, which is no activity."""


@pytest.fixture(scope="module")
def truth(pristine: Path) -> dict[EntryId, bytes]:
    store, _ = opened(pristine, WALL + 2)
    found = bodies(store)
    store.close()
    return found


def started(data: Path, truth: dict[EntryId, bytes], node: str) -> tuple[SqliteStore, Recovered]:
    """Start with damaged data: the same server, with a new start, and nothing in it that nobody wrote."""
    store, recovered = opened(data, WALL - 100)
    assert recovered.node == node
    found = bodies(store)
    assert found.items() <= truth.items()
    # Whatever is not there counts as never received: that is what neighbours are asked by.
    for entry_id in truth.keys() - found.keys():
        assert entry_id.seq > recovered.streams.get(entry_id.stream, 0)
        assert entry_id not in set(ids_in(recovered.beyond))
    # Nobody is handed again what is known to have been here.
    assert set(ids_in(recovered.damaged)) <= (truth.keys() | {ACCOUNT}) - found.keys()
    return store, recovered


def node_of(data: Path) -> tuple[str, int]:
    found = verify(data / "node.db")
    return found.node, found.incarnation


@pytest.mark.parametrize("part", range(4))
def test_whichever_bit_is_flipped_nothing_wrong_is_served_and_what_is_lost_is_asked_for(
    tmp_path: Path, pristine: Path, truth: dict[EntryId, bytes], part: int
) -> None:
    node, last = node_of(pristine)
    size = (pristine / "node.db").stat().st_size
    chance = random.Random(part)
    for _ in range(40):
        data = tmp_path / "data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(pristine, data)
        flip(data / "node.db", chance.randrange(size), chance.randrange(BITS))
        store, recovered = started(data, truth, node)
        assert recovered.incarnation > last
        store.close()
        assert verify(data / "node.db").damage == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_done_to_the_file_the_server_starts_and_what_is_lost_comes_again(
    tmp_path: Path,
    pristine: Path,
    truth: dict[EntryId, bytes],
    damage: Callable[[Path, random.Random], None],
    seed: int,
) -> None:
    node, last = node_of(pristine)
    data = tmp_path / "data"
    shutil.copytree(pristine, data)
    damage(data / "node.db", random.Random(seed))
    store, recovered = started(data, truth, node)
    assert recovered.incarnation > last
    # As its neighbours do: everything comes again, and what is there stays.
    own = Stream(node, min(one.incarnation for one in truth if one.node == node))
    store.commit(
        [activity(own, one.seq, 1000 + one.seq, sender="ada", ref=f"r{one.seq}") for one in truth if one.node == node]
        + [activity(OTHER, one.seq, 1000 + one.seq, sender="bob") for one in truth if one.node != node]
    )
    assert bodies(store) == truth
    assert store.get_setting("network_secret") == "s3cret"
    store.close()


def test_the_damaged_file_is_kept_and_what_is_lost_is_told_by_its_numbers(tmp_path: Path) -> None:
    recovered = filled(tmp_path)
    database = tmp_path / "node.db"
    with sqlite3.connect(database) as connection:
        # The second record of its own, and a neighbour's.
        connection.execute("UPDATE records SET line = zeroblob(length(line)) WHERE no IN (3, 4)")
    connection.close()
    damaged = database.read_bytes()
    store, _ = opened(tmp_path, WALL + 10)
    (aside,) = tmp_path.glob("replaced-*/node.db")
    assert aside.read_bytes() == damaged
    told = "\n".join(store.findings)
    assert str(aside.parent) in told
    assert f"{recovered.node}.{recovered.incarnation}.5 to 8;" in told
    assert "8 entries" in told
    store.close()
    # Said once, it need not be said again.
    store, _ = opened(tmp_path, WALL + 20)
    assert store.findings == ()
    store.close()


def test_a_start_says_what_had_been_received_and_was_damaged_until_it_has_come_again(tmp_path: Path) -> None:
    first = filled(tmp_path)
    own = Stream(first.node, first.incarnation)
    store, _ = opened(tmp_path, WALL + 5)
    before = {entry.id: entry for page in everything(store)[0] for entry in page.entries}
    store.close()
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute("UPDATE records SET line = zeroblob(length(line)) WHERE no = 3")
    connection.close()
    store, recovered = opened(tmp_path, WALL + 10)
    assert recovered.damaged == {own: ((5, 8),)}
    store.close()
    store, recovered = opened(tmp_path, WALL + 20)
    assert recovered.damaged == {own: ((5, 8),)}, "also the start after it"
    store.commit([before[EntryId(*own, number)] for number in (5, 6)])
    store.close()
    store, recovered = opened(tmp_path, WALL + 30)
    assert recovered.damaged == {own: ((7, 8),)}
    store.close()


def test_a_lone_server_goes_on_with_what_can_be_read_and_no_hole_is_left_in_what_it_says_it_has(tmp_path: Path) -> None:
    first = filled(tmp_path, peers=False)
    own = Stream(first.node, first.incarnation)
    database = tmp_path / "node.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE records SET line = zeroblob(length(line)) WHERE no = 1")
    connection.close()
    store, recovered = opened(tmp_path, WALL + 10, alone=True)
    assert recovered.streams[own] == 40
    assert len(bodies(store)) == 76
    assert any("is lost" in finding for finding in store.findings)
    store.close()


def test_the_newest_backup_helps(tmp_path: Path) -> None:
    filled(tmp_path)
    store, _ = opened(tmp_path, WALL + 5)
    backup = store.backup(tmp_path / "backups", keep=3)
    everything = bodies(store)
    store.close()
    become_something_else(tmp_path / "node.db", random.Random(0))
    store, recovered = opened(tmp_path, WALL + 10, alone=True)
    assert bodies(store) == everything
    assert recovered.accounts
    assert any(str(backup) in finding for finding in store.findings)
    store.close()


def test_nobody_is_that_server_without_its_key_and_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "node.identity").unlink()
    become_something_else(tmp_path / "node.db", random.Random(0))
    before = (tmp_path / "node.db").read_bytes()
    with pytest.raises(StoreError, match=r"key of the server \w+ cannot be read.*restore"):
        opened(tmp_path, WALL + 10)
    assert (tmp_path / "node.db").read_bytes() == before
    store, recovered = opened(tmp_path, WALL + 10, on_loss="renew")
    assert recovered.activities == 0
    assert list(tmp_path.glob("replaced-*/node.db"))
    store.close()


def test_no_start_is_given_twice_whatever_is_left_of_the_data(tmp_path: Path) -> None:
    filled(tmp_path)
    used = []
    clock_set_back = WALL - 1_000_000
    for seed, damage in enumerate(DAMAGES):
        store, recovered = opened(tmp_path, clock_set_back)
        used.append(recovered.incarnation)
        store.close()
        damage(tmp_path / "node.db", random.Random(seed))
    assert used == sorted(set(used))


@pytest.mark.parametrize("what", ["flip", "cut"])
def test_a_damaged_log_of_a_killed_server_is_read_as_far_as_it_can_be(tmp_path: Path, what: str) -> None:
    running, data = tmp_path / "running", tmp_path / "data"
    store, first = opened(running)
    own = Stream(first.node, first.incarnation)
    for seq in range(1, 31):
        store.commit([activity(own, seq, 1000 + seq)])
    shutil.copytree(running, data)
    truth = bodies(store)
    store.close()
    size = (data / "node.db-wal").stat().st_size
    chance = random.Random(3)
    for attempt in range(15):
        copy = tmp_path / f"copy{attempt}"
        shutil.copytree(data, copy)
        if what == "flip":
            flip(copy / "node.db-wal", chance.randrange(size), chance.randrange(BITS))
        else:
            os.truncate(copy / "node.db-wal", chance.randrange(1, size))
        store, recovered = started(copy, truth, first.node)
        assert recovered.incarnation > first.incarnation
        if what == "flip":
            assert len(bodies(store)) >= 29
        store.close()


def test_what_a_running_server_has_come_upon_is_looked_for_in_a_database_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mending, "READ_AT_START_BYTES", 0)
    filled(tmp_path)
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute("UPDATE records SET line = zeroblob(length(line)) WHERE no = 3")
    connection.close()
    store, _ = opened(tmp_path, WALL + 10)
    assert len(bodies(store)) == 76
    store.close()
    store, recovered = opened(tmp_path, WALL + 20)
    assert "was damaged" in store.findings[0]
    assert all(store._held.holds(entry_id) for entry_id in bodies(store))
    assert recovered.activities == 76
    store.close()


def test_another_servers_damaged_data_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    filled(tmp_path / "one")
    filled(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "node.db", tmp_path / "one" / "node.db")
    flip(tmp_path / "one" / "node.db", 4096 * 8 + 500, 1)
    with pytest.raises(DataDirectoryUnusable, match="another"):
        opened(tmp_path / "one", WALL + 10)
