"""Echoes: everybody is asked about a claim along the spanning tree, and each node gathers the answers behind itself.

The echo algorithm (Chang, 1982): a request travels out along the tree, each node answers its parent once all nodes
behind it have answered. With n settled nodes these are n-1 requests and n-1 answers. An answer carries how many nodes
have allowed; when that is not everybody, or the network changed meanwhile, the origin asks again, over every link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.accounts.claims import Claim, Claims, Echo, note_claim, trace_claim
from core.node.accounts.lock_bridge import LockBridge, NoBridge
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.node.trust.known_keys import KnownKeys
from core.stories.lines import Why
from core.wire.account_votes import VOTES_MAX, latest
from core.wire.entries import AccountFact
from core.wire.messages import LockAllowed, LockDenied, LockRequest

RETRY_DELAY: Final = 0.25
"""Seconds before the network is asked again when it changed under the first question."""
VOTES_AT_ONCE: Final = 50
"""Votes that one event looks at: a signature takes some 120 µs, and 1,000 servers answer at once."""


class Echoes:
    """The answers that this node gathers, to its own claims and to others'."""

    def __init__(
        self, context: Context, neighbours: Neighbours, topology: Topology, known_keys: KnownKeys, claims: Claims
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._known_keys = known_keys
        self._claims = claims
        self._of: dict[str, Echo] = {}
        self.bridge: LockBridge = NoBridge()
        """Asks those that take part in registrations and do not know the lock."""
        self.on_allowed: Callable[[Claim], None] = lambda claim: None
        """Told of each claim of this node that everybody has allowed."""
        self.on_denied: Callable[[Claim, str], None] = lambda claim, reason: None
        """Told of each claim of this node that somebody has denied, and why."""
        self.lock_messages = 0
        """Lock messages sent by this node, for those who count."""

    def __len__(self) -> int:
        """Claims whose answers are being gathered."""
        return len(self._of)

    # --- asking -------------------------------------------------------------------------------------------------------

    def ask(self, claim: Claim) -> None:
        """Ask everybody about a claim of this node, once more if they have been asked."""
        if self._claims.is_open(claim) and not claim.decided:
            claim.round += 1
            self._gather(Echo(claim, claim.round, None))

    def join(self, claim: Claim, link: Link) -> None:
        """This node allows another's claim that it was asked about over a link: ask everybody behind itself."""
        vote = self._known_keys.vote(_fact_of(claim))
        votes = {vote.key: vote} if vote is not None else {}
        self._gather(Echo(claim, claim.round, link.conn, votes=votes))

    def _gather(self, echo: Echo) -> None:
        """Send the request on to everywhere but where it came from."""
        claim = echo.claim
        self._of[claim.id] = echo
        # A first round trusts the tree; a repetition means that the tree was changing, so it takes every link.
        asked = self._neighbours.ask(
            lambda link: self._request(echo, self.bridge.secret_for(claim, link)),
            everywhere=echo.round > 1,
            source=echo.parent,
        )
        self.lock_messages += len(asked)
        if echo.parent is None and echo.round == 1:
            note_claim(self._context, claim, "asked", self._context.id, count=len(asked))
        trace_claim(self._context, claim, "asks", everywhere=echo.round > 1, neighbours=len(asked), parent=echo.parent)
        for link in asked:
            echo.waiting[link.conn] = None
            self._claims.concern(claim, link.conn)
        waiting, is_complete = self.bridge.ask(claim, echo.parent)
        echo.waiting.update(dict.fromkeys(waiting))
        echo.incomplete |= not is_complete
        self._go_on(echo)

    def _request(self, echo: Echo, secret: str | None) -> LockRequest:
        claim = echo.claim
        return LockRequest(
            claim.username, secret, claim=claim.id, round=echo.round, stamp=claim.stamp, verifier=claim.verifier
        )

    def send(self, link: Link, message: LockRequest | LockAllowed | LockDenied) -> None:
        """Send a message of the lock to one server."""
        self.lock_messages += 1
        self._context.send(link, message)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _go_on(self, echo: Echo) -> None:
        """If every answer is in, answer the parent; at the origin all is known then."""
        claim = echo.claim
        if echo.waiting or echo.unread or not self._is_under_way(echo):
            return
        del self._of[claim.id]
        reachable = len(self._topology.reachable)
        trace_claim(self._context, claim, "gathered", count=echo.count, incomplete=echo.incomplete, reachable=reachable)
        if echo.parent is not None:
            self._answer_parent(
                echo,
                LockAllowed(
                    claim.username,
                    claim=claim.id,
                    round=echo.round,
                    count=echo.count,
                    incomplete=echo.incomplete,
                    votes=list(echo.votes.values())[:VOTES_MAX],
                ),
            )
        elif echo.incomplete or echo.count < reachable or self._without_vote(echo):
            self._context.timers.set(("ask", claim.id), self._context.after(RETRY_DELAY), lambda: self.ask(claim))
        else:
            # A copy of this server's data elsewhere has its key. A clock that is far ahead dates nothing.
            others = (vote for vote in echo.votes.values() if vote.key != self._known_keys.own)
            horizon = self._context.clock.horizon(self._context.now.wall)
            # Over a tree that has changed meanwhile some have answered twice, and who lies has counted as it likes.
            claim.allowed_by = echo.count if echo.count == reachable else 0
            claim.vote = latest(vote for vote in others if vote.stamp <= horizon)
            self.on_allowed(claim)

    def _without_vote(self, echo: Echo) -> bool:
        """Whether a server that can be reached has not signed that it allows a claim of this node, so that somebody has
        answered in its place. Where servers of the version before are among them, nobody can tell: these pass on what
        they know."""
        records = self._topology.records
        keys = [records[server].key for server in self._topology.reachable]
        return None not in keys and any(key not in echo.votes for key in keys if key != self._known_keys.own)

    def _is_under_way(self, echo: Echo) -> bool:
        return self._of.get(echo.claim.id) is echo

    def _look_at_votes(self, echo: Echo) -> None:
        """Keep those votes for a claim of this node that are true: some now, and the others in the next event."""
        context, claim = self._context, echo.claim
        if not self._is_under_way(echo):
            return
        fact = _fact_of(claim)
        for _ in range(min(VOTES_AT_ONCE, len(echo.unread))):
            vote = echo.unread.popleft()
            if vote.key not in echo.votes and self._known_keys.is_vote_for(fact, vote):
                echo.votes[vote.key] = vote
        if echo.unread:
            context.timers.set(("votes", claim.id), context.now.monotonic, lambda: self._look_at_votes(echo))
        else:
            self._go_on(echo)

    def _answer_parent(self, echo: Echo, answer: LockAllowed | LockDenied) -> None:
        parent = self._context.connections.link(echo.parent) if echo.parent is not None else None
        if parent is not None:
            self.send(parent, answer)

    def _asked_over(self, link: Link, message: LockAllowed | LockDenied) -> Echo | None:
        """What a neighbour's answer belongs to; None when it comes too late, or was asked for by nobody."""
        echo = self._of.get(message.claim or "")
        if echo is None or echo.round != message.round or link.conn not in echo.waiting:
            return None
        return echo

    @takes(Handler.LOCK_ALLOWED)
    def allowed(self, link: Link, message: LockAllowed) -> None:
        """A neighbour's LOCK_ALLOWED arrived."""
        echo = self._asked_over(link, message)
        if echo is None:
            return
        self._note_vote(echo, link, "allowed", message.count or 1)
        echo.count += message.count or 0
        echo.incomplete |= message.incomplete
        del echo.waiting[link.conn]
        if echo.parent is not None:
            for vote in message.votes:
                echo.votes.setdefault(vote.key, vote)
            self._go_on(echo)
        else:
            behind = (message.count or 1) - 1
            more = f" and {behind} server{'s' if behind > 1 else ''} behind it" if behind > 0 else ""
            self._context.notify(
                "vote",
                f"{link.name or link.peer}{more} allowed the registration of {message.username}",
                in_story=True,
            )
            echo.unread.extend(message.votes)
            self._look_at_votes(echo)

    @takes(Handler.LOCK_DENIED)
    def denied(self, link: Link, message: LockDenied) -> None:
        """A neighbour's LOCK_DENIED arrived."""
        echo = self._asked_over(link, message)
        if echo is not None:
            self._note_vote(echo, link, "denied", 1)
            reason = (message.info or "another server knows the name")[:200]
            if echo.parent is None:
                # Whoever keeps a name from people is to be found.
                others = self._topology.degree(link.remote_id or "") > 1
                reason += f" (says {link.name or link.peer}{', or a server behind it' if others else ''})"
            self.deny(echo.claim, reason)

    def _note_vote(self, echo: Echo, link: Link, why: Why, count: int) -> None:
        note_claim(self._context, echo.claim, "vote", link.remote_id or "", why=why, count=count)

    def answered(self, claim: Claim, conn: int) -> None:
        """Everybody who was asked over a connection has allowed a claim."""
        echo = self._of.get(claim.id)
        if echo is not None and conn in echo.waiting:
            del echo.waiting[conn]
            self._go_on(echo)

    def deny(self, claim: Claim, reason: str) -> None:
        """Somebody who was asked denies a claim."""
        echo = self._of.pop(claim.id, None)
        if claim.done is not None:
            self.on_denied(claim, reason)
        elif echo is not None:
            self._answer_parent(echo, LockDenied(claim.username, claim=claim.id, round=echo.round, info=reason))

    # --- what comes between -------------------------------------------------------------------------------------------

    def is_gathering(self, claim: Claim) -> bool:
        """Whether answers to a claim are still waited for here."""
        return claim.id in self._of

    def silent(self, claim: Claim) -> list[str]:
        """The names of those who owe an answer to a claim, sorted."""
        echo = self._of.get(claim.id)
        links = [self._context.connections.link(conn) for conn in echo.waiting] if echo is not None else []
        return sorted(link.name or str(link.peer) for link in links if link is not None)

    def drop(self, claim: Claim) -> None:
        """A claim is over: no answer to it matters any more."""
        self._of.pop(claim.id, None)
        for timer in ("ask", "votes"):
            self._context.timers.cancel((timer, claim.id))

    def link_closed(self, conn: int) -> None:
        """A link is gone: whoever waits for answers over it knows that they will be incomplete."""
        concerned = self._claims.lost_with(conn)
        for claim in concerned:
            echo = self._of.get(claim.id)
            if echo is not None and echo.parent == conn:
                del self._of[claim.id]
            elif echo is not None and conn in echo.waiting:
                del echo.waiting[conn]
                echo.incomplete = True
                self._go_on(echo)
        for claim in concerned:
            self.bridge.link_closed(claim, conn)


def _fact_of(claim: Claim) -> AccountFact:
    """What becomes of a claim, as far as it is known."""
    return AccountFact(claim.username, claim.verifier or "", claim.stamp, claim.id)
