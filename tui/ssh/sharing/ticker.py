"""One clock for all applications of a process: it wakes those for which something may have changed, and nobody else.

A timer of its own in each of a hundred applications in which nothing happens was two thirds of what they cost. Here a
look around takes a comparison or two for each (timer coalescing, as in the kernels that save power by it).
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Final, Protocol

TICK_INTERVAL: Final = 1.0
"""Seconds between two looks around."""


class Watching(Protocol):
    """An application, as the ticker sees it."""

    def is_behind(self) -> bool:
        """Whether it should look at the node. Asked from outside: must return at once and change nothing."""
        ...

    def look_soon(self) -> None:
        """Have it look, in its own task."""
        ...


class Ticker:
    """Not thread-safe; belongs to the event loop in which it is first used. Without applications it rests."""

    def __init__(self, context: Context, interval: float = TICK_INTERVAL) -> None:
        """`context`: no application's. One in whose context the clock ran would stay alive for as long as that."""
        self._context = context
        self._interval = interval
        self._watching: dict[Watching, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, app: Watching) -> None:
        """An application begins to look at the node."""
        self._watching[app] = None
        self._arm()

    def remove(self, app: Watching) -> None:
        """The application has ended. Harmless when repeated."""
        self._watching.pop(app, None)
        if not self._watching and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._tick, context=self._context)

    def _tick(self) -> None:
        self._timer = None
        self._arm()
        for app in list(self._watching):
            if app.is_behind():
                app.look_soon()
