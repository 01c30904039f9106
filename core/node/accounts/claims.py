"""Claims: registrations under way, by name, by id and by link; and the gathering of answers to one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from core.node.interface.traces import TraceValue
from core.node.kernel.context import Context
from core.stories.lines import LineKind, Why
from core.wire.account_votes import Vote

Done = Callable[[str | None], None]
"""Called once with None, or with what went wrong as a clause for a person."""


class Claim(msgspec.Struct):
    """A registration under way, here or elsewhere."""

    id: str
    username: str
    stamp: int
    verifier: str | None = None
    secret: str | None = None
    """In clear only where somebody has to be told it who can do with nothing else."""
    done: Done | None = None
    """Not None where this node is the origin."""
    grace: float | None = None
    """Seconds after its success for which whoever began it may take it back; None: it cannot."""
    round: int = 0
    vote: Vote | None = None
    """Which of all servers has allowed it last, and when."""
    allowed_by: int = 0
    """How many servers have allowed it, this one included; 0: nobody has counted them."""
    decided: bool = False
    """The account entry is being made durable: too late to give way."""
    being_kept: bool = False
    """The account entry has been made."""
    links: dict[int, None] = {}
    """Every link that it concerns: the one that it came over, and those over which it was asked about."""
    begun_at: float = 0.0
    """Monotonic time at which this node heard of it."""

    @property
    def priority(self) -> tuple[int, str]:
        return (self.stamp, self.id)


class Echo(msgspec.Struct):
    """One node's part in gathering the answers to one round of a claim."""

    claim: Claim
    round: int
    parent: int | None
    """The link that the question came over; None at the origin."""
    waiting: dict[int, None] = {}
    """Links that still owe an answer."""
    count: int = 1
    """Nodes that have allowed so far in this part of the tree, this one included."""
    incomplete: bool = False
    votes: dict[bytes, Vote] = {}
    """Those of this part of the tree, by the keys that they come with. Only the origin looks whether they are true."""
    unread: deque[Vote] = msgspec.field(default_factory=deque)
    """Those that the origin has not looked at."""


def trace_claim(context: Context, claim: Claim, step: str, **fields: TraceValue) -> None:
    """Say what becomes of a claim, for whoever debugs this node."""
    context.trace("claim", claim=claim.id, step=step, name=claim.username, round=claim.round, **fields)


def note_claim(
    context: Context, claim: Claim, kind: LineKind, server: str, *, why: Why = "", count: int = 0, messages: int = 0
) -> None:
    """Note what becomes of a claim; `server` is who asks, or who answers."""
    party = context.party(server)
    context.note(kind, party, person=claim.username, claim=claim.id, why=why, count=count, messages=messages)


class Claims:
    """The claims that a node knows of and that are not over."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[str, Claim]] = {}
        self._by_id: dict[str, Claim] = {}
        self._over: dict[int, dict[str, Claim]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def all(self) -> list[Claim]:
        """All of them as they are now, the oldest first."""
        return list(self._by_id.values())

    def get(self, claim_id: str) -> Claim | None:
        return self._by_id.get(claim_id)

    def to(self, username: str) -> list[Claim]:
        """The claims to a name as they are now, the oldest first."""
        return list(self._by_name.get(username, {}).values())

    def is_open(self, claim: Claim) -> bool:
        """Whether a claim is not over."""
        return self._by_id.get(claim.id) is claim

    def open(self, claim: Claim, now: float) -> None:
        """Take in a claim, or a later round of it; `now` is the monotonic time."""
        self._by_name.setdefault(claim.username, {})[claim.id] = claim
        self._by_id[claim.id] = claim
        claim.begun_at = now

    def concern(self, claim: Claim, conn: int) -> None:
        """A claim depends on a link: it is among those that are `lost_with` it."""
        claim.links[conn] = None
        self._over.setdefault(conn, {})[claim.id] = claim

    def lost_with(self, conn: int) -> Iterable[Claim]:
        """The claims that a link concerned, which is gone."""
        return list(self._over.pop(conn, {}).values())

    def close(self, claim: Claim) -> None:
        """A claim is over, whatever has come of it."""
        if self.is_open(claim):
            del self._by_id[claim.id]
        for conn in claim.links:
            over = self._over.get(conn, {})
            over.pop(claim.id, None)
            if not over:
                self._over.pop(conn, None)
        claims = self._by_name.get(claim.username)
        if claims is not None:
            claims.pop(claim.id, None)
            if not claims:
                del self._by_name[claim.username]
