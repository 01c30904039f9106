"""Posting: each activity goes out under a name, in the order of writing, again and again until it is answered.

A native server answers by that name, and is first sent what it lacks of what others accepted before. A base server
knows none: it accepts by broadcasting, so what is sent to one is recognised by its content, and never sent twice.
"""

from __future__ import annotations

import base64
import random
from collections import OrderedDict
from typing import Final

import msgspec

from core.client.account import ClientAccount
from core.client.client_events import PostAccepted, PostRefused, PostUnknown
from core.client.client_settings import ClientSettings
from core.client.outputs import Outputs
from core.client.posts import PendingPost, Posts, raw_activity
from core.client.write_set import Has, Predecessor, WriteSet
from core.wire import messages as wire
from core.wire.activity import stamp_activity
from core.wire.codec import encode
from core.wire.entries import COUNTER_MAX, EntryId, parse_entry_id
from core.wire.idempotency import idempotency_fingerprint
from core.wire.limits import CLIENT_LINE_BYTES_MAX
from core.wire.names import ANONYMOUS
from core.wire.references import EntryReference, reference_among, with_reference

OWN_MAX: Final = 20_000
"""Posts that are known for this client's own when they come back."""
ENVELOPE_BYTES: Final = 256 + 512
"""What `previous`, its stamp and `age`, and the activity's own reference, may add to the line of a post."""


class OutgoingPosts:
    """What a client posts, and what becomes of it."""

    def __init__(self, settings: ClientSettings, account: ClientAccount, rng: random.Random, outputs: Outputs) -> None:
        self._account = account
        self._outputs = outputs
        self._posts = Posts(settings.posts_max, settings.posts_bytes_under_way)
        self._id = base64.b32encode(rng.randbytes(10)).decode().lower()
        self._number = 0
        self._own: OrderedDict[str, bytes] = OrderedDict()
        """By ref the idempotency fingerprints of what was posted last: others can say under a ref what they like."""
        self._writes = WriteSet(settings.writes_max, settings.writes_bytes_max)
        self._native = False
        self._open = False
        self._claim: str | None = None
        """Of the account as which the client was logged in last, as far as a server has told."""

    def __len__(self) -> int:
        """Posts without an answer."""
        return len(self._posts)

    # --- what the application does ------------------------------------------------------------------------------------

    def add(self, activity: object, ref: str | None, now: float) -> str:
        """Take an activity to send; the name by which its answer comes.

        Raises PostQueueFull, or ValueError when it is not a JSON object or no server would take it.
        """
        raw = raw_activity(activity)
        if ref is None:
            self._number += 1
            ref = f"{self._id}-{self._number}"
        size = len(encode(self._message(ref, raw)))
        excess = size + ENVELOPE_BYTES - CLIENT_LINE_BYTES_MAX
        if excess > 0:
            raise ValueError(f"the activity is {excess} bytes too long: with its envelope it must fit into 64 KiB")
        self._posts.add(ref, raw, size)
        self._send(now)
        return ref

    def refuse(self, ref: str, info: str) -> None:
        """A post that has never been sent is not taken."""
        self._posts.answered(ref)
        self._outputs.tell(PostRefused(ref, info))

    # --- the connection -----------------------------------------------------------------------------------------------

    def logged_in(self, *, native: bool) -> None:
        """A server let the client in."""
        self._native = native
        claim = self._account.claim
        if native and claim is not None and self._claim not in (None, claim):
            self._is_another_account()
        self._claim = claim or self._claim
        if not native:
            # What it accepts has no name: what is repeated elsewhere later would come behind that.
            self._writes.forget()
            for post in self._posts.all():
                if post.ever_sent:
                    # A base server knows no refs: what another server may have accepted would come twice.
                    self._unknown(post)

    def _is_another_account(self) -> None:
        """This server knows another account of this name, and nothing of what the first one has posted.

        What no server can have accepted is posted as this one's. Of what one may have, nobody can tell: under another
        claim it would be another activity, and come twice once both accounts are known everywhere.
        """
        self._writes.forget()
        for post in self._posts.all():
            if post.unsure:
                self._unknown(post)
            elif post.ever_sent:
                if reference_among(post.activity) is not None:
                    post.activity = {name: value for name, value in post.activity.items() if name != "id"}
                post.ever_sent = False

    @property
    def mine(self) -> list[EntryId]:
        """What was accepted last, by the identities of it."""
        return self._writes.copies

    def repeat_to(self, has: Has) -> None:
        """The present server has these entries: what it lacks of this client's goes to it first."""
        self._writes.logged_in(has)

    def begin(self, now: float) -> None:
        """From now on posts go to the present server."""
        self._open = True
        self._send(now)

    def connection_lost(self, *, farewell: bool = False) -> None:
        """`farewell`: the server has said where to go on."""
        if not self._native:
            for post in self._posts.sent():
                self._unknown(post)
        self._posts.connection_lost(farewell=farewell)
        self._writes.connection_lost()
        self._native = False
        self._open = False

    def end(self, reason: str) -> None:
        """Nothing goes out any more."""
        self._open = False
        for post in self._posts.all():
            if post.ever_sent:
                self._outputs.tell(PostUnknown(post.ref))
            else:
                self._outputs.tell(PostRefused(post.ref, f"it was never sent: {reason}"))
        self._posts.clear()

    # --- answers ------------------------------------------------------------------------------------------------------

    def acknowledged(self, message: wire.ActivityAck, now: float) -> None:
        post = self._posts.answered(message.ref)
        entry_id = _readable_id(message)
        if post is not None:
            if entry_id is not None:
                self._writes.add(post, entry_id, message.stamp)
            self._outputs.tell(PostAccepted(message.ref, message.id, message.stamp, _reference(post, entry_id)))
        else:
            self._writes.acknowledged(message.ref, entry_id, message.stamp)
        self._send(now)

    def refused(self, message: wire.ActivityRefused, now: float) -> None:
        post = self._posts.get(message.ref)
        if post is not None:
            self._refused(post, message.info)
        else:
            self._writes.refused(message.ref)
        self._send(now)

    def _refused(self, post: PendingPost, info: str) -> None:
        """This server does not accept it; whether an earlier one did before its connection was lost, nobody knows."""
        self._posts.answered(post.ref)
        self._outputs.tell(PostUnknown(post.ref) if post.unsure else PostRefused(post.ref, info))

    def _unknown(self, post: PendingPost) -> None:
        self._posts.answered(post.ref)
        self._outputs.tell(PostUnknown(post.ref))

    def objected(self, info: str, *, certain: bool) -> None:
        """The server objects to something, and closes; `certain`: to an activity."""
        if self._writes.under_way:
            # Perhaps to a repetition: what servers need not be sent is not worth a connection.
            self._writes.forget()
            return
        sent = self._posts.sent()
        if len(sent) == 1 and (certain or not self._native):
            self._refused(sent[0], info)
        elif sent and self._posts.careful:
            self._unknown(sent[0])
        elif sent and self._native:
            self._posts.careful = True

    # --- what comes back ----------------------------------------------------------------------------------------------

    def own_ref(self, message: wire.ActivityBroadcast) -> str | None:
        """The name that this client gave an activity, if it is its own."""
        if message.ref is not None:
            own = self._own.get(message.ref)
            if own is None:
                return None
            fingerprint = idempotency_fingerprint(message.sender or "", message.ref, bytes(message.activity))
            return message.ref if fingerprint == own else None
        if self._native:
            return None
        body = bytes(message.activity)
        for post in self._posts.sent():
            if post.is_broadcast_as(body, self._account.name):
                return post.ref
        return None

    def came_back(self, ref: str, message: wire.ActivityBroadcast, now: float) -> None:
        """An own activity was broadcast, which is how a base server accepts it."""
        if not self._native and self._posts.answered(ref):
            self._outputs.tell(PostAccepted(ref, message.id, message.stamp))
            self._send(now)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send(self, now: float) -> None:
        if not self._open:
            return
        for write, previous in self._writes.ready():
            self._outputs.send(self._message(write.ref, write.activity, previous, write.age(now)))
        if self._writes.repeating:
            return
        for post in self._posts.ready():
            if not post.ever_sent:
                self._goes_out(post)
            post.sent = post.ever_sent = True
            post.sent_at = now
            previous, age = (self._writes.last, post.age(now)) if self._native else (None, None)
            self._outputs.send(self._message(post.ref, post.activity, previous, age))

    def _goes_out(self, post: PendingPost) -> None:
        """A post is sent for the first time: from now on it is the same bytes, wherever it is repeated."""
        claim, user = self._account.claim, self._account.name
        if claim is not None:
            said = with_reference(post.activity, claim, post.ref)
            if said is not post.activity:
                post.activity = said
                post.size = len(encode(self._message(post.ref, post.activity)))
        sender = "" if user == ANONYMOUS else user
        self._own[post.ref] = idempotency_fingerprint(sender, post.ref, stamp_activity(post.activity, user))
        if len(self._own) > OWN_MAX:
            self._own.popitem(last=False)

    def _message(
        self,
        ref: str,
        activity: dict[str, msgspec.Raw],
        previous: Predecessor | None = None,
        age: float | None = None,
    ) -> wire.ActivityMessage:
        return wire.ActivityMessage(
            self._account.username,
            activity,
            self._account.secret,
            ref=ref,
            previous=str(previous.id) if previous is not None else None,
            previous_stamp=previous.stamp if previous is not None else None,
            age=min(round(age, 6), wire.AGE_MAX) if age is not None else None,
        )


def _reference(post: PendingPost, entry_id: EntryId | None) -> str | None:
    """What an accepted post is called by who answers it."""
    found = reference_among(post.activity) or (None if entry_id is None else EntryReference(entry_id))
    return None if found is None else str(found)


def _readable_id(message: wire.ActivityAck) -> EntryId | None:
    """The identity that an activity was accepted under, if other servers can read what is said of it."""
    try:
        return parse_entry_id(message.id) if 0 <= message.stamp <= COUNTER_MAX else None
    except ValueError:
        return None
