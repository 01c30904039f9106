"""Bars, what was measured against them, and whether they are met.

A comparison is made within each round and its median counts: what else the machine does then hits both sides alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks.trials import Figures, Results

Pick = Callable[[Figures], float]


def pick(name: str) -> Pick:
    return lambda figures: float(figures[name])


@dataclass(frozen=True)
class Spread:
    """Figures of several rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def told(self, unit: str) -> str:
        return f"{amount(self.median)}{unit} ({amount(min(self.values))} to {amount(max(self.values))})"


def amount(number: float) -> str:
    """A number for people, with three figures that count."""
    for least, size, letter in ((1e6, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(number) >= least:
            return _three_figures(number / size) + letter
    return f"{number:,.0f}" if abs(number) >= 1000 else _three_figures(number)


def _three_figures(number: float) -> str:
    return f"{number:.{0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2}f}"


@dataclass(frozen=True)
class Bar:
    """What a figure has to be; `wish` is more than that."""

    limit: float
    unit: str = ""
    wish: float | None = None
    at_most: bool = False
    told: str = ""
    """In words, where they are not what it says of itself."""

    def reached(self, figure: float, limit: float) -> bool:
        return figure <= limit if self.at_most else figure >= limit

    def score(self, figure: float) -> float:
        """1 at the bar, more where it is better than that."""
        if self.at_most:
            return self.limit / figure if figure > 0 else float("inf")
        return figure / self.limit

    def __str__(self) -> str:
        wished = "" if self.wish is None else f", wished {self.wish:,g}{self.unit}"
        return self.told or f"{'≤' if self.at_most else '≥'} {self.limit:,g}{self.unit}{wished}"


MET: Final = "met"
WISHED: Final = "met as wished"
NOT_MET: Final = "NOT MET"
NO_BAR: Final = ""
LEFT_OUT: Final = "left out"
FAILED: Final = "FAILED"


@dataclass(frozen=True)
class Line:
    """One line of the table: what was measured, in which round what, and how that is against the bar."""

    what: str
    bar: Bar | None = None
    spread: Spread | None = None
    """What the bar is about."""
    beside: tuple[str, ...] = ()
    """The figures it comes from, told."""
    why: str = ""
    """Why there is none."""
    is_left_out: bool = False
    unit: str = ""
    """Where there is no bar that says it."""

    @property
    def verdict(self) -> str:
        if self.spread is None:
            return LEFT_OUT if self.is_left_out else FAILED
        if self.bar is None:
            return NO_BAR
        found = self.spread.median
        if self.bar.wish is not None and self.bar.reached(found, self.bar.wish):
            return WISHED
        return MET if self.bar.reached(found, self.bar.limit) else NOT_MET


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
