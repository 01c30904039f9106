"""Replication: entries are accepted, kept, passed on and delivered, each exactly once.

The way of an entry: accepted, from a client (`OwnEntries`) or from a link (`Replication`) ─▶ kept (`Batches`) ─▶ passed
on over the eager links and, if an account, applied, if an activity, delivered to clients and base servers in its
sender's order (`Spreading`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Final

from core.node.interface.actions import RemoveEntries
from core.node.kernel.context import Context
from core.node.log.awaited_entries import AwaitedEntries
from core.node.log.batches import Batches
from core.node.log.damaged_entries import DamagedEntries
from core.node.log.delivery import Delivery
from core.node.log.last_activities import LastActivities
from core.node.log.log_room import LogRoom
from core.node.log.own_entries import OwnEntries
from core.node.log.refs import Refs
from core.node.log.removed import RemovedActivities
from core.node.log.spreading import Spreading
from core.node.log.taken import KeptBeside, Taken, TakenAgain, TakenHere, TakenRecord
from core.node.log.under_way import UnderWay, cost_of
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import AccountFact, Entry, EntryId, Stream, StreamMark
from core.wire.entry_runs import EntryRuns, difference, intersection, runs_of
from core.wire.keepables import Keepable, Proof, RemovedEntry
from core.wire.records import LogRecord
from core.wire.recovered import Recovered
from core.wire.version_vector import VersionVector

BEYOND_MAX: Final = 256
"""How many entries after gaps a client is told of when it logs in."""
LOOKED_AT: Final = 64
"""Entries that wait, of each kind, which are looked at to find the oldest of this node's own."""


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
        self.own_stream = own_stream = Stream(context.id, context.incarnation)
        self.vector = VersionVector(recovered.streams, recovered.beyond)
        """What has been accepted here: a repetition is not accepted again."""
        self.damaged = DamagedEntries(self.vector, recovered.damaged)
        self.took_unsigned = False
        """Whether something has come singly in this start, whose server's key may not have been known yet."""
        self.unproved: dict[int, EntryRuns] = {}
        """By the connections of neighbours: what is here without its server's signature, and they are asked for."""
        self.room = LogRoom(context, topology, recovered, self.vector)
        self.under_way = UnderWay(context)
        self.removed = RemovedActivities()
        self._batches = Batches(context, own_stream, recovered.starts, self.removed)
        self.unpersisted = self._batches.unpersisted
        self.record_numbers = self._batches.record_numbers
        self.refs = Refs(recovered.recent_refs)
        self.delivery = Delivery(context, self.vector, self.damaged, self.refs, self.removed)
        self.last_activities = LastActivities(recovered.last_by_sender)
        self._awaited = AwaitedEntries()
        self.own = OwnEntries(
            context,
            own_stream,
            self._batches,
            self.delivery,
            self.refs,
            self.last_activities,
            self.under_way,
            self._awaited,
        )
        self.spreading = Spreading(
            context,
            neighbours,
            own_stream,
            self.own,
            self.vector,
            self.damaged,
            self.delivery,
            self.removed,
            self.under_way,
            self._awaited,
            recovered.activities,
            apply_account,
        )
        self.behind_old_gaps: Callable[[], Iterable[tuple[Stream, int]]] = tuple
        """Streams of which nobody keeps what is missing at first, with the number up to which the rest is here."""
        for entry in recovered.disordered:
            self.delivery.wait_again(entry, max(recovered.stamp, recovered.told))

    # --- taking in --------------------------------------------------------------------------------------------------

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
        self._batches.keep(entry)
        self._take(Taken(entry, source))
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
        self._batches.keep(Proof(record))
        for entry in record.entries:
            if entry.kind == "account" and entry.id in self.vector:
                self.spreading.apply(entry)

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
            self._batches.keep(record)
        self._take_all(TakenRecord(new, source, record, is_past))
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
        self._batches.keep(entries[0] if record is None else record)
        unheard = self.damaged.take(entries)
        for entry in unheard:
            if entry.kind == "activity":
                self.last_activities.note(entry.sender, entry.stamp, entry.id)
                self.refs.note_delivered(entry)
        self._batches.took(TakenAgain(entries, unheard, source, record))

    def _take(self, taken: Taken) -> None:
        entry = taken.entry
        self.delivery.expect(entry.id)
        if entry.kind == "activity":
            self.last_activities.note(entry.sender, entry.stamp, entry.id)
        self.refs.note(entry)
        self._batches.took(taken)
        if taken.source is not None:
            self.under_way.took(taken.source, 1)

    def _take_all(self, taken: TakenRecord) -> None:
        columns = taken.columns
        self.delivery.expect_all(columns)
        self.last_activities.note_all(columns)
        self.refs.note_all(columns)
        self._batches.took(taken)
        if taken.source is not None:
            took = self.under_way.took_past if taken.waits_its_turn else self.under_way.took
            took(taken.source, cost_of(len(columns)))

    def mark(self, stream: Stream, upto: int) -> bool:
        """Nothing of `stream` up to `upto` is missing here any more but what was damaged; whether that was news."""
        upto = self.damaged.before(stream, upto)
        if stream == self.own_stream or not self.vector.raise_to(stream, upto):
            return False
        self._batches.keep(StreamMark(stream, upto))
        return True

    def remove(self, entries: Mapping[EntryId, int], fingerprints: frozenset[bytes]) -> None:
        """Operators have removed these activities, each with its stamp; all that are removed are known to `removed`.

        What is here is dropped. What is not counts as received from now on.
        """
        here: list[EntryId] = []
        for entry_id, stamp in entries.items():
            if entry_id in self.damaged:
                self.damaged.never_comes(entry_id)
                self._batches.keep(RemovedEntry(entry_id, stamp))
            elif entry_id in self.vector or entry_id.stream == self.own_stream:
                here.append(entry_id)
            elif self.room.admits_stream(entry_id.stream, None):
                self.vector.add(entry_id)
                self._batches.keep(RemovedEntry(entry_id, stamp))
                self.delivery.never_comes(entry_id)
        self.unpersisted.forget(here)
        if here or fingerprints:
            self._context.actions.append(RemoveEntries(tuple(here), fingerprints))

    def wanted_again(self, damaged: EntryRuns) -> EntryRuns:
        """What of damaged entries has to come again: what operators have removed counts as received as before."""
        gone = self.removed.within(damaged)
        self._batches.keep(*(RemovedEntry(entry_id, stamp) for entry_id, stamp in gone.items()))
        return difference(damaged, runs_of(gone)) if gone else damaged

    def keep(self, keepable: Keepable) -> None:
        """Have something kept that nothing waits for."""
        self._batches.keep(keepable)

    def keep_and_tell(self, keepable: Keepable, then: Callable[[str | None], None]) -> None:
        """Have something kept that is no entry; `then` is called once it is durable, with None, or with why it is
        not."""
        self._batches.keep(keepable)
        self._batches.took(KeptBeside(then))

    def flush(self) -> None:
        """Ask for what the event in hand brought to be made durable, as one batch."""
        self._batches.flush()

    # --- durable, or not ----------------------------------------------------------------------------------------------

    def committed(self, batch: int, records: Sequence[LogRecord], arrived: int) -> None:
        """The batch and those before it are durable, and kept as these records, the last of which has this number."""
        self.spreading.add(self._batches.committed(batch, records, arrived))
        self.spreading.spread_some()

    def commit_failed(self, batch: int, reason: str) -> None:
        """The batch was not kept: what was to be accepted here is refused, what others have accepted is passed on."""
        self.spreading.spread_all()
        while (failed := self._batches.next_failed(batch)) is not None:
            for taken in failed:
                if isinstance(taken, TakenHere):
                    self.own.refuse(taken, reason)
                else:
                    self.spreading.not_kept(taken, reason)
        if not self._batches.have_own:
            self.own.number_again()

    def storage_recovered(self) -> None:
        """The disk takes writes again: what it did not take before is to be kept now."""
        self._batches.storage_recovered()

    def oldest_own_waiting(self) -> int | None:
        """The stamp of the first activity accepted here that has not been handed out yet; None if all have.

        Those that came first are looked at, so many of them: the question is asked for each client that is lost.
        """
        under_way = chain(self.spreading.waiting, self._batches.waiting)
        parked = self.delivery.parked_first(LOOKED_AT)
        stamps = (entry.stamp for entry in parked if entry.id.stream == self.own_stream)
        own = (self._batches.own_stamp_of(taken) for taken in islice(under_way, LOOKED_AT))
        return min((stamp for stamp in chain(stamps, own) if stamp is not None), default=None)

    def is_being_kept(self, entry_id: EntryId) -> bool:
        """Whether an entry was accepted and is not durable yet."""
        return self.delivery.is_being_kept(entry_id) or self.damaged.is_being_kept(entry_id)

    def when_durable(self, entry_id: EntryId, then: Callable[[str | None], None]) -> None:
        """Call `then` once an entry that is being kept is durable, at once if it is already, or with why it is not."""
        if self.is_being_kept(entry_id):
            self._awaited.add(entry_id, then)
        else:
            then(None)

    # --- what others ask ----------------------------------------------------------------------------------------------

    @property
    def activities(self) -> int:
        """How many there are."""
        return self.spreading.activities

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
        return not (self._batches.are_done and self.spreading.is_done)

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
