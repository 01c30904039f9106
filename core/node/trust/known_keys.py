"""Known keys: which key each server has, who has proved one, and what is believed of what comes over a link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from core.admission.room import SharedRoom
from core.admission.shares import share_of
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.neighbours.neighbours import Neighbours
from core.node.trust.beliefs import Belief, Standing, believe, believe_entry, believes_mark, key_belongs
from core.wire.account_votes import Vote, digest_for, vote_digest
from core.wire.entries import AccountFact, Entry, Stream
from core.wire.link_state import signed_digest
from core.wire.messages import ServerAnnounce
from core.wire.records import LogRecord
from core.wire.server_keys import ServerKey, certified_id, fingerprint, is_certified
from core.wire.signing import Signer, Verifier

BOUND_MAX: Final = 65_536
"""Ids from before keys whose keys are remembered, for ever. One address brings no more of them than are left free."""
FIRST: Final = 0
"""Before every incarnation."""


class KnownKeys:
    """A node without a key of its own is one of the version before: it believes everything, and proves nothing."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        signer: Signer | None,
        verifier: Verifier | None,
        signs_from: int | None,
        bound: Iterable[ServerKey],
        keep: Callable[[ServerKey], None],
    ) -> None:
        """`signs_from`: the first incarnation of this node of which all entries are signed. `keep` has a binding kept
        on the disk."""
        self._context = context
        self._neighbours = neighbours
        self._signer = signer
        self.verifier = verifier
        """Tells whether signatures fit; None: this node checks none."""
        self.signs_from = signs_from
        self._bound = {one.id: one for one in bound}
        self._room = SharedRoom(BOUND_MAX, len(self._bound))
        self._keep = keep
        self._signing: dict[str, int] = {}
        """Since which incarnation servers whose id is made of a key sign their entries, as they have said."""
        self._own_told = False
        self.refused = 0
        """Statements that were not believed."""

    @property
    def own(self) -> bytes | None:
        """This node's public key."""
        return self._signer.key if self._signer is not None else None

    @property
    def bound(self) -> Mapping[str, ServerKey]:
        """Ids from before keys, and what they are bound to."""
        return self._bound

    def standing(self, node: str) -> Standing:
        """What is known of a server's key."""
        if node == self._context.id:
            return Standing(self.own, self.signs_from)
        bound = self._bound.get(node)
        if bound is not None:
            return Standing(bound.key, bound.signs_from)
        if is_certified(node):
            # No server without a key has such an id; and where this one signs its entries, all that have one do.
            return Standing(None, self._signing.get(node, None if self.signs_from is None else FIRST))
        return Standing()

    def signing(self) -> dict[str, int]:
        """Of servers that have told it, and whose ids do not tell it, since which incarnation they sign."""
        told = {one.id: one.signs_from for one in self._bound.values() if one.signs_from is not None}
        return {**told, **self._signing}

    def belongs(self, node: str, key: bytes | None) -> bool | None:
        """Whether a key that somebody shows is a server's; see `key_belongs`."""
        if self._signer is None or (key is None and self._context.config.accept_unsigned):
            return None
        return key_belongs(node, key, self.standing(node))

    def server_of(self, key: bytes) -> str:
        """The id of the server that a key belongs to: the one that is bound to it, or the one that is made of it."""
        bound = next((one.id for one in self._bound.values() if one.key == key), None)
        return self._context.id if key == self.own else bound or certified_id(key)

    # --- this node's word ---------------------------------------------------------------------------------------------

    def sign(self, digest: bytes) -> bytes | None:
        """This node's signature; None when it has no key."""
        return self._signer.sign(digest) if self._signer is not None else None

    def signed(self, record: ServerAnnounce) -> ServerAnnounce:
        """This node's link-state record, with its signature."""
        if self._signer is None:
            return record
        record = msgspec.structs.replace(record, signs_from=self.signs_from)
        signature = self._signer.sign(signed_digest(record))
        return msgspec.structs.replace(record, key=self._signer.key, signature=signature)

    # --- others' word -------------------------------------------------------------------------------------------------

    def proved(self, link: Link, digest: bytes, signature: bytes | None) -> bool:
        """Whether the other end of a link has the key that it shows. If so it is that server from here on."""
        node, key = link.remote_id, link.key
        if self.verifier is None or node is None or key is None or signature is None:
            return False
        if not self.verifier.fits(signature, key, digest):
            return False
        link.proved = True
        if self.belongs(node, key) is None:
            self._bind(link, node, key)
        return True

    def believe_record(self, link: Link, record: ServerAnnounce) -> Belief:
        """What is believed of a link-state record that came over a link. What is not is told, and counted."""

        def fits(key: bytes) -> bool:
            assert self.verifier is not None
            return record.signature is not None and self.verifier.fits(record.signature, key, signed_digest(record))

        node = str(record.id)
        belief = self.believe(link, node, record.key, fits, "a link-state record")
        if record.signs_from is not None and belief in (Belief.PROVED, Belief.FIRST):
            self._signs_since(node, record.signs_from)
        return belief

    def believe(self, link: Link, node: str, key: bytes | None, fits: Callable[[bytes], bool], what: str) -> Belief:
        """What is believed of something in a server's name that came over a link; see `core.node.trust.beliefs`.

        `what` is a noun for people. An id that comes with its first key is bound to that.
        """
        if self._signer is None:
            return Belief.UNSIGNED
        standing = self.standing(node)
        here = self._neighbours.find(node) if key is not None and standing.key is None else None
        belief = believe(
            node,
            key,
            fits,
            standing,
            keyless_here=here is not None and here.key is None,
            lenient=self._context.config.accept_unsigned,
        )
        if belief is Belief.FIRST and key is not None and not self._bind(link, node, key):
            belief = Belief.UNSIGNED
        if not belief.holds:
            self._not_believed(link, node, what, belief)
        return belief

    def believes_log_record(self, link: Link, record: LogRecord, signed: bool) -> bool:
        """Whether a record of entries is believed that came over a link and has a key; `signed`: by that one."""
        return self.believe(link, record.stream.node, record.key, lambda key: signed, "a record of entries").holds

    def believes_entry(self, link: Link, stream: Stream) -> bool:
        """Whether an entry is believed that came by itself over a link."""
        if self._signer is None:
            return True
        belief = believe_entry(
            stream,
            self.standing(stream.node),
            own_link=_is_own(link, stream.node),
            lenient=self._context.config.accept_unsigned,
        )
        if not belief.holds:
            self._not_believed(link, stream.node, "an entry", belief)
        return belief.holds

    def believes_mark(self, link: Link, stream: Stream) -> bool:
        """Whether it is believed over a link that nothing of a stream is missing up to a number."""
        return self._signer is None or believes_mark(
            stream,
            self.standing(stream.node),
            own_link=_is_own(link, stream.node),
            lenient=self._context.config.accept_unsigned,
        )

    def vote(self, fact: AccountFact) -> Vote | None:
        """This node allows a registration; None when it has no key to say so."""
        if self._signer is None:
            return None
        stamp = self._context.stamp()
        digest = vote_digest(fact.username, fact.verifier, fact.stamp, fact.claim, stamp)
        return Vote(self._signer.key, stamp, self._signer.sign(digest))

    def is_vote_for(self, fact: AccountFact, vote: Vote) -> bool:
        """Whether whoever has a vote's key has allowed a registration."""
        return self.verifier is not None and self.verifier.fits(vote.signature, vote.key, digest_for(fact, vote))

    def believes_votes(self, link: Link, entries: Iterable[Entry]) -> bool:
        """Whether those of some entries that are registrations come with another server's true vote, or with none."""
        if self.verifier is None:
            return True
        for entry in entries:
            if entry.kind != "account":
                continue
            fact = msgspec.json.decode(entry.body, type=AccountFact)
            vote = fact.vote
            if vote is None:
                continue
            is_own = vote.key == self.standing(entry.id.node).key
            if is_own or not self.verifier.fits(vote.signature, vote.key, digest_for(fact, vote)):
                self._not_believed(link, entry.id.node, "a registration that another server has allowed", Belief.FORGED)
                return False
        return True

    # --- what is remembered -------------------------------------------------------------------------------------------

    def _bind(self, link: Link, node: str, key: bytes) -> bool:
        """An id from before keys comes with its first one over a link; whether there was room for it."""
        who = share_of(link.peer.host)
        if not self._room.has_for(who, self._context.now.monotonic):
            return False
        self._room.take(who)
        self._bound[node] = bound = ServerKey(node, key, self._context.now.wall)
        self._keep(bound)
        self._context.tell_few(
            link,
            "identity",
            f"the server {node} has shown its key, {fingerprint(key)}: from now on only what that key signs is taken"
            " for its word",
            "info",
            server=node,
        )
        return True

    def _signs_since(self, node: str, incarnation: int) -> None:
        bound = self._bound.get(node)
        if bound is None:
            self._signing[node] = incarnation
        elif bound.signs_from != incarnation:
            self._bound[node] = bound = msgspec.structs.replace(bound, signs_from=incarnation)
            self._keep(bound)

    def forget(self, node: str) -> None:
        """A server is no part of the network any more. What its id is bound to stays: somebody may come as it."""
        self._signing.pop(node, None)

    def _not_believed(self, link: Link, node: str, what: str, belief: Belief) -> None:
        self.refused += 1
        self._context.trace("belief", conn=link.conn, server=node, from_=link.remote_id, what=what, belief=belief.name)
        who = f"{link.name} ({link.peer})" if link.name else str(link.peer)
        if belief is not Belief.KEYLESS:
            text = f"{who} passed on {what} in the name of the server {node} that {belief.value}: it is not believed"
            self._context.tell_refused(link, text)
        elif node == self._context.id:
            self._tell_of_own(link, who, what)
        elif not link.keyless_told and self._neighbours.is_neighbour(link):
            # An honest server of the version before passes on what it cannot prove, and each base server does.
            link.keyless_told = True
            self._context.notify(
                "identity",
                f"{who} passes on {what} without a signature in the name of the server {node}, which has a key: that is"
                " not believed; if this comes from no server of a version before keys, somebody lies",
                "warning",
                server=link.remote_id,
            )

    def _tell_of_own(self, link: Link, who: str, what: str) -> None:
        """Something of this server's own is not here, and comes back without its signature."""
        if not self._own_told:
            self._own_told = True
            self._context.notify(
                "identity",
                f"{who} passes on {what} of this server's own that is not here, without the signature: that is not"
                " believed; if the data here was put back to an older copy while others were of a version before keys,"
                " start this server once with --accept-unsigned to have it again",
                "warning",
                server=link.remote_id,
            )


def _is_own(link: Link, node: str) -> bool:
    """Whether a link is a server's own, which has proved its key there."""
    return link.proved and link.remote_id == node
