"""Posting: which activities of clients are accepted, and what they are told of each."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from core.node.clients.liveness import LivenessCheck
from core.node.clients.secret_macs import SecretMacs
from core.node.clients.writers import Writers
from core.node.kernel.connections import Connection, Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.log.replication import Replication
from core.node.orders.order_kinds import why
from core.wire.activity import stamp_activity
from core.wire.entries import EntryId, parse_entry_id
from core.wire.entry_columns import EntryColumns
from core.wire.idempotency import fingerprint_of
from core.wire.limits import ACTIVITY_BYTES_MAX
from core.wire.messages import ActivityAck, ActivityMessage, ActivityRefused, AuthenticationFail, Message
from core.wire.names import ANONYMOUS
from core.wire.references import says_another
from core.wire.signed_orders import Order

SAID_MAX: Final = 128
"""Characters of an activity's id that people are told."""


class _Run:
    """What one client posts at once, to be accepted together."""

    __slots__ = ("after", "bodies", "fingerprints", "named", "previous", "refs", "sinces")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """There is nothing of it."""
        self.bodies: list[bytes] = []
        self.after: list[int] = []
        self.refs: list[str | None] = []
        self.fingerprints: list[bytes | None] = []
        self.sinces: list[int | None] = []
        self.named: set[bytes] = set()
        """The fingerprints of those that their client gave a name."""
        self.previous: EntryId | None = None
        """What the first one follows, as its client says."""


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
        self.silenced: Mapping[str, Order] = {}
        """Accounts that may not post, by their claims."""
        self.liveness = LivenessCheck(context, self._post)
        self.writers = Writers(context)

    @takes(Handler.POST_TOO_EARLY)
    def _post_too_early(self, connection: Connection, message: ActivityMessage) -> None:
        self._not_authentic(connection, "log in before sending activities")

    @takes(Handler.POST)
    def _post(self, session: Session, message: ActivityMessage) -> None:
        self.take(session, (message,))

    def take(self, session: Session, messages: Sequence[ActivityMessage]) -> None:
        """Take what somebody who is logged in posts, one behind the other."""
        run = _Run()
        for message in messages:
            if session.state is not ConnectionState.LOGGED_IN:
                # What came before it has led elsewhere.
                self._context.dispatch(session, message)
            elif self._is_usual(session, message):
                self._add(session, message, run)
            else:
                self._accept(session, run)
                self._take_unusual(session, message)
        self._accept(session, run)

    def _is_usual(self, session: Session, message: ActivityMessage) -> bool:
        """Whether nothing but what it says may be in the way of an activity."""
        context = self._context
        return (
            not session.suspect
            and not context.draining
            and context.expelled_itself is None
            and context.storage_error is None
            and not (self.silenced and session.claim in self.silenced)
            and self._is_authentic(session, message)
        )

    def _take_unusual(self, session: Session, message: ActivityMessage) -> None:
        context = self._context
        if not self._is_authentic(session, message):
            self._not_authentic(session, "the activity's name and secret are not those of the login")
            return
        ref = message.ref if session.native else None
        silenced = self.silenced.get(session.claim or "")
        if silenced is not None:
            self._refuse_for_good(session, ref, why(silenced, "you may not post: {by} has silenced you"))
            return
        if context.expelled_itself is not None:
            # It would be shown to nobody, and pass for something that was said.
            self._refuse_for_good(session, ref, f"{context.expelled_itself}; write at another one")
            return
        if ref is not None and context.storage_error is not None and not context.draining:
            self._refuse_post(session, ref, context.storage_error)
            return
        if self.liveness.holds(session, message):
            return
        if context.draining:
            # It is sent on in a moment. A client that names its activities repeats there what was not answered here;
            # to any other a refusal would cost its service, so its lines wait.
            if ref is None:
                session.enter(Outcome.POST_HELD_BACK)
                self._wait(session, message)
            return
        problem = f"this server cannot keep activities now: {context.storage_error}"
        context.notify("refused", f"an activity of {session.user} was not accepted: {problem}", "error")
        context.refuse(session, AuthenticationFail(problem), f"activity refused: {problem}")

    def _refuse_for_good(
        self, session: Session, ref: str | None, text: str, reason: str = "activity refused: an operator has ordered it"
    ) -> None:
        self._context.tell_few_of(
            session.claim or "", "refused", f"an activity of {session.user} was refused: {text}", "info"
        )
        if ref is not None:
            self._context.send(session, ActivityRefused(ref, text))
            self.liveness.refused(session)
        else:
            self._context.refuse(session, AuthenticationFail(text), reason)

    def _add(self, session: Session, message: ActivityMessage, run: _Run) -> None:
        """Have an activity accepted with those of a run, unless it was accepted before, or is none that can be."""
        context, user = self._context, session.user
        assert user is not None, "whoever is logged in has a name"
        if message.previous is not None:
            try:
                previous = parse_entry_id(message.previous)
            except ValueError as error:
                context.invalid(session, f"ACTIVITY_MESSAGE: previous: {error}")
                return
            if not run.bodies:
                run.previous = previous
        ref = message.ref if session.native else None
        if "id" in message.activity or "@id" in message.activity:
            other = says_another(message.activity, session.claim, ref)
            if other is not None:
                self._accept(session, run)
                self._refuse_reference(session, ref, other)
                return
        body = stamp_activity(message.activity, user)
        fingerprint = None
        if ref is not None:
            sender = "" if session.claim is None else user
            fingerprint = fingerprint_of(sender, ref, body)
            if fingerprint in self._replication.removed.fingerprints:
                self._accept(session, run)
                self._context.send(session, ActivityRefused(ref, "an operator has removed this activity"))
                self.liveness.refused(session)
                return
            if fingerprint in run.named:
                self._accept(session, run)
            known = self._replication.refs.find(sender, ref, fingerprint)
            if known is not None:
                self._accept(session, run)
                # What comes next was written after it, wherever it was accepted.
                session.last_post = known
                self._replication.when_durable(known, partial(self._answer_repetition, session, ref, known))
                return
            run.named.add(fingerprint)
        if len(body) > ACTIVITY_BYTES_MAX:
            self._accept(session, run)
            context.invalid(session, f"ACTIVITY_MESSAGE: the activity is longer than {ACTIVITY_BYTES_MAX} bytes")
            return
        run.bodies.append(body)
        run.after.append(message.previous_stamp or 0)
        run.refs.append(ref)
        run.fingerprints.append(fingerprint)
        run.sinces.append(context.ago(message.age) if ref is not None and message.age is not None else None)

    def _refuse_reference(self, session: Session, ref: str | None, said: str) -> None:
        """An activity calls itself what is another one's."""
        text = f"its id says that it is {said[:SAID_MAX]!r}, which it is not; leave the id out"
        self._refuse_for_good(session, ref, text, "activity refused: it calls itself another one")

    def _accept(self, session: Session, run: _Run) -> None:
        """Accept a run, which is over with this: the next one may begin."""
        if not run.bodies:
            return
        sender = "" if session.claim is None else session.user or ""
        previous = run.previous
        if session.last_post is not None:
            previous = session.last_post
        elif previous is None and sender:
            previous = self._replication.last_activities.of(sender)
        names = run.refs
        columns = self._replication.own.originate_all(
            run.bodies,
            sender=sender,
            previous=previous,
            after=run.after,
            refs=names,
            fingerprints=run.fingerprints,
            sinces=run.sinces,
            then=lambda problem: self._kept(session, columns, names, problem),
        )
        session.last_post = columns.last_id
        self.writers.wrote(session, sum(map(len, run.bodies)), len(run.bodies))
        run.begin()

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

    def _kept(self, session: Session, columns: EntryColumns, names: Sequence[str | None], problem: str | None) -> None:
        """Activities are durable, or cannot be kept; their client's `names` for them, where it wants to hear of it."""
        context = self._context
        if problem is None:
            session.kept_post = columns.last_id
            named = zip(columns.numbers, columns.stamps, names, strict=True)
            stream = str(columns.stream)
            acks = [ActivityAck(ref, f"{stream}.{number}", stamp) for number, stamp, ref in named if ref is not None]
            context.send_all(session, acks)
            return
        session.last_post = session.kept_post
        for ref in names:
            if ref is not None:
                self._refuse_post(session, ref, problem)
            elif session.state is not ConnectionState.CLOSING:
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
