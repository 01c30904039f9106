"""Answers to who asks what waits where in this server: operators, who show that they have the network's secret.

Everybody may see the network's status. What waits in a server tells a stranger when a flood begins to hurt, so it is
told to nobody else; a wrong proof is an attempt at the network's secret, and is treated as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.node.accounts.attempts import Attempts
from core.node.interface.actions import CountQueues
from core.node.interface.events import QueuesCounted
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.wire.messages import Status, StatusRequest
from core.wire.queue_proof import SECONDS_VALID, is_proof

WRONG = "that is not this network's secret"
TOO_OLD = f"the time that was named is not of this server's last {SECONDS_VALID:g} seconds"


class QueueAnswers:
    """Tells operators what waits where."""

    def __init__(
        self,
        context: Context,
        attempts: Attempts,
        status: Callable[[Session], Mapping[str, object]],
        queues: Callable[[], Mapping[str, int]],
    ) -> None:
        self._context = context
        self._attempts = attempts
        self._status = status
        self._queues = queues
        self._asking: dict[int, Session] = {}

    def asked(self, session: Session, message: StatusRequest) -> None:
        """A client asks for the queues, with a proof."""
        context = self._context
        if session.conn in self._attempts:
            self._refuse(session, "another secret of this connection is being looked at")
            return

        def look() -> None:
            at = message.at or 0
            if abs(context.now.wall * 1000 - at) > SECONDS_VALID * 1000:
                self._attempts.over(session)
                self._refuse(session, TOO_OLD)
            elif is_proof(message.proof or "", context.config.secret, context.id, at):
                self._attempts.succeeded(session)
                token = context.token()
                self._asking[token] = session
                context.actions.append(CountQueues(token))
            else:
                text = f"somebody {session.whence} asked for the queues of this server with a wrong network secret"
                context.notify("refused", text, "warning")
                self._attempts.failed(session, lambda: self._refuse(session, WRONG))

        self._attempts.begin(session, "queues", look, lambda problem: self._refuse(session, problem))

    def counted(self, event: QueuesCounted) -> None:
        """What waits beside the node has been counted."""
        session = self._asking.pop(event.token, None)
        if session is not None and session.state is not ConnectionState.CLOSING:
            queues = {**self._queues(), **event.queues}
            self._context.send(session, Status(dict(self._status(session)), queues=queues))

    def _refuse(self, session: Session, why: str) -> None:
        self._context.send(session, Status(dict(self._status(session)), info=why))
