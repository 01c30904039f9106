"""Posting: which activities of clients are accepted, and what they are told of each."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial

from core.node.clients.liveness import LivenessCheck
from core.node.clients.secret_macs import SecretMacs
from core.node.clients.writers import Writers
from core.node.kernel.connections import Connection, Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.log.replication import Replication
from core.wire.activity import stamp_activity
from core.wire.entries import Entry, EntryId, parse_entry_id
from core.wire.limits import ACTIVITY_BYTES_MAX
from core.wire.messages import ActivityAck, ActivityMessage, ActivityRefused, AuthenticationFail, Message
from core.wire.names import ANONYMOUS


class Posting:
    """Takes activities from clients. `wait` has a message wait in the client's inbox."""

    def __init__(
        self,
        context: Context,
        replication: Replication,
        macs: SecretMacs,
        wait: Callable[[Session, Message], None],
    ) -> None:
        self._context = context
        self._replication = replication
        self._macs = macs
        self._wait = wait
        self.liveness = LivenessCheck(context, self._post)
        self.writers = Writers(context)

    @takes(Handler.POST_TOO_EARLY)
    def _post_too_early(self, connection: Connection, message: ActivityMessage) -> None:
        self._not_authentic(connection, "log in before sending activities")

    @takes(Handler.POST)
    def _post(self, session: Session, message: ActivityMessage) -> None:
        context = self._context
        assert session.user is not None, "whoever is logged in has a name"
        if not self._is_authentic(session, message):
            self._not_authentic(session, "the activity's name and secret are not those of the login")
            return
        try:
            previous = parse_entry_id(message.previous) if message.previous is not None else None
        except ValueError as error:
            context.invalid(session, f"ACTIVITY_MESSAGE: previous: {error}")
            return
        ref = message.ref if session.native else None
        if ref is not None and context.storage_error is not None and not context.draining:
            self._refuse_post(session, ref, context.storage_error)
            return
        if self.liveness.holds(session, message):
            return
        if self._context.draining:
            # It is sent on in a moment. A client that names its activities repeats there what was not answered here;
            # to any other a refusal would cost its service, so its lines wait.
            if ref is None:
                session.enter(Outcome.POST_HELD_BACK)
                self._wait(session, message)
            return
        sender = "" if session.claim is None else session.user
        body = stamp_activity(message.activity, session.user)
        if context.storage_error is not None:
            problem = f"this server cannot keep activities now: {context.storage_error}"
            context.notify("refused", f"an activity of {session.user} was not accepted: {problem}", "error")
            context.refuse(session, AuthenticationFail(problem), f"activity refused: {problem}")
            return
        if ref is not None:
            known = self._replication.refs.known(sender, ref, body)
            if known is not None:
                # What comes next was written after it, wherever it was accepted.
                session.last_post = known
                self._replication.when_durable(known, partial(self._answer_repetition, session, ref, known))
                return
        if session.last_post is not None:
            previous = session.last_post
        elif previous is None and sender:
            previous = self._replication.last_activities.of(sender)
        if len(body) > ACTIVITY_BYTES_MAX:
            context.invalid(session, f"ACTIVITY_MESSAGE: the activity is longer than {ACTIVITY_BYTES_MAX} bytes")
            return
        entry = self._replication.originate(
            "activity",
            body,
            sender=sender,
            previous=previous,
            after=message.previous_stamp or 0,
            ref=ref,
            since=context.ago(message.age) if ref is not None and message.age is not None else None,
            then=lambda problem: self._kept(session, entry, ref, problem),
        )
        session.last_post = entry.id
        self.writers.wrote(session, len(body))

    def _answer_repetition(self, session: Session, ref: str, known: EntryId, problem: str | None) -> None:
        if problem is None:
            session.kept_post = known
            self._context.send(session, ActivityAck(ref, str(known), self._context.stamp()))
        else:
            if session.last_post == known:
                session.last_post = session.kept_post
            self._refuse_post(session, ref, problem)

    def _refuse_post(self, session: Session, ref: str, problem: str) -> None:
        """Tell a client that names its activities that one is not accepted."""
        self._context.send(session, ActivityRefused(ref, f"this server cannot keep activities now: {problem}"))
        self.liveness.refused(session)

    def _kept(self, session: Session, entry: Entry, ref: str | None, problem: str | None) -> None:
        """An activity is durable, or cannot be kept; `ref` is its client's name for it, if that wants to hear of it."""
        context = self._context
        if problem is None:
            session.kept_post = entry.id
        else:
            session.last_post = session.kept_post
        if ref is not None:
            if problem is None:
                context.send(session, ActivityAck(ref, str(entry.id), entry.stamp))
            else:
                self._refuse_post(session, ref, problem)
        elif problem is not None and session.state is not ConnectionState.CLOSING:
            text = f"this server cannot keep activities now: {problem}"
            context.refuse(session, AuthenticationFail(text), text)

    def _is_authentic(self, session: Session, message: ActivityMessage) -> bool:
        if session.claim is None:
            return message.username == ANONYMOUS
        if message.username not in (session.login_name, session.user):
            return False
        if message.secret is None or not session.secret_macs:
            return session.vouched is not None and message.secret is None
        mac = self._macs.of(message.secret)
        return any(hmac.compare_digest(mac, known) for known in session.secret_macs)

    def _not_authentic(self, connection: Connection, reason: str) -> None:
        self._context.notify("refused", f"an activity from {connection.peer} was refused: {reason}", "warning")
        self._context.refuse(connection, AuthenticationFail(reason), f"activity refused: {reason}")
