"""What waits for the store's thread: batches to be kept, reads, and calls."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, Final, NamedTuple

from core.store.store_interface import Store
from core.wire.keepables import Keepable

GROUP_MAX: Final = 20_000
"""Most entries, and other things, in one transaction."""

Read = Callable[[Store], None]
Call = tuple[Callable[[Store], Any], asyncio.Future[Any]]


class Batch(NamedTuple):
    """What is kept whole or not at all; `epoch` is how often the store had recovered when it was asked for."""

    number: int
    epoch: int
    keepables: tuple[Keepable, ...]
    size: int
    """Bytes, about."""
    things: int
    """How many entries and other things there are."""


class Work(NamedTuple):
    """What the thread does next."""

    group: list[Batch]
    read: Read | None
    call: Call | None
    idle: bool
    """Whether nothing is to be kept."""
    over: bool
    """Whether nothing is left, and nothing will come."""


class StoreQueue:
    """Filled by the event loop, emptied by the store's thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._batches: deque[Batch] = deque()
        self._reads: deque[Read] = deque()
        self._calls: deque[Call] = deque()
        self._closing = False

    @property
    def reads(self) -> int:
        """How many reads and calls wait."""
        return len(self._reads) + len(self._calls)

    def put_batches(self, batches: Iterable[Batch]) -> None:
        """Have these kept, in their order."""
        with self._changed:
            self._batches.extend(batches)
            self._changed.notify()

    def put_read(self, read: Read) -> None:
        """Have something read when its turn has come."""
        with self._changed:
            self._reads.append(read)
            self._changed.notify()

    def put_call(self, call: Call) -> bool:
        """Have something done behind all that is asked for before; whether there is still somebody to do it."""
        with self._changed:
            if self._closing:
                return False
            self._calls.append(call)
            self._changed.notify()
            return True

    def close(self) -> None:
        """Nothing more will come but what follows from what waits."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def take(self, patience: Callable[[], float], *, is_busy: bool = False) -> Work:
        """Wait for something to do, for `patience` seconds at most; it is asked again after each wake-up.

        `is_busy`: the thread has something else to do between two commits, so no read is taken, and nothing waited for.
        """
        with self._changed:
            while not (is_busy or self._batches or self._reads or self._calls or self._closing):
                limit = patience()
                if limit == 0.0 or not self._changed.wait(limit):
                    break
            idle = not (self._batches or self._closing)
            group = self._take_group()
            read = self._reads.popleft() if self._reads and not is_busy else None
            call = self._calls.popleft() if self._calls and not (self._batches or is_busy or read) else None
            is_left = bool(group or read or call or self._reads or self._calls)
            return Work(group, read, call, idle, over=self._closing and not is_left)

    def _take_group(self) -> list[Batch]:
        upto = list(accumulate([batch.things for batch in self._batches]))
        count = max(1, bisect_right(upto, GROUP_MAX)) if upto else 0
        return [self._batches.popleft() for _ in range(count)]
