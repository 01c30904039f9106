"""Entries that wait together: noted and forgotten as spans, known one by one."""

from __future__ import annotations

from core.node.log.pending_spans import PendingSpans
from core.wire.entries import EntryId, Stream

FAR, NEAR = Stream("far", 1), Stream("near", 2)


def test_numbers_are_there_from_when_their_spans_are_added_to_when_they_are_removed() -> None:
    pending = PendingSpans()
    assert not len(pending) and EntryId(*FAR, 1) not in pending and pending.lowest(FAR) is None
    pending.add(FAR, ((10, 12), (20, 20)))
    pending.add(FAR, ((13, 15),))
    pending.add(NEAR, ((1, 2),))
    assert len(pending) == 9
    assert [number for number in range(25) if EntryId(*FAR, number) in pending] == [10, 11, 12, 13, 14, 15, 20]
    assert (pending.lowest(FAR), pending.lowest(NEAR)) == (10, 1)
    pending.remove(FAR, ((10, 12), (20, 20)))
    assert sorted(pending) == [*(EntryId(*FAR, one) for one in (13, 14, 15)), *(EntryId(*NEAR, one) for one in (1, 2))]
    assert pending.lowest(FAR) == 13
    pending.remove(FAR, ((13, 15),))
    pending.remove(NEAR, ((1, 2),))
    assert not len(pending) and pending.lowest(FAR) is None


def test_what_was_added_may_be_removed_in_other_pieces() -> None:
    pending = PendingSpans()
    pending.add(FAR, ((1, 3),))
    pending.add(FAR, ((4, 9),))
    pending.remove(FAR, ((2, 5),))
    assert [entry_id.seq for entry_id in pending] == [1, 6, 7, 8, 9] and len(pending) == 5
    pending.remove(FAR, ((6, 6), (9, 9)))
    assert [entry_id.seq for entry_id in pending] == [1, 7, 8] and pending.lowest(FAR) == 1
