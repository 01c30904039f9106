"""Virtual time, and randomness that a seed decides."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable


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


def seeded(seed: int, *names: object) -> random.Random:
    """A random source of its own for each use of a seed, so that leaving out one thing does not change all others.

    Only `random()` and what follows from it by arithmetic is used in this package: its sequence is the same in every
    version of Python.
    """
    return random.Random(number_of(seed, *names))


def number_of(seed: int, *names: object) -> int:
    """A number of 64 bits that depends on the seed and the names alone."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def pick(rng: random.Random, count: int) -> int:
    """A number from 0 up to, not including, `count`."""
    return int(rng.random() * count)


def between(rng: random.Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()
