"""Entries that somebody wants, in records as they lie: whole ones as they are, and few in memory at once."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from core.store.record_paging import wanted_record_page
from core.wire.entries import EntryId, Stream, Wanted
from core.wire.entry_runs import EntryRuns, ids_in, runs_of
from core.wire.records import LogRecord, loose
from tests.store.making import A, B, activity, open_at

MANY = 10_000_000


def records_of(*runs: tuple[Stream, int, int], size: int = 0) -> list[LogRecord]:
    return [
        record
        for stream, first, last in runs
        for record in loose([activity(stream, number, size=size) for number in range(first, last + 1)])
    ]


class Shelf:
    """Records in memory; counts what is read."""

    def __init__(self, records: Iterable[LogRecord]) -> None:
        self.all = list(records)
        self.read = 0

    def known_streams(self) -> list[Stream]:
        return [record.stream for record in self.all]

    def records(self, stream: Stream, first: int, last: int) -> Generator[LogRecord, None, None]:
        for record in self.all:
            if record.stream == stream and record.first <= last and record.last >= first:
                self.read += len(record.line)
                yield record


def all_pages(shelf: Shelf, runs: EntryRuns, bytes_max: int) -> list[LogRecord]:
    """Everything that is wanted, page by page."""
    found: list[LogRecord] = []
    while runs:
        page = wanted_record_page(shelf, Wanted(runs, bytes_max))
        assert page.records or not page.left
        found += page.records
        runs = page.left
    return found


def test_a_whole_record_that_is_wanted_is_what_was_written_and_is_not_taken_apart(tmp_path: Path) -> None:
    (written,) = records_of((B, 1, 100))
    store, _ = open_at(tmp_path)
    store.commit([written])
    page = store.fetch_records(Wanted({B: ((1, 100),)}, MANY))
    store.close()
    (record,) = page.records
    assert record.line == written.line
    assert record.read_out is None
    assert record.entries == written.entries


def test_of_a_record_what_is_not_wanted_is_left_out(tmp_path: Path) -> None:
    (written,) = records_of((B, 1, 100))
    store, _ = open_at(tmp_path)
    store.commit([written])
    page = store.fetch_records(Wanted({B: ((3, 5), (9, 9))}, MANY))
    store.close()
    (record,) = page.records
    assert [entry.id.seq for entry in record.entries] == [3, 4, 5, 9]
    assert record.digest == written.digest and not page.left


def test_a_record_of_which_a_page_wants_the_beginning_goes_into_the_next_page_as_it_lies() -> None:
    here = records_of((B, 1, 10), (B, 11, 20), (B, 21, 30), (B, 31, 40))
    page = wanted_record_page(Shelf(here), Wanted({B: ((1, 35),)}, MANY))
    assert page.records == tuple(here[:3]) and page.left == {B: ((31, 35),)}
    page = wanted_record_page(Shelf(here), Wanted({B: ((31, 40),)}, MANY))
    assert page.records == tuple(here[3:]) and not page.left


def test_a_record_of_which_only_the_beginning_is_wanted_is_cut_where_there_is_little_else() -> None:
    here = records_of((B, 1, 10), (B, 11, 20))
    (first, cut) = wanted_record_page(Shelf(here), Wanted({B: ((1, 15),)}, MANY)).records
    assert first == here[0] and cut.spans == ((11, 15),)


@pytest.mark.parametrize("seed", range(20))
def test_pages_together_are_what_is_wanted_and_here_each_once(seed: int) -> None:
    chance = random.Random(seed)
    here = records_of((A, 1, 40), (A, 41, 60), (B, 5, 30), size=30)
    wanted = {EntryId(*chance.choice((A, B)), chance.randrange(1, 70)) for _ in range(chance.randrange(1, 90))}
    kept = {entry.id for record in here for entry in record.entries}
    found = all_pages(Shelf(here), runs_of(wanted), chance.choice((1, 500, 3000, MANY)))
    ids = [entry.id for record in found for entry in record.entries]
    assert sorted(ids) == sorted(wanted & kept)


def test_the_oldest_come_first() -> None:
    here = [
        *loose([activity(A, number, 1000 + number) for number in range(1, 10)]),
        *loose([activity(B, number, number) for number in range(1, 10)]),
    ]
    page = wanted_record_page(Shelf(here), Wanted({A: ((1, 9),), B: ((1, 9),)}, 300))
    assert [record.stream for record in page.records] == [B]
    assert set(ids_in(page.left)) == {EntryId(*A, number) for number in range(1, 10)}


def test_no_more_is_read_for_a_page_than_some_pages_have() -> None:
    """A run of a thousand large bodies is a gigabyte."""
    large = [records_of((A, number, number), size=100_000) for number in range(1, 101)]
    shelf = Shelf(record for records in large for record in records)
    page = wanted_record_page(shelf, Wanted({A: ((1, 100),)}, 200_000))
    assert 0 < shelf.read < 10 * 200_000
    assert set(ids_in(page.left)) | {entry.id for record in page.records for entry in record.entries} == {
        EntryId(*A, number) for number in range(1, 101)
    }
