"""The names of activities: what came together is known, delivered and forgotten as if it had come one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.log import refs
from core.node.log.refs import NO_REFS, Refs
from core.wire.entries import Entry, EntryId
from core.wire.entry_columns import EntryColumns
from core.wire.idempotency import idempotency_fingerprint

A, B = ("a" * 20, 1), ("b" * 20, 2)
NAMES = st.sampled_from([None, *"pqrstuvw"])


def posted(stream: tuple[str, int], number: int, name: str | None) -> Entry:
    body = f'{{"content":"{name}"}}'.encode()
    return Entry(EntryId(*stream, number), "activity", 1_000 + number, body, "bob", None, name, None)


def run_of(stream: tuple[str, int], first: int, names: Sequence[str | None]) -> list[Entry]:
    return [posted(stream, number, name) for number, name in enumerate(names, first)]


def found(known: Refs, name: str) -> EntryId | None:
    one = posted(A, 0, name)
    return known.find("bob", name, idempotency_fingerprint("bob", name, one.body))


class OneByOne:
    """What must be true of names, in the plainest words."""

    def __init__(self) -> None:
        self.accepted: dict[str, list[EntryId]] = {}
        self.delivered: dict[str, EntryId] = {}

    def note(self, entry: Entry) -> None:
        if entry.ref is not None:
            self.accepted.setdefault(entry.ref, []).append(entry.id)

    def is_first(self, entry: Entry) -> bool:
        return entry.ref is None or self.delivered.setdefault(entry.ref, entry.id) == entry.id


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.lists(NAMES, min_size=1, max_size=6)), max_size=6), st.data())
def test_what_came_together_is_delivered_as_if_each_had_come_by_itself(
    runs: list[tuple[tuple[str, int], list[str | None]]], data: st.DataObject
) -> None:
    known, told = Refs(NO_REFS), OneByOne()
    waiting: list[list[Entry]] = []
    upto = {A: 0, B: 0}
    for stream, names in runs:
        entries = run_of(stream, upto[stream] + 1, names)
        upto[stream] += len(entries)
        known.note_all(EntryColumns.of(entries))
        for one in entries:
            told.note(one)
        waiting.append(entries)
        while data.draw(st.booleans()) and waiting:
            deliver(known, told, waiting, data)
    while waiting:
        deliver(known, told, waiting, data)
    for name, accepted in told.accepted.items():
        assert found(known, name) == accepted[0]


def deliver(known: Refs, told: OneByOne, waiting: list[list[Entry]], data: st.DataObject) -> None:
    """The oldest of a stream, as much of it as the store has made a record of."""
    streams = sorted({entries[0].id.stream for entries in waiting})
    stream = data.draw(st.sampled_from(streams))
    of_it = [one for entries in waiting for one in entries if one.id.stream == stream]
    count = data.draw(st.integers(1, len(of_it)))
    some = of_it[:count]
    waiting[:] = [left for entries in waiting if (left := [one for one in entries if one not in some])]
    expected = [one.id for one in some if told.is_first(one)]
    if count > 1:
        assert [one.id for one in known.first_delivered(EntryColumns.of(some)).entries] == expected
    else:
        assert known.is_first_delivered(some[0]) == bool(expected)


@given(st.lists(NAMES, min_size=2, max_size=8, unique=True), st.integers(0, 7))
def test_one_of_those_that_came_together_may_be_said_again_when_it_could_not_be_kept(
    names: list[str | None], which: int
) -> None:
    known = Refs(NO_REFS)
    entries = run_of(A, 1, names)
    known.note_all(EntryColumns.of(entries), looked_for=True)
    refused = entries[which % len(entries)]
    known.forget(refused)
    for one in entries:
        if one.ref is not None:
            assert found(known, one.ref) == (None if one is refused else one.id)
    again = posted(A, 100, refused.ref)
    known.note(again)
    assert known.is_first_delivered(again)
    assert [one for one in entries if one is not refused and not known.is_first_delivered(one)] == []


def by_itself(known: Refs, entries: Sequence[Entry]) -> None:
    for one in entries:
        known.note(one)


def together(known: Refs, entries: Sequence[Entry]) -> None:
    known.note_all(EntryColumns.of(entries))


@pytest.mark.parametrize("note", [by_itself, together])
@pytest.mark.parametrize("is_delivered", [False, True])
def test_the_last_names_are_known_and_not_many_more(
    note: Callable[[Refs, Sequence[Entry]], None], is_delivered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "REFS_MAX", 25)
    known = Refs(NO_REFS)
    entries = [
        run_of(A, first, [f"name {number}" for number in range(first, first + 10)]) for first in range(0, 90, 10)
    ]
    for run in entries:
        note(known, run)
        if is_delivered:
            known.first_delivered(EntryColumns.of(run))
    names = [one.ref for run in entries for one in run if one.ref is not None]
    assert [name for name in names[-25:] if found(known, name) is None] == []
    assert [name for name in names[:-35] if found(known, name) is not None] == []


@pytest.mark.parametrize("note", [by_itself, together])
def test_a_name_that_was_taken_back_and_given_again_is_known_as_long_as_another_one(
    note: Callable[[Refs, Sequence[Entry]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "REFS_MAX", 10)
    known = Refs(NO_REFS)
    first = run_of(A, 1, ["again", "beside it"])
    note(known, first)
    by_itself(known, run_of(A, 3, [f"before {number}" for number in range(7)]))
    known.forget(first[0])
    known.note(posted(A, 10, "again"))
    by_itself(known, run_of(A, 11, [f"behind {number}" for number in range(9)]))
    assert found(known, "again") == EntryId(*A, 10)
    assert found(known, "beside it") is None
    known.note(posted(A, 20, "one more"))
    assert found(known, "again") is None
    by_itself(known, run_of(A, 21, [f"later {number}" for number in range(20)]))
    assert [name for name in ("again", "beside it", "one more") if found(known, name) is not None] == []
