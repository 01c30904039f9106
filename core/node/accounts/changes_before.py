"""Changes of accounts that are known, from before this start and since: an account's are looked at when somebody asks
for it, and anew when others are not to count any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from core.wire.entries import KeyChange
from core.wire.packed_facts import PackedFacts

Void = Callable[[str, int], bool]
"""Whether what a server says of accounts at a stamp does not count."""


def all_count(told_by: str, stamp: int) -> bool:
    """Of nobody anything is void."""
    return False


def distrusted_by(servers: Collection[str]) -> Void:
    """What these servers say is void."""
    return lambda told_by, stamp: told_by in servers


class ChangesBefore:
    """Hands out the changes of each account once."""

    def __init__(self, packed: PackedFacts, is_void: Void = all_count) -> None:
        """What `is_void` is left out."""
        self._packed = packed
        self._is_void = is_void
        self._read_claims: set[str] = set()
        self._since: dict[str, list[tuple[str, KeyChange]]] = {}
        """What has come in this start, and who has told it."""

    def note(self, claim: str, told_by: str, change: KeyChange) -> bool:
        """A change has come of an account whose others have been handed out; whether it counts. After `judge` it is
        handed out again."""
        self._read_claims.add(claim)
        self._since.setdefault(claim, []).append((told_by, change))
        return not self._is_void(told_by, change.stamp)

    def judge(self, is_void: Void) -> None:
        """Others are void than before: each account's changes are handed out once more."""
        self._is_void = is_void
        self._read_claims.clear()

    def read(self, claim: str) -> Iterator[KeyChange]:
        """The changes of an account that have not been handed out, those of its secret among them."""
        if claim in self._read_claims:
            return
        found = self._packed.claimed(claim) if self._packed else []
        since = self._since.get(claim, ())
        if found or since:
            self._read_claims.add(claim)
        for fact in found:
            if fact.key is not None and not self._is_void(fact.told_by, fact.key.stamp):
                yield fact.key
        for told_by, change in since:
            if not self._is_void(told_by, change.stamp):
                yield change
