"""Timers: what is due when, in which order, and what becomes of those that were moved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.node.kernel.timers import STALE_MAX, Timers


def run_due(timers: Timers, now: float) -> None:
    serial = timers.serial
    while (callback := timers.pop_due(now, serial)) is not None:
        callback()


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 20)))), st.integers(0, 20))
def test_due_timers_run_once_in_the_order_of_time_then_of_setting(
    settings: list[tuple[int, int | None]], now: int
) -> None:
    timers = Timers()
    ran: list[int] = []
    expected: dict[int, tuple[int, int]] = {}
    for order, (name, at) in enumerate(settings):
        if at is None:
            timers.cancel(name)
            expected.pop(name, None)
        else:
            timers.set(name, at, lambda name=name: ran.append(name))  # type: ignore[misc]
            expected[name] = (at, order)
    due = sorted((when, name) for name, when in expected.items() if when[0] <= now)
    left = [when[0] for when in expected.values() if when[0] > now]
    run_due(timers, now)
    assert ran == [name for _, name in due]
    assert timers.next_at() == min(left, default=None)
    assert len(timers) == len(left)


def test_a_timer_that_sets_itself_for_now_lets_others_have_their_turn() -> None:
    timers = Timers()
    ran = []

    def again() -> None:
        ran.append(1)
        timers.set("again", 5.0, again)

    timers.set("again", 5.0, again)
    run_due(timers, 5.0)
    assert ran == [1]
    assert timers.next_at() == 5.0


def test_a_timer_that_is_moved_without_end_takes_no_more_room() -> None:
    timers = Timers()
    timers.set("stays", 1e9, lambda: None)
    for time in range(10 * STALE_MAX):
        timers.set("moves", 1e6 + time, lambda: None)
    assert timers.kept <= STALE_MAX + 5
    assert timers.next_at() == 1e6 + 10 * STALE_MAX - 1
