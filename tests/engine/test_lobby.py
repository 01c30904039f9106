"""Whoever connects and says nothing costs next to nothing, and nobody is told of them."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections import Counter

import pytest

from core.engine.arrivals import lobby as module
from core.engine.arrivals.caller import Caller
from core.engine.arrivals.lobby import Lobby
from core.engine.transport.stream_connection import StreamConnection
from core.node.interface.actions import Action, Known
from core.node.interface.events import ConnectionClosed, ConnectionOpened, Event, MessageReceived
from core.wire.codec import decode
from core.wire.messages import InvalidMessage, Ping
from tests.engine.harness import LIMIT, Peer, World, frame, until, world

pytestmark = pytest.mark.skipif(not Lobby.possible(), reason="this system has no epoll")


def lobby_of(here: World) -> Lobby:
    found = here.runtime.connections.lobby
    assert found is not None
    return found


def connections() -> int:
    return sum(isinstance(one, StreamConnection) for one in gc.get_objects())


async def crowd(here: World, count: int) -> list[Peer]:
    """So many that say nothing, all of them in the lobby."""
    known = len(lobby_of(here))
    peers = [await Peer.dial(here.port) for _ in range(count)]
    await until(lambda: len(lobby_of(here)) == known + count)
    return peers


async def test_nothing_is_made_for_those_who_say_nothing() -> None:
    async with world(lobby=LIMIT) as here:
        # Connections of earlier tests, which the collector takes away in the midst of this one.
        gc.collect()
        served = connections()
        before = Counter(type(one).__qualname__ for one in gc.get_objects())
        peers = await crowd(here, 100)
        grown = Counter(type(one).__qualname__ for one in gc.get_objects()) - before
        assert connections() == served
        assert not here.node.events
        # A socket and a caller each; the other hundred sockets are those that the test holds.
        many = {kind: count for kind, count in grown.items() if count >= 50}
        assert many == {"Peer": 100, "Caller": 100, "socket": 200}
        for peer in peers:
            peer.close()


async def test_who_says_something_is_heard_from_the_first_byte() -> None:
    async with world(lobby=LIMIT) as here:
        peers = await crowd(here, 20)
        await peers[7].say(frame(1).data[:1])
        (opened,) = await here.node.told(ConnectionOpened)
        assert opened.peer == peers[7].sock.getsockname()
        await peers[7].say(frame(1).data[1:] + frame(2).data)
        assert await here.node.numbers(2) == [1, 2]
        assert len(lobby_of(here)) == 19
        for peer in peers:
            peer.close()


async def test_who_says_something_and_ends_at_once_is_heard() -> None:
    async with world(lobby=LIMIT) as here:
        for number in range(20):
            peer = await Peer.dial(here.port)
            await peer.ping(number)
            peer.close()
        assert sorted(await here.node.numbers(20)) == list(range(20))
        await here.node.told(ConnectionClosed, 20)


@pytest.mark.parametrize("rude", [False, True], ids=["they end", "they reset"])
async def test_the_node_never_hears_of_a_crowd_that_leaves_without_a_word(rude: bool) -> None:
    async with world(lobby=LIMIT) as here:
        for peer in await crowd(here, 50):
            if rude:
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        await until(lambda: len(lobby_of(here)) == 0)
        assert not here.node.events
        assert len(here.runtime.connections.strangers) == 0


async def test_who_says_nothing_for_too_long_is_told_so_and_operators_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OVERDUE_AT_ONCE", 10)
    async with world(lobby=0.2) as here:
        peers = [await Peer.dial(here.port) for _ in range(60)]
        for peer in peers:
            said = decode((await peer.rest()).rstrip(b"\n"))
            assert isinstance(said, InvalidMessage) and "nothing valid was said within 0.2 seconds" in (said.info or "")
            peer.close()
        assert len(here.notices) == 1
        assert "127.0.0.1" in here.notices[0].text
        assert not here.node.events


async def test_of_one_that_says_nothing_operators_are_told_whence_it_came() -> None:
    async with world(lobby=0.2) as here:
        peer = await Peer.dial(here.port)
        await peer.rest()
        peer.close()
        (notice,) = here.notices
        assert notice.text == "a connection from 127.0.0.1 said nothing for 0.2 s and was closed"
        assert notice.kind == "refused"


async def test_one_that_says_nothing_keeps_no_flood_from_being_told() -> None:
    async with world(lobby=0.5, connections=20) as here:
        peer = await Peer.dial(here.port)
        await peer.rest()
        flood = [await Peer.dial(here.port) for _ in range(60)]
        await until(lambda: any("some are cut" in notice.text for notice in here.notices))
        for each in [peer, *flood]:
            each.close()


async def test_those_in_the_lobby_count_as_connections_and_give_way_when_there_is_no_room() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping()):
                return [Known(conn, named=False)]
        return []

    async with world(script, lobby=LIMIT, connections=20) as here:
        flood = [await Peer.dial(here.port) for _ in range(60)]
        honest = []
        for number in range(5):
            honest.append(await Peer.dial(here.port, source=f"127.0.0.{2 + number}"))
            await honest[-1].ping(1)
            await here.node.told(MessageReceived, len(honest))
            flood += [await Peer.dial(here.port) for _ in range(20)]
        await until(lambda: len(lobby_of(here)) + len(here.runtime.connections.open) <= 20)
        for peer in honest:
            await peer.ping(1)
        await here.node.told(MessageReceived, 2 * len(honest))
        said = decode((await flood[0].rest()).rstrip(b"\n"))
        assert isinstance(said, InvalidMessage) and "no room" in (said.info or "")


async def test_at_the_end_nobody_waits_any_more() -> None:
    async with world(lobby=LIMIT) as here:
        peers = await crowd(here, 10)
        await here.runtime.aclose("the test is over")
        for peer in peers:
            assert await peer.rest() == b""
        late = await Peer.dial(here.port)
        await until(lambda: len(lobby_of(here)) == 0)
        late.close()


async def test_the_loop_gets_a_turn_between_so_many_who_say_something(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(lobby=LIMIT) as here:
        peers = await crowd(here, 60)
        begun: Counter[int] = Counter()
        passed = [0]
        monkeypatch.setattr(Caller, "begin", lambda caller, *, encrypted: begun.update([passed[0]]))
        for peer in peers:
            peer.sock.send(frame(1).data)

        async with asyncio.timeout(LIMIT):
            while begun.total() < 60:
                passed[0] += 1
                await asyncio.sleep(0)
        assert max(begun.values()) <= module.AT_ONCE
