"""The latest notices of a server, and how any latest pieces of data are kept: as bytes, in one large piece of memory.

A thousand notices are three thousand small objects. Written while a crowd comes or goes they lie between what served
it, and the interpreter gives memory back only by the megabyte: one object that lives on keeps one. So they are packed
into one large piece, which is no part of that memory, and made anew when somebody reads them.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterator

from core.node.interface.notices import Notice


class PackedPieces:
    """So many of the latest pieces, the oldest one first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._packed = bytearray()
        self._sizes = array("L")
        """Bytes of each."""

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[bytes]:
        """Those of the moment of the call; what comes later is not among them."""
        return _cut(bytes(self._packed), self._sizes[:])

    def append(self, piece: bytes) -> None:
        """Keep one more; the oldest one goes when there are too many."""
        self._packed += piece
        self._sizes.append(len(piece))
        if len(self._sizes) > self._most:
            # At the front of a bytearray nothing is moved for that.
            del self._packed[: self._sizes.pop(0)]


def _cut(packed: bytes, sizes: array[int]) -> Iterator[bytes]:
    begin = 0
    for size in sizes:
        yield packed[begin : begin + size]
        begin += size


class RecentNotices:
    """So many of the latest notices, the oldest one first."""

    def __init__(self, most: int) -> None:
        self._kept = PackedPieces(most)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Notice]:
        """Those of the moment of the call; what comes later is not among them."""
        return (Notice(*marshal.loads(packed)) for packed in self._kept)

    def append(self, notice: Notice) -> None:
        """Keep one more; the oldest one goes when there are too many."""
        # Not JSON or the like: what peers and file systems name may be no Unicode.
        who = (notice.server, notice.user)
        self._kept.append(marshal.dumps((notice.at, notice.kind, notice.text, notice.severity, *who, notice.in_story)))
