"""Entries as columns: the same entries, whichever form they were made of."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.wire.entries import COUNTER_MAX, Entry, EntryId, Kind
from core.wire.entry_columns import EntryColumns
from core.wire.idempotency import idempotency_fingerprint
from core.wire.records import decode, loose

KINDS: tuple[Kind, ...] = ("activity", "account")
ids = st.builds(EntryId, st.sampled_from(["ann", "bob"]), st.integers(1, 2), st.integers(1, 9))


@st.composite
def runs(draw: st.DrawFn) -> list[Entry]:
    """Entries that follow each other in one stream."""
    first = draw(st.integers(1, 5))
    return [
        Entry(
            EntryId("ann", 1, number),
            draw(st.sampled_from(KINDS)),
            draw(st.integers(0, 99)),
            b'{"n":%d}' % number,
            draw(st.sampled_from(["", "ann", "bob"])),
            draw(st.none() | ids),
            draw(st.none() | st.sampled_from(["r-1", "r-2", "\ud800"])),
            draw(st.none() | st.integers(0, 9)),
        )
        for number in range(first, first + draw(st.integers(1, 6)))
    ]


def taken_from(entries: list[Entry], numbers: set[int]) -> list[Entry]:
    return [entry for entry in entries if entry.id.seq in numbers]


@given(runs(), st.sets(st.integers(1, 11)))
def test_columns_hold_the_entries_that_they_are_made_of_all_or_some(entries: list[Entry], numbers: set[int]) -> None:
    made = EntryColumns.of(entries)
    bare = made.dated_by(1).dated_by(-1)
    for columns in (made, bare):
        assert columns.entries == tuple(entries)
        assert columns.has_accounts == any(entry.kind == "account" for entry in entries)
        assert columns.spans == ((entries[0].id.seq, entries[-1].id.seq),)
        without = columns.without(numbers)
        assert list(without.entries) == [entry for entry in entries if entry.id.seq not in numbers]
        assert list(columns.only(without.spans).entries) == list(without.entries)


@given(runs(), st.integers(1, 5))
def test_what_is_cut_apart_and_joined_again_is_the_same(entries: list[Entry], size: int) -> None:
    for whole in (EntryColumns.of(entries), EntryColumns.of(entries).dated_by(1).dated_by(-1)):
        numbers = whole.numbers
        parts = [
            whole.between(numbers[at], numbers[min(at + size, len(numbers)) - 1]) for at in range(0, len(numbers), size)
        ]
        assert [entry for part in parts for entry in part.entries] == entries
        joined = EntryColumns.joined(parts)
        assert joined.entries == tuple(entries) and joined.spans == whole.spans
        assert list(joined.fingerprints) == list(whole.fingerprints)
        assert joined.last_id == entries[-1].id


@given(runs())
def test_each_activity_with_a_ref_has_the_fingerprint_that_it_has_by_itself(entries: list[Entry]) -> None:
    expected = [
        idempotency_fingerprint(entry.sender, entry.ref, entry.body)
        if entry.ref is not None and entry.kind == "activity"
        else None
        for entry in entries
    ]
    made = EntryColumns.of(entries)
    assert list(made.dated_by(1).fingerprints) == expected
    assert list(made.fingerprints) == expected
    assert list(made.at(range(1, len(entries))).fingerprints) == expected[1:]


def test_what_is_dated_otherwise_stays_within_the_stamps_that_there_are() -> None:
    entries = [Entry(EntryId("ann", 1, 1), "activity", 5, b"{}"), Entry(EntryId("ann", 1, 2), "activity", 9, b"{}")]
    columns = EntryColumns.of(entries)
    assert columns.dated_by(0) is columns
    assert columns.dated_by(-6).stamps == [0, 3]
    assert columns.dated_by(COUNTER_MAX - 7).stamps == [COUNTER_MAX - 2, COUNTER_MAX]
    assert [entry.stamp for entry in columns.dated_by(-6).entries] == [0, 3]


def test_a_record_that_was_read_has_the_columns_of_the_one_that_was_made() -> None:
    entries = [
        Entry(EntryId("ann", 1, 1), "activity", 5, b'{"a":1}', "ann", EntryId("bob", 2, 3), "r-1", 4),
        Entry(EntryId("ann", 1, 2), "account", 6, b'{"b":1}'),
        Entry(EntryId("ann", 1, 3), "activity", 7, b'{"c":1}', "ann", EntryId("ann", 1, 1), "r-2"),
    ]
    (record,) = loose(entries)
    read = decode(record.line)
    assert read.entries == record.entries == tuple(entries)
    left = decode(read.without([2]).line)
    assert left.columns.numbers == [1, 3] and left.spans == ((1, 1), (3, 3))
    assert left.entries == (entries[0], entries[2])
    assert left.dated_by(10).entries == tuple(
        msgspec.structs.replace(entry, stamp=entry.stamp + 10) for entry in left.entries
    )
