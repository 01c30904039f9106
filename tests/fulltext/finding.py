"""A store with an index beside it, and asking both for all that matches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from core.fulltext.data_view import DataView
from core.fulltext.found_page import SearchPage, SearchPlace
from core.fulltext.index_file import INDEX, open_index
from core.fulltext.indexing import Indexing
from core.fulltext.searching import ActivitySearch
from core.query import Query, document, matches, parse
from core.store import Retention, SqliteStore
from core.store.contents import position
from core.store.retention import KEEP_EVERYTHING
from core.wire.entries import Entry, EntryId, Fetch, Stream
from tests.store.making import WALL, open_at

A, B = Stream("a", 1), Stream("b", 1)


def note(stream: Stream, seq: int, text: str, stamp: int | None = None, *, sender: str = "ann") -> Entry:
    body = msgspec.json.encode({"type": "Create", "object": {"type": "Note", "content": text}})
    return Entry(EntryId(*stream, seq), "activity", seq * 10 if stamp is None else stamp, body, sender)


def like(stream: Stream, seq: int, reference: str, stamp: int | None = None, *, sender: str = "ann") -> Entry:
    body = msgspec.json.encode({"type": "Like", "object": reference})
    return Entry(EntryId(*stream, seq), "activity", seq * 10 if stamp is None else stamp, body, sender)


class Searched:
    """A store with an index and a search."""

    def __init__(self, path: Path, retention: Retention = KEEP_EVERYTHING) -> None:
        self.path = path
        self.store: SqliteStore = open_at(path, WALL, retention=retention)[0]
        self.open()

    def open(self) -> None:
        """Open the index, as a start does."""
        self.view = DataView(self.path / "node.db")
        index = open_index(self.path / INDEX, self.view)
        self.indexing = Indexing(self.view, index, self.store.gone)
        self.search = ActivitySearch(self.view, self.indexing, time.monotonic)
        self.unaided = ActivitySearch(self.view, None, time.monotonic)

    def close_index(self) -> None:
        self.indexing.end()
        self.indexing.index.close()
        self.view.close()

    def close(self) -> None:
        self.close_index()
        self.store.close()

    def bring_up(self) -> None:
        """Have the index come to everything."""
        while self.store.follow(idle=True):
            pass
        while self.indexing.step():
            pass

    def expected(self, query: Query) -> list[EntryId]:
        """What the query means: each activity that is kept is looked at."""
        page = self.store.fetch(Fetch({}, ("activity",), entries_max=1_000_000, bytes_max=1 << 30))
        found = [
            one
            for one in page.entries
            if matches(query, document(one.sender, one.body, one.stamp, f"activity:{one.id}"))
        ]
        return [one.id for one in sorted(found, key=position, reverse=True)]


def read(text: str) -> Query:
    return parse(text, now=WALL)


def pages(search: ActivitySearch, query: Query, most: int = 7, seconds: float = 0.0) -> Iterator[SearchPage]:
    """All pages; each looks at one piece of time only."""
    before: SearchPlace | None = None
    while True:
        page = search.page(query, before, most, seconds)
        assert len(page.entries) <= most
        yield page
        if page.place is None:
            return
        assert before is None or page.waits or page.place < before
        before = page.place


def found(search: ActivitySearch, query: Query, most: int = 7, seconds: float = 0.0) -> list[EntryId]:
    return [entry.id for page in pages(search, query, most, seconds) for entry in page.entries]


@contextmanager
def searched(path: Path, retention: Retention = KEEP_EVERYTHING) -> Iterator[Searched]:
    place = Searched(path, retention)
    try:
        yield place
    finally:
        place.close()
