"""What waits to be written to one connection.

The transport is given one piece at a time, and the next one when the kernel has taken that: what a slow reader has not
taken stays here as references to frames that it shares with every other reader, so that a thousand slow readers of one
broadcast cost its bytes once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from core.wire.codec import Frame

CHUNK_BYTES: Final = 256 * 1024
"""Most that is handed to a transport at a time: what it cannot write at once, it copies."""


def lines_of(frames: Sequence[Frame], *, base: bool) -> list[bytes]:
    """Broadcasts as one kind of receivers gets them: encoded once for all of them, and not at all where nobody is."""
    return [frame.base.data for frame in frames] if base else [frame.data for frame in frames]


class OutboxOwner(Protocol):
    """The connection, as its outbox sees it."""

    def flushed(self) -> None:
        """The outbox was told to finish, and everything in it has been taken by the kernel."""

    def too_slow(self, reason: str) -> None:
        """More waits than may."""


class Outbox:
    """The writing half of a connection."""

    __slots__ = (
        "__weakref__",
        "_choked",
        "_head_offset",
        "_owner",
        "_queue",
        "_queued",
        "_taken",
        "_taken_at",
        "_transport",
        "accepted_bytes",
        "base",
        "bytes_max",
        "dirty",
        "finishing",
        "mark",
        "messages",
        "pieces",
        "subscribed",
    )

    def __init__(self, owner: OutboxOwner, transport: asyncio.WriteTransport, bytes_max: int) -> None:
        self._owner: OutboxOwner | None = owner
        self._transport = transport
        self._queue: deque[bytes] | tuple[()] = ()
        """A deque from the first piece that has to wait on: an empty one is 700 bytes, and most never need any."""
        self._head_offset = 0
        self._queued = 0
        self._choked = False
        self._taken = -1
        self._taken_at = 0.0
        self.bytes_max = bytes_max
        self.messages = 0
        self.accepted_bytes = 0
        self.finishing = False
        # What the current tick has for this connection belongs to `Output`.
        self.pieces: list[bytes] = []
        self.mark = 0
        self.dirty = False
        self.subscribed = False
        self.base = False
        """Whether its broadcasts are those of the base protocol."""

    @property
    def waiting_bytes(self) -> int:
        """What the kernel has not taken yet."""
        return self._queued + self._transport.get_write_buffer_size()

    @property
    def waits(self) -> bool:
        return self._choked or bool(self._queue)

    def write(self, data: bytes, messages: int) -> None:
        """Send `data`, which holds so many messages, behind everything that was sent before."""
        transport = self._transport
        if transport.is_closing():
            return
        self.messages += messages
        self.accepted_bytes += len(data)
        if not self._choked and not self._queue and len(data) <= CHUNK_BYTES:
            transport.write(data)
            return
        if isinstance(self._queue, tuple):
            self._queue = deque()
        self._queue.append(data)
        self._queued += len(data)
        self._drain()
        if self._choked and self.waiting_bytes > self.bytes_max:
            assert self._owner is not None
            self._owner.too_slow(f"too slow: more than {self.bytes_max} bytes waited")

    def choke(self) -> None:
        """The transport has something that the kernel does not take."""
        self._choked = True

    def release(self) -> None:
        """The kernel has taken all that the transport had."""
        self._choked = False
        self._drain()
        self.settle()

    def settle(self) -> None:
        """Report the end if this was to be it."""
        if self.finishing and not self.waits and self._owner is not None:
            self._owner.flushed()

    def stalled_since(self, now: float) -> float:
        """Since when the kernel has taken nothing although something waits; `now` if it has since the last call."""
        taken = self.accepted_bytes - self.waiting_bytes
        if taken != self._taken or not self.waits:
            self._taken = taken
            self._taken_at = now
        return self._taken_at

    def discard(self) -> None:
        """The connection is gone."""
        self._queue = ()
        self._queued = 0
        self._head_offset = 0
        self._choked = False
        self.pieces = []

    def let_go(self) -> None:
        """The connection has ended, and nobody reports to it any more."""
        self._owner = None

    def _drain(self) -> None:
        queue = self._queue
        if isinstance(queue, tuple):
            return
        while queue and not self._choked:
            head = queue[0]
            if len(head) > CHUNK_BYTES:
                part = memoryview(head)[self._head_offset : self._head_offset + CHUNK_BYTES]
                self._head_offset += len(part)
                if self._head_offset == len(head):
                    queue.popleft()
                    self._head_offset = 0
                self._queued -= len(part)
                self._transport.write(part)
                continue
            joined: list[bytes] = []
            size = 0
            while queue and size + len(queue[0]) <= CHUNK_BYTES:
                size += len(queue[0])
                joined.append(queue.popleft())
            self._queued -= size
            self._transport.write(joined[0] if len(joined) == 1 else b"".join(joined))
