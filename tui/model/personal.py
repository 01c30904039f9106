"""What stays of a person between two sessions: where they stopped reading, whom they mute, the views that they keep.

It is one small document an account. It is replaced as a whole, and of two the later one counts, but for the mark: what
was read in one place is read in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

BYTES_MAX: Final = 8 * 1024
MUTES_MAX: Final = 40
VIEWS_MAX: Final = 16
THREADS_MAX: Final = 16
"""Threads that are muted; those that were muted last."""
NAME_MAX: Final = 64
QUERY_MAX: Final = 128
MARK_BYTES_MAX: Final = 5 * 1024
"""Of a document, what is left for the mark."""
STREAM_BYTES_MAX: Final = 64
"""Of a longer name of a server's start no mark keeps anything: none of ours has one."""
STREAM_DIGITS_MAX: Final = 20
STREAMS_MAX: Final = 44
"""Servers' starts of which a mark knows how far they were read; those that were heard of last."""


class ReadMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an account stopped reading: all up to `stamp` is read, but for what came late.

    Times are stamps: microseconds since 1970. Of what is not older than `since`, `streams` says up to which number, and
    which stamp, each server's was there: what a healed partition brings later is told from what was read.
    """

    stamp: int = 0
    since: int = 0
    streams: Mapping[str, tuple[int, int]] = {}

    def covers(self, entry_id: str | None, stamp: int | None) -> bool:
        """Whether an activity is read; one of which nobody says where it belongs is not."""
        if stamp is None or stamp > self.stamp:
            return False
        stream, number = stream_of(entry_id)
        return not stream or stamp < self.since or number <= self.streams.get(stream, (-1, 0))[0]

    def with_read(self, entry_id: str | None, stamp: int | None) -> ReadMark:
        """The mark when this one is read as well."""
        if stamp is None:
            return self
        stream, number = stream_of(entry_id)
        streams = dict(self.streams)
        if stream:
            before = streams.pop(stream, (0, 0))
            streams[stream] = max(before[0], number), max(before[1], stamp)
        return _bounded(max(self.stamp, stamp), self.since or stamp, streams)

    def united(self, other: ReadMark) -> ReadMark:
        """The mark when both were read to."""
        streams = dict(self.streams)
        for stream, (number, stamp) in other.streams.items():
            before = streams.get(stream, (0, 0))
            streams[stream] = max(before[0], number), max(before[1], stamp)
        return _bounded(max(self.stamp, other.stamp), max(self.since, other.since), streams)


class View(msgspec.Struct, frozen=True):
    """A query that is kept under a name."""

    name: str
    query: str


class Personal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document. `mark` is None where nothing was ever read."""

    mark: ReadMark | None = None
    mutes: tuple[str, ...] = ()
    """Names of people, and tags with their #."""
    views: tuple[View, ...] = ()
    threads: tuple[str, ...] = ()
    """The references of the activities with which muted threads begin, those that were muted last at the end."""


def stream_of(entry_id: str | None) -> tuple[str, int]:
    """Which start of which server has accepted an activity, and its number there; an empty text if nobody says."""
    stream, _, number = (entry_id or "").rpartition(".")
    known = 0 < len(stream) <= STREAM_BYTES_MAX and stream.isascii() and number.isascii() and number.isdecimal()
    return (stream, int(number)) if known and len(number) < STREAM_DIGITS_MAX else ("", 0)


def encode(personal: Personal) -> bytes:
    """The document as it is kept. Raises ValueError when it is larger than it may be."""
    content = msgspec.json.encode(personal)
    if len(content) > BYTES_MAX:
        raise ValueError(f"this is more than can be kept of an account: {len(content):,} of {BYTES_MAX:,} bytes")
    return content


def decode(content: bytes) -> Personal:
    """Raises ValueError for what is no such document."""
    if len(content) > BYTES_MAX:
        raise ValueError("it is too large")
    try:
        return msgspec.json.decode(content, type=Personal)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(str(error)) from None


def _bounded(stamp: int, since: int, streams: dict[str, tuple[int, int]]) -> ReadMark:
    while len(streams) > STREAMS_MAX:
        oldest = min(streams, key=lambda stream: streams[stream][1])
        since = max(since, streams.pop(oldest)[1] + 1)
    return ReadMark(stamp, since, streams)
