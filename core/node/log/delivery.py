"""Delivery: each activity goes to this node's clients and base servers once, and in its sender's order.

An activity whose sender's previous one has not been delivered yet is *parked* until it has, or until `order_wait` is
over. Of copies of one activity the first is delivered.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterable
from itertools import chain, islice
from typing import Final

from core.node.interface.actions import Broadcast, BroadcastAll, KeepTime, RemoveEntries
from core.node.interface.events import TOO_SLOW
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.log.damaged_entries import DamagedEntries
from core.node.log.entry_messages import frame_of, frames_of
from core.node.log.pending_spans import PendingSpans
from core.node.log.refs import Refs
from core.node.log.removed import RemovedActivities
from core.wire.codec import Frame, Frames
from core.wire.entries import Entry, EntryId, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.version_vector import VersionVector

BACKLOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""Bytes of activities that wait for one client that catches up. They are sent all at once then, and who reads from a
network takes no more than that in time."""
CATCHING_UP_MAX: Final = 20_000
"""Activities that may wait for a client to have caught up; with more it is disconnected, and resumes from there."""


NEARLY: Final = 0.95
"""Of the time that something waits for what it follows, the part from which on it counts as over."""


class _Parked:
    __slots__ = ("entry", "frame", "source", "until")

    def __init__(self, entry: Entry, frame: Frame, source: int | None, until: float) -> None:
        self.entry = entry
        self.frame = frame
        self.source = source
        self.until = until


class Delivery:
    """What has been delivered of what this node has, what waits, and for what."""

    def __init__(
        self,
        context: Context,
        vector: VersionVector,
        damaged: DamagedEntries,
        refs: Refs,
        removed: RemovedActivities,
    ) -> None:
        self._context = context
        self._vector = vector
        self._damaged = damaged
        self._refs = refs
        self._removed = removed
        self._pending: dict[EntryId, None] = {}
        """What was accepted here by itself and has not been delivered yet, or is parked."""
        self._pending_spans = PendingSpans()
        """The same of what came in records."""
        self._parked_under: dict[Stream, dict[int, list[_Parked]]] = {}
        """By the number of the previous one in its stream."""
        self._parked: OrderedDict[EntryId, _Parked] = OrderedDict()
        self._parked_bytes = 0
        self.on_hand_out: list[Callable[[Entry, Frame], None]] = []
        """Told of each activity that goes to clients, and of its line."""
        self.on_hand_out_all: list[Callable[[EntryColumns, Frames], None]] = []
        """The same of several at once."""
        self.on_copy: list[Callable[[EntryId], None]] = []
        """Told of each activity that does not go to clients, because one with its name has."""
        self.on_handed_out: Callable[[Entry, Frame, int | None], None] = lambda entry, frame, source: None
        """Told of it when they have it, and of the connection that it came over."""
        self.is_anybody_told: Callable[[], bool] = lambda: False
        """Whether there is anybody whom that concerns."""

    # --- what waits ---------------------------------------------------------------------------------------------------

    def expect(self, entry_id: EntryId) -> None:
        """An entry was accepted: it is here, and has not been delivered."""
        self._pending[entry_id] = None

    def expect_all(self, columns: EntryColumns) -> None:
        """The same of several: `deliver_all` or `each` follows, of all of them or in parts."""
        self._pending_spans.add(columns.stream, columns.spans)

    def expect_no_more(self, entry_id: EntryId) -> None:
        """There is nothing to deliver: it was no activity, or could not be kept."""
        self._pending.pop(entry_id, None)

    def is_pending(self, entry_id: EntryId) -> bool:
        """Whether an entry is here but has not been delivered yet."""
        return entry_id in self._pending or entry_id in self._pending_spans

    def is_being_kept(self, entry_id: EntryId) -> bool:
        """Whether it has not been delivered because it is not durable yet."""
        return self.is_pending(entry_id) and entry_id not in self._parked

    @property
    def pending(self) -> Iterable[EntryId]:
        """Entries that are here but have not been delivered yet."""
        return chain(self._pending, self._pending_spans)

    @property
    def unsynced(self) -> int:
        """How many of them are not parked."""
        return len(self._pending) + len(self._pending_spans) - len(self._parked)

    @property
    def parked(self) -> int:
        """Activities that wait for their sender's previous one."""
        return len(self._parked)

    def parked_first(self, most: int) -> Iterable[Entry]:
        """The so many of them that came first."""
        return (parked.entry for parked in islice(self._parked.values(), most))

    # --- in order -----------------------------------------------------------------------------------------------------

    def deliver(self, entry: Entry, frame: Frame, source: int | None) -> None:
        """An activity is durable: deliver it, and what waited for it, or park it."""
        previous = entry.previous
        if previous is not None and not self._is_delivered(previous):
            self._park(_Parked(entry, frame, source, self._context.after(self._context.config.order_wait)), previous)
            return
        self._deliver(entry, frame, source)

    def deliver_all(self, columns: EntryColumns, frames: Frames, source: int | None) -> None:
        """Activities are durable: as `deliver` for each, in their order, at the cost of a few."""
        if self._is_waited_for(columns) or not self._follow(columns) or self._is_kept_back(columns):
            for entry, frame in self.each(columns, frames):
                self.deliver(entry, frame, source)
            return
        self._pending_spans.remove(columns.stream, columns.spans)
        first = self._refs.first_delivered(columns)
        if first is columns:
            self._hand_out_all(columns, frames, source)
            return
        if first:
            self._hand_out_all(first, frames_of(first), source)
        handed_out = {*first.numbers}
        for number in columns.numbers:
            if number not in handed_out:
                self._tell_of_copy(EntryId(*columns.stream, number))

    def each(self, columns: EntryColumns, frames: Frames) -> Iterable[tuple[Entry, Frame]]:
        """What was expected together, to be delivered one by one."""
        self._pending_spans.remove(columns.stream, columns.spans)
        entries = columns.entries
        for entry in entries:
            self._pending[entry.id] = None
        return zip(entries, frames, strict=True)

    def _is_kept_back(self, columns: EntryColumns) -> bool:
        """Whether operators keep some of these from people."""
        return bool(self._removed.among(columns)) or self._removed.hides_some_of(columns)

    def _is_waited_for(self, columns: EntryColumns) -> bool:
        """Whether something is parked until one of these is delivered."""
        waited_for = self._parked_under.get(columns.stream) if self._parked_under else None
        return waited_for is not None and not waited_for.keys().isdisjoint(columns.numbers)

    def _follow(self, columns: EntryColumns) -> bool:
        """Whether the sender's previous one of each of these has been delivered, or is among them before it."""
        stream, numbers = columns.stream, columns.numbers
        node, incarnation = stream
        begin = numbers[0]
        inside = numbers if isinstance(numbers, range) else frozenset(numbers)
        delivered_upto = min(self._vector.upto(stream), (self._pending_spans.lowest(stream) or begin) - 1)
        by_itself = self._numbers_by_itself(columns)
        for number, previous in zip(numbers, columns.previous, strict=True):
            if previous is None:
                continue
            if isinstance(previous, int):
                if begin <= previous < number and previous in inside:
                    continue
                if previous <= delivered_upto and previous not in by_itself:
                    continue
                previous = EntryId(node, incarnation, previous)
            if not self._is_delivered(previous):
                return False
        return True

    def _numbers_by_itself(self, columns: EntryColumns) -> Container[int]:
        """What waits by itself of the stream of some entries, and may be the previous one of some of them."""
        if not self._pending:
            return ()
        node, incarnation = columns.stream
        if len(self._pending) > len(columns):
            wanted = (EntryId(node, incarnation, one) for one in columns.previous if isinstance(one, int))
            return {one.seq for one in wanted if one in self._pending}
        return {one.seq for one in self._pending if one.stream == columns.stream}

    def wait_again(self, entry: Entry, ended: int) -> None:
        """What waited for its sender's previous activity when this node ended does so for the rest of its time.

        `ended`: when that was at the earliest, in hybrid logical time, in microseconds. How long the node was down
        since does not count: it has delivered nothing meanwhile, whatever the clock says now.
        """
        order_wait = self._context.config.order_wait
        waited = max(0.0, (ended - entry.stamp) / MICROSECONDS)
        # Hybrid logical time may go on a little more slowly than time.
        if entry.previous is not None and waited < order_wait * NEARLY and not self._is_delivered(entry.previous):
            self._pending[entry.id] = None
            self._park(_Parked(entry, frame_of(entry), None, self._context.after(order_wait - waited)), entry.previous)

    def _park(self, parked: _Parked, previous: EntryId) -> None:
        config = self._context.config
        self._parked[parked.entry.id] = parked
        self._parked_bytes += len(parked.entry.body)
        self._parked_under.setdefault(previous.stream, {}).setdefault(previous.seq, []).append(parked)
        if len(self._parked) == 1:
            self._context.timers.set("parked", parked.until, self._unpark_overdue)
        while len(self._parked) > config.parked_max or self._parked_bytes > config.parked_bytes_max:
            self._unpark_oldest()

    def _is_delivered(self, entry_id: EntryId) -> bool:
        return (entry_id in self._vector or entry_id in self._damaged) and not self.is_pending(entry_id)

    def _deliver(self, entry: Entry, frame: Frame, source: int | None) -> None:
        if not self._parked_under:
            self._deliver_it(entry, frame, source)
            return
        ready = deque([(entry, frame, source)])
        while ready:
            entry, frame, source = ready.popleft()
            self._deliver_it(entry, frame, source)
            for parked in self._waiting_for(entry.id):
                if self._parked.pop(parked.entry.id, None) is not None:
                    self._parked_bytes -= len(parked.entry.body)
                    ready.append((parked.entry, parked.frame, parked.source))

    def _waiting_for(self, entry_id: EntryId) -> Iterable[_Parked]:
        """What waits for one that is delivered now, and waits no more."""
        waited_for = self._parked_under.get(entry_id.stream)
        if waited_for is None:
            return ()
        waiting = waited_for.pop(entry_id.seq, ())
        if not waited_for:
            del self._parked_under[entry_id.stream]
        return waiting

    def never_comes(self, entry_id: EntryId) -> None:
        """An activity counts as received, and is not: what waits for it waits no more."""
        for parked in self._waiting_for(entry_id):
            if self._parked.pop(parked.entry.id, None) is not None:
                self._parked_bytes -= len(parked.entry.body)
                self._deliver(parked.entry, parked.frame, parked.source)

    def _deliver_it(self, entry: Entry, frame: Frame, source: int | None) -> None:
        self._pending.pop(entry.id, None)
        if self._removed.has(entry):
            # What came as a copy of one is kept.
            self._context.actions.append(RemoveEntries((entry.id,)))
            self._tell_of_copy(entry.id)
        elif self._removed.hides(entry):
            self._tell_of_copy(entry.id)
        elif self._refs.is_first_delivered(entry):
            self._hand_out(entry, frame, source)
        else:
            self._tell_of_copy(entry.id)

    def _tell_of_copy(self, entry_id: EntryId) -> None:
        for told in self.on_copy:
            told(entry_id)

    def _unpark_overdue(self) -> None:
        context = self._context
        now = context.now.monotonic
        # The next start is not to have them wait again.
        context.actions.append(KeepTime(context.clock.read(context.now.wall)))
        while self._parked:
            parked = next(iter(self._parked.values()))
            if parked.until > now:
                context.timers.set("parked", parked.until, self._unpark_overdue)
                return
            self._unpark_oldest()

    def _unpark_oldest(self) -> None:
        """What has waited longest goes on, behind those that are here of what it follows, however short they wait."""
        parked = self._first_before(next(iter(self._parked.values())))
        del self._parked[parked.entry.id]
        self._parked_bytes -= len(parked.entry.body)
        previous = parked.entry.previous
        if previous is not None:
            siblings = list(self._waiting_for(previous))
            if parked in siblings:
                siblings.remove(parked)
            if siblings:
                self._parked_under.setdefault(previous.stream, {})[previous.seq] = siblings
        self._deliver(parked.entry, parked.frame, parked.source)

    def _first_before(self, parked: _Parked) -> _Parked:
        """The first of the row of parked activities that this one ends: all go with it.

        Any one is the first of a circle, which only who lies makes.
        """
        row = {parked.entry.id}
        while (previous := parked.entry.previous) is not None and previous not in row and previous in self._parked:
            parked = self._parked[previous]
            row.add(previous)
        return parked

    # --- to whom ------------------------------------------------------------------------------------------------------

    def _hand_out_all(self, columns: EntryColumns, frames: Frames, source: int | None) -> None:
        context = self._context
        if context.connections.catching_up or self.is_anybody_told():
            for entry, frame in zip(columns.entries, frames, strict=True):
                self._hand_out(entry, frame, source)
            return
        context.actions.append(BroadcastAll(frames))
        context.handed_out += len(columns)
        for told in self.on_hand_out_all:
            told(columns, frames)

    def _hand_out(self, entry: Entry, frame: Frame, source: int | None) -> None:
        context = self._context
        context.actions.append(Broadcast(frame))
        context.handed_out += 1
        for told in self.on_hand_out:
            told(entry, frame)
        for session in list(context.connections.catching_up.values()):
            if session.backlog is not None and session.state is not ConnectionState.CLOSING:
                session.backlog[entry.id] = entry
                session.backlog_bytes += len(entry.body)
                if len(session.backlog) > CATCHING_UP_MAX or session.backlog_bytes > BACKLOG_BYTES_MAX:
                    context.close(session, f"{TOO_SLOW}: {len(session.backlog)} activities came while it caught up")
        self.on_handed_out(entry, frame, source)
