"""Memory that a flood has taken is given back to the system, and looking for garbage in it does not stop the loop.

What was freed stays with the allocator, in pieces between what is still in use; glibc gives them back when it is asked
(malloc_trim(3), the whole heap since 2.8).

Python gives its own back by the megabyte, and one object that lives on holds one. So what is kept of a crowd is kept as
numbers or bytes, in few large pieces (`recent_notices`, `handed_out`), and a connection is few objects
(`plain_transport`).

Python's full collection looks at every object there is, and a connection is a dozen: 40 ms for ten thousand, and
nothing found, because a connection that ends leaves no cycles. So a crowd is moved to where the collector does not look
(`gc.freeze`), and all is brought back when it has gone. So is what a server is made of when it starts: with tables of a
hundred thousand things in it a full collection takes 50 ms, which is what much that comes at once brings on.

What is on its way, some ten objects for each activity, lives for a few milliseconds. With Python's threshold of 700 new
ones the collector looked at much of it and found nothing: 3 % of what an activity takes.
"""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Callable
from typing import Final

NEW_OBJECTS: Final = 5_000
"""After so many more objects the youngest are looked at: a tenth of a millisecond."""
FREED_MIN: Final = 200
"""Connections that have ended before it is worth the while."""
CROWD: Final = 250
"""Connections that are a crowd; so many more are moved out of the collector's sight together."""
FULL_AFTER: Final = 80
"""How often they are until everything is looked at all the same: what was in use when it was moved may be no more."""
PREPARE_AFTER: Final = 1.0
"""Seconds."""
DELAY: Final = 10.0
"""Seconds from then on: more of them may end, and what they leave is collected meanwhile."""


_before: Final[list[tuple[int, int, int]]] = []
"""One for each server that runs in this process: the first are the collector's thresholds before any did."""


@functools.cache
def _trim() -> Callable[[int], int] | None:
    import ctypes

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc
        return None
    trim.argtypes = [ctypes.c_size_t]
    trim.restype = ctypes.c_int
    return trim


def give_back() -> bool:
    """Give free memory back to the system; whether that is possible here. May take some milliseconds."""
    trim = _trim()
    if trim is None:
        return False
    trim(0)
    return True


class HeapTrimmer:
    """Gives memory back some time after many connections have ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened = 0
        self._open = 0
        self._frozen = 0
        """How often the crowd was moved since everything was looked at."""
        self._freed = 0
        self._is_patient = False
        self._timer: asyncio.TimerHandle | None = None
        self._preparing: asyncio.TimerHandle | None = None
        self._giving: asyncio.Future[bool] | None = None

    def started(self) -> None:
        """The server is made, and so is what it keeps everything in: the collector need not look at all of it again."""
        # What asks for it is made soon, and not amid what a crowd leaves behind; who waits for the server does not wait
        # for that.
        self._preparing = self._loop.call_later(PREPARE_AFTER, _trim)
        self._frozen = max(self._frozen, 1)
        gc.freeze()
        if not self._is_patient:
            self._is_patient = True
            _before.append(gc.get_threshold())
            if 0 < _before[0][0] < NEW_OBJECTS:
                gc.set_threshold(NEW_OBJECTS, *_before[0][1:])

    def opened(self, count: int) -> None:
        """One more connection is served, so many in all."""
        self._open = count
        self._opened += 1
        if self._opened >= CROWD:
            self._opened = 0
            if count >= CROWD:
                if self._frozen == FULL_AFTER:
                    self._thaw()
                    gc.collect()
                self._frozen += 1
                gc.freeze()

    def ended(self, count: int) -> None:
        """A connection is not served any more; so many are left."""
        self._open = count
        self.freed()

    def freed(self) -> None:
        """What a connection had has been let go."""
        self._freed += 1
        if self._freed >= FREED_MIN and self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._give_back)

    def close(self) -> None:
        """Nothing more is given back."""
        if self._preparing is not None:
            self._preparing.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._is_patient:
            self._is_patient = False
            # The last server of this process leaves all as the first found it.
            before = _before[0]
            _before.pop()
            if not _before:
                gc.set_threshold(*before)
        self._thaw()

    def _give_back(self) -> None:
        self._timer = None
        self._freed = 0
        # Of common types Python keeps what was freed for the next ones, up to 2,000 tuples of each length, wherever
        # they lie. A full collection lets go of them; with everything out of its sight it does no more than that.
        gc.freeze()
        gc.collect()
        self._frozen = max(self._frozen, 1)
        if self._open < CROWD:
            self._thaw()
        self._giving = self._loop.run_in_executor(None, give_back)

    def _thaw(self) -> None:
        if self._frozen:
            self._frozen = 0
            gc.unfreeze()
