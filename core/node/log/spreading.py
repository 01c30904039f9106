"""Spreading: what is durable here is passed on over the eager links, applied and delivered.

An account is applied; an activity is delivered to clients and base servers in its sender's order.

Nothing leaves the node before; only what others have accepted does, where this node's own disk takes no writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from core.node.kernel.context import Context
from core.node.log.awaited_entries import AwaitedEntries
from core.node.log.damaged_entries import DamagedEntries
from core.node.log.delivery import Delivery
from core.node.log.entry_messages import frame_of, frame_of_record, frames_of
from core.node.log.own_entries import OwnEntries
from core.node.log.removed import RemovedActivities
from core.node.log.taken import AnyTaken, KeptBeside, Sealed, Taken, TakenAgain, TakenRecord
from core.node.log.under_way import UnderWay, cost_of
from core.node.neighbours.neighbours import Neighbours, News
from core.wire.account_votes import counted
from core.wire.codec import Frame, Frames
from core.wire.entries import AccountFact, Entry, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import spans_of
from core.wire.records import LogRecord
from core.wire.version_vector import VersionVector

SPREAD_MAX: Final = 512
"""Entries that are spread in one event, about: a page of the past has thousands, which takes tens of milliseconds."""


class Spreading:
    """What is kept and has still to be spread, and where it goes. `apply_account` is called for each account, with the
    key of who has allowed it."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        own_stream: Stream,
        own: OwnEntries,
        vector: VersionVector,
        damaged: DamagedEntries,
        delivery: Delivery,
        removed: RemovedActivities,
        under_way: UnderWay,
        awaited: AwaitedEntries,
        activities: int,
        apply_account: Callable[[AccountFact, bytes | None], None],
    ) -> None:
        """`activities`: how many there are."""
        self._context = context
        self._neighbours = neighbours
        self._own_stream = own_stream
        self._own = own
        self._vector = vector
        self._damaged = damaged
        self._delivery = delivery
        self._removed = removed
        self._under_way = under_way
        self._awaited = awaited
        self._apply_account = apply_account
        self.activities = activities
        """How many there are, those that operators have removed since among them."""
        self._durable: deque[AnyTaken] = deque()
        self._durable_past: deque[AnyTaken] = deque()
        self.on_spread: Callable[[], None] = lambda: None
        """Told when all that is kept has been spread."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return not (self._durable or self._durable_past)

    @property
    def waiting(self) -> Iterable[AnyTaken]:
        """What is durable and has still to be spread, in order; without the past."""
        return self._durable

    # --- in pieces --------------------------------------------------------------------------------------------------

    def add(self, durable: Iterable[AnyTaken]) -> None:
        """These are durable."""
        for taken in durable:
            is_past = isinstance(taken, TakenRecord) and taken.is_past
            (self._durable_past if is_past else self._durable).append(taken)

    def spread_some(self) -> None:
        """Spread what is durable; of very much a part, and the rest once others have had their turn."""
        spread = 0
        while self._durable or self._durable_past:
            if spread >= SPREAD_MAX:
                if self._durable and self._durable_past:
                    # What is live goes first, and would fill every event where it never ends.
                    self._spread_one(self._durable_past.popleft())
                self._context.timers.set("spread", self._context.now.monotonic, self.spread_some)
                return
            spread += self._spread_next()
        self.on_spread()

    def spread_all(self) -> None:
        """Spread all that is durable."""
        while self._durable or self._durable_past:
            self._spread_next()

    def _spread_next(self) -> int:
        return self._spread_one((self._durable or self._durable_past).popleft())

    def _spread_one(self, taken: AnyTaken) -> int:
        if isinstance(taken, TakenAgain):
            self._damaged.kept(taken.entries)
            self._spread_again(taken)
            self._awaited.settled(taken.entries)
            return len(taken.entries)
        if isinstance(taken, TakenRecord):
            self._spread_record(taken)
            return len(taken.columns)
        if isinstance(taken, Taken):
            self._spread(taken)
            return 1
        if isinstance(taken, KeptBeside):
            taken.then(None)
            return 1
        assert isinstance(taken, Sealed), "what was accepted here is sealed when it is durable"
        self._spread_own(taken)
        return len(taken.columns)

    def not_kept(self, taken: AnyTaken, reason: str) -> None:
        """The disk has not taken what others have accepted: it is passed on all the same."""
        if isinstance(taken, TakenAgain):
            self._damaged.not_kept(taken.entries, self._own_stream)
            self._spread_again(taken)
            self._awaited.settled(taken.entries, reason)
        elif isinstance(taken, TakenRecord):
            self._spread_record(taken)
        elif isinstance(taken, Taken):
            self._spread(taken)
        elif isinstance(taken, KeptBeside):
            taken.then(reason)

    # --- one by one ---------------------------------------------------------------------------------------------------

    def _spread_own(self, taken: Sealed) -> None:
        columns, sources, told = taken.columns, taken.sources, taken.then
        for source in sources.values():
            self._under_way.spread(source, 1)
        frames = frames_of(columns)
        self._own.durable_upto = columns.numbers[-1]
        damaged = [entry.id.seq for entry in self._damaged.among(columns)]
        self._vector.add_spans(self._own_stream, columns.without(damaged).spans if damaged else columns.spans)
        self._pass_on(columns, frames, taken.record, None)
        if len(columns) == 1 or columns.has_accounts or sources or damaged:
            for entry, frame in self._delivery.each(columns, frames):
                self._deliver(entry, frame, sources.get(entry.id.seq))
                if entry.id.seq in told:
                    told[entry.id.seq](None)
            return
        self._deliver_all(columns, frames, None)
        for then in told.values():
            then(None)

    def _spread(self, taken: Taken) -> None:
        """Another's entry: it is passed on as it came."""
        entry = taken.entry
        if taken.source is not None:
            self._under_way.spread(taken.source, 1)
        frame = frame_of(entry)
        if not self._removed.has(entry):
            self._neighbours.pass_on(News(entry.id.stream, ((entry.id.seq, entry.id.seq),), (frame,)), taken.source)
        self._deliver(entry, frame, taken.source)

    def _spread_record(self, taken: TakenRecord) -> None:
        """The same of several, in the record that they came in."""
        columns = taken.columns
        if taken.source is not None:
            spread = self._under_way.spread_past if taken.waits_its_turn else self._under_way.spread
            spread(taken.source, cost_of(len(columns)))
        frames = frames_of(columns)
        self._pass_on(columns, frames, taken.record, taken.source)
        if len(columns) == 1 or columns.has_accounts:
            for entry, frame in self._delivery.each(columns, frames):
                self._deliver(entry, frame, taken.source)
            return
        self._deliver_all(columns, frames, taken.source)

    def _spread_again(self, taken: TakenAgain) -> None:
        """What was damaged is durable again, or waits for a disk that fails."""
        numbers = [entry.id.seq for entry in taken.entries]
        frames = tuple(map(frame_of, taken.entries))
        in_record = None if taken.record is None else frame_of_record(taken.record)
        news = News(taken.entries[0].id.stream, spans_of(numbers), frames, in_record)
        self._neighbours.pass_on(news, taken.source)
        for entry in taken.unheard:
            if entry.kind == "account":
                self.apply(entry)
            else:
                self.activities += 1

    def _pass_on(self, columns: EntryColumns, frames: Frames, record: LogRecord | None, source: int | None) -> None:
        """Pass entries on, but for what operators have removed."""
        gone = self._removed.among(columns)
        if gone:
            columns, record = columns.without(gone), record.without(gone) if record is not None else None
            frames = frames_of(columns)
        if columns:
            in_record = frame_of_record(record) if record is not None else None
            self._neighbours.pass_on(News(columns.stream, columns.spans, frames, in_record), source)

    def _deliver(self, entry: Entry, frame: Frame, source: int | None) -> None:
        self._awaited.settled((entry,))
        if entry.kind == "account":
            self._delivery.expect_no_more(entry.id)
            self.apply(entry)
            return
        self.activities += 1
        self._delivery.deliver(entry, frame, source)

    def _deliver_all(self, columns: EntryColumns, frames: Frames, source: int | None) -> None:
        """As `_deliver` for each of several activities."""
        self.activities += len(columns)
        self._delivery.deliver_all(columns, frames, source)
        self._awaited.are_durable(columns)

    def apply(self, entry: Entry) -> None:
        """An account's entry is here: it counts."""
        fact = msgspec.json.decode(entry.body, type=AccountFact)
        self._apply_account(counted(fact, entry.id.node), fact.vote.key if fact.vote is not None else None)
