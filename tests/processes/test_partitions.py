"""Three hosts in network namespaces, and a cable that is pulled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.conftest import OPTIONS
from tests.processes.harness import NodeNetwork, wait_for
from tests.processes.hosts import HostedNode, Hosts, NotAllowed

WAYS = {
    "a cable that carries nothing": (Hosts.cut, Hosts.mend),
    "a cable that carries only what others say": (Hosts.mute, Hosts.unmute),
    "an interface that goes down": (Hosts.down, Hosts.up),
}
"""How a host is cut off, and how that is repaired."""
NATIVE = ["quit", "resume", "ack", "ping", "status"]


@pytest.fixture
async def hosts() -> AsyncIterator[Hosts]:
    made = Hosts(3, f"at{os.getpid()}")
    try:
        await made.__aenter__()
    except NotAllowed as error:
        pytest.skip(f"the system does not allow network namespaces here: {error}")
    yield made
    await made.__aexit__(None, None, None)


@pytest.fixture
async def servers(hosts: Hosts, tmp_path: Path) -> AsyncIterator[list[HostedNode]]:
    async with NodeNetwork(tmp_path) as network:
        made: list[HostedNode] = []
        for host in range(hosts.count):
            options = ("--name", f"h{host}", *OPTIONS)
            node = HostedNode(hosts, host, tmp_path / f"h{host}", made[-1] if made else None, options=options)
            made.append(node)
            network.nodes.append(node)
            await node.start()
        await network.settled(made)
        yield made


async def reaches(node: HostedNode, count: int) -> bool:
    """Whether a server sees so many servers, itself included."""
    status = await node.status()
    return sum(server["state"] in ("here", "reachable") for server in status["servers"]) == count


async def post(node: HostedNode, text: str) -> None:
    answers = await node.talk(
        {"command": "LOGIN", "username": "anonymous", "features": NATIVE, "redirects": 1000},
        {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"text": text}, "ref": text},
        until="ACTIVITY_ACK",
    )
    assert answers[-1]["command"] == "ACTIVITY_ACK", answers


async def history(node: HostedNode) -> list[Any]:
    """What somebody who comes now is told of the past."""
    login = {"command": "LOGIN", "username": "anonymous", "features": NATIVE, "history": 100, "redirects": 1000}
    answers = await node.talk(login, until="CAUGHT_UP")
    return [answer["activity"]["text"] for answer in answers if answer["command"] == "ACTIVITY_BROADCAST"]


async def register(node: HostedNode, name: str, secret: str) -> str:
    answers = await node.talk({"command": "REGISTER", "username": name, "secret": secret}, until="REGISTER_SUCCESS")
    return str(answers[-1]["command"])


async def login(node: HostedNode, name: str, secret: str) -> list[Any]:
    message = {"command": "LOGIN", "username": name, "secret": secret, "features": NATIVE, "redirects": 1000}
    return await node.talk({**message, "history": 1}, until="CAUGHT_UP", limit=3)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
async def test_both_sides_of_a_partition_go_on_and_agree_once_it_is_healed(
    hosts: Hosts, servers: list[HostedNode], way: str
) -> None:
    first, second, cut_off = servers
    await post(first, "before")
    break_off, repair = WAYS[way]
    await break_off(hosts, 2)
    # Nobody closed a connection: only pings can tell.
    await wait_for(lambda: reaches(cut_off, 1), 15, "the part that is cut off notices")
    await wait_for(lambda: reaches(first, 2), 15, "the others notice")
    assert await register(first, "ann", "the earlier one") == "REGISTER_SUCCESS"
    assert await register(cut_off, "ann", "the later one") == "REGISTER_SUCCESS"
    await post(second, "on one side")
    await post(cut_off, "on the other side")
    await repair(hosts, 2)

    async def one_again() -> bool:
        return all(await asyncio.gather(*(reaches(server, 3) for server in servers)))

    await wait_for(one_again, 15, "the network is one again")
    everything = ["before", "on one side", "on the other side"]

    async def complete() -> bool:
        return all([sorted(await history(server)) == everything for server in servers])

    await wait_for(complete, 15, "everybody has everything, once")

    async def agreed() -> bool:
        users = [sorted(user["name"] for user in (await server.status())["users"]) for server in servers]
        return all(one == users[0] and len([name for name in one if name.startswith("ann")]) == 2 for one in users)

    await wait_for(agreed, 15, "everybody knows both accounts")
    for server in servers:
        earlier = await login(server, "ann", "the earlier one")
        assert earlier[0]["command"] == "LOGIN_SUCCESS", earlier
    later = (await login(second, "ann", "the later one"))[0]
    assert later["command"] == "LOGIN_SUCCESS"
    assert later["username"].startswith("ann~") and "ann belongs to" in later["info"], later
    for server in servers:
        own = (await login(server, later["username"], "the later one"))[0]
        assert own["command"] == "LOGIN_SUCCESS", own
