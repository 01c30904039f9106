"""The documents that a node keeps: of each account the latest version, and sums by which two nodes compare all.

A map of last-writer-wins registers (Shapiro et al., "Conflict-free Replicated Data Types", 2011): whatever order
versions come in, and however often, nodes that have heard of the same ones keep the same.

There is room for so many bytes. When there is too much, the largest ones go, as many as it takes: what one account
fills a page with would else be the place of thirty others', and whoever makes accounts to fill the room drives out the
large ones of his own first. Which ones go is a function of the set alone, so nodes with the same room agree.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from core.reconciliation.item_order import MODULUS, NOTHING, Fingerprint
from core.wire.account_documents import DOCUMENT_BYTES_MAX, DocumentVersion
from core.wire.messages import BUCKETS, PLACE_CHARACTERS

OVERHEAD: Final = 512
"""Bytes that each version counts for beside its body: names, key, signature, and what the node knows of it."""
CLASS_BYTES: Final = 64
"""Documents whose lengths differ by less than that are alike."""
CLASSES: Final = DOCUMENT_BYTES_MAX // CLASS_BYTES + 1


def class_of(size: int) -> int:
    """How large a document of so many bytes is, in steps of CLASS_BYTES."""
    return min(size // CLASS_BYTES, CLASSES - 1)


@lru_cache(1024)
def place_of(claim: str) -> str:
    """Where an account's document stands among all: PLACE_CHARACTERS hexadecimal digits, of which nobody but who makes
    accounts for it has a choice."""
    return hashlib.blake2b(claim.encode(), digest_size=PLACE_CHARACTERS // 2, person=b"activity place").hexdigest()


def bucket_of(place: str) -> int:
    """Which of the BUCKETS a place is in."""
    return int(place[:2], 16)


class HeldDocument(NamedTuple):
    """A version that is kept."""

    version: DocumentVersion
    digest: bytes

    @property
    def rank(self) -> tuple[int, str, bytes]:
        """What decides which version counts."""
        return self.version.stamp, self.version.node, self.digest


class DocumentTable:
    """The latest version of each account's document."""

    def __init__(self, bytes_max: int, versions: Iterable[DocumentVersion] = ()) -> None:
        """`bytes_max`: see `bytes`."""
        self._bytes_max = bytes_max
        self._held: dict[str, HeldDocument] = {}
        self._places: list[list[tuple[str, str]]] = [[] for _ in range(BUCKETS)]
        """Of each bucket the places with the claims, ascending."""
        self._sums = [NOTHING] * BUCKETS
        self._by_class: list[dict[str, None]] = [{} for _ in range(CLASSES)]
        self.bytes = 0
        """What the bodies have, and OVERHEAD for each."""
        for version in versions:
            self.take(version)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, claim: str) -> DocumentVersion | None:
        """An account's document."""
        found = self._held.get(claim)
        return found.version if found is not None else None

    def held(self, claim: str) -> HeldDocument | None:
        """The same, with what decides whether another version counts."""
        return self._held.get(claim)

    def claims(self) -> list[str]:
        """Whose documents there are."""
        return [*self._held]

    @property
    def whole(self) -> Fingerprint:
        """How many there are, and the sum of their digests."""
        total = 0
        for one in self._sums:
            total += one.sum
        return Fingerprint(len(self._held), total % MODULUS)

    def sum_of(self, bucket: int) -> Fingerprint:
        """The same of one bucket."""
        return self._sums[bucket]

    def behind(self, after: str, bucket: int) -> Iterator[tuple[str, HeldDocument]]:
        """What is kept in a bucket, by its place, in the order of places, beginning behind one."""
        places = self._places[bucket]
        for index in range(bisect.bisect_right(places, (after, "\U0010ffff")), len(places)):
            place, claim = places[index]
            yield place, self._held[claim]

    def take(self, version: DocumentVersion) -> bool:
        """Keep a version if it is later than the one that is there; whether it was."""
        held = HeldDocument(version, version.digest)
        before = self._held.get(version.claim)
        if before is not None and before.rank >= held.rank:
            return False
        if before is not None:
            self.remove(version.claim)
        place = place_of(version.claim)
        bucket = bucket_of(place)
        self._held[version.claim] = held
        bisect.insort(self._places[bucket], (place, version.claim))
        self._sums[bucket] = self._sums[bucket].plus(_one(held))
        self._by_class[class_of(len(version.body))][version.claim] = None
        self.bytes += len(version.body) + OVERHEAD
        return True

    def remove(self, claim: str) -> DocumentVersion | None:
        """Keep an account's document no more; what it was."""
        held = self._held.pop(claim, None)
        if held is None:
            return None
        place = place_of(claim)
        bucket = bucket_of(place)
        places = self._places[bucket]
        del places[bisect.bisect_left(places, (place, claim))]
        self._sums[bucket] = self._sums[bucket].minus(_one(held))
        del self._by_class[class_of(len(held.version.body))][claim]
        self.bytes -= len(held.version.body) + OVERHEAD
        return held.version

    def make_room(self) -> tuple[int | None, list[str]]:
        """Have the largest go as long as there is too much: the class from which on all have gone, None if none has,
        and whose they were."""
        gone: list[str] = []
        level = None
        largest = CLASSES - 1
        while self.bytes > self._bytes_max:
            while not self._by_class[largest]:
                largest -= 1
            level = largest
            for claim in list(self._by_class[largest]):
                self.remove(claim)
                gone.append(claim)
        return level, gone

    @property
    def has_much_room(self) -> bool:
        """Whether a quarter of the room is free."""
        return self.bytes <= self._bytes_max * 3 // 4

    def broken(self) -> Iterator[str]:
        """What does not hold of it."""
        if sum(map(len, self._places)) != len(self._held) or sum(map(len, self._by_class)) != len(self._held):
            yield f"{len(self._held)} documents are kept, and others are looked for"
        if self.bytes != sum(len(one.version.body) + OVERHEAD for one in self._held.values()):
            yield "the documents have another size than what is counted"


def _one(held: HeldDocument) -> Fingerprint:
    return Fingerprint(1, int.from_bytes(held.digest, "big"))
