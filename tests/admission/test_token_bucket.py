"""Budgets that fill up again."""

from __future__ import annotations

import pytest

from core.admission.token_bucket import TokenBucket, TokenBuckets


def test_so_many_may_be_taken_at_once_and_then_so_many_a_second() -> None:
    budget = TokenBucket(2.0, 3.0, 100.0)
    assert [budget.take(100.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 0.5]
    assert budget.take(100.5) == 0.0
    assert budget.take(100.5) == 0.5


def test_a_silence_saves_up_no_more_than_there_may_be_at_once() -> None:
    budget = TokenBucket(2.0, 3.0, 0.0)
    assert [budget.take(1e6) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_who_spends_more_than_there_is_owes_it() -> None:
    budget = TokenBucket(10.0, 100.0, 0.0)
    assert budget.spend(100.0, 0.0) == 0.0
    assert budget.spend(50.0, 0.0) == 5.0
    assert budget.spend(50.0, 5.0) == 5.0
    assert budget.spend(0.0, 11.0) == 0.0


def test_a_budget_that_never_fills_up_again_is_none() -> None:
    with pytest.raises(ValueError, match="never"):
        TokenBucket(0.0, 1.0, 0.0)


def test_each_has_a_budget_of_their_own() -> None:
    budgets = TokenBuckets(1.0, 2.0, 10)
    assert [budgets.take("ada", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert budgets.take("bob", 0.0) == 0.0


def test_budgets_of_those_who_took_nothing_for_longest_are_forgotten() -> None:
    budgets = TokenBuckets(1.0, 1.0, 2)
    for who in ("ada", "bob", "ada", "cy"):
        budgets.take(who, 0.0)
    assert budgets.take("ada", 0.0) > 0.0
    assert budgets.take("bob", 0.0) == 0.0
