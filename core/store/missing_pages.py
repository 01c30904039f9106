"""Pages of activities that somebody lacks: those of some runs of numbers, of several streams merged by their stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.store.contents import position
from core.store.paging import PageRoom, Shelf, StreamSource
from core.wire.entries import Entry, Page, Stream
from core.wire.missing import Missing


def missing_page(shelf: Shelf, query: Missing) -> Page:
    """Answer `query`; what it costs is what the page holds, and one look at each stream."""
    sources = {stream: StreamSource(stream, _entries(shelf, stream, spans)) for stream, spans in query.runs.items()}
    entries: list[Entry] = []
    left: dict[Stream, tuple[tuple[int, int], ...]] = {}
    try:
        PageRoom(query.entries_max, query.bytes_max).fill(entries, list(sources.values()))
        for stream, source in sources.items():
            if source.head is not None:
                number = source.head.id.seq
                spans = query.runs[stream]
                left[stream] = tuple((max(first, number), last) for first, last in spans if last >= number)
    finally:
        for source in sources.values():
            source.close()
    entries.sort(key=position)
    return Page(tuple(entries), {}, False, left=left)


def _entries(shelf: Shelf, stream: Stream, spans: Sequence[tuple[int, int]]) -> Iterator[Entry]:
    for first, last in spans:
        yield from shelf.entries(stream, first, last, ("activity",))
