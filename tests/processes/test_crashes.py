"""Servers that are killed without a word, under traffic, and what is left of what they had promised: everything."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.base_peers.network import chain, random_tree, star
from tests.processes.harness import NodeNetwork, NodeProcess, wait_for
from tests.processes.people import Person


async def kill(*victims: NodeProcess) -> None:
    """All in the same moment."""
    for victim in victims:
        victim.kill9()
    await asyncio.gather(*(victim.wait() for victim in victims))


async def registered(server: NodeProcess, name: str) -> None:
    """Register; a network in the middle of healing may refuse for want of an answer, so ask again until it succeeds."""

    async def attempt() -> bool:
        async with await server.client() as client:
            await client.register(name, f"secret of {name}")
            return True

    await wait_for(attempt, 30, f"{name} is registered")


async def can_log_in(server: NodeProcess, name: str) -> None:
    async def attempt() -> bool:
        async with await server.client() as client:
            await client.login(name, f"secret of {name}")
            return True

    await wait_for(attempt, 10, f"{name} logs in at {server.data_dir.name}")


@contextlib.asynccontextmanager
async def chatter(person: Person, prefix: str, interval: float = 0.02) -> AsyncIterator[list[str]]:
    """Somebody who posts all the time. Yields what was posted so far."""
    posted: list[str] = []

    async def talk() -> None:
        for number in itertools.count():
            person.post(f"{prefix}{number}")
            posted.append(f"{prefix}{number}")
            await asyncio.sleep(interval)

    task = asyncio.create_task(talk())
    try:
        yield posted
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("parents", "victims"),
    [
        pytest.param(chain(5), [2], id="the middle of a chain"),
        pytest.param(star(5), [0], id="the hub of a star"),
        pytest.param(chain(5), [2, 3], id="two neighbours at once"),
        pytest.param(chain(5), [0], id="the root of a chain", marks=pytest.mark.slow),
        pytest.param(random_tree(6, seed=7), [0], id="the root of a tree", marks=pytest.mark.slow),
    ],
)
async def test_the_others_close_the_gap_and_who_comes_back_learns_what_it_missed(
    nodes: NodeNetwork, parents: Sequence[int], victims: Sequence[int]
) -> None:
    servers = await nodes.build(parents)
    await registered(servers[2], "before")
    async with Person([servers[1]]) as reader, Person([servers[4]]) as writer:
        await writer.post_accepted(["one", "two"])
        await reader.has(["one", "two"])
        dead = [servers[index] for index in victims]
        await kill(*dead)
        # Posted while nobody may have noticed yet.
        await writer.post_accepted(["three"])
        living = [server for server in servers if server not in dead]
        await nodes.settled(living)
        await writer.post_accepted(["four"])
        await reader.has(["three", "four"])
        await registered(living[0], "meanwhile")
        for server in dead:
            await server.restart()
        await nodes.settled(servers)
        for server in servers:
            await can_log_in(server, "before")
            await can_log_in(server, "meanwhile")
        for server in dead:
            async with Person([server], history=100) as late:
                await late.has(["one", "two", "three", "four"])
                late.nothing_twice()
        await writer.post_accepted(["five"])
        await reader.has(["five"])
        assert reader.arrived == ["one", "two", "three", "four", "five"]


async def test_every_server_is_killed_in_turn_under_traffic_and_everything_accepted_arrives_once_and_in_order(
    nodes: NodeNetwork,
) -> None:
    servers = await nodes.build(random_tree(4, seed=3))
    await registered(servers[0], "ann")
    async with Person(servers, "ann", "secret of ann") as writer, Person(servers[::-1]) as reader:
        async with chatter(writer, "ann ") as posted:
            for victim in servers:
                count = len(reader.arrived)
                await wait_for(lambda count=count: len(reader.arrived) > count + 10, 30, "traffic flows")  # type: ignore[misc]
                await kill(victim)
                await wait_for(lambda: writer.client.online and reader.client.online, 30, "both are back")
                await victim.restart()
                await nodes.settled(servers)
        await writer.answered()
        await reader.has(writer.accepted)
        reader.nothing_twice()
        reader.in_order("ann ")
        assert set(writer.accepted) | set(writer.unknown) == set(posted)
        assert not writer.refused
        # An activity that was repeated after a crash may be kept twice, and counts twice in what is asked for.
        async with Person([servers[2]], history=2 * len(posted)) as late:
            await late.has(writer.accepted)
            late.nothing_twice()
            late.in_order("ann ")


async def test_half_of_the_servers_die_at_once_under_traffic(nodes: NodeNetwork) -> None:
    servers = await nodes.build(chain(6))
    async with Person([servers[0]]) as writer, Person([servers[4]]) as reader:
        async with chatter(writer, "n "):
            await wait_for(lambda: len(reader.arrived) > 10, 20, "traffic flows")
            await kill(servers[1], servers[3], servers[5])
            await nodes.settled([servers[0], servers[2], servers[4]])
            count = len(writer.accepted)
            await wait_for(lambda: len(writer.accepted) > count + 10, 20, "traffic flows again")
        await writer.answered()
        await reader.has(writer.accepted)
        reader.nothing_twice()
        reader.in_order("n ")


async def test_all_are_killed_and_started_again_and_everything_acknowledged_is_there(nodes: NodeNetwork) -> None:
    servers = await nodes.build(chain(3))
    names = ["ann", "bob", "eve"]
    await asyncio.gather(*(registered(server, name) for server, name in zip(servers, names, strict=True)))
    people = [Person([server], name, f"secret of {name}") for server, name in zip(servers, names, strict=True)]
    async with people[0], people[1], people[2], contextlib.AsyncExitStack() as stack:
        for person, name in zip(people, names, strict=True):
            await stack.enter_async_context(chatter(person, f"{name} ", 0.005))
        await wait_for(lambda: all(len(person.accepted) > 20 for person in people), 20, "traffic flows")
        await kill(*servers)
        promised = [text for person in people for text in person.accepted]
        await stack.aclose()
        # Not who joined whom but what each remembers of the others brings them together.
        await asyncio.gather(*(server.restart() for server in servers))
        await nodes.settled(servers)
        await asyncio.gather(*(person.answered() for person in people))
    accepted = {text for person in people for text in person.accepted}
    assert accepted >= set(promised)
    for server in servers:
        for name in names:
            await can_log_in(server, name)
        async with Person([server], history=10_000) as late:
            await late.has(accepted)
            late.nothing_twice()
            for name in names:
                late.in_order(f"{name} ")


@pytest.mark.parametrize("seconds", [0.0, pytest.param(60.0, marks=[pytest.mark.slow, pytest.mark.timeout(180)])])
async def test_a_server_that_stood_still_is_left_out_and_comes_back_with_everything(
    nodes: NodeNetwork, seconds: float
) -> None:
    first, middle, last = await nodes.build(chain(3))
    async with Person([first]) as writer, Person([last]) as reader, Person([middle]) as sleeper:
        await writer.post_accepted(["before"])
        await reader.has(["before"])
        await sleeper.has(["before"])
        middle.pause()
        await nodes.settled([first, last], limit=20)
        await writer.post_accepted(["meanwhile"])
        await reader.has(["meanwhile"])
        await asyncio.sleep(seconds)
        middle.resume()
        await nodes.settled([first, middle, last])
        await writer.post_accepted(["after"])
        for person in (reader, sleeper):
            await person.has(["before", "meanwhile", "after"])
            person.nothing_twice()
