"""The tables of the index: *parts*, each of the activities of a span of time, and what is known of all of them.

A part is dropped whole: when retention has dropped what was in it, and when an operator has removed something that was,
so that nothing of its words is left in the file. What is in no part is a *hole*, which is filled from its newest end.
A row's number is its activity's stamp and a number behind that: the newest are read first by going backwards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from core.fulltext.fts_query import labels_column, words_column
from core.query import Document
from core.wire.entries import COUNTER_MAX, EntryId, Stream

PART_MAX: Final = 50_000
"""Activities of one part: those that are looked through at once, and that are indexed anew when one is removed."""
END: Final = COUNTER_MAX + 1
"""No activity has this stamp."""
_BITS: Final = 10
"""So many bits tell activities with one stamp apart."""
_ROW_MAX: Final = 2**63 - 1
_STEPS_BETWEEN: Final = 100
"""Of SQLite's machine, between two looks at the time."""
_STREAMS_CACHED: Final = 10_000
_GONE: Final = 0
"""In the place of a stream: what was in the row is not kept any more. It stays taken: its words are still there."""

_Row = tuple[int, int, int, int | None]
"""Its number, that of the stream, the number in that, and the stamp if the row's number has another one."""

TABLES: Final = (
    "CREATE TABLE state (json TEXT NOT NULL)",
    """
    CREATE TABLE parts (no INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL,
        size INTEGER NOT NULL, dropped INTEGER NOT NULL, newest INTEGER NOT NULL)
    """,
    """
    CREATE TABLE streams (
        no INTEGER PRIMARY KEY, node TEXT NOT NULL, incarnation INTEGER NOT NULL, UNIQUE (node, incarnation))
    """,
)


class IndexPart(msgspec.Struct):
    """A part: the activities with stamps from `low` on and before `high`."""

    no: int
    low: int
    high: int
    size: int = 0
    """How many have been indexed."""
    dropped: int = 0
    """How many of those are not kept any more."""
    newest: int = 0
    """The largest row number; 0: none."""


class Indexed(NamedTuple):
    """An activity that the index names."""

    stamp: int
    id: EntryId


class Fresh(NamedTuple):
    """An activity that is to be indexed."""

    stamp: int
    id: EntryId
    document: Document


class Parts:
    """All of them. What changes them is within a transaction. Every method raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._streams: dict[Stream, int] = {}
        self._names: dict[int, Stream] = {}
        self.all: list[IndexPart] = []
        """In the order of time."""
        self.read_again()

    def read_again(self) -> None:
        """Read again what there is: a transaction was undone."""
        rows = self._connection.execute(
            "SELECT no, low, high, size, dropped, newest FROM parts ORDER BY low, high"
        ).fetchall()
        self.all = [IndexPart(*row) for row in rows]

    # --- where ----------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many activities are indexed and kept."""
        return sum(part.size - part.dropped for part in self.all)

    def at(self, stamp: int) -> IndexPart | None:
        """The part that an activity with a stamp belongs to; None in a hole."""
        return next((part for part in reversed(self.all) if part.low <= stamp < part.high), None)

    def below(self, stamp: int) -> tuple[IndexPart | None, int]:
        """What stands right before a stamp: a part, or None for a hole; and where that begins."""
        for part in reversed(self.all):
            if part.low < stamp <= part.high:
                return part, part.low
            if part.high < stamp:
                return None, part.high
        return None, 0

    @property
    def hole(self) -> tuple[int, int] | None:
        """The newest hole, by its beginning and end; None when there is none."""
        end = END
        for part in reversed(self.all):
            if part.high < end:
                return part.high, end
            end = part.low
        return (0, end) if end > 0 else None

    # --- making and dropping ----------------------------------------------------------------------------------------

    def make(self, low: int, high: int) -> IndexPart:
        """A new part, without anything in it yet."""
        (last,) = self._connection.execute("SELECT max(no) FROM parts").fetchone()
        part = IndexPart((last or 0) + 1, low, high)
        run = self._connection.execute
        run(f"CREATE TABLE places_{part.no} (row INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,"
            " stamp INTEGER)")  # fmt: skip
        run(f"CREATE VIRTUAL TABLE words_{part.no} USING fts5(words, labels, content = '', columnsize = 0,"
            " tokenize = 'ascii')")  # fmt: skip
        run("INSERT INTO parts VALUES (?, ?, ?, 0, 0, 0)", (part.no, low, high))
        self.all = sorted([*self.all, part], key=attrgetter("low", "high"))
        return part

    def keep(self, part: IndexPart) -> None:
        """What is said of a part has changed."""
        self._connection.execute(
            "UPDATE parts SET low = ?, high = ?, size = ?, dropped = ?, newest = ? WHERE no = ?",
            (part.low, part.high, part.size, part.dropped, part.newest, part.no),
        )

    def drop(self, part: IndexPart) -> None:
        """Drop a part with all its words: where it was is a hole. The newest one begins anew behind what was in it."""
        run = self._connection.execute
        run(f"DROP TABLE words_{part.no}")
        run(f"DROP TABLE places_{part.no}")
        run("DELETE FROM parts WHERE no = ?", (part.no,))
        self.all = [one for one in self.all if one.no != part.no]
        if part.high == END:
            self.make(self.behind(part), END)

    def behind(self, part: IndexPart) -> int:
        """A stamp behind all that is in a part."""
        return max(part.low, (part.newest >> _BITS) + 1)

    # --- what is in them --------------------------------------------------------------------------------------------

    def add(self, part: IndexPart, fresh: Iterable[Fresh]) -> None:
        """Index activities that stand in a part's span, or right before it; those that are there already once."""
        begin = part.low << _BITS
        places: list[_Row] = []
        texts: list[tuple[int, str, str]] = []
        once = {one.id: one for one in fresh}
        for one in sorted(once.values(), key=lambda one: (one.stamp, one.id)):
            stream, seq = self._number(one.id.stream), one.id.seq
            row = one.stamp << _BITS
            if places and row <= places[-1][0]:
                row = places[-1][0] + 1
            if begin <= row <= part.newest:
                # It comes late.
                self._write(part, places, texts)
                places, texts = [], []
                free = self._free_row(part, row, stream, seq)
                if free is None:
                    continue
                row = free
            places.append((row, stream, seq, None if row >> _BITS == one.stamp else one.stamp))
            texts.append((row, words_column(one.document.words), labels_column(one.document.labels)))
        self._write(part, places, texts)
        self.keep(part)

    def _write(self, part: IndexPart, places: Sequence[_Row], texts: Sequence[tuple[int, str, str]]) -> None:
        if places:
            run = self._connection.executemany
            run(f"INSERT INTO places_{part.no} VALUES (?, ?, ?, ?)", places)
            run(f"INSERT INTO words_{part.no} (rowid, words, labels) VALUES (?, ?, ?)", texts)
            part.size += len(places)
            part.newest = max(part.newest, places[-1][0])

    def _free_row(self, part: IndexPart, row: int, stream: int, seq: int) -> int | None:
        """A row for an activity that comes late; None if it is there already."""
        row = row >> _BITS << _BITS
        while True:
            there = self._connection.execute(
                f"SELECT row, stream, seq FROM places_{part.no} WHERE row >= ? AND row < ?", (row, row + (1 << _BITS))
            ).fetchall()
            if any(one[1:] == (stream, seq) for one in there):
                return None
            taken = {one[0] for one in there}
            free = next((number for number in range(row, row + (1 << _BITS)) if number not in taken), None)
            if free is not None:
                return free
            row += 1 << _BITS

    def find(
        self, part: IndexPart, match: str, below: int, lowest: int, most: int, is_over: Callable[[], bool]
    ) -> list[Indexed] | None:
        """Of the activities of a part those with words, at most so many, the newest first: their rows, and which they
        are. With stamps before `below`, and not before `lowest`. None when it was not through and `is_over` said so."""
        self._connection.set_progress_handler(is_over, _STEPS_BETWEEN)
        try:
            return self._find(part, match, below, lowest, most)
        except sqlite3.OperationalError:
            if is_over():
                return None
            raise
        finally:
            self._connection.set_progress_handler(None, 0)

    def _find(self, part: IndexPart, match: str, below: int, lowest: int, most: int) -> list[Indexed]:
        rows = self._connection.execute(
            f"SELECT row, stream, seq, stamp FROM words_{part.no} CROSS JOIN places_{part.no}"
            f" ON row = words_{part.no}.rowid"
            f" WHERE words_{part.no} MATCH ? AND words_{part.no}.rowid < ? AND words_{part.no}.rowid >= ?"
            f" AND stream != {_GONE}"
            f" ORDER BY words_{part.no}.rowid DESC LIMIT ?",
            (match, min(below << _BITS, _ROW_MAX), lowest << _BITS, most),
        ).fetchall()
        return [
            Indexed(row >> _BITS if stamp is None else stamp, EntryId(*self._name(stream), seq))
            for row, stream, seq, stamp in rows
        ]

    def of(self, part: IndexPart, since: int = 0, until: int = END) -> Iterator[Indexed]:
        """Activities of a part that are kept as far as the index knows, with stamps from one on and before another, the
        oldest first."""
        rows = self._connection.execute(
            f"SELECT row, stream, seq, stamp FROM places_{part.no}"
            f" WHERE row >= ? AND row < ? AND stream != {_GONE} ORDER BY row",
            (since << _BITS, min(until << _BITS, _ROW_MAX)),
        )
        try:
            for row, stream, seq, stamp in rows:
                yield Indexed(row >> _BITS if stamp is None else stamp, EntryId(*self._name(stream), seq))
        finally:
            rows.close()

    def forget(self, part: IndexPart, gone: Iterable[Indexed]) -> None:
        """Activities are not kept any more: they are not found from now on. Their words go with the part."""
        for one in gone:
            low = one.stamp << _BITS
            done = self._connection.execute(
                f"UPDATE places_{part.no} SET stream = {_GONE} WHERE row >= ? AND row < ? AND stream = ? AND seq = ?",
                (low, low + (1 << _BITS), self._number(one.id.stream), one.id.seq),
            )
            part.dropped += max(0, done.rowcount)
        self.keep(part)

    # --- streams ------------------------------------------------------------------------------------------------------

    def _number(self, stream: Stream) -> int:
        number = self._streams.get(stream)
        if number is None:
            run = self._connection.execute
            run("INSERT OR IGNORE INTO streams (node, incarnation) VALUES (?, ?)", stream)
            (number,) = run("SELECT no FROM streams WHERE node = ? AND incarnation = ?", stream).fetchone()
            self._remember(number, stream)
        return number

    def _name(self, number: int) -> Stream:
        stream = self._names.get(number)
        if stream is None:
            row = self._connection.execute("SELECT node, incarnation FROM streams WHERE no = ?", (number,)).fetchone()
            stream = Stream(*row)
            self._remember(number, stream)
        return stream

    def _remember(self, number: int, stream: Stream) -> None:
        if len(self._streams) >= _STREAMS_CACHED:
            self._streams.clear()
            self._names.clear()
        self._streams[stream] = number
        self._names[number] = stream
