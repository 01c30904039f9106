"""Worlds for measuring: settled networks, people who write at a steady rate, and who got what when."""

from __future__ import annotations

import math
from typing import Final

from core.node.interface.node_config import NodeConfig
from core.simulation.checking.entries_sent import entry_kinds
from core.simulation.environment.connection_ends import End
from core.simulation.experiments.measuring import quantile
from core.simulation.parties.agent import Agent
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.plan import Person, Plan
from core.simulation.world.settled_network import settled
from core.simulation.world.world import World
from core.wire.codec import Frame
from core.wire.messages import ActivityBroadcast, Message

ARRIVING: Final = 2.0
"""Seconds for people to log in before anything is measured."""


def settled_world(
    seed: int,
    servers: int,
    *,
    latency: float = 0.05,
    shape: str = "alone",
    lazy_links: int = 2,
    config: NodeConfig | None = None,
) -> World:
    """A network that has long been one; one way takes `latency` seconds everywhere."""
    plan = Plan(
        seed=seed,
        servers=servers,
        shape=shape,
        lazy_links=lazy_links,
        latency=(latency, latency),
        codec=False,
        epilogue=False,
    )
    world = World(plan, config=config, traced=False)
    return settled(plan, world)


def add_writer(world: World, server: SimulatedServer, *, registers: bool = False, native: bool = True) -> Agent:
    """Somebody who logs in at a server now."""
    agent = world.add_person(Person(f"at{server.name}n{len(world.agents)}", native=native, registers=registers))
    agent.arrive(server.address)
    return agent


def write(world: World, agent: Agent, begin: float, end: float, interval: float) -> None:
    """Have somebody write at a steady rate between two times."""
    for number in range(round((end - begin) / interval)):
        world.schedule.at(begin + number * interval, agent.post)


class ArrivalWatch:
    """When each activity was handed to the clients of each server."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.arrivals: dict[str, dict[str, float]] = {}
        """Activity to server and time."""
        world.handing_out = self._handed_out

    def _handed_out(self, server: SimulatedServer, frame: Frame) -> None:
        message = frame.message
        if isinstance(message, ActivityBroadcast) and message.id is not None:
            self.arrivals.setdefault(message.id, {}).setdefault(server.name, self._world.schedule.time)

    def missed(self, servers: list[SimulatedServer], writers: list[Agent]) -> list[str]:
        """What was accepted of one of these people, and one of these servers has not got."""
        names = {agent.name for agent in writers}
        found = []
        for entry_id in sorted(self._world.ledger.accepted):
            post = self._world.ledger.post_of(entry_id)
            if post is not None and post.by in names:
                got = self.arrivals.get(str(entry_id), {})
                missing = [server.name for server in servers if server.name not in got]
                if missing:
                    found.append(f"{entry_id} did not reach {len(missing)} servers, such as {missing[0]}")
        return found

    def longest_cut(
        self,
        servers: list[SimulatedServer],
        origins: list[SimulatedServer],
        since: float,
        calm: tuple[float, float],
    ) -> float:
        """The longest time from `since` on that any of the servers was cut off from what the origins accepted.

        An activity is due after as long as it takes from there to here in the calm, before the first or after the
        second of these times (the longer of the two: a tree without the crashed server may have longer ways). A server
        that is cut off from then to then gets what was due at the beginning at the end.
        """
        longest = 0.0
        for origin in origins:
            mine = [times for entry_id, times in self.arrivals.items() if entry_id.startswith(f"{origin.id}.")]
            for server in servers:
                ways = [(times[origin.name], times.get(server.name, math.inf)) for times in mine]
                before = [arrived - begun for begun, arrived in ways if begun < calm[0]]
                after = [arrived - begun for begun, arrived in ways if begun >= calm[1]]
                usual = max(quantile(before, 0.5), quantile(after, 0.5))
                late = [arrived - max(begun + usual, since) for begun, arrived in ways if calm[0] <= begun < calm[1]]
                longest = max(longest, *late)
        return longest


class TrafficLoad:
    """Counts what servers send one another."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent: dict[str, int] = {}
        """Server to messages."""
        self.broadcasts = 0
        world.network.counting = self._count

    def _count(self, end: End, message: Message) -> None:
        if end.host in self._world.servers and end.peer in self._world.servers:
            self.sent[end.host] = self.sent.get(end.host, 0) + 1
            self.broadcasts += entry_kinds(message).count("activity")

    @property
    def total(self) -> int:
        return sum(self.sent.values())

    def reset(self) -> None:
        self.sent.clear()
        self.broadcasts = 0
