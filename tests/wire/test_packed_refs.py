"""Packed refs: all are found from the first question on, and no question makes an index of all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.wire import packed_refs
from core.wire.entries import EntryId, Stream
from core.wire.packed_refs import INDEXED_AT_ONCE, PackedRefs, RefsOfRecord, packed_ref

STREAM = Stream("a", 1)
OF_ONE = 100
RECORDS = 5 * INDEXED_AT_ONCE // OF_ONE


def body(number: int) -> bytes:
    return b'{"n":%d,"authenticated_user":"ann"}' % number


def refs_of(first: int, count: int) -> RefsOfRecord:
    packed = [packed_ref(place, "ann", f"r-{first + place}", body(first + place)) for place in range(count)]
    return RefsOfRecord(STREAM, first, b"".join(packed))


@pytest.fixture
def refs() -> PackedRefs:
    """What was posted, in records of a hundred; some have none with a name. One was posted twice."""
    records = [refs_of(1 + OF_ONE * at, OF_ONE) for at in range(RECORDS)]
    last = RefsOfRecord(Stream("b", 1), 7, packed_ref(2, "ann", "r-5", body(5)))
    return PackedRefs(
        [RefsOfRecord(STREAM, 0, b""), *records, RefsOfRecord(STREAM, 9, b""), last, records[0]._replace(packed=b"")]
    )


def test_whatever_is_asked_for_is_found_before_and_after_it_is_in_the_index(refs: PackedRefs) -> None:
    for _ in range(3):
        for number in (1, 5, 100, 101, 2_345, RECORDS * OF_ONE):
            expected = [EntryId(*STREAM, number), *([EntryId("b", 1, 9)] if number == 5 else [])]
            assert refs.find("ann", f"r-{number}", body(number)) == expected
        assert refs.find("ann", "r-0", body(0)) == []
        assert refs.find("bob", "r-5", body(5)) == []


def test_no_question_puts_more_than_a_part_into_the_index(refs: PackedRefs, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked, counted = packed_refs._unpacked, [0]

    def counting(packed: bytes) -> Iterator[tuple[bytes, int]]:
        for one in unpacked(packed):
            counted[0] += 1
            yield one

    monkeypatch.setattr(packed_refs, "_unpacked", counting)
    before = most = 0
    for _ in range(20):
        refs.find("ann", "r-0", body(0))
        most, before = max(most, counted[0] - before), counted[0]
    assert most <= 2 * (INDEXED_AT_ONCE + OF_ONE), "two digests are looked for"
    assert counted[0] == RECORDS * OF_ONE + 1, "each once"
