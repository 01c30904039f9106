"""What a node keeps of documents is a function of the versions that it has heard of, whatever order they came in."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.node.documents.document_table import (
    CLASS_BYTES,
    OVERHEAD,
    DocumentTable,
    bucket_of,
    place_of,
)
from core.reconciliation.item_order import NOTHING
from core.wire.account_documents import DocumentVersion
from core.wire.messages import BUCKETS

ROOMY = 10**9


def version(claim: str, stamp: int, node: str = "a", body: bytes = b"{}") -> DocumentVersion:
    return DocumentVersion(claim, stamp, node, body)


VERSIONS = st.lists(
    st.builds(
        version,
        st.sampled_from(["a.1.1", "a.1.2", "b.1.1"]),
        st.integers(0, 3),
        st.sampled_from("ab"),
        st.sampled_from([b"{}", b'{"a":1}', b'{"b":2}']),
    ),
    max_size=12,
)


def kept(versions: list[DocumentVersion], bytes_max: int = ROOMY) -> DocumentTable:
    table = DocumentTable(bytes_max)
    for one in versions:
        table.take(one)
    assert [*table.broken()] == []
    return table


@given(VERSIONS, st.randoms())
def test_versions_may_come_in_any_order_and_any_number_of_times(
    versions: list[DocumentVersion], rng: random.Random
) -> None:
    again = [*versions, *versions[::2]]
    rng.shuffle(again)
    one, other = kept(versions), kept(again)
    assert {claim: one.get(claim) for claim in one.claims()} == {claim: other.get(claim) for claim in other.claims()}
    assert one.whole == other.whole


@given(VERSIONS, VERSIONS, VERSIONS)
def test_it_does_not_matter_who_hears_first_of_whom(
    first: list[DocumentVersion], second: list[DocumentVersion], third: list[DocumentVersion]
) -> None:
    def held(table: DocumentTable) -> list[DocumentVersion]:
        return [found for claim in table.claims() if (found := table.get(claim)) is not None]

    left = kept([*held(kept([*held(kept(first)), *held(kept(second))])), *held(kept(third))])
    right = kept([*held(kept(first)), *held(kept([*held(kept(second)), *held(kept(third))]))])
    assert left.whole == right.whole


@given(VERSIONS)
def test_the_latest_counts_and_of_one_date_the_larger_server(versions: list[DocumentVersion]) -> None:
    table = kept(versions)
    for claim in {one.claim for one in versions}:
        found = table.get(claim)
        assert found is not None
        assert (found.stamp, found.node) == max((one.stamp, one.node) for one in versions if one.claim == claim)


@given(VERSIONS)
def test_sums_are_those_of_what_is_kept(versions: list[DocumentVersion]) -> None:
    table = kept(versions)
    for claim in table.claims():
        found = table.get(claim)
        assert found is not None
        before = table.sum_of(bucket_of(place_of(claim)))
        assert table.remove(claim) == found
        assert table.sum_of(bucket_of(place_of(claim))).size == before.size - 1
        assert table.take(found)
        assert table.sum_of(bucket_of(place_of(claim))) == before
    for claim in table.claims():
        table.remove(claim)
    assert (table.whole, table.bytes) == (NOTHING, 0)


def test_what_stands_behind_a_place_comes_in_the_order_of_places() -> None:
    table = kept([version(f"a.1.{number}", number) for number in range(2_000)])
    bucket, many = Counter(bucket_of(place_of(claim)) for claim in table.claims()).most_common(1)[0]
    places = [place for place, _ in table.behind("", bucket)]
    assert len(places) == many > 1 and places == sorted(places)
    assert [place for place, _ in table.behind(places[0], bucket)] == places[1:]
    assert sum(table.sum_of(one).size for one in range(BUCKETS)) == len(table) == 2_000


def test_of_too_much_the_largest_go_whatever_order_they_came_in() -> None:
    def body(size: int) -> bytes:
        return b'{"x":"' + b"x" * (size - 8) + b'"}'

    versions = [version(f"a.1.{number}", number, body=body(100 + 50 * number)) for number in range(100)]
    room = sum(len(one.body) + OVERHEAD for one in versions[:60])
    one, other = kept(versions, room), kept(versions[::-1], room)
    level, gone = one.make_room()
    assert (level, {*gone}) == ((other_made := other.make_room())[0], {*other_made[1]})
    assert level is not None and gone
    assert one.whole == other.whole and one.bytes <= room
    smallest = min(len(versions[int(claim.rpartition(".")[2])].body) for claim in gone)
    assert smallest // CLASS_BYTES == level
    assert all(len(held.body) // CLASS_BYTES < level for claim in one.claims() if (held := one.get(claim)))
    assert one.make_room() == (None, [])
