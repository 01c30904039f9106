"""The search's thread: it looks for what people ask for, and otherwise brings the index of words up, little by little.

It has connections of its own to the data, which only read, so commits never wait for it. What it computes takes the
interpreter from the event loop for a moment at a time: pieces are short, and while much is being kept there are pauses
between them many times as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from core.fulltext.data_view import DataReplaced, DataView
from core.fulltext.found_page import place_of
from core.fulltext.index_file import INDEX, discard_index, has_fts, open_index
from core.fulltext.indexing import Indexing
from core.fulltext.searching import ActivitySearch
from core.query import QueryError, parse
from core.store.gone import Gone
from core.store.store_errors import StoreError
from core.wire.entries import Page
from core.wire.past_query import PastQuery

log = logging.getLogger(__name__)

PIECE_SECONDS: Final = 0.1
"""For so long is looked for one page; with what was found by then it is answered."""
BEGIN_AFTER: Final = 3.0
"""Seconds after the start in which nothing is indexed: there is enough to do then."""
LOOK_EVERY: Final = 2.0
"""Seconds between two looks whether there is something new."""
AGAIN_AFTER: Final = 30.0
"""Seconds until what failed is tried again."""
IDLE_SHARE: Final = 0.25
"""Of a processor's time, that indexing takes while little is kept."""
BUSY_SHARE: Final = 0.01
"""While much is."""
BUSY_FROM: Final = 20.0
"""Commits a second that are much."""
DISK_LEAST: Final = 512 * 1024 * 1024
"""With fewer bytes free on the disk nothing is indexed: they are the data's."""


class IndexFigures(NamedTuple):
    """What is to be told of the index."""

    unindexed: int | None
    """How many activities it has not come to, about; None: there is none."""
    bytes: int


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
        self._is_indexed = is_indexed and has_fts()
        self._changed = threading.Condition()
        self._questions: deque[tuple[int, PastQuery]] = deque()
        self._is_closing = False
        self._commits = 0
        self._looked = (0.0, 0)
        self._open: _Open | None = None
        self._due = time.monotonic() + BEGIN_AFTER
        self._told: IndexFigures | None = None
        self._warned = ""
        self._is_busy = False
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
        try:
            if not self._is_indexed:
                self._forget_index()
            while not self._is_closing:
                question = self._wait()
                if question is not None:
                    self._post(self._answer, question[0], self._look(question[1]))
                elif self._is_indexed and time.monotonic() >= self._due and not self._is_closing:
                    self._index()
        finally:
            self._let_go(in_order=True)
            for token, _ in self._questions:
                self._post(self._answer, token, None)
            self._post(self._ended.set_result, None)

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

    # --- looking for something ----------------------------------------------------------------------------------------

    def _look(self, query: PastQuery) -> Page | None:
        for _ in range(2):
            try:
                return self._found(query)
            except DataReplaced:
                self._let_go()
            except QueryError:
                return None
            except (sqlite3.Error, OSError, StoreError, ValueError) as error:
                self._failed(error)
        return None

    def _found(self, query: PastQuery) -> Page:
        opened = self._opened()
        opened.search.is_filling = self._has_room()
        wanted, place = parse(query.query, now=0.0), place_of(query)
        return opened.search.page(wanted, place, query.entries_max, PIECE_SECONDS).page

    # --- the index ----------------------------------------------------------------------------------------------------

    def _index(self) -> None:
        began = time.monotonic()
        try:
            more = self._step()
        except DataReplaced:
            self._let_go()
            self._due = time.monotonic() + LOOK_EVERY
            return
        except (sqlite3.Error, OSError, StoreError, ValueError) as error:
            self._failed(error)
            self._due = time.monotonic() + AGAIN_AFTER
            return
        now = time.monotonic()
        took = now - began
        self._due = now + (took / self._share(now) - took if more else LOOK_EVERY)

    def _step(self) -> bool:
        indexing = self._opened().indexing
        if indexing is None:
            return False
        # What was removed goes, however little room there is.
        more = indexing.step() if self._has_room() else indexing.drop_gone()
        figures = IndexFigures(indexing.unindexed, indexing.index.bytes)
        if figures != self._told and (not more or self._told is None):
            self._told = figures
            self._post(self._tell, figures)
        return more

    def _has_room(self) -> bool:
        return shutil.disk_usage(self._database.parent).free >= DISK_LEAST

    def _share(self, now: float) -> float:
        """Of a processor's time, that may be taken now."""
        at, commits = self._looked
        if now - at >= 0.5:
            self._looked = now, self._commits
            self._is_busy = self._commits - commits > BUSY_FROM * (now - at)
        return BUSY_SHARE if self._is_busy else IDLE_SHARE

    # --- what is open -------------------------------------------------------------------------------------------------

    def _opened(self) -> _Open:
        if self._open is None:
            self._open = _Open.of(self._database, self._gone, is_indexed=self._is_indexed)
        return self._open

    def _failed(self, error: Exception) -> None:
        """What is open does not count any more; an index that is damaged is made anew."""
        if str(error) != self._warned:
            self._warned = str(error)
            log.warning("the index of words could not be used: %s", error)
        self._let_go()
        if not isinstance(error, sqlite3.OperationalError | OSError):
            self._forget_index()

    def _forget_index(self) -> None:
        """Delete it: what is removed meanwhile would stay in it."""
        with contextlib.suppress(OSError):
            discard_index(self._database.with_name(INDEX))

    def _let_go(self, *, in_order: bool = False) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            with contextlib.suppress(sqlite3.Error, OSError, StoreError, DataReplaced, ValueError):
                opened.close(in_order=in_order)


class _Open(NamedTuple):
    """The data and its index, open."""

    data: DataView
    indexing: Indexing | None
    search: ActivitySearch

    @classmethod
    def of(cls, database: Path, gone: Gone, *, is_indexed: bool) -> _Open:
        """Raises sqlite3.Error, OSError, DataReplaced."""
        data = DataView(database)
        try:
            indexing = None
            if is_indexed:
                with data.reading():
                    last, newest = data.last, data.newest
                indexing = Indexing(data, open_index(database.with_name(INDEX), data.file, last, newest), gone)
            return cls(data, indexing, ActivitySearch(data, indexing, time.monotonic))
        except BaseException:
            data.close()
            raise

    def close(self, *, in_order: bool) -> None:
        try:
            if self.indexing is not None:
                if in_order:
                    self.indexing.end()
                self.indexing.index.close()
        finally:
            self.data.close()
