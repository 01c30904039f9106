"""Votes: what proves of a registration that another server has allowed it, and when.

Each server that allows a claim signs that, with the time there: who asked them knows whose answers there are. The one
that came last goes along with the account: by it the registration is dated, which nobody can date back by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from core.wire.server_keys import PublicKey, Signature, certified_id

if TYPE_CHECKING:
    from core.wire.entries import AccountFact

ANSWERED_WITHIN: Final = 60_000_000
"""Microseconds within which a claim is answered: it is dated by its own time unless the last answer came later. So it
stands where it stood with servers that know no votes, while nobody gains more than this by a wrong date."""

VOTES_MAX: Final = 5000
"""Votes that one answer brings: they fit its line."""


class Vote(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A server has allowed a claim at a hybrid logical time."""

    key: PublicKey
    stamp: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    signature: Signature


def vote_digest(username: str, verifier: str, claimed_at: int, claim: str, stamp: int) -> bytes:
    """What a server signs that allows a claim."""
    import hashlib  # Not all who know the wire need it, and it takes a while.

    text = msgspec.json.encode(["activity-tui vote", username, verifier, claimed_at, claim, stamp])
    return hashlib.blake2b(text, digest_size=32).digest()


def digest_for(fact: AccountFact, vote: Vote) -> bytes:
    """What the vote of a registration has to be a signature of."""
    return vote_digest(fact.username, fact.verifier, fact.stamp, fact.claim, vote.stamp)


def counted(fact: AccountFact, teller: str | None = None) -> AccountFact:
    """A registration as it counts: when it was allowed, in the place of the vote that proves it, and whether another
    server tells of it than that where it was registered; `teller` is in whose stream it stands (None: nobody knows).

    The vote of the server that it was registered at is none: it proves no more than the claim does. Nor is one of which
    another server tells: who makes up a registration at somebody else's server allows it themselves.
    """
    vote = fact.vote
    registered_at = fact.claim.partition(".")[0]
    retold = teller is not None and teller != registered_at
    allowed_at = 0
    if vote is not None and not retold and certified_id(vote.key) != registered_at:
        allowed_at = max(1, fact.stamp if vote.stamp <= fact.stamp + ANSWERED_WITHIN else vote.stamp)
    told_by = teller if teller is not None and (retold or fact.key is not None) else ""
    return msgspec.structs.replace(fact, vote=None, allowed_at=allowed_at, retold=retold, told_by=told_by)


def latest(votes: Iterable[Vote]) -> Vote | None:
    """The vote that came last."""
    return max(votes, key=lambda vote: (vote.stamp, vote.key), default=None)
