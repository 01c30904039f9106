"""Clocks that are wrong by years, connections of which one direction is dead, disks that hang, old copies of data."""

from __future__ import annotations

import time

import pytest

from core.simulation.plans.plan import Operation, Person
from core.simulation.plans.real_machines_mix import DAY, YEAR, with_real_machines
from core.simulation.plans.usual_mix import usual
from core.simulation.runs.runner import conclude, run
from core.simulation.runs.sweep import judged
from core.simulation.world.operations import perform
from core.simulation.world.world import World
from tests.simulation.plans import NATIVE, arrive, plan, posts

OTHER = Person("oth", native=True)


def settled(*operations: Operation, **members: object) -> World:
    """Three servers that have become one network, and somebody at the last of them."""
    world = World(plan(arrive(1.0, "nat", "s002"), people=(NATIVE, OTHER), **members))
    for person in world.plan.people:
        world.add_person(person)
    world.grow()
    world.schedule.at(1.0, lambda: perform(world, arrive(1.0, "nat", "s002")))
    world.schedule.run_until(5.0)
    for operation in operations:
        perform(world, operation)
    return world


@pytest.mark.parametrize("first", range(0, 24, 12))
def test_everything_holds_in_each_of_these_histories(first: int) -> None:
    failures = [
        (one.seed, one.problems[0]) for one in judged(range(first, first + 12), 1, mix="real-machines") if one.problems
    ]
    assert failures == []


def test_the_mix_has_every_kind_of_fault_and_some_of_its_worlds_are_in_the_mix_that_is_swept() -> None:
    plans = [with_real_machines(seed) for seed in range(100)]
    whats = {one.what for plan in plans for one in plan.operations}
    assert whats >= {"years", "twin", "put back", "disk quick", "disk slow", "disk full", "clock", "half-open", "cut"}
    assert {plan.clock_drift for plan in plans} >= {0.1, 0.0}
    ways = {one.amount for plan in plans for one in plan.operations if one.what == "half-open"}
    assert ways >= {0.0, 1.0}
    assert any(plan.base_servers for plan in plans)
    swept = [seed for seed in range(200) if usual(seed) == with_real_machines(seed)]
    assert 200 * 0.02 < len(swept) < 200 * 0.12


@pytest.mark.parametrize(("one", "other"), [("s001", "s002"), ("s002", "s001")])
def test_a_link_of_which_one_direction_is_dead_is_noticed_and_nothing_is_lost(one: str, other: str) -> None:
    history = plan(
        arrive(1.0, "nat", "s000"),
        arrive(1.2, "oth", "s002"),
        Operation(5.0, "half-open", one, other, amount=1.0),
        *posts("nat", 5.1, 5),
        *posts("oth", 5.1, 5),
        people=(NATIVE, OTHER),
        duration=20.0,
    )
    assert run(history).problems == []


def test_of_such_a_link_only_one_direction_is_dead() -> None:
    world = settled(Operation(5.0, "half-open", "s001", "s002", amount=1.0))
    (end,) = world.network.ends_between("s001", "s002")
    assert (end.lane.dead, end.far.lane.dead) == (True, False)


@pytest.mark.parametrize("one_way", [("client-nat", "s002"), ("s002", "client-nat")])
def test_a_client_notices_that_one_direction_is_dead_and_its_posts_arrive(one_way: tuple[str, str]) -> None:
    history = plan(
        arrive(1.0, "nat", "s002"),
        arrive(1.2, "oth", "s000"),
        Operation(5.0, "half-open", *one_way, amount=1.0),
        *posts("nat", 5.1, 5),
        *posts("oth", 5.1, 5),
        people=(NATIVE, OTHER),
        duration=20.0,
        epilogue=True,
    )
    assert run(history).problems == []


def test_years_pass_for_everybody() -> None:
    world = settled(Operation(5.0, "years", amount=7.0))
    now = world.schedule.wall
    assert [round(server.now().wall - now, 3) for server in world.servers.values()] == [0.0, 0.0, 0.0]
    assert now > 1_700_000_000.0 + 7 * YEAR


@pytest.mark.parametrize("witness", [1.0, 0.0])
def test_a_server_that_was_down_for_long_loses_nothing_and_keeps_the_order(witness: float) -> None:
    history = plan(
        arrive(1.0, "nat", "s001"),
        arrive(1.2, "oth", "s002"),
        *posts("nat", 3.0, 60),
        *posts("oth", 3.0, 60),
        Operation(6.0, "kill", "s001", amount=witness),
        Operation(6.1, "years", amount=0.0001),
        Operation(7.0, "start", "s001"),
        people=(NATIVE, OTHER),
        duration=14.0,
        bound=30.0,
    )
    assert run(history).problems == []


@pytest.mark.parametrize("witness", [1.0, 0.0])
def test_data_from_years_before_is_put_back_and_nothing_is_lost_or_comes_twice(witness: float) -> None:
    history = plan(
        arrive(1.0, "nat", "s001"),
        arrive(1.2, "oth", "s002"),
        *posts("nat", 3.0, 60),
        Operation(4.0, "copy data", "s001"),
        Operation(6.0, "kill", "s001"),
        Operation(6.1, "years", amount=9.0),
        Operation(6.2, "put back", "s001", amount=witness),
        Operation(7.0, "start", "s001"),
        *posts("oth", 3.0, 60),
        people=(NATIVE, OTHER),
        duration=16.0,
        bound=30.0,
    )
    world = World(history)
    conclude(world, time.perf_counter())
    assert world.ledger.problems == []
    assert world.servers["s001"].disk.was_replaced


def test_a_server_started_elsewhere_from_an_old_copy_costs_nothing_that_was_promised() -> None:
    history = plan(
        arrive(1.0, "nat", "s001"),
        arrive(1.2, "oth", "s002"),
        *posts("nat", 3.0, 60),
        Operation(4.0, "copy data", "s001"),
        Operation(7.0, "twin", "s001", amount=1.0),
        Operation(12.0, "twin ends", "s001"),
        people=(NATIVE, OTHER),
        duration=18.0,
        bound=40.0,
    )
    assert run(history).problems == []


def test_such_a_copy_has_what_was_there_when_it_was_made() -> None:
    world = settled(Operation(5.0, "copy data", "s002"))
    before = {entry.id for entry in world.servers["s002"].disk.entries()}
    for _ in range(3):
        world.agents["nat"].post()
    world.schedule.run_until(6.0)
    perform(world, Operation(6.0, "twin", "s002", amount=1.0))
    assert {entry.id for entry in world.twins["s002"].disk.entries()} == before
    assert {entry.id for entry in world.servers["s002"].disk.entries()} > before


@pytest.mark.parametrize("amount", [DAY, -DAY, 20 * YEAR, -20 * YEAR])
def test_a_clock_that_is_set_by_a_day_or_by_years_costs_nothing(amount: float) -> None:
    history = plan(
        arrive(1.0, "nat", "s001"),
        arrive(1.2, "oth", "s002"),
        *posts("nat", 3.0, 60),
        *posts("oth", 3.0, 60),
        Operation(5.0, "clock", "s001", amount=amount),
        Operation(7.0, "kill", "s001"),
        Operation(8.0, "start", "s001"),
        people=(NATIVE, OTHER),
        duration=14.0,
        bound=30.0,
    )
    assert run(history).problems == []
