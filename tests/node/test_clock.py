"""Hybrid logical time (Kulkarni et al., 2014): the clock alone, in whole seconds and microseconds written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.kernel.clock import HybridClock

SECOND = 1_000_000
NOON = 1_700_000_000
"""Wall-clock seconds since 1970."""

walls = st.floats(NOON - 10_000, NOON + 10_000, allow_nan=False)
heard = st.integers((NOON - 20_000) * SECOND, (NOON + 20_000) * SECOND)


def running(wall: float = NOON, last: int = 0) -> HybridClock:
    """A clock to which time has passed once: at monotonic 0 it was `wall`."""
    clock = HybridClock(last)
    clock.passes(0.0, wall)
    return clock


def test_a_stamp_is_the_microseconds_since_1970() -> None:
    assert running().stamp(NOON + 1.5) == 1_700_000_001_500_000


def test_stamps_of_one_moment_count_up() -> None:
    clock = running()
    assert [clock.stamp(NOON) for _ in range(3)] == [NOON * SECOND, NOON * SECOND + 1, NOON * SECOND + 2]


def test_reading_the_time_does_not_move_it() -> None:
    clock = running()
    assert clock.read(NOON) == clock.read(NOON) == NOON * SECOND
    assert clock.stamp(NOON) == NOON * SECOND


def test_what_is_stamped_is_later_than_what_it_answers() -> None:
    assert running().stamp(NOON, after=(NOON + 30) * SECOND) == (NOON + 30) * SECOND + 1


def test_what_happens_is_later_than_whatever_was_heard() -> None:
    clock = running()
    clock.observe((NOON + 30) * SECOND, NOON)
    assert clock.stamp(NOON) == (NOON + 30) * SECOND + 1


def test_a_stamp_from_the_past_moves_nothing() -> None:
    clock = running()
    clock.observe((NOON - 30) * SECOND, NOON)
    assert clock.stamp(NOON) == NOON * SECOND


@pytest.mark.parametrize(("ahead", "follows"), [(300 * SECOND, True), (300 * SECOND + 1, False)])
def test_a_peer_is_followed_for_five_minutes_and_no_further(ahead: int, follows: bool) -> None:
    clock = running()
    clock.observe(NOON * SECOND + ahead, NOON)
    assert (clock.stamp(NOON) > NOON * SECOND + ahead) is follows


@pytest.mark.parametrize(("ahead", "follows"), [(300 * SECOND, True), (300 * SECOND + 1, False)])
def test_what_a_stamp_answers_is_followed_for_five_minutes_and_no_further(ahead: int, follows: bool) -> None:
    assert (running().stamp(NOON, after=NOON * SECOND + ahead) > NOON * SECOND + ahead) is follows


@given(st.lists(st.tuples(st.sampled_from(["stamp", "observe", "passes"]), walls, heard), max_size=40))
def test_stamps_only_grow_whatever_the_wall_clock_shows_and_others_say(
    steps: list[tuple[str, float, int]],
) -> None:
    clock = running()
    given_out = [0]
    for second, (step, wall, stamp) in enumerate(steps, start=1):
        if step == "stamp":
            given_out.append(clock.stamp(wall, after=stamp))
        elif step == "observe":
            clock.observe(stamp, wall)
        else:
            clock.passes(float(second), wall)
        assert clock.read(wall) >= given_out[-1]
    assert given_out == sorted(set(given_out))


def test_a_clock_goes_on_after_what_its_node_remembers_although_the_wall_clock_is_days_behind() -> None:
    remembered = (NOON + 2 * 86_400) * SECOND
    assert running(last=remembered).stamp(NOON) == remembered + 1


def test_what_a_node_remembers_itself_is_no_lie_of_others_after_the_clock_was_set_back() -> None:
    remembered = (NOON + 2 * 86_400) * SECOND
    assert running(last=remembered).horizon(NOON) == remembered + 300 * SECOND


def test_nothing_that_arrives_is_taken_for_later_than_five_minutes_from_now() -> None:
    assert running().horizon(NOON) == (NOON + 300) * SECOND


def test_a_wall_clock_that_is_set_back_neither_stops_time_nor_is_followed() -> None:
    clock = running()
    clock.passes(10.0, NOON + 10 - 3600)
    assert clock.read(NOON + 10 - 3600) == NOON * SECOND + 9_900_000
    clock.passes(110.0, NOON + 110 - 3600)
    assert clock.read(NOON + 110 - 3600) == NOON * SECOND + 9_900_000 + 99_000_000


def test_a_clock_that_was_set_back_is_right_again_when_the_wall_clock_has_caught_up() -> None:
    clock = running()
    clock.passes(1.0, NOON + 1 - 10)
    for second in range(2, 1300):
        clock.passes(float(second), NOON + second - 10)
    assert clock.read(NOON + 1299 - 10) == (NOON + 1299 - 10) * SECOND


def test_others_stay_credible_while_the_own_wall_clock_is_set_back() -> None:
    clock = running()
    clock.passes(10.0, NOON + 10 - 86_400)
    clock.observe((NOON + 100) * SECOND, NOON + 10 - 86_400)
    assert clock.read(NOON + 10 - 86_400) == (NOON + 100) * SECOND


@pytest.mark.parametrize(("told", "read"), [(300, 300), (301, 0), (-5, 0)])
def test_a_time_that_was_told_before_the_start_is_believed_as_a_peers_is(told: int, read: int) -> None:
    clock = HybridClock(0, (NOON + told) * SECOND)
    clock.passes(0.0, NOON)
    assert clock.read(NOON) == (NOON + read) * SECOND
