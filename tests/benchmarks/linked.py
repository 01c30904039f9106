"""What is measured of several servers that are linked: registrations, and how much later each hop is."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from tests.base_peers.network import chain, star
from tests.benchmarks.compiled import program
from tests.benchmarks.fast_server import FastProcess
from tests.benchmarks.peers import OPTIONS, PEERS
from tests.benchmarks.trials import Figures, LoadPlan, generate, what_is_wrong
from tests.processes.harness import NodeNetwork, NodeProcess

SERVERS: Final = 5
AT_ONCE: Final = 32
HOPS: Final = 3
"""Servers of the chain."""
READERS: Final = 10
"""At each of them."""
RATE: Final = 200


async def registrations(directory: Path, seconds: float) -> Figures:
    """Names a second in a network whose servers all dialled the first: one after the other, and many at once.

    Each name is registered at the next server. The figures of the load generator are those of many at once.
    """
    program("loadgen")
    config = directory / "config.toml"
    config.write_text("server_registrations_per_minute = 1000000\n")
    options = ("--registrations-per-minute", "1000000", "--config", str(config), *OPTIONS)
    async with NodeNetwork(directory, options=options) as network:
        for number in range(SERVERS):
            join = None if number == 0 else network.nodes[star(SERVERS)[number - 1]].address
            network.nodes.append(FastProcess(directory / f"node-{number}", join=join, options=options))
            await network.nodes[-1].start()
        await network.settled()
        ports = [node.port for node in network.nodes]
        before = await _lock_messages(network.nodes)
        found = {}
        for name, people in (("singly", 1), ("at_once", AT_ONCE)):
            load = LoadPlan.of(registrations=1, receivers=people, seconds=seconds, warm=0.3)
            figures = await generate(PEERS["ours"], ports, network.nodes[0].pid, load)
            if what_is_wrong(figures):
                return figures
            found[name] = figures["registrations"]
            if people == 1:
                found["messages"] = (await _lock_messages(network.nodes) - before) / figures["all"]
    return {**figures, **found}


async def _lock_messages(nodes: list[NodeProcess]) -> int:
    return sum([int((await node.status())["lock_messages"]) for node in nodes])


async def hops(directory: Path, seconds: float) -> Figures:
    """How much later somebody reads at the next server of a chain, in milliseconds at the median."""
    program("loadgen")
    async with NodeNetwork(directory, options=OPTIONS) as network:
        nodes = await network.build(chain(HOPS))
        load = LoadPlan.of(receivers=READERS * HOPS, rate=RATE, warm=0.5, seconds=seconds)
        figures = await generate(PEERS["ours"], [node.port for node in nodes], nodes[0].pid, load)
    if what_is_wrong(figures):
        return figures
    times = [ages["p50"] for ages in figures["ages"]]
    return {**figures, "hops": [later - sooner for sooner, later in itertools.pairwise(times)]}
