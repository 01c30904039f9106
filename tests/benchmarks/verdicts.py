"""What was measured is held against its bar.

A comparison is made within each round and its median counts: what else the machine does then hits both sides alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.bars import Bar, Line, Spread
from tests.benchmarks.trials import Figures, Results

Pick = Callable[[Figures], float]


def pick(name: str) -> Pick:
    return lambda figures: float(figures[name])


@dataclass(frozen=True)
class Side:
    """One side of a comparison: whose figure of what was measured."""

    title: str
    measured: str
    pick: Pick
    unit: str = ""

    def values(self, results: Results) -> list[float | None]:
        return [None if figures is None else self.pick(figures) for figures in results.rounds.get(self.measured, ())]

    def trouble(self, results: Results, titles: Callable[[str], str]) -> tuple[str, bool]:
        """Why it has no figures, and whether that is because something is not installed; nothing where it has."""
        if self.measured in results.wrong:
            return f"{self.title}: {results.wrong[self.measured]}", False
        if not any(figures is not None for figures in results.rounds.get(self.measured, ())):
            return results.left_out.get(titles(self.measured), f"{self.title} was not measured"), True
        return "", False


def _times(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else float("inf")


@dataclass(frozen=True)
class Judge:
    """Makes a line of the results: a figure of ours, by itself or against that of somebody else."""

    what: str
    ours: Side
    bar: Bar | None = None
    theirs: Side | None = None
    combine: Callable[[float, float], float] = field(default=_times)
    """What the bar is about, where there are two sides."""
    shown: tuple[Side, ...] = ()
    """More figures to tell beside it, where they are there."""

    def judge(self, results: Results, titles: Callable[[str], str]) -> Line:
        sides = [self.ours] if self.theirs is None else [self.ours, self.theirs]
        for side in sides:
            why, is_left_out = side.trouble(results, titles)
            if why:
                return Line(self.what, self.bar, why=why, is_left_out=is_left_out)
        values = [side.values(results) for side in sides]
        rounds = [both for both in zip(*values, strict=True) if None not in both]
        compared = [both[0] if len(both) == 1 else self.combine(*both) for both in _numbers(rounds)]
        told = [
            f"{side.title} {Spread(tuple(found)).told(side.unit)}"
            for side in (*sides, *self.shown)
            if (found := [value for value in side.values(results) if value is not None])
        ]
        unit = self.ours.unit if self.bar is None else self.bar.unit
        return Line(self.what, self.bar, Spread(tuple(compared)), tuple(told), unit=unit)


def _numbers(rounds: Sequence[tuple[float | None, ...]]) -> list[tuple[float, ...]]:
    return [tuple(value for value in both if value is not None) for both in rounds]
