"""All output of one turn of the event loop, written once per connection.

One `send` of a small frame costs about 5 µs in the kernel, whatever the language, and dominates everything else that a
broadcast costs. So frames of a turn are gathered, joined and written when it ends. Broadcasts are kept once, in the
turn's log. A connection remembers only how far into the log it is (its mark), and takes a stretch of it over when a
frame of its own has to go behind that. Whoever had no frame of its own gets the same bytes object as all others of its
kind: there are two, those who are told only what the base protocol has, and all others.
"""

from __future__ import annotations

import asyncio

from core.engine.transport.audience import Audience, lines_of
from core.engine.transport.back_row import BackRow, FrontSeats
from core.engine.transport.outbox import Outbox
from core.wire.codec import Frame, Frames


class Output:
    """Gathers frames and writes them at the end of the turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._log: list[Frame | Frames] = []
        self._dirty: list[Outbox] = []
        self._base_audience = Audience(base=True)
        self._audience = Audience(base=False)
        self._scheduled = False
        self._seats = FrontSeats()
        self._back = BackRow(loop)

    @property
    def subscribers(self) -> int:
        """How many get broadcasts at once."""
        return len(self._audience) + len(self._base_audience)

    def send(self, outbox: Outbox, data: bytes) -> None:
        """One frame to one connection."""
        self._catch_up(outbox)
        outbox.pieces.append(data)

    def broadcast(self, frame: Frame) -> None:
        """One frame to all subscribers."""
        if self._audience or self._base_audience:
            self._log.append(frame)
            self._schedule()
        if self._back:
            self._back.broadcast(frame)

    def broadcast_all(self, frames: Frames) -> None:
        """Several frames to all subscribers."""
        if self._audience or self._base_audience:
            self._log.append(frames)
            self._schedule()
        if self._back:
            for frame in frames:
                self._back.broadcast(frame)

    def subscribe(self, outbox: Outbox, share: str | None = None, *, base: bool = False) -> None:
        """Broadcasts from here on reach the connection: at once, unless there are too many at the address `share`.

        `base`: as `Frame.base`.
        """
        if outbox.base is not base:
            self.unsubscribe(outbox)
            outbox.base = base
        if outbox in self._back:
            return
        if not outbox.subscribed:
            if share is not None and not self._seats.take(outbox, share):
                self._back.join(outbox)
                return
            (self._base_audience if base else self._audience).join(outbox)
            self._touch(outbox)
            outbox.mark = len(self._log)

    def unsubscribe(self, outbox: Outbox) -> None:
        """Broadcasts from here on do not reach the connection."""
        if outbox.audience is not None:
            self._catch_up(outbox)
            outbox.audience.leave(outbox)
            self._seats.leave(outbox)
        elif outbox in self._back:
            self._catch_up(outbox)
            self._back.leave(outbox)

    def bring_forward(self, outbox: Outbox) -> None:
        """Whoever it is has a seat in front that is not counted."""
        if outbox in self._back:
            self.unsubscribe(outbox)
            self.subscribe(outbox, base=outbox.base)
        self._seats.leave(outbox)

    def finish(self, outbox: Outbox) -> None:
        """Nothing more will be sent: its owner is told once all of it has been taken."""
        self.unsubscribe(outbox)
        outbox.finishing = True
        self._touch(outbox)

    def forget(self, outbox: Outbox) -> None:
        """The connection is gone."""
        if outbox.audience is not None:
            outbox.audience.leave(outbox)
            self._seats.leave(outbox)
        self._back.leave(outbox)
        outbox.discard()

    def close(self) -> None:
        """Nobody gets anything any more but by `flush`."""
        self._back.close()

    def unwritten(self, outbox: Outbox) -> int:
        """Bytes that this turn of the loop has brought for the connection."""
        missed = self._missed(outbox) if outbox.subscribed else self._back.missed(outbox)
        return sum(map(len, outbox.pieces)) + sum(map(len, missed))

    def flush(self) -> None:
        """Write everything now."""
        self._scheduled = False
        log, self._log = self._log, []
        dirty, self._dirty = self._dirty, []
        for outbox in dirty:
            pieces, outbox.pieces = outbox.pieces, []
            if outbox.subscribed:
                pieces += lines_of(log[outbox.mark :], base=outbox.base)
                outbox.mark = 0
            if pieces:
                outbox.write(pieces[0] if len(pieces) == 1 else b"".join(pieces), len(pieces))
        if log:
            self._audience.write(log)
            self._base_audience.write(log)
        for outbox in dirty:
            outbox.dirty = False
            outbox.settle()
            if outbox.audience is not None:
                outbox.audience.look_at(outbox)

    def _missed(self, outbox: Outbox) -> list[bytes]:
        """The turn's broadcasts since the connection's mark."""
        return lines_of(self._log[outbox.mark :], base=outbox.base)

    def _catch_up(self, outbox: Outbox) -> None:
        """Bring the connection to the log's end."""
        self._touch(outbox)
        if outbox.subscribed and outbox.mark < len(self._log):
            outbox.pieces += self._missed(outbox)
            outbox.mark = len(self._log)
        elif not outbox.subscribed and outbox in self._back:
            outbox.pieces += self._back.take(outbox)

    def _touch(self, outbox: Outbox) -> None:
        if not outbox.dirty:
            outbox.dirty = True
            if outbox.audience is not None:
                outbox.audience.set_aside(outbox)
            self._dirty.append(outbox)
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)
