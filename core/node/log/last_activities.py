"""Each sender's newest activity, behind which the next one follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import lt
from typing import Final

from core.wire.entries import EntryId, Stream
from core.wire.entry_columns import EntryColumns

SENDERS_MAX: Final = 250_000
"""Senders of whom the newest activity is remembered, those that wrote last: somebody may make up a name for each. What
another one writes next follows nothing, which is long since delivered."""
LATER_MAX: Final = 2048
"""So many senders of activities that came together are looked at later, at once in some milliseconds: nobody asks
between two pages of the past, and most senders have written more than one activity of them."""
LATER_ACTIVITIES_MAX: Final = 16_384
"""And so many activities: their numbers and stamps are kept until then."""

_NEVER: Final = (0, None)


class LastActivities:
    """What each sender wrote last, of all that is known here."""

    def __init__(self, before: Mapping[str, EntryId]) -> None:
        """`before`: what was kept before this start."""
        self._before = before
        self._last: dict[str, tuple[int, EntryId]] = {}
        """Stamp and id of each user's who has written since the start."""
        self._later: dict[str, int] = {}
        """Of those whose newest one came together with others, and is not looked at yet: its place among those."""
        self._came: list[tuple[Stream, Sequence[int], Sequence[int]]] = []
        """What came so: the streams, numbers and stamps."""
        self._came_count = 0
        self._later_upto = -1
        """The largest stamp among those."""

    def of(self, sender: str) -> EntryId | None:
        """The newest activity of a user that is known here."""
        self._look_at_later()
        last = self._last.get(sender)
        return self._before.get(sender) if last is None else last[1]

    def note(self, sender: str, stamp: int, entry_id: EntryId) -> None:
        """Somebody has written something. Synchronisation brings older ones after newer ones."""
        last = self._last
        if sender and stamp > last.get(sender, _NEVER)[0]:
            last.pop(sender, None)
            last[sender] = (stamp, entry_id)
            if len(last) > SENDERS_MAX:
                del last[next(iter(last))]

    def note_all(self, columns: EntryColumns) -> None:
        """The same of several."""
        stream, numbers, stamps, senders = columns.stream, columns.numbers, columns.stamps, columns.senders
        if columns.has_accounts or stamps[0] <= self._later_upto or not all(map(lt, stamps, stamps[1:])):
            self._look_at_later()
            for number, stamp, sender, account in zip(numbers, stamps, senders, columns.accounts, strict=True):
                if not account:
                    self.note(sender, stamp, EntryId(*stream, number))
            return
        # As nearly all come in the order of their stamps, the last one of each sender is its newest.
        begin = self._came_count
        self._came_count += len(senders)
        self._later.update(zip(senders, range(begin, self._came_count), strict=True))
        self._came.append((stream, numbers, stamps))
        self._later_upto = stamps[-1]
        if len(self._later) > LATER_MAX or self._came_count > LATER_ACTIVITIES_MAX:
            self._look_at_later()

    def _look_at_later(self) -> None:
        if not self._later:
            return
        later, came = sorted(zip(self._later.values(), self._later, strict=True)), self._came
        self._later.clear()
        self._came = []
        self._came_count = 0
        self._later_upto = -1
        begin = end = 0
        some = iter(came)
        for place, sender in later:
            while place >= end:
                stream, numbers, stamps = next(some)
                begin, end = end, end + len(numbers)
            self.note(sender, stamps[place - begin], EntryId(*stream, numbers[place - begin]))

    def rename(self, before: str, after: str) -> None:
        """A user goes on under another name; so does the order of its activities."""
        last = self.of(before)
        if last is not None and self.of(after) is None:
            self._last[after] = self._last.get(before, (0, last))

    def take_back(self, sender: str, entry_id: EntryId, previous: EntryId | None) -> None:
        """An activity has never been; before it was `previous`."""
        self._look_at_later()
        stamp, last = self._last.get(sender, _NEVER)
        if last != entry_id:
            return
        if previous is None:
            del self._last[sender]
        else:
            self._last[sender] = (stamp, previous)
