"""Each sender's newest activity: the same whether others come singly, together, or in another order."""

from __future__ import annotations

import random

import pytest

from core.node.log import last_activities
from core.node.log.last_activities import LastActivities
from core.wire.entries import Entry, EntryId
from core.wire.entry_columns import EntryColumns

ANN = [EntryId("here", 1, number) for number in range(10)]


def columns(*said: tuple[str, int], first: int = 1, node: str = "far") -> EntryColumns:
    """What senders wrote at a server, each with a stamp."""
    return EntryColumns.of(
        [
            Entry(EntryId(node, 1, number), "activity", stamp, b"{}", sender)
            for number, (sender, stamp) in enumerate(said, first)
        ]
    )


def test_the_one_with_the_latest_stamp_is_a_senders_last_whatever_comes_later() -> None:
    last = LastActivities({"cid": ANN[9]})
    last.note("ann", 5, ANN[1])
    last.note_all(columns(("ann", 3), ("bob", 4), ("bob", 6)))
    assert (last.of("ann"), last.of("bob"), last.of("cid")) == (ANN[1], EntryId("far", 1, 3), ANN[9])
    last.note_all(columns(("ann", 7), ("bob", 2), first=4))
    last.note("ann", 6, ANN[2])
    assert (last.of("ann"), last.of("bob"), last.of("dan")) == (EntryId("far", 1, 4), EntryId("far", 1, 3), None)


@pytest.mark.parametrize("later_max", [0, 2, 1000])
def test_it_is_the_same_together_and_one_by_one(later_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_activities, "LATER_MAX", later_max)
    rng = random.Random(later_max)
    together, singly = LastActivities({}), LastActivities({})
    stamps = rng.sample(range(10_000), 300)
    for begin in range(0, 300, 10):
        some = stamps[begin : begin + 10]
        if rng.random() < 0.7:
            some.sort()
        batch = columns(*((rng.choice(["", "ann", "bob", "cid"]), one) for one in some), first=begin + 1)
        together.note_all(batch)
        for entry in batch.entries:
            singly.note(entry.sender, entry.stamp, entry.id)
        if rng.random() < 0.2:
            assert together.of("ann") == singly.of("ann")
    assert [together.of(one) for one in ("ann", "bob", "cid", "")] == [
        singly.of(one) for one in ("ann", "bob", "cid", "")
    ]
    assert together.of("") is None


def test_what_could_not_be_kept_has_never_been() -> None:
    last = LastActivities({})
    last.note_all(columns(("ann", 3)))
    last.note("ann", 5, ANN[1])
    last.take_back("ann", ANN[1], EntryId("far", 1, 1))
    assert last.of("ann") == EntryId("far", 1, 1)
    last.take_back("ann", ANN[1], None)
    assert last.of("ann") == EntryId("far", 1, 1), "it was not the last one any more"
    last.take_back("ann", EntryId("far", 1, 1), None)
    assert last.of("ann") is None


def test_who_goes_on_under_another_name_follows_what_it_wrote_before() -> None:
    last = LastActivities({"cid": ANN[9]})
    last.note_all(columns(("ann", 3)))
    last.rename("ann", "ann-2")
    last.rename("cid", "ann")
    last.rename("nobody", "dan")
    assert (last.of("ann-2"), last.of("ann"), last.of("dan")) == (EntryId("far", 1, 1), EntryId("far", 1, 1), None)
