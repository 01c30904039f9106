"""The time that clients are told at a login: their beginning is dated by it, so it is to be known after a restart.

What is accepted is dated later than all that a node remembers, whatever its clock says at the start. But a client that
begins is told a time by which nothing is dated. If the clock was set back since, what the next start accepts would
seem older than that client's beginning, and not be sent to it. So the time is kept whenever it was told; CockroachDB
persists a bound of its hybrid clocks for the same reason.
"""

from __future__ import annotations

from typing import Final

from core.node.interface.actions import KeepTime
from core.node.kernel.context import Context

EVERY: Final = 1.0
"""Seconds from one time that is kept to the next, however many log in."""


class ToldTime:
    """Has the time kept, soon after it was told."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept_at = float("-inf")

    def told(self) -> None:
        """A client was told the time."""
        at = self._kept_at + EVERY
        if self._context.now.monotonic >= at:
            self._keep()
        elif "told time" not in self._context.timers:
            self._context.timers.set("told time", at, self._keep)

    def _keep(self) -> None:
        context = self._context
        self._kept_at = context.now.monotonic
        context.actions.append(KeepTime(context.clock.read(context.now.wall)))
