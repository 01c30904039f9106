"""Backups: whole, verified, without secrets; and restored, refused, or interrupted at any step."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import (
    BackupDamaged,
    BackupForeign,
    BackupUnreadable,
    DataDirectoryInUse,
    DataExists,
    SchemaTooNew,
    StoreError,
    StoreUnwritable,
    restore_backup,
    seal,
)
from core.wire.entries import PeerRecord
from tests.store.making import WALL, A, account, activity, ids, open_at


def filled(path: Path) -> Path:
    """A node with a little of everything, and a backup of it."""
    store, _ = open_at(path)
    peer = PeerRecord("peer", "host", 3780, "name", 5.0)
    store.commit([activity(A, 1, sender="ann", ref="r"), account(A, 2, "ann"), activity(A, 4), peer])
    store.set_setting("network secret", "do not tell anybody")
    store.set_setting("greeting", "hello", backed_up=True)
    backup = store.backup(path / "backups", keep=3)
    store.close()
    return backup


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("node") / "data")


# --- writing ---


def test_a_backup_is_named_by_its_time_and_private(backup: Path) -> None:
    assert re.fullmatch(r"backup-\d{8}T\d{6}\.\d{3}Z\.db", backup.name)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_a_backup_holds_no_secret_not_even_a_trace_of_one(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    for secret in ("do not tell anybody", "nor this one"):
        store.set_setting("network secret", secret)
    assert b"nor this one" in b"".join(path.read_bytes() for path in tmp_path.glob("node.db*"))
    content = store.backup(tmp_path / "backups", keep=1).read_bytes()
    store.close()
    assert b"do not tell" not in content
    assert b"nor this one" not in content


def test_sqlites_own_tools_can_read_a_backup(backup: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(backup, tmp_path))
    connection = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
    assert connection.execute("SELECT sum(count) FROM records").fetchone() == (3,)
    connection.close()


def test_the_newest_backups_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    directory = tmp_path / "backups"
    directory.mkdir()
    for other in ("backup-mine.db", "before-schema-2-20200101T000000.000Z.db", "notes"):
        (directory / other).write_text("")
    written = [store.backup(directory, keep=2) for _ in range(4)]
    assert len(set(written)) == 4
    assert sorted(path for path in directory.iterdir() if "mine" not in path.name and path.suffix == ".db")[
        :2
    ] == sorted(written[2:])
    assert len(list(directory.iterdir())) == 5
    store.close()


def test_a_backup_survives_although_the_clock_says_that_it_is_the_oldest(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    early, late = (tmp_path / f"backup-{year}0101T000000.000Z.db" for year in (2098, 2099))
    for path in (early, late):
        store.backup(tmp_path / "elsewhere", keep=1).rename(path)
    written = store.backup(tmp_path, keep=2)
    assert written.exists()
    assert late.exists()
    assert not early.exists()
    store.close()


def test_the_backups_that_hold_most_are_kept_whatever_the_clock_said_when_they_were_written(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    future = [tmp_path / f"backup-{year}0101T000000.000Z.db" for year in (2097, 2098, 2099)]
    for path in future:
        store.backup(tmp_path / "elsewhere", keep=1).rename(path)
    written = []
    for number in range(1, 4):
        store.commit([activity(A, number)])
        written.append(store.backup(tmp_path, keep=3))
    store.close()
    assert sorted(path for path in tmp_path.iterdir() if path.suffix == ".db") == sorted(written)


def test_what_a_crash_left_of_a_backup_is_cleared_away(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    left, recent = tmp_path / ".backup-abc.tmp", tmp_path / ".backup-def.tmp"
    for path in (left, recent):
        path.write_text("half")
    os.utime(left, (1, 1))
    store.backup(tmp_path, keep=2)
    assert not left.exists()
    assert recent.exists()
    store.close()


def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable, match="no backup could be written"):
        store.backup(tmp_path / "file", keep=2)
    store.commit([activity(A, 1)])
    store.close()
    with pytest.raises(StoreUnwritable, match="closed"):
        store.backup(tmp_path / "backups", keep=2)


# --- restoring ---


def test_a_restored_node_is_the_same_with_everything_that_it_had(backup: Path, tmp_path: Path) -> None:
    assert restore_backup(backup, tmp_path / "new") is None
    original, expected = open_at(backup.parent.parent, WALL + 50, name=b"another!")
    store, recovered = open_at(tmp_path / "new", WALL + 50, name=b"another!")
    assert recovered.incarnation != expected.incarnation, "both were started at one moment"
    starts = (*expected.starts[:-1], (recovered.incarnation, expected.starts[-1][1]))
    assert recovered == msgspec.structs.replace(expected, incarnation=recovered.incarnation, starts=starts)
    assert recovered.node == "gezdgnbvgy3t"
    assert ids(store) == ids(original)
    assert (store.get_setting("greeting"), store.get_setting("network secret")) == ("hello", None)
    store.commit([activity(A, 3)])
    assert stat.S_IMODE((tmp_path / "new" / "node.db").stat().st_mode) == 0o600
    store.close()
    original.close()


def test_a_restored_node_takes_no_incarnation_that_was_used_after_the_backup(tmp_path: Path) -> None:
    data = tmp_path / "data"
    backup = filled(data)
    used = []
    for later in range(1, 4):
        store, recovered = open_at(data, WALL + later)
        used.append(recovered.incarnation)
        store.close()
    restore_backup(backup, tmp_path / "elsewhere")
    store, recovered = open_at(tmp_path / "elsewhere", WALL + 5)
    assert recovered.incarnation > max(used)
    store.close()


def test_data_that_is_replaced_still_says_which_incarnations_were_used(tmp_path: Path) -> None:
    data = tmp_path / "data"
    backup = filled(data)
    store, last = open_at(data, WALL + 1_000_000)
    store.close()
    restore_backup(backup, data, force=True)
    clock_set_back = WALL - 1_000_000
    store, recovered = open_at(data, clock_set_back)
    assert recovered.incarnation > last.incarnation
    store.close()


def test_existing_data_is_not_overwritten(backup: Path, tmp_path: Path) -> None:
    store, _ = open_at(tmp_path, name=b"another!")
    store.close()
    with pytest.raises(DataExists, match="holds data already"):
        restore_backup(backup, tmp_path)
    store, recovered = open_at(tmp_path)
    assert recovered.node == "mfxg65dimvzc"
    store.close()


def test_by_force_existing_data_is_moved_aside_whole(backup: Path, tmp_path: Path) -> None:
    data = crashed_node(tmp_path)
    aside = restore_backup(backup, data, force=True)
    assert aside is not None
    assert aside.parent == data
    store, recovered = open_at(data, WALL + 1)
    assert recovered.node == "gezdgnbvgy3t"
    store.close()
    store, recovered = open_at(aside, WALL + 1)
    assert recovered.node == "mfxg65dimvzc"
    assert recovered.activities == 50
    store.close()


def crashed_node(tmp_path: Path) -> Path:
    """Data as a crash leaves it: the last commits are in the write-ahead log only."""
    data, running = tmp_path / "data", tmp_path / "running"
    store, _ = open_at(running, name=b"another!")
    store.commit([activity(A, seq) for seq in range(1, 51)])
    data.mkdir()
    for name in ("node.db", "node.db-wal"):
        shutil.copy(running / name, data)
    store.close()
    assert (data / "node.db-wal").stat().st_size > 1000
    return data


def test_damaged_data_can_be_replaced_and_its_log_is_not_taken_for_the_new_datas(backup: Path, tmp_path: Path) -> None:
    data = crashed_node(tmp_path)
    log = (data / "node.db-wal").read_bytes()
    (data / "node.db").write_bytes(b"\0garbage" * 1000)
    aside = restore_backup(backup, data, force=True)
    assert aside is not None
    assert (aside / "node.db").read_bytes() == b"\0garbage" * 1000
    assert (aside / "node.db-wal").read_bytes() == log
    assert sorted(path.name for path in data.iterdir()) == sorted(["lock", "node.db", "node.witness", aside.name])
    store, recovered = open_at(data, WALL + 1)
    assert (recovered.node, recovered.activities) == ("gezdgnbvgy3t", 2)
    store.close()


def test_data_in_use_is_not_replaced_even_by_force(backup: Path, tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    with pytest.raises(DataDirectoryInUse):
        restore_backup(backup, tmp_path, force=True)
    store.close()


class Crash(BaseException):
    pass


@pytest.mark.parametrize("step", range(1, 12))
def test_an_interrupted_restoration_leaves_the_old_data_or_the_new(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    data = crashed_node(tmp_path)
    done = 0

    def dies_at_step(original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            nonlocal done
            done += 1
            if done == step:
                raise Crash
            return original(*arguments)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dies_at_step(Path.rename))
        patch.setattr(os, "fsync", dies_at_step(os.fsync))
        try:
            restore_backup(backup, data, force=True)
        except Crash:
            decided = (data / "node.db.restored").exists() or step > 3
        else:
            assert step > done, "it went through"
            decided = True
    store, recovered = open_at(data, WALL + 1)
    if decided:
        assert (recovered.node, recovered.activities) == ("gezdgnbvgy3t", 2)
        (aside,) = data.glob("replaced-*")
        old, past = open_at(aside, WALL + 1)
        assert (past.node, past.activities) == ("mfxg65dimvzc", 50)
        old.close()
    else:
        assert (recovered.node, recovered.activities) == ("mfxg65dimvzc", 50)
    store.close()
    assert not (data / "node.db.restored").exists()


# --- refusing ---


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_backup_with_any_byte_changed_is_refused(backup: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(backup.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    changed = tmp_path / "changed.db"
    changed.write_bytes(content)
    with pytest.raises(BackupDamaged):
        restore_backup(changed, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_backup_cut_short_anywhere_is_refused(backup: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = backup.read_bytes()
    cut = tmp_path / "cut.db"
    cut.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(BackupDamaged, match="not written to its end"):
        restore_backup(cut, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_backup_with_something_after_it_is_refused(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "longer.db").write_bytes(backup.read_bytes() + b"\n")
    with pytest.raises(BackupDamaged):
        restore_backup(tmp_path / "longer.db", tmp_path / "new")


def test_the_database_of_a_node_is_not_a_backup(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupDamaged):
        restore_backup(backup.parent.parent / "node.db", tmp_path / "new")


def test_other_files_are_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "recipes.db")
    connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 200)
    for name in ("recipes.db", "letter.txt"):
        with pytest.raises(BackupForeign, match="is not a backup"):
            restore_backup(tmp_path / name, tmp_path / "new")


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.db", tmp_path):
        with pytest.raises(BackupUnreadable, match=re.escape(str(path))):
            restore_backup(path, tmp_path / "new")


def resealed(backup: Path, target: Path, statement: str) -> Path:
    """A backup that was changed by somebody who knows how to seal one."""
    target.write_bytes(backup.read_bytes()[: -seal.TRAILER_BYTES])
    connection = sqlite3.connect(target, isolation_level=None)
    connection.execute(statement)
    connection.close()
    handle = os.open(target, os.O_RDWR)
    seal.seal(handle)
    os.close(handle)
    return target


def test_a_newer_versions_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    newer = resealed(backup, tmp_path / "newer.db", "PRAGMA user_version = 99")
    with pytest.raises(SchemaTooNew, match="newer version"):
        restore_backup(newer, tmp_path / "new")
    assert not (tmp_path / "new" / "node.db").exists()


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("PRAGMA application_id = 1", BackupForeign),
        ("DROP TABLE node", BackupDamaged),
        ("DELETE FROM node", BackupDamaged),
    ],
)
def test_a_sealed_file_must_still_be_a_nodes_data(
    backup: Path, tmp_path: Path, statement: str, error: type[StoreError]
) -> None:
    with pytest.raises(error):
        restore_backup(resealed(backup, tmp_path / "odd.db", statement), tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["lock"]
