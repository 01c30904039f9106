"""What the search's thread does: it looks for something, and brings the index of words up by a piece."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Final, NamedTuple

from core.engine.threads.index_figures import IndexFigures
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
DISK_LEAST: Final = 512 * 1024 * 1024
"""With fewer bytes free on the disk nothing is indexed: they are the data's."""


class IndexStep(NamedTuple):
    """What is so after a piece of the index."""

    more: bool
    """Whether there is more to do at once."""
    figures: IndexFigures | None
    """What can be told of it; None if nothing can."""


class SearchWork:
    """The data and its index, opened when they are needed, and again when they were replaced."""

    def __init__(self, database: Path, gone: Gone, *, is_indexed: bool) -> None:
        """Without `is_indexed` there is no index from here on, and each activity is looked at."""
        self._database = database
        self._gone = gone
        self.is_indexed = is_indexed and has_fts()
        self._open: _Open | None = None
        self._warned = ""
        if not self.is_indexed:
            self._forget_index()

    def look(self, query: PastQuery) -> Page | None:
        """What is found in a while; None if it cannot be looked for."""
        for _ in range(2):
            try:
                opened = self._opened()
                opened.search.is_filling = self._has_room()
                wanted, place = parse(query.query, now=0.0), place_of(query)
                return opened.search.page(wanted, place, query.entries_max, PIECE_SECONDS).page
            except DataReplaced:
                self._let_go()
            except QueryError:
                return None
            except (sqlite3.Error, OSError, StoreError, ValueError) as error:
                self._failed(error)
        return None

    def index(self) -> IndexStep | None:
        """Bring the index up by a piece; None if it failed."""
        try:
            indexing = self._opened().indexing
            if indexing is None:
                return IndexStep(False, None)
            # What was removed goes, however little room there is.
            more = indexing.step() if self._has_room() else indexing.drop_gone()
            return IndexStep(more, IndexFigures(indexing.unindexed, indexing.index.bytes))
        except DataReplaced:
            self._let_go()
            return IndexStep(False, None)
        except (sqlite3.Error, OSError, StoreError, ValueError) as error:
            self._failed(error)
            return None

    def end(self) -> None:
        """Close what is open, in order."""
        self._let_go(in_order=True)

    def _has_room(self) -> bool:
        return shutil.disk_usage(self._database.parent).free >= DISK_LEAST

    def _opened(self) -> _Open:
        if self._open is None:
            self._open = _Open.of(self._database, self._gone, is_indexed=self.is_indexed)
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
                indexing = Indexing(data, open_index(database.with_name(INDEX), data), gone)
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
