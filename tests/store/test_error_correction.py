"""One damaged byte of a record is put right from its checksum and its signature, and costs nothing."""

from __future__ import annotations

import random
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store import SqliteStore, verify
from core.store.error_correction import corrected
from core.wire.entry_runs import count_of
from tests.store.damaging import OTHER, activities, bodies, filled, opened
from tests.store.making import WALL


@given(st.binary(min_size=1, max_size=2000), st.data(), st.integers(0, 2**32 - 1))
def test_whichever_byte_is_another_one_the_checksum_tells_which(line: bytes, data: st.DataObject, before: int) -> None:
    place = data.draw(st.integers(0, len(line) - 1))
    error = data.draw(st.integers(1, 255))
    damaged = bytearray(line)
    damaged[place] ^= error
    assert corrected(bytes(damaged), zlib.crc32(line, before), before) == line


def test_of_two_bytes_that_are_others_it_tells_hardly_ever() -> None:
    chance = random.Random(1)
    line = chance.randbytes(500)
    found = 0
    for _ in range(2000):
        damaged = bytearray(line)
        for place in chance.sample(range(500), 2):
            damaged[place] ^= chance.randrange(1, 256)
        found += corrected(bytes(damaged), zlib.crc32(line)) is not None
    assert found <= 2


# --- in a database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    filled(tmp_path)
    return tmp_path


def own_record(data: Path) -> int:
    """The number of a signed record of four activities."""
    with sqlite3.connect(data / "node.db") as connection:
        (no,) = connection.execute("SELECT no FROM records WHERE flags & 1 AND count = 4 ORDER BY no DESC").fetchone()
    connection.close()
    return int(no)


def change(data: Path, no: int, what: Callable[[bytes], bytes]) -> None:
    with sqlite3.connect(data / "node.db") as connection:
        (line,) = connection.execute("SELECT line FROM records WHERE no = ?", (no,)).fetchone()
        connection.execute("UPDATE records SET line = ? WHERE no = ?", (what(line), no))
    connection.close()


def in_a_body(line: bytes, places: int = 1) -> bytes:
    at = line.index(b'"number":') + len(b'"number":')
    damaged = bytearray(line)
    for place in range(places):
        damaged[at + place] ^= 1
    return bytes(damaged)


def look(store: SqliteStore) -> int:
    """Read everything, and have mended what is found; how many entries are lost."""
    store._shelf.forget()
    bodies(store)
    return count_of(store.mend()) if store.is_damaged else 0


def test_a_flipped_bit_in_a_body_costs_nothing_while_the_server_runs(data: Path) -> None:
    store, _ = opened(data, WALL + 10)
    before = bodies(store)
    change(data, own_record(data), in_a_body)
    assert look(store) == 0
    assert bodies(store) == before
    (told,) = store.discoveries
    assert "it is that again" in told
    assert not (data / "node.damaged-records").exists()
    store.close()
    assert verify(data / "node.db").damage == []


def test_nor_does_it_while_nobody_is_there(data: Path) -> None:
    store, recovered = opened(data, WALL + 10)
    before = bodies(store)
    store.close()
    change(data, own_record(data), in_a_body)
    store, again = opened(data, WALL + 20, alone=True)
    assert bodies(store) == before
    assert again.activities == recovered.activities and again.beyond == recovered.beyond
    store.close()
    assert verify(data / "node.db").damage == []


def test_what_stands_beside_a_line_that_proves_itself_is_made_anew(data: Path) -> None:
    store, _ = opened(data, WALL + 10)
    before = bodies(store)
    with sqlite3.connect(data / "node.db") as connection:
        connection.execute("UPDATE records SET sum = sum + 1, count = 3 WHERE no = ?", (own_record(data),))
    connection.close()
    assert look(store) == 0
    assert bodies(store) == before
    store.close()
    assert verify(data / "node.db").damage == []


def test_more_damage_in_one_record_costs_that_record_and_is_told_by_its_numbers(data: Path) -> None:
    """Without the digest of what is damaged nothing proves the rest of the record."""
    store, _ = opened(data, WALL + 10)
    before = bodies(store)
    change(data, own_record(data), lambda line: in_a_body(line, 2))
    assert look(store) == 4
    assert len(bodies(store)) == len(before) - 4 and bodies(store).items() <= before.items()
    assert (data / "node.damaged-records").exists()
    store.close()


def test_a_record_without_a_signature_is_not_put_right(data: Path) -> None:
    """Its checksum alone proves nothing: other damage could look like this."""
    store, _ = opened(data, WALL + 10)
    with sqlite3.connect(data / "node.db") as connection:
        (no,) = connection.execute("SELECT no FROM records WHERE NOT flags & 1 AND count = 4").fetchone()
    connection.close()
    change(data, no, in_a_body)
    assert look(store) == 4
    store.close()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_byte_of_whichever_records_is_damaged_nothing_wrong_is_served(data: Path, seed: int) -> None:
    chance = random.Random(seed)
    store, _ = opened(data, WALL + 10)
    before = {entry.id: entry for entry in activities(store)}
    with sqlite3.connect(data / "node.db") as connection:
        numbers = [no for (no,) in connection.execute("SELECT no FROM records WHERE flags & 1")]
    connection.close()

    def damage(line: bytes) -> bytes:
        damaged = bytearray(line)
        damaged[chance.randrange(len(line))] = chance.randrange(256)
        return bytes(damaged)

    for no in chance.sample(numbers, 5):
        change(data, no, damage)
    assert look(store) == 0
    assert {entry.id: entry for entry in activities(store)} == before
    assert any(entry_id.stream == OTHER for entry_id in before)
    store.close()
