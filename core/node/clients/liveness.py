"""Believing a client only as long as it is there.

A client that hears nothing from its server gives its connection up, repeats at another server what was not answered,
and goes on there. What it had sent may still be on its way: when the path is whole again, it arrives at the first
server, which does not know of the second one yet. Accepted now, it would come behind what the client has posted since.

So whoever has been silent for longer than a living client is, is asked before its activities are accepted: a connection
that has been given up does not answer. (Leases, after C. Gray and D. Cheriton, Leases: An Efficient Fault-Tolerant
Mechanism for Distributed File Cache Consistency, SOSP 1989; here the holder is asked instead of a clock.)

The same after a refusal: a client that has not heard of it may repeat elsewhere what was refused here, and then what it
sent right behind must not have been accepted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.wire.messages import ActivityMessage, Ping

HELD_BYTES_MAX: Final = 2 * 1024 * 1024
"""Most bytes of activities that wait for one client's answer: a client of ours has half of it under way."""
ANSWER_LIMIT: Final = 10.0
"""Seconds after which a client that does not answer is not there any more."""


class LivenessCheck:
    """Holds back what comes from a client that may have gone elsewhere. `accept` takes up what was held back."""

    def __init__(self, context: Context, accept: Callable[[Session, ActivityMessage], None]) -> None:
        self._context = context
        self._accept = accept
        self._held: dict[int, deque[ActivityMessage]] = {}
        self._held_bytes: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._number = 0

    def heard(self, session: Session, silence: float) -> None:
        """Something came from a client after `silence` seconds."""
        if silence > self._context.config.liveness_after and session.origin != "local" and "ping" in session.features:
            session.suspect = True

    def refused(self, session: Session) -> None:
        """A client is told that an activity was not accepted, and may not hear it."""
        if session.origin != "local" and "ping" in session.features:
            session.suspect = True

    def holds(self, session: Session, message: ActivityMessage) -> bool:
        """Whether an activity has to wait until the client has answered."""
        if not session.suspect:
            return False
        conn = session.conn
        held = self._held.setdefault(conn, deque())
        if not held:
            self._number += 1
            self._asked[conn] = self._number
            self._context.send(session, Ping(self._number))
            self._context.timers.set(
                ("liveness", conn), self._context.after(ANSWER_LIMIT), lambda: self._give_up(session)
            )
        held.append(message)
        waiting = self._held_bytes.get(conn, 0) + sum(len(bytes(value)) for value in message.activity.values())
        self._held_bytes[conn] = waiting
        if len(held) > self._context.config.inbox_max or waiting > HELD_BYTES_MAX:
            self._context.invalid(session, "too many activities before the answer to PING")
        return True

    def answered(self, session: Session, number: int) -> None:
        """The client is there."""
        if self._asked.get(session.conn) != number:
            return
        session.suspect = False
        held = self._held[session.conn]
        self.forget(session)
        while held and session.state is ConnectionState.LOGGED_IN:
            self._accept(session, held.popleft())

    def forget(self, session: Session) -> None:
        """Nothing of this client is held back any more."""
        self._held.pop(session.conn, None)
        self._held_bytes.pop(session.conn, None)
        self._asked.pop(session.conn, None)
        self._context.timers.cancel(("liveness", session.conn))

    def _give_up(self, session: Session) -> None:
        self._context.close(session, "it was silent for long, and does not answer")
