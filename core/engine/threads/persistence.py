"""The store as the event loop has it: what is to be kept and read is handed to its thread, and what comes of it comes
back as events."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from core.engine.threads.index_figures import IndexFigures
from core.engine.threads.search_thread import SearchThread
from core.engine.threads.store_queue import Batch, StoreQueue
from core.engine.threads.store_thread import StoreThread
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
from core.reconciliation.summary_queries import SummaryAnswer, SummaryQuery
from core.store.kept_founding import keep_founding
from core.store.kept_network_setting import keep_network
from core.store.kept_time import keep_told_time
from core.store.sqlite import SqliteStore
from core.store.store_errors import StoreError
from core.store.store_interface import Store
from core.wire.account_documents import DocumentVersion
from core.wire.entries import Entry, EntryId, Fetch, Page, Wanted
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import EntryRuns
from core.wire.keepables import Keepable, Proof
from core.wire.kept_network import KeptNetwork
from core.wire.missing import PageQuery
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord, RecordPage
from core.wire.recovered import Recovered

log = logging.getLogger(__name__)

KEEPABLE_BYTES: Final = 200
"""What a keepable costs beside its body, about."""
SWITCH_SECONDS: Final = 0.001
"""How long a thread that computes keeps the interpreter from another one that could (Python's default: 5 ms). The event
loop gives it away at each look at a socket, and would wait so long for the store's thread each time."""

TRIED_AGAIN: Final = 5.0
"""Seconds after which what has to be done, and that nobody waits for, is tried again on a disk that took no writes."""
_Answer = TypeVar("_Answer")


class StoreClosed(Exception):
    """Asked of a store that is being closed."""


class Persistence:
    """Has a store run in its thread; see `core.engine.threads.store_thread.StoreAnswers` for what that calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.deliver: Callable[[Event], None] = _nobody
        """Where events go, in the loop; never from within `persist` or `fetch`."""
        self._queue = StoreQueue()
        self._thread = StoreThread(loop, self._queue, self)
        self._epoch = 0
        """How often the store has recovered, as far as the node knows. What it asked for before it knew of the last
        time has failed: it builds upon something that was not kept."""
        self._collected: list[Batch] = []
        self._closing = False
        self._founding = ""
        self._submitting = False
        self.backlog_bytes = 0
        """What waits for the disk, about."""
        self._sizes: deque[tuple[int, int]] = deque()
        self._search: SearchThread | None = None
        self._backing_up = asyncio.Lock()
        self._backup: asyncio.Future[Path] | None = None

    async def open(self, opening: Callable[[], tuple[Store, Recovered]]) -> Recovered:
        """Start the thread, and open the store in it. Raises what `opening` does, RuntimeError without a thread."""
        sys.setswitchinterval(SWITCH_SECONDS)
        return await self._thread.open(opening)

    def persist(self, batch: int, keepables: tuple[Keepable, ...]) -> None:
        """Keep a batch; Committed or CommitFailed follows."""
        count = sum([len(one) if type(one) is EntryColumns else 1 for one in keepables])
        size = sum(map(_content_size, keepables)) + KEEPABLE_BYTES * count
        self._sizes.append((batch, size))
        self.backlog_bytes += size
        self._collected.append(Batch(batch, self._epoch, keepables, size, count))
        # The thread is woken once a turn: each wake-up makes two threads compete for the interpreter.
        if not self._submitting:
            self._submitting = True
            self._loop.call_soon(self._submit)

    def fetch(self, token: int, query: PageQuery) -> None:
        """Read a page that shows everything persisted so far; Fetched follows."""
        if self._search is not None and isinstance(query, PastQuery) and query.query:
            self._search.ask(token, query)
            return
        self._read_soon(partial(self._thread.read, token, query))

    def look_through(self, database: Path, tell: Callable[[IndexFigures], None], *, is_indexed: bool) -> None:
        """From now on what people look for is looked for by a thread of its own. `tell` is called with what is new of
        the index. Raises RuntimeError without a thread."""
        if isinstance(self._store, SqliteStore):
            self._search = SearchThread(
                *(self._loop, database, self._store.gone, self.fetched, tell), is_indexed=is_indexed
            )

    def fetch_records(self, token: int, query: Fetch | Wanted) -> None:
        """The same in records; RecordsFetched follows."""
        self._read_soon(partial(self._thread.read_records, token, query))

    def ask_summary(self, token: int, query: SummaryQuery) -> None:
        """Ask about the sums of everything persisted so far; SummaryAnswered follows."""
        self._read_soon(partial(self._thread.sum, token, query))

    def _read_soon(self, read: Callable[[Store], None]) -> None:
        self._submit()
        self._queue.put_read(read)

    def keep_time(self, stamp: int) -> None:
        """Have the next start find the time. Nobody waits for it: what a disk does not take, it may a second later."""
        self._keep_soon(partial(keep_told_time, stamp=stamp))

    def keep_founding(self, text: str) -> None:
        """Have later starts find who began the network."""
        self._founding = text
        self._do_in_the_end(lambda store: keep_founding(store, self._founding))

    def remove(self, entries: Sequence[EntryId], fingerprints: frozenset[bytes]) -> None:
        """Drop what operators have removed, behind all that was to be kept before. Nobody waits for it."""
        self._submit()
        self._do_in_the_end(lambda store: store.remove(entries, fingerprints))

    def _do_in_the_end(self, work: Callable[[Store], object]) -> None:
        """Have something done, and tried again for as long as the disk takes no writes."""
        done: asyncio.Future[object] = self._loop.create_future()

        def ended(done: asyncio.Future[object]) -> None:
            _not_kept(done)
            if not done.cancelled() and isinstance(done.exception(), StoreError):
                self._loop.call_later(TRIED_AGAIN, self._do_in_the_end, work)

        done.add_done_callback(ended)
        self._queue.put_call((work, done))

    def _keep_soon(self, keep: Callable[[Store], None]) -> None:
        kept: asyncio.Future[None] = self._loop.create_future()
        kept.add_done_callback(_not_kept)
        self._queue.put_call((keep, kept))

    def keep_network(self, network: KeptNetwork) -> None:
        """Have the next start find the network. Nobody waits for it: the next start is taken in once more else."""
        self._keep_soon(partial(keep_network, network=network))

    def do(self, work: Callable[[], None]) -> None:
        """Run something in the store's thread behind everything asked for before. Nobody waits for it."""
        self._keep_soon(lambda store: work())

    async def call(self, work: Callable[[Store], _Answer]) -> _Answer:
        """Run `work(store)` in the store's thread, behind everything asked for before. Raises what it does."""
        self._submit()
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        if not self._queue.put_call((work, answer)):
            raise StoreClosed("the store is closed")
        return await answer

    def queues(self) -> dict[str, int]:
        """How much waits for the disk."""
        return {
            "batches waiting for the disk": len(self._sizes),
            "bytes waiting for the disk": self.backlog_bytes,
            "reads waiting for the disk": self._queue.reads,
        }

    @property
    def _store(self) -> Store | None:
        return self._thread.store

    @property
    def findings(self) -> Sequence[str]:
        """What was found at the opening that the owner should know."""
        return () if self._store is None else self._store.findings

    def discoveries(self) -> Iterator[str]:
        """What has been found since that the owner should know, each once."""
        found = deque[str]() if self._store is None else self._store.discoveries
        while found:
            yield found.popleft()

    @property
    def ended_badly(self) -> bool:
        """Whether the process before this one did not close the store."""
        return self._store is not None and self._store.ended_badly

    @property
    def rescued(self) -> Path | None:
        """After the end: where a backup is that was written because the store's files had gone."""
        return None if self._store is None else self._store.rescued

    async def backup(self, directory: Path, keep: int) -> Path:
        """Write a backup in a thread of its own, one at a time; commits go on. Raises what the store does."""
        async with self._backing_up:
            if self._store is None or self._closing:
                raise StoreClosed("the store is closed")
            self._backup = self._loop.run_in_executor(None, self._store.backup, directory, keep)
            return await asyncio.shield(self._backup)

    async def aclose(self) -> None:
        """Finish everything asked for, close the store, end the thread."""
        if self._backup is not None:
            await asyncio.wait([self._backup])
        self._submit()
        self._closing = True
        if self._search is not None:
            await self._search.aclose()
        self._queue.close()
        await self._thread.ended()

    def _submit(self) -> None:
        self._submitting = False
        if self._collected:
            collected, self._collected = self._collected, []
            self._queue.put_batches(collected)

    # --- answers, in the loop -------------------------------------------------------------------------------------

    def _settled(self, upto: int) -> None:
        while self._sizes and self._sizes[0][0] <= upto:
            self.backlog_bytes -= self._sizes.popleft()[1]

    def damaged(self, entries: EntryRuns) -> None:
        self.deliver(EntriesDamaged(entries))

    def committed(self, batch: int, records: Sequence[LogRecord], arrived: int) -> None:
        self._settled(batch)
        if self._search is not None:
            self._search.committed()
        self.deliver(Committed(batch, records, arrived))

    def failed(self, batches: list[int], reason: str) -> None:
        for batch in batches:
            self._settled(batch)
            self.deliver(CommitFailed(batch, reason))

    def recovered(self, reason: str) -> None:
        self._epoch += 1
        self.failed([batch for batch, _ in self._sizes], reason)
        self.deliver(StoreRecovered())

    def fetched(self, token: int, page: Page | None) -> None:
        self.deliver(Fetched(token, page))

    def records_fetched(self, token: int, page: RecordPage | None) -> None:
        self.deliver(RecordsFetched(token, page))

    def summed(self, token: int, answer: SummaryAnswer | None) -> None:
        self.deliver(SummaryAnswered(token, answer))


def _content_size(keepable: Keepable) -> int:
    match keepable:
        case EntryColumns():
            return sum(map(len, keepable.bodies))
        case Entry():
            return len(keepable.body)
        case LogRecord():
            return len(keepable.line)
        case Proof():
            return len(keepable.record.line)
        case DocumentVersion():
            return len(keepable.body)
        case _:
            return 0


def _not_kept(kept: asyncio.Future[Any]) -> None:
    if not kept.cancelled() and isinstance(kept.exception(), StoreError):
        log.info("it was not kept: %s", kept.exception())


def _nobody(event: Event) -> None:
    log.error("nobody takes %s", type(event).__name__)
