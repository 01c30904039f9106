"""Comparing two sets: what is found, what it costs, and what a liar can do with it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.reconciliation import radix_summary, range_comparison
from core.reconciliation.item_order import (
    END,
    NOTHING,
    Fingerprint,
    ItemKey,
    bound,
    decode_bound,
    decode_sum,
    encode_bound,
    encode_sum,
    item_key,
)
from core.reconciliation.range_comparison import (
    ANSWER_BYTES,
    ItemRange,
    ListedRange,
    RangeAnswer,
    RangePart,
    check_answer,
    check_question,
    part_of,
    respond,
)
from core.wire.entries import COUNTER_MAX, EntryId, Stream
from core.wire.entry_runs import count_of, decode_runs, encode_runs, ids_in, runs_of
from tests.reconciliation.pulling import EVERYTHING, MemorySet, made_up, pull
from tests.reconciliation.test_radix_summary import identities, keys


@pytest.fixture(autouse=True, scope="module")
def cut_early() -> Iterator[None]:
    """A few items already take many messages."""
    patch = pytest.MonkeyPatch()
    patch.setattr(radix_summary, "LEAF_MAX", 2)
    patch.setattr(range_comparison, "LISTED_MAX", 2)
    patch.setattr(range_comparison, "WHOLE_MAX", 1)
    patch.setattr(range_comparison, "PARTS", 3)
    patch.setattr(range_comparison, "QUESTION_PARTS_MAX", 6)
    yield
    patch.undo()


# --- what is found ----------------------------------------------------------------------------------------------------


@given(st.sets(keys, max_size=60), st.sets(keys, max_size=60))
def test_each_side_finds_exactly_what_it_lacks(here: set[ItemKey], there: set[ItemKey]) -> None:
    one, other = MemorySet(here), MemorySet(there)
    assert pull(one, other).lacked == {key.id for key in there} - {key.id for key in here}
    assert pull(other, one).lacked == {key.id for key in here} - {key.id for key in there}


@given(st.sets(keys, max_size=60))
def test_equal_sets_take_one_question(items: set[ItemKey]) -> None:
    assert pull(MemorySet(items), MemorySet(items)).rounds == 1


@given(st.sets(keys, max_size=40), st.sets(keys, max_size=40))
def test_after_an_exchange_in_both_directions_there_is_no_difference(here: set[ItemKey], there: set[ItemKey]) -> None:
    one, other = MemorySet(here), MemorySet(there)
    for asker, answerer in ((one, other), (other, one)):
        lacked = pull(asker, answerer).lacked
        have = set(asker.all())
        for key in answerer.all():
            if key.id in lacked and key not in have:
                asker.put(key)
    # The same entry under two stamps is no entry that anybody lacks.
    assert pull(one, other).lacked == pull(other, one).lacked == set()


def test_who_has_dropped_entries_and_who_never_had_them_find_the_rest() -> None:
    items = made_up(400)
    full, trimmed = MemorySet(items), MemorySet(items)
    for key in items[:300:3]:
        trimmed.items.remove(key)
    newcomer = MemorySet(items[350:])
    assert pull(newcomer, full).lacked == {key.id for key in items[:350]}
    assert pull(newcomer, trimmed).lacked == {
        key.id for number, key in enumerate(items[:350]) if number > 299 or number % 3
    }
    assert pull(trimmed, full).rounds == 1, "what it has dropped is not asked for again"


def test_who_has_dropped_nearly_all_of_a_range_lists_the_rest() -> None:
    items = made_up(400)
    trimmed = MemorySet(items)
    for key in items[3:]:
        trimmed.items.remove(key)
    assert pull(MemorySet(items[100:]), trimmed).lacked == {key.id for key in items[:3]}


# --- what it costs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def real_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radix_summary, "LEAF_MAX", 256)
    monkeypatch.setattr(range_comparison, "LISTED_MAX", 512)
    monkeypatch.setattr(range_comparison, "WHOLE_MAX", 32)
    monkeypatch.setattr(range_comparison, "PARTS", 16)
    monkeypatch.setattr(range_comparison, "QUESTION_PARTS_MAX", 256)


@pytest.mark.usefixtures("real_limits")
@pytest.mark.parametrize(("lacking", "rounds", "size"), [(0, 1, 400), (1, 3, 6_000), (50, 4, 120_000)])
def test_few_differences_among_many_cost_little(lacking: int, rounds: int, size: int) -> None:
    items = made_up(30_000)
    missing = set(random.Random(lacking).sample(items, lacking))
    pulled = pull(MemorySet(key for key in items if key not in missing), MemorySet(items))
    assert pulled.lacked == {key.id for key in missing}
    assert pulled.rounds <= rounds
    assert pulled.bytes <= size


@pytest.mark.usefixtures("real_limits")
def test_rounds_grow_with_the_logarithm_of_the_items() -> None:
    rounds = []
    for count in (1_000, 16_000):
        items = made_up(count)
        rounds.append(pull(MemorySet(items[:-1]), MemorySet(items)).rounds)
    assert rounds[-1] <= rounds[0] + 2 and max(rounds) <= 4


@pytest.mark.usefixtures("real_limits")
@pytest.mark.parametrize("streams", [5, 4_000], ids=["few starts", "a start for every third entry"])
def test_messages_are_bounded_whatever_is_lacking(streams: int) -> None:
    items = made_up(12_000, streams=streams)
    for asker in (MemorySet(), MemorySet(items[::2]), MemorySet(items[:6_000])):
        pulled = pull(asker, MemorySet(items))
        assert pulled.lacked == {key.id for key in items} - {key.id for key in asker.all()}
        assert pulled.longest <= ANSWER_BYTES + 32 * 1024
        assert pulled.pending <= 1_000


@pytest.mark.usefixtures("real_limits")
def test_a_list_costs_by_its_streams_and_not_by_its_entries() -> None:
    items = made_up(20_000, streams=4)
    assert pull(MemorySet(), MemorySet(items)).bytes < 2 * 20_000


# --- what a liar can do -----------------------------------------------------------------------------------------------


def span(first: int, last: int) -> ItemRange:
    return ItemRange(bound(1, first), bound(1, last))


def part(first: int, last: int) -> RangePart:
    return RangePart(span(first, last), 3, b"x" * 16)


@pytest.mark.parametrize(
    "asked",
    [
        (),
        (part(5, 5),),
        (part(6, 5),),
        (part(5, 9), part(1, 3)),
        (part(1, 5), part(4, 9)),
        tuple(part(number, number + 1) for number in range(600)),
    ],
    ids=["nothing", "an empty range", "the wrong way round", "descending", "overlapping", "too many"],
)
def test_a_question_that_cannot_be_is_refused(asked: tuple[RangePart, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_question(asked)


ASKED = (part(10, 20), part(30, 40))
FINE = RangeAnswer((part(10, 12), part(12, 20)), (ListedRange(span(30, 35), {}),), bound(1, 35))


@pytest.mark.parametrize(
    "answer",
    [
        replace(FINE, parts=(part(12, 20), part(10, 12))),
        replace(FINE, parts=(part(10, 15), part(12, 20))),
        replace(FINE, parts=(part(5, 12),)),
        replace(FINE, parts=(part(15, 25),)),
        replace(FINE, parts=(part(22, 25),)),
        replace(FINE, parts=(part(10, 20),)),
        replace(FINE, parts=(part(36, 38),)),
        replace(FINE, parts=(part(31, 34),)),
        replace(FINE, parts=(part(50, 60),)),
        replace(FINE, upto=bound(1, 10)),
        replace(FINE, upto=bound(1, 41)),
        replace(FINE, upto=bound(0, 0)),
    ],
    ids=[
        *("descending", "overlapping", "begins before", "ends behind", "between", "not cut", "behind its end"),
        *("listed as well", "elsewhere", "no progress", "ends behind what was asked", "ends before it"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(answer: RangeAnswer) -> None:
    check_answer(ASKED, FINE)
    with pytest.raises(ValueError, match=r"."):
        check_answer(ASKED, answer)


@pytest.mark.parametrize(
    "numbers",
    [[1], [3, 2], [0, 5], [5, 9, 9, 12], [5, 9, 2, 3], [1, COUNTER_MAX], [1, 3, 5, 7], []],
    ids=str,
)
def test_a_list_that_cannot_be_is_refused_before_it_is_counted_out(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_runs({"a.1": numbers}, 5)


def test_sums_that_never_fit_end_when_everything_is_listed() -> None:
    """Somebody answers with other sums each time, and cuts as an honest side does."""
    items = made_up(300)
    honest = MemorySet(items)

    class Liar(MemorySet):
        rng = random.Random(1)

        def __init__(self) -> None:
            super().__init__(items)
            known = self.summary

            class Lying:
                listed = staticmethod(known.listed)
                cuts = staticmethod(known.cuts)

                def fingerprint(self, lower: ItemKey, upper: ItemKey) -> object:
                    found = known.fingerprint(lower, upper)
                    return found._replace(sum=Liar.rng.getrandbits(256))

            self.summary = Lying()  # type: ignore[assignment]

    pulled = pull(honest, Liar())
    assert pulled.lacked == set()
    assert pulled.rounds <= len(items)


def test_what_is_answered_is_bounded_by_the_question_whatever_it_claims() -> None:
    items = made_up(2_000)
    known = MemorySet(items)
    lower = items[0].place
    parts = []
    for number in range(200):
        one = ItemRange(ItemKey(lower + number, EntryId("", 0, 0)), ItemKey(lower + number + 1, EntryId("", 0, 0)))
        parts.append(RangePart(one, COUNTER_MAX, b"\0" * 16))
    answer = respond(known.summary, [*parts, RangePart(ItemRange(parts[-1].range.upper, END), 1, b"\1" * 16)])
    assert len(answer.parts) + len(answer.lists) <= 200 + 1 + range_comparison.PARTS


def test_who_has_nothing_is_told_what_there_is_without_sums_and_of_an_empty_range_nothing() -> None:
    items = sorted(made_up(60))
    known = MemorySet(items).summary

    class WithoutSums:
        listed = staticmethod(known.listed)

        def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
            raise AssertionError("sums were asked for")

        def cuts(self, lower: ItemKey, upper: ItemKey, parts: int) -> list[ItemKey]:
            raise AssertionError("it was asked how to cut")

    empty = ItemRange(EVERYTHING.lower, items[0])
    parts = [RangePart(one, 0, NOTHING.print) for one in (empty, ItemRange(items[0], END))]
    answer = respond(WithoutSums(), parts)
    assert answer.upto == END and not answer.parts
    assert [one.range for one in answer.lists if one.range.lower < items[0]] == []
    assert {one for listed in answer.lists for one in ids_in(listed.entries)} == {key.id for key in items}


# --- as text ----------------------------------------------------------------------------------------------------------


@given(keys)
def test_bounds_are_written_and_read(key: ItemKey) -> None:
    assert decode_bound(encode_bound(key)) == key
    edge = ItemKey(key.place, EntryId("", 0, 0))
    assert decode_bound(encode_bound(edge)) == edge


@pytest.mark.parametrize(
    "text", ["", "1", "1.", "3.1", "2.1", "-1.1", "1.-1", "1.x", "1.1.a", "1.1.a.b.c", f"1.{2**53}"]
)
def test_a_bound_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_bound(text)


@given(st.integers(0, 2**256 - 1))
def test_sums_are_written_and_read(total: int) -> None:
    assert decode_sum(encode_sum(total)) == total


@given(st.sets(identities, max_size=30))
def test_runs_stand_for_their_entries(ids: set[EntryId]) -> None:
    runs = runs_of(ids)
    assert set(ids_in(runs)) == ids and count_of(runs) == len(ids)
    assert decode_runs(encode_runs(runs), len(ids)) == runs


def test_the_end_stands_behind_everything() -> None:
    assert item_key("activity", COUNTER_MAX, EntryId("~", COUNTER_MAX, COUNTER_MAX)) < END
    assert part_of(MemorySet(made_up(10)).summary, EVERYTHING).size == 10
    assert Stream("a", 1) in runs_of([EntryId("a", 1, 1)])
