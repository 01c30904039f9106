"""What follows behind the records is exact, wherever a process is killed and whenever a disk is full."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.simulation.environment.hash_signing import HashSigner
from core.store import Retention, SqliteStore, StoreUnreadable
from core.store.behind import BEHIND_ENTRIES_MAX
from core.store.contents import position
from core.store.stream_numbers import StreamNumbers
from core.store.time_index import LATEST, TimeIndex
from core.wire.entries import Fetch, Stream, StreamMark
from tests.store.making import WALL, A, B, account, activity, everything, ids, open_at

FOLLOWING = ("senders", "accounts", "account_changes", "refs", "runs", "behind")


def tables(data: Path) -> dict[str, list[Any]]:
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        found = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in FOLLOWING}
        # What is in one block, and in which order, is as it came.
        found["time_index"] = [*TimeIndex(connection, StreamNumbers(connection)).ascending(0, LATEST)]
        return found | {"time_index": [item for items in found["time_index"] for item in items]}


def upto(data: Path) -> tuple[int, int]:
    """Up to which record all has followed, and which is the last one."""
    with contextlib.closing(sqlite3.connect(data / "node.db")) as connection:
        return tuple(connection.execute("SELECT upto, (SELECT max(no) FROM records) FROM behind").fetchone())


def written(store: SqliteStore, *, follow: bool) -> None:
    """Some of everything, in several commits."""
    rng = random.Random(5)
    stamps = rng.sample(range(1, 2_000), 400)
    for number in range(20):
        store.commit(
            [
                *(
                    activity(
                        A, seq, stamps[seq], sender=rng.choice(["", "ann", "bob"]), ref=f"{seq}" if seq % 3 else None
                    )
                    for seq in range(number * 12 + 1, number * 12 + 12)
                ),
                account(B, number * 2 + 1, f"person {number}"),
                StreamMark(Stream("c", number), 7),
            ]
        )
        if follow:
            store.follow(idle=True)


DYING = """
import os, signal, sys
from pathlib import Path
from tests.store.making import open_at
from tests.store.test_following import written
store, _ = open_at(Path(sys.argv[1]))
written(store, follow=False)
if sys.argv[2] == "some":
    store._connection.execute("BEGIN IMMEDIATE")
    store._behind.write()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("followed", ["none", "some"])
def test_killed_between_the_synced_records_and_what_follows_a_start_goes_on_from_there(
    tmp_path: Path, followed: str
) -> None:
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path / "killed"), followed], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    behind, last = upto(tmp_path / "killed")
    assert behind == 0 < last, "nothing has followed yet"
    expected, _ = open_at(tmp_path / "in peace")
    written(expected, follow=True)
    store, recovered = open_at(tmp_path / "killed", WALL + 1)
    assert upto(tmp_path / "killed") == (last, last)
    assert store.usage() == expected.usage()
    assert store.activities_before(None, 300, 10**9) == expected.activities_before(None, 300, 10**9)
    assert everything(store)[1] == everything(expected)[1]
    assert (recovered.activities, len(recovered.accounts)) == (220, 20)
    store.close()
    expected.close()
    one, other = tables(tmp_path / "killed"), tables(tmp_path / "in peace")
    # Accounts are packed in other parts when they come at once.
    for table in ("accounts", "account_changes"):
        del one[table], other[table]
    assert one == other


def test_what_has_followed_is_counted_once_however_often_a_process_dies(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    written(store, follow=False)
    while store.follow(idle=True):
        pass
    usage = store.usage()
    for start in range(1, 4):
        # As a process that is killed: nothing is closed in order.
        store._connection.close()
        store._directory.release()
        store, recovered = open_at(tmp_path, WALL + start)
        assert (store.usage(), recovered.activities) == (usage, 220)
    store.close()


def test_a_disk_that_is_full_between_a_commit_and_what_follows_keeps_nobody_from_reading(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    written(store, follow=True)
    store.commit([activity(A, seq, 5_000 + seq, sender="new") for seq in range(300, 1800)])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    assert ids(store, {A: 299})[-1].seq == 1799, "what lies in records is read without what follows"
    with pytest.raises(StoreUnreadable, match="full"):
        store.activities_before(None, 3, 10**6)
    store._connection.execute("PRAGMA max_page_count = 1000000")
    newest = store.activities_before(None, 3, 10**6)
    assert [entry.id.seq for entry in newest] == [1797, 1798, 1799]
    assert store.usage().activities == 1720
    store.close()


def test_what_is_read_before_it_has_followed_is_as_if_it_had(tmp_path: Path) -> None:
    late, early = open_at(tmp_path / "late")[0], open_at(tmp_path / "early")[0]
    written(late, follow=False)
    written(early, follow=True)
    query = Fetch({}, ("activity",), newest=50)
    assert late.fetch(query) == early.fetch(query)
    place = position(early.activities_before(None, 10, 10**6)[0])
    late.commit([activity(A, 900, 900)])
    early.commit([activity(A, 900, 900)])
    assert late.activities_before(place, 20, 10**6) == early.activities_before(place, 20, 10**6)
    late.close()
    early.close()


def test_what_is_left_to_follow_has_a_bound_however_busy_a_store_is(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path)
    most = 0
    for begin in range(1, 4 * BEHIND_ENTRIES_MAX, 500):
        store.commit([activity(A, seq) for seq in range(begin, begin + 500)])
        store.follow(idle=False)
        most = max(most, store._behind.entries)
    assert most <= BEHIND_ENTRIES_MAX + 500
    begin = 4 * BEHIND_ENTRIES_MAX + 500
    store.commit([activity(A, seq) for seq in range(begin, begin + 3 * BEHIND_ENTRIES_MAX)])
    store.follow(idle=False)
    assert store._behind.entries <= BEHIND_ENTRIES_MAX, "however much came at once"
    store.close()


def test_entries_of_one_stamp_stand_in_the_order_of_their_identities_whatever_came_first(tmp_path: Path) -> None:
    store, _ = open_at(tmp_path, retention=Retention(activities=3))
    for stream in (Stream("c", 1), Stream("a", 2), Stream("b", 1), Stream("a", 1)):
        store.commit([activity(stream, seq, 77) for seq in (1, 2)])
    found = [str(entry.id) for entry in store.activities_before(None, 9, 10**6)]
    assert found == ["a.1.1", "a.1.2", "a.2.1", "a.2.2", "b.1.1", "b.1.2", "c.1.1", "c.1.2"]
    older = store.activities_before(position(store.activities_before(None, 3, 10**6)[0]), 2, 10**6)
    assert [str(entry.id) for entry in older] == ["a.2.2", "b.1.1"]
    while store.trim(WALL):
        pass
    assert sorted(str(one) for one in ids(store)) == ["b.1.2", "c.1.1", "c.1.2"]
    store.close()


def test_what_is_sealed_stays_sealed_when_others_of_its_record_have_gone(tmp_path: Path) -> None:
    store, recovered = open_at(tmp_path, retention=Retention(activities=2))
    store.signer = HashSigner(b"key")
    own = Stream(recovered.node, recovered.incarnation)
    first, second = (
        store.commit([activity(own, seq, seq, sender="ann") for seq in numbers])[0]
        for numbers in (range(1, 6), range(6, 7))
    )
    assert second.before == first.digest
    while store.trim(WALL):
        pass
    store.close()
    store, _ = open_at(tmp_path, WALL + 1)
    left, last = store.fetch_records(Fetch({})).records
    assert [entry.id.seq for entry in left.entries] == [5]
    assert (left.digest, left.signature) == (first.digest, first.signature)
    assert last == second
    store.close()
