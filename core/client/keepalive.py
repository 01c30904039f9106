"""Asking a native server now and then: whether it is there, and what other servers there are."""

from __future__ import annotations

import random

from core.client.client_settings import ClientSettings
from core.client.outputs import Outputs
from core.wire.messages import Ping, StatusRequest


class KeepAlive:
    """When to ask the present server what. Times are monotonic seconds."""

    def __init__(self, settings: ClientSettings, rng: random.Random, outputs: Outputs) -> None:
        self._settings = settings
        self._rng = rng
        self._outputs = outputs
        self._heard_at = 0.0
        self._pinged_at = 0.0
        self._pings = 0
        self._ping_at = 0.0
        self._discover_at: float | None = None

    @property
    def due(self) -> float:
        """When to `check` next."""
        return min(self._ping_at, self._discover_at or self._ping_at)

    def silent_for(self, now: float) -> float:
        """For how many seconds nothing was heard of a server that was asked whether it is there; 0 if none is asked."""
        return now - self._heard_at if self._pings else 0.0

    def connected(self, now: float) -> None:
        """There is a new connection."""
        self._heard_at = self._pinged_at = now
        self._pings = 0

    def heard(self, now: float) -> None:
        """The server said something."""
        self._heard_at = now
        self._pings = 0

    def logged_in(self, now: float, *, away: bool) -> None:
        """A native server let the client in; `away`: it is not the one in this process, and may be gone some day."""
        self._ping_at = now + self._settings.ping_interval
        after = self._settings.discover_after
        self._discover_at = now + after * self._rng.uniform(0.5, 1.5) if away and after is not None else None

    def check(self, now: float) -> bool:
        """Ask what is due; False if the server has not answered for so long that it is given up."""
        if self._discover_at is not None and now >= self._discover_at:
            self._outputs.send(StatusRequest())
            self._discover_at = now + self._settings.discover_interval * self._rng.uniform(0.5, 1.5)
        return now < self._ping_at or self._watch(now)

    def _watch(self, now: float) -> bool:
        interval = self._settings.ping_interval
        due = min(self._heard_at, self._pinged_at) + interval
        if now < due:
            self._ping_at = due
        elif self._pings >= self._settings.ping_misses:
            return False
        else:
            self._pings += 1
            self._pinged_at = now
            self._outputs.send(Ping(self._pings))
            self._ping_at = now + interval / 2
        return True
