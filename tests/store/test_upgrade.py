"""From the version before records, and back: nothing that was kept is lost on either way."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.simulation.environment.hash_signing import HashSigner
from core.store import DataDirectoryInUse, DataDirectoryUnusable, DataLost, downgrade_store, restore_backup, verify
from core.wire.entries import EntryId, PeerForgotten, Stream, change_in_key
from tests.store.damaging import (
    cut_off,
    fill_a_page_with_garbage,
    flip,
    flip_a_hundred_bits,
    lose_the_header,
    swap_two_pages,
)
from tests.store.making import WALL, A, activity, data_of, everything, open_at

DUMP = Path(__file__).parent / "schema-3.sql"
"""Written by the version before records; never made again."""
TABLES = ("entries", "runs", "senders", "usage", "peers", "settings")


def rows(database: Path, table: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return data_of(DUMP, tmp_path / "data")


def test_every_entry_is_there_after_the_upgrade_and_stands_where_it_stood(data: Path) -> None:
    before = rows(data / "node.db", "entries")
    store, _ = open_at(data, WALL + 1, name=b"another!")
    entries = [entry for page in everything(store)[0] for entry in page.entries]
    store.close()
    kept = [
        (*one.id, one.kind, one.stamp, one.sender, one.previous and str(one.previous), one.ref, one.body)
        for one in entries
    ]
    # A carriage return between values, which no line may hold, is a blank.
    assert sorted(kept, key=repr) == [(*row[:-1], row[-1].replace(b"\r", b" ")) for row in before]


def test_what_is_known_beside_entries_is_there_too(data: Path) -> None:
    runs, senders, peers = (rows(data / "node.db", table) for table in ("runs", "senders", "peers"))
    usage = rows(data / "node.db", "usage")
    store, recovered = open_at(data, WALL + 1, name=b"another!")
    assert recovered.node == "gezdgnbvgy3t"
    assert recovered.streams == {Stream(*row[:2]): row[3] for row in runs if row[2] == 0 and row[3]}
    assert recovered.beyond == {A: ((9, 10),)}
    assert recovered.last_by_sender == {sender: EntryId(*row) for sender, _, *row in senders}
    assert store.usage() == (sum(row[1] for row in usage), sum(row[2] for row in usage))
    assert recovered.activities == store.usage().activities
    assert [peer.id for peer in recovered.peers] == [row[0] for row in peers]
    assert recovered.recent_refs.find("cy", "rc", b'{"type":"Note","number":9}') == [EntryId("b", 1, 9)]
    assert [fact.username for fact in recovered.accounts] == ["ann", "bob"]
    (change,) = recovered.account_changes.claimed("claim of ann")
    assert change.key is not None and change_in_key(change.key)
    assert (store.get_setting("network_secret"), store.get_setting("name")) == ("kept secret", "kept")
    newest = store.activities_before(None, 3, 1_000_000)
    assert [str(entry.id) for entry in newest] == ["a.1.9", "b.1.8", "b.1.9"]
    store.close()


def test_the_owner_is_told_where_the_data_is_as_it_was(data: Path) -> None:
    store, _ = open_at(data, WALL + 1)
    (finding,) = store.findings
    store.close()
    (backup,) = (data / "backups").glob("before-schema-6-*.db")
    assert str(backup) in finding and "downgrade" in finding
    assert open_and_findings(data) == ()


def open_and_findings(data: Path) -> tuple[str, ...]:
    store, _ = open_at(data, WALL + 2)
    store.close()
    return tuple(store.findings)


def test_the_way_back_writes_what_was_there(data: Path) -> None:
    before = {table: rows(data / "node.db", table) for table in TABLES}
    open_at(data, WALL + 1)[0].close()
    saved = downgrade_store(data)
    after = {table: rows(data / "node.db", table) for table in TABLES}
    assert after.pop("entries") == [(*row[:-1], row[-1].replace(b"\r", b" ")) for row in before.pop("entries")]
    assert after == before
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert saved.parent == data / "backups" and saved.name.startswith("before-schema-3-")


def test_what_came_after_the_upgrade_is_written_back_too_and_comes_up_again(data: Path) -> None:
    store, recovered = open_at(data, WALL + 1)
    store.signer = HashSigner(b"key")
    own = Stream(recovered.node, recovered.incarnation)
    stamp = recovered.stamp
    store.commit([activity(own, seq, stamp + seq, sender="dan", ref=f"new {seq}") for seq in range(1, 6)])
    store.commit([activity(A, 5, stamp + 9), PeerForgotten("p1")])
    before = [entry for page in everything(store)[0] for entry in page.entries]
    store.close()
    downgrade_store(data)
    entries = rows(data / "node.db", "entries")
    assert [row[2] for row in entries if row[:2] == own] == [1, 2, 3, 4, 5]
    assert ("dan", 5) in [(row[0], row[1]) for row in rows(data / "node.db", "usage")]
    store, recovered = open_at(data, WALL + 3)
    assert [entry for page in everything(store)[0] for entry in page.entries] == before
    assert recovered.streams[own] == 5
    assert recovered.incarnation > own.incarnation
    store.close()


def test_the_backup_of_the_way_back_holds_the_signatures(data: Path, tmp_path: Path) -> None:
    store, recovered = open_at(data, WALL + 1)
    store.signer = HashSigner(b"key")
    own = Stream(recovered.node, recovered.incarnation)
    (sealed,) = store.commit([activity(own, 1, recovered.stamp + 1)])
    store.close()
    saved = downgrade_store(data)
    restore_backup(saved, tmp_path / "restored")
    store, _ = open_at(tmp_path / "restored", WALL + 2)
    assert sealed in list(store._shelf.records(own, 1, 1))
    store.close()


def test_there_is_no_way_back_for_what_is_not_there_or_is_in_use_or_has_lost_something(data: Path) -> None:
    with pytest.raises(DataDirectoryUnusable, match="no server's data"):
        downgrade_store(data / "nothing")
    with pytest.raises(DataDirectoryUnusable, match="of version 3, which an earlier program reads as it is"):
        downgrade_store(data)
    store, _ = open_at(data, WALL + 1)
    with pytest.raises(DataDirectoryInUse):
        downgrade_store(data)
    store.close()
    (data / "node.db").write_bytes(b"")
    with pytest.raises(DataLost):
        downgrade_store(data)


# --- damaged before ---------------------------------------------------------------------------------------------------


def test_an_entry_that_is_none_any_more_is_left_out_and_told_and_the_rest_is_brought_up(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        connection.execute("UPDATE entries SET body = replace(body, '{', x'FF') WHERE node = 'a' AND seq = 2")
        connection.commit()
        kept = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    store, recovered = open_at(data, WALL + 1, name=b"another!")
    assert any("a.1.2" in told and "asked for" in told for told in store.findings)
    assert len([entry for page in everything(store)[0] for entry in page.entries]) == kept - 1
    assert recovered.streams[A] == 1
    store.close()
    assert verify(data / "node.db").damage == []


@pytest.mark.parametrize("seed", range(24))
def test_whatever_is_done_to_the_file_before_it_is_brought_up_or_refused_with_what_to_do(data: Path, seed: int) -> None:
    chance = random.Random(seed)
    file = data / "node.db"
    (flip_a_hundred_bits, cut_off, fill_a_page_with_garbage, swap_two_pages, lose_the_header, flip_one)[seed % 6](
        file, chance
    )
    refused = ""
    try:
        store, _ = open_at(data, WALL + 1, name=b"another!")
    except DataDirectoryUnusable as error:
        refused = error.sentence
    else:
        everything(store)
        store.close()
    assert "check the disk" not in refused
    if refused:
        assert "restore" in refused or "choose" in refused
    else:
        assert verify(file).damage == []


def flip_one(file: Path, chance: random.Random) -> None:
    flip(file, chance.randrange(file.stat().st_size), chance.randrange(8))
