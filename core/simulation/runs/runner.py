"""One history, from a plan to a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from core.node.interface.node_config import NodeConfig
from core.simulation.checking.checkers import ALWAYS, CONVERGED, SETTLED
from core.simulation.checking.epilogue import examine
from core.simulation.ledger import Violation
from core.simulation.plans.orders_mix import EXPEL_SERVER
from core.simulation.plans.plan import Operation, Plan
from core.simulation.world.operations import HARMLESS, perform, repair, start_missed
from core.simulation.world.settled_network import settled
from core.simulation.world.world import World

STEP = 0.25
"""Seconds between two looks at whether the network is one again."""
GLANCE = 0.02
"""Simulated seconds between two glances of who watches: where hundreds of servers start, one takes minutes."""
GROWING_MAX = 30.0
"""Seconds that servers that are far from each other get beyond a plan's calm to become one network."""


@dataclass(slots=True)
class Report:
    """What a history came to."""

    plan: Plan
    problems: list[Violation]
    fingerprint: str
    """Empty where nothing was traced."""
    events: int
    seconds: float
    """Of simulated time."""
    messages: dict[str, int]
    convergence: float | None
    """Seconds from the end of all faults until the network was one, complete and agreed; None: never."""
    largest: dict[str, int] = field(default_factory=dict)
    real_seconds: float = 0.0
    lies: dict[str, int] = field(default_factory=dict)
    """How often each kind of lie was told."""

    @property
    def failed(self) -> bool:
        return bool(self.problems)


WorldWatcher = Callable[[World], None]
"""Told of a world now and then, which it may look at."""


def _pass(world: World, until: float, watch: WorldWatcher | None) -> None:
    """Let time pass."""
    while watch is not None and world.schedule.time < until - GLANCE:
        world.schedule.run_until(world.schedule.time + GLANCE)
        watch(world)
    world.schedule.run_until(until)


def run(
    plan: Plan,
    *,
    config: NodeConfig | None = None,
    verbose: bool = False,
    watch: WorldWatcher | None = None,
    debug: bool = False,
    traced: bool = True,
) -> Report:
    """Let a plan happen, and check everything. `watch` sees the world now and then; `debug`: see `World`. What is not
    `traced` has no fingerprint: to write down every message costs a twentieth of the time."""
    started = time.perf_counter()
    world = World(plan, config=config, verbose=verbose, traced=traced, debug=debug)
    return conclude(world, started, watch)


def conclude(world: World, started: float, watch: WorldWatcher | None = None) -> Report:
    """Let the plan of a fresh world happen in it, and check everything."""
    plan = world.plan
    for person in plan.people:
        world.add_person(person)
    if plan.settled:
        settled(plan, world)
    else:
        world.grow()
    _plan(world, (one for one in plan.operations if one.at < plan.calm), 0.0)
    late = _grow(world, watch)
    _plan(world, (one for one in plan.operations if one.at >= plan.calm), late)
    while world.schedule.time < plan.duration + late:
        _pass(world, min(world.schedule.time + 1.0, plan.duration + late), watch)
        world.note_sizes()
    repair(world)
    convergence = converge(world, plan.bound, watch)
    ledger = world.ledger
    if convergence is None and not world.may_be_surrounded:
        _report(world, f"{plan.bound:g} s after all faults")
    elif world.liars:
        for liar in world.liars.values():
            liar.leave()
        world.broke()
        once_gone = converge(world, plan.bound, watch)
        convergence = convergence if convergence is not None and once_gone is not None else once_gone
        if convergence is None:
            _report(world, f"{plan.bound:g} s after those that lied were gone")
    for checker in ALWAYS:
        for guarantee, text in checker(world):
            ledger.problem(guarantee, text)
    if convergence is not None:
        for checker in SETTLED:
            for guarantee, text in checker(world):
                ledger.problem(guarantee, text)
        if plan.epilogue and not ledger.problems:
            examine(world)
    return Report(
        plan,
        ledger.problems,
        world.fingerprint,
        world.schedule.events,
        world.schedule.time,
        world.messages,
        convergence,
        world.largest,
        time.perf_counter() - started,
        _lies(world),
    )


def _plan(world: World, operations: Iterable[Operation], late: float) -> None:
    """Have operations happen, so many seconds later than the plan has it."""
    for operation in operations:
        at = operation.at + late
        if operation.what not in HARMLESS or operation.whom == EXPEL_SERVER:
            world.first_fault = min(world.first_fault, at)
        world.schedule.at(at, partial(perform, world, operation))


def _grow(world: World, watch: WorldWatcher | None) -> float:
    """Wait until the plan's calm is over, and then for servers that are far from each other, and have not become one
    network by then: how much longer that took, in seconds. No longer where something is broken meanwhile.

    What was being registered before they were one may come to something that one network would not have allowed.
    """
    calm = world.plan.calm
    _pass(world, min(calm, world.plan.duration), watch)
    if world.plan.settled or world.first_fault <= calm or world.is_one():
        return 0.0
    while not (world.is_one() and not world.is_registering()) and world.schedule.time < calm + GROWING_MAX:
        _pass(world, world.schedule.time + STEP, watch)
    late = world.schedule.time - calm
    if world.verbose:
        print(f"the servers are one network {late:g} s later than planned: so is all that follows")
    # What has been decided may still be on its way to who asked.
    world.grown_at = world.schedule.time + world.plan.latency[1]
    return late


def _report(world: World, when: str) -> None:
    """Note what the network has not arrived at."""
    for checker in CONVERGED:
        for guarantee, text in checker(world):
            world.ledger.problem(guarantee, f"{when}: {text}")


def _lies(world: World) -> dict[str, int]:
    """How often each kind of lie was told."""
    told: dict[str, int] = {}
    for liar in world.liars.values():
        for kind, number in liar.told.items():
            told[kind] = told.get(kind, 0) + number
    return told


def converge(world: World, bound: float, watch: WorldWatcher | None = None) -> float | None:
    """Wait until the network is one, complete and agreed; the seconds that it took, or None."""
    begun = world.schedule.time
    while True:
        if all(next(checker(world), None) is None for checker in CONVERGED):
            return world.schedule.time - begun
        if world.schedule.time - begun >= bound:
            return None
        _pass(world, world.schedule.time + STEP, watch)
        start_missed(world)
