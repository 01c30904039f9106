"""Whether readers can follow what is written; if many cannot, who writes is read more slowly.

One writer can fill the queues of everybody faster than any of them can be sent to. Each would be cut off as too slow,
although it is the one writer that is too fast. Where only some cannot follow it is they who are slow, and nobody waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from core.engine.transport.output import Output

if TYPE_CHECKING:
    from core.engine.transport.stream_connection import StreamConnection

FULL: Final = 0.25
"""How full a reader's queue is when it cannot follow."""
MANY: Final = 0.5
"""Which part of the readers are many."""
LOOKED_AT: Final = 0.002
"""Seconds after which their queues are looked at again."""
ACTIVITIES_BETWEEN: Final = 8
"""Activities after which they are, however soon: sent to all of them, these cost more than a look at all."""
FIRST_PAUSE: Final = 0.1
"""Seconds of the first pause of a writer; each further one is twice as long while the readers still cannot follow."""
PAUSE_MAX: Final = 5.0
RECOVERED: Final = 2.0
"""Seconds after the end of a pause in which it was enough if readers can follow."""


class Readers:
    """All who get broadcasts, and those among them to whom something waits to be sent. Times are monotonic seconds."""

    def __init__(self, waiting: Mapping[StreamConnection, None], output: Output) -> None:
        self._waiting = waiting
        self._output = output
        self._looked_at = float("-inf")
        self._written = 0
        self._paused_at = float("-inf")
        self._pause = 0.0

    def pause_of_a_writer(self, now: float, activities: int = 1) -> float:
        """For how many seconds not to read from whoever has just written so many; 0 while readers can follow."""
        self._written += activities
        if self._written >= ACTIVITIES_BETWEEN or now >= self._looked_at + LOOKED_AT:
            self._written = 0
            self._looked_at = now
            self._look(now)
        return self._pause if now < self._paused_at + self._pause else 0.0

    def _look(self, now: float) -> None:
        full = sum(
            connection.outbox.subscribed and connection.outbox.waiting_bytes > FULL * connection.outbox.bytes_max
            for connection in self._waiting
        )
        if not full or full < MANY * self._output.subscribers:
            return
        since = now - self._paused_at - self._pause
        if since < 0.0:
            return
        self._pause = FIRST_PAUSE if since > RECOVERED else min(2 * self._pause, PAUSE_MAX)
        self._paused_at = now
