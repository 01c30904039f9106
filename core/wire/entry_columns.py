"""Entries of one stream as columns: what is asked about all of them takes a few steps for all, and not for each.

A record of the past has a hundred entries. Each as an object, with its identity and its sender's previous one's, takes
longer than to check it. Of most of them nobody needs that: they are kept, counted and passed on as what they came in.
Databases lay out tables so: Copeland and Khoshafian, "A Decomposition Storage Model", 1985.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from core.wire.entries import COUNTER_MAX, Entry, EntryId, Kind, Stream
from core.wire.entry_runs import Spans, spans_of
from core.wire.idempotency import fingerprint_of, fingerprints_of, last_fingerprints

_entry_id: Final[Callable[[tuple[str, int, int]], EntryId]] = partial(tuple.__new__, EntryId)
"""As `EntryId` makes them, in half the time."""


class EntryColumns:
    """Entries of one stream in the order of their numbers, none of which ever changes."""

    __slots__ = (
        "_columns",
        "_entries",
        "_fingerprints",
        "_stream",
        "accounts",
        "bodies",
        "has_accounts",
        "numbers",
        "previous",
        "refs",
        "senders",
        "sinces",
        "stamps",
    )

    def __init__(
        self,
        stream: tuple[str, int],
        numbers: Sequence[int],
        accounts: Sequence[int],
        stamps: Sequence[int],
        bodies: Sequence[bytes],
        senders: Sequence[str],
        previous: Sequence[EntryId | int | None],
        refs: Sequence[str | None],
        sinces: Sequence[int | None],
    ) -> None:
        self._stream = stream
        self.numbers: Final = numbers
        """Ascending; a range where no number is left out."""
        self.accounts: Final = accounts
        """1 for what is an account, and 0 for an activity."""
        self.has_accounts: Final = 1 in accounts
        self.stamps: Final = stamps
        self.bodies: Final = bodies
        self.senders: Final = senders
        self.previous: Final = previous
        """A number where it is of this stream."""
        self.refs: Final = refs
        self.sinces: Final = sinces
        self._columns: tuple[Sequence[Any], ...] = (accounts, stamps, bodies, senders, previous, refs, sinces)
        self._entries: tuple[Entry, ...] | None = None
        self._fingerprints: Sequence[bytes | None] | None = None

    @staticmethod
    def of(entries: Sequence[Entry]) -> EntryColumns:
        """The columns of some entries, of which there is at least one; all are of one stream."""
        node, incarnation, first = entries[0].id
        numbers: Sequence[int] = [entry.id[2] for entry in entries]
        columns = EntryColumns(
            (node, incarnation),
            range(first, first + len(numbers)) if numbers[-1] - first == len(numbers) - 1 else numbers,
            [int(entry.kind == "account") for entry in entries],
            [entry.stamp for entry in entries],
            [entry.body for entry in entries],
            [entry.sender for entry in entries],
            [_within(entry.previous, node, incarnation) for entry in entries],
            [entry.ref for entry in entries],
            [entry.since for entry in entries],
        )
        columns._entries = tuple(entries)
        return columns

    @staticmethod
    def joined(parts: Sequence[EntryColumns]) -> EntryColumns:
        """Some of one stream, each of which goes on where the one before it ends, as one."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        columns = [[*chain.from_iterable(column)] for column in zip(*(part._columns for part in parts), strict=True)]
        found = EntryColumns(first._stream, range(first.numbers[0], parts[-1].numbers[-1] + 1), *columns)
        found._fingerprints = [*chain.from_iterable([part.fingerprints for part in parts])]
        return found

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def stream(self) -> Stream:
        return Stream(*self._stream)

    @property
    def last_id(self) -> EntryId:
        """The identity of the last one."""
        return _entry_id((*self._stream, self.numbers[-1]))

    @property
    def spans(self) -> Spans:
        """Their numbers as runs."""
        numbers = self.numbers
        if isinstance(numbers, range):
            return ((numbers[0], numbers[-1]),) if numbers else ()
        return spans_of(numbers)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Each by itself."""
        if self._entries is None:
            self._entries = tuple(self._made())
        return self._entries

    def _made(self) -> Iterator[Entry]:
        node, incarnation = self._stream
        for number, account, stamp, body, sender, previous, ref, since in zip(
            self.numbers, *self._columns, strict=True
        ):
            before = _entry_id((node, incarnation, previous)) if isinstance(previous, int) else previous
            kind: Kind = "account" if account else "activity"
            yield Entry(_entry_id((node, incarnation, number)), kind, stamp, body, sender, before, ref, since)

    @property
    def fingerprints(self) -> Sequence[bytes | None]:
        """What all copies of each activity have in common (`core.wire.idempotency`); None for what has no ref."""
        if self._fingerprints is None:
            self._fingerprints = self._printed()
        return self._fingerprints

    def know_fingerprints(self, known: Sequence[bytes | None]) -> None:
        """Some of the fingerprints are known already, of activities."""
        if all(one is None for one in known):
            return
        rows = zip(known, self.senders, self.refs, self.bodies, strict=True)
        self._fingerprints = [
            fingerprint_of(sender, ref, body) if one is None and ref is not None else one
            for one, sender, ref, body in rows
        ]

    def _printed(self) -> list[bytes | None]:
        if self._entries is None:
            found = fingerprints_of(self.senders, self.refs, self.bodies)
        else:
            # They came one by one, and whoever accepted them has asked for each.
            rows = zip(self.senders, self.refs, self.bodies, strict=True)
            named = iter(last_fingerprints([(sender, ref, body) for sender, ref, body in rows if ref is not None]))
            found = [next(named) if ref is not None else None for ref in self.refs]
        if self.has_accounts:
            found = [None if account else one for one, account in zip(found, self.accounts, strict=True)]
        return found

    # --- some of them -------------------------------------------------------------------------------------------------

    def between(self, first: int, last: int) -> EntryColumns:
        """Those with the numbers from one to another; there is each of these numbers."""
        if first == self.numbers[0] and last == self.numbers[-1]:
            return self
        begin = first - self.numbers[0]
        some = slice(begin, begin + last - first + 1)
        found = EntryColumns(self._stream, self.numbers[some], *(column[some] for column in self._columns))
        if self._entries is not None:
            found._entries = self._entries[some]
        if self._fingerprints is not None:
            found._fingerprints = self._fingerprints[some]
        return found

    def at(self, places: Sequence[int]) -> EntryColumns:
        """Those at some places in the columns, which ascend."""
        if len(places) == len(self):
            return self
        numbers = [self.numbers[place] for place in places]
        found = EntryColumns(self._stream, numbers, *([column[place] for place in places] for column in self._columns))
        if self._entries is not None:
            found._entries = tuple([self._entries[place] for place in places])
        if self._fingerprints is not None:
            found._fingerprints = [self._fingerprints[place] for place in places]
        return found

    def only(self, spans: Spans) -> EntryColumns:
        """Those whose numbers are in some spans."""
        wanted = {number for first, last in spans for number in range(first, last + 1)}
        return self.at([place for place, number in enumerate(self.numbers) if number in wanted])

    def without(self, numbers: Collection[int]) -> EntryColumns:
        """Those that have none of some numbers."""
        return self.at([place for place, number in enumerate(self.numbers) if number not in numbers])

    def dated_by(self, microseconds: int) -> EntryColumns:
        """The same, so much later, as far as there are such stamps."""
        if not microseconds:
            return self
        accounts, stamps, *columns = self._columns
        later = [min(max(0, stamp + microseconds), COUNTER_MAX) for stamp in stamps]
        return EntryColumns(self._stream, self.numbers, accounts, later, *columns)


def _within(previous: EntryId | None, node: str, incarnation: int) -> EntryId | int | None:
    if previous is not None and previous[1] == incarnation and previous[0] == node:
        return previous[2]
    return previous
