"""A node's data that was deleted, cut, swapped or put back: refused or told, and never taken for a first start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store import DataDirectoryUnusable, DataLost, SqliteStore, StoreDisplaced, StoreUnwritable, restore_backup
from core.wire.entries import EntryId
from tests.store.making import WALL, A, B, activity, ids, open_at

NODE = "gezdgnbvgy3t"
OTHER = b"another!"
LOG_KEPT = 6000
"""Bytes of a log, amid its second page."""


def killed(data: Path, entries: int = 20, *, backups: int = 1) -> None:
    """Data as kill -9 leaves it: backups of the first half, the whole in the log, nothing in the database's file."""
    running = data.parent / "running"
    store, _ = open_at(running)
    store.commit([activity(A, seq) for seq in range(1, entries // 2 + 1)])
    for _ in range(backups):
        store.backup(running / "backups", keep=9)
    store.commit([activity(A, seq) for seq in range(entries // 2 + 1, entries + 1)])
    shutil.copytree(running, data)
    store.close()
    shutil.rmtree(running)


def large(data: Path) -> None:
    """The same, where a part of the log has gone into the database already."""
    running = data.parent / "running"
    store, _ = open_at(running)
    store.commit([activity(A, seq, size=3000) for seq in range(1, 2001)])
    store.backup(running / "backups", keep=9)
    store.commit([activity(A, seq) for seq in range(2001, 2021)])
    shutil.copytree(running, data)
    store.close()
    shutil.rmtree(running)


def remove(data: Path) -> None:
    for file in data.glob("node.db*"):
        file.unlink()


def empty(data: Path) -> None:
    remove(data)
    (data / "node.db").touch()


def database_alone(data: Path) -> None:
    (data / "node.db").unlink()


def without_log(data: Path) -> None:
    (data / "node.db-wal").unlink()


def emptied_log(data: Path) -> None:
    os.truncate(data / "node.db-wal", 0)


def cut_log(data: Path) -> None:
    os.truncate(data / "node.db-wal", LOG_KEPT)


def garbage_in_log(data: Path) -> None:
    log = data / "node.db-wal"
    content = bytearray(log.read_bytes())
    content[LOG_KEPT:] = os.urandom(len(content) - LOG_KEPT)
    log.write_bytes(content)


def database_and_witness(data: Path) -> None:
    remove(data)
    (data / "node.witness").unlink()


def all_but_log(data: Path) -> None:
    (data / "node.db").unlink()
    (data / "node.witness").unlink()
    shutil.rmtree(data / "backups")


def damaged_witness(data: Path) -> None:
    remove(data)
    (data / "node.witness").write_bytes(b"\0" * 512)


def swapped(data: Path) -> None:
    remove(data)
    store, _ = open_at(data.parent / "other", name=OTHER)
    store.close()
    shutil.copy(data.parent / "other" / "node.db", data)


def swapped_without_witness(data: Path) -> None:
    swapped(data)
    (data / "node.witness").unlink()


LOSSES = [
    remove,
    empty,
    database_alone,
    without_log,
    emptied_log,
    database_and_witness,
    all_but_log,
    damaged_witness,
    swapped,
    swapped_without_witness,
]


def name_of(function: object) -> str:
    return getattr(function, "__name__", "")


def content(data: Path) -> dict[str, bytes]:
    """Everything in a directory that outlives a start, but for what says who uses it."""
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.name not in ("lock", "node.db-shm")
    }


@pytest.mark.parametrize("lose", LOSSES, ids=name_of)
@pytest.mark.parametrize("make", [killed, large], ids=name_of)
def test_what_was_lost_is_refused_and_nothing_is_changed(
    tmp_path: Path, make: Callable[[Path], None], lose: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    make(data)
    lose(data)
    before = content(data)
    for _ in range(2):
        with pytest.raises(DataLost) as refusal:
            open_at(data, WALL + 10, name=OTHER)
        assert str(data) in refusal.value.sentence
    assert content(data) == before
    if lose is not all_but_log:
        assert refusal.value.backup == max((data / "backups").iterdir())


@pytest.mark.parametrize("lose", [each for each in LOSSES if each is not all_but_log], ids=name_of)
def test_the_backup_that_a_refusal_names_brings_the_node_back(tmp_path: Path, lose: Callable[[Path], None]) -> None:
    data = tmp_path / "data"
    killed(data)
    lose(data)
    with pytest.raises(DataLost) as refusal:
        open_at(data, WALL + 10, name=OTHER)
    assert refusal.value.backup is not None
    restore_backup(refusal.value.backup, data, force=refusal.value.in_the_way)
    store, recovered = open_at(data, WALL + 10, name=OTHER)
    assert (recovered.node, recovered.streams) == (NODE, {A: 10})
    assert store.findings == ()
    store.close()


def test_the_newest_backup_that_is_whole_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    killed(data, backups=5)
    oldest, older, good, cut, garbage = sorted((data / "backups").iterdir())
    garbage.write_bytes(os.urandom(5000))
    os.truncate(cut, cut.stat().st_size - 100)
    (data / "backups" / "backup-20990101T000000.000Z.db").write_bytes(b"")
    os.mkfifo(data / "backups" / "backup-20990101T000000.001Z.db")
    (data / "backups" / "backup-20990101T000000.002Z.db").symlink_to("/dev/zero")
    (data / "backups" / "backup-20990101T000000.003Z.db").symlink_to("nowhere")
    (data / "backups" / "backup-20990101T000000.004Z.db").mkdir()
    stranger, _ = open_at(tmp_path / "other", name=OTHER)
    stranger.backup(tmp_path, keep=1).rename(data / "backups" / "backup-20990101T000000.005Z.db")
    stranger.close()
    remove(data)
    with pytest.raises(DataLost) as refusal:
        open_at(data, WALL + 10)
    assert refusal.value.backup == good
    assert oldest.exists() and older.exists()


def test_the_backup_that_holds_most_is_named_whatever_the_clock_said_when_others_were_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store, _ = open_at(data)
    store.backup(data / "backups", keep=9).rename(data / "backups" / "backup-20990101T000000.000Z.db")
    store.commit([activity(A, 1)])
    most = store.backup(data / "backups", keep=9)
    store.close()
    remove(data)
    with pytest.raises(DataLost) as refusal:
        open_at(data, WALL + 10)
    assert refusal.value.backup == most


def test_a_new_node_begins_where_that_is_meant_and_the_old_ones_backups_stay(tmp_path: Path) -> None:
    data = tmp_path / "data"
    killed(data)
    without_log(data)
    kept = set((data / "backups").iterdir())
    store, recovered = open_at(data, WALL + 10, name=OTHER, on_loss="renew")
    assert recovered.node != NODE
    assert "new node" in store.findings[0]
    for _ in range(7):
        store.backup(data / "backups", keep=2)
    store.close()
    assert kept <= set((data / "backups").iterdir())
    assert len(list((data / "backups").iterdir())) == len(kept) + 2
    # Said once, it need not be said again.
    store, again = open_at(data, WALL + 20)
    assert again.node == recovered.node
    assert store.findings == ()
    store.close()


@pytest.mark.parametrize("lose", [cut_log, swapped], ids=name_of)
def test_a_new_node_moves_what_is_left_aside(tmp_path: Path, lose: Callable[[Path], None]) -> None:
    data = tmp_path / "data"
    killed(data)
    lose(data)
    left = (data / "node.db").read_bytes()
    store, recovered = open_at(data, WALL + 10, name=b"a third!", on_loss="renew")
    assert (recovered.streams, recovered.activities) == ({}, 0)
    store.close()
    (aside,) = data.glob("replaced-*/node.db")
    assert aside.read_bytes() == left


def test_who_accepts_the_loss_goes_on_with_what_is_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    large(data)
    without_log(data)
    with pytest.raises(DataLost, match="20 entries") as refusal:
        open_at(data, WALL + 10)
    assert refusal.value.remains
    store, recovered = open_at(data, WALL + 10, on_loss="accept")
    assert (recovered.node, recovered.streams) == (NODE, {A: 2000})
    assert any("as was asked for" in each for each in store.findings)
    store.close()
    store, _ = open_at(data, WALL + 20)
    assert store.findings == ()
    store.close()


def test_nothing_left_cannot_be_gone_on_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    killed(data)
    remove(data)
    with pytest.raises(DataLost):
        open_at(data, WALL + 10, on_loss="accept")


@pytest.mark.parametrize("on_loss", ["accept", "renew"])
def test_where_nothing_is_lost_these_change_nothing(tmp_path: Path, on_loss: str) -> None:
    data = tmp_path / "data"
    killed(data)
    store, recovered = open_at(data, WALL + 10, name=OTHER, on_loss=on_loss)  # type: ignore[arg-type]
    assert (recovered.node, recovered.streams, store.findings) == (NODE, {A: 20}, ())
    store.close()


def test_a_database_that_somebody_brought_up_to_date_with_a_tool_is_whole_without_its_log(tmp_path: Path) -> None:
    import sqlite3

    data = tmp_path / "data"
    killed(data)
    connection = sqlite3.connect(data / "node.db")
    connection.execute("SELECT count(*) FROM records").fetchone()
    connection.close()
    assert not (data / "node.db-wal").exists()
    store, recovered = open_at(data, WALL + 10)
    assert (recovered.streams, store.findings) == ({A: 20}, ())
    store.close()


@pytest.mark.parametrize("lose", [cut_log, garbage_in_log], ids=name_of)
@pytest.mark.parametrize("make", [killed, large], ids=name_of)
def test_of_a_damaged_log_all_comes_back_that_it_or_the_backup_has(
    tmp_path: Path, make: Callable[[Path], None], lose: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    make(data)
    lose(data)
    left = (data / "node.db-wal").read_bytes()
    store, recovered = open_at(data, WALL + 10, name=OTHER)
    assert recovered.node == NODE
    assert ids(store) == [EntryId(*A, seq) for seq in range(1, recovered.activities + 1)]
    assert recovered.activities >= (10 if make is killed else 2000)
    assert "was damaged" in store.findings[0]
    (aside,) = data.glob("replaced-*")
    assert (aside / "node.db-wal").read_bytes() == left
    store.close()
    store, _ = open_at(data, WALL + 20)
    assert store.findings == ()
    store.close()


@pytest.mark.parametrize("end", [0.3, 0.7, 0.99])
@pytest.mark.parametrize("make", [killed, large], ids=name_of)
def test_of_a_database_that_was_cut_off_all_comes_back_that_is_left(
    tmp_path: Path, make: Callable[[Path], None], end: float
) -> None:
    data = tmp_path / "data"
    make(data)
    database = data / "node.db"
    os.truncate(database, int(database.stat().st_size * end))
    store, recovered = open_at(data, WALL + 10)
    assert recovered.node == NODE
    # The log may hold all of it, and the backup holds most.
    assert len(ids(store)) == recovered.activities >= (20 if make is killed else 2000)
    assert set(ids(store)) <= {EntryId(*A, seq) for seq in range(1, 2021)}
    store.close()


def test_an_older_copy_that_was_put_back_is_told_and_no_identity_comes_twice(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    store, _ = open_at(data)
    store.commit([activity(A, 1)])
    store.close()
    shutil.copy(data / "node.db", copy)
    used = []
    for later in range(1, 4):
        store, recovered = open_at(data, WALL + later)
        used.append(recovered.incarnation)
        store.commit([activity(B, later)])
        store.backup(data / "backups", keep=3)
        store.close()
    shutil.copy(copy, data / "node.db")
    clock_set_back = WALL - 1000
    store, recovered = open_at(data, clock_set_back)
    assert recovered.incarnation > max(used)
    newest = max((data / "backups").iterdir())
    assert any("older copy" in finding for finding in store.findings)
    assert any(str(newest) in finding and "lacks 3 entries" in finding for finding in store.findings)
    store.close()


def test_a_whole_directory_that_was_put_back_is_told_where_its_backups_are_newer(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store, _ = open_at(data)
    store.commit([activity(A, 1)])
    store.close()
    shutil.copytree(data, tmp_path / "copy")
    store, used = open_at(data, WALL + 5)
    store.commit([activity(A, 2)])
    newest = store.backup(data / "backups", keep=3)
    store.close()
    shutil.copytree(data / "backups", tmp_path / "copy" / "backups")
    store, recovered = open_at(tmp_path / "copy", WALL - 1000)
    (finding,) = store.findings
    assert newest.name in finding and "lacks 1 entries" in finding
    assert recovered.incarnation > used.incarnation
    store.close()


def test_with_a_clock_that_stands_still_two_lives_from_one_copy_differ(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    store.close()
    numbers = set()
    for copy in range(20):
        shutil.copytree(tmp_path / "data", tmp_path / str(copy))
        store, recovered = open_at(tmp_path / str(copy), WALL - 1000)
        numbers.add(recovered.incarnation)
        store.close()
    assert len(numbers) == 20


@pytest.mark.parametrize("witness", [b"", b"garbage", b"\0" * 512, b"x" * 100_000])
def test_a_damaged_witness_beside_a_whole_database_is_made_anew(tmp_path: Path, witness: bytes) -> None:
    data = tmp_path / "data"
    killed(data)
    (data / "node.witness").write_bytes(witness)
    store, recovered = open_at(data, WALL + 10)
    assert recovered.streams == {A: 20}
    store.close()
    (data / "node.db").unlink()
    with pytest.raises(DataLost):
        open_at(data, WALL + 20)


def test_a_pipe_as_witness_neither_holds_up_a_start_nor_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    killed(data)
    (data / "node.witness").unlink()
    os.mkfifo(data / "node.witness")
    store, _ = open_at(data, WALL + 10)
    store.close()
    assert (data / "node.witness").is_file()


def test_data_of_the_first_release_has_no_witness_and_gets_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    killed(data)
    (data / "node.witness").unlink()
    store, _ = open_at(data, WALL + 10)
    store.close()
    assert store.findings == ()
    assert (data / "node.witness").exists()


@pytest.mark.parametrize("kind", ["directory", "pipe", "device", "link to nothing"])
def test_something_else_in_the_databases_place_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    killed(data)
    remove(data)
    place = data / "node.db"
    if kind == "directory":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/null")
    else:
        place.symlink_to(data / "unmounted" / "node.db")
    with pytest.raises(DataDirectoryUnusable, match=kind):
        open_at(data, WALL + 10)


# --- under a running node ---


def running(data: Path) -> SqliteStore:
    store, _ = open_at(data)
    store.commit([activity(A, 1)])
    return store


def moved(data: Path) -> None:
    data.rename(data.with_name("elsewhere"))


def another_directory(data: Path) -> None:
    moved(data)
    shutil.copytree(data.with_name("elsewhere"), data)


def deleted(data: Path) -> None:
    shutil.rmtree(data)


def database_deleted(data: Path) -> None:
    (data / "node.db").unlink()


def database_replaced(data: Path) -> None:
    shutil.copy(data / "node.db", data / "copy")
    (data / "copy").replace(data / "node.db")


@pytest.mark.parametrize("lose", [moved, another_directory, deleted, database_deleted, database_replaced], ids=name_of)
def test_nothing_is_kept_where_nobody_would_find_it(tmp_path: Path, lose: Callable[[Path], None]) -> None:
    data = tmp_path / "data"
    store = running(data)
    lose(data)
    for _ in range(2):
        with pytest.raises(StoreDisplaced, match=r"is lost .*put it back"):
            store.commit([activity(A, 2)])
    with pytest.raises(StoreDisplaced):
        store.check()
    with pytest.raises(StoreUnwritable):
        store.backup(data / "backups", keep=3)
    assert data.exists() == (lose not in (moved, deleted)), "nothing was made anew"
    assert [each.seq for each in ids(store)] == [1]
    store.close()


def test_a_directory_that_is_back_takes_commits_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = running(data)
    moved(data)
    with pytest.raises(StoreDisplaced):
        store.commit([activity(A, 2)])
    (tmp_path / "elsewhere").rename(data)
    store.check()
    store.commit([activity(A, 2)])
    store.close()
    assert store.rescued is None
    store, recovered = open_at(data, WALL + 10)
    assert (recovered.streams, store.findings) == ({A: 2}, ())
    store.close()


@pytest.mark.parametrize("lose", [deleted, another_directory, database_deleted, database_replaced], ids=name_of)
def test_what_was_lost_under_a_running_store_is_in_a_backup_when_it_closes(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    store = running(data)
    lose(data)
    store.close()
    assert store.rescued is not None and store.rescued.parent == tmp_path
    restore_backup(store.rescued, tmp_path / "new")
    store, recovered = open_at(tmp_path / "new", WALL + 10)
    assert (recovered.node, recovered.streams) == (NODE, {A: 1})
    store.close()


@pytest.mark.parametrize("others", [False, True])
def test_what_was_rescued_is_not_forgotten_by_the_next_start(tmp_path: Path, others: bool) -> None:
    data = tmp_path / "data"
    store = running(data)
    deleted(data)
    store.close()
    if others:
        data.mkdir()
        (data / "person.json").write_text("{}")
    with pytest.raises(DataLost, match="rescued") as refusal:
        open_at(data, WALL + 10, name=OTHER)
    assert refusal.value.backup == store.rescued is not None
    restore_backup(store.rescued, data, force=refusal.value.in_the_way)
    store, recovered = open_at(data, WALL + 10, name=OTHER)
    assert recovered.node == NODE
    store.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_log_that_was_deleted_under_a_running_store_is_begun_anew_and_nothing_is_lost(
    tmp_path: Path, replaced: bool
) -> None:
    data = tmp_path / "data"
    store = running(data)
    (data / "node.db-wal").unlink()
    if replaced:
        (data / "node.db-wal").write_bytes(os.urandom(10_000))
    with pytest.raises(StoreDisplaced):
        store.commit([activity(A, 2)])
    store.check()
    store.commit([activity(A, 2), activity(A, 3)])
    shutil.copytree(data, tmp_path / "killed")
    store.close()
    store, recovered = open_at(tmp_path / "killed", WALL + 10)
    assert recovered.streams == {A: 3}
    store.close()


def test_a_lock_that_was_deleted_is_taken_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = running(data)
    (data / "lock").unlink()
    store.check()
    with pytest.raises(DataDirectoryUnusable, match="in use"):
        open_at(data)
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes into any directory")
def test_a_directory_that_was_made_read_only_takes_nothing_until_it_is_writable(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = running(data)
    data.chmod(0o500)
    with pytest.raises(StoreDisplaced, match="may not be written"):
        store.commit([activity(A, 2)])
    data.chmod(0o700)
    store.commit([activity(A, 2)])
    store.close()
