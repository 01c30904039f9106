"""Replication: entries are accepted, kept, passed on and delivered, each exactly once.

The way of an entry: accepted (from a client, or from a link) ─▶ persisted ─▶ committed ─▶ passed on over the eager
links and, if an account, applied, if an activity, delivered to clients and base servers in its sender's order.

Nothing leaves the node before it is durable here. An entry whose sender's previous activity has not been delivered yet
is *parked* until it has, or until `order_wait` is over.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import msgspec

from core.node.interface.actions import Broadcast, Persist
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import ConnectionState, Link
from core.node.kernel.context import Context
from core.node.log.entry_messages import frame_of
from core.node.neighbours.neighbours import Neighbours
from core.wire.activity import unique_members
from core.wire.codec import Frame
from core.wire.entries import (
    AccountFact,
    Entry,
    EntryId,
    Fetch,
    Kind,
    Page,
    Record,
    Recovered,
    Stream,
    StreamMark,
    VersionVector,
)
from core.wire.names import original_name

REFS_MAX = 100_000
"""How many names that clients gave activities are remembered, to recognise repetitions."""
COPIES_MAX = 10_000
"""How many names are remembered under which more than one activity was accepted."""
BEYOND_MAX = 256
"""How many entries after gaps a client is told of when it logs in."""
BACKLOG_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of activities that wait for one client that catches up, or one base server that is listened to. They are sent
all at once then, and who reads from a network takes no more than that in time."""
LOOKED_AT = 64
"""Entries that wait, of each kind, which are looked at to find the oldest of this node's own."""
REPEATED_MAX = 10_000
"""Entries of which it is remembered since when another server may have accepted the same."""
CATCHING_UP_MAX = 20_000
"""Activities that may wait for a client to have caught up; with more it is disconnected, and resumes from there."""
UNKEPT_MAX = 100_000
"""Others' entries that wait in memory for a disk to work again. Of more, the oldest are missing on this node until its
next start, when it finds out and asks for them."""


@dataclass(slots=True)
class _InFlight:
    """A batch that is being committed."""

    batch: int
    records: tuple[Record, ...]
    entries: list[tuple[Entry, int | None, Callable[[str | None], None] | None]]


@dataclass(slots=True, eq=False)
class _Parked:
    entry: Entry
    frame: Frame
    source: int | None
    until: float


class Replication:
    """The node's log of entries. `apply_account` is called for each account, once it is committed."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        recovered: Recovered,
        apply_account: Callable[[AccountFact], None],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._apply_account = apply_account
        self.own_stream = Stream(context.id, context.incarnation)
        self.vector = VersionVector(recovered.streams, recovered.sparse)
        """What has been accepted here: a repetition is not accepted again."""
        self.activities = recovered.activities
        self._seq = 0
        self._batch = 0
        self._records: list[Record] = []
        self._entries: list[tuple[Entry, int | None, Callable[[str | None], None] | None]] = []
        self._in_flight: deque[_InFlight] = deque()
        self._unpersisted: OrderedDict[EntryId, Entry] = OrderedDict()
        """Others' entries that were passed on although the disk did not take them: kept when it works again."""
        self._unpersisted_records: dict[str, Record] = {}
        """The same for what is no entry, by what it is about: only the last of each counts."""
        self._pending: dict[EntryId, None] = {}
        self._parked_under: dict[EntryId, list[_Parked]] = {}
        self._parked: OrderedDict[EntryId, _Parked] = OrderedDict()
        self._parked_bytes = 0
        self._refs: OrderedDict[tuple[str, str], EntryId] = OrderedDict()
        self._copies: OrderedDict[tuple[str, str], list[EntryId]] = OrderedDict()
        """What was accepted more than once under one ref: repeated at one server while another one had it already."""
        for sender, ref, entry_id in recovered.recent_refs:
            self._note_ref((original_name(sender), ref), entry_id)
        self._repeated: OrderedDict[EntryId, int] = OrderedDict()
        """What its writer had sent to another server before, to the time since when that may have accepted it."""
        self._delivered_refs: OrderedDict[tuple[str, str], EntryId] = OrderedDict(self._refs)
        self._last_by_sender: dict[str, tuple[int, EntryId]] = {
            sender: (0, entry_id) for sender, entry_id in recovered.last_by_sender.items()
        }
        """Stamp and id of each user's newest activity; stamp 0 where it was read from the store."""
        self._failed: dict[EntryId, EntryId | None] = {}
        """Own activities that could not be kept, to the ones before them, as long as others may point at them."""
        self._waiting_for: dict[EntryId, list[Callable[[str | None], None]]] = {}
        self.on_hand_out: Callable[[Entry, Frame], None] = lambda entry, frame: None
        """Told of each activity that goes to clients, and of its line."""
        self.may_have_been_told: Callable[[Link, Entry], bool] = lambda link, entry: False
        """Whether somebody else may have sent a base server an activity already."""
        for entry in recovered.disordered:
            self._wait_again(entry)

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

        `after` is a stamp that the entry's must be later than. `since`: when its writer sent it to another server, that
        may have accepted it. `source` is a base link that it came from.
        """
        self._seq += 1
        entry = Entry(
            EntryId(self._context.id, self._context.incarnation, self._seq),
            kind,
            self._context.stamp(after),
            body,
            sender,
            previous,
            ref,
            since,
        )
        self._take(entry, source, then)
        return entry

    def receive(self, entry: Entry, source: int | None) -> bool:
        """Accept an entry from a link; whether it was new."""
        if entry.id in self.vector or entry.id.stream == self.own_stream:
            return False
        self.vector.add(entry.id)
        self._context.clock.observe(entry.stamp, self._context.now.wall)
        self._take(entry, source, None)
        return True

    def _take(self, entry: Entry, source: int | None, then: Callable[[str | None], None] | None) -> None:
        self._pending[entry.id] = None
        if entry.kind == "activity":
            # Synchronisation brings older ones after newer ones.
            if entry.sender and entry.stamp > self._last_by_sender.get(entry.sender, (0, None))[0]:
                self._last_by_sender[entry.sender] = (entry.stamp, entry.id)
            if entry.ref is not None:
                self._note_ref((original_name(entry.sender), entry.ref), entry.id)
            if entry.since is not None:
                self._repeated[entry.id] = entry.since
                if len(self._repeated) > REPEATED_MAX:
                    self._repeated.popitem(last=False)
        self._records.append(entry)
        self._entries.append((entry, source, then))

    def _note_ref(self, key: tuple[str, str], entry_id: EntryId) -> None:
        known = self._refs.setdefault(key, entry_id)
        if len(self._refs) > REFS_MAX:
            self._refs.popitem(last=False)
        if known != entry_id:
            self._copies.setdefault(key, [known]).append(entry_id)
            if len(self._copies) > COPIES_MAX:
                self._copies.popitem(last=False)

    def is_copy_of_seen(self, entry: Entry, seen: Mapping[Stream, int]) -> bool:
        """Whether an activity was accepted a second time elsewhere, where it is within `seen`."""
        if entry.ref is None:
            return False
        copies = self._copies.get((original_name(entry.sender), entry.ref), ())
        return any(one != entry.id and one.seq <= seen.get(one.stream, 0) for one in copies)

    def as_it_came(self, entry: Entry) -> Entry:
        """An entry of the store, with what is known of it and not stored."""
        since = self._repeated.get(entry.id)
        return entry if since is None else msgspec.structs.replace(entry, since=since)

    def mark(self, stream: Stream, upto: int) -> None:
        """Nothing of `stream` up to `upto` is missing here any more."""
        if stream != self.own_stream and self.vector.raise_to(stream, upto):
            self._records.append(StreamMark(stream, upto))

    def keep(self, record: Record) -> None:
        """Have something kept that nothing waits for."""
        self._records.append(record)

    def flush(self) -> None:
        """Ask for what the event in hand brought to be made durable, as one batch."""
        if not self._records:
            return
        self._batch += 1
        records = tuple(self._records)
        self._context.actions.append(Persist(self._batch, records))
        self._in_flight.append(_InFlight(self._batch, records, self._entries))
        self._records = []
        self._entries = []

    # --- durable, or not ----------------------------------------------------------------------------------------------

    def committed(self, batch: int) -> None:
        """The batch and those before it are durable."""
        while self._in_flight and self._in_flight[0].batch <= batch:
            flight = self._in_flight.popleft()
            if self._unpersisted:
                for record in flight.records:
                    if isinstance(record, Entry):
                        self._unpersisted.pop(record.id, None)
            for entry, source, then in flight.entries:
                if entry.id.stream == self.own_stream:
                    self.vector.add(entry.id)
                self._spread(entry, source)
                if then is not None:
                    then(None)

    def commit_failed(self, batch: int, reason: str) -> None:
        """The batch was not kept: what was to be accepted here is refused, what others have accepted is passed on."""
        while self._in_flight and self._in_flight[0].batch <= batch:
            flight = self._in_flight.popleft()
            self._remember_unpersisted(flight.records)
            for entry, source, then in flight.entries:
                if entry.id.stream == self.own_stream:
                    self._drop(entry, reason)
                else:
                    self._spread(entry, source)
                if then is not None:
                    then(reason)
        own_in_flight = any(
            entry.id.stream == self.own_stream for flight in self._in_flight for entry, _, _ in flight.entries
        )
        if not own_in_flight and not self._entries:
            self._seq = self.vector.upto(self.own_stream)
            self._failed.clear()

    def _drop(self, entry: Entry, reason: str) -> None:
        """An entry of this node could not be kept: it has never been."""
        self._pending.pop(entry.id, None)
        previous = entry.previous
        while previous is not None and previous in self._failed:
            previous = self._failed[previous]
        self._failed[entry.id] = previous
        if entry.ref is not None:
            key = (original_name(entry.sender), entry.ref)
            self._refs.pop(key, None)
            for copy in self._copies.pop(key, ()):
                if copy != entry.id:
                    self._note_ref(key, copy)
        stamp, last = self._last_by_sender.get(entry.sender, (0, None))
        if last == entry.id:
            if previous is None:
                del self._last_by_sender[entry.sender]
            else:
                self._last_by_sender[entry.sender] = (stamp, previous)
        for waiting in self._waiting_for.pop(entry.id, ()):
            waiting(reason)

    def _remember_unpersisted(self, records: tuple[Record, ...]) -> None:
        for record in records:
            match record:
                case Entry():
                    if record.id.stream != self.own_stream:
                        self._unpersisted[record.id] = record
                        if len(self._unpersisted) > UNKEPT_MAX:
                            self._unpersisted.popitem(last=False)
                case StreamMark():
                    self._unpersisted_records[f"mark {record.stream}"] = record
                case _:
                    self._unpersisted_records[f"peer {record.id}"] = record

    def storage_recovered(self) -> None:
        """The disk takes writes again: what it did not take before is to be kept now."""
        self._records[0:0] = [*self._unpersisted.values(), *self._unpersisted_records.values()]
        self._unpersisted_records.clear()

    def completed(self, page: Page, query: Fetch) -> Sequence[Entry]:
        """The entries of the last page that the store has for a query, with those that the disk has not taken."""
        if not self._unpersisted:
            return page.entries
        entries = {entry.id: entry for entry in page.entries}
        for entry in self._unpersisted.values():
            if entry.kind in query.kinds and entry.id.seq > query.seen.get(entry.id.stream, 0):
                entries[entry.id] = entry
        return sorted(entries.values(), key=lambda entry: (entry.stamp, entry.id))

    def oldest_own_waiting(self) -> int | None:
        """The stamp of the first activity accepted here that has not been handed out yet; None if all have.

        Those that came first are looked at, so many of them: the question is asked for each client that is lost.
        """
        under_way = chain.from_iterable((*(flight.entries for flight in self._in_flight), self._entries))
        waiting = (
            *(parked.entry for parked in islice(self._parked.values(), LOOKED_AT)),
            *(entry for entry, _, _ in islice(under_way, LOOKED_AT)),
        )
        return min((entry.stamp for entry in waiting if entry.id.stream == self.own_stream), default=None)

    def when_durable(self, entry_id: EntryId, then: Callable[[str | None], None]) -> None:
        """Call `then` once an entry that is being kept is durable, at once if it is already, or with why it is not."""
        if entry_id in self._pending and entry_id not in self._parked:
            self._waiting_for.setdefault(entry_id, []).append(then)
        else:
            then(None)

    # --- passing on and delivering ------------------------------------------------------------------------------------

    def _spread(self, entry: Entry, source: int | None) -> None:
        frame = frame_of(entry)
        self._neighbours.pass_on(entry.id, frame, source)
        for then in self._waiting_for.pop(entry.id, ()):
            then(None)
        if entry.kind == "account":
            self._pending.pop(entry.id, None)
            self._apply_account(msgspec.json.decode(entry.body, type=AccountFact))
            return
        self.activities += 1
        previous = entry.previous
        if previous is not None and not self._is_delivered(previous):
            self._park(_Parked(entry, frame, source, self._context.after(self._context.config.order_wait)), previous)
            return
        self._deliver(entry, frame, source)

    def _wait_again(self, entry: Entry) -> None:
        """What waited for its sender's previous activity when this node ended does so for the rest of its time."""
        waited = max(0.0, self._context.now.wall - entry.stamp / MICROSECONDS)
        left = self._context.config.order_wait - waited
        if entry.previous is not None and left > 0:
            self._pending[entry.id] = None
            self._park(_Parked(entry, frame_of(entry), None, self._context.after(left)), entry.previous)

    def _park(self, parked: _Parked, previous: EntryId) -> None:
        config = self._context.config
        self._parked[parked.entry.id] = parked
        self._parked_bytes += len(parked.entry.body)
        self._parked_under.setdefault(previous, []).append(parked)
        if len(self._parked) == 1:
            self._context.timers.set("parked", parked.until, self._unpark_overdue)
        while len(self._parked) > config.parked_max or self._parked_bytes > config.parked_bytes_max:
            self._unpark_oldest()

    def _is_delivered(self, entry_id: EntryId) -> bool:
        return entry_id in self.vector and entry_id not in self._pending

    def _deliver(self, entry: Entry, frame: Frame, source: int | None) -> None:
        ready = deque([(entry, frame, source)])
        while ready:
            entry, frame, source = ready.popleft()
            self._pending.pop(entry.id, None)
            if self._first_of_its_ref(entry):
                self._hand_out(entry, frame, source)
            for parked in self._parked_under.pop(entry.id, ()):
                if self._parked.pop(parked.entry.id, None) is not None:
                    self._parked_bytes -= len(parked.entry.body)
                    ready.append((parked.entry, parked.frame, parked.source))

    def _first_of_its_ref(self, entry: Entry) -> bool:
        if entry.ref is None:
            return True
        known = self._delivered_refs.setdefault((original_name(entry.sender), entry.ref), entry.id)
        if len(self._delivered_refs) > REFS_MAX:
            self._delivered_refs.popitem(last=False)
        return known == entry.id

    def _hand_out(self, entry: Entry, frame: Frame, source: int | None) -> None:
        context = self._context
        context.actions.append(Broadcast(frame))
        context.handed_out += 1
        self.on_hand_out(entry, frame)
        for session in list(context.connections.catching_up.values()):
            if session.backlog is not None and session.state is not ConnectionState.CLOSING:
                session.backlog[entry.id] = entry
                session.backlog_bytes += len(entry.body)
                if len(session.backlog) > CATCHING_UP_MAX or session.backlog_bytes > BACKLOG_BYTES_MAX:
                    context.close(session, f"too slow: {len(session.backlog)} activities came while it caught up")
        base_links = [
            link
            for link in context.connections.links(
                ConnectionState.BASE, ConnectionState.QUIET, ConnectionState.LISTENING
            )
            if link.conn != source and not self.may_have_been_told(link, entry)
        ]
        if base_links:
            body = unique_members(entry.body)
            to_base = frame if body is entry.body else frame_of(msgspec.structs.replace(entry, body=body))
            for link in base_links:
                if link.state is ConnectionState.BASE:
                    context.send(link, to_base)
                else:
                    link.backlog.append(to_base)
                    link.backlog_bytes += len(entry.body)
                    if link.state is ConnectionState.LISTENING and link.backlog_bytes > BACKLOG_BYTES_MAX:
                        context.close(link, f"{len(link.backlog)} activities came before it said anything")

    def _unpark_overdue(self) -> None:
        now = self._context.now.monotonic
        while self._parked:
            parked = next(iter(self._parked.values()))
            if parked.until > now:
                self._context.timers.set("parked", parked.until, self._unpark_overdue)
                return
            self._unpark_oldest()

    def _unpark_oldest(self) -> None:
        _, parked = self._parked.popitem(last=False)
        self._parked_bytes -= len(parked.entry.body)
        previous = parked.entry.previous
        if previous is not None:
            siblings = self._parked_under.get(previous, [])
            if parked in siblings:
                siblings.remove(parked)
            if not siblings:
                self._parked_under.pop(previous, None)
        self._deliver(parked.entry, parked.frame, parked.source)

    # --- what others ask ----------------------------------------------------------------------------------------------

    @property
    def unsynced(self) -> int:
        """Entries that are accepted here and have not been delivered yet, but for those that are parked."""
        return len(self._pending) - len(self._parked)

    @property
    def parked(self) -> int:
        return len(self._parked)

    @property
    def busy(self) -> bool:
        """Whether something accepted is not durable yet."""
        return bool(self._in_flight or self._records)

    def is_pending(self, entry_id: EntryId) -> bool:
        """Whether an entry is here but has not been delivered yet."""
        return entry_id in self._pending

    def known_ref(self, sender: str, ref: str) -> EntryId | None:
        """The activity that its sender already gave this name."""
        return self._refs.get((original_name(sender), ref))

    def last_of(self, sender: str) -> EntryId | None:
        """The newest activity of a user that is known here."""
        return self._last_by_sender.get(sender, (0, None))[1]

    def rename_sender(self, before: str, after: str) -> None:
        """A user goes on under another name; so does the order of its activities."""
        last = self._last_by_sender.get(before)
        if last is not None:
            self._last_by_sender.setdefault(after, last)

    def durable_vector(self) -> dict[Stream, int]:
        """What this node has and would still have after a crash."""
        unsynced = [entry_id for entry_id in self._pending if entry_id not in self._parked]
        return self._without([*unsynced, *self._unpersisted])

    def client_vector(self) -> dict[Stream, int]:
        """What a client that comes now need not expect: everything that has been delivered."""
        return self._without(self._pending)

    def client_beyond(self) -> list[EntryId]:
        """What a client that comes now need not expect either, although something before it in its stream is missing or
        has not been delivered: the last `BEYOND_MAX` entries of each such stream."""
        covered = self.client_vector()
        found = self.vector.beyond()
        for stream, upto in self.vector.contiguous.items():
            first = max(covered[stream], upto - BEYOND_MAX) + 1
            found += [EntryId(stream.node, stream.incarnation, number) for number in range(first, upto + 1)]
        return [entry_id for entry_id in found if entry_id not in self._pending][:BEYOND_MAX]

    def _without(self, missing: Iterable[EntryId]) -> dict[Stream, int]:
        covered = dict(self.vector.contiguous)
        for entry_id in missing:
            stream = entry_id.stream
            if covered.get(stream, 0) >= entry_id.seq:
                covered[stream] = entry_id.seq - 1
        return covered
