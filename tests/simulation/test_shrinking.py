"""What fails is made shorter, and still fails; and a plan's operations can be left out by number."""

from __future__ import annotations

import pytest

from core.simulation.plans.plan import Plan
from core.simulation.plans.standard_mix import standard
from core.simulation.runs.runner import run
from core.simulation.runs.shrink import numbers_of, ranges_of, shrink
from tests.simulation.faults import changes_what_is_written_second
from tests.simulation.plans import NATIVE, arrive, plan, posts


def test_only_what_the_failure_needs_is_left() -> None:
    long = plan(arrive(1.0, "nat", "s000"), *posts("nat", 2.0, 30), people=(NATIVE,))
    wanted = {long.operations[7], long.operations[19]}
    left_out = shrink(long, lambda shorter: wanted <= set(shorter.operations))
    assert set(long.without(left_out).operations) == wanted


def test_a_failing_history_is_made_shorter_and_still_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    changes_what_is_written_second(monkeypatch)
    long = standard(12)

    def fails(shorter: Plan) -> bool:
        return any(problem.guarantee == "content" for problem in run(shorter).problems)

    assert fails(long)
    short = long.without(shrink(long, fails))
    assert fails(short)
    assert len(short.operations) <= len(long.operations) / 5


def test_no_more_histories_are_run_than_allowed() -> None:
    asked = 0

    def fails(shorter: Plan) -> bool:
        nonlocal asked
        asked += 1
        return False

    assert shrink(standard(12), fails, runs_max=10) == frozenset()
    assert asked == 10


@pytest.mark.parametrize(
    ("numbers", "ranges"), [((), ""), ((4,), "4"), ((0, 1, 2, 7), "0-2,7"), ((3, 5, 6, 9), "3,5-6,9")]
)
def test_numbers_are_written_as_ranges_and_read_again(numbers: tuple[int, ...], ranges: str) -> None:
    assert ranges_of(frozenset(numbers)) == ranges
    assert numbers_of(ranges) == frozenset(numbers)


@pytest.mark.parametrize("ranges", ["a", "1-b"])
def test_what_is_no_range_is_refused(ranges: str) -> None:
    with pytest.raises(ValueError):
        numbers_of(ranges)
