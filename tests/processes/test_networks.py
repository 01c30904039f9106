"""Six real servers in a chain, a star and a random tree, and what happens to them."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from core.client import ActivityAccepted, ActivityArrived, Client, ClientEvent, ClientSettings
from core.wire.address import Address
from tests.base_peers.client import BaseClient
from tests.processes.harness import NodeProcess, node_network, wait_for

CHAIN = (0, 1, 2, 3, 4)
STAR = (0, 0, 0, 0, 0)
TREE = (0, 0, 1, 1, 2)

OPTIONS = ("--announce-interval", "0.5", "--preset", "local")


class Reader:
    """A native client that notes what it is told."""

    def __init__(self, *nodes: NodeProcess, username: str = "anonymous", secret: str | None = None) -> None:
        settings = ClientSettings(username=username, secret=secret, history=1000)
        self.client = Client(settings, [Address(*node.address) for node in nodes], self._on_event)
        self.arrived: list[bytes] = []
        self.accepted: set[str] = set()
        self._task: asyncio.Task[str] | None = None

    def _on_event(self, event: ClientEvent) -> None:
        if isinstance(event, ActivityArrived):
            self.arrived.append(event.body)
        elif isinstance(event, ActivityAccepted):
            self.accepted.add(event.ref)

    def numbers(self) -> list[int]:
        return [json.loads(body)["n"] for body in self.arrived]

    async def __aenter__(self) -> Reader:
        self._task = asyncio.create_task(self.client.run())
        await asyncio.wait_for(self.client.wait_logged_in(), 15)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        if self._task is not None:
            await self._task


async def lock_messages(nodes: list[NodeProcess]) -> int:
    return sum([(await node.status())["lock_messages"] for node in nodes])


async def _sent_locks(nodes: list[NodeProcess], number: int) -> bool:
    sent = await lock_messages(nodes)
    assert sent <= number
    return sent == number


async def accounts(node: NodeProcess) -> set[str]:
    return {user["name"] for user in (await node.status())["users"] if user.get("registered_at") is not None}


@pytest.mark.parametrize("parents", [CHAIN, STAR, TREE], ids=["chain", "star", "tree"])
async def test_everybody_reads_what_anybody_posts_once_and_in_order(tmp_path: Path, parents: tuple[int, ...]) -> None:
    async with node_network(tmp_path, *OPTIONS, "--no-redirects") as network:
        nodes = await network.build(parents)
        before = await lock_messages(nodes)
        async with await nodes[0].client() as registrar:
            await registrar.register("alice", "pw")
        assert before == 0
        await wait_for(partial(_sent_locks, nodes, 2 * (len(nodes) - 1)), 10, "exactly 2(n-1) lock messages")
        clients: list[BaseClient] = []
        for node in nodes:
            client = await node.client()
            await client.login("alice", "pw")
            clients.append(client)
        for number, client in enumerate(clients):
            for part in range(3):
                client.post({"text": f"{number}-{part}"}, "alice", "pw")
        expected = {f"{number}-{part}" for number in range(len(nodes)) for part in range(3)}
        for client in clients:
            await wait_for(partial(_has_read, client, len(expected)), 15)
        for client in clients:
            texts = client.texts()
            assert sorted(texts) == sorted(expected)
            for number in range(len(nodes)):
                assert [text for text in texts if text.startswith(f"{number}-")] == [f"{number}-{p}" for p in range(3)]
            await client.close()


@pytest.mark.parametrize(
    ("parents", "victims"),
    [(CHAIN, (2,)), (STAR, (0,)), (TREE, (0,)), (CHAIN, (2, 3))],
    ids=["the middle of a chain", "the root of a star", "the root of a tree", "two neighbours of a chain"],
)
async def test_the_rest_closes_the_gap_when_servers_are_killed_and_those_that_come_back_know_everybody(
    tmp_path: Path, parents: tuple[int, ...], victims: tuple[int, ...]
) -> None:
    async with node_network(tmp_path, *OPTIONS, "--no-redirects") as network:
        nodes = await network.build(parents)
        async with await nodes[1].client() as registrar:
            await registrar.register("early", "pw")
        for victim in victims:
            nodes[victim].kill9()
        for victim in victims:
            await nodes[victim].wait()
        rest = [node for node in nodes if not node.ended]
        await network.settled(rest)
        async with await rest[0].client() as registrar:
            await registrar.register("late", "pw")
        for victim in victims:
            await nodes[victim].restart()
        await network.settled(nodes)
        for node in nodes:
            await wait_for(partial(_knows, node, {"early", "late"}), 15)
            async with await node.client() as client:
                await client.login("late", "pw")


def _has_read(client: BaseClient, number: int) -> bool:
    return len(client.texts()) >= number


async def _knows(node: NodeProcess, names: set[str]) -> bool:
    return names <= await accounts(node)


def _accepted(writer: Reader, number: int) -> bool:
    return len(writer.accepted) > number


async def test_nothing_acknowledged_is_lost_while_every_server_in_turn_is_killed(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        nodes = await network.build((0, 1, 2))
        ports = [node.port for node in nodes]
        async with Reader(*nodes) as reader, Reader(*reversed(nodes)) as writer:
            refs: list[str] = []

            async def post_for_a_while(until: asyncio.Event) -> None:
                while not until.is_set():
                    if writer.client.unanswered < 100:
                        refs.append(writer.client.post({"n": len(refs)}))
                    await asyncio.sleep(0.01)

            done = asyncio.Event()
            posting = asyncio.create_task(post_for_a_while(done))
            for turn, (node, port) in enumerate(zip(nodes, ports, strict=True), 1):
                await wait_for(partial(_accepted, writer, 20 * turn), 30)
                node.kill9()
                await node.wait()
                rest = [one for one in nodes if not one.ended]
                await network.settled(rest)
                node.port = port
                await node.restart()
                await network.settled(nodes)
            done.set()
            await posting
            await wait_for(lambda: writer.accepted == set(refs), 30)
            await wait_for(lambda: len(reader.numbers()) >= len(refs), 30)
        assert reader.numbers() == list(range(len(refs)))


async def test_what_was_acknowledged_is_there_after_all_servers_were_killed_at_once(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        nodes = await network.build((0, 1))
        async with await nodes[0].client() as client:
            await client.register("alice", "pw")
        async with Reader(nodes[1], username="alice", secret="pw") as writer:
            refs = [writer.client.post({"n": number}) for number in range(50)]
            await wait_for(lambda: writer.accepted == set(refs), 15)
            for node in nodes:
                node.kill9()
            for node in nodes:
                await node.wait()
        for node in nodes:
            await node.restart()
        await network.settled(nodes)
        async with Reader(nodes[2], username="alice", secret="pw") as reader:
            await wait_for(lambda: reader.numbers() == list(range(50)), 15)


async def test_a_server_that_quits_hands_over_its_people_and_its_links(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS, "--no-redirects") as network:
        nodes = await network.build(STAR)
        async with await nodes[1].client() as watcher, await nodes[0].client() as base:
            await watcher.login()
            await base.login()
            native = await nodes[0].client()
            native.send({"command": "LOGIN", "username": "anonymous", "features": ["quit"]})
            await native.expect("LOGIN_SUCCESS")
            base.post({"text": "the last one here"}, "anonymous", "")
            await wait_for(lambda: "the last one here" in watcher.texts(), 10)
            nodes[0].terminate()
            told = await native.expect("QUIT", 10)
            sent = await base.expect("REDIRECT", 10)
            assert await nodes[0].wait(10) == 0
        successor = (sent["hostname"], sent["port"])
        assert successor == (told["new_server_ip"], told["new_server_port"])
        assert successor in [node.address for node in nodes[1:]]
        await network.settled(nodes[1:])
        left = [server for server in (await nodes[1].status())["servers"] if server["state"] == "unreachable"]
        assert left == []


async def test_two_servers_that_quit_at_once_leave_a_whole_network(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        nodes = await network.build(CHAIN)
        for node in nodes[2:4]:
            node.terminate()
        assert [await node.wait(15) for node in nodes[2:4]] == [0, 0]
        rest = [node for node in nodes if not node.ended]
        await network.settled(rest)


async def test_a_second_signal_ends_a_server_at_once(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        first, second = await network.build((0,))
        second.pause()
        first.terminate()
        await first.said("leaving after SIGTERM")
        await asyncio.sleep(0.15)
        first.interrupt()
        assert await first.wait(3) != 0
        second.resume()


async def test_a_stopped_server_is_noticed_and_is_back_when_it_goes_on(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        nodes = await network.build((0, 1))
        nodes[1].pause()
        rest = [nodes[0], nodes[2]]
        await network.settled(rest)
        nodes[1].resume()
        await network.settled(nodes)


async def test_garbage_on_the_socket_hurts_only_its_own_connection(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        (node,) = await network.build(())
        async with await node.client() as bystander:
            await bystander.login()
            for garbage in (b"\x00\xff\xfe\n", b"[" * 60_000 + b"\n", b"x" * 70_000, b"{}\n", b'{"command":"QUIT"}\n'):
                async with await node.client() as hostile:
                    hostile.send_raw(garbage)
                    await hostile.expect_refusal("INVALID_MESSAGE", 5)
            bystander.post({"text": "still here"}, "anonymous", "")
            await wait_for(lambda: bystander.texts() == ["still here"], 5)


async def test_a_data_directory_belongs_to_one_server(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        (node,) = await network.build(())
        process = await asyncio.create_subprocess_exec(
            *NodeProcess(node.data_dir).command(), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        _, said = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 6
        assert b"Traceback" not in said


async def test_a_server_with_the_wrong_secret_is_not_let_in(tmp_path: Path) -> None:
    async with node_network(tmp_path, *OPTIONS) as network:
        (node,) = await network.build(())
        stranger = NodeProcess(tmp_path / "stranger", secret="wrong", join=node.address)
        process = await asyncio.create_subprocess_exec(
            *stranger.command(), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        _, said = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 4
        assert b"secret" in said
