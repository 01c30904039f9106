"""Refs of many activities, packed: 18 bytes each, and nothing is made of them before one is asked for.

A ref counts among its sender's, so what is packed is a digest of both: 128 bits of BLAKE2b (RFC 7693). Two pairs with
one digest would take a few 10^19 tries to find, by somebody who writes all of them themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from core.wire.entries import EntryId, Stream
from core.wire.names import original_name

DIGEST_BYTES: Final = 16
PLACE_BYTES: Final = 2
REF_BYTES: Final = PLACE_BYTES + DIGEST_BYTES


def packed_ref(place: int, sender: str, ref: str) -> bytes:
    """What is kept of one activity's ref; `place` is how far its number is behind its record's first."""
    text = f"{original_name(sender)}\x00{ref}".encode("utf-8", "surrogatepass")
    return place.to_bytes(PLACE_BYTES, "big") + blake2b(text, digest_size=DIGEST_BYTES).digest()


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
        self._places: dict[bytes, int | list[int]] | None = None
        """Where each digest stands: which record, times 2^16, and the place in it."""

    def __len__(self) -> int:
        return sum(len(record.packed) for record in self._records) // REF_BYTES

    def find(self, sender: str, ref: str) -> list[EntryId]:
        """The activities that their sender gave this name, the oldest first."""
        if not self._records:
            return []
        digest = packed_ref(0, sender, ref)[PLACE_BYTES:]
        found = self._by_digest().get(digest, ())
        return [self._entry_id(place) for place in ([found] if isinstance(found, int) else found)]

    def _by_digest(self) -> dict[bytes, int | list[int]]:
        if self._places is None:
            places: dict[bytes, int | list[int]] = {}
            for number, record in enumerate(self._records):
                for digest, place in _unpacked(record.packed):
                    here = number << 16 | place
                    known = places.setdefault(digest, here)
                    if known != here:
                        places[digest] = [*(known if isinstance(known, list) else (known,)), here]
            self._places = places
        return self._places

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
