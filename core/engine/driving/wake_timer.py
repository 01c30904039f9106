"""The time that the node is told, and the one time at which it wants to be woken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from core.node.interface.actions import WakeAt
from core.node.interface.events import Now

EARLY: Final = 0.002
"""Seconds by which a loop may be early: they round to their clock's resolution (uvloop: milliseconds)."""


class WakeTimer:
    """Calls `on_woke` at the time that was asked for last. Times are the loop's, and never go back."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_woke: Callable[[], None]) -> None:
        self._loop = loop
        self._on_woke = on_woke
        self._monotonic = 0.0
        self._at: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    def now(self) -> Now:
        self._monotonic = max(self._monotonic, self._loop.time())
        return Now(self._monotonic, time.time())

    def set(self, action: WakeAt) -> None:
        self._at = action.at
        # A handle that is due earlier is left alone: when it is, it looks again. Timers mostly move into the future.
        if self._handle is None or action.at < self._handle.when():
            if self._handle is not None:
                self._handle.cancel()
            self._handle = self._loop.call_at(action.at, self._due)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _due(self) -> None:
        self._handle = None
        at = self._at
        if at is None:
            return
        if at > self._loop.time() + EARLY:
            self._handle = self._loop.call_at(at, self._due)
            return
        self._at = None
        self._monotonic = max(self._monotonic, at)
        self._on_woke()
