"""Servers that start at one time, each joining another, are one network soon: however far they are from each other."""

from __future__ import annotations

import pytest

from core.simulation.plans.plan import Person, Plan
from core.simulation.runs.runner import run
from core.simulation.world.world import World
from tests.simulation.plans import arrive, plan

SEEDS = range(5)


def grown(plan: Plan, limit: float = 30.0) -> tuple[float, float]:
    """When all knew each other, and when they had one key as well, in seconds from the start of the last one."""
    world = World(plan, traced=False)
    world.grow()
    started: float | None = None
    known: float | None = None
    while world.schedule.time < limit:
        world.schedule.run_until(world.schedule.time + 0.05)
        nodes = [server.node for server in world.servers.values() if server.node is not None]
        if len(nodes) < plan.servers:
            continue
        started = world.schedule.time if started is None else started
        if all(len(node.topology.reachable) == plan.servers for node in nodes):
            known = world.schedule.time if known is None else known
            if len({node.membership.network.key for node in nodes}) == 1:
                return known - started, world.schedule.time - started
    raise AssertionError(f"no network with one key within {limit:g} s: all know each other since {known}")


@pytest.mark.parametrize(("shape", "limit"), [("chain", 5.0), ("star", 2.0), ("alone", 2.0)])
def test_servers_that_are_120_ms_from_each_other_are_one_network_soon(shape: str, limit: float) -> None:
    """What takes long in a chain of nine is that networks of some meet, and one of them makes room for the other."""
    for seed in SEEDS:
        _, one = grown(Plan(seed, servers=9, shape=shape, latency=(0.12, 0.12)))
        assert one <= limit, f"seed {seed}"


@pytest.mark.parametrize("shape", ["chain", "tree"])
def test_all_have_one_key_where_no_link_but_those_of_the_tree_is_there_to_bring_it(shape: str) -> None:
    """A key that changed while a link was beginning was told over it to nobody, and the two had two for ever."""
    for seed in range(63_000_000_014, 63_000_000_020):
        known, one = grown(Plan(seed, servers=9, shape=shape, latency=(0.06, 0.3), lazy_links=0))
        assert one - known < 1.0, f"seed {seed}"


def test_servers_that_are_near_each_other_are_one_network_at_once() -> None:
    for seed in SEEDS:
        _, one = grown(Plan(seed, servers=9, shape="chain", latency=(0.001, 0.01)))
        assert one <= 1.0, f"seed {seed}"


def test_what_is_planned_for_one_network_waits_until_the_servers_are_one() -> None:
    rivals = (Person("one", registers=True), Person("two", registers=True, username="one"))
    arrivals = arrive(1.1, "one", "s000"), arrive(1.1, "two", "s002")
    early = plan(*arrivals, people=rivals, latency=(0.3, 0.3), calm=1.0, duration=9.0)
    report = run(early)
    assert report.problems == []
    assert report.seconds > early.duration + 1.0
