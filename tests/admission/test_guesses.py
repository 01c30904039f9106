"""Who is slowed by wrong secrets, and who is not."""

from __future__ import annotations

import pytest

from core.admission.guesses import FORGET_AFTER, HABIT, HOSTS_MAX, PATIENCE, TARGET_HOSTS, Guesses


@pytest.fixture
def guesses() -> Guesses:
    return Guesses(1.0, 8.0, free=HABIT)


def fail(guesses: Guesses, host: str, account: str, times: int, now: float = 0.0) -> list[float]:
    return [guesses.failed(host, account, now) for _ in range(times)]


def test_the_first_mistakes_cost_nothing_and_those_after_them_ever_more(guesses: Guesses) -> None:
    assert fail(guesses, "a", "ann", 10) == [0.0] * 5 + [1.0, 2.0, 4.0, 8.0, 8.0]


def test_attempts_of_a_host_that_guesses_have_their_turn_one_after_the_other(guesses: Guesses) -> None:
    fail(guesses, "a", "ann", HABIT)
    turns = [guesses.take("a", "ann", 0.0) for _ in range(50)]
    taken = [turn for turn in turns if turn is not None]
    assert taken == sorted(set(taken)), "no two at a time"
    assert max(taken) <= PATIENCE
    assert turns.count(None) > 30, "the others are not looked at"


def test_other_hosts_are_not_slowed_by_it(guesses: Guesses) -> None:
    fail(guesses, "a", "ann", 1000)
    assert guesses.take("b", "ann", 0.0) == 0.0
    assert guesses.penalty("b", "ann", 0.0) == 0.0


def test_whoever_has_given_the_right_secret_there_before_is_not_slowed_by_their_neighbour(guesses: Guesses) -> None:
    guesses.succeeded("a", "ann")
    fail(guesses, "a", "bob", 1000)
    assert guesses.take("a", "ann", 0.0) == 0.0
    assert guesses.take("a", "bob", 0.0) != 0.0


def test_that_is_no_way_to_guess_at_them(guesses: Guesses) -> None:
    guesses.succeeded("a", "ann")
    fail(guesses, "a", "ann", 3 * HABIT)
    assert guesses.take("a", "ann", 0.0) != 0.0


def test_the_right_secret_forgives_the_mistakes_at_its_own_name_only(guesses: Guesses) -> None:
    fail(guesses, "a", "ann", HABIT)
    guesses.succeeded("a", "mallory")
    assert guesses.guesses("a", 0.0), "an account of one's own does not buy guesses at others"
    guesses.succeeded("a", "ann")
    assert not guesses.guesses("a", 0.0)


def test_a_name_that_is_guessed_at_from_everywhere_is_guarded_but_not_locked(guesses: Guesses) -> None:
    guesses.succeeded("home", "ann")
    for number in range(10 * TARGET_HOSTS):
        guesses.failed(f"h{number}", "ann", 0.0)
    assert guesses.take("new", "ann", 0.0) == 1.0
    assert guesses.take("home", "ann", 0.0) == 0.0
    assert guesses.take("new", "bob", 0.0) == 0.0


def test_what_was_long_ago_is_forgotten(guesses: Guesses) -> None:
    fail(guesses, "a", "ann", 100)
    assert guesses.take("a", "ann", FORGET_AFTER + 1.0) == 0.0
    assert guesses.failed("a", "ann", FORGET_AFTER + 1.0) == 0.0


def test_what_is_remembered_is_bounded(guesses: Guesses) -> None:
    for number in range(2 * HOSTS_MAX):
        guesses.failed(f"h{number}", f"n{number}", 0.0)
        guesses.failed("one", f"n{number}", 0.0)
        guesses.succeeded(f"h{number}", f"n{number}")
    for table in (guesses._hosts, guesses._friends, guesses._targets):
        assert len(table) <= HOSTS_MAX
    assert len(guesses._hosts["one"].accounts) <= 64
