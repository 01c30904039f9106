"""Passes of the event loop, and who has a turn in which: what thousands do at once is taken up in several."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

from core.engine.arrivals.strangers import Strangers
from core.engine.threads.fair_queue import FairQueue
from core.engine.transport.stream_connection import StreamConnection

PASS_LIMIT: Final = 0.006
"""Seconds of one pass of the loop for what peers say and do. What thousands do at once is taken up in turn, and clocks,
screens and writes come in between."""


class Turns:
    """Connections that wait for a pass of the loop that has time for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, strangers: Strangers) -> None:
        self._loop = loop
        self._strangers = strangers
        self._in_pass = False
        self._pass_ends = 0.0
        self._late: FairQueue[StreamConnection] = FairQueue(sys.maxsize)

    def __len__(self) -> int:
        return len(self._late)

    def has_time(self) -> bool:
        """Whether this pass of the loop may take up more of what peers say and do."""
        now = time.monotonic()
        if not self._in_pass:
            self._in_pass = True
            self._pass_ends = now + PASS_LIMIT
            self._loop.call_soon(self._next_pass)
        return now < self._pass_ends

    def later(self, connection: StreamConnection) -> None:
        """Have a connection go on in a later pass."""
        # Nobody waits behind what thousands at another address do, nor one who is in behind the strangers at theirs.
        self._late.put(connection.share, "stranger" if connection in self._strangers else "in", connection)

    def _next_pass(self) -> None:
        """A new pass of the loop: those come first for whom the last one had no time."""
        self._in_pass = False
        late = self._late
        while late and self.has_time():
            late.take().go_on()
