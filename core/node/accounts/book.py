"""Accounts: who owns which name, and what happens when two parts of the network gave a name away twice.

The account book is a state-based CRDT (Shapiro et al., 2011): a growing set of registration facts, and names assigned
to them by a function of the set alone. Whatever order facts arrive in, nodes with the same facts agree. Among facts
for one name the first by the order of `AccountBook._age` has the name; each other one has the name with a suffix that
only its claim decides.

The order: a registration that another server has allowed stands before all that none has, because a date that nobody
has confirmed may be anybody's invention. Among those that were allowed the earlier one stands first, by its stamp or,
if the last answer came more than a minute later, by that answer's (`core.wire.account_votes`). Among the others, which
are from before votes or of a server that was alone, the earlier one stands first, by its stamp. Of two with one date
the smaller claim does. Behind all others stands what was registered at a server that is distrusted here, or what that
tells anew. So the book is a function of the facts and of that judgement.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from core.wire.entries import AccountFact
from core.wire.names import CHANGED_SUFFIX_CHARACTERS, changed_name
from core.wire.packed_facts import PackedFacts

ABSENT_NAMES_MAX: Final = 10_000
"""How many names are remembered that are nobody's."""


def name_after_conflict(fact: AccountFact) -> str:
    """The name that an account has when its own belongs to an earlier registration."""
    digest = hashlib.blake2b(fact.claim.encode(), digest_size=8).digest()
    suffix = base64.b32encode(digest).decode().lower()[:CHANGED_SUFFIX_CHARACTERS]
    return changed_name(fact.username, suffix)


class Renaming(msgspec.Struct, frozen=True):
    """An account's name has changed."""

    claim: str
    before: str
    after: str


class AccountBook:
    """All registrations, and the names that follow from them."""

    def __init__(
        self,
        facts: Iterable[AccountFact] = (),
        before: PackedFacts | None = None,
        distrusted: Collection[str] = frozenset(),
    ) -> None:
        """`before`: registrations that were known before this start. Each is taken in when somebody asks for it."""
        self._distrusted = distrusted
        self._before = PackedFacts() if before is None else before
        self._unread = len(self._before)
        """How many of them nobody has asked for; each of these has the name that it was registered with."""
        self._read_names: set[str] = set()
        self._absent_names: set[str] = set()
        """Names that were asked for and are not among them."""
        self._reading = False
        self._by_claim: dict[str, AccountFact] = {}
        self._by_username: dict[str, list[AccountFact]] = {}
        """Registrations of each name, the earliest first."""
        self._names: dict[str, str] = {}
        """The name that each claim has now."""
        self._holders: dict[str, list[AccountFact]] = {}
        """Who has each name now: one account, unless suffixes were made to collide; then the earliest counts."""
        self._sorted: list[str] | None = None
        """Those names, once they are asked for."""
        for fact in self._before.repeated():
            self._read(fact.username)
        for fact in facts:
            self.apply(fact)

    def __len__(self) -> int:
        return len(self._by_claim) + self._unread

    def _read(self, username: str) -> None:
        """Take in what was registered before under a name."""
        if not self._unread or username in self._read_names or username in self._absent_names:
            return
        found = self._before.named(username)
        if not found:
            if len(self._absent_names) >= ABSENT_NAMES_MAX:
                self._absent_names.clear()
            self._absent_names.add(username)
            return
        self._read_names.add(username)
        self._unread -= len(found)
        reading, self._reading = self._reading, True
        for fact in found:
            self._take(fact)
        self._reading = reading

    def _read_claim(self, claim: str) -> None:
        if self._unread and claim not in self._by_claim:
            for fact in self._before.claimed(claim):
                self._read(fact.username)

    def _read_all(self) -> None:
        if self._unread:
            for fact in self._before:
                self._read(fact.username)

    def apply(self, fact: AccountFact) -> list[Renaming]:
        """Take in a fact; the renamings of accounts that were known before. Idempotent and commutative."""
        self._read(fact.username)
        self._read_claim(fact.claim)
        return self._take(fact)

    def _take(self, fact: AccountFact) -> list[Renaming]:
        if fact.retold and fact.allowed_at:
            # The version before kept it so. What has come since counts as nobody's word (`counted`).
            fact = msgspec.structs.replace(fact, allowed_at=0)
        known = self._by_claim.get(fact.claim)
        if known is not None and self._total_order(known) <= self._total_order(fact):
            return []
        renamings: list[Renaming] = []
        if known is not None:
            # Two facts of one claim are somebody's lie; all the same, everybody must believe the same one.
            self._by_username[known.username].remove(known)
            self._unname(known)
            if known.username != fact.username:
                self._assign(known.username, (), renamings)
        self._by_claim[fact.claim] = fact
        rivals = self._by_username.setdefault(fact.username, [])
        first = rivals[0] if rivals else fact
        bisect.insort(rivals, fact, key=self._age)
        self._assign(fact.username, (first, fact), renamings)
        return renamings

    def _assign(self, username: str, changed: tuple[AccountFact, ...], renamings: list[Renaming]) -> None:
        """Give those who registered `username` the name that follows: who stands first, and `changed`. All others have
        theirs, however many they are."""
        rivals = self._by_username[username]
        if not rivals:
            del self._by_username[username]
            return
        holder = rivals[0]
        others = {one.claim: one for one in changed if one is not holder}
        for one in (holder, *sorted(others.values(), key=self._age)):
            name = username
            if one is not holder:
                name = name_after_conflict(one)
                self._read(name)
            before = self._names.get(one.claim)
            if before != name or one not in self._holders.get(name, ()):
                if before is not None and before != name:
                    self._unname(one)
                    renamings.append(Renaming(one.claim, before, name))
                self._names[one.claim] = name
                if name not in self._holders and self._sorted is not None and not self._reading:
                    bisect.insort(self._sorted, name)
                bisect.insort(self._holders.setdefault(name, []), one, key=self._age)

    def _age(self, fact: AccountFact) -> tuple[bool, bool, int, str]:
        is_distrusted = fact.told_by in self._distrusted or fact.claim.partition(".")[0] in self._distrusted
        return (is_distrusted, not fact.allowed_at, fact.allowed_at or fact.stamp, fact.claim)

    def _total_order(self, fact: AccountFact) -> tuple[bool, bool, bool, int, str, str, int, str]:
        """Of one claim's facts the smallest counts: one that the claim's own server tells; then one that nobody tells
        who is distrusted; then one that was allowed."""
        is_distrusted = fact.told_by in self._distrusted
        date = (not fact.allowed_at, fact.stamp)
        return (fact.retold, is_distrusted, *date, fact.username, fact.verifier, fact.allowed_at, fact.told_by)

    def _unname(self, fact: AccountFact) -> None:
        name = self._names[fact.claim]
        holders = self._holders.get(name, [])
        if fact in holders:
            holders.remove(fact)
        if not holders and self._holders.pop(name, None) is not None and self._sorted is not None:
            del self._sorted[bisect.bisect_left(self._sorted, name)]

    @property
    def names(self) -> int:
        """How many names somebody has."""
        return len(self._holders) + self._unread

    def first_names(self, most: int) -> list[str]:
        """The first so many of them, sorted."""
        if self._sorted is None:
            unread = (name for name in self._before.usernames() if name not in self._read_names)
            self._sorted = sorted({*self._holders, *unread})
        return self._sorted[:most]

    def knows(self, name: str) -> bool:
        self._read(name)
        return name in self._holders

    def holder(self, name: str) -> AccountFact | None:
        """The account that has the name now."""
        self._read(name)
        holders = self._holders.get(name)
        return holders[0] if holders else None

    def candidates(self, name: str) -> list[AccountFact]:
        """Accounts that somebody giving this name may mean: the holder first, then those that had it and lost it."""
        self._read(name)
        found = list(self._by_username.get(name, ()))
        holder = self.holder(name)
        if holder is not None and holder not in found:
            found.insert(0, holder)
        return found

    def registered_at(self, server: str) -> Iterator[AccountFact]:
        """The accounts that were registered at a server. It looks through all."""
        begin = f"{server}."
        known = [fact for claim, fact in self._by_claim.items() if claim.startswith(begin)]
        yield from known
        read = {fact.claim for fact in known}
        for fact in self._before.containing(f'"claim":"{begin}'.encode()):
            if fact.claim not in read and fact.claim.startswith(begin):
                yield fact

    def name_of(self, claim: str) -> str | None:
        """The name that an account has now."""
        self._read_claim(claim)
        return self._names.get(claim)

    def fact(self, claim: str) -> AccountFact | None:
        self._read_claim(claim)
        return self._by_claim.get(claim)

    def __iter__(self) -> Iterator[tuple[str, AccountFact]]:
        """(name, account), by name."""
        self._read_all()
        return ((name, holders[0]) for name, holders in sorted(self._holders.items()))
