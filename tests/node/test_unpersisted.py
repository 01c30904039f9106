"""What a failing disk has not taken: how much is remembered, what of it is tried again, and who gets it meanwhile."""

from __future__ import annotations

import pytest

from core.node.log import unpersisted
from core.node.log.removed import RemovedActivities
from core.node.log.unpersisted import Unpersisted
from core.wire.entries import Entry, EntryId, Fetch, Page, PeerForgotten, PeerRecord, Stream, StreamMark
from core.wire.keepables import RemovedEntry
from core.wire.records import LogRecord, loose

OWN = Stream("own", 1)


def entry(seq: int, *, node: str = "far", stamp: int = 0) -> Entry:
    return Entry(EntryId(node, 1, seq), "activity", stamp or seq, b"{}")


@pytest.fixture
def removed() -> RemovedActivities:
    return RemovedActivities()


@pytest.fixture
def memory(removed: RemovedActivities) -> Unpersisted:
    return Unpersisted(OWN, removed)


def removes(memory: Unpersisted, removed: RemovedActivities, *gone: Entry) -> None:
    removed.become({one.id: one.stamp for one in gone}, frozenset())
    memory.forget(one.id for one in gone)


def test_what_operators_have_removed_stays_in_no_record_that_is_tried_again(
    memory: Unpersisted, removed: RemovedActivities
) -> None:
    first, second, third = (entry(number) for number in (1, 2, 3))
    [record] = loose([first, second, third])
    memory.remember([record])
    removes(memory, removed, second)
    kept, gone = memory.to_be_kept()
    assert isinstance(kept, LogRecord) and kept == record.without([2])
    assert [one.id for one in kept.entries] == [first.id, third.id]
    assert gone == RemovedEntry(second.id, second.stamp)
    [record_after], _ = memory.beyond({})
    assert record_after == kept, "nor is it passed on"


def test_what_was_removed_on_its_way_to_the_disk_is_not_tried_again(
    memory: Unpersisted, removed: RemovedActivities
) -> None:
    first, second = entry(1), entry(2)
    removes(memory, removed, second)
    memory.remember([*loose([first, second]), second])
    assert [one.id for one in memory.activities()] == [first.id]
    assert RemovedEntry(second.id, second.stamp) in memory.to_be_kept()


def test_of_this_servers_own_entries_nothing_is_left(memory: Unpersisted) -> None:
    memory.remember([entry(1, node="own"), entry(1)])
    assert list(memory.entry_ids) == [entry(1).id]


def test_entries_are_tried_again_until_the_disk_has_taken_them(memory: Unpersisted) -> None:
    memory.remember([entry(1), entry(2)])
    assert memory.to_be_kept() == [entry(1), entry(2)]
    assert memory.to_be_kept() == [entry(1), entry(2)]
    memory.kept([entry(1), StreamMark(OWN, 1)])
    assert memory.to_be_kept() == [entry(2)]


def test_of_what_is_no_entry_the_last_about_each_is_tried_once(memory: Unpersisted) -> None:
    far = Stream("far", 1)
    peers = [PeerRecord("far", "far.example", 3780, "f", at) for at in (1.0, 2.0)]
    memory.remember([StreamMark(far, 1), StreamMark(far, 9), *peers, PeerRecord("other", "o.example", 1, "o", 1.0)])
    memory.remember([PeerForgotten("other")])
    assert memory.to_be_kept() == [StreamMark(far, 9), peers[1], PeerForgotten("other")]
    assert memory.to_be_kept() == []


def test_of_too_many_the_oldest_are_let_go(memory: Unpersisted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpersisted, "UNPERSISTED_MAX", 2)
    memory.remember(entry(number) for number in range(1, 5))
    assert memory.to_be_kept() == [entry(3), entry(4)]


def test_whoever_reads_the_store_gets_what_it_lacks_in_its_place(memory: Unpersisted) -> None:
    stored, before, seen = entry(5, stamp=50), entry(6, stamp=40), entry(1, stamp=60)
    memory.remember([before, seen, entry(7, stamp=50)])
    page = Page((stored,), {}, more=False)
    assert memory.completed(page, Fetch({Stream("far", 1): 4})) == [before, stored, entry(7, stamp=50)]
    assert memory.completed(page, Fetch({}, kinds=("account",))) == [stored]


def test_while_the_disk_works_a_page_is_what_it_is(memory: Unpersisted) -> None:
    page = Page((entry(2), entry(1)), {}, more=False)
    assert memory.completed(page, Fetch({})) is page.entries
