"""What waits to be written to one connection.

The transport is given one piece at a time, and the next one when the kernel has taken that: what a slow reader has not
taken stays here as references to frames that it shares with every other reader, so that a thousand slow readers of one
broadcast cost its bytes once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from core.engine.transport.audience import CHUNK_BYTES, Audience, KernelWay
from core.engine.transport.plain_transport import PlainTransport
from core.node.interface.events import TOO_SLOW


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
        "_accepted",
        "_choked",
        "_counted_bytes",
        "_counted_messages",
        "_counts_with",
        "_head_offset",
        "_owner",
        "_queue",
        "_queued",
        "_sent",
        "_taken",
        "_taken_at",
        "_transport",
        "audience",
        "base",
        "bytes_max",
        "dirty",
        "finishing",
        "mark",
        "pieces",
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
        self._sent = 0
        """Messages, but for those that an audience counts."""
        self._accepted = 0
        """And their bytes."""
        self._counts_with: Audience | None = None
        """The audience that counts what it is sent, and how much that had counted before."""
        self._counted_messages = 0
        self._counted_bytes = 0
        self.finishing = False
        # What the current tick has for this connection belongs to `Output`.
        self.pieces: list[bytes] = []
        self.mark = 0
        self.dirty = False
        self.base = False
        """Whether its broadcasts are those of the base protocol."""
        self.audience: Audience | None = None
        """Whom it gets broadcasts with at once."""

    @property
    def waiting_bytes(self) -> int:
        """What the kernel has not taken yet."""
        return self._queued + self._transport.get_write_buffer_size()

    @property
    def subscribed(self) -> bool:
        """Whether broadcasts reach it at once."""
        return self.audience is not None

    @property
    def messages(self) -> int:
        """How many were sent."""
        return self._sent + (0 if self._counts_with is None else self._counts_with.messages - self._counted_messages)

    @property
    def accepted_bytes(self) -> int:
        """How many bytes they had."""
        return self._accepted + (0 if self._counts_with is None else self._counts_with.bytes - self._counted_bytes)

    @property
    def way(self) -> KernelWay | None:
        """The way into the kernel, if what is sent now may take it: nothing waits, here or in this turn of the loop."""
        transport = self._transport
        if self._choked or self.dirty or not isinstance(transport, PlainTransport):
            return None
        return transport.send

    def count_with(self, audience: Audience) -> None:
        """From here on its audience counts what it is sent."""
        self._counts_with = audience
        self._counted_messages, self._counted_bytes = audience.messages, audience.bytes

    def count_alone(self) -> None:
        """From here on it counts itself again."""
        self._sent, self._accepted = self.messages, self.accepted_bytes
        self._counts_with = None

    @property
    def waits(self) -> bool:
        return self._choked or bool(self._queue)

    def write(self, data: bytes, messages: int) -> None:
        """Send `data`, which holds so many messages, behind everything that was sent before."""
        transport = self._transport
        if transport.is_closing():
            return
        self._sent += messages
        self._accepted += len(data)
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
            self._owner.too_slow(f"{TOO_SLOW}: more than {self.bytes_max} bytes waited")

    def sent_in_part(self, data: bytes, taken: int | OSError) -> None:
        """Of what was sent the way into the kernel it has taken so much, or nothing any more."""
        assert isinstance(self._transport, PlainTransport), "whoever has a way"
        self._transport.sent_in_part(data, taken)

    def choke(self) -> None:
        """The transport has something that the kernel does not take."""
        self._choked = True
        if self.audience is not None:
            self.audience.set_aside(self)

    def release(self) -> None:
        """The kernel has taken all that the transport had."""
        self._choked = False
        self._drain()
        self.settle()
        if self.audience is not None:
            self.audience.look_at(self)

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
