"""Streams to which nobody adds any more: packed at a start when there are many, and nothing else about them changes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from core.store import SqliteStore, held_rows, verify
from core.wire.entries import PeerRecord, Stream, StreamMark
from core.wire.recovered import Recovered
from tests.store.damaging import opened
from tests.store.making import WALL, activity

SERVERS = 3
STARTS = 40
WITH_A_GAP = Stream("server0", 500)
WITH_RECORDS = Stream("server1", 500)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_rows, "LOOSE_MAX", 10)
    monkeypatch.setattr(held_rows, "_ROWS", 7)


def marks(starts: range) -> list[StreamMark | PeerRecord]:
    return [StreamMark(Stream(f"server{one % SERVERS}", one), one + 1) for one in starts]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store, _ = opened(tmp_path)
    # Not in the order in which they began.
    store.commit([*marks(range(STARTS, 2 * STARTS)), *marks(range(STARTS))])
    store.commit([activity(WITH_A_GAP, seq, sender="ann") for seq in (1, 2, 5)])
    store.commit([activity(WITH_RECORDS, seq, sender="bob") for seq in (1, 2)])
    store.close()
    return tmp_path


def started(data: Path, at: float) -> tuple[SqliteStore, Recovered]:
    return opened(data, WALL + at)


def rows_of(data: Path, table: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_what_was_received_is_the_same_before_and_after_it_is_packed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(held_rows, "LOOSE_MAX", 1_000)
        store, unpacked = started(data, 10)
        assert not store._held.packed
        store.close()
    for at in (20, 30):
        store, packed = started(data, at)
        assert len(store._held.packed) == 2 * STARTS + 1
        assert dict(packed.streams) == dict(unpacked.streams)
        assert packed.beyond == unpacked.beyond == {WITH_A_GAP: ((5, 5),)}
        store.close()
    assert verify(data / "node.db").damage == []


def test_rows_of_packed_streams_are_gone_but_for_the_names_of_those_that_something_is_kept_of(data: Path) -> None:
    assert len(rows_of(data, "streams")) == 2 * STARTS + 2
    started(data, 10)[0].close()
    named = {(node, start) for _, node, start, _ in rows_of(data, "streams")}
    assert named == {WITH_A_GAP, WITH_RECORDS}
    assert len(rows_of(data, "runs")) == 2, "of the one with a gap"
    assert len(rows_of(data, "past_starts")) == SERVERS


def test_more_starts_are_packed_to_those_that_are(data: Path) -> None:
    started(data, 10)[0].close()
    store, _ = started(data, 20)
    store.commit(marks(range(2 * STARTS, 3 * STARTS)))
    # One of the packed ones goes on.
    store.commit([StreamMark(Stream("server0", 0), 77)])
    store.close()
    store, recovered = started(data, 30)
    assert len(store._held.packed) == 3 * STARTS + 1
    expected = {mark.stream: mark.upto for mark in marks(range(3 * STARTS)) if isinstance(mark, StreamMark)}
    expected |= {Stream("server0", 0): 77, WITH_A_GAP: 2, WITH_RECORDS: 2}
    assert dict(recovered.streams) == expected
    store.close()


@pytest.mark.parametrize("change", ["last = last + 1", "last = NULL", "sum = sum + 1"])
def test_one_damaged_row_among_many_is_found_before_it_is_packed(data: Path, change: str) -> None:
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'last INTEGER NOT NULL', 'last INTEGER')")
        connection.commit()
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        (stream,) = connection.execute("SELECT no FROM streams WHERE node = 'server1' AND incarnation = 10").fetchone()
        connection.execute(f"UPDATE runs SET {change} WHERE stream = ?", (stream,))
        connection.commit()
    store, recovered = started(data, 10)
    assert any("damaged" in one for one in store.findings)
    assert recovered.streams.get(Stream("server1", 10), 0) <= 11
    store.close()
