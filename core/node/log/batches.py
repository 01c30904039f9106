"""Batches: what each event has brought is kept as one, whole or not at all, in the order in which it came.

After one that failed all later ones fail, until the store says that the disk has recovered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from core.node.interface.actions import Persist
from core.node.kernel.context import Context
from core.node.log.record_numbers import RecordNumbers
from core.node.log.removed import RemovedActivities
from core.node.log.taken import AnyTaken, Sealed, TakenAgain, TakenHere, sealed_in
from core.node.log.unpersisted import Unpersisted
from core.wire.entries import Stream
from core.wire.keepables import Keepable
from core.wire.records import LogRecord


class _InFlight:
    """A batch that is being committed."""

    __slots__ = ("batch", "keepables", "taken")

    def __init__(self, batch: int, keepables: tuple[Keepable, ...], taken: list[AnyTaken]) -> None:
        self.batch = batch
        self.keepables = keepables
        self.taken = taken


class Batches:
    """What waits for the disk."""

    def __init__(
        self, context: Context, own_stream: Stream, starts: Sequence[tuple[int, int]], removed: RemovedActivities
    ) -> None:
        """`starts`: see `RecordNumbers`."""
        self._context = context
        self._own_stream = own_stream
        self._batch = 0
        self._keepables: list[Keepable] = []
        self._taken: list[AnyTaken] = []
        self._in_flight: deque[_InFlight] = deque()
        self.unpersisted = Unpersisted(own_stream, removed)
        self.record_numbers = RecordNumbers(context.id, starts)

    @property
    def are_done(self) -> bool:
        """Whether nothing waits."""
        return not (self._in_flight or self._keepables)

    @property
    def waiting(self) -> Iterator[AnyTaken]:
        """What was taken in and is not durable yet, in order."""
        return chain.from_iterable((*(flight.taken for flight in self._in_flight), self._taken))

    def keep(self, *keepables: Keepable) -> None:
        """Have something kept."""
        self._keepables += keepables

    def took(self, taken: AnyTaken) -> None:
        """When all is kept for which `keep` was called in this event, this is durable."""
        self._taken.append(taken)

    def flush(self) -> None:
        """Ask for what the event in hand brought to be made durable, as one batch."""
        if not self._keepables:
            return
        self._batch += 1
        keepables = tuple(self._keepables)
        self._context.actions.append(Persist(self._batch, keepables))
        self._in_flight.append(_InFlight(self._batch, keepables, self._taken))
        self._keepables = []
        self._taken = []

    def committed(self, batch: int, records: Iterable[LogRecord], arrived: int) -> list[AnyTaken]:
        """The batch and those before it are durable, and kept as these records, the last of which has this number: what
        is to be spread."""
        self.record_numbers.number = max(arrived, self.record_numbers.number)
        here: list[TakenHere] = []
        durable: list[AnyTaken] = []
        while self._in_flight and self._in_flight[0].batch <= batch:
            flight = self._in_flight.popleft()
            self.unpersisted.kept(flight.keepables)
            for taken in flight.taken:
                if isinstance(taken, TakenHere):
                    here.append(taken)
                else:
                    durable.append(taken)
        # What was accepted here comes last: nothing that came before it was durable waits for it.
        durable.extend(sealed_in(here, [one for one in records if one.stream == self._own_stream]))
        return durable

    def next_failed(self, batch: int) -> Sequence[AnyTaken] | None:
        """The batch was not kept, nor those before it: what was taken in with the next of them; None: with no more."""
        if not self._in_flight or self._in_flight[0].batch > batch:
            return None
        flight = self._in_flight.popleft()
        self.unpersisted.remember(flight.keepables)
        return flight.taken

    @property
    def have_own(self) -> bool:
        """Whether something of this start waits, or anything that the event in hand has brought."""
        in_flight = (taken for flight in self._in_flight for taken in flight.taken)
        return bool(self._taken) or any(self.own_stamp_of(taken) is not None for taken in in_flight)

    def own_stamp_of(self, taken: AnyTaken) -> int | None:
        """The stamp of the first entry of this start that is in it."""
        if isinstance(taken, TakenHere | Sealed):
            return taken.columns.stamps[0]
        if isinstance(taken, TakenAgain) and taken.entries[0].id.stream == self._own_stream:
            return taken.entries[0].stamp
        return None

    def storage_recovered(self) -> None:
        """The disk takes writes again: what it did not take before is to be kept now."""
        self._keepables[0:0] = self.unpersisted.to_be_kept()
