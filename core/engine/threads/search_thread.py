"""The search's thread: it looks for what people ask for, and otherwise brings the index of words up, little by little.

It has connections of its own to the data, which only read, so commits never wait for it. What it computes takes the
interpreter from the event loop for a moment at a time: pieces are short, and while the server has much to do there are
pauses between them many times as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.engine.threads.index_figures import IndexFigures
from core.store.gone import Gone
from core.wire.entries import Page
from core.wire.past_query import PastQuery

if TYPE_CHECKING:
    from core.engine.threads.search_work import SearchWork

log = logging.getLogger(__name__)

BEGIN_AFTER: Final = 3.0
"""Seconds after the start in which nothing is indexed: there is enough to do then."""
LOOK_EVERY: Final = 2.0
"""Seconds between two looks whether there is something new."""
AGAIN_AFTER: Final = 30.0
"""Seconds until what failed is tried again."""
IDLE_SHARE: Final = 0.25
"""Of a processor's time, that indexing takes while the server has little to do."""
BUSY_SHARE: Final = 0.01
"""While it has much."""
BUSY_COMMITS: Final = 20.0
"""Commits a second that are much."""
BUSY_CPU: Final = 0.25
"""Of a processor's time, taken by all else in the process or waited for, that is much: who catches up from here has
nothing committed."""
LOOK_SECONDS: Final = 0.5
"""Less than that is too short a time to say how much there was to do in it."""


class IndexPace:
    """How much of a processor's time indexing may take now, by what else was done since the last look."""

    def __init__(self, now: float, spent: float) -> None:
        """`now` in monotonic seconds; `spent`: seconds of processor time that all but the indexing has taken, and for
        which it had to wait."""
        self._looked = now, 0, spent
        self.share = IDLE_SHARE

    def look(self, now: float, commits: int, spent: float) -> None:
        """`commits`: how many there have been since the start."""
        at, commits_then, spent_then = self._looked
        passed = now - at
        if passed < LOOK_SECONDS:
            return
        self._looked = now, commits, spent
        is_busy = commits - commits_then > BUSY_COMMITS * passed or spent - spent_then > BUSY_CPU * passed
        self.share = BUSY_SHARE if is_busy else IDLE_SHARE


class SearchThread:
    """Runs while the store is open. Questions are few: who asks sees to that."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        database: Path,
        gone: Gone,
        answer: Callable[[int, Page | None], None],
        tell: Callable[[IndexFigures], None],
        *,
        is_indexed: bool,
    ) -> None:
        """`answer` is given what was found, or None, by the question's token, and `tell` what is new of the index, both
        in the loop. Without `is_indexed` each activity is looked at."""
        self._loop = loop
        self._database = database
        self._gone = gone
        self._answer = answer
        self._tell = tell
        self._is_indexed = is_indexed
        self._changed = threading.Condition()
        self._questions: deque[tuple[int, PastQuery]] = deque()
        self._is_closing = False
        self._commits = 0
        self._due = time.monotonic() + BEGIN_AFTER
        self._told: IndexFigures | None = None
        self._waited = 0.0
        """Seconds for which indexing has waited: for the interpreter, a processor or the disk."""
        self._pace = IndexPace(time.monotonic(), time.process_time())
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)
        self._thread.start()

    # --- in the loop --------------------------------------------------------------------------------------------------

    def ask(self, token: int, query: PastQuery) -> None:
        """Have something looked for."""
        with self._changed:
            self._questions.append((token, query))
            self._changed.notify()

    def committed(self) -> None:
        """Something was kept."""
        self._commits += 1

    async def aclose(self) -> None:
        """End the thread. Questions that have not begun are answered with nothing."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        await asyncio.shield(self._ended)
        self._thread.join()

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        work: SearchWork | None = None
        try:
            if not self._is_indexed:
                work = self._begin()
            while not self._is_closing:
                question = self._wait()
                is_due = self._is_indexed and time.monotonic() >= self._due and not self._is_closing
                if work is None and (question is not None or is_due):
                    work = self._begin()
                if question is not None:
                    self._post(self._answer, question[0], None if work is None else work.look(question[1]))
                elif is_due:
                    self._index(work)
        finally:
            if work is not None:
                work.end()
            for token, _ in self._questions:
                self._post(self._answer, token, None)
            self._post(self._ended.set_result, None)

    def _begin(self) -> SearchWork | None:
        """What looks and indexes; None where it cannot be loaded now, as no file can be opened."""
        try:
            # It takes a good part of a start to load, which it is not needed for.
            from core.engine.threads.search_work import SearchWork
        except (ImportError, OSError) as error:
            log.warning("the search could not be loaded: %s", error)
            return None
        work = SearchWork(self._database, self._gone, is_indexed=self._is_indexed)
        self._is_indexed = work.is_indexed
        return work

    def _wait(self) -> tuple[int, PastQuery] | None:
        with self._changed:
            if not self._questions and not self._is_closing:
                wait = max(0.0, self._due - time.monotonic()) if self._is_indexed else None
                self._changed.wait(wait)
            return self._questions.popleft() if self._questions else None

    def _post(self, callback: Callable[..., object], *arguments: object) -> None:
        # The loop may be gone when a process is ended the hard way.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    # --- the index ----------------------------------------------------------------------------------------------------

    def _index(self, work: SearchWork | None) -> None:
        began, spent = time.monotonic(), time.thread_time()
        step = work.index() if work is not None else None
        if step is None:
            self._due = time.monotonic() + AGAIN_AFTER
            return
        if step.figures is not None and step.figures != self._told and (not step.more or self._told is None):
            self._told = step.figures
            self._post(self._tell, step.figures)
        now = time.monotonic()
        took = now - began
        others, own = time.process_time() - time.thread_time(), time.thread_time() - spent
        self._waited += max(0.0, took - own)
        self._pace.look(now, self._commits, others + self._waited)
        self._due = now + (took / self._pace.share - took if step.more else LOOK_EVERY)
