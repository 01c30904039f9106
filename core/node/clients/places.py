"""Places for people: who gives theirs up when a server is full.

A server has so many connections. Some are kept for servers and for whoever has not said yet who they are; people share
the others. Who has an account goes before who has none, and of both the address that has most gives way to one that has
fewer: its client that has been silent for longest.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from core.admission.shares import Weights, share_of
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.wire.messages import InvalidMessage

LOOKED_AT: Final = 16
"""Clients of an address that are looked at for one that has been silent."""
TOLD_GAP: Final = 60.0
"""Seconds between two notices that there is no room."""

NO_ROOM: Final = "this server has no room for more people; try again later"
NO_ROOM_ANONYMOUS: Final = (
    "this server has no room for more anonymous people from your address; log in with a name, or try again later"
)
GIVEN_AWAY: Final = (
    "this server is full: your place was needed for somebody else, because your address has most of them"
)


class _Shares:
    """The clients of one kind, by address."""

    def __init__(self) -> None:
        self.weights = Weights()
        self._of: dict[str, OrderedDict[int, tuple[Session, float]]] = {}
        """With when they had been heard last when that was looked at."""

    def enter(self, session: Session, share: str) -> None:
        self.weights.add(share)
        self._of.setdefault(share, OrderedDict())[session.conn] = (session, session.heard_at)

    def leave(self, session: Session, share: str) -> bool:
        there = self._of.get(share)
        if there is None or there.pop(session.conn, None) is None:
            return False
        self.weights.remove(share)
        if not there:
            del self._of[share]
        return True

    def idlest(self, share: str) -> Session:
        """One that has been silent for long (the clock algorithm: who was heard meanwhile goes to the end)."""
        sessions = self._of[share]
        for _ in range(min(LOOKED_AT, len(sessions))):
            conn, (session, noted) = next(iter(sessions.items()))
            if session.heard_at <= noted:
                return session
            sessions[conn] = (session, session.heard_at)
            sessions.move_to_end(conn)
        return next(iter(sessions.values()))[0]


class Places:
    """Who of the people that are logged in over the network has a place."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._anonymous = _Shares()
        self._named = _Shares()
        self._told_at = float("-inf")

    def __len__(self) -> int:
        return self._anonymous.weights.total + self._named.weights.total

    @property
    def full(self) -> bool:
        """Whether somebody has to give way to the next one."""
        most = self._context.config.clients_max
        return most > 0 and len(self) >= most

    def take(self, session: Session, *, named: bool) -> str | None:
        """Give a client a place, if need be somebody else's; why there is none, as a clause."""
        if session.origin == "local":
            return None
        self.leave(session)
        share = share_of(session.peer.host)
        if self.full:
            gives_way = self._who_gives_way(share, named=named)
            self._tell()
            if gives_way is None:
                return NO_ROOM if named else NO_ROOM_ANONYMOUS
            self.leave(gives_way)
            self._context.refuse(gives_way, InvalidMessage(GIVEN_AWAY), "its place was needed")
        (self._named if named else self._anonymous).enter(session, share)
        return None

    def leave(self, session: Session) -> None:
        """The client has no place any more."""
        share = share_of(session.peer.host)
        if not self._anonymous.leave(session, share):
            self._named.leave(session, share)

    def _who_gives_way(self, share: str, *, named: bool) -> Session | None:
        anonymous = self._anonymous.weights
        heaviest = anonymous.heaviest
        if heaviest is not None and (named or anonymous[heaviest] > anonymous[share] + 1):
            return self._anonymous.idlest(heaviest)
        heaviest = self._named.weights.heaviest
        if named and heaviest is not None and self._named.weights[heaviest] > self._named.weights[share] + 1:
            return self._named.idlest(heaviest)
        return None

    def _tell(self) -> None:
        now = self._context.now.monotonic
        if now - self._told_at < TOLD_GAP:
            return
        self._told_at = now
        shares = max(self._anonymous, self._named, key=lambda one: one.weights.total)
        heaviest = shares.weights.heaviest or ""
        self._context.notify(
            "security",
            f"this server is full: {len(self)} people are logged in, {shares.weights[heaviest]} of them from"
            f" {heaviest}; whoever has most gives way",
            "warning",
        )
