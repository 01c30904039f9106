"""The latest notices of a server, kept as bytes.

A thousand notices are three thousand small objects. Written while a crowd comes or goes they lie between what served
it, and the interpreter gives memory back only by the megabyte: one object that lives on keeps one. So they are packed
into one large piece, which is no part of that memory, and made anew when somebody reads them.
"""

from __future__ import annotations

import io
import marshal
from array import array
from collections.abc import Iterator

from core.node.interface.notices import Notice


class RecentNotices:
    """So many of the latest notices, the oldest one first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._packed = bytearray()
        self._sizes = array("L")
        """Bytes of each."""

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Notice]:
        """Those of the moment of the call; what comes later is not among them."""
        return _read(io.BytesIO(self._packed), len(self))

    def append(self, notice: Notice) -> None:
        """Keep one more; the oldest one goes when there are too many."""
        # Not JSON or the like: what peers and file systems name may be no Unicode.
        who = (notice.server, notice.user)
        packed = marshal.dumps((notice.at, notice.kind, notice.text, notice.severity, *who, notice.in_story))
        self._packed += packed
        self._sizes.append(len(packed))
        if len(self._sizes) > self._most:
            # At the front of a bytearray nothing is moved for that.
            del self._packed[: self._sizes.pop(0)]


def _read(packed: io.BytesIO, count: int) -> Iterator[Notice]:
    for _ in range(count):
        yield Notice(*marshal.load(packed))
