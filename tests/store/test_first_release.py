"""What the first release kept opens under every release."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from core.store.schema import CURRENT
from core.wire.entries import EntryId
from tests.store.making import WALL, A, B, activity, data_of, ids, open_at

DUMP = Path(__file__).parent / "first-release.sql"
"""Never made again: it is what was kept, not what would be kept now."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return data_of(DUMP, tmp_path / "data")


def test_it_keeps_its_identity_accounts_activities_and_gaps(data: Path) -> None:
    store, recovered = open_at(data, WALL + 1, name=b"another!")
    try:
        assert recovered.node == "gezdgnbvgy3t", "its own name, not a new one"
        assert [fact.username for fact in recovered.accounts] == ["ann"]
        assert recovered.activities == 4
        assert sorted(ids(store)) == sorted(
            [EntryId(*A, 1), EntryId(*A, 2), EntryId(*A, 3), EntryId(*B, 1), EntryId(*B, 3)]
        )
        assert recovered.streams[A] == 3 and recovered.streams[B] == 1, "what is missing is known to be missing"
        assert [
            recovered.recent_refs.find("ann", f"r{number}", b'{"type":"Note","number":%d}' % (number + 1))
            for number in (1, 2)
        ] == [[EntryId(*A, 2)], [EntryId(*A, 3)]]
        assert store.get_setting("network") == "kept"
    finally:
        store.close()


def test_it_takes_writes_and_is_of_the_newest_schema_afterwards(data: Path) -> None:
    store, _ = open_at(data, WALL + 1)
    store.commit([activity(B, 2)])
    store.close()
    store, recovered = open_at(data, WALL + 2)
    store.close()
    assert recovered.streams[B] == 3
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (CURRENT.version,)


def test_a_backup_is_taken_before_it_is_changed(data: Path) -> None:
    open_at(data, WALL + 1)[0].close()
    assert len(list(data.glob("backups/before-schema-*.db"))) == (CURRENT.version > 1)
