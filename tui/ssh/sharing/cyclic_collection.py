"""Keeps the garbage collector from stopping everybody.

Python's full collection looks at every object there is: with fifty sessions some hundreds of milliseconds, in the
middle of everything. What a session consists of is there to stay until it ends, so when one has begun everything is
moved to where the collector does not look (`gc.freeze`). When sessions have ended, which leaves cycles that only a full
collection frees, one is made on purpose, for several of them at once.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

THRESHOLDS: Final = (1_000, 10, 50)
"""Often, and little at a time: painting leaves much garbage in cycles, and a pass over it should cost milliseconds."""
ENDED_MAX: Final = 20
"""Sessions that may have ended before their memory is taken back at once."""
RUN_OUT: Final = 3.0
"""Seconds for which timers of a session may still hold parts of it after its end."""


class CyclicCollector:
    """Told of sessions that begin and end. It changes the whole process's collector while there are sessions."""

    def __init__(self, delay: float) -> None:
        """`delay`: seconds after the first end of a session until the memory of all that have ended is taken back."""
        self._delay = delay
        self._timer: asyncio.TimerHandle | None = None
        self._ended = 0
        self._again = False
        self._threshold = gc.get_threshold()

    def start(self) -> None:
        gc.set_threshold(*THRESHOLDS)

    def began(self) -> None:
        """A session has its first frame on the screen."""
        gc.freeze()

    def ended(self) -> None:
        """A session has ended."""
        self._ended += 1
        self._again = True
        if self._ended >= ENDED_MAX:
            self.collect()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self.collect)

    def collect(self) -> None:
        """Take back the memory of what has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ended = 0
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        if self._again:
            # What still ran out when it was looked at, is free the next time.
            self._again = False
            self._timer = asyncio.get_running_loop().call_later(max(self._delay, RUN_OUT), self.collect)

    def close(self) -> None:
        """Leave the collector as it was found."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gc.unfreeze()
        gc.set_threshold(*self._threshold)
