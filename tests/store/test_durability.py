"""Commits on a real disk: whole or not at all, through kill -9 and a disk that takes no more."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from core.store import StoreUnwritable
from core.wire.entries import EntryId, Fetch, Stream
from tests.store.making import WALL, A, B, account, activity, everything, ids, open_at

COMMITTER = """
import sys
from pathlib import Path
from core.wire.entries import Stream
from tests.store.making import activity, open_at
store, recovered = open_at(Path(sys.argv[1]), float(sys.argv[2]))
own = Stream(recovered.node, recovered.incarnation)
print("incarnation", recovered.incarnation, flush=True)
seq = 0
while True:
    store.commit([activity(own, seq + 1), activity(own, seq + 2), activity(own, seq + 3)])
    seq += 3
    print("committed", seq, flush=True)
"""


def test_a_killed_node_has_all_that_it_acknowledged_and_no_half_commit(tmp_path: Path) -> None:
    acknowledged: dict[int, int] = {}
    for start in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", COMMITTER, str(tmp_path / "data"), str(WALL + start)],
            stdout=subprocess.PIPE,
            text=True,
        ) as committer:
            assert committer.stdout is not None
            incarnation = int(committer.stdout.readline().split()[1])
            for _ in range(20 + 7 * start):
                committer.stdout.readline()
            os.kill(committer.pid, signal.SIGKILL)
            # Whole lines only: the last may have been cut.
            rest = [line for line in committer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
            acknowledged[incarnation] = (20 + 7 * start + len(rest)) * 3
    assert sorted(acknowledged) == list(acknowledged), "each start has a larger incarnation"
    store, recovered = open_at(tmp_path / "data", WALL + 10)
    assert recovered.beyond == {}
    for incarnation, least in acknowledged.items():
        numbers = [identity.seq for identity in ids(store) if identity.incarnation == incarnation]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert len(numbers) >= least
        assert len(numbers) % 3 == 0
    assert recovered.activities == len(ids(store))
    store.close()


def test_a_full_disk_keeps_nothing_of_a_commit_and_the_store_goes_on(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    store.commit([activity(A, 1)])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnwritable, match=r"full.*check the disk"):
        store.commit([activity(A, 2), activity(A, 3, size=100_000)])
    assert [identity.seq for identity in ids(store)] == [1]
    store.commit([activity(A, 2)])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.commit([activity(A, 3, size=100_000)])
    store.close()
    store, recovered = open_at(tmp_path)
    assert recovered.streams == {A: 3}
    assert [identity.seq for identity in ids(store)] == [1, 2, 3]
    store.close()


FILLER = """
import resource, sys
from pathlib import Path
from core.store import StoreUnwritable
from tests.store.making import A, activity, open_at
data = Path(sys.argv[1])
store, _ = open_at(data)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
kept = 0
try:
    while kept < 1000:
        store.commit([activity(A, kept + 1, size=10_000)])
        kept += 1
except StoreUnwritable:
    pass
try:
    store.set_setting("name", "x" * 200_000)
except StoreUnwritable:
    print("setting refused", flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
try:
    store.backup(data / "backups", 1)
except StoreUnwritable:
    print("backup refused")
print(*[path.name for path in (data / "backups").iterdir()], "left")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.commit([activity(A, kept + 1, size=10_000)])
print("kept", kept + 1, flush=True)
import contextlib
import os
os._exit(0)
"""


def test_when_the_system_refuses_writes_nothing_is_lost_and_later_commits_succeed(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FILLER, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    *before, last = ended.stdout.splitlines()
    assert before == ["setting refused", "backup refused", "left"]
    kept = int(last.removeprefix("kept "))
    assert 5 < kept < 1000
    store, recovered = open_at(tmp_path)
    assert recovered.streams == {A: kept}
    assert len(ids(store)) == kept
    store.close()


def test_what_cannot_be_kept_at_all_of_another_server_keeps_nothing_else_from_it(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    impossible = [
        activity(A, 2, stamp=2**70),
        msgspec.structs.replace(activity(A, 3), body=b"[1]"),
        activity(A, 4, sender="x" * 65),
        activity(A, 5, ref="x" * 65),
    ]
    store.commit([activity(A, 1), *impossible, activity(B, 1)])
    assert sorted(ids(store)) == [EntryId(*A, 1), EntryId(*B, 1)]
    store.close()
    store, recovered = open_at(tmp_path)
    assert (recovered.streams, recovered.activities) == ({A: 1, B: 1}, 2)
    store.close()


def test_a_carriage_return_between_values_becomes_a_blank(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    store.commit([msgspec.structs.replace(activity(A, 1), body=b'{"a":\r[1,\r\n2]}')])
    assert [entry.body for page in everything(store)[0] for entry in page.entries] == [b'{"a": [1,  2]}']
    store.close()


def test_what_cannot_be_kept_at_all_of_this_start_leaves_nothing_behind(tmp_path: Path) -> None:
    store, recovered = open_at(tmp_path)
    own = Stream(recovered.node, recovered.incarnation)
    with pytest.raises(ValueError, match="stamp"):
        store.commit([activity(A, 1), activity(own, 1), activity(own, 2, stamp=2**70)])
    assert ids(store) == []
    store.commit([activity(A, 1)])
    store.close()
    store, recovered = open_at(tmp_path)
    assert (recovered.streams, recovered.activities) == ({A: 1}, 1)
    store.close()


def test_gaps_that_have_closed_leave_nothing_on_disk(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    for seq in (9, 7, 5, 3, 1, 2, 4, 6, 8):
        store.commit([activity(A, seq)])
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "node.db")) as connection:
        assert connection.execute("SELECT first, last FROM runs").fetchall() == [(0, 9)]


def test_commits_go_on_while_a_backup_is_written(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path / "data")
    for begin in range(0, 20_000, 1000):
        store.commit([activity(A, begin + offset, size=300) for offset in range(1, 1001)])
    written: list[Path] = []
    backup = threading.Thread(target=lambda: written.append(store.backup(tmp_path / "backups", 3)))
    backup.start()
    during, seq = 0, 20_000
    while backup.is_alive():
        store.commit([activity(A, seq + 1), activity(A, seq + 2)])
        during, seq = during + 1, seq + 2
    backup.join(30)
    assert written and during > 1
    assert everything(store)[1] == {A: seq}
    store.close()


@pytest.mark.serial
def test_a_page_takes_no_longer_because_much_is_covered(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    for begin in range(0, 200_000, 10_000):
        store.commit([activity(A, begin + offset) for offset in range(1, 9_991)])
        store.commit([activity(A, begin + offset) for offset in range(9_991, 10_001)])
    store.commit([account(A, 200_001, "ann")])
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        page = store.fetch(Fetch({A: 199_991}))
        spent.append(time.perf_counter() - begun)
        assert len(page.entries) == 10
    assert min(spent) < 0.02
    store.close()
