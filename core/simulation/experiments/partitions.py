"""A network that falls into parts for a minute, in each of which, or from one to another, people write and read on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Final

from core.simulation.checking.checkers import ALWAYS, CONVERGED, SETTLED, nodes
from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.experiments.measuring import Sample, Verdict, all_of, worst
from core.simulation.experiments.worlds import ARRIVING, settled_world, write
from core.simulation.parties.agent import Agent
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.plan import Person
from core.simulation.world.world import World

LATENCY: Final = 0.05
PARTING: Final = 5.0
PARTED: Final = 60.0
WRITING: Final = 0.5
"""Seconds between two activities of one person."""
NEWCOMER: Final = 8.0
"""Seconds between two registrations in one part."""
STEP: Final = 0.05
GIVING_UP: Final = 60.0
"""Seconds after the healing at which a network that is still not whole is called broken."""
STAY: Final = (1.0, 19.0)
"""Least and greatest seconds that somebody who goes from part to part stays at one server."""


def parted(seed: int, count: int, parts: int) -> Sample:
    """How long after its parts can reach one another again the network is one, complete and agreed.

    In each part live two people with a client of ours and one with a base client. All write, from before the parting to
    the healing; newcomers register in each part, every other one a name that is being registered in all of them.
    """
    world = settled_world(seed, count, latency=LATENCY)
    rng = seeded(seed, "parted", parts)
    groups = _groups(world, rng, parts)
    hosts = [[server.host for server in group] for group in groups]
    for number, group in enumerate(groups):
        for which in range(3):
            agent = _person(world, f"p{number}.{which}", native=which > 0, registers=which != 1)
            agent.arrive(_some(rng, group).address)
            write(world, agent, ARRIVING + between(rng, 0.0, WRITING), PARTING + PARTED, WRITING)
            hosts[number].append(agent.host)
        for which in range(round(PARTED / NEWCOMER)):
            name = f"n{number}.{which}"
            agent = _person(world, name, native=which % 3 > 0, username=f"name{which}" if which % 2 else None)
            at = PARTING + NEWCOMER * (which + rng.random())
            address = _some(rng, group).address
            world.schedule.at(at, partial(agent.arrive, address))
            write(world, agent, at + 2.0, PARTING + PARTED, 4 * WRITING)
            hosts[number].append(agent.host)
    return _part_and_heal(world, hosts, Sample(f"{count} servers in {parts} parts, seed {seed}"))


def wandering(seed: int, count: int, parts: int) -> Sample:
    """Whether everybody's order is kept by people who go from part to part while they write.

    Only the servers are parted. Six people with a client of ours and three with a base client reach all of them, and
    go to another one every now and then: to where nobody has what they wrote before.
    """
    world = settled_world(seed, count, latency=LATENCY)
    rng = seeded(seed, "wandering", parts)
    groups = _groups(world, rng, parts)
    servers = list(world.servers.values())
    for which in range(9):
        agent = _person(world, f"p{which}", native=which % 3 > 0, registers=which % 3 != 1)
        agent.arrive(_some(rng, servers).address)
        write(world, agent, ARRIVING + between(rng, 0.0, WRITING), PARTING + PARTED, WRITING)
        at = PARTING + between(rng, *STAY)
        while at < PARTING + PARTED:
            world.schedule.at(at, partial(agent.move, _some(rng, servers).address))
            at += between(rng, *STAY)
    hosts = [[server.host for server in group] for group in groups]
    sample = _part_and_heal(world, hosts, Sample(f"{count} servers in {parts} parts, wandering, seed {seed}"))
    copies = sum(len(ids) - 1 for ids in world.ledger.ids.values())
    sample.figures["repeated"] = copies / max(1, len(world.ledger.ids))
    return sample


def _groups(world: World, rng: random.Random, parts: int) -> list[list[SimulatedServer]]:
    servers = [server for _, server in sorted(((rng.random(), one.name), one) for one in world.servers.values())]
    return [servers[number::parts] for number in range(parts)]


def _part_and_heal(world: World, hosts: list[list[str]], sample: Sample) -> Sample:
    """Part these hosts from one another for a while, and see what comes of it."""
    world.schedule.run_until(PARTING)
    world.first_fault = PARTING
    pairs = [
        (one, other)
        for number, group in enumerate(hosts)
        for others in hosts[:number] + hosts[number + 1 :]
        for one in group
        for other in others
    ]
    world.raise_barrier("parting", pairs)
    world.schedule.run_until(PARTING + PARTED)
    parts_seen = {tuple(node.topology.reachable) for _, node in nodes(world)}
    world.remove_barriers()
    if len(parts_seen) < len(hosts):
        sample.problems.append(f"after a minute there were {len(parts_seen)} parts")
    took = _whole_after(world)
    checkers = (*ALWAYS, *(CONVERGED if took is None else SETTLED))
    for checker in checkers:
        for guarantee, text in checker(world):
            if guarantee == "order":
                sample.figures["disordered"] = 1.0
            else:
                sample.problems.append(f"{guarantee}: {text}")
    sample.problems += [f"{problem.guarantee}: {problem.text}" for problem in world.ledger.problems]
    if took is not None:
        sample.figures["whole"] = took
    sample.figures["registrations"] = float(len(world.ledger.registrations))
    sample.figures["activities"] = float(len(world.ledger.accepted_at))
    return sample


def judge(bar: float, samples: Sequence[Sample]) -> Verdict:
    """Whether all were whole in time, and the order of what each person wrote was kept everywhere."""
    verdict = worst(samples, "whole", "s", bar)
    kept = len(samples) - len(all_of(samples, "disordered"))
    text = f"{verdict.measured}; order kept in {kept} of {len(samples)}"
    repeated = all_of(samples, "repeated")
    if repeated:
        text += f"; {max(repeated):.0%} of all activities repeated at most"
    return Verdict(text, verdict.met and kept == len(samples))


def _person(world: World, name: str, *, native: bool, registers: bool = True, username: str | None = None) -> Agent:
    return world.add_person(Person(name, native=native, registers=registers, username=username))


def _some(rng: random.Random, group: list[SimulatedServer]) -> SimulatedServer:
    return group[pick(rng, len(group))]


def _whole_after(world: World) -> float | None:
    begun = world.schedule.time
    while world.schedule.time < begun + GIVING_UP:
        world.schedule.run_until(world.schedule.time + STEP)
        if all(next(checker(world), None) is None for checker in CONVERGED):
            return world.schedule.time - begun
    return None
