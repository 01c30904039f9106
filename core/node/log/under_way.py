"""Under way: what came over each link and has not been spread yet, and who is not read for it.

Nothing in a server tells one neighbour's entries from another's between its door and the disk: they are kept in the
order in which they came, so that what has failed is never followed by what has not. So each neighbour has a window, as
a sender has in TCP (RFC 9293): with more of its entries under way it is not read on until half of them have been
spread. Whatever it sends, others find no more than a window of it before them, and what is behind that waits in its
own connection.

A disk that takes nothing for a while must not make a neighbour look dead, nor this server to it: while it is not read
it is pinged, and no answer is expected (`Heartbeat`). After `HELD_MAX` it is read on in any case, and what piles up
before the disk is bounded by the engine. So others get to know that this server does not go on.

What was asked for of the past has a window of its own beside that of what is live, and behind that its pages wait.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from core.node.interface.actions import Hold
from core.node.kernel.context import Context

WINDOW: Final = 256
"""What may be under way over one link. It is as much as a disk that takes 10 ms for a commit needs for 25,000 entries
a second that come by themselves, and for any number in records."""
ENTRIES_OF_ONE: Final = 32
"""So many more entries in a record cost about what an entry does that comes by itself."""
HELD_MAX: Final = 30.0
"""Seconds for which a link is not read on at most."""


class _Window:
    __slots__ = ("bounded", "held", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.held = False
        self.bounded = True
        """Whether more of it has to wait; not any more when it has waited for too long."""


def cost_of(entries: int) -> int:
    """What so many entries that came together count for."""
    return 1 + (entries - 1) // ENTRIES_OF_ONE


class UnderWay:
    """The windows of all links over which something has come."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._live: dict[int, _Window] = {}
        """By connection, while something is under way."""
        self._past: dict[int, int] = {}
        """By connection, how much of the past is."""
        self._waiting: dict[int, Callable[[], None]] = {}
        """By connection, what goes on when the past has room again."""

    @property
    def held(self) -> int:
        """How many links are not read because of what is under way over them."""
        return sum(window.held for window in self._live.values())

    def of(self, conn: int) -> int:
        """How much of what is live is under way that came over a connection."""
        window = self._live.get(conn)
        return window.under_way if window is not None else 0

    # --- what is live -------------------------------------------------------------------------------------------------

    def took(self, conn: int, cost: int) -> None:
        """Something has come over a link, and is to be kept and spread."""
        window = self._live.get(conn)
        if window is None:
            window = self._live[conn] = _Window()
        window.under_way += cost
        if window.under_way >= WINDOW and window.bounded and not window.held:
            self._hold(conn, window, held=True)
            self._context.timers.set(("held", conn), self._context.after(HELD_MAX), partial(self._held_long, conn))

    def spread(self, conn: int, cost: int) -> None:
        """It has been spread, or came to nothing."""
        window = self._live.get(conn)
        if window is None:
            return
        window.under_way -= cost
        if window.under_way <= WINDOW // 2:
            window.bounded = True
            if window.held:
                self._hold(conn, window, held=False)
            if window.under_way <= 0:
                del self._live[conn]

    def _held_long(self, conn: int) -> None:
        window = self._live.get(conn)
        if window is not None and window.held:
            window.bounded = False
            self._hold(conn, window, held=False)

    def _hold(self, conn: int, window: _Window, *, held: bool) -> None:
        window.held = held
        link = self._context.connections.link(conn)
        if link is not None:
            link.held = held
        self._context.timers.cancel(("held", conn))
        self._context.actions.append(Hold(conn, held))

    # --- the past -----------------------------------------------------------------------------------------------------

    def took_past(self, conn: int, cost: int) -> None:
        """The same of what was asked for of the past."""
        self._past[conn] = self._past.get(conn, 0) + cost

    def spread_past(self, conn: int, cost: int) -> None:
        left = self._past.get(conn, 0) - cost
        if left > 0:
            self._past[conn] = left
        else:
            self._past.pop(conn, None)
        if left <= WINDOW // 2 and (go_on := self._waiting.pop(conn, None)) is not None:
            go_on()

    def has_room_for_past(self, conn: int) -> bool:
        """Whether more of the past may be taken that came over a link."""
        return self._past.get(conn, 0) < WINDOW

    def when_room_for_past(self, conn: int, go_on: Callable[[], None]) -> None:
        """Call `go_on` when there is room again; there is none now. Not if the link ends before."""
        self._waiting[conn] = go_on

    # --- the end ------------------------------------------------------------------------------------------------------

    def ended(self, conn: int) -> None:
        """A link has ended."""
        self._live.pop(conn, None)
        self._past.pop(conn, None)
        self._waiting.pop(conn, None)
        self._context.timers.cancel(("held", conn))
