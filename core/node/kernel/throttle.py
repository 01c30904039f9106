"""A throttle: the first few at once, more of them only so often.

As routers throttle the computation of their routes (OSPF's SPF hold time): one failure is acted upon without delay, and
a storm of news costs no more than so many computations a second.
"""

from __future__ import annotations

from collections import deque


class Throttle:
    """Allows `burst` within `period` seconds at once, and beyond that one every `gap` seconds."""

    __slots__ = ("_gap", "_period", "_taken")

    def __init__(self, burst: int, period: float, gap: float) -> None:
        self._period = period
        self._gap = gap
        self._taken: deque[float] = deque(maxlen=burst)

    def next_at(self, now: float) -> float:
        """When the next one may be: now, or later."""
        taken = self._taken
        if len(taken) < (taken.maxlen or 0):
            return now
        return max(now, min(taken[0] + self._period, taken[-1] + self._gap))

    def take(self, now: float) -> None:
        """One has been."""
        self._taken.append(now)
