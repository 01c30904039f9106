"""Refs of many activities, packed: 18 bytes each, and nothing is made of them before one is asked for.

What is packed is the activity's idempotency fingerprint: 128 bits of its sender, its ref and its content. Two with one
digest would take a few 10^19 tries to find, by somebody who writes all of them themselves. Of what was kept before
content counted there is a digest of sender and ref alone, which stands for any content.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Final, NamedTuple

from core.wire.entries import EntryId, Stream
from core.wire.idempotency import FINGERPRINT_BYTES, idempotency_fingerprint
from core.wire.limits import RECORD_ENTRIES_MAX
from core.wire.names import original_name

PLACE_BYTES: Final = 2
REF_BYTES: Final = PLACE_BYTES + FINGERPRINT_BYTES
INDEXED_AT_ONCE: Final = 1_000
"""Refs that one question puts into the index: some two milliseconds. With all of them the first post after a start
would hold up everybody for a fifth of a second."""
PLACES: Final = [place.to_bytes(PLACE_BYTES, "big") for place in range(RECORD_ENTRIES_MAX)]
"""How far a number is behind its record's first, as it stands in what is packed."""


def packed_ref(place: int, sender: str, ref: str, body: bytes) -> bytes:
    """What is kept of one activity's ref; `place` is how far its number is behind its record's first."""
    return PLACES[place] + idempotency_fingerprint(sender, ref, body)


def packed_ref_of_any_content(place: int, sender: str, ref: str) -> bytes:
    """What was kept of it before content counted."""
    return PLACES[place] + _digest_of_any_content(sender, ref)


def _digest_of_any_content(sender: str, ref: str) -> bytes:
    text = f"{original_name(sender)}\x00{ref}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=FINGERPRINT_BYTES).digest()


class RefsOfRecord(NamedTuple):
    """The packed refs of one record's activities."""

    stream: Stream
    first: int
    """The record's first number."""
    packed: bytes


class PackedRefs:
    """The refs of some of the past's activities."""

    def __init__(self, records: Iterable[RefsOfRecord] = ()) -> None:
        """`records`, the oldest first."""
        self._records: Sequence[RefsOfRecord] = tuple(records)
        self._places: dict[bytes, int | list[int]] = {}
        """Where each digest of the first `_indexed` records stands: which record, times 2^16, and the place in it."""
        self._indexed = 0
        self._rest: bytes | None = None
        """What is packed of the others, one after the other; None before anything is asked for, and when all is in the
        index."""
        self._begins: list[int] = []
        """At which byte of all that is packed each record begins."""

    def __len__(self) -> int:
        return sum(len(record.packed) for record in self._records) // REF_BYTES

    def find(self, sender: str, ref: str, body: bytes) -> list[EntryId]:
        """The copies of an activity to which its sender gave this name, the oldest first."""
        return self.find_copies(sender, ref, idempotency_fingerprint(sender, ref, body)) if self._records else []

    def find_copies(self, sender: str, ref: str, fingerprint: bytes) -> list[EntryId]:
        """The same where the activity's fingerprint is known."""
        if not self._records:
            return []
        places = sorted({*self._places_of(_digest_of_any_content(sender, ref)), *self._places_of(fingerprint)})
        return [self._entry_id(place) for place in places]

    def _places_of(self, digest: bytes) -> Sequence[int]:
        if self._indexed < len(self._records):
            self._index_more()
        found = self._places.get(digest, ())
        indexed = (found,) if isinstance(found, int) else found
        return (*indexed, *self._not_indexed(digest)) if self._rest is not None else indexed

    def _index_more(self) -> None:
        """Put some more records into the index."""
        if not self._begins:
            self._begins = [0, *accumulate(len(record.packed) for record in self._records)]
            self._rest = b"".join([record.packed for record in self._records])
        places = self._places
        before = self._begins[self._indexed]
        begins_at = before + INDEXED_AT_ONCE * REF_BYTES
        while self._indexed < len(self._records) and self._begins[self._indexed] < begins_at:
            for digest, place in _unpacked(self._records[self._indexed].packed):
                here = self._indexed << 16 | place
                known = places.setdefault(digest, here)
                if known != here:
                    places[digest] = [*(known if isinstance(known, list) else (known,)), here]
            self._indexed += 1
        self._rest = (self._rest or b"")[self._begins[self._indexed] - before :] or None

    def _not_indexed(self, digest: bytes) -> Iterator[int]:
        """Where a digest stands in the records that are not in the index."""
        rest, offset = self._rest or b"", self._begins[self._indexed]
        at = rest.find(digest)
        while at >= 0:
            if at % REF_BYTES == PLACE_BYTES:
                number = bisect_right(self._begins, offset + at) - 1
                place = int.from_bytes(rest[at - PLACE_BYTES : at], "big")
                yield number << 16 | place
            at = rest.find(digest, at + 1)

    def _entry_id(self, place: int) -> EntryId:
        record = self._records[place >> 16]
        return EntryId(*record.stream, record.first + (place & 0xFFFF))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedRefs) and self._records == other._records

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PackedRefs(of {len(self)} activities)"


def _unpacked(packed: bytes) -> Iterator[tuple[bytes, int]]:
    for begin in range(0, len(packed), REF_BYTES):
        yield (
            packed[begin + PLACE_BYTES : begin + REF_BYTES],
            int.from_bytes(packed[begin : begin + PLACE_BYTES], "big"),
        )
