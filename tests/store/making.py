"""Entries for tests, and asking a store for all that somebody lacks."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec

from core.store import KEEP_EVERYTHING, OnLoss, Retention, SqliteStore, Store, node_id, open_store
from core.wire.entries import AccountFact, Entry, EntryId, Fetch, Kind, Page, Stream
from core.wire.recovered import Recovered

WALL = 1_800_000_000.0
MICROSECONDS = 1_000_000
A, B = Stream("a", 1), Stream("b", 1)


def data_of(dump: Path, path: Path) -> Path:
    """A data directory with the database that a version before has written."""
    path.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(path / "node.db")) as connection:
        connection.executescript(dump.read_text())
    (path / "node.db").chmod(0o600)
    return path


def activity(
    stream: Stream, seq: int, stamp: int | None = None, *, sender: str = "", ref: str | None = None, size: int = 0
) -> Entry:
    body = b'{"type":"Note","number":%d%s}' % (seq, b" " * size)
    return Entry(EntryId(*stream, seq), "activity", seq * 10 if stamp is None else stamp, body, sender, None, ref)


def account(stream: Stream, seq: int, username: str, stamp: int | None = None) -> Entry:
    moment = seq * 10 if stamp is None else stamp
    fact = AccountFact(username, f"verifier of {username}", moment, f"claim of {username}")
    return Entry(EntryId(*stream, seq), "account", moment, msgspec.json.encode(fact))


def open_at(
    path: Path,
    wall: float = WALL,
    *,
    name: bytes = b"12345678",
    retention: Retention = KEEP_EVERYTHING,
    on_loss: OnLoss = "refuse",
) -> tuple[SqliteStore, Recovered]:
    return open_store(path, node_id_factory=lambda: node_id(name), wall=wall, retention=retention, on_loss=on_loss)


def everything(
    store: Store,
    seen: Mapping[Stream, int] | None = None,
    *,
    kinds: tuple[Kind, ...] = ("activity", "account"),
    newest: int | None = None,
    entries_max: int = 500,
) -> tuple[list[Page], dict[Stream, int]]:
    """Ask page by page as a node does; the pages, and the vector at the end."""
    vector = dict(seen or {})
    pages: list[Page] = []
    while True:
        page = store.fetch(Fetch(dict(vector), kinds, newest, entries_max))
        pages.append(page)
        if newest is not None:
            newest -= sum(entry.kind == "activity" for entry in page.entries)
        raised = {stream: upto for stream, upto in page.upto.items() if upto > vector.get(stream, 0)}
        assert raised == page.upto, "upto names only what it raises"
        vector.update(raised)
        if not page.more:
            return pages, vector
        assert raised, "a page with more to come raises the vector"


def ids(store: Store, seen: Mapping[Stream, int] | None = None) -> list[EntryId]:
    pages, _ = everything(store, seen)
    return [entry.id for page in pages for entry in page.entries]
