"""A pace lets the first few through at once, and more of them only so often."""

from __future__ import annotations

from core.node.kernel.throttle import Throttle


def test_the_first_few_come_at_once() -> None:
    pace = Throttle(burst=3, period=1.0, gap=0.25)
    for now in (10.0, 10.0, 10.1):
        assert pace.next_at(now) == now
        pace.take(now)
    assert pace.next_at(10.1) == 10.35


def test_beyond_them_one_comes_after_each_gap() -> None:
    pace = Throttle(burst=3, period=5.0, gap=0.25)
    now = 10.0
    times = []
    for _ in range(6):
        now = pace.next_at(now)
        pace.take(now)
        times.append(now)
    assert times == [10.0, 10.0, 10.0, 10.25, 10.5, 10.75]


def test_once_the_period_is_over_they_come_at_once_again() -> None:
    pace = Throttle(burst=2, period=1.0, gap=0.25)
    for now in (10.0, 10.9):
        pace.take(now)
    assert pace.next_at(10.95) == 11.0
    assert pace.next_at(11.5) == 11.5
