"""Memory that a flood has taken is given back to the system.

What was freed stays with the allocator, in pieces between what is still in use; glibc gives them back when it is asked
(malloc_trim(3), the whole heap since 2.8).
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
from collections.abc import Callable
from typing import Final

FREED_MIN: Final = 200
"""Connections that have ended before it is worth the while."""
DELAY: Final = 10.0
"""Seconds from then on: more of them may end, and what they leave is collected meanwhile."""


@functools.cache
def _trim() -> Callable[[int], int] | None:
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
        self._freed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._giving: asyncio.Future[bool] | None = None

    def freed(self) -> None:
        """A connection has ended."""
        self._freed += 1
        if self._freed >= FREED_MIN and self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._give_back)

    def close(self) -> None:
        """Nothing more is given back."""
        if self._timer is not None:
            self._timer.cancel()

    def _give_back(self) -> None:
        self._timer = None
        self._freed = 0
        self._giving = self._loop.run_in_executor(None, give_back)
