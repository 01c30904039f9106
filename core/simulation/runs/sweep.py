"""Many histories, one per seed, on several processors."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from core.simulation.ledger import Violation
from core.simulation.plans.answers_mix import with_answers
from core.simulation.plans.base_server_mix import with_base_servers
from core.simulation.plans.damage_mix import with_damage
from core.simulation.plans.liars_mix import with_liars
from core.simulation.plans.mixed_links_mix import with_mixed_links
from core.simulation.plans.old_data_mix import with_old_data
from core.simulation.plans.orders_mix import with_orders
from core.simulation.plans.plan import Plan
from core.simulation.plans.real_machines_mix import with_real_machines
from core.simulation.plans.usual_mix import usual
from core.simulation.runs.runner import Report, run

COLLECTED_AFTER: Final = 50_000
"""New objects that have survived, after which the collector looks for garbage: 10 to 80 MB more for a process."""

MIXES: Final[Mapping[str, Callable[[int, int | None], Plan]]] = {
    "standard": usual,
    "base-servers": with_base_servers,
    "old-data": with_old_data,
    "mixed-links": with_mixed_links,
    "liars": with_liars,
    "damage": with_damage,
    "orders": with_orders,
    "answers": with_answers,
    "real-machines": with_real_machines,
}
"""From a seed and a number of servers (None: as the seed has it) to a plan."""


@dataclass(slots=True)
class SeedOutcome:
    """A history without its world, as it travels between processes."""

    seed: int
    problems: list[Violation]
    events: int
    seconds: float
    convergence: float | None
    messages: dict[str, int]
    largest: dict[str, int]
    faults: int
    lies: dict[str, int] = field(default_factory=dict)
    """How often each kind of lie was told."""


@dataclass(slots=True)
class Summary:
    """What many histories came to."""

    seeds: int = 0
    events: int = 0
    seconds: float = 0.0
    faults: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)
    worst_convergence: float = 0.0
    worst_seed: int | None = None
    failures: list[SeedOutcome] = field(default_factory=list)
    real_seconds: float = 0.0
    lies: dict[str, int] = field(default_factory=dict)
    """How often each kind of lie was told."""
    lied: dict[str, tuple[int, int]] = field(default_factory=dict)
    """In how many histories it was, and how many of these have failed."""

    def add(self, outcome: SeedOutcome) -> None:
        self.seeds += 1
        self.events += outcome.events
        self.seconds += outcome.seconds
        self.faults += outcome.faults
        for kind, number in outcome.messages.items():
            self.messages[kind] = self.messages.get(kind, 0) + number
        for name, size in outcome.largest.items():
            self.largest[name] = max(size, self.largest.get(name, 0))
        if outcome.convergence is not None and outcome.convergence >= self.worst_convergence:
            self.worst_convergence, self.worst_seed = outcome.convergence, outcome.seed
        for kind, number in outcome.lies.items():
            self.lies[kind] = self.lies.get(kind, 0) + number
            histories, failed = self.lied.get(kind, (0, 0))
            self.lied[kind] = (histories + 1, failed + bool(outcome.problems))
        if outcome.problems:
            self.failures.append(outcome)


def outcome_of(report: Report) -> SeedOutcome:
    return SeedOutcome(
        report.plan.seed,
        report.problems,
        report.events,
        report.seconds,
        report.convergence,
        report.messages,
        report.largest,
        len(report.plan.operations),
        report.lies,
    )


def judge(seed: int, servers: int | None = None, mix: str = "standard") -> SeedOutcome:
    """Run a mix's history of a seed. An exception is a failure of that history, not of the sweep."""
    plan = MIXES[mix](seed, servers)
    try:
        return outcome_of(run(plan, traced=False))
    except Exception as error:
        problem = Violation("no exceptions", 0.0, f"{type(error).__name__}: {error}")
        return SeedOutcome(seed, [problem], 0, 0.0, None, {}, {}, len(plan.operations))


def collect_seldom() -> None:
    """Have the collector look for garbage every fifty thousand objects instead of every seven hundred.

    A world is all cycles, and lives until its history ends: what the collector looks at meanwhile, again and again, is
    alive. It took a sixth of a sweep's time.
    """
    gc.set_threshold(COLLECTED_AFTER, *gc.get_threshold()[1:])


@contextmanager
def seldom_collected() -> Iterator[None]:
    """The same for a while."""
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)


def judged(seeds: Iterable[int], jobs: int, servers: int | None = None, mix: str = "standard") -> Iterator[SeedOutcome]:
    """The outcomes of seeds, in their order."""
    one = partial(judge, servers=servers, mix=mix)
    if jobs <= 1:
        with seldom_collected():
            yield from map(one, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, initializer=collect_seldom) as pool:
        yield from pool.imap(one, seeds, chunksize=20 if servers is None else 1)


def sweep(
    seeds: Iterable[int],
    jobs: int,
    on_outcome: Callable[[Summary, SeedOutcome], None] | None = None,
    servers: int | None = None,
    mix: str = "standard",
) -> Summary:
    """Run many seeds, in worlds of so many `servers` if that is given."""
    started = time.perf_counter()
    summary = Summary()
    for outcome in judged(seeds, jobs, servers, mix):
        summary.add(outcome)
        summary.real_seconds = time.perf_counter() - started
        if on_outcome is not None:
            on_outcome(summary, outcome)
    return summary
