"""What only the store without a disk does: losing what was not synced, and failing when told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store import BackupUnreadable, MemoryStore, StoreUnwritable
from core.wire.entries import PeerForgotten, PeerRecord, Stream, StreamMark
from core.wire.keepables import Keepable
from tests.store.making import WALL, A, B, account, activity, ids

streams = st.sampled_from([A, B, Stream("a", 2)])
records = st.one_of(
    st.builds(
        lambda stream, seq, sender: activity(stream, seq, sender=sender),
        streams,
        st.integers(1, 9),
        st.text(max_size=1),
    ),
    st.builds(lambda stream, seq: account(stream, seq, f"{stream}{seq}"), streams, st.integers(1, 9)),
    st.builds(StreamMark, streams, st.integers(1, 9)),
    st.builds(lambda peer, port: PeerRecord(peer, "h", port, "", 0.0), st.sampled_from("xy"), st.integers(1, 9)),
    st.builds(PeerForgotten, st.sampled_from("xy")),
)
writes = st.lists(st.lists(records, max_size=6), max_size=6)


@given(writes, writes, st.integers(0, 7))
def test_a_crash_leaves_what_was_synced_and_the_writes_that_reached_the_disk(
    synced: list[list[Keepable]], unsynced: list[list[Keepable]], keep: int
) -> None:
    crashed, expected = MemoryStore("n"), MemoryStore("n")
    for write in synced:
        crashed.commit(write)
        expected.commit(write)
    for write in unsynced:
        crashed.write(write)
    assert crashed.unsynced == len(unsynced)
    crashed.crash(keep)
    for write in unsynced[:keep]:
        expected.commit(write)
    assert ids(crashed) == ids(expected)
    assert crashed.start(WALL) == expected.start(WALL)


def test_what_is_written_is_visible_before_it_is_synced() -> None:
    store = MemoryStore("n")
    store.write([activity(A, 1)])
    assert len(ids(store)) == 1
    store.crash()
    assert ids(store) == []


def test_a_crash_after_the_sync_loses_nothing() -> None:
    store = MemoryStore("n")
    store.write([activity(A, 1)])
    store.sync()
    store.crash()
    assert len(ids(store)) == 1


def test_an_entry_lost_in_a_crash_is_taken_again() -> None:
    store = MemoryStore("n")
    store.write([activity(A, 1)])
    store.crash()
    store.commit([activity(A, 1)])
    assert len(ids(store)) == 1


def test_a_failing_disk_keeps_nothing_and_recovers() -> None:
    store = MemoryStore("n")
    store.failure = "the disk is full"
    for attempt in (
        lambda: store.commit([activity(A, 1)]),
        lambda: store.set_setting("name", "value"),
        lambda: store.trim(WALL),
        lambda: store.start(WALL),
        lambda: store.backup(Path("backups"), 3),
    ):
        with pytest.raises(StoreUnwritable, match="the disk is full"):
            attempt()
    assert ids(store) == []
    store.failure = None
    store.commit([activity(A, 1)])
    assert len(ids(store)) == 1


def test_a_backup_is_a_picture_of_its_moment() -> None:
    store = MemoryStore("n")
    store.start(WALL)
    store.set_setting("secret", "left out")
    store.set_setting("name", "kept", backed_up=True)
    store.commit([activity(A, 1)])
    path = store.backup(Path("backups"), keep=1)
    store.commit([activity(A, 2)])
    later = store.start(WALL + 10)
    restored = store.restored(path)
    recovered = restored.start(WALL + 20)
    assert recovered.node == later.node
    assert recovered.incarnation > later.incarnation
    assert recovered.streams == {A: 1}
    assert (restored.get_setting("secret"), restored.get_setting("name")) == (None, "kept")


def test_only_the_newest_backups_are_kept() -> None:
    store = MemoryStore("n")
    first = store.backup(Path("backups"), keep=2)
    for _ in range(2):
        store.backup(Path("backups"), keep=2)
    assert len(store.backups) == 2
    with pytest.raises(BackupUnreadable):
        store.restored(first)
