"""Who has had how many tries, and who posts how fast: slows down whoever overdoes it, and nobody else."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

HOSTS_MAX: Final = 10_000
FORGET_AFTER: Final = 600.0
"""Seconds without a failure after which a host's are forgotten."""


HABIT: Final = 5
"""Failures after which a host is taken for one that guesses."""
BURST: Final = 3.0
"""Seconds' worth of what a `Rate` allows that may come at once."""


class Rate:
    """So many a second on average (a token bucket)."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._full = max(1.0, per_second * BURST)
        self._left = self._full
        self._at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until another one is allowed; 0 takes it."""
        self._left = min(self._full, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1.0:
            return (1.0 - self._left) / self._per_second
        self._left -= 1.0
        return 0.0


class Failures:
    """Counts failed attempts by host. Bounded: the host that failed longest ago is forgotten first."""

    def __init__(self, first_delay: float, delay_max: float) -> None:
        self._first_delay = first_delay
        self._delay_max = delay_max
        self._hosts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def failed(self, host: str, now: float) -> float:
        """Another failure; seconds for which the answer should be kept back."""
        count, last = self._hosts.pop(host, (0, now))
        count = 1 if now - last > FORGET_AFTER else count + 1
        self._hosts[host] = (count, now)
        if len(self._hosts) > HOSTS_MAX:
            self._hosts.popitem(last=False)
        return float(min(self._delay_max, self._first_delay * 2.0 ** min(count - 1, 16)))

    def penalty(self, host: str, now: float) -> float:
        """Seconds for which somebody from there should wait before they may try: none until it has become a habit."""
        count, last = self._hosts.get(host, (0, now))
        if count < HABIT or now - last > FORGET_AFTER:
            return 0.0
        return float(min(self._delay_max, self._first_delay * 2.0 ** min(count - HABIT, 16)))

    def succeeded(self, host: str) -> None:
        self._hosts.pop(host, None)
