"""A process that stands still: stopped by a signal, on a laptop that sleeps, or in a virtual machine that is paused.

It is not dead: its connections are there, and what comes over them waits. Then it goes on as if nothing had happened,
while others may have taken it for dead, taken its place, and forgotten it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from core.simulation.plans.plan import Stillness


class SuspendedProcess:
    """What waits for it, in the order in which it came."""

    def __init__(self, stillness: Stillness, since: float) -> None:
        self.stillness = stillness
        self.since = since
        """When that began, in simulated seconds."""
        self._waiting: deque[Callable[[], None]] = deque()

    def put(self, callback: Callable[[], None]) -> None:
        """Have this happen once the process goes on."""
        self._waiting.append(callback)

    def take_up(self) -> None:
        """Do all that waited; the process goes on already, and may end meanwhile."""
        while self._waiting:
            self._waiting.popleft()()
