"""Making a failing history shorter: operations are left out, by halves and then one by one, while it still fails.

After Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (delta debugging), 2002. Each
connection and each node has a random source of its own, so leaving out an operation changes little else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.simulation.plans.plan import Plan

RUNS_MAX: Final = 300


def shrink(plan: Plan, fails: Callable[[Plan], bool], runs_max: int = RUNS_MAX) -> frozenset[int]:
    """The numbers of operations that can be left out together so that the plan still fails.

    `fails` is asked at most `runs_max` times.
    """
    kept = list(range(len(plan.operations)))
    everything = frozenset(kept)
    chunk = max(1, len(kept) // 2)
    runs = 0
    while kept:
        shorter = False
        begin = 0
        while begin < len(kept):
            if runs >= runs_max:
                return everything - frozenset(kept)
            candidate = kept[:begin] + kept[begin + chunk :]
            runs += 1
            if fails(plan.without(everything - frozenset(candidate))):
                kept = candidate
                shorter = True
            else:
                begin += chunk
        if chunk == 1 and not shorter:
            break
        chunk = max(1, chunk // 2)
    return everything - frozenset(kept)


def ranges_of(numbers: frozenset[int]) -> str:
    """Numbers as they are given on a command line: `0-3,7`."""
    found: list[str] = []
    run: list[int] = []
    for number in [*sorted(numbers), None]:
        if run and number != run[-1] + 1:
            found.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
            run = []
        if number is not None:
            run.append(number)
    return ",".join(found)


def numbers_of(ranges: str) -> frozenset[int]:
    """The reverse of `ranges_of`. Raises ValueError."""
    numbers: set[int] = set()
    for part in ranges.split(","):
        first, _, last = part.strip().partition("-")
        if first:
            numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)
