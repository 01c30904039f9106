"""Rows with cheap access by serial, in chunks of a fixed size: they come and leave at both ends.

Only the ends, and what was read last, are there as rows; everything between is packed, a chunk at a time and so in half
a millisecond. What a person scrolls back to is unpacked for them.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

import msgspec

from tui.feed.feed_item import FeedItem

_pack_rows: Final = msgspec.msgpack.Encoder().encode
_unpack_rows: Final = msgspec.msgpack.Decoder(list[FeedItem]).decode


class PackedRows:
    """A run of rows without gaps, from the serial `start` to before `end`."""

    SIZE = 128
    UNPACKED = 8
    """Chunks between the ends that are kept as rows once they were read."""

    def __init__(self, base: int = 0) -> None:
        """`base`: the serial of the first row that is put at the end."""
        self._chunks: deque[list[FeedItem] | bytes] = deque()
        self._unpacked: OrderedDict[int, list[FeedItem]] = OrderedDict()
        """By the serial with which they begin."""
        self._base = base
        self.start = base
        self.end = base

    def __len__(self) -> int:
        return self.end - self.start

    def boundary(self, serial: int) -> int:
        """Where the chunk begins that has the serial, or would have it."""
        return serial - (serial - self._base) % self.SIZE

    def append(self, entry: FeedItem) -> None:
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, list) or len(last) == self.SIZE:
            last = []
            self._chunks.append(last)
            # What is on the screen is mostly in the two before.
            self._pack(len(self._chunks) - 4)
        last.append(entry)
        self.end += 1

    def prepend(self, entry: FeedItem) -> None:
        if self.start == self._base:
            # The new chunk is filled from its end; what is before `start` is never asked for.
            self._chunks.appendleft([entry] * self.SIZE)
            self._base -= self.SIZE
            self._pack(1)
        self.start -= 1
        self._first()[self.start - self._base] = entry

    def _pack(self, index: int) -> None:
        """Pack a chunk, if there is one that more will come after and before."""
        if 0 < index < len(self._chunks) - 1 and isinstance(chunk := self._chunks[index], list):
            with contextlib.suppress(UnicodeEncodeError):
                self._chunks[index] = zlib.compress(_pack_rows(chunk), 1)

    def drop_oldest(self) -> None:
        self.start += 1
        if self.start - self._base == self.SIZE:
            self._chunks.popleft()
            self._unpacked.pop(self._base, None)
            self._base = self.start

    def drop_from(self, boundary: int) -> None:
        """Let go of the newest rows, from the beginning of a chunk on, which is not the first one."""
        while self.end > boundary:
            number = len(self._chunks) - 1
            self._unpacked.pop(self._base + number * self.SIZE, None)
            self._chunks.pop()
            self.end = self._base + number * self.SIZE

    def drop_before(self, boundary: int) -> None:
        """Let go of the oldest rows, up to the beginning of a chunk."""
        while self._base < boundary:
            self._chunks.popleft()
            self._unpacked.pop(self._base, None)
            self._base += self.SIZE
        self.start = max(self.start, self._base)

    def _first(self) -> list[FeedItem]:
        first = self._chunks[0]
        if isinstance(first, bytes):
            first = self._chunks[0] = _unpack_rows(zlib.decompress(first))
        return first

    def get(self, serial: int) -> FeedItem | None:
        if not self.start <= serial < self.end:
            return None
        number, place = divmod(serial - self._base, self.SIZE)
        chunk = self._chunks[number]
        if isinstance(chunk, bytes):
            chunk = self._unpack(self._base + number * self.SIZE, chunk)
        return chunk[place]

    def find(self, ids: set[str]) -> Iterator[FeedItem]:
        """The rows of some activities, the newest first; each that is found is taken out of `ids`."""
        for number in reversed(range(len(self._chunks))):
            if not ids:
                return
            chunk = self._chunks[number]
            if isinstance(chunk, bytes):
                packed = zlib.decompress(chunk)
                if not any(one.encode() in packed for one in ids):
                    continue
                chunk = _unpack_rows(packed)
            begin = self._base + number * self.SIZE
            for place, row in enumerate(chunk):
                if row.id in ids and self.start <= begin + place < self.end:
                    ids.discard(row.id)
                    yield row

    def replace(self, row: FeedItem) -> None:
        """Put a row in the place of the one with its serial."""
        number, place = divmod(row.serial - self._base, self.SIZE)
        chunk = self._chunks[number]
        if isinstance(chunk, list):
            chunk[place] = row
            return
        rows = _unpack_rows(zlib.decompress(chunk))
        rows[place] = row
        self._chunks[number] = zlib.compress(_pack_rows(rows), 1)
        self._unpacked.pop(self._base + number * self.SIZE, None)

    def _unpack(self, begin: int, packed: bytes) -> list[FeedItem]:
        rows = self._unpacked.get(begin)
        if rows is None:
            rows = self._unpacked[begin] = _unpack_rows(zlib.decompress(packed))
            if len(self._unpacked) > self.UNPACKED:
                self._unpacked.popitem(last=False)
        else:
            self._unpacked.move_to_end(begin)
        return rows
