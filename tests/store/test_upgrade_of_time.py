"""From the version that had a row for each entry's place in time: all stands where it stood, and is in the sums."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from core.reconciliation.item_order import Fingerprint, ItemKey, fingerprint_of
from core.reconciliation.summary_queries import SumFound, SumWanted
from core.store import SqliteStore, downgrade_store
from core.store.reading_through import Progress, ReadingThrough
from core.store.stream_numbers import StreamNumbers
from core.store.table_checks import Verification
from core.store.time_blocks import Block
from core.store.time_index import TimeIndex
from core.store.verifying import examine, reading
from core.wire.entries import Entry, EntryId, StreamMark
from tests.store.making import WALL, A, B, activity, data_of, everything, open_at

DUMP = Path(__file__).parent / "schema-4.sql"
"""Written by that version; never made again."""
FOR_EVER = 2**52


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return data_of(DUMP, tmp_path / "data")


def places_before(data: Path) -> set[ItemKey]:
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        rows = connection.execute(
            "SELECT place, node, incarnation, seq FROM items JOIN streams ON streams.no = items.stream"
        )
        return {ItemKey(place, EntryId(*rest)) for place, *rest in rows}


def whole(store: SqliteStore) -> SumFound:
    wanted = SumWanted(0, FOR_EVER)
    while not store.prepare_summary(wanted):
        pass
    found = store.ask_summary(wanted)
    assert isinstance(found, SumFound)
    return found


def test_what_stood_in_time_stands_there_and_is_in_the_sums(data: Path) -> None:
    before = places_before(data)
    assert len(before) == 66
    store, _ = open_at(data, WALL + 1)
    assert whole(store).whole == fingerprint_of(before)
    newest = [one.stamp for one in store.activities_before(None, 100, 10**6)]
    assert newest == sorted(newest) and len(newest) == 60
    more = [activity(B, number, number) for number in range(90, 99)]
    store.commit(more)
    store.commit([StreamMark(A, 50)])
    after = before | {ItemKey(1 << 56 | one.stamp, one.id) for one in more}
    assert whole(store).whole == fingerprint_of(after)
    store.close()
    with reading(data / "node.db") as connection:
        found = Verification(data / "node.db")
        assert (list(examine(connection, found)), found.schema) == ([], 6)


def test_the_owner_is_told_and_there_is_a_backup_of_what_was(data: Path) -> None:
    store, _ = open_at(data, WALL + 1)
    (finding,) = store.findings
    store.close()
    (backup,) = (data / "backups").glob("before-schema-6-*.db")
    assert str(backup) in finding and "of version 4" in finding and "`activity-tui downgrade`" in finding
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (66,)


def test_the_way_back_leads_to_the_version_before_records(data: Path) -> None:
    store, _ = open_at(data, WALL + 1)
    before: list[Entry] = [entry for page in everything(store)[0] for entry in page.entries]
    store.close()
    downgrade_store(data)
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "entries" in tables and not tables & {"items", "time_index", "fresh_blocks", "records"}
    store, _ = open_at(data, WALL + 2)
    assert [entry for page in everything(store)[0] for entry in page.entries] == before
    store.close()


def test_data_of_that_version_is_verified_by_its_records(data: Path) -> None:
    database = data / "node.db"
    found = Verification(database)
    with reading(database) as connection:
        assert (list(examine(connection, found)), found.schema, found.activities) == ([], 4, 60)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE records SET line = zeroblob(9) WHERE no = 3")
        connection.commit()
    with reading(database) as connection:
        (damage,) = examine(connection, Verification(database))
    assert "record 3" in damage.what


@pytest.mark.parametrize(
    ("more", "told"),
    [(Fingerprint(0, 1), "does not fit it"), (Fingerprint(50, 1), "sums are of")],
    ids=["sum", "count"],
)
def test_a_sum_that_is_wrong_is_found_when_all_is_read_and_is_right_after_the_next_start(
    data: Path, more: Fingerprint, told: str
) -> None:
    store, _ = open_at(data, WALL + 1)
    right = whole(store).whole
    store.close()
    with contextlib.closing(sqlite3.connect(data / "node.db", isolation_level=None)) as connection:
        index = TimeIndex(connection, StreamNumbers(connection))
        block = max(index.blocks(), key=len)
        # As a fault of ours would write it: with a checksum that fits.
        block.summed = block.summed.plus(more)
        connection.execute("UPDATE time_index SET size = ?, sum = ?, checksum = ? WHERE no = ?", _changed(block))
    with reading(data / "node.db") as connection:
        (found,) = examine(connection, Verification(data / "node.db"))
        assert told in found.what
    if not more.size:
        with ReadingThrough(data / "node.db", Progress(), WALL) as beside:
            assert any(told in beside.step(WALL).otherwise for _ in iter(lambda: beside.is_over, True))
    store, _ = open_at(data, WALL + 2)
    assert any(told in finding for finding in store.findings)
    assert whole(store).whole == right
    store.close()


def _changed(block: Block) -> tuple[int, bytes, int, int]:
    no, _, size, _, checksum, total, _ = block.row
    return size, total, checksum, no
