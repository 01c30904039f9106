"""Virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

EPOCH: Final = 1_700_000_000.0
"""Wall-clock seconds since 1970 at which every world begins."""


class Schedule:
    """What happens when. Things due at the same time happen in the order in which they were scheduled."""

    __slots__ = ("_heap", "_serial", "events", "time")

    def __init__(self) -> None:
        self.time = 0.0
        """Seconds since the world began."""
        self.events = 0
        """How many things have happened."""
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def at(self, time: float, callback: Callable[[], None]) -> None:
        """Do something at a time, or now if that is past."""
        self._serial += 1
        heapq.heappush(self._heap, (max(time, self.time), self._serial, callback))

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Do something in so many seconds."""
        self.at(self.time + seconds, callback)

    def run_until(self, time: float) -> None:
        """Let everything happen that is due up to a time, which is the time afterwards."""
        heap = self._heap
        pop = heapq.heappop
        while heap and heap[0][0] <= time:
            self.time, _, callback = pop(heap)
            self.events += 1
            callback()
        self.time = max(self.time, time)
