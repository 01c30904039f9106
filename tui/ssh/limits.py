"""Who posts how fast: slows down whoever overdoes it, and nobody else. Who may try how often is `core.node.guesses`."""

from __future__ import annotations

from typing import Final

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
