"""Bars, figures of several rounds, and whether a bar is met."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Spread:
    """Figures of several rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def told(self, unit: str) -> str:
        """The median, and in brackets the lowest and the highest."""
        if len(self.values) == 1:
            return f"{amount(self.median)}{unit}"
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
    said: str = ""
    """The figure in words, where it is none that can be compared, and `met` says what came of it."""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        if self.said:
            return NO_BAR if self.met is None else MET if self.met else NOT_MET
        if self.spread is None:
            return LEFT_OUT if self.is_left_out else FAILED
        if self.bar is None:
            return NO_BAR
        found = self.spread.median
        if self.bar.wish is not None and self.bar.reached(found, self.bar.wish):
            return WISHED
        return MET if self.bar.reached(found, self.bar.limit) else NOT_MET
