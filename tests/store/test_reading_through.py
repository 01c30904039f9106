"""All of a database is read in steps, and what is damaged in it is found, wherever it is."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from core.store import SqliteStore, reading_through
from core.store.reading_through import Progress, ReadingThrough, ReadStep, read_progress, written
from core.wire.entry_runs import ids_in
from tests.store.damaging import OTHER, activities, bodies, filled, opened
from tests.store.making import WALL, activity


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    filled(tmp_path)
    return opened(tmp_path, WALL + 10)[0]


def steps(reading: ReadingThrough, most: int = 1000) -> list[ReadStep]:
    found: list[ReadStep] = []
    while not reading.is_over and len(found) < most:
        found.append(reading.step(WALL + 20))
    return found


def read_all(data: Path) -> list[ReadStep]:
    with ReadingThrough(data / "node.db", Progress(), WALL + 11) as reading:
        return steps(reading)


def test_of_whole_data_each_record_is_read_once_and_nothing_is_found(store: SqliteStore, tmp_path: Path) -> None:
    found = read_all(tmp_path)
    assert not any(one.records or one.otherwise for one in found)
    assert found[-1].progress == Progress(done=WALL + 20, done_records=21)
    store.close()


def test_it_goes_on_where_it_was_interrupted(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_through, "STEP_BYTES", 1000)
    progress = Progress()
    interruptions = 0
    while not progress.done:
        with ReadingThrough(tmp_path / "node.db", progress, WALL + 11) as reading:
            (found,) = steps(reading, 1)
        progress = read_progress(written(found.progress))
        interruptions += 1
    assert interruptions > 10
    assert progress == Progress(done=WALL + 20, done_records=21)
    store.close()


def test_commits_and_dropping_go_on_meanwhile(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_through, "STEP_BYTES", 1000)
    with ReadingThrough(tmp_path / "node.db", Progress(), WALL + 11) as reading:
        number = 100
        while not reading.is_over:
            assert reading.step(WALL + 20).otherwise == ""
            number += 1
            store.commit([activity(OTHER, number, 5000 + number, sender="bob")])
            if number % 3 == 0:
                store.follow(idle=True)
    store.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_flipped_bit_is_found_in_whatever_record_it_is_and_mended(
    store: SqliteStore, tmp_path: Path, seed: int
) -> None:
    before = {entry.id: entry for entry in activities(store)}
    no = random.Random(seed).randrange(1, 21)
    with sqlite3.connect(tmp_path / "node.db") as connection:
        line, is_signed = connection.execute("SELECT line, flags & 1 FROM records WHERE no = ?", (no,)).fetchone()
        flipped = bytearray(line)
        flipped[random.Random(seed).randrange(len(line))] ^= 4
        connection.execute("UPDATE records SET line = ? WHERE no = ?", (bytes(flipped), no))
    connection.close()
    found = read_all(tmp_path)
    assert [one.records for one in found if one.records] == [(no,)]
    assert found[-1].progress.done_damaged == 1
    store.note_damage((no,), "")
    lost = set(ids_in(store.mend()))
    assert len(lost) == (0 if is_signed else 4), "a signature shows what one of its own was"
    store.commit([before[entry_id] for entry_id in lost])
    assert bodies(store) == {entry_id: entry.body for entry_id, entry in before.items()}
    assert not any(one.records or one.otherwise for one in read_all(tmp_path))
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE time_index SET packed = zeroblob(length(packed))",
        "DELETE FROM records WHERE no = 5",
        "UPDATE runs SET last = last + 1",
        "UPDATE settings SET value = value || 'x' WHERE name = 'network_secret'",
        "UPDATE accounts SET marks = zeroblob(length(marks))",
        "UPDATE node SET incarnation = incarnation + 1",
    ],
)
def test_damage_elsewhere_is_found_too_and_all_is_made_anew(store: SqliteStore, tmp_path: Path, statement: str) -> None:
    before = bodies(store)
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute(statement)
    connection.close()
    store._shelf.forget()
    gone = {one for one in before if "records" in statement and one not in bodies(store)}
    otherwise = [one.otherwise for one in read_all(tmp_path) if one.otherwise]
    assert otherwise
    store.note_damage((), otherwise[0])
    assert store.damage
    assert gone <= set(ids_in(store.mend()))
    assert bodies(store).keys() == before.keys() - gone
    assert not any(one.records or one.otherwise for one in read_all(tmp_path))
    store.close()
