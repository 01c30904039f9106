"""What must hold after each event, whatever has come in: each room says what of it does not.

The habit is TigerBeetle's: the simulator and the tests look after every event, so that a fault is found where it is
made and not where it is felt. Looking costs as much as there is to look at, so a node that serves people does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from core.node.kernel.context import Context

CONNECTIONS_LOOKED_AT: Final = 50
"""How many connections an event may cost: where there are more, it is looked at every so many events."""
TIMERS_OF_CONNECTIONS: Final = frozenset(
    {
        "attached",
        "attempt",
        "differs",
        "documents",
        "doubt",
        "first",
        "handover",
        "lacks",
        "leave",
        "liveness",
        "ping",
        "quiet",
        "redirect",
        "sign",
        "silence",
        "wrong secret",
    }
)
"""Timers whose names go on with a connection's number: none of them is set for one that is gone."""


class BrokenInvariant(AssertionError):
    """Something that must hold does not: a fault in this program, whatever a peer has said."""


class Room(Protocol):
    """A part of a node that can look at itself."""

    def broken(self) -> Iterator[str]:
        """What does not hold, each as a sentence."""


class Invariants:
    """Looks at the rooms of a node, between two events."""

    def __init__(self, context: Context, *rooms: Room, every: int = 1) -> None:
        """`every`: after how many events it is time, where there are few connections."""
        self._context = context
        self._rooms = (context.connections, *rooms)
        self._every = every
        self._events = 0

    def after_event(self) -> None:
        """Raises BrokenInvariant if something does not hold."""
        self._events += 1
        if self._events < self._every:
            return
        if self._events < max(self._every, len(self._context.connections) // CONNECTIONS_LOOKED_AT):
            return
        self._events = 0
        found = [f"{type(room).__name__}: {text}" for room in self._rooms for text in room.broken()]
        found += self._left_behind()
        if found:
            raise BrokenInvariant("; ".join(found))

    def _left_behind(self) -> Iterator[str]:
        connections = self._context.connections
        for name in self._context.timers.names():
            if isinstance(name, tuple) and name[0] in TIMERS_OF_CONNECTIONS and connections.get(name[1]) is None:
                yield f"connection {name[1]} is gone, and the timer {name[0]!r} is set for it"
