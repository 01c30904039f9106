"""The latest lines that a server has noted, as bytes, and on their way to the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from core.engine.upkeep.recent_notices import PackedPieces
from core.store.events_file import append_lines, kept_lines
from core.stories.lines import StoryLine, decode, encode

log = logging.getLogger(__name__)

LINES_KEPT: Final = 1000
KEPT_AFTER: Final = 0.2
"""Seconds within which lines are written together."""


class RecentLines:
    """So many of the latest lines, the oldest one first, this start's and those of the starts before."""

    def __init__(self, data_dir: Path, later: Callable[[Callable[[], None]], None]) -> None:
        """`later` has something done in the store's thread."""
        self._data_dir = data_dir
        self._later = later
        self._kept = PackedPieces(LINES_KEPT)
        self._waiting: list[StoryLine] = []
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[StoryLine]:
        """Those of the moment of the call."""
        return (line for data in self._kept if (line := decode(data)) is not None)

    def read(self, now: float) -> list[StoryLine]:
        """What the starts before have kept; blocks. What cannot be read is left."""
        try:
            return kept_lines(self._data_dir, now, most=LINES_KEPT)
        except OSError as error:
            log.info("no events of former starts: %s", error)
            return []

    def begin_with(self, lines: Sequence[StoryLine]) -> None:
        """These were noted before."""
        for line in lines[-LINES_KEPT:]:
            self._kept.append(encode(line))

    def append(self, line: StoryLine) -> None:
        """Keep one more, here and on the disk; the oldest one goes when there are too many."""
        self._kept.append(encode(line))
        self._waiting.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEPT_AFTER, self.flush)

    def flush(self) -> None:
        """Have written what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._waiting = self._waiting, []
        if lines:
            self._later(lambda: self._write(lines))

    def _write(self, lines: list[StoryLine]) -> None:
        try:
            append_lines(self._data_dir, lines)
        except OSError as error:
            # That the disk takes nothing is told where something is lost by it.
            log.info("events were not kept: %s", error)
