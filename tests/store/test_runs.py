"""Runs of received numbers, against the plain set that they stand for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.store.sequence_runs import Runs

spans = st.tuples(st.integers(0, 20), st.integers(0, 5)).map(lambda span: (span[0], span[0] + span[1]))


def built(added: list[tuple[int, int]]) -> tuple[Runs, set[int]]:
    runs, model = Runs(), {0}
    for first, last in added:
        new = set(range(first, last + 1))
        assert runs.add(first, last) == len(new - model)
        assert all(number in range(runs.around(first)[0], runs.around(first)[1] + 1) for number in new)
        model |= new
    return runs, model


@given(st.lists(spans))
def test_runs_hold_exactly_what_was_put_in(added: list[tuple[int, int]]) -> None:
    runs, model = built(added)
    assert [number for number in range(30) if number in runs] == sorted(model)
    assert runs.top == max(model)
    assert runs.upto == next(number for number in range(40) if number + 1 not in model)


@given(st.lists(spans))
def test_runs_are_ascending_and_never_touch(added: list[tuple[int, int]]) -> None:
    runs, _ = built(added)
    bounds = list(runs)
    assert all(first <= last for first, last in bounds)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(bounds))


@given(st.lists(spans), st.integers(0, 25))
def test_completeness_goes_on_from_what_the_other_has(added: list[tuple[int, int]], number: int) -> None:
    runs, model = built(added)
    together = model | set(range(number + 1))
    assert runs.complete_from(number) == next(n for n in range(number, 60) if n + 1 not in together)


@given(st.lists(spans), st.lists(spans))
def test_a_copy_lives_its_own_life(added: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    runs, _ = built(added)
    before = list(runs)
    twin = runs.copy()
    assert twin == runs
    for first, last in more:
        twin.add(first, last)
    assert list(runs) == before
    assert twin == Runs([*added, *more])


@given(st.lists(spans), spans)
def test_the_runs_within_a_span_are_those_that_have_a_number_of_it(
    added: list[tuple[int, int]], span: tuple[int, int]
) -> None:
    runs, _ = built(added)
    numbers = set(range(span[0], span[1] + 1))
    assert list(runs.within(*span)) == [(first, last) for first, last in runs if numbers & set(range(first, last + 1))]
