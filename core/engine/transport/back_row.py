"""Those who get broadcasts when there is time: of one address whoever came anonymously after many others.

A broadcast to ten thousand costs the loop 50 ms, and whoever opens so many connections makes everybody wait for that.
So of each address a certain number of anonymous people sit in front, and get all that a turn of the loop brings when it
ends. Those behind them get it in rounds, so many in a pass and a part of the time only; what comes during a round goes
out with the next one, as one piece, so that more of it costs no more writes.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from core.admission.shares import Weights
from core.engine.transport.audience import lines_of
from core.engine.transport.outbox import Outbox
from core.wire.codec import Frame

FRONT_SEATS: Final = 250
"""Anonymous people at one address who get broadcasts at once: a school behind one address does."""
AT_ONCE: Final = 100
"""Writes in one pass of the loop."""
REST: Final = 4.0
"""For how much longer than that took nothing is written to the back row: it has a fifth of the time."""


class FrontSeats:
    """Who sits in front, of those for whom seats are counted."""

    def __init__(self) -> None:
        self._share_of: dict[Outbox, str] = {}
        self._taken = Weights()

    def take(self, outbox: Outbox, share: str) -> bool:
        """Whether there is a seat for one more of an address; it has it then."""
        if self._taken[share] >= FRONT_SEATS:
            return False
        self._share_of[outbox] = share
        self._taken.add(share)
        return True

    def leave(self, outbox: Outbox) -> None:
        """Its seat is free, if it had one."""
        share = self._share_of.pop(outbox, None)
        if share is not None:
            self._taken.remove(share)


class BackRow:
    """Writes broadcasts to its members in rounds. What all have got is forgotten."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._log: list[Frame] = []
        self._forgotten = 0
        """Broadcasts before the log's first one."""
        self._has: dict[Outbox, int] = {}
        """How many of all broadcasts each member has got, or was not there for."""
        self._round: list[Outbox] = []
        """Whose turn is still to come in this round, the next one last."""
        self._goal = 0
        self._joined: dict[bool, tuple[int, bytes]] = {}
        """From which broadcast on to the goal, in one piece: the same object for all who speak the base protocol only,
        and for all others."""
        self._due: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._has)

    def __contains__(self, outbox: Outbox) -> bool:
        return outbox in self._has

    def join(self, outbox: Outbox) -> None:
        """Broadcasts from here on reach the connection."""
        self._has[outbox] = self._forgotten + len(self._log)

    def leave(self, outbox: Outbox) -> None:
        """Nothing more reaches it from here."""
        self._has.pop(outbox, None)

    def broadcast(self, frame: Frame) -> None:
        """One frame to all members."""
        if self._has:
            self._log.append(frame)
            if self._due is None:
                self._due = self._loop.call_soon(self._serve)

    def missed(self, outbox: Outbox) -> list[bytes]:
        """The broadcasts that a member has still to get."""
        has = self._has.get(outbox)
        return lines_of(self._log[has - self._forgotten :], base=outbox.base) if has is not None else []

    def take(self, outbox: Outbox) -> list[bytes]:
        """The same, and it has got them with this."""
        missed = self.missed(outbox)
        if missed:
            self._has[outbox] = self._forgotten + len(self._log)
        return missed

    def close(self) -> None:
        """No more rounds."""
        if self._due is not None:
            self._due.cancel()

    def _serve(self) -> None:
        """A part of a round."""
        began = time.monotonic()
        if not self._round:
            self._round = list(reversed(self._has))
            self._goal = self._forgotten + len(self._log)
        for _ in range(AT_ONCE):
            if not self._round:
                break
            self._write(self._round.pop())
        if not self._round:
            del self._log[: self._goal - self._forgotten]
            self._forgotten = self._goal
            self._joined.clear()
        self._due = None
        if self._round or self._log:
            self._due = self._loop.call_later(REST * (time.monotonic() - began), self._serve)

    def _write(self, outbox: Outbox) -> None:
        has = self._has.get(outbox, self._goal)
        if has >= self._goal:
            return
        self._has[outbox] = self._goal
        missed = slice(has - self._forgotten, self._goal - self._forgotten)
        base = outbox.base
        if outbox.dirty:
            # Something of its own is to go out first, at the end of this turn.
            outbox.pieces += lines_of(self._log[missed], base=base)
            return
        since, joined = self._joined.get(base, (-1, b""))
        if since != has:
            joined = b"".join(lines_of(self._log[missed], base=base))
            self._joined[base] = (has, joined)
        outbox.write(joined, self._goal - has)
