"""Keepables: what a node asks its store to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from core.wire.account_documents import DocumentVersion
from core.wire.entries import Entry, EntryId, PeerForgotten, PeerRecord, StreamMark
from core.wire.entry_columns import EntryColumns
from core.wire.records import LogRecord
from core.wire.server_keys import ServerKey


class Proof(msgspec.Struct, frozen=True):
    """A signed record of entries that are kept without their server's signature: it takes their place."""

    record: LogRecord


class RemovedEntry(msgspec.Struct, frozen=True):
    """An activity that operators have removed before it came: it counts as received, and there is nothing of it."""

    id: EntryId
    stamp: int


class DocumentGone(msgspec.Struct, frozen=True):
    """An account has no document any more."""

    claim: str


Keepable = (
    EntryColumns
    | Entry
    | LogRecord
    | Proof
    | StreamMark
    | PeerRecord
    | PeerForgotten
    | ServerKey
    | RemovedEntry
    | DocumentVersion
    | DocumentGone
)
"""Columns are what was accepted here at once, and whose numbers leave none out. An entry by itself has come from a
server that knows no records. A record is another server's, and is kept as it came."""


def entries_in(keepables: Iterable[Keepable]) -> Iterator[Entry]:
    """The entries among what is to be kept, those in records too."""
    for keepable in keepables:
        if isinstance(keepable, Entry):
            yield keepable
        elif isinstance(keepable, EntryColumns | LogRecord):
            yield from keepable.entries
