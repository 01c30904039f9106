"""What has been taken in, as it waits to be durable and to be spread: by itself, in a record, or accepted here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from core.wire.entries import COUNTER_MAX, Entry
from core.wire.entry_columns import EntryColumns
from core.wire.records import LogRecord


class Taken(NamedTuple):
    """What has come by itself."""

    entry: Entry
    source: int | None


class TakenHere(NamedTuple):
    """What was accepted here at once."""

    columns: EntryColumns
    source: int | None
    then: Callable[[str | None], None] | None = None


class Sealed(NamedTuple):
    """What was accepted here and is kept as one record, or by itself if it is in none."""

    columns: EntryColumns
    record: LogRecord | None
    sources: Mapping[int, int]
    """The base links that some of it came over, by the numbers of the entries."""
    then: Mapping[int, Callable[[str | None], None]]
    """Who is told that it is durable, by the number up to which that matters."""


class TakenRecord(NamedTuple):
    """What was new of a record, in which it is passed on."""

    columns: EntryColumns
    source: int | None
    record: LogRecord
    is_past: bool
    """Whether it was asked for: what is live does not wait behind it."""

    @property
    def waits_its_turn(self) -> bool:
        """Whether pages of such are taken in as fast as the ones before are spread (`Intake`)."""
        return self.is_past and bool(self.record.signature)


class TakenAgain(NamedTuple):
    """What had been kept before, and damaged: it has been delivered. It is passed on once more: a neighbour may have
    asked for it meanwhile, because it is new or because its disk has damaged the same."""

    entries: tuple[Entry, ...]
    unheard: tuple[Entry, ...]
    """Those of which this start had not heard, because they were damaged before it."""
    source: int | None
    record: LogRecord | None
    """In which they came; None: singly."""


class KeptBeside(NamedTuple):
    """What is no entry, and was kept with them: who had it kept is told, with None, or with why it is not."""

    then: Callable[[str | None], None]


AnyTaken = KeptBeside | Taken | TakenHere | Sealed | TakenRecord | TakenAgain


def sealed_in(here: Iterable[TakenHere], records: Iterable[LogRecord]) -> Iterator[Sealed]:
    """What was accepted here, in order, by the signed records that have it; what is in none by itself."""
    left = deque(here)

    def cut_off(upto: int) -> Iterator[TakenHere]:
        """What is left up to a number; of a piece that goes on beyond it its beginning."""
        while left and left[0].columns.numbers[0] <= upto:
            taken = left.popleft()
            numbers = taken.columns.numbers
            if numbers[-1] > upto:
                left.appendleft(taken._replace(columns=taken.columns.between(upto + 1, numbers[-1])))
                taken = taken._replace(columns=taken.columns.between(numbers[0], upto), then=None)
            yield taken

    for record in sorted(records, key=_first):
        if record.signature:
            yield from map(_by_itself, cut_off(record.first - 1))
            pieces = [*cut_off(record.last)]
            if pieces:
                yield Sealed(_joined(record, pieces), record, *_concerned(pieces))
    yield from map(_by_itself, cut_off(COUNTER_MAX))


def _first(record: LogRecord) -> int:
    return record.first


def _by_itself(taken: TakenHere) -> Sealed:
    return Sealed(taken.columns, None, *_concerned([taken]))


def _joined(record: LogRecord, pieces: Sequence[TakenHere]) -> EntryColumns:
    """What was accepted here of a record: nearly always all that is in it."""
    columns = record.columns
    if len(columns) == sum([len(taken.columns) for taken in pieces]):
        return columns
    return columns.only(tuple(span for taken in pieces for span in taken.columns.spans))


def _concerned(
    pieces: Sequence[TakenHere],
) -> tuple[Mapping[int, int], Mapping[int, Callable[[str | None], None]]]:
    """The base links that entries came over, and who is told of them: see `Sealed`."""
    sources = {number: one.source for one in pieces if one.source is not None for number in one.columns.numbers}
    return sources, {one.columns.numbers[-1]: one.then for one in pieces if one.then is not None}
