"""Ten thousand people who all know the same server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from core.simulation.checking.checkers import nodes
from core.simulation.environment.randomness import between, seeded
from core.simulation.experiments.measuring import Sample, Verdict
from core.simulation.experiments.worlds import settled_world
from core.simulation.plans.plan import Person

BEGIN: Final = 2.0
SECONDS: Final = 10.0
AFTERWARDS: Final = 10.0
REDIRECTS_MAX: Final = 2
SPREAD_MAX: Final = 0.1


def storm(seed: int, servers: int, people: int) -> Sample:
    """People log in at one of the servers within ten seconds; every second one has a base client."""
    world = settled_world(seed, servers)
    rng = seeded(seed, "storm")
    first = next(iter(world.servers.values())).address
    agents = []
    for number in range(people):
        agent = world.add_person(Person(f"p{number}", native=number % 2 == 0))
        agents.append(agent)
        world.schedule.at(BEGIN + between(rng, 0.0, SECONDS), partial(agent.arrive, first))
    world.schedule.run_until(BEGIN + SECONDS + AFTERWARDS)
    loads = [node.sessions.load for _, node in nodes(world)]
    sample = Sample(f"{people} people at one of {servers}, seed {seed}: loads {sorted(loads)}")
    outside = sum(not agent.logged_in for agent in agents)
    if outside:
        sample.problems.append(f"{outside} are not logged in")
    sample.figures = {
        "redirects": max(world.ledger.redirects.values(), default=0),
        "spread": (max(loads) - min(loads)) / (sum(loads) / len(loads)),
    }
    return sample


def judge(samples: Sequence[Sample]) -> Verdict:
    redirects = max(sample.figures.get("redirects", float("inf")) for sample in samples)
    spread = max(sample.figures.get("spread", float("inf")) for sample in samples)
    sound = not any(sample.problems for sample in samples)
    text = f"{redirects:.0f} redirects at most, loads within {100 * spread:.1f} %"
    return Verdict(text, sound and redirects <= REDIRECTS_MAX and spread <= SPREAD_MAX)
