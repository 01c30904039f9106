"""Timers as values: the node keeps what is due when; the driver only wakes it up."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable


class Timers:
    """Named timers. Setting a name again moves it. Equal times run in the order in which they were set."""

    __slots__ = ("_current", "_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable]] = []
        self._current: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._serial = 0

    def set(self, name: Hashable, at: float, callback: Callable[[], None]) -> None:
        """Run `callback` at monotonic time `at`."""
        self._serial += 1
        self._current[name] = (self._serial, callback)
        heapq.heappush(self._heap, (at, self._serial, name))

    def cancel(self, name: Hashable) -> None:
        self._current.pop(name, None)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._current

    def __len__(self) -> int:
        return len(self._current)

    def next_at(self) -> float | None:
        """When the earliest timer is due."""
        heap = self._heap
        while heap:
            at, serial, name = heap[0]
            current = self._current.get(name)
            if current is not None and current[0] == serial:
                return at
            heapq.heappop(heap)
        return None

    def pop_due(self, now: float) -> Callable[[], None] | None:
        """The callback of the earliest timer that is due, which is over with this; None when none is."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, _, name = heapq.heappop(self._heap)
        return self._current.pop(name)[1]
