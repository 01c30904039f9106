"""The latest notices of a server, kept as bytes.

A thousand notices are three thousand small objects. Written while a crowd comes or goes they lie between what served
it, and the interpreter gives memory back only by the megabyte: one object that lives on keeps one. So they are packed
into a few large pieces, which are no part of that memory, and made anew when somebody reads them.
"""

from __future__ import annotations

import io
import marshal
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from core.node.interface.notices import Notice

PIECE: Final = 100
"""Notices in one piece."""


class RecentNotices:
    """So many of the latest notices, the oldest one first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: deque[bytearray] = deque()
        """All of them but the last one hold `PIECE` notices."""
        self._in_last = PIECE

    def __len__(self) -> int:
        return min(self._most, self._kept)

    def __iter__(self) -> Iterator[Notice]:
        """Those of the moment of the call; what comes later is not among them."""
        files = [io.BytesIO(piece) for piece in self._pieces]
        oldest = self._kept - len(self)
        return islice(_read(files), oldest, None)

    def append(self, notice: Notice) -> None:
        """Keep one more; the oldest one goes when there are too many."""
        if self._in_last == PIECE:
            self._pieces.append(bytearray())
            self._in_last = 0
            if self._kept - PIECE >= self._most:
                self._pieces.popleft()
        # Not JSON or the like: what peers and file systems name may be no Unicode.
        fields = (notice.at, notice.kind, notice.text, notice.severity, notice.server, notice.user)
        self._pieces[-1] += marshal.dumps(fields)
        self._in_last += 1

    @property
    def _kept(self) -> int:
        return PIECE * (len(self._pieces) - 1) + self._in_last if self._pieces else 0


def _read(files: list[io.BytesIO]) -> Iterator[Notice]:
    for file in files:
        end = file.seek(0, io.SEEK_END)
        file.seek(0)
        while file.tell() < end:
            yield Notice(*marshal.load(file))
