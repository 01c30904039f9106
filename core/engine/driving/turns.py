"""Passes of the event loop, and who has a turn in which: what thousands do at once is taken up in several."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from typing import Final

from core.engine.arrivals.strangers import Strangers
from core.engine.threads.fair_queue import FairQueue
from core.engine.transport.stream_connection import StreamConnection

PASS_LIMIT: Final = 0.006
"""Seconds of one pass of the loop for what peers say and do. What thousands do at once is taken up in turn, and clocks,
screens and writes come in between."""
TURN_LIMIT: Final = 0.003
"""Seconds that one server has of a pass, and one person at this machine: what it says beyond that is taken up in the
next one, behind what everybody else has said meanwhile."""


class Turns:
    """Connections that wait for a pass of the loop that has time for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, strangers: Strangers) -> None:
        self._loop = loop
        self._strangers = strangers
        self._in_pass = False
        self._pass_ends = 0.0
        self._first: deque[StreamConnection] = deque()
        """Those that do not wait for what strangers do, and have had their turn of a pass. Each has one in the next."""
        self._late: FairQueue[StreamConnection] = FairQueue(sys.maxsize)

    def __len__(self) -> int:
        return len(self._first) + len(self._late)

    def has_time(self) -> bool:
        """Whether this pass of the loop may take up more of what peers say and do."""
        now = time.monotonic()
        if not self._in_pass:
            self._in_pass = True
            self._pass_ends = now + PASS_LIMIT
            self._loop.call_soon(self._next_pass)
        return now < self._pass_ends

    def has_turn(self, began: float) -> bool:
        """Whether a connection that goes first, and has been taken up since then, may go on in this pass."""
        return time.monotonic() < began + TURN_LIMIT

    def later(self, connection: StreamConnection, *, first: bool = False) -> None:
        """Have a connection go on in a later pass; `first`: it has had its turn of this one."""
        if first:
            self._first.append(connection)
            self.has_time()
            return
        # Nobody waits behind what thousands at another address do, nor one who is in behind the strangers at theirs.
        self._late.put(connection.share, "stranger" if connection in self._strangers else "in", connection)

    def _next_pass(self) -> None:
        """A new pass of the loop: those come first for whom the last one had no time."""
        self._in_pass = False
        for _ in range(len(self._first)):
            self._first.popleft().go_on()
        # Only now does the time begin that all others have.
        late = self._late
        while late and self.has_time():
            late.take().go_on()
