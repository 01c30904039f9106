"""The data directory: private, one process's at a time, and refused in words when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store import DataDirectoryInUse, DataDirectoryUnusable, StoreError, open_store
from tests.store.making import WALL, A, activity, ids, open_at


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_everything_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    data = tmp_path / "data"
    store, _ = open_at(data)
    store.commit([activity(A, 1)])
    store.backup(data / "backups", keep=3)
    found = sorted(path.name for path in data.iterdir())
    assert found == ["backups", "lock", "node.db", "node.db-shm", "node.db-wal", "node.identity", "node.witness"]
    for path in data.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert mode(data) == 0o700
    store.close()


def test_an_empty_directory_is_made_private(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    open_at(data)[0].close()
    assert mode(data) == 0o700


def test_files_that_became_readable_for_others_are_made_private_again(tmp_path: Path) -> None:
    open_at(tmp_path / "data")[0].close()
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "data" / "node.db").chmod(0o644)
    open_at(tmp_path / "data")[0].close()
    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "node.db") == 0o600


def test_a_directory_that_holds_other_things_is_not_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "somebody's").write_text("notes")
    tmp_path.chmod(0o755)
    open_at(tmp_path)[0].close()
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "node.db") == 0o600
    # Not at a later start either, when a database of ours lies among them.
    open_at(tmp_path)[0].close()
    assert mode(tmp_path) == 0o755


def test_a_data_directory_in_which_nothing_is_for_others_is_made_private_again(tmp_path: Path) -> None:
    open_at(tmp_path)[0].close()
    (tmp_path / "person.json").touch(mode=0o600)
    tmp_path.chmod(0o755)
    (tmp_path / "node.db").chmod(0o644)
    open_at(tmp_path)[0].close()
    assert mode(tmp_path) == 0o700


def test_a_shared_directory_is_not_closed_to_others(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    open_at(shared)[0].close()
    assert mode(shared) == 0o1777


def test_somebody_elses_directory_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o770)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    open_at(theirs)[0].close()
    assert mode(theirs) == 0o770


def test_a_second_opener_is_told_who_has_it(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    with pytest.raises(DataDirectoryInUse, match=f"in use by process {os.getpid()}") as refusal:
        open_at(tmp_path / "data")
    assert refusal.value.title == "The data directory is in use"
    assert str(refusal.value) == refusal.value.sentence
    store.commit([activity(A, 1)])
    store.close()
    store.close()
    open_at(tmp_path / "data")[0].close()


def test_another_process_is_refused_too(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    program = (
        "import sys; from pathlib import Path; from core.store import *\n"
        "try: open_store(Path(sys.argv[1]), node_id_factory=lambda: 'x', wall=0.0)\n"
        "except DataDirectoryInUse as error: print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "data")], capture_output=True, text=True, timeout=30, check=True
    )
    assert f"in use by process {os.getpid()}" in ended.stdout
    store.close()


def test_a_lock_file_that_was_left_behind_locks_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1\n")
    open_at(tmp_path)[0].close()


def test_a_failed_opening_leaves_the_directory_free(tmp_path: Path) -> None:
    def no_name() -> str:
        raise RuntimeError("no entropy")

    with pytest.raises(RuntimeError, match="no entropy"):
        open_store(tmp_path, node_id_factory=no_name, wall=WALL)
    store, recovered = open_at(tmp_path)
    assert recovered.node == "gezdgnbvgy3t"
    store.close()


@pytest.mark.parametrize("name", ["", "with.dot", "x" * 65])
def test_a_node_cannot_have_a_name_that_no_entry_could_carry(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a node id"):
        open_store(tmp_path, node_id_factory=lambda: name, wall=WALL)


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataDirectoryUnusable, match="Not a directory"):
            open_at(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "node.db").write_bytes(b"my novel, chapter one. " * 100)
    with pytest.raises(DataDirectoryUnusable, match="not a node's"):
        open_at(tmp_path)
    assert (tmp_path / "node.db").read_bytes() == b"my novel, chapter one. " * 100


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    before = (tmp_path / "node.db").read_bytes()
    with pytest.raises(DataDirectoryUnusable, match="choose another data directory"):
        open_at(tmp_path)
    assert (tmp_path / "node.db").read_bytes() == before


def test_a_damaged_database_of_which_nothing_is_left_is_refused_with_the_way_out(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    store.commit([activity(A, seq, size=500) for seq in range(1, 200)])
    store.close()
    for name in ("node.witness", "node.identity"):
        (tmp_path / name).unlink()
    content = bytearray((tmp_path / "node.db").read_bytes())
    content[200:] = b"\xff" * (len(content) - 200)
    (tmp_path / "node.db").write_bytes(content)
    with pytest.raises(StoreError, match="restore one of the backups"):
        open_at(tmp_path)


def test_a_database_file_without_content_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "node.db").touch()
    store, recovered = open_at(tmp_path)
    assert recovered.node == "gezdgnbvgy3t"
    assert ids(store) == []
    store.close()


def test_what_others_could_enter_and_read_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store, _ = open_at(data)
    backup = store.backup(data / "backups", keep=3)
    store.close()
    data.chmod(0o750)
    for path in (data / "node.db", backup):
        path.chmod(0o640)
    store, _ = open_at(data)
    directory, files = store.findings
    assert f"{data} (mode 0750)" in directory and "private now" in directory
    assert f"{data / 'node.db'} (mode 0640) and 1 more" in files
    store.close()
    assert (mode(data), mode(data / "node.db"), mode(backup)) == (0o700, 0o600, 0o600)
    store, _ = open_at(data)
    assert store.findings == ()
    store.close()


def test_a_directory_that_others_may_write_and_that_is_not_ours_to_close_is_told(tmp_path: Path) -> None:
    (tmp_path / "somebody's").write_text("notes")
    tmp_path.chmod(0o777)
    store, _ = open_at(tmp_path)
    (finding,) = store.findings
    assert "others may write" in finding and "chmod go-w" in finding
    store.close()


def test_a_mode_that_keeps_even_its_owner_out_is_left_as_it_was_meant(tmp_path: Path) -> None:
    data = tmp_path / "data"
    open_at(data)[0].close()
    data.chmod(0o500)
    if os.geteuid() == 0:
        open_at(data)[0].close()
    else:
        with pytest.raises(DataDirectoryUnusable, match=r"denied|readonly"):
            open_at(data)
    assert mode(data) == 0o500
    data.chmod(0o700)


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_something_else_in_the_locks_place_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    open_at(tmp_path)[0].close()
    (tmp_path / "lock").unlink()
    if kind == "pipe":
        os.mkfifo(tmp_path / "lock")
    else:
        (tmp_path / "lock").mkdir()
    with pytest.raises(DataDirectoryUnusable, match=kind) as refusal:
        open_at(tmp_path)
    assert str(tmp_path / "lock") in refusal.value.sentence


@pytest.mark.parametrize("name", ["node.identity", "node.witness"])
def test_what_stands_in_the_way_in_a_data_directory_is_named(tmp_path: Path, name: str) -> None:
    open_at(tmp_path)[0].close()
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(DataDirectoryUnusable) as refusal:
        open_at(tmp_path)
    assert str(tmp_path / name) in refusal.value.sentence
    assert "away" in refusal.value.sentence
