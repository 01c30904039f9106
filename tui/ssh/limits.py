"""Who has had how many tries: slows down whoever guesses, and nobody else."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

HOSTS_MAX: Final = 10_000
FORGET_AFTER: Final = 600.0
"""Seconds without a failure after which a host's are forgotten."""


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

    def succeeded(self, host: str) -> None:
        self._hosts.pop(host, None)
