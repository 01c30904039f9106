"""What an experiment consists of: cases that can run in any order and process, and a verdict on all of them."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sample:
    """What one case came to."""

    case: str
    """What was done, for a person who wants to see it again."""
    figures: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What is wrong whatever the figures say."""
    real_seconds: float = 0.0


Case = Callable[[], Sample]
"""Can be pickled: a function of a module, with its arguments."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, in words, and whether the bar is met."""

    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the table."""

    name: str
    subject: str
    bar: str
    cases: tuple[Case, ...]
    judge: Callable[[Sequence[Sample]], Verdict]


@dataclass(frozen=True, slots=True)
class Result:
    """A row that has been measured."""

    row: FigureRow
    verdict: Verdict
    samples: tuple[Sample, ...]

    @property
    def problems(self) -> list[str]:
        return [f"{sample.case}: {problem}" for sample in self.samples for problem in sample.problems]


def measure(case: Case) -> Sample:
    """Run a case. An exception is a problem of that case, not of the table.

    Nothing of a world is garbage before its end, and looking for garbage among a thousand nodes takes 40 % of the time.
    """
    started = time.perf_counter()
    gc.disable()
    try:
        sample = case()
    except Exception as error:
        sample = Sample(repr(case), problems=[f"{type(error).__name__}: {error}"])
    finally:
        gc.enable()
        gc.collect()
    sample.real_seconds = time.perf_counter() - started
    return sample


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def all_of(samples: Sequence[Sample], figure: str) -> list[float]:
    """One figure of every case that has it."""
    return [sample.figures[figure] for sample in samples if figure in sample.figures]


def worst(samples: Sequence[Sample], figure: str, unit: str, bar: float, *, strictly: bool = False) -> Verdict:
    """Every case has to be at most (`strictly`: below) the bar."""
    values = all_of(samples, figure)
    if not values:
        return Verdict("nothing was measured", False)
    met = [one < bar if strictly else one <= bar for one in values]
    sound = not any(sample.problems for sample in samples) and len(values) == len(samples)
    text = f"{max(values):.2f} {unit} at worst, {quantile(values, 0.5):.2f} {unit} in the middle"
    return Verdict(f"{text}, {sum(met)} of {len(samples)}", sound and all(met))
