"""Virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

EPOCH: Final = 1_700_000_000.0
"""Wall-clock seconds since 1970 at which every world begins."""


class Schedule:
    """What happens when. Things due at the same time happen in the order in which they were scheduled."""

    __slots__ = ("_heap", "_serial", "epoch", "events", "time")

    def __init__(self) -> None:
        self.time = 0.0
        """Seconds since the world began."""
        self.epoch = EPOCH
        """Wall-clock seconds since 1970 at which it would have begun if no time had been left out."""
        self.events = 0
        """How many things have happened."""
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    @property
    def wall(self) -> float:
        """What a clock shows that is right, in seconds since 1970."""
        return self.epoch + self.time

    def at(self, time: float, callback: Callable[[], None]) -> None:
        """Do something at a time, or now if that is past."""
        self._serial += 1
        heapq.heappush(self._heap, (max(time, self.time), self._serial, callback))

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Do something in so many seconds."""
        self.at(self.time + seconds, callback)

    def step(self, until: float) -> bool:
        """Let the next thing happen, if it is due up to a time; whether there was one."""
        if not self._heap or self._heap[0][0] > until:
            return False
        self.time, _, callback = heapq.heappop(self._heap)
        self.events += 1
        callback()
        return True

    def skip(self, seconds: float) -> None:
        """Let time pass at once: what was due meanwhile happens late, at the time afterwards."""
        self.time += seconds
        late = sorted(entry for entry in self._heap if entry[0] < self.time)
        self._heap = [entry for entry in self._heap if entry[0] >= self.time]
        self._heap += [(self.time, serial, callback) for _, serial, callback in late]
        heapq.heapify(self._heap)

    def run_until(self, time: float) -> None:
        """Let everything happen that is due up to a time, which is the time afterwards."""
        heap = self._heap
        pop = heapq.heappop
        while heap and heap[0][0] <= time:
            self.time, _, callback = pop(heap)
            self.events += 1
            callback()
        self.time = max(self.time, time)
