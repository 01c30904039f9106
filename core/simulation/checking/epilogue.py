"""What is examined once the network has settled: the cost of a broadcast and of a registration, and balance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from core.simulation.checking.checkers import nodes, nothing_left, owed
from core.simulation.checking.entries_sent import entry_kinds
from core.simulation.environment.connection_ends import End
from core.simulation.parties.agent import Agent
from core.simulation.plans.plan import Person
from core.simulation.world.world import NEAR, World
from core.wire.codec import encode
from core.wire.messages import Message, command_of

SETTLING: Final = 3.0
"""Seconds for redundant links and everything under way to come to rest."""
ATTEMPTS: Final = 2
BASE_LIMIT: Final = 120.0
"""Seconds within which somebody speaks to each base server again: a dead link is noticed after 60 s, and one that has
been dialled in vain for long is dialled every 30 s."""
FAR_LIMIT: Final = 15.0
"""Seconds that a registration, or an activity on its way to everybody, may take across continents."""
BALANCE_SPREAD: Final = 3
"""How far loads may be apart when enough people have come since the last disturbance: 2 is where the base rule begins
to redirect, and one more may come before that is known everywhere."""


def examine(world: World) -> None:
    """Look at a network that is one again."""
    ledger = world.ledger
    if not nodes(world):
        return
    if world.base_servers:
        _examine_base_servers(world)
        return
    _settle(world)
    for name in _clients_with_dead_connections(world):
        ledger.problem("liveness", f"{name}'s client has not noticed that its connection is dead")
    _wait_for_limits(world)
    for guarantee, text in nothing_left(world):
        ledger.problem(guarantee, text)
    if world.plan.latency[1] > NEAR:
        # What is counted crosses with what goes on all the time, and loads are old when they arrive.
        _examine_service(world)
        return
    _examine_costs(world)
    if world.seed % 4 == 0 and not world.plan.advertised:
        # Where a server is that says a wrong address, only its neighbours have seen, and can send anybody.
        _examine_balance(world)


def _examine_base_servers(world: World) -> None:
    """Every base server that runs, and has ever been linked, is in the end linked with exactly one server of ours."""
    until = world.schedule.time + BASE_LIMIT
    while any(len(found) != 1 for _, found in _speakers(world)) and world.schedule.time < until:
        world.schedule.run_until(world.schedule.time + 1.0)
    for name, found in _speakers(world):
        if len(found) != 1:
            who = " and ".join(found) or "nobody"
            world.ledger.problem("base servers", f"{BASE_LIMIT:g} s after everything was over {who} spoke to {name}")


def _speakers(world: World) -> Iterator[tuple[str, list[str]]]:
    """Base servers, and who of ours speaks to each."""
    for base in world.base_servers.values():
        if base.up and base.was_linked:
            yield (
                base.name,
                [
                    server.name
                    for server, node in nodes(world)
                    if any(attached.id == base.id and attached.direct for attached in node.topology.own.attached)
                ],
            )


def _settle(world: World) -> None:
    """Wait until no dial is under way, the tree has not changed for a while, and clients have noticed what is dead."""
    begun = world.schedule.time
    quiet_since = begun
    before = _links(world)
    is_dead = _clients_with_dead_connections
    while (world.schedule.time - quiet_since < SETTLING or is_dead(world)) and world.schedule.time - begun < 30.0:
        world.schedule.run_until(world.schedule.time + 0.5)
        now = _links(world)
        if now != before:
            before = now
            quiet_since = world.schedule.time


def _clients_with_dead_connections(world: World) -> list[str]:
    """People whose native client holds on to a connection of which one direction, or both, lead nowhere."""
    return [
        agent.name
        for agent in world.agents.values()
        if agent.native and agent.logged_in and agent.end is not None
        if agent.end.lane.dead or agent.end.far.lane.dead
    ]


def _wait_for_limits(world: World) -> None:
    """What waits for somebody who never comes waits until its limit: longest for an activity before it in order."""
    until = world.schedule.time + world.config.order_wait + world.config.lock_limit
    while next(nothing_left(world), None) is not None and world.schedule.time < until:
        world.schedule.run_until(world.schedule.time + 1.0)


def _links(world: World) -> list[list[tuple[str, int]]]:
    return [sorted(node.topology.own.links.items()) for _, node in nodes(world)]


@contextmanager
def counting(world: World, about: bytes) -> Iterator[dict[str, int]]:
    """Count what servers send one another, by kind: entries and other messages that have the bytes `about` in them."""
    sent: dict[str, int] = {}

    def count(end: End, message: Message) -> None:
        if end.host in world.servers and end.peer in world.servers and about in encode(message):
            for kind in entry_kinds(message, about) or (command_of(message),):
                sent[kind] = sent.get(kind, 0) + 1

    world.network.counting = count
    try:
        yield sent
    finally:
        world.network.counting = None


def _someone(world: World, name: str, *, registers: bool) -> Agent:
    agent = world.add_person(Person(name, native=True, registers=registers))
    lightest = min(nodes(world), key=lambda one: (one[1].sessions.load, one[0].name))
    agent.arrive(lightest[0].address)
    return agent


def _examine_costs(world: World) -> None:
    """A registration costs 2·(n-1) lock messages, a broadcast n-1, whatever happened before.

    Now and then the comparison of digests that goes on all the time crosses with the very entry, and it travels over
    one link twice; not twice in a row.
    """
    for attempt in range(ATTEMPTS):
        problems = list(_costs(world, f"newcomer{attempt}"))
        if not problems:
            break
        world.schedule.run_until(world.schedule.time + world.config.sync_interval)
    for guarantee, text in problems:
        world.ledger.problem(guarantee, text)
    for name, post in owed(world):
        world.ledger.problem("exactly once", f"on the settled network, {name} did not get {post.by}'s {post.number}")


def _examine_service(world: World) -> None:
    """Somebody new can register, log in and write, and it reaches everybody."""
    agent = _someone(world, "newcomer", registers=True)
    until = world.schedule.time + FAR_LIMIT
    while not agent.logged_in and world.schedule.time < until:
        world.schedule.run_until(world.schedule.time + 0.5)
    if not agent.logged_in:
        world.ledger.problem("liveness", "nobody can register and log in on the settled network")
        return
    agent.post()
    world.schedule.run_until(world.schedule.time + FAR_LIMIT)
    for name, post in owed(world):
        world.ledger.problem("exactly once", f"on the settled network, {name} did not get {post.by}'s {post.number}")


def _costs(world: World, name: str) -> Iterator[tuple[str, str]]:
    count = len(nodes(world))
    with counting(world, name.encode()) as sent:
        agent = _someone(world, name, registers=True)
        world.schedule.run_until(world.schedule.time + 3.0)
        if not agent.logged_in:
            yield "liveness", "nobody can register and log in on the settled network"
            return
        agent.post()
        world.schedule.run_until(world.schedule.time + 2.0)
    locks = {kind: number for kind, number in sent.items() if kind.startswith("LOCK_")}
    if sum(locks.values()) != 2 * (count - 1):
        yield "cost", f"a registration among {count} servers took {locks}, not {2 * (count - 1)} messages"
    keyed = [server.keyed for server, _ in nodes(world)]
    if any(keyed) and not all(keyed):
        # Those that have keys pass entries on over all links with each other.
        return
    for kind in ("account", "activity"):
        if sent.get(kind, 0) != count - 1:
            yield "cost", f"one {kind} among {count} servers was sent {sent.get(kind, 0)} times"


def _examine_balance(world: World) -> None:
    """People who come one after the other, all to the same server, even the loads out, with few redirects."""
    running = nodes(world)
    loads = [node.sessions.load for _, node in running]
    wanted = sum(max(loads) - load for load in loads) + len(loads)
    first = running[0][0].address
    newcomers = []
    for index in range(min(wanted, 120)):
        agent = world.add_person(Person(f"guest{index}"))
        agent.arrive(first)
        newcomers.append(agent)
        world.schedule.run_until(world.schedule.time + 0.2)
    world.schedule.run_until(world.schedule.time + 2.0)
    loads = [node.sessions.load for _, node in running]
    if wanted <= 120 and max(loads) - min(loads) > BALANCE_SPREAD:
        world.ledger.problem("balance", f"{wanted} newcomers later the loads are {sorted(loads)}")
    for agent in newcomers:
        if world.ledger.redirects.get(agent.name, 0) > 2:
            world.ledger.problem("balance", f"{agent.name} was redirected {world.ledger.redirects[agent.name]} times")
