"""The store in a thread of its own: nothing that touches the disk happens in the event loop.

What is asked for while a commit runs is committed together as one transaction when it is over (group commit), so the
slower the disk, the larger the groups. Reads take turns with commits: a read sees everything that was to be kept before
it, a stream of reads never keeps commits waiting for more than one page, nor the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from core.engine.threads.failing_disk import FailingDisk
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
from core.store.page_queries import answer_to
from core.store.store_interface import Store
from core.wire.entries import Entry, Fetch, Page, Wanted
from core.wire.entry_runs import EntryRuns
from core.wire.keepables import Keepable, Proof
from core.wire.missing import PageQuery
from core.wire.records import LogRecord, RecordPage
from core.wire.recovered import Recovered

log = logging.getLogger(__name__)

GROUP_KEEPABLES_MAX: Final = 20_000
"""Most keepables in one transaction."""
KEEPABLE_BYTES: Final = 200
"""What a keepable costs beside its body, about."""
FOLLOW_PAUSE: Final = 0.05
"""Seconds without a commit after which what it has left for later is done: of many commits at once it takes less."""
CHECK_SECONDS: Final = 1.0
"""How often an idle store is asked whether its files are still where they should be."""
MEND_AGAIN: Final = 5.0
"""Seconds between two tries to mend what is damaged."""
SWITCH_SECONDS: Final = 0.001
"""How long a thread that computes keeps the interpreter from another one that could (Python's default: 5 ms). The event
loop gives it away at each look at a socket, and would wait so long for the store's thread each time."""
NO_BATCH: Final = 0
"""Stands before every batch: no batch has failed, and all to come will."""

_Answer = TypeVar("_Answer")


class _Batch(NamedTuple):
    number: int
    epoch: int
    keepables: tuple[Keepable, ...]


class StoreClosed(Exception):
    """Asked of a store that is being closed."""


class Persistence:
    """Runs a store."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.deliver: Callable[[Event], None] = _nobody
        """Where events go, in the loop; never from within `persist` or `fetch`."""
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._batches: deque[_Batch] = deque()
        self._fetches: deque[Callable[[Store], None]] = deque()
        self._calls: deque[tuple[Callable[[Store], Any], asyncio.Future[Any]]] = deque()
        self._closing = False

        # The thread's own.
        self._disk = FailingDisk()
        self._check_at = 0.0
        self._mend_at = 0.0
        self._store_epoch = 0
        self._behind = False
        """Whether the store has left something for when there is nothing else to do."""
        self._follow_at = 0.0

        # The loop's own.
        self._epoch = 0
        """How often the store has recovered, as far as the node knows. What it asked for before it knew of the last
        time has failed: it builds upon something that was not kept."""
        self._collected: list[_Batch] = []
        self._submitting = False
        self.backlog_bytes = 0
        """What waits for the disk, about."""
        self._sizes: deque[tuple[int, int]] = deque()
        self._opened: asyncio.Future[Recovered] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        self._backing_up = asyncio.Lock()
        self._backup: asyncio.Future[Path] | None = None

    async def open(self, opening: Callable[[], tuple[Store, Recovered]]) -> Recovered:
        """Start the thread, and open the store in it. Raises what `opening` does, RuntimeError without a thread."""
        sys.setswitchinterval(SWITCH_SECONDS)
        thread = threading.Thread(target=self._run, args=(opening,), name="store", daemon=True)
        thread.start()
        self._thread = thread
        return await asyncio.shield(self._opened)

    def persist(self, batch: int, keepables: tuple[Keepable, ...]) -> None:
        """Keep a batch; Committed or CommitFailed follows."""
        size = _size(keepables)
        self._sizes.append((batch, size))
        self.backlog_bytes += size
        self._collected.append(_Batch(batch, self._epoch, keepables))
        # The thread is woken once a turn: each wake-up makes two threads compete for the interpreter.
        if not self._submitting:
            self._submitting = True
            self._loop.call_soon(self._submit)

    def fetch(self, token: int, query: PageQuery) -> None:
        """Read a page that shows everything persisted so far; Fetched follows."""
        self._read_soon(partial(self._read, token, query))

    def fetch_records(self, token: int, query: Fetch | Wanted) -> None:
        """The same in records; RecordsFetched follows."""
        self._read_soon(partial(self._read_records, token, query))

    def ask_summary(self, token: int, query: SummaryQuery) -> None:
        """Ask about the sums of everything persisted so far; SummaryAnswered follows."""
        self._read_soon(partial(self._sum, token, query))

    def _read_soon(self, read: Callable[[Store], None]) -> None:
        self._submit()
        with self._changed:
            self._fetches.append(read)
            self._changed.notify()

    async def call(self, work: Callable[[Store], _Answer]) -> _Answer:
        """Run `work(store)` in the store's thread, behind everything asked for before. Raises what it does."""
        self._submit()
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        with self._changed:
            if self._closing:
                raise StoreClosed("the store is closed")
            self._calls.append((work, answer))
            self._changed.notify()
        return await answer

    def queues(self) -> dict[str, int]:
        """How much waits for the disk."""
        return {
            "batches waiting for the disk": len(self._sizes),
            "bytes waiting for the disk": self.backlog_bytes,
            "reads waiting for the disk": len(self._fetches) + len(self._calls),
        }

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
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is None:
            return
        await asyncio.shield(self._ended)
        self._thread.join()

    def _submit(self) -> None:
        self._submitting = False
        if self._collected:
            collected, self._collected = self._collected, []
            with self._changed:
                self._batches.extend(collected)
                self._changed.notify()

    # --- answers, in the loop -------------------------------------------------------------------------------------

    def _settled(self, upto: int) -> None:
        while self._sizes and self._sizes[0][0] <= upto:
            self.backlog_bytes -= self._sizes.popleft()[1]

    def _damaged(self, entries: EntryRuns) -> None:
        self.deliver(EntriesDamaged(entries))

    def _committed(self, batch: int, records: Sequence[LogRecord], arrived: int) -> None:
        self._settled(batch)
        self.deliver(Committed(batch, records, arrived))

    def _failed(self, batches: list[int], reason: str) -> None:
        for batch in batches:
            self._settled(batch)
            self.deliver(CommitFailed(batch, reason))

    def _recovered(self, reason: str) -> None:
        self._epoch += 1
        self._failed([batch for batch, _ in self._sizes], reason)
        self.deliver(StoreRecovered())

    def _fetched(self, token: int, page: Page | None) -> None:
        self.deliver(Fetched(token, page))

    def _records_fetched(self, token: int, page: RecordPage | None) -> None:
        self.deliver(RecordsFetched(token, page))

    def _summed(self, token: int, answer: SummaryAnswer | None) -> None:
        self.deliver(SummaryAnswered(token, answer))

    # --- the thread -----------------------------------------------------------------------------------------------

    def _post(self, callback: Callable[..., object], *arguments: object) -> None:
        # The loop may be gone when a process is ended the hard way.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _run(self, opening: Callable[[], tuple[Store, Recovered]]) -> None:
        try:
            store, recovered = opening()
        except BaseException as error:
            self._post(_fail, self._opened, error)
            self._post(_answer, self._ended, None)
            return
        self._store = store
        self._post(_answer, self._opened, recovered)
        try:
            self._serve(store)
        finally:
            try:
                store.close()
            except Exception:
                log.exception("the store could not be closed")
            self._post(_answer, self._ended, None)

    def _serve(self, store: Store) -> None:
        while True:
            with self._changed:
                while not (self._batches or self._fetches or self._calls or self._closing):
                    limit = self._patience()
                    if limit == 0.0 or not self._changed.wait(limit):
                        break
                idle = not (self._batches or self._closing)
                group = self._take_group()
                fetch = self._fetches.popleft() if self._fetches else None
                call = self._calls.popleft() if self._calls and not self._batches else None
                over = self._closing and not (group or fetch or call)
            if over:
                return
            if self._disk and not self._disk.wait:
                self._probe(store)
            if not self._disk and time.monotonic() >= self._mend_at:
                self._mend(store)
            if idle and not self._disk and time.monotonic() >= self._check_at:
                self._check(store)
            if group:
                self._commit(store, group)
            if fetch is not None:
                fetch(store)
            if call is not None:
                self._execute(store, *call)
            if self._behind:
                self._follow(store, idle=time.monotonic() >= self._follow_at and not (group or fetch or call))

    def _patience(self) -> float:
        """For how many seconds to wait for something to do."""
        limit = self._disk.wait if self._disk else CHECK_SECONDS
        return min(limit, max(0.0, self._follow_at - time.monotonic())) if self._behind else limit

    def _take_group(self) -> list[_Batch]:
        upto = list(accumulate([len(batch.keepables) for batch in self._batches]))
        count = max(1, bisect_right(upto, GROUP_KEEPABLES_MAX)) if upto else 0
        return [self._batches.popleft() for _ in range(count)]

    def _commit(self, store: Store, group: list[_Batch]) -> None:
        group = [batch for batch in group if batch.epoch == self._store_epoch]
        records: Sequence[LogRecord] = ()
        if group and not self._disk:
            try:
                records = store.commit([keepable for batch in group for keepable in batch.keepables])
            except Exception as error:
                _warn("a commit failed: %s", error)
                self._disk.failed(_reason(error), sum(_size(batch.keepables) for batch in group))
        if group and self._disk:
            self._post(self._failed, [batch.number for batch in group], self._disk.reason)
        elif group:
            self._post(self._committed, group[-1].number, records, store.arrived)
            self._behind = True
            self._follow_at = time.monotonic() + FOLLOW_PAUSE

    def _follow(self, store: Store, *, idle: bool) -> None:
        try:
            self._behind = store.follow(idle=idle)
        except Exception as error:
            # The next commit finds out what is wrong, and the next one that succeeds brings this up again.
            _warn("the store is behind: %s", error)
            self._behind = False

    def _check(self, store: Store) -> None:
        """A commit does this by itself; where nothing is posted, nobody would notice."""
        self._check_at = time.monotonic() + CHECK_SECONDS
        try:
            store.check()
        except Exception as error:
            _warn("the store fails: %s", error)
            self._disk.failed(_reason(error), 0)
            self._post(self._failed, [NO_BATCH], self._disk.reason)

    def _mend(self, store: Store) -> None:
        """Have what was found to be damaged mended. What takes long is told as a disk that fails, and works again."""
        try:
            if not store.is_damaged:
                return
            if store.damage and not self._disk:
                self._disk.failed(f"the data is damaged, and is being made anew: {store.damage}", 0)
                self._post(self._failed, [NO_BATCH], self._disk.reason)
            lost = store.mend()
        except Exception as error:
            _warn("what is damaged could not be mended: %s", error)
            self._mend_at = time.monotonic() + MEND_AGAIN
            return
        if lost:
            self._post(self._damaged, lost)

    def _probe(self, store: Store) -> None:
        """Try a disk that failed; a few times in a row, it has recovered."""
        disk = self._disk
        try:
            store.check()
            self._mend(store)
            disk.probe(store)
        except Exception as error:
            disk.failed_again(_reason(error), error)
            return
        if disk.passed():
            self._store_epoch += 1
            self._post(self._recovered, disk.reason)
            disk.recovered()

    def _read(self, token: int, query: PageQuery, store: Store) -> None:
        page = self._read_whole(store, lambda: answer_to(store, query), query, "a page")
        self._post(self._fetched, token, page)

    def _read_records(self, token: int, query: Fetch | Wanted, store: Store) -> None:
        page = self._read_whole(store, lambda: store.fetch_records(query), query, "a page of records")
        self._post(self._records_fetched, token, page)

    def _read_whole(self, store: Store, read: Callable[[], _Answer], query: PageQuery, what: str) -> _Answer | None:
        """What is read; if that comes upon damage, what is read once that is mended, which is told first.

        A page tells up to where it is complete, and damage is left out of it unseen.
        """
        for _ in range(2):
            answer: _Answer | None = None
            try:
                answer = read()
            except Exception as error:
                _warn(f"{what} could not be read: %s", error)
            if not store.is_damaged:
                return answer
            self._mend_first(store)
        return answer if isinstance(query, Wanted) or not store.is_damaged else None

    def _sum(self, token: int, query: SummaryQuery, store: Store) -> None:
        answer: SummaryAnswer | None = None
        try:
            if not store.prepare_summary():
                # Commits, and other reads, have their turn in between.
                with self._changed:
                    self._fetches.append(partial(self._sum, token, query))
                return
            answer = store.ask_summary(query)
        except Exception as error:
            _warn("the summary could not be read: %s", error)
        self._mend_first(store)
        self._post(self._summed, token, answer)

    def _mend_first(self, store: Store) -> None:
        """What a question has found out is told before its answer is."""
        if store.is_damaged and not self._disk and time.monotonic() >= self._mend_at:
            self._mend(store)

    def _execute(self, store: Store, work: Callable[[Store], Any], answer: asyncio.Future[Any]) -> None:
        try:
            result = work(store)
        except Exception as error:
            self._post(_fail, answer, error)
        else:
            self._post(_answer, answer, result)


def _warn(text: str, error: Exception) -> None:
    # Whoever takes the log may fail, which must not end the thread.
    with contextlib.suppress(Exception):
        log.warning(text, error)


def _size(keepables: tuple[Keepable, ...]) -> int:
    sizes = [len(one.body) if type(one) is Entry else _content_size(one) for one in keepables]
    return sum(sizes) + KEEPABLE_BYTES * len(sizes)


def _content_size(keepable: Keepable) -> int:
    match keepable:
        case LogRecord():
            return len(keepable.line)
        case Proof():
            return len(keepable.record.line)
        case _:
            return 0


def _nobody(event: Event) -> None:
    log.error("nobody takes %s", type(event).__name__)


def _answer(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
