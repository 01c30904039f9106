"""A host's disk: what is synced stays, what is not may be cut anywhere by a crash.

The contract of `core.store`, with time: batches are committed in order and in groups (all that waited while the last
group was being synced), a crash keeps the part of the unsynced tail that lies before some byte, whole batches only. A
full disk fails everything until it has been found to work again, as the engine's probing finds out.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from core.node.interface.events import (
    CommitFailed,
    Committed,
    EntriesDamaged,
    Event,
    Fetched,
    RecordsFetched,
    StoreRecovered,
    SummaryAnswered,
)
from core.reconciliation.summary_queries import SummaryQuery
from core.simulation.environment.randomness import between
from core.simulation.environment.schedule import Schedule
from core.store.kept_founding import keep_founding
from core.store.kept_time import keep_told_time
from core.store.memory_store import MemoryStore
from core.store.page_queries import answer_to
from core.wire.entries import Entry, EntryId, Fetch, Wanted
from core.wire.keepables import Keepable, entries_in
from core.wire.missing import PageQuery

QUICK: Final = 0.1
"""Seconds within which a quick disk syncs."""
USUAL_DELAY: Final = (0.0005, 0.003)
"""Least and greatest seconds of one sync."""
PROBE_MIN: Final = 0.5
PROBE_MAX: Final = 4.0
"""Seconds between two tries of a disk that failed."""
READ_THROUGH: Final = 3.0
"""Seconds within which all is read once, in the background."""
KEEPABLE_BYTES: Final = 200
COPIES: Final = Path("copies")
AT_FIRST: Final = Path("at first")


class SimulatedDisk:
    """A store on hardware that takes its time, and fails."""

    def __init__(
        self, schedule: Schedule, store: MemoryStore, rng: random.Random, kept: Callable[[tuple[Keepable, ...]], None]
    ) -> None:
        self.schedule = schedule
        self.store = store
        self.deliver: Callable[[Event], None] | None = None
        """Where answers go while the process lives."""
        self.delay = USUAL_DELAY
        """Least and greatest seconds of one sync."""
        self.reading: float | None = None
        """Seconds that reading a page takes; None: a fifth of a sync."""
        self.full = False
        self.was_replaced = False
        """Whether it has been put back, or lost: then it may not know of keys that its server knew."""
        self.unreadable = False
        self.is_unread = False
        """Whether bits have flipped since all of it was read last."""
        self.is_lost = False
        """Whether it has lost everything, and nobody has used it since."""
        self.older: Path | None = None
        """Where the last copy is."""
        self._first = store.backup(AT_FIRST, 1)
        self._rng = rng
        self._kept = kept
        self._queue: deque[tuple[int, tuple[Keepable, ...]]] = deque()
        self._syncing: list[tuple[int, tuple[Keepable, ...]]] = []
        self.broken = False
        self.has_failed = False
        """Whether it ever has not taken something."""
        self._life = 0
        self._asked = 0
        self._settled = 0
        self._fetches: deque[tuple[int, Callable[[], Event | None]]] = deque()
        """The last batch before the question, and what reads the answer."""

    @property
    def waiting(self) -> int:
        """Batches that are not synced yet."""
        return len(self._queue) + len(self._syncing)

    def persist(self, batch: int, keepables: tuple[Keepable, ...]) -> None:
        self._queue.append((batch, keepables))
        self._asked = batch
        if not self._syncing:
            self._sync()

    def keep_time(self, stamp: int) -> None:
        """Nobody waits for it, and one that takes no writes does not either."""
        if not self.full and not self.broken:
            keep_told_time(self.store, stamp)

    def keep_founding(self, text: str) -> None:
        """The same of who has begun the network."""
        if not self.full and not self.broken:
            keep_founding(self.store, text)

    def remove(self, entries: tuple[EntryId, ...], fingerprints: frozenset[bytes]) -> None:
        """Drop what operators have removed, behind everything that was to be kept before."""

        life = self.deliver

        def again() -> None:
            if self.deliver is life:
                self.remove(entries, fingerprints)

        def removed() -> None:
            if not self.full and not self.broken:
                self.store.remove(entries, fingerprints)
            else:
                self.schedule.after(PROBE_MAX, again)

        self._fetches.append((self._asked, removed))
        self._read()

    @property
    def is_quick(self) -> bool:
        """Whether writes succeed, and within a fraction of what a person notices."""
        return not self.full and not self.broken and self.delay[1] < QUICK

    @property
    def can_be_read(self) -> bool:
        """Whether there is no damage, or it can be set aside, which takes writing."""
        return not self.unreadable and not (self.store.is_damaged and (self.full or self.broken))

    def fetch(self, token: int, query: PageQuery) -> None:
        """Read; sees everything that was to be kept before."""
        self._read_soon(lambda: Fetched(token, None if self.unreadable else answer_to(self.store, query)))

    def ask_summary(self, token: int, query: SummaryQuery) -> None:
        """The same of sums."""
        self._read_soon(lambda: SummaryAnswered(token, None if self.unreadable else self.store.ask_summary(query)))

    def fetch_records(self, token: int, query: Fetch | Wanted) -> None:
        """The same in records."""
        self._read_soon(lambda: RecordsFetched(token, None if self.unreadable else self.store.fetch_records(query)))

    def _read_soon(self, read: Callable[[], Event]) -> None:
        self._fetches.append((self._asked, read))
        self._read()

    def _read(self) -> None:
        deliver = self.deliver
        while self._fetches and self._fetches[0][0] <= self._settled:
            _, read = self._fetches.popleft()
            reading = 0.2 * self._delay() if self.reading is None else self.reading
            self.schedule.after(reading, partial(self._answer, read, deliver))

    def _answer(self, read: Callable[[], Event | None], deliver: Callable[[Event], None] | None) -> None:
        if deliver is not None and self.deliver is deliver:
            event = read()
            if event is None:
                return
            if self.store.is_damaged:
                # What was read claims to be complete, and leaves out what is damaged.
                self._mend(deliver)
                event = _unread(event) if self.full or self.broken else read() or event
            deliver(event)

    def _mend(self, deliver: Callable[[Event], None]) -> None:
        """Have the node know of damage that was found."""
        if self.store.is_damaged and not self.full and not self.broken:
            deliver(EntriesDamaged(self.store.mend()))

    def _delay(self) -> float:
        return between(self._rng, *self.delay)

    def _sync(self) -> None:
        self._syncing = list(self._queue)
        self._queue.clear()
        life = self._life
        self.schedule.after(self._delay(), lambda: self._synced(life))

    def _synced(self, life: int) -> None:
        if life != self._life or self.deliver is None:
            return
        group, self._syncing = self._syncing, []
        self._settled = group[-1][0]
        if self.full and not self.broken:
            self.broken = self.has_failed = True
            self.schedule.after(PROBE_MIN, lambda: self._probe(life, PROBE_MIN))
        if self.broken:
            for batch, _ in group:
                self.deliver(CommitFailed(batch, "no space left on device"))
        else:
            records = self.store.commit([keepable for _, keepables in group for keepable in keepables])
            for _, keepables in group:
                self._kept(keepables)
            self.deliver(Committed(group[-1][0], records, self.store.arrived))
        self._read()
        if self._queue and not self._syncing:
            self._sync()

    def _probe(self, life: int, pause: float) -> None:
        if life != self._life or self.deliver is None:
            return
        if self.full:
            pause = min(2 * pause, PROBE_MAX)
            self.schedule.after(pause, lambda: self._probe(life, pause))
        else:
            self._recover(self.deliver)

    def mend(self) -> None:
        """There is room again, and somebody has looked: it is found out now."""
        self.full = False
        if self.deliver is not None:
            self._recover(self.deliver)

    def _recover(self, deliver: Callable[[Event], None]) -> None:
        # What was asked for before the node knows that it may ask again builds upon what was not kept.
        failed, self._syncing = [*self._syncing, *self._queue], []
        self._queue.clear()
        self.broken = False
        self._life += 1
        self._settled = self._asked
        for batch, _ in failed:
            deliver(CommitFailed(batch, "no space left on device"))
        deliver(StoreRecovered())
        self._read()
        if self._queue and not self._syncing:
            self._sync()

    # --- what is done to it -------------------------------------------------------------------------------------------

    def flip(self, entry_ids: Sequence[EntryId]) -> None:
        """A bit of each of these is another one from now on. Who reads everything now and then comes by there."""
        for entry_id in entry_ids:
            self.store.flip(entry_id)
        if entry_ids:
            self.is_unread = True
            self.schedule.after(between(self._rng, 0.0, READ_THROUGH), self._look)

    def _look(self) -> None:
        """Read all of it. While it takes no writes nothing can be done about damage: it is looked for again."""
        self.is_unread = False
        if self.deliver is None:
            return
        self.store.look()
        self._mend(self.deliver)
        if self.store.is_damaged:
            self.is_unread = True
            self.schedule.after(PROBE_MAX, self._look)

    def entries(self) -> Iterator[Entry]:
        """Everything that is synced."""
        seen: set[EntryId] = set()
        query = Fetch({})
        while True:
            page = self.store.fetch(query)
            for entry in page.entries:
                if entry.id not in seen:
                    seen.add(entry.id)
                    yield entry
            if not page.more and not page.behind:
                return
            query = Fetch({**query.seen, **page.upto}, behind=page.behind)

    def recorded_with(self, entry_id: EntryId) -> Sequence[Entry]:
        """The entries of the record that has this one, as they are on the disk."""
        return self.store.recorded_with(entry_id)

    def signed(self) -> frozenset[EntryId]:
        """Which synced entries stand in signed records."""
        page = self.store.fetch_records(Fetch({}, entries_max=sys.maxsize, bytes_max=sys.maxsize))
        return frozenset(entry.id for record in page.records if record.signature for entry in record.entries)

    def copy(self) -> None:
        """Keep a copy of what is synced now."""
        self.store.sync()
        self.older = self.store.backup(COPIES, 1)

    def put_back(self, *, with_witness: bool) -> None:
        """Replace what is there by the copy; nobody may use it. `with_witness`: the last start is not forgotten."""
        if self.older is not None:
            self._replace(self.older, with_witness=with_witness)

    @property
    def goes_back_before_keys(self) -> bool:
        """Whether the copy is from before the key that is here."""
        older = self.store.restored(self.older) if self.older is not None else self.store
        return self.store.signer is not None and older.signer is None

    def lose(self, *, with_witness: bool) -> None:
        """Nothing is left but whose disk it is; nobody may use it. `with_witness`: as for `put_back`."""
        self._replace(self._first, with_witness=with_witness)
        self.is_lost = True

    def copied(self, kept: Callable[[tuple[Keepable, ...]], None], *, from_last_copy: bool = False) -> SimulatedDisk:
        """Another disk with all that is synced here now, or that is in the last copy, if there is one from after its
        key; `kept` is told of what it keeps from then on."""
        older = self.older if from_last_copy and not self.goes_back_before_keys else None
        self.store.sync()
        store = self.store.restored(older or self.store.backup(COPIES / "elsewhere", 1))
        return SimulatedDisk(self.schedule, store, random.Random(self._rng.random()), kept)

    def _replace(self, backup: Path, *, with_witness: bool) -> None:
        self.was_replaced = True
        before = self.store
        self.store = before.restored(backup)
        self.store.backups.update(before.backups)
        if with_witness:
            self.store.incarnation = max(self.store.incarnation, before.incarnation)

    def crash(self, fraction: float) -> None:
        """The host has died: of the unsynced tail's bytes, this fraction was on the disk."""
        self._life += 1
        tail = [*self._syncing, *self._queue]
        self._syncing = []
        self._queue.clear()
        self._fetches.clear()
        self._asked = self._settled = 0
        cut = fraction * sum(_size(keepables) for _, keepables in tail)
        if not self.broken and not self.full:
            for _, keepables in tail:
                cut -= _size(keepables)
                if cut < 0:
                    break
                # A group's parts are synced together, but a crash may have cut between them.
                self.store.commit(keepables)
                self._kept(keepables)
        self.broken = False
        self.deliver = None


def _unread(event: Event) -> Event:
    """The answer of a disk that cannot be read."""
    match event:
        case Fetched():
            return Fetched(event.token, None)
        case RecordsFetched():
            return RecordsFetched(event.token, None)
        case SummaryAnswered():
            return SummaryAnswered(event.token, None)
        case _:
            return event


def _size(keepables: tuple[Keepable, ...]) -> int:
    return KEEPABLE_BYTES * len(keepables) + sum(len(entry.body) for entry in entries_in(keepables))
