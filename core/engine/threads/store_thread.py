"""The store's thread: nothing that touches the disk happens in the event loop.

What is asked for while a commit runs is committed together as one transaction when it is over (group commit), so the
slower the disk, the larger the groups. Reads take turns with commits: a read sees everything that was to be kept before
it, a stream of reads never keeps commits waiting for more than one page, nor the other way round. Between two commits
there is one piece of anything else: a page, a call, some more of a summary, or of what follows commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from core.engine.threads.failing_disk import FailingDisk
from core.engine.threads.store_queue import Batch, StoreQueue
from core.reconciliation.summary_queries import SummaryAnswer, SummaryQuery
from core.store.page_queries import answer_to
from core.store.store_interface import Store
from core.wire.entries import Fetch, Page, Wanted
from core.wire.entry_runs import EntryRuns
from core.wire.missing import PageQuery
from core.wire.records import LogRecord, RecordPage
from core.wire.recovered import Recovered

log = logging.getLogger(__name__)

FOLLOW_PAUSE: Final = 0.05
"""Seconds without a commit after which what it has left for later is done: of many commits at once it takes less."""
CHECK_SECONDS: Final = 1.0
"""How often an idle store is asked whether its files are still where they should be."""
MEND_AGAIN: Final = 5.0
"""Seconds between two tries to mend what is damaged."""
NO_BATCH: Final = 0
"""Stands before every batch: no batch has failed, and all to come will."""

_Answer = TypeVar("_Answer")


class StoreAnswers(Protocol):
    """Who is told what comes of it, in the event loop."""

    def committed(self, batch: int, records: Sequence[LogRecord], arrived: int) -> None:
        """A batch and those before it are kept, as these records, the last of which has the number `arrived`."""

    def failed(self, batches: list[int], reason: str) -> None:
        """Batches cannot be kept."""

    def recovered(self, reason: str) -> None:
        """The disk works again, which failed for this reason."""

    def damaged(self, entries: EntryRuns) -> None:
        """Entries were damaged, and count as never received."""

    def fetched(self, token: int, page: Page | None) -> None:
        """A page was read; None if it could not be."""

    def records_fetched(self, token: int, page: RecordPage | None) -> None:
        """The same in records."""

    def summed(self, token: int, answer: SummaryAnswer | None) -> None:
        """Sums were asked for; None if they could not be read."""


class StoreThread:
    """Runs a store."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: StoreQueue, answers: StoreAnswers) -> None:
        self._loop = loop
        self._queue = queue
        self._answers = answers
        self.store: Store | None = None
        """As soon as it is open."""
        self._thread: threading.Thread | None = None
        self._disk = FailingDisk()
        self._check_at = 0.0
        self._mend_at = 0.0
        self._epoch = 0
        """How often the store has recovered."""
        self._behind = False
        """Whether the store has left something for when there is nothing else to do."""
        self._follow_at = 0.0
        self._follows_next = False
        """Whether its turn is the next one, if there is anything of it: something else had the last one."""
        self._opened: asyncio.Future[Recovered] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()

    async def open(self, opening: Callable[[], tuple[Store, Recovered]]) -> Recovered:
        """Start the thread, and open the store in it. Raises what `opening` does, RuntimeError without a thread."""
        thread = threading.Thread(target=self._run, args=(opening,), name="store", daemon=True)
        thread.start()
        self._thread = thread
        return await asyncio.shield(self._opened)

    async def ended(self) -> None:
        """Wait until all is done that waited when the queue was closed, and the store is closed."""
        if self._thread is not None:
            await asyncio.shield(self._ended)
            self._thread.join()

    # --- what it does -------------------------------------------------------------------------------------------------

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
        self.store = store
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
            follows = self._behind and self._follows_next
            group, read, call, idle, over = self._queue.take(self._patience, is_busy=follows)
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
            self._follows_next = read is not None or call is not None
            if read is not None:
                read(store)
            elif call is not None:
                self._execute(store, *call)
            elif self._behind:
                self._follow(store, idle=time.monotonic() >= self._follow_at and not group)

    def _patience(self) -> float:
        """For how many seconds to wait for something to do."""
        limit = self._disk.wait if self._disk else CHECK_SECONDS
        return min(limit, max(0.0, self._follow_at - time.monotonic())) if self._behind else limit

    def _commit(self, store: Store, group: list[Batch]) -> None:
        group = [batch for batch in group if batch.epoch == self._epoch]
        records: Sequence[LogRecord] = ()
        if group and not self._disk:
            try:
                records = store.commit([keepable for batch in group for keepable in batch.keepables])
            except Exception as error:
                _warn("a commit failed: %s", error)
                self._disk.failed(_reason(error), sum(batch.size for batch in group))
        if group and self._disk:
            self._post(self._answers.failed, [batch.number for batch in group], self._disk.reason)
        elif group:
            self._post(self._answers.committed, group[-1].number, records, store.arrived)
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
            self._post(self._answers.failed, [NO_BATCH], self._disk.reason)

    def _mend(self, store: Store) -> None:
        """Have what was found to be damaged mended. What takes long is told as a disk that fails, and works again."""
        try:
            if not store.is_damaged:
                return
            if store.damage and not self._disk:
                self._disk.failed(f"the data is damaged, and is being made anew: {store.damage}", 0)
                self._post(self._answers.failed, [NO_BATCH], self._disk.reason)
            lost = store.mend()
        except Exception as error:
            _warn("what is damaged could not be mended: %s", error)
            self._mend_at = time.monotonic() + MEND_AGAIN
            return
        if lost:
            self._post(self._answers.damaged, lost)

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
            self._epoch += 1
            self._post(self._answers.recovered, disk.reason)
            disk.recovered()

    # --- what it is asked for -----------------------------------------------------------------------------------------

    def read(self, token: int, query: PageQuery, store: Store) -> None:
        """Read a page."""
        page = self._read_whole(store, lambda: answer_to(store, query), query, "a page")
        self._post(self._answers.fetched, token, page)

    def read_records(self, token: int, query: Fetch | Wanted, store: Store) -> None:
        """Read a page of records."""
        page = self._read_whole(store, lambda: store.fetch_records(query), query, "a page of records")
        self._post(self._answers.records_fetched, token, page)

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

    def sum(self, token: int, query: SummaryQuery, store: Store) -> None:
        """Answer about sums."""
        answer: SummaryAnswer | None = None
        try:
            if not store.prepare_summary(query):
                # Commits, and other reads, have their turn in between.
                self._queue.put_read(partial(self.sum, token, query))
                return
            answer = store.ask_summary(query)
        except Exception as error:
            _warn("the summary could not be read: %s", error)
        self._mend_first(store)
        self._post(self._answers.summed, token, answer)

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


def _answer(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
