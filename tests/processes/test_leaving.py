"""A server that is told to leave: its people are handed over, the network stays one, nothing accepted is lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from core.client import ServerQuits
from tests.base_peers.network import chain, star
from tests.processes.harness import NodeNetwork, wait_for
from tests.processes.people import Person


@pytest.mark.serial
async def test_people_of_every_kind_are_handed_over_and_nothing_accepted_is_lost(nodes: NodeNetwork) -> None:
    servers = await nodes.build(star(4))
    leaving, rest = servers[0], servers[1:]
    async with await rest[0].client() as client:
        await client.register("ann", "her secret")
    async with (
        Person([leaving], "ann", "her secret") as native,
        Person([rest[2]]) as reader,
        await leaving.client(follow=True) as base,
        await leaving.client() as knowing,
    ):
        await base.login("ann", "her secret")
        knowing.send({"command": "LOGIN", "username": "anonymous", "features": ["quit"]})
        await knowing.expect("LOGIN_SUCCESS")
        for number in range(200):
            native.post(f"n {number}")
        await wait_for(lambda: len(native.accepted) >= 20, 10, "some are accepted")
        leaving.terminate()
        began = time.monotonic()
        # Posting goes on while it leaves.
        for number in range(200, 300):
            native.post(f"n {number}")
        told = await knowing.expect("QUIT", 10)
        assert await leaving.wait(10) == 0, leaving.stderr
        assert time.monotonic() - began < 5.0
        successor = (told["new_server_ip"], told["new_server_port"])
        assert successor in [server.address for server in rest]
        assert any(isinstance(event, ServerQuits) for event in native.events)
        await wait_for(lambda: base.peer == successor, 10, "the base client has moved")
        assert base.redirects == [successor]
        assert not base.unknown
        await nodes.settled(rest)
        gone = [server for server in (await rest[0].status())["servers"] if server["state"] == "unreachable"]
        assert gone == [], "who has left is not missed"
        await native.answered()
        await reader.has(native.accepted)
        await native.has(native.accepted)
        assert len(native.accepted) == 300
        for person in (reader, native):
            person.nothing_twice()
            person.in_order("n ")
        await reader.post_accepted(["to all"])
        await wait_for(lambda: "to all" in base.texts(), 10, "the base client reads on")


async def test_two_neighbours_leave_at_once_and_the_network_stays_one(nodes: NodeNetwork) -> None:
    servers = await nodes.build(chain(5))
    async with Person([servers[0]]) as reader, Person(servers[2:3]) as writer:
        for number in range(50):
            writer.post(f"n {number}")
        await wait_for(lambda: writer.accepted, 10, "some are accepted")
        servers[2].terminate()
        servers[3].terminate()
        assert list(await asyncio.gather(servers[2].wait(12), servers[3].wait(12))) == [0, 0]
        rest = [servers[0], servers[1], servers[4]]
        await nodes.settled(rest)
        await writer.answered()
        await reader.has(writer.accepted)
        reader.nothing_twice()
        reader.in_order("n ")


async def test_the_last_server_says_that_the_network_ends_and_keeps_everything(nodes: NodeNetwork) -> None:
    (only,) = await nodes.build([])
    async with await only.client() as knowing, Person([only]) as writer:
        await knowing.register("ann", "her secret")
        knowing.send({"command": "LOGIN", "username": "ann", "secret": "her secret", "features": ["quit"]})
        await knowing.expect("LOGIN_SUCCESS")
        await writer.post_accepted(["kept"])
        only.terminate()
        told = await knowing.expect("QUIT", 10)
        assert told.get("new_server_ip") is None and told.get("new_server_port") is None
        assert await only.wait() == 0
    await only.restart()
    async with Person([only], "ann", "her secret", history=10) as back:
        await back.has(["kept"])


async def test_a_second_signal_ends_a_server_that_waits_for_a_frozen_one(nodes: NodeNetwork) -> None:
    first, second = await nodes.build(chain(2))
    async with Person([first]) as writer:
        await writer.post_accepted(["one"])
        second.pause()
        try:
            first.terminate()
            await first.said("leaving after SIGTERM")
            told = time.monotonic()

            def later() -> bool:
                return time.monotonic() - told > 0.2

            # Two signals within a tenth of a second count as one.
            await wait_for(later)
            assert not first.ended, "it did not wait for its neighbour"
            first.interrupt()
            assert await first.wait(2) == 130
        finally:
            second.resume()
    await first.restart()
    await nodes.settled()
    async with Person([second], history=10) as late:
        await late.has(["one"])


async def test_a_polite_restart_keeps_users_and_the_place_in_the_network(nodes: NodeNetwork) -> None:
    servers = await nodes.build(chain(3))
    async with await servers[1].client() as client:
        await client.register("ann", "her secret")
    before: dict[str, Any] = await servers[1].status()
    assert await servers[1].quit() == 0
    await nodes.settled([servers[0], servers[2]])
    async with await servers[0].client() as client:
        await client.register("bob", "his secret")
    await servers[1].restart()
    await nodes.settled()
    after = await servers[1].status()
    assert after["id"] == before["id"]
    assert after["incarnation"] > before["incarnation"]
    for name, secret in (("ann", "her secret"), ("bob", "his secret")):
        async with await servers[1].client() as client:
            await client.login(name, secret)
