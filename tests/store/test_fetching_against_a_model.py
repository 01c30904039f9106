"""Pages, of any size, against the plain definition of what somebody lacks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.store import MemoryStore, Retention, SqliteStore
from core.wire.entries import Entry, Kind, Stream, StreamMark
from core.wire.keepables import Keepable
from tests.store.making import WALL, account, activity, everything, open_at

STREAMS = (Stream("a", 1), Stream("a", 2), Stream("b", 1))
LENGTH = 12


def made(stream: Stream, seq: int) -> Entry:
    """The entry of an identity: every fourth an account, stamps increasing within a stream, equal across streams."""
    stamp = seq * (2 + stream.incarnation)
    return account(stream, seq, f"{stream}.{seq}", stamp) if seq % 4 == 0 else activity(stream, seq, stamp)


streams = st.sampled_from(STREAMS)
received = st.builds(made, streams, st.integers(1, LENGTH))
marks = st.builds(StreamMark, streams, st.integers(1, LENGTH))
commits = st.lists(st.lists(received | received | received | marks, max_size=12), max_size=5)
vectors = st.dictionaries(streams, st.integers(0, LENGTH + 2))
kinds = st.sampled_from([("activity", "account"), ("activity",), ("account",)])


class Model:
    def __init__(self) -> None:
        self.known: dict[Stream, set[int]] = {}
        self.there: dict[tuple[Stream, int], Entry] = {}

    def commit(self, records: list[Keepable]) -> None:
        for record in records:
            if isinstance(record, Entry):
                known = self.known.setdefault(record.id.stream, set())
                if record.id.seq not in known:
                    known.add(record.id.seq)
                    self.there[record.id.stream, record.id.seq] = record
            elif isinstance(record, StreamMark):
                self.known.setdefault(record.stream, set()).update(range(1, record.upto + 1))

    def activities(self) -> list[Entry]:
        return sorted(
            (entry for entry in self.there.values() if entry.kind == "activity"), key=lambda e: (e.stamp, e.id)
        )

    def trim(self, most: int) -> None:
        activities = self.activities()
        for entry in activities[: max(0, len(activities) - most)]:
            del self.there[entry.id.stream, entry.id.seq]

    def lacking(self, seen: dict[Stream, int], wanted: tuple[Kind, ...], newest: int | None) -> list[Entry]:
        lacking = [
            entry for (stream, seq), entry in self.there.items() if seq > seen.get(stream, 0) and entry.kind in wanted
        ]
        lacking.sort(key=lambda entry: (entry.stamp, entry.id))
        if newest is None:
            return lacking
        activities = [entry for entry in lacking if entry.kind == "activity"]
        dropped = {entry.id for entry in activities[: max(0, len(activities) - newest)]}
        return [entry for entry in lacking if entry.id not in dropped]

    def complete(self, seen: dict[Stream, int]) -> dict[Stream, int]:
        """How far somebody is complete who has `seen` and gets all that is here."""
        complete = dict(seen)
        for stream, known in self.known.items():
            while complete.get(stream, 0) + 1 in known:
                complete[stream] = complete.get(stream, 0) + 1
        return complete


@contextmanager
def opened(kind: str, retention: Retention) -> Iterator[SqliteStore | MemoryStore]:
    if kind == "memory":
        yield MemoryStore("n", retention=retention)
        return
    with tempfile.TemporaryDirectory() as directory:
        store, _ = open_at(Path(directory) / "data", retention=retention)
        try:
            yield store
        finally:
            store.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=60)
@given(
    done=commits,
    most=st.none() | st.integers(0, 10),
    seen=vectors,
    wanted=kinds,
    newest=st.none() | st.integers(0, 12),
    entries_max=st.integers(1, 8),
)
def test_pages_together_are_all_that_is_lacking_and_claim_nothing_else(
    kind: str,
    done: list[list[Keepable]],
    most: int | None,
    seen: dict[Stream, int],
    wanted: tuple[Kind, ...],
    newest: int | None,
    entries_max: int,
) -> None:
    model = Model()
    with opened(kind, Retention(activities=most)) as store:
        for records in done:
            store.commit(records)
            model.commit(records)
            if most is not None:
                store.trim(WALL)
                model.trim(most)
        pages, vector = everything(store, seen, kinds=wanted, newest=newest, entries_max=entries_max)

    lacking = model.lacking(seen, wanted, newest)
    complete = model.complete(seen)
    got: list[Entry] = []
    vector_so_far = dict(seen)
    for page in pages:
        assert len(page.entries) <= entries_max
        assert list(page.entries) == sorted(page.entries, key=lambda entry: (entry.stamp, entry.id))
        got += page.entries
        vector_so_far.update(page.upto)
        arrived = {entry.id for entry in got}
        for entry in lacking:
            if entry.id.seq <= vector_so_far.get(entry.id.stream, 0):
                assert entry.id in arrived, "claimed before it was sent"

    covered = [entry for entry in lacking if entry.id.seq <= complete.get(entry.id.stream, 0)]
    loose = [entry for entry in lacking if entry.id.seq > complete.get(entry.id.stream, 0)]
    assert {stream: upto for stream, upto in vector.items() if upto} == {
        stream: upto for stream, upto in complete.items() if upto
    }
    unique = list({entry.id: entry for entry in got}.values())
    got_covered = [entry for entry in unique if entry in covered]
    assert got_covered == covered, "in order, each once"
    assert len([entry for entry in got if entry in covered]) == len(covered)
    assert all(entry in loose for entry in unique if entry not in covered)
    if len(loose) <= entries_max:
        assert len(unique) == len(lacking)
