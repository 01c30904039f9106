"""A server that stands still, and goes on: whatever stands still with it, nothing is lost, doubled or out of order."""

from __future__ import annotations

from typing import Final

import pytest

from core.simulation.plans.plan import Operation, Plan, Stillness, stillness_of
from core.simulation.runs.runner import run
from core.simulation.world.world import World
from tests.simulation.plans import arrive, plan, posts

STILL_FROM: Final = 5.0
STILL_UNTIL: Final = 17.0
AMOUNTS: Final = {Stillness.PROCESS: 0.1, Stillness.MACHINE: 0.5, Stillness.GUEST: 0.9}


def stands_still(stillness: Stillness) -> Plan:
    return plan(
        arrive(1.0, "nat", "s002"),
        arrive(1.2, "bas", "s002"),
        Operation(STILL_FROM, "suspend", "s002", amount=AMOUNTS[stillness]),
        *posts("nat", 5.1, 3),
        *posts("bas", 5.1, 3),
        Operation(STILL_UNTIL, "resume", "s002"),
        *posts("nat", 18.0, 2),
        duration=25.0,
    )


class Watch:
    """What is seen of a world while its history happens."""

    def __init__(self) -> None:
        self.missed: set[str] = set()
        """Servers that another one has missed."""
        self.off: dict[float, tuple[float, float]] = {}
        """By time, how far one server's wall clock and its monotonic clock are behind."""

    def __call__(self, world: World) -> None:
        here, there = world.servers["s000"], world.servers["s002"]
        if here.node is not None and there.node is not None:
            if there.id in here.node.topology.records and there.id not in here.node.topology.reachable:
                self.missed.add(there.name)
            now = there.now()
            self.off[world.schedule.time] = (-there.clock_error, world.schedule.time - now.monotonic)


@pytest.mark.parametrize("stillness", Stillness)
def test_who_was_at_a_server_that_stands_still_loses_nothing_and_it_comes_back(stillness: Stillness) -> None:
    watch = Watch()
    report = run(stands_still(stillness), watch=watch)
    assert report.problems == []
    assert watch.missed == {"s002"}, "for so long that the others take it for dead"


@pytest.mark.parametrize(
    ("stillness", "wall", "monotonic"),
    [(Stillness.PROCESS, 0.0, 0.0), (Stillness.MACHINE, 0.0, 12.0), (Stillness.GUEST, 12.0, 12.0)],
)
def test_which_clocks_are_behind_afterwards(stillness: Stillness, wall: float, monotonic: float) -> None:
    watch = Watch()
    run(stands_still(stillness), watch=watch)
    before = next(off for at, off in watch.off.items() if at > 4.0)
    after = [*watch.off.values()][-1]
    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == pytest.approx([wall, monotonic])


def test_a_server_that_is_killed_while_it_stands_still_starts_as_any() -> None:
    history = stands_still(Stillness.PROCESS)
    killed = [Operation(10.0, "kill", "s002", amount=0.5), Operation(12.0, "start", "s002")]
    operations = tuple(sorted([*history.operations, *killed], key=lambda one: one.at))
    assert run(plan(*operations, duration=25.0)).problems == []


def test_every_amount_means_something() -> None:
    assert {stillness_of(amount / 10) for amount in range(11)} == set(Stillness)
