"""Changes of accounts that were known before this start: an account's are looked at when somebody asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from core.wire.entries import KeyChange
from core.wire.packed_facts import PackedFacts


class ChangesBefore:
    """Hands out the changes of each account once."""

    def __init__(self, packed: PackedFacts, distrusted: Collection[str] = ()) -> None:
        """What `distrusted` servers tell is left out."""
        self._packed = packed
        self._distrusted = distrusted
        self._read_claims: set[str] = set()

    def read(self, claim: str) -> Iterator[KeyChange]:
        """The changes of an account that have not been handed out, those of its secret among them."""
        if claim not in self._read_claims and self._packed:
            found = self._packed.claimed(claim)
            if found:
                self._read_claims.add(claim)
            for fact in found:
                if fact.key is not None and fact.told_by not in self._distrusted:
                    yield fact.key
