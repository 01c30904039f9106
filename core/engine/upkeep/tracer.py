"""Writes the traces of a node, and what the engine itself has to say about its event loop, into the log.

So many lines of a kind are written, and the rest are counted: a node in a storm would otherwise be stopped by whoever
looks at it. Nothing here waits: the handlers of the log are the application's, and must not wait either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from core.admission.token_bucket import TokenBucket
from core.node.interface.traces import TraceFields, TraceKind, TraceValue, trace_line

log = logging.getLogger("core.trace")
"""Everything that is traced, at level DEBUG."""

LINES_AT_ONCE: Final = 200.0
LINES_A_SECOND: Final = 50.0
"""Lines of one kind: as many as somebody may read, or `grep`, of a thousand links that come up together."""
TELL_INTERVAL: Final = 1.0
"""Seconds after which it is told how many lines of a kind were left out."""
BEAT: Final = 0.25
"""Seconds between two looks at whether the event loop comes round."""
SLOW: Final = 0.05
"""Seconds after which it is told that an event took long, or that a pass of the loop came late."""


class _Kind:
    __slots__ = ("budget", "left_out")

    def __init__(self, budget: TokenBucket) -> None:
        self.budget = budget
        self.left_out = 0


class Tracer:
    """Writes traces, so many of each kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop, write: Callable[[str], None] = log.debug) -> None:
        self._loop = loop
        self._write = write
        self._kinds: dict[TraceKind, _Kind] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._due = loop.time() + BEAT
        self._beating = loop.call_at(self._due, self._beat)

    def trace(self, kind: TraceKind, **fields: TraceValue) -> None:
        """Write a trace of the engine's own."""
        self.write(kind, fields)

    def write(self, kind: TraceKind, fields: TraceFields) -> None:
        """Write a trace, or count it where there are too many of its kind."""
        now = self._loop.time()
        of_kind = self._kinds.get(kind)
        if of_kind is None:
            of_kind = self._kinds[kind] = _Kind(TokenBucket(LINES_A_SECOND, LINES_AT_ONCE, now))
        if not of_kind.budget.take(now):
            self._write(trace_line(kind, fields))
            return
        of_kind.left_out += 1
        if self._telling is None:
            self._telling = self._loop.call_later(TELL_INTERVAL, self._tell)

    def close(self) -> None:
        """Write what was left out so far, and nothing more by itself."""
        self._beating.cancel()
        if self._telling is not None:
            self._telling.cancel()
            self._tell()

    def _tell(self) -> None:
        self._telling = None
        for kind, of_kind in self._kinds.items():
            if of_kind.left_out:
                self._write(trace_line(kind, {"left_out": of_kind.left_out}))
                of_kind.left_out = 0

    def _beat(self) -> None:
        now = self._loop.time()
        if now - self._due >= SLOW:
            self.trace("slow", what="loop", late=round(now - self._due, 3))
        self._due = now + BEAT
        self._beating = self._loop.call_at(self._due, self._beat)
