"""The table: what the network is measured by, each line with its bar, and whether it is met.

Sizes and seeds are chosen so that all of it takes some minutes on two processors; `--seeds` asks for more. Each line's
cases are independent worlds, so they run on several processors, and the same case gives the same figures everywhere.
"""

from __future__ import annotations

import multiprocessing
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from core.simulation.experiments import broadcasts, comparison, crashes, partitions, storm
from core.simulation.experiments.measuring import Case, FigureRow, Result, Sample, Verdict, measure, worst
from core.simulation.runs.sweep import sweep

STANDARD_MIX: Final = "simulator"
MIX_BAR: Final = 500 / 90
"""Histories of the standard mix a second: 500 in 90 seconds."""
PROBLEMS_SHOWN: Final = 3


def rows(*, quick: bool = False, seeds: int | None = None, jobs: int = 2) -> list[FigureRow]:
    """Every line, in the order in which it is printed. `quick` leaves out networks of a thousand servers.

    `seeds` is how many worlds each line is measured in; None for what its cost allows.
    """

    def count(small: int, full: int) -> int:
        usual = small if quick else full
        return usual if seeds is None or not usual else seeds

    def some(number: int, case: Callable[[int], Sample]) -> tuple[Case, ...]:
        return tuple(partial(case, seed) for seed in range(number))

    clients = 2_000 if quick else 10_000
    found = [
        _one_crash(25, count(5, 25)),
        _one_crash(100, count(2, 16)),
        _one_crash(1000, count(0, 4)),
        _half(100, count(4, 100)),
        _half(1000, count(0, 6)),
        FigureRow(
            "most-1000",
            "80 % of 1,000 crash: the others are one network again and miss nothing, or say that they are alone",
            "≤ 30 s",
            some(count(0, 4), partial(crashes.many_crash, count=1000, share=0.8, limit=30.0)),
            partial(worst, figure="whole", unit="s", bar=30.0),
        ),
        *(
            FigureRow(
                f"parts-{parts}",
                f"25 servers in {parts} parts for 60 s, writing and registering, healed: complete, agreed and in order",
                "≤ 10 s, in every history",
                some(count(1, 10), partial(partitions.parted, count=25, parts=parts)),
                partial(partitions.judge, 10.0),
            )
            for parts in (2, 5)
        ),
        FigureRow(
            "wandering",
            "15 servers in 5 parts for 60 s, people writing in one after the other, healed: everybody's order kept",
            "≤ 10 s, in every history",
            some(count(2, 20), partial(partitions.wandering, count=15, parts=5)),
            partial(partitions.judge, 10.0),
        ),
        FigureRow(
            "one-sender",
            "redundancy of broadcasts, 100 settled servers, one sender",
            "< 0.1",
            some(count(1, 4), partial(broadcasts.broadcasts, count=100, senders=1, interval=0.1, seconds=20.0)),
            partial(broadcasts.judge_redundancy, 0.1),
        ),
        FigureRow(
            "all-send",
            "redundancy of broadcasts, 100 settled servers, all sending",
            "< 0.5",
            some(count(1, 2), partial(broadcasts.broadcasts, count=100, senders=100, interval=1.0, seconds=10.0)),
            partial(broadcasts.judge_redundancy, 0.5),
        ),
        FigureRow(
            "maelstrom",
            "25 servers, 100 ms links, 100 activities/s, grown as a star",
            "< 13.3 msg/op, p50 < 385 ms, p99 < 530 ms",
            some(count(1, 3), partial(comparison.task, shape="star", lazy_links=2)),
            comparison.judge,
        ),
        FigureRow(
            "storm",
            f"{clients:,} clients log in at one of 20 servers in 10 s",
            "≤ 2 redirects, loads within 10 %",
            some(count(1, 3), partial(storm.storm, servers=20, people=clients)),
            storm.judge,
        ),
        FigureRow(
            "idle-1000",
            "links, and messages a second, of a node of 1,000 while nothing happens",
            f"≤ {broadcasts.LINKS_MAX} links, ≤ {broadcasts.MESSAGES_MAX:g} msg/s at the busiest",
            some(min(1, count(0, 1)), partial(broadcasts.idle, count=1000)),
            broadcasts.judge_idle,
        ),
        FigureRow(
            STANDARD_MIX,
            f"histories of the standard mix that hold, on {jobs} processors",
            f"≥ 500 in 90 s = {MIX_BAR:.1f} a second",
            (partial(standard_mix, count(20, 200), jobs),),
            _judge_mix,
        ),
    ]
    return [row for row in found if row.cases]


def _one_crash(size: int, cases: int) -> FigureRow:
    where = "every server in turn" if cases >= size else f"{cases} servers"
    return FigureRow(
        f"crash-{size}",
        f"one of {size:,} crashes ({where}): longest that a survivor is cut off from new activities",
        "< 1 s after the crash is detectable",
        crashes.one_crash_cases(size, cases),
        partial(worst, figure="cut", unit="s", bar=1.0, strictly=True),
    )


def _half(size: int, cases: int) -> FigureRow:
    return FigureRow(
        f"half-{size}",
        f"half of {size:,} crash at once: the others are one network again and miss nothing",
        "≤ 10 s, 100 of 100 seeds",
        tuple(partial(crashes.many_crash, seed, size, 0.5, 20.0) for seed in range(cases)),
        partial(worst, figure="whole", unit="s", bar=10.0),
    )


def standard_mix(seeds: int, jobs: int) -> Sample:
    """How many histories of the standard mix this machine runs a second."""
    summary = sweep(range(seeds), jobs)
    sample = Sample(f"{seeds} histories")
    sample.figures["rate"] = summary.seeds / summary.real_seconds
    sample.problems = [f"seed {failure.seed} failed" for failure in summary.failures]
    return sample


def _judge_mix(samples: Sequence[Sample]) -> Verdict:
    rate = samples[0].figures.get("rate", 0.0)
    return Verdict(
        f"{rate:.1f} a second, 500 in {500 / max(rate, 0.001):.0f} s", rate >= MIX_BAR and not samples[0].problems
    )


# --- running ----------------------------------------------------------------------------------------------------------


def results(wanted: Sequence[FigureRow], jobs: int) -> Iterator[Result]:
    """Measure rows, one after the other; their cases on so many processors."""
    cases = [case for row in wanted if row.name != STANDARD_MIX for case in row.cases]
    if jobs > 1 and len(cases) > 1:
        with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=20) as pool:
            yield from _in_rows(wanted, pool.imap(measure, cases))
    else:
        yield from _in_rows(wanted, map(measure, cases))


def _in_rows(wanted: Sequence[FigureRow], samples: Iterator[Sample]) -> Iterator[Result]:
    for row in wanted:
        # The simulator's own speed is measured by processes of its own, while no others run.
        got = [measure(case) if row.name == STANDARD_MIX else next(samples) for case in row.cases]
        yield Result(row, row.judge(got), tuple(got))


def print_table(wanted: Sequence[FigureRow], jobs: int) -> bool:
    """Measure and print, line by line as they are done; whether every bar is met."""
    started = time.perf_counter()
    widths = (max(len(row.name) for row in wanted), 46, 27, 46, 9)
    _print_line(widths, ("row", "what", "bar", "measured", "met"))
    print("  ".join("-" * width for width in widths))
    met = True
    for result in results(wanted, jobs):
        row = result.row
        met &= result.verdict.met
        seconds = sum(sample.real_seconds for sample in result.samples)
        runs = f"{len(row.cases)} run{'s' if len(row.cases) > 1 else ''}, {seconds:.0f} s"
        word = "met" if result.verdict.met else "NOT MET"
        _print_line(widths, (row.name, row.subject, row.bar, f"{result.verdict.measured} ({runs})", word))
        for problem in result.problems[:PROBLEMS_SHOWN]:
            print(f"    {problem}")
        if len(result.problems) > PROBLEMS_SHOWN:
            print(f"    and {len(result.problems) - PROBLEMS_SHOWN} more problems")
        sys.stdout.flush()
    print(f"{time.perf_counter() - started:.0f} s in all; {'every bar is met' if met else 'NOT every bar is met'}")
    return met


def _print_line(widths: Sequence[int], cells: Sequence[str]) -> None:
    columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, columns))):
        parts = [
            (column[number] if number < len(column) else "").ljust(width)
            for column, width in zip(columns, widths, strict=True)
        ]
        print("  ".join(parts).rstrip())
