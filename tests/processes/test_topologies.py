"""Six real servers, however they were joined, are one network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.base_peers.lines import wait_until
from tests.base_peers.network import chain, random_tree, star
from tests.processes.harness import NodeNetwork, NodeProcess, wait_for
from tests.processes.people import Person

COUNT = 6
SHAPES = {"chain": chain(COUNT), "star": star(COUNT), "random tree": random_tree(COUNT, seed=7)}


async def lock_messages(servers: Sequence[NodeProcess]) -> int:
    """What all of them together have sent since their start; a server's answer may be a moment old."""
    return sum([int((await server.status())["lock_messages"]) for server in servers])


async def sent(servers: Sequence[NodeProcess], count: int) -> bool:
    return await lock_messages(servers) == count


@pytest.mark.parametrize("shape", SHAPES)
async def test_who_registers_at_one_posts_at_all_and_everybody_reads_everything_once_and_in_order(
    nodes: NodeNetwork, shape: str
) -> None:
    servers = await nodes.build(SHAPES[shape])
    before = await lock_messages(servers)
    registrar = servers[COUNT // 2]
    async with await registrar.client() as client:
        await client.register("ann", "her secret")
    # Nothing more may come after these: whether it does shows at the end.
    await wait_for(lambda: sent(servers, before + 2 * (COUNT - 1)), 10, "the lock messages are counted")

    people = [Person([server], "ann", "her secret") for server in servers]
    await asyncio.gather(*(person.__aenter__() for person in people))
    try:
        texts = [[f"from {number}: {count}" for count in range(5)] for number in range(COUNT)]
        for person, own in zip(people, texts, strict=True):
            for text in own:
                person.post(text)
        everything = [text for own in texts for text in own]
        for person in people:
            await person.has(everything)
            await person.answered()
        for person in people:
            person.nothing_twice()
            assert sorted(person.arrived) == sorted(everything)
            for number in range(COUNT):
                person.in_order(f"from {number}: ")
    finally:
        await asyncio.gather(*(person.__aexit__(None, None, None) for person in people))
    assert await lock_messages(servers) - before == 2 * (COUNT - 1)


async def test_one_name_registered_on_six_servers_at_once_belongs_to_one(nodes: NodeNetwork) -> None:
    servers = await nodes.build(star(COUNT))
    clients = [await server.client() for server in servers]
    try:
        for number, client in enumerate(clients):
            client.send({"command": "REGISTER", "username": "ann", "secret": f"secret {number}"})
        answers = [await client.next(15) for client in clients]
        commands = [answer["command"] if answer else None for answer in answers]
        assert commands.count("REGISTER_SUCCESS") <= 1
        assert commands.count("REGISTER_SUCCESS") + commands.count("REGISTER_FAILED") == COUNT, commands

        async def users() -> bool:
            seen = [[user["name"] for user in (await server.status())["users"]] for server in servers]
            return all(one.count("ann") == commands.count("REGISTER_SUCCESS") for one in seen)

        await wait_for(users, 10, "all servers agree on who ann is")
        if "REGISTER_SUCCESS" in commands:
            winner = commands.index("REGISTER_SUCCESS")
            for server in servers:
                async with await server.client() as client:
                    await client.login("ann", f"secret {winner}")
                async with await server.client() as client:
                    client.send({"command": "LOGIN", "username": "ann", "secret": f"secret {(winner + 1) % COUNT}"})
                    await client.expect_refusal("LOGIN_FAILED")
    finally:
        for client in clients:
            await client.close()


async def test_garbage_on_a_socket_hurts_only_its_own_connection(nodes: NodeNetwork) -> None:
    first, second = await nodes.build(chain(2))
    async with Person([first]) as reader, Person([second]) as writer:
        nonsense = [
            b"\x00\xff\xfe garbage\n",
            b"[]\n",
            b'{"command": 7}\n',
            b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
            b'{"command": "AUTHENTICATE", "secret": "no", "features": 3}\n',
            b'{"command": "ACTIVITY_BROADCAST", "activity": {"text": "forged"}}\n',
            b"[" * 100_000 + b"\n",
            b"x" * 200_000,
        ]
        for data in nonsense:
            async with await first.client() as client:
                client.send_raw(data)
                await wait_until(client.closed.is_set, 5, f"the end after {data[:40]!r}")
        async with await first.client() as peer:
            peer.send({"command": "AUTHENTICATE", "secret": nodes.secret, "id": first.data_dir.name, "features": []})
            peer.send({"command": "SERVER_ANNOUNCE", "id": 17, "load": "many"})
            await wait_until(peer.closed.is_set, 5, "the end of a server that talks nonsense")
        await writer.post_accepted(["still here"])
        await reader.has(["still here"])
        assert reader.arrived == ["still here"]
    await nodes.settled()
