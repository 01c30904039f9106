"""Replication: entries are accepted, kept, passed on and delivered, each exactly once.

The way of an entry: accepted (from a client, or from a link) ─▶ persisted ─▶ committed ─▶ passed on over the eager
links and, if an account, applied, if an activity, delivered to clients and base servers in its sender's order.

Nothing leaves the node before it is durable here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

import msgspec

from core.node.interface.actions import Persist, RemoveEntries
from core.node.kernel.context import Context
from core.node.log.damaged_entries import DamagedEntries
from core.node.log.delivery import Delivery
from core.node.log.entry_messages import frame_of, frame_of_record, frames_of
from core.node.log.last_activities import LastActivities
from core.node.log.log_room import LogRoom
from core.node.log.record_numbers import RecordNumbers
from core.node.log.refs import Refs
from core.node.log.removed import RemovedActivities
from core.node.log.under_way import UnderWay, cost_of
from core.node.log.unpersisted import Unpersisted
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours, News
from core.wire.account_votes import counted
from core.wire.codec import Frame, Frames
from core.wire.entries import COUNTER_MAX, AccountFact, Entry, EntryId, Kind, Stream, StreamMark
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import EntryRuns, difference, intersection, runs_of, spans_of
from core.wire.keepables import Keepable, Proof, RemovedEntry
from core.wire.limits import REF_CHARACTERS_MAX
from core.wire.records import LogRecord
from core.wire.recovered import Recovered
from core.wire.version_vector import VersionVector

BEYOND_MAX: Final = 256
"""How many entries after gaps a client is told of when it logs in."""
SPREAD_MAX: Final = 512
"""Entries that are spread in one event, about: a page of the past has thousands, which takes tens of milliseconds."""
LOOKED_AT: Final = 64
"""Entries that wait, of each kind, which are looked at to find the oldest of this node's own."""


class _Taken(NamedTuple):
    """What has come by itself."""

    entry: Entry
    source: int | None


class _TakenHere(NamedTuple):
    """What was accepted here at once."""

    columns: EntryColumns
    source: int | None
    then: Callable[[str | None], None] | None = None


class _Sealed(NamedTuple):
    """What was accepted here and is kept as one record, or by itself if it is in none."""

    columns: EntryColumns
    record: LogRecord | None
    sources: Mapping[int, int]
    """The base links that some of it came over, by the numbers of the entries."""
    then: Mapping[int, Callable[[str | None], None]]
    """Who is told that it is durable, by the number up to which that matters."""


class _TakenRecord(NamedTuple):
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


class _TakenAgain(NamedTuple):
    """What had been kept before, and damaged: it has been delivered. It is passed on once more: a neighbour may have
    asked for it meanwhile, because it is new or because its disk has damaged the same."""

    entries: tuple[Entry, ...]
    unheard: tuple[Entry, ...]
    """Those of which this start had not heard, because they were damaged before it."""
    source: int | None
    record: LogRecord | None
    """In which they came; None: singly."""


_AnyTaken = _Taken | _TakenHere | _Sealed | _TakenRecord | _TakenAgain


class _InFlight:
    """A batch that is being committed."""

    __slots__ = ("batch", "keepables", "taken")

    def __init__(self, batch: int, keepables: tuple[Keepable, ...], taken: list[_AnyTaken]) -> None:
        self.batch = batch
        self.keepables = keepables
        self.taken = taken


class Replication:
    """The node's log of entries. `apply_account` is called for each account, once it is committed, with the key of who
    has allowed it."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        recovered: Recovered,
        apply_account: Callable[[AccountFact, bytes | None], None],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._apply_account = apply_account
        self.own_stream = Stream(context.id, context.incarnation)
        self.vector = VersionVector(recovered.streams, recovered.beyond)
        """What has been accepted here: a repetition is not accepted again."""
        self.damaged = DamagedEntries(self.vector, recovered.damaged)
        self.took_unsigned = False
        """Whether something has come singly in this start, whose server's key may not have been known yet."""
        self.unproved: dict[int, EntryRuns] = {}
        """By the connections of neighbours: what is here without its server's signature, and they are asked for."""
        self.room = LogRoom(context, topology, recovered, self.vector)
        self.under_way = UnderWay(context)
        self.activities = recovered.activities
        self._seq = 0
        self._kept_seq = 0
        """The last number of an own entry that is durable."""
        self._batch = 0
        self._keepables: list[Keepable] = []
        self._taken: list[_AnyTaken] = []
        self._in_flight: deque[_InFlight] = deque()
        self._durable: deque[_AnyTaken] = deque()
        self._durable_past: deque[_AnyTaken] = deque()
        """What is kept, and has still to be spread."""
        self.unpersisted = Unpersisted(self.own_stream)
        self.record_numbers = RecordNumbers(context.id, recovered.starts)
        self.on_spread: Callable[[], None] = lambda: None
        """Told when all that is kept has been spread."""
        self.refs = Refs(recovered.recent_refs)
        self.removed = RemovedActivities()
        self.delivery = Delivery(context, self.vector, self.damaged, self.refs, self.removed)
        self.last_activities = LastActivities(recovered.last_by_sender)
        self._failed: dict[EntryId, EntryId | None] = {}
        """Own activities that could not be kept, to the ones before them, as long as others may point at them."""
        self.behind_old_gaps: Callable[[], Iterable[tuple[Stream, int]]] = tuple
        """Streams of which nobody keeps what is missing at first, with the number up to which the rest is here."""
        self._waiting_for: dict[EntryId, list[Callable[[str | None], None]]] = {}
        for entry in recovered.disordered:
            self.delivery.wait_again(entry)

    # --- accepting --------------------------------------------------------------------------------------------------

    def originate(
        self,
        kind: Kind,
        body: bytes,
        *,
        sender: str = "",
        previous: EntryId | None = None,
        after: int = 0,
        ref: str | None = None,
        since: int | None = None,
        source: int | None = None,
        then: Callable[[str | None], None] | None = None,
    ) -> Entry:
        """Accept something new. `then` is called when it is durable (with None) or cannot be kept (with why).

        An activity to which its writer has given no `ref` has its identity for one: where nothing proves that, after a
        way through a base server, it is accepted again, and is known as a copy.

        `after` is a stamp that the entry's must be later than. `since`: when its writer sent it to another server, that
        may have accepted it. `source` is a base link that it came from.
        """
        self._seq += 1
        entry_id = EntryId(self._context.id, self._context.incarnation, self._seq)
        if ref is None and kind == "activity":
            ref = str(entry_id)[-REF_CHARACTERS_MAX:]
        entry = Entry(
            entry_id,
            kind,
            self._context.stamp(after),
            body,
            sender,
            previous,
            ref,
            since,
        )
        columns = EntryColumns.of((entry,))
        self._take_here(_TakenHere(columns, source, then), looked_for=False)
        if kind == "activity":
            self.last_activities.note(sender, entry.stamp, entry_id)
        return entry

    def originate_all(
        self,
        bodies: Sequence[bytes],
        *,
        sender: str,
        previous: EntryId | None,
        after: Sequence[int],
        refs: Sequence[str | None],
        fingerprints: Sequence[bytes | None],
        sinces: Sequence[int | None],
        then: Callable[[str | None], None],
    ) -> EntryColumns:
        """Accept activities of one sender, each of which follows the one before it: as `originate` would each.

        Of those that have a ref from their writer the `fingerprints` are known, and nothing here has one of them.
        """
        count = len(bodies)
        first = self._seq + 1
        numbers = range(first, first + count)
        self._seq += count
        own = self.own_stream
        stamps = self._context.stamps(after)
        if None in refs:
            named = zip(refs, numbers, strict=True)
            refs = [f"{own}.{number}"[-REF_CHARACTERS_MAX:] if ref is None else ref for ref, number in named]
        before: Sequence[EntryId | int | None] = [
            previous.seq if previous is not None and previous.stream == own else previous,
            *numbers[:-1],
        ]
        columns = EntryColumns(own, numbers, [0] * count, stamps, bodies, [sender] * count, before, refs, sinces)
        columns.know_fingerprints(fingerprints)
        self._take_here(_TakenHere(columns, None, then), looked_for=True)
        self.last_activities.note(sender, stamps[-1], columns.last_id)
        return columns

    def _take_here(self, taken: _TakenHere, *, looked_for: bool) -> None:
        columns = taken.columns
        self._keepables.append(columns)
        self.delivery.expect_all(columns)
        self.refs.note_all(columns, looked_for=looked_for)
        self._taken.append(taken)
        if taken.source is not None:
            self.under_way.took(taken.source, 1)

    def receive(self, entry: Entry, source: int | None) -> bool:
        """Accept an entry from a link; whether it was new."""
        if entry.id in self.damaged:
            self._take_again((entry,), None, source)
            return True
        if entry.id in self.vector or entry.id.stream == self.own_stream or not self.room.admits(entry, source):
            return False
        self.vector.add(entry.id)
        self._context.clock.observe(entry.stamp, self._context.now.wall)
        self.took_unsigned = self.took_unsigned or source is not None
        self._keepables.append(entry)
        self._take(_Taken(entry, source))
        return True

    def lacks(self, record: LogRecord) -> bool:
        """Whether a record has an entry that is new here."""
        if record.stream == self.own_stream:
            return bool(self.damaged.among(record.columns))
        if self.vector.has_up_to(record.stream, record.last):
            return False
        return bool(self.vector.lacking({record.stream: record.spans}))

    def lacks_proof(self, record: LogRecord) -> bool:
        """Whether a signed record proves something that is here, for which a neighbour was asked."""
        return any(intersection({record.stream: record.spans}, asked) for asked in self.unproved.values())

    def _take_proof(self, record: LogRecord) -> None:
        """A record that is believed has what is here without its signature. Nobody is handed that again; of an account
        it may say who has allowed it."""
        self._keepables.append(Proof(record))
        for entry in record.entries:
            if entry.kind == "account" and entry.id in self.vector:
                self._apply(entry)

    def receive_record(self, record: LogRecord, source: int | None, *, is_past: bool = False) -> int:
        """Accept the entries of a record from a link, which was asked for if it is of the past; how many of them were
        new. They are kept, and passed on, as the record that came.

        What was left out of it is not taken for gone: somebody else may have it.
        """
        stream, columns = record.stream, record.columns
        if self.unproved and record.signature and self.lacks_proof(record):
            self._take_proof(self.removed.pruned(record))
        again = self._take_damaged(record, source)
        if stream == self.own_stream or (again and not self.lacks(record)):
            return again
        if not self.room.admits_all(columns, source):
            return again
        spans = record.spans
        added = self.vector.add_spans(stream, spans)
        if not added:
            return again
        new = columns if added == spans else columns.only(added)
        self._context.clock.observe(max(new.stamps), self._context.now.wall)
        if not again:
            self._keepables.append(record)
        self._take_all(_TakenRecord(new, source, record, is_past))
        return len(new) + again

    def _take_damaged(self, record: LogRecord, source: int | None) -> int:
        """Take what was damaged and has come again in a record; how much of it. Of an own one nothing else is kept."""
        again = self.damaged.among(record.columns)
        if again:
            if record.stream == self.own_stream:
                record = record.without([one.id.seq for one in record.entries if one.id not in self.damaged])
            self._take_again(again, record, source)
        return len(again)

    def _take_again(self, entries: tuple[Entry, ...], record: LogRecord | None, source: int | None) -> None:
        """What was damaged has come again."""
        self._keepables.append(entries[0] if record is None else record)
        unheard = self.damaged.take(entries)
        for entry in unheard:
            if entry.kind == "activity":
                self.last_activities.note(entry.sender, entry.stamp, entry.id)
                self.refs.note_delivered(entry)
        self._taken.append(_TakenAgain(entries, unheard, source, record))

    def _spread_again(self, taken: _TakenAgain) -> None:
        """What was damaged is durable again, or waits for a disk that fails."""
        numbers = [entry.id.seq for entry in taken.entries]
        frames = tuple(map(frame_of, taken.entries))
        in_record = None if taken.record is None else frame_of_record(taken.record)
        news = News(taken.entries[0].id.stream, spans_of(numbers), frames, in_record)
        self._neighbours.pass_on(news, taken.source)
        for entry in taken.unheard:
            if entry.kind == "account":
                self._apply(entry)
            else:
                self.activities += 1

    def _take(self, taken: _Taken) -> None:
        entry = taken.entry
        self.delivery.expect(entry.id)
        if entry.kind == "activity":
            self.last_activities.note(entry.sender, entry.stamp, entry.id)
        self.refs.note(entry)
        self._taken.append(taken)
        if taken.source is not None:
            self.under_way.took(taken.source, 1)

    def _take_all(self, taken: _TakenRecord) -> None:
        columns = taken.columns
        self.delivery.expect_all(columns)
        self.last_activities.note_all(columns)
        self.refs.note_all(columns)
        self._taken.append(taken)
        if taken.source is not None:
            took = self.under_way.took_past if taken.waits_its_turn else self.under_way.took
            took(taken.source, cost_of(len(columns)))

    def _no_longer_under_way(self, taken: _Taken | _TakenRecord) -> None:
        """It has been spread, or came to nothing."""
        source = taken.source
        if source is None:
            return
        if isinstance(taken, _Taken):
            self.under_way.spread(source, 1)
            return
        spread = self.under_way.spread_past if taken.waits_its_turn else self.under_way.spread
        spread(source, cost_of(len(taken.columns)))

    def mark(self, stream: Stream, upto: int) -> bool:
        """Nothing of `stream` up to `upto` is missing here any more but what was damaged; whether that was news."""
        upto = self.damaged.before(stream, upto)
        if stream == self.own_stream or not self.vector.raise_to(stream, upto):
            return False
        self._keepables.append(StreamMark(stream, upto))
        return True

    def remove(self, entries: Mapping[EntryId, int], fingerprints: frozenset[bytes]) -> None:
        """Operators have removed these activities, each with its stamp; all that are removed are known to `removed`.

        What is here is dropped. What is not counts as received from now on.
        """
        here: list[EntryId] = []
        for entry_id, stamp in entries.items():
            if entry_id in self.damaged:
                self.damaged.never_comes(entry_id)
                self._keepables.append(RemovedEntry(entry_id, stamp))
            elif entry_id in self.vector or entry_id.stream == self.own_stream:
                here.append(entry_id)
            elif self.room.admits_stream(entry_id.stream, None):
                self.vector.add(entry_id)
                self._keepables.append(RemovedEntry(entry_id, stamp))
                self.delivery.never_comes(entry_id)
        self.unpersisted.forget(here)
        if here or fingerprints:
            self._context.actions.append(RemoveEntries(tuple(here), fingerprints))

    def wanted_again(self, damaged: EntryRuns) -> EntryRuns:
        """What of damaged entries has to come again: what operators have removed counts as received as before."""
        gone = self.removed.within(damaged)
        self._keepables += [RemovedEntry(entry_id, stamp) for entry_id, stamp in gone.items()]
        return difference(damaged, runs_of(gone)) if gone else damaged

    def keep(self, keepable: Keepable) -> None:
        """Have something kept that nothing waits for."""
        self._keepables.append(keepable)

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

    # --- durable, or not ----------------------------------------------------------------------------------------------

    def committed(self, batch: int, records: Sequence[LogRecord], arrived: int) -> None:
        """The batch and those before it are durable, and kept as these records, the last of which has this number."""
        self.record_numbers.number = max(arrived, self.record_numbers.number)
        here: list[_TakenHere] = []
        while self._in_flight and self._in_flight[0].batch <= batch:
            flight = self._in_flight.popleft()
            self.unpersisted.kept(flight.keepables)
            for taken in flight.taken:
                if isinstance(taken, _TakenHere):
                    here.append(taken)
                else:
                    is_past = isinstance(taken, _TakenRecord) and taken.is_past
                    (self._durable_past if is_past else self._durable).append(taken)
        # What was accepted here comes last: nothing that came before it was durable waits for it.
        self._durable.extend(sealed_in(here, [one for one in records if one.stream == self.own_stream]))
        self._spread_some()

    def _spread_some(self) -> None:
        """Spread what is durable; of very much a part, and the rest once others have had their turn."""
        spread = 0
        while self._durable or self._durable_past:
            if spread >= SPREAD_MAX:
                if self._durable and self._durable_past:
                    # What is live goes first, and would fill every event where it never ends.
                    self._spread_one(self._durable_past.popleft())
                self._context.timers.set("spread", self._context.now.monotonic, self._spread_some)
                return
            spread += self._spread_next()
        self.on_spread()

    def _spread_next(self) -> int:
        return self._spread_one((self._durable or self._durable_past).popleft())

    def _spread_one(self, taken: _AnyTaken) -> int:
        if isinstance(taken, _TakenAgain):
            self.damaged.kept(taken.entries)
            self._spread_again(taken)
            self._is_durable(taken.entries)
            return len(taken.entries)
        if isinstance(taken, _TakenRecord):
            self._spread_record(taken)
            return len(taken.columns)
        if isinstance(taken, _Taken):
            self._spread(taken)
            return 1
        assert isinstance(taken, _Sealed), "what was accepted here is sealed when it is durable"
        self._spread_own(taken)
        return len(taken.columns)

    def commit_failed(self, batch: int, reason: str) -> None:
        """The batch was not kept: what was to be accepted here is refused, what others have accepted is passed on."""
        while self._durable or self._durable_past:
            self._spread_next()
        while self._in_flight and self._in_flight[0].batch <= batch:
            flight = self._in_flight.popleft()
            self.unpersisted.remember(flight.keepables)
            for taken in flight.taken:
                if isinstance(taken, _TakenAgain):
                    self.damaged.not_kept(taken.entries, self.own_stream)
                    self._spread_again(taken)
                    self._is_durable(taken.entries, reason)
                elif isinstance(taken, _TakenRecord):
                    self._spread_record(taken)
                elif isinstance(taken, _TakenHere):
                    for entry, _ in self.delivery.each(taken.columns, frames_of(taken.columns)):
                        self._drop(entry, reason)
                    if taken.source is not None:
                        self.under_way.spread(taken.source, 1)
                    if taken.then is not None:
                        taken.then(reason)
                elif isinstance(taken, _Taken):
                    self._spread(taken)
        in_flight = [taken for flight in self._in_flight for taken in flight.taken]
        own_in_flight = any(self._own_stamp_of(taken) is not None for taken in in_flight)
        if not own_in_flight and not self._taken:
            self._seq = self._kept_seq
            self._failed.clear()

    def _drop(self, entry: Entry, reason: str) -> None:
        """An entry of this node could not be kept: it has never been."""
        self.delivery.expect_no_more(entry.id)
        previous = entry.previous
        while previous is not None and previous in self._failed:
            previous = self._failed[previous]
        self._failed[entry.id] = previous
        self.refs.forget(entry)
        self.last_activities.take_back(entry.sender, entry.id, previous)
        self._is_durable((entry,), reason)

    def storage_recovered(self) -> None:
        """The disk takes writes again: what it did not take before is to be kept now."""
        self._keepables[0:0] = self.unpersisted.to_be_kept()

    def oldest_own_waiting(self) -> int | None:
        """The stamp of the first activity accepted here that has not been handed out yet; None if all have.

        Those that came first are looked at, so many of them: the question is asked for each client that is lost.
        """
        under_way = chain.from_iterable((self._durable, *(flight.taken for flight in self._in_flight), self._taken))
        parked = self.delivery.parked_first(LOOKED_AT)
        stamps = (entry.stamp for entry in parked if entry.id.stream == self.own_stream)
        own = (self._own_stamp_of(taken) for taken in islice(under_way, LOOKED_AT))
        return min((stamp for stamp in chain(stamps, own) if stamp is not None), default=None)

    def _own_stamp_of(self, taken: _AnyTaken) -> int | None:
        """The stamp of the first entry of this start that is in it."""
        if isinstance(taken, _TakenHere | _Sealed):
            return taken.columns.stamps[0]
        if isinstance(taken, _TakenAgain) and taken.entries[0].id.stream == self.own_stream:
            return taken.entries[0].stamp
        return None

    def is_being_kept(self, entry_id: EntryId) -> bool:
        """Whether an entry was accepted and is not durable yet."""
        return self.delivery.is_being_kept(entry_id) or self.damaged.is_being_kept(entry_id)

    def when_durable(self, entry_id: EntryId, then: Callable[[str | None], None]) -> None:
        """Call `then` once an entry that is being kept is durable, at once if it is already, or with why it is not."""
        if self.is_being_kept(entry_id):
            self._waiting_for.setdefault(entry_id, []).append(then)
        else:
            then(None)

    # --- passing on ---------------------------------------------------------------------------------------------------

    def _spread_own(self, taken: _Sealed) -> None:
        columns, sources, told = taken.columns, taken.sources, taken.then
        for source in sources.values():
            self.under_way.spread(source, 1)
        frames = frames_of(columns)
        self._kept_seq = columns.numbers[-1]
        damaged = [entry.id.seq for entry in self.damaged.among(columns)]
        self.vector.add_spans(self.own_stream, columns.without(damaged).spans if damaged else columns.spans)
        self._pass_on(columns, frames, taken.record, None)
        if len(columns) == 1 or columns.has_accounts or sources or damaged:
            for entry, frame in self.delivery.each(columns, frames):
                self._deliver(entry, frame, sources.get(entry.id.seq))
                if entry.id.seq in told:
                    told[entry.id.seq](None)
            return
        self._deliver_all(columns, frames, None)
        for then in told.values():
            then(None)

    def _spread(self, taken: _Taken) -> None:
        """Another's entry: it is passed on as it came."""
        entry = taken.entry
        self._no_longer_under_way(taken)
        frame = frame_of(entry)
        if not self.removed.has(entry):
            self._neighbours.pass_on(News(entry.id.stream, ((entry.id.seq, entry.id.seq),), (frame,)), taken.source)
        self._deliver(entry, frame, taken.source)

    def _spread_record(self, taken: _TakenRecord) -> None:
        """The same of several, in the record that they came in."""
        columns = taken.columns
        self._no_longer_under_way(taken)
        frames = frames_of(columns)
        self._pass_on(columns, frames, taken.record, taken.source)
        if len(columns) == 1 or columns.has_accounts:
            for entry, frame in self.delivery.each(columns, frames):
                self._deliver(entry, frame, taken.source)
            return
        self._deliver_all(columns, frames, taken.source)

    def _pass_on(self, columns: EntryColumns, frames: Frames, record: LogRecord | None, source: int | None) -> None:
        """Pass entries on, but for what operators have removed."""
        gone = self.removed.among(columns)
        if gone:
            columns, record = columns.without(gone), record.without(gone) if record is not None else None
            frames = frames_of(columns)
        if columns:
            in_record = frame_of_record(record) if record is not None else None
            self._neighbours.pass_on(News(columns.stream, columns.spans, frames, in_record), source)

    def _deliver_all(self, columns: EntryColumns, frames: Frames, source: int | None) -> None:
        """As `_deliver` for each of several activities."""
        self.activities += len(columns)
        self.delivery.deliver_all(columns, frames, source)
        if len(self._waiting_for) > len(columns):
            self._is_durable(columns.entries)
        elif self._waiting_for:
            self._are_durable(columns)

    def _are_durable(self, columns: EntryColumns) -> None:
        """As `_is_durable`, where few are waited for."""
        stream, numbers = columns.stream, columns.numbers
        inside = numbers if isinstance(numbers, range) else frozenset(numbers)
        waited_for = [one for one in self._waiting_for if one.stream == stream and one.seq in inside]
        for entry_id in sorted(waited_for):
            for then in self._waiting_for.pop(entry_id, ()):
                then(None)

    def _is_durable(self, entries: Iterable[Entry], problem: str | None = None) -> None:
        """These are, or cannot be kept: whoever waits for that is told."""
        for entry in entries:
            for then in self._waiting_for.pop(entry.id, ()):
                then(problem)

    def _apply(self, entry: Entry) -> None:
        fact = msgspec.json.decode(entry.body, type=AccountFact)
        self._apply_account(counted(fact, entry.id.node), fact.vote.key if fact.vote is not None else None)

    def _deliver(self, entry: Entry, frame: Frame, source: int | None) -> None:
        self._is_durable((entry,))
        if entry.kind == "account":
            self.delivery.expect_no_more(entry.id)
            self._apply(entry)
            return
        self.activities += 1
        self.delivery.deliver(entry, frame, source)

    # --- what others ask ----------------------------------------------------------------------------------------------

    @property
    def unsynced(self) -> int:
        """Entries that are accepted here and have not been delivered yet, but for those that are parked."""
        return self.delivery.unsynced

    @property
    def parked(self) -> int:
        """Activities that wait for their sender's previous one."""
        return self.delivery.parked

    @property
    def busy(self) -> bool:
        """Whether something accepted is not durable yet."""
        return bool(self._in_flight or self._durable or self._durable_past or self._keepables)

    def durable_vector(self) -> dict[Stream, int]:
        """What this node has and would still have after a crash."""
        unsynced = filter(self.delivery.is_being_kept, self.delivery.pending)
        return self._without([*unsynced, *self.damaged.being_kept, *self.unpersisted.entry_ids])

    def client_vector(self, *, begins: bool = False) -> dict[Stream, int]:
        """What a client that comes now need not expect: everything that has been delivered, or is not to be had.

        Who `begins` here, and has asked for nothing of the past, need not expect either what was delivered before and
        damaged since.
        """
        passed_over = self.damaged.behind() if begins else ()
        return self._without(self.delivery.pending, chain(self.behind_old_gaps(), passed_over))

    def client_beyond(self) -> list[EntryId]:
        """What a client that comes now need not expect either, although something before it in its stream is missing or
        has not been delivered: the last `BEYOND_MAX` entries of each such stream."""
        covered = self.client_vector()
        found = self.vector.newest_beyond(BEYOND_MAX)
        for stream, upto in self.vector.contiguous.items():
            first = max(covered.get(stream, 0), upto - BEYOND_MAX) + 1
            found += [EntryId(stream.node, stream.incarnation, number) for number in range(first, upto + 1)]
        return [entry_id for entry_id in found if not self.delivery.is_pending(entry_id)][:BEYOND_MAX]

    def _without(self, missing: Iterable[EntryId], besides: Iterable[tuple[Stream, int]] = ()) -> dict[Stream, int]:
        covered = dict(self.vector.contiguous)
        for stream, upto in besides:
            covered[stream] = max(upto, covered.get(stream, 0))
        for entry_id in missing:
            stream = entry_id.stream
            if covered.get(stream, 0) >= entry_id.seq:
                covered[stream] = entry_id.seq - 1
        return covered


def sealed_in(here: Iterable[_TakenHere], records: Iterable[LogRecord]) -> Iterator[_Sealed]:
    """What was accepted here, in order, by the signed records that have it; what is in none by itself."""
    left = deque(here)

    def cut_off(upto: int) -> Iterator[_TakenHere]:
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
                yield _Sealed(_joined(record, pieces), record, *_concerned(pieces))
    yield from map(_by_itself, cut_off(COUNTER_MAX))


def _first(record: LogRecord) -> int:
    return record.first


def _by_itself(taken: _TakenHere) -> _Sealed:
    return _Sealed(taken.columns, None, *_concerned([taken]))


def _joined(record: LogRecord, pieces: Sequence[_TakenHere]) -> EntryColumns:
    """What was accepted here of a record: nearly always all that is in it."""
    columns = record.columns
    if len(columns) == sum([len(taken.columns) for taken in pieces]):
        return columns
    return columns.only(tuple(span for taken in pieces for span in taken.columns.spans))


def _concerned(
    pieces: Sequence[_TakenHere],
) -> tuple[Mapping[int, int], Mapping[int, Callable[[str | None], None]]]:
    """The base links that entries came over, and who is told of them: see `_Sealed`."""
    sources = {number: one.source for one in pieces if one.source is not None for number in one.columns.numbers}
    return sources, {one.columns.numbers[-1]: one.then for one in pieces if one.then is not None}
