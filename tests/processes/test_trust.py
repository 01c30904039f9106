"""Servers that link with each other, and those who listen, answer or stand where they should not: real processes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.base_peers.network import SECRET
from tests.processes.harness import REPOSITORY, NodeNetwork, NodeProcess, wait_for
from tests.processes.rogues import Noted, listening, passing_on, strangers_keys

TRIES = 1000
TEXT = "what nobody else is to read"


async def networks(*nodes: NodeProcess) -> set[str]:
    return {(await node.status())["network"] for node in nodes}


async def links_of(node: NodeProcess) -> list[dict[str, object]]:
    status = await node.status()
    return [one for one in status["connections"] if one["role"] == "server"]


def nothing_of_value(noted: Noted) -> bool:
    """Whether what was noted has no secret in it, and no text."""
    return not any(word.encode() in noted.everything for word in (SECRET, TEXT, "AUTHENTICATE", "SERVER_ANNOUNCE"))


async def refused_to_start(node: NodeProcess) -> str:
    """Start a node that is to end by itself; what it says."""
    with pytest.raises(AssertionError, match="ended with status 4"):
        await node.start()
    return node.stderr


async def test_a_server_joins_with_the_secret_links_encrypted_and_needs_no_secret_afterwards(
    nodes: NodeNetwork,
) -> None:
    first = await nodes.start()
    second = await nodes.start(first)
    await nodes.settled()
    assert len(await networks(first, second)) == 1
    assert [link["encrypted"] for link in await links_of(first)] == [True]
    await second.quit()
    second.secret = "not the network's any more"
    await second.restart()
    await nodes.settled()
    assert len(await networks(first, second)) == 1


async def test_a_server_with_another_secret_is_told_so_and_ends(nodes: NodeNetwork) -> None:
    first = await nodes.start()
    other = NodeProcess(nodes.directory / "other", secret="another", join=first.address, options=nodes.options)
    assert "the secret is not its network's" in await refused_to_start(other)
    await first.said("does not know the network's secret")


async def test_nothing_that_two_servers_say_to_each_other_can_be_read_on_the_way(nodes: NodeNetwork) -> None:
    """From the first join to a quit, with somebody who registers and posts."""
    first = await nodes.start()
    async with passing_on(first.port) as between:
        second = await nodes.start(("127.0.0.1", between.port))
        await nodes.settled()
        async with await second.client() as client, await first.client() as reader:
            await client.register("ann", "a secret of ann's")
            await client.login("ann", "a secret of ann's")
            await reader.login()
            client.post({"text": TEXT})
            await wait_for(lambda: reader.record.got("ACTIVITY_BROADCAST"), 20.0, "it is read")
        assert await second.quit() == 0
    assert sum(map(len, between.heard)) > 2000
    assert nothing_of_value(between)
    assert b"a secret of ann" not in between.everything


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("links", ["base", "mixed"])
@pytest.mark.parametrize("encrypts", [False, True])
async def test_whoever_takes_the_port_of_a_killed_neighbour_hears_nothing(
    nodes: NodeNetwork, encrypts: bool, links: str
) -> None:
    first = await nodes.start(options=("--links", links))
    second = await nodes.start(first, options=("--links", links))
    await nodes.settled()
    second.kill9()
    await second.wait()
    async with listening(second.port, strangers_keys().listening if encrypts else None, b"{}\n") as rogue:
        await wait_for(lambda: len(rogue.heard) >= 3, 50.0, "it is dialled")
    assert nothing_of_value(rogue)
    # In clear the beginning of a TLS handshake, and over TLS not a word.
    assert {bytes(one[:1]) for one in rogue.heard} <= ({b""} if encrypts else {b"", b"\x16"})
    await second.restart()
    await nodes.settled()


async def test_who_passes_everything_on_to_a_server_that_is_to_be_joined_gets_nobody_in(nodes: NodeNetwork) -> None:
    first = await nodes.start()
    keys = strangers_keys()
    async with passing_on(first.port, keys.listening, keys.asking) as between:
        victim = NodeProcess(
            nodes.directory / "victim", secret=SECRET, join=("127.0.0.1", between.port), options=nodes.options
        )
        assert "the secret is not its network's" in await refused_to_start(victim)
    assert b"ADMISSION_SHARE" in between.everything
    assert nothing_of_value(between)


async def test_a_server_that_speaks_only_in_clear_is_not_joined_unless_it_was_named_as_one(nodes: NodeNetwork) -> None:
    answer = b'{"command":"INVALID_MESSAGE","info":"what is that?"}\n'
    async with listening(answer=answer) as base:
        node = NodeProcess(
            nodes.directory / "node", secret=SECRET, join=("127.0.0.1", base.port), options=nodes.options
        )
        said = await refused_to_start(node)
        assert "--base" in said and "--links mixed" in said
        assert nothing_of_value(base)
        await nodes.start(("127.0.0.1", base.port), base=True)
        await wait_for(lambda: SECRET.encode() in base.everything, 20.0, "the secret is shown")
        await nodes.nodes[0].said("the network's secret is sent to")


@pytest.mark.timeout(300)
async def test_a_server_comes_by_an_invitation_once(nodes: NodeNetwork) -> None:
    first = await nodes.start()
    where = f"{first.host}:{first.port}"
    line = (await _invited(first, where)).split()[-1]
    assert line.startswith(f"{where}/")
    second = Invitee(nodes.directory / "second", line, nodes.options)
    nodes.nodes.append(second)
    await second.start()
    await nodes.settled()
    assert len(await networks(first, second)) == 1
    assert line.rpartition("/")[2].encode() not in _read(Path(f"/proc/{second.pid}/cmdline"))
    assert len({_read(node.data_dir / "network-secret") for node in (first, second)}) == 1
    said = await refused_to_start(Invitee(nodes.directory / "third", line, nodes.options))
    assert "the invitation has been used or has expired" in said
    assert f"Another invitation is needed: there, F8 or `activity-tui invite server {where}` makes it" in said


def _read(path: Path) -> bytes:
    return path.read_bytes()


class Invitee(NodeProcess):
    """A server that is started with an invitation in the place of the secret."""

    def __init__(self, data_dir: Path, line: str, options: Sequence[str]) -> None:
        super().__init__(data_dir, options=options)
        self.line = line

    def command(self) -> list[str]:
        words = super().command()
        at = words.index("--secret")
        words[at : at + 2] = []
        return [*words[: words.index("serve")], "join", self.line, *words[words.index("serve") + 1 :]]


async def _invited(node: NodeProcess, where: str) -> str:
    """What `activity-tui invite` prints at a server."""
    command = [sys.executable, "-m", "tui", "invite", "server", where, "--data-dir", str(node.data_dir)]
    done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY)
    printed, _ = await done.communicate()
    assert done.returncode == 0
    return printed.decode()


async def test_servers_that_are_joined_by_each_other_take_the_older_networks_key(nodes: NodeNetwork) -> None:
    older = await nodes.build([0])
    younger = await nodes.build([0])
    before = await networks(*older)
    assert await networks(*younger) != before
    await younger[1].quit()
    await younger[1].restart(join=older[1].address)
    await nodes.settled()
    await wait_for(lambda: _is_one(nodes, before), 20.0, "one key")


async def _is_one(nodes: NodeNetwork, expected: set[str]) -> bool:
    return await networks(*nodes.running) == expected


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_who_dial_without_the_secret_get_nothing_and_the_server_goes_on(nodes: NodeNetwork) -> None:
    """In clear and encrypted, with a certificate of another network and with none, with and without noise."""
    first = await nodes.start()
    second = await nodes.start(first)
    await nodes.settled()
    keys = strangers_keys()
    lines = (
        b'{"command":"AUTHENTICATE","secret":"guess"}\n',
        b'{"command":"AUTHENTICATE","secret":"","id":"x","incarnation":1,"features":["sync"]}\n',
        b'{"command":"ADMISSION_REQUEST","key":"%s=","share":"QUJD"}\n' % (b"A" * 43),
        b'{"command":"NETWORK_NEWS","network":"%s=","seed":"%s="}\n' % (b"A" * 43, b"A" * 43),
        b"\x16\x03\x01\x00\x05noise\n",
    )
    heard = bytearray()
    before = await networks(first)
    for number in range(TRIES):
        context = (None, keys.asking, keys.dialling)[number % 3]
        heard += await _say(first.port, lines[number % len(lines)], context)
    assert not any(word in heard for word in (b"seed", b"SERVER_HELLO", b"ADMISSION_GRANTED", SECRET.encode()))
    # Whoever comes from there with the secret is slowed by then; members show none.
    await second.quit()
    await second.restart()
    await nodes.settled()
    assert await networks(first, second) == before


async def _say(port: int, line: bytes, context: ssl.SSLContext | None) -> bytes:
    """What a server answers, until it closes or a moment has passed."""
    heard = b""
    try:
        async with asyncio.timeout(0.2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            try:
                writer.write(line)
                await writer.drain()
                while data := await reader.read(4096):
                    heard += data
            finally:
                writer.transport.abort()
    except (TimeoutError, OSError):
        pass
    return heard


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_dials_to_a_killed_neighbours_port_tell_who_listens_there_nothing(nodes: NodeNetwork) -> None:
    first = await nodes.start()
    second = await nodes.start(first)
    await nodes.settled()
    second.kill9()
    await second.wait()
    silent, noted = 0, []
    keys = strangers_keys().listening
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for number in range(4):
            async with listening(second.port, keys if number % 2 else None, b"{}\n" if number < 2 else b"") as rogue:
                await wait_for(lambda: len(rogue.heard) >= 3, 90.0, "it is dialled")
            noted.append(rogue)
            silent += nothing_of_value(rogue)
    assert silent == len(noted)
