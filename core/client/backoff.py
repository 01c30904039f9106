"""How long a client waits before it connects again: exponential backoff with full jitter."""

from __future__ import annotations

import random
from typing import Final

from core.client.client_settings import ClientSettings

DOUBLINGS_MAX: Final = 16


class Backoff:
    """Counts attempts. The pauses are from nothing on, so that a lost server's clients come back spread over them."""

    def __init__(self, settings: ClientSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self.attempts = 0
        """Attempts since the client was last connected for good."""

    def was_online(self, seconds: float) -> None:
        """A login that lasted so long has ended."""
        if seconds >= self._settings.settled_after:
            self.attempts = 0

    def next_delay(self) -> float:
        """Seconds until the next attempt."""
        ceiling = min(self._settings.retry_max, self._settings.retry_min * 2.0 ** min(self.attempts, DOUBLINGS_MAX))
        self.attempts += 1
        return ceiling * self._rng.random()
