"""A budget that fills up again: so much at once, and so much a second in the long run.

A token bucket (Turner, "New directions in communications", 1986). Times are monotonic seconds.
"""

from __future__ import annotations

from collections import OrderedDict


class TokenBucket:
    """Tokens that come back at a rate, up to a number. It begins full."""

    __slots__ = ("_at", "_most", "_rate", "_tokens")

    def __init__(self, rate: float, most: float, now: float) -> None:
        """`rate` tokens come back a second, until there are `most`. Raises ValueError unless `rate` is above 0."""
        if rate <= 0.0:
            raise ValueError("a budget that never fills up again")
        self._rate = rate
        self._most = most
        self._tokens = most
        self._at = now

    def spend(self, amount: float, now: float) -> float:
        """Take so many, also those that are not there yet; seconds until nothing is owed."""
        left = self._tokens + (now - self._at) * self._rate
        self._at = now
        self._tokens = left = (left if left < self._most else self._most) - amount
        return -left / self._rate if left < 0.0 else 0.0

    def take(self, now: float) -> float:
        """Take one if it is there, which returns 0; else seconds until it will be."""
        owed = self.spend(1.0, now)
        if owed:
            self._tokens += 1.0
        return owed


class TokenBuckets:
    """A budget for each of many, all alike. Bounded: of those who have long taken nothing it is forgotten."""

    __slots__ = ("_burst", "_most", "_of", "_rate")

    def __init__(self, rate: float, burst: float, most: int) -> None:
        """`burst` at once and `rate` a second for each, of whom `most` are remembered."""
        self._rate = rate
        self._burst = burst
        self._most = most
        self._of: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, who: str, now: float) -> float:
        """Take one of somebody's if it is there, which returns 0; else seconds until it will be."""
        bucket = self._of.pop(who, None) or TokenBucket(self._rate, self._burst, now)
        self._of[who] = bucket
        if len(self._of) > self._most:
            self._of.popitem(last=False)
        return bucket.take(now)
