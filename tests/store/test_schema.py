"""From one schema to the next: with a backup, whole or not at all, and never backwards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.store import DataDirectoryUnusable, SchemaTooNew, open_store, restore_backup
from core.store.schema import CURRENT, Schema
from core.store.sqlite import SqliteStore
from core.wire.recovered import Recovered
from tests.store.making import WALL, A, activity, ids, open_at


def _add_colours(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE colours (name TEXT)")
    connection.execute("INSERT INTO colours SELECT 'colour of ' || sender FROM senders")


def _fail_half_way(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM records")
    connection.execute("INSERT INTO nowhere VALUES (1)")


NEXT = Schema((*CURRENT.steps, _add_colours))
BROKEN = Schema((*NEXT.steps, _fail_half_way))


def open_with(path: Path, schema: Schema) -> tuple[SqliteStore, Recovered]:
    return open_store(path, node_id_factory=lambda: "fresh", wall=WALL, schema=schema)


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(number)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    store, _ = open_at(tmp_path / "data")
    store.commit([activity(A, 1, sender="ann")])
    store.close()
    return tmp_path / "data"


def test_the_file_says_whose_and_of_which_version_it_is(older: Path) -> None:
    connection = sqlite3.connect(older / "node.db")
    assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"ACTY", "big"),)
    connection.close()
    assert version(older / "node.db") == CURRENT.version == 6


def test_older_data_is_migrated_and_keeps_everything(older: Path) -> None:
    store, recovered = open_with(older, NEXT)
    assert recovered.node == "gezdgnbvgy3t"
    assert len(ids(store)) == 1
    assert store._connection.execute("SELECT name FROM colours").fetchall() == [("colour of ann",)]
    store.close()
    assert version(older / "node.db") == NEXT.version


def test_a_backup_is_taken_before_a_migration(older: Path, tmp_path: Path) -> None:
    open_with(older, NEXT)[0].close()
    (backup,) = (older / "backups").glob(f"before-schema-{NEXT.version}-*.db")
    assert version(backup) == CURRENT.version
    restore_backup(backup, tmp_path / "restored")
    store, recovered = open_at(tmp_path / "restored", WALL + 1)
    assert (recovered.node, len(ids(store))) == ("gezdgnbvgy3t", 1)
    store.close()


def test_nothing_is_migrated_when_no_backup_can_be_taken(older: Path) -> None:
    (older / "backups").write_text("in the way")
    with pytest.raises(DataDirectoryUnusable, match="not changed without a backup"):
        open_with(older, NEXT)
    assert version(older / "node.db") == CURRENT.version


def test_a_migration_that_fails_changes_nothing(older: Path) -> None:
    open_with(older, NEXT)[0].close()
    with pytest.raises(DataDirectoryUnusable, match="nowhere"):
        open_with(older, BROKEN)
    assert version(older / "node.db") == NEXT.version
    store, _ = open_with(older, NEXT)
    assert len(ids(store)) == 1
    store.close()


def test_a_newer_schema_is_refused_and_left_alone(older: Path) -> None:
    open_with(older, NEXT)[0].close()
    before = (older / "node.db").read_bytes()
    with pytest.raises(SchemaTooNew, match=f"its schema is {NEXT.version}, this one knows up to {CURRENT.version}"):
        open_at(older)
    assert (older / "node.db").read_bytes() == before
    open_with(older, NEXT)[0].close()


def test_new_data_goes_through_all_steps_without_a_backup(tmp_path: Path) -> None:
    open_with(tmp_path / "data", NEXT)[0].close()
    assert version(tmp_path / "data" / "node.db") == NEXT.version
    assert not (tmp_path / "data" / "backups").exists()


def test_an_older_versions_backup_is_restored_and_migrated(older: Path, tmp_path: Path) -> None:
    store, _ = open_at(older)
    backup = store.backup(older / "backups", keep=1)
    store.close()
    restore_backup(backup, tmp_path / "restored", schema=NEXT)
    store, _ = open_with(tmp_path / "restored", NEXT)
    assert store._connection.execute("SELECT count(*) FROM colours").fetchone() == (1,)
    store.close()
