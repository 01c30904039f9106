"""Accounts: who owns which name, and what happens when two parts of the network gave a name away twice.

The account book is a state-based CRDT (Shapiro et al., 2011): a growing set of registration facts, and names assigned
to them by a function of the set alone. Whatever order facts arrive in, nodes with the same facts agree. Among facts
for one name the smallest (stamp, claim), the earlier registration, has the name; each other one has the name with a
suffix that only its claim decides.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from core.wire.entries import AccountFact
from core.wire.limits import NAME_CHARACTERS_MAX
from core.wire.names import name_problem

SUFFIX_CHARACTERS: Final = 6
_RENAMED: Final = re.compile(r"~[a-z2-7]{6}\Z")


def registrable_problem(name: str) -> str | None:
    """What keeps `name` from being registered by a person, as a clause, or None."""
    problem = name_problem(name)
    if problem is None and _RENAMED.search(name):
        return "names that end in '~' and 6 letters or digits are kept for renamed accounts"
    return problem


def name_after_conflict(fact: AccountFact) -> str:
    """The name that an account has when its own belongs to an earlier registration."""
    digest = hashlib.blake2b(fact.claim.encode(), digest_size=8).digest()
    suffix = base64.b32encode(digest).decode().lower()[:SUFFIX_CHARACTERS]
    return f"{fact.username[: NAME_CHARACTERS_MAX - SUFFIX_CHARACTERS - 1]}~{suffix}"


@dataclass(frozen=True, slots=True)
class Renaming:
    """An account's name has changed."""

    claim: str
    before: str
    after: str


class AccountBook:
    """All registrations, and the names that follow from them."""

    def __init__(self, facts: Iterable[AccountFact] = ()) -> None:
        self._by_claim: dict[str, AccountFact] = {}
        self._by_username: dict[str, list[AccountFact]] = {}
        self._names: dict[str, str] = {}
        self._holders: dict[str, AccountFact] = {}
        for fact in facts:
            self.apply(fact)

    def __len__(self) -> int:
        return len(self._by_claim)

    def apply(self, fact: AccountFact) -> list[Renaming]:
        """Take in a fact; the renamings of accounts that were known before. Idempotent and commutative."""
        known = self._by_claim.get(fact.claim)
        if known is not None and (known.stamp, known.verifier) <= (fact.stamp, fact.verifier):
            return []
        same_name = self._by_username.setdefault(fact.username, [])
        if known is not None:
            self._by_username[known.username].remove(known)
        self._by_claim[fact.claim] = fact
        same_name.append(fact)
        same_name.sort(key=lambda one: (one.stamp, one.claim))
        renamings: list[Renaming] = []
        for position, one in enumerate(same_name):
            name = one.username if position == 0 else name_after_conflict(one)
            before = self._names.get(one.claim)
            if before is not None and before != name:
                renamings.append(Renaming(one.claim, before, name))
            self._names[one.claim] = name
        for one in same_name:
            self._holders[self._names[one.claim]] = one
        return renamings

    def knows(self, name: str) -> bool:
        return name in self._holders

    def holder(self, name: str) -> AccountFact | None:
        """The account that has the name now."""
        return self._holders.get(name)

    def candidates(self, name: str) -> list[AccountFact]:
        """Accounts that somebody giving this name may mean: the holder first, then those that had it and lost it."""
        found = list(self._by_username.get(name, ()))
        holder = self._holders.get(name)
        if holder is not None and holder not in found:
            found.insert(0, holder)
        return found

    def name_of(self, claim: str) -> str | None:
        """The name that an account has now."""
        return self._names.get(claim)

    def fact(self, claim: str) -> AccountFact | None:
        return self._by_claim.get(claim)

    def __iter__(self) -> Iterator[tuple[str, AccountFact]]:
        """(name, account), by name."""
        return iter(sorted(self._holders.items()))
