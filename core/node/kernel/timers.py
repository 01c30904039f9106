"""Timers as values: the node keeps what is due when; the driver only wakes it up."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Final

STALE_MAX: Final = 1000


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
        if len(self._heap) > 2 * len(self._current) + STALE_MAX:
            # A timer that was moved or cancelled stays in the heap; with many of those, long before its time.
            self._heap = [one for one in self._heap if self._is_current(one)]
            heapq.heapify(self._heap)

    def _is_current(self, item: tuple[float, int, Hashable]) -> bool:
        current = self._current.get(item[2])
        return current is not None and current[0] == item[1]

    def cancel(self, name: Hashable) -> None:
        self._current.pop(name, None)

    def names(self) -> list[Hashable]:
        """The names of all that are set."""
        return list(self._current)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._current

    def __len__(self) -> int:
        return len(self._current)

    @property
    def kept(self) -> int:
        """How many are kept, those included that were moved or cancelled and have not been cleared away."""
        return len(self._heap)

    def next_at(self) -> float | None:
        """When the earliest timer is due."""
        heap = self._heap
        current = self._current
        while heap:
            at, serial, name = heap[0]
            found = current.get(name)
            if found is not None and found[0] == serial:
                return at
            heapq.heappop(heap)
        return None

    def earliest(self) -> tuple[float, Hashable] | None:
        """When the earliest timer is due, and its name."""
        at = self.next_at()
        return None if at is None else (at, self._heap[0][2])

    @property
    def serial(self) -> int:
        """How often a timer was set so far."""
        return self._serial

    def pop_due(self, now: float, serial: int) -> Callable[[], None] | None:
        """The callback of the earliest timer that is due, which is over with this; None when none is.

        Only timers that were set before the `serial`-th setting count: one that sets itself again for now would
        otherwise never let go.
        """
        at = self.next_at()
        if at is None or at > now or self._heap[0][1] > serial:
            return None
        _, _, name = heapq.heappop(self._heap)
        return self._current.pop(name)[1]
