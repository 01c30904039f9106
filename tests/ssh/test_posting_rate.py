"""How fast one person may post over SSH: so many a second on average, and some seconds' worth of them at once."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui.ssh.remote_people.posting_rate import posting

START = 1_000.0


def posts_within(per_second: float, seconds: float, *, begun: float = START) -> int:
    """How many posts somebody gets through who posts whenever they may, in a time of so many seconds."""
    rate, now, posted = posting(per_second, begun), begun, 0
    while now <= begun + seconds:
        wait = rate.take(now)
        if wait:
            now = max(now + wait, math.nextafter(now, math.inf))
        else:
            posted += 1
    return posted


def test_three_seconds_worth_of_posts_may_come_at_once_and_no_more() -> None:
    rate = posting(20.0, START)
    assert [rate.take(START) for _ in range(60)] == [0.0] * 60
    assert rate.take(START) > 0.0


def test_in_the_long_run_it_is_the_rate_that_counts() -> None:
    assert posts_within(20.0, 100.0) in range(20 * 100 + 58, 20 * 100 + 63)


def test_whoever_waits_for_as_long_as_they_are_told_may_post() -> None:
    rate = posting(4.0, START)
    while not (wait := rate.take(START)):
        pass
    assert wait == 0.25
    assert rate.take(START + wait * 0.9) > 0.0
    assert rate.take(START + wait) == 0.0


def test_with_less_than_one_post_a_second_there_is_still_one_at_once() -> None:
    rate = posting(0.1, START)
    assert rate.take(START) == 0.0
    assert rate.take(START + 9.9) > 0.0
    assert rate.take(START + 10.0) == 0.0


def test_whoever_was_silent_for_long_has_saved_up_no_more_than_the_first_burst() -> None:
    rate = posting(2.0, START)
    later = START + 86_400.0
    assert [rate.take(later) for _ in range(6)] == [0.0] * 6
    assert rate.take(later) > 0.0


def test_being_refused_costs_nothing() -> None:
    rate = posting(1.0, START)
    while not rate.take(START):
        pass
    assert {rate.take(START) for _ in range(1_000)} == {1.0}


@given(st.floats(0.05, 200.0), st.lists(st.floats(0.0, 3.0), max_size=60))
def test_no_pattern_of_posting_gets_more_through_than_the_rate_and_one_burst(
    per_second: float, pauses: list[float]
) -> None:
    rate, now, posted = posting(per_second, START), START, 0
    for pause in pauses:
        now += pause
        posted += sum(not rate.take(now) for _ in range(50))
        assert posted <= per_second * (now - START) + max(1.0, 3.0 * per_second) + 1e-6
