"""Crashes: one server anywhere, half of all, and four fifths of all in the same instant."""

from __future__ import annotations

import random
from functools import partial
from typing import Final

from core.simulation.checking.checkers import one_network
from core.simulation.environment.randomness import pick, seeded
from core.simulation.experiments.measuring import Case, Sample
from core.simulation.experiments.worlds import ARRIVING, ArrivalWatch, add_writer, settled_world, write
from core.simulation.parties.agent import Agent
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.plan import server_name
from core.simulation.world.world import World

LATENCY: Final = 0.05
STEP: Final = 0.05
"""Seconds between two looks at whether the survivors are one network again."""
CRASH: Final = 5.0
"""When it happens: after people have logged in, and amid what they write."""
AMID: Final = (CRASH - 2.0, CRASH + 2.0)
"""When people write without a pause, around the crash of one server."""
CALM: Final = CRASH + 6.0
"""When everything has settled after the crash of one server."""
BRANCHES_MAX: Final = 4
SURVIVORS_WRITE: Final = 1.0
"""The same after many have."""


# --- one --------------------------------------------------------------------------------------------------------------


def one_crash_cases(count: int, cases: int) -> tuple[Case, ...]:
    """Every server crashes in turn; of a large network, the one in whose place the tree falls apart most, then others.

    Each case is a network of its own.
    """
    return tuple(partial(one_crash, case, count, case if cases >= count else -1) for case in range(cases))


def one_crash(seed: int, count: int, index: int = -1) -> Sample:
    """How long a survivor hears nothing of the others when server `index` crashes.

    With -1 it is the server that parts the tree most evenly, and for odd seeds any that is not a leaf. People write on
    several sides of it, ten or twenty activities a second each.
    """
    world = settled_world(seed, count, latency=LATENCY)
    rng = seeded(seed, "one crash")
    victim = world.servers[server_name(index)] if index >= 0 else _victim(world, rng, most=seed % 2 == 0)
    watch = ArrivalWatch(world)
    branches = _branches(world, victim)
    origins = [world.servers[names[pick(rng, len(names))]] for names in branches[:BRANCHES_MAX]]
    if len(origins) < 2:
        others = [name for name in branches[0] if name != origins[0].name]
        origins.append(world.servers[others[pick(rng, len(others))]])
    writers = [add_writer(world, origin) for origin in origins]
    interval = 0.05 if count <= 100 else 0.1
    for number, writer in enumerate(writers):
        for begin, end in ((ARRIVING, ARRIVING + 3 * interval), AMID, (CALM, CALM + 3 * interval)):
            write(world, writer, begin + interval * number / len(writers), end, interval)
    world.schedule.run_until(CRASH)
    victim.crash(rng.random())
    world.schedule.run_until(CALM + 5.0)
    survivors = world.alive()
    problems = watch.missed(survivors, writers)
    detectable = CRASH + LATENCY
    sizes = "+".join(str(len(names)) for names in branches)
    return Sample(
        f"one of {count}, seed {seed}, {victim.name} between {sizes}",
        {"cut": watch.longest_cut(survivors, origins, detectable, (AMID[0], CALM))},
        problems + [f"{guarantee}: {text}" for guarantee, text in _first(world)],
    )


def _victim(world: World, rng: random.Random, *, most: bool) -> SimulatedServer:
    servers = list(world.servers.values())
    inner = [server for server in servers if len(_branches(world, server)) > 1]
    if most:
        return min(inner, key=lambda server: (len(_branches(world, server)[0]), server.name))
    return inner[pick(rng, len(inner))]


def _branches(world: World, victim: SimulatedServer) -> list[list[str]]:
    """The parts of the tree without a server, the largest first."""
    assert victim.node is not None
    topology = victim.node.topology
    names = {server.id: server.name for server in world.servers.values()}
    found = []
    for neighbour in topology.tree_neighbours(victim.id):
        part = [neighbour]
        seen = {victim.id, neighbour}
        for one in part:
            fresh = [other for other in topology.tree_neighbours(one) if other not in seen]
            seen.update(fresh)
            part += fresh
        found.append(sorted(names[one] for one in part))
    return sorted(found, key=lambda part: (-len(part), part))


def _first(world: World) -> list[tuple[str, str]]:
    problem = next(one_network(world), None)
    return [] if problem is None else [problem]


# --- many -------------------------------------------------------------------------------------------------------------


def many_crash(seed: int, count: int, share: float, limit: float) -> Sample:
    """How long after `share` of all servers crashed together the survivors are one network and miss nothing.

    People write at survivors and at servers that crash. Whoever is in no network with another, and says that it is
    alone, has done what it can.
    """
    world = settled_world(seed, count, latency=LATENCY)
    rng = seeded(seed, "many crash")
    shuffled = [
        server for _, server in sorted(((rng.random(), server.name), server) for server in world.servers.values())
    ]
    victims, survivors = shuffled[: round(share * count)], shuffled[round(share * count) :]
    watch = ArrivalWatch(world)
    writers = [add_writer(world, server) for server in (*survivors[:2], victims[0])]
    for number, writer in enumerate(writers):
        write(world, writer, ARRIVING + 0.03 * number, CRASH + SURVIVORS_WRITE, 0.1)
    world.schedule.run_until(CRASH)
    for victim in victims:
        victim.crash(rng.random())
    world.schedule.run_until(CRASH + SURVIVORS_WRITE)
    # The order of what somebody wrote whose server crashed waits for what only that server's disk has.
    writers.pop()
    problems: list[str] = []
    while world.schedule.time < CRASH + limit:
        world.schedule.run_until(world.schedule.time + STEP)
        problems = _not_whole(world, watch, survivors, writers)
        if not problems:
            break
    took = world.schedule.time - CRASH
    alone = [server for server in survivors if _reached(server) == 1 and server.name in world.alone]
    if problems and alone:
        problems = _not_whole(world, watch, [server for server in survivors if server not in alone], writers)
    figures = {"alone": float(len(alone))}
    if not problems:
        figures["whole"] = took
    return Sample(f"{share:.0%} of {count}, seed {seed}", figures, problems)


def _not_whole(world: World, watch: ArrivalWatch, survivors: list[SimulatedServer], writers: list[Agent]) -> list[str]:
    """What the survivors still lack, the cheapest question first."""
    apart = [server for server in survivors if _reached(server) != len(survivors)]
    if apart:
        return [f"{apart[0].name} reaches {_reached(apart[0])} of {len(survivors)} survivors"]
    missed = watch.missed(survivors, writers)
    if missed:
        return missed[:1]
    return [f"{guarantee}: {text}" for guarantee, text in _first(world)]


def _reached(server: SimulatedServer) -> int:
    return len(server.node.topology.reachable) if server.node is not None else 0
