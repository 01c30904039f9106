"""What one address does to a server, and what everybody else notices of it."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import sys
import threading
import tracemalloc
import weakref
from collections import Counter, deque
from pathlib import Path

import pytest

from core.engine.driving import turns
from core.engine.engine_settings import EngineSettings
from core.engine.server import Server
from core.engine.threads import passwords as module
from core.engine.transport.line_intake import LOOKS_AT_TIME
from core.engine.upkeep import heap as memory
from core.node.interface.actions import Action, HashSecret, Known, Send, Trust, VerifySecret
from core.node.interface.events import (
    ConnectionClosed,
    ConnectionOpened,
    Event,
    MalformedReceived,
    MessageReceived,
    SecretHashed,
    SecretVerified,
)
from core.wire.framing import LineSplitter
from core.wire.messages import Ping
from tests.engine.harness import LIMIT, Peer, World, frame, until, world


def frames(*numbers: int) -> bytes:
    return b"".join(frame(number).data for number in numbers)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets that were looked at, while `gate` keeps the first ones from being finished."""
    secrets: list[str] = []

    def verify(_: object, secret: str, verifier: str | None) -> bool:
        secrets.append(secret)
        assert GATE.wait(LIMIT)
        return False

    GATE.clear()
    monkeypatch.setattr(module.Passwords, "_verify", verify)
    return secrets


GATE = threading.Event()


def check_each(event: Event) -> list[Action]:
    """A node that has a secret checked for each message."""
    if isinstance(event, MessageReceived):
        token = 1000 + event.conn
        return [VerifySecret(token, f"secret {event.conn}", None, event.conn, "ann")]
    return []


async def test_the_secrets_of_those_who_hung_up_are_not_looked_at(computed: list[str]) -> None:
    async with world(check_each) as here:
        mallories = [await here.client() for _ in range(50)]
        for peer in mallories:
            await peer.ping(1)
        await here.node.told(MessageReceived, 50)
        for peer in mallories:
            peer.close()
        # Two are being computed; all others are answered as not looked at.
        dropped = await here.node.told(SecretVerified, 48)
        assert {one.matches for one in dropped} == {None}
        ann = await here.client()
        await ann.ping(1)
        await here.node.told(MessageReceived, 51)
        GATE.set()
        await here.node.told(SecretVerified, 51)
        assert len(computed) == 3
        assert computed[-1] == f"secret {ann.conn}"


async def from_address(here: World, address: str) -> Peer:
    known = len(here.node.of(ConnectionOpened))
    peer = await Peer.dial(here.port, source=address)
    peer.conn = (await here.node.told(ConnectionOpened, known + 1))[-1].conn
    return peer


async def test_somebody_from_elsewhere_waits_for_nobodys_flood(computed: list[str]) -> None:
    async with world(check_each) as here:
        for _ in range(30):
            await (await from_address(here, "127.0.0.1")).ping(1)
        await here.node.told(MessageReceived, 30)
        ann = await from_address(here, "127.0.0.2")
        await ann.ping(1)
        await here.node.told(MessageReceived, 31)
        GATE.set()
        await here.node.told(SecretVerified, 31)
        assert f"secret {ann.conn}" in computed[:4], "two were under way, and another one may have its turn first"


async def test_a_registration_is_not_hashed_for_somebody_who_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(module.Passwords, "_hash", lambda *_: "made" if gate.wait(LIMIT) else None)

    def script(event: Event) -> list[Action]:
        if isinstance(event, MessageReceived):
            return [HashSecret(event.conn, "s", event.conn, "ann")]
        return []

    async with world(script) as here:
        peers = [await here.client() for _ in range(5)]
        for peer in peers:
            await peer.ping(1)
        await here.node.told(MessageReceived, 5)
        for peer in peers:
            peer.close()
        assert [one.verifier for one in await here.node.told(SecretHashed, 3)] == [None] * 3
        gate.set()
        await here.node.told(SecretHashed, 5)


async def test_nothing_is_remembered_of_checks_that_are_over(computed: list[str]) -> None:
    GATE.set()
    async with world(check_each) as here:
        peer = await here.client()
        await peer.ping(1, 2, 3)
        await here.node.told(SecretVerified, 3)
        await until(lambda: not here.runtime.checks)
        peer.close()
    await asyncio.sleep(0)


class Clock:
    """A clock on which every look takes a millisecond."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now

    def time(self) -> float:
        return self.now


async def passes(counted: list[int]) -> None:
    """Count the passes of the loop."""
    while True:
        counted[0] += 1
        await asyncio.sleep(0)


@pytest.mark.parametrize("rude", [False, True], ids=["they end", "they reset"])
async def test_what_hundreds_do_at_once_is_taken_up_in_many_passes(rude: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    number = [0]
    closed_in: Counter[int] = Counter()
    said_in: Counter[int] = Counter()

    def script(event: Event) -> list[Action]:
        match event:
            case ConnectionClosed():
                closed_in[number[0]] += 1
            case MessageReceived():
                said_in[number[0]] += 1
        return []

    async with world(script) as here:
        counting = asyncio.create_task(passes(number))
        peers = [await here.client() for _ in range(200)]
        monkeypatch.setattr(turns, "time", Clock())
        for peer in peers:
            peer.sock.send(frames(*range(20)))
        await here.node.told(MessageReceived, 200 * 20)
        for peer in peers:
            if rude:
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        await here.node.told(ConnectionClosed, 200)
        assert max(closed_in.values()) <= 10
        # Between two looks there are as many as `LOOKS_AT_TIME`.
        assert max(said_in.values()) <= 10 * LOOKS_AT_TIME
        said = [one.message for one in here.node.of(MessageReceived) if one.conn == peers[7].conn]
        assert said == [Ping(number) for number in range(20)], "each one's in order"
        counting.cancel()


async def test_what_was_said_before_the_end_is_heard_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as here:
        peers = [await here.client() for _ in range(50)]
        monkeypatch.setattr(turns, "time", Clock())
        for peer in peers:
            peer.sock.send(frames(*range(40)))
            peer.close()
        await here.node.told(ConnectionClosed, 50)
        for peer in peers:
            mine = [one for one in here.node.events if getattr(one, "conn", None) == peer.conn]
            assert len(mine) == 42
            assert isinstance(mine[-1], ConnectionClosed)


async def test_lines_that_never_end_hold_no_more_memory_than_they_may() -> None:
    async with world(unfinished_bytes=1_000_000) as here:
        flood = [await from_address(here, "127.0.0.1") for _ in range(40)]
        honest = await from_address(here, "127.0.0.2")
        await honest.say(frame(1).data[:10])
        for peer in flood:
            await peer.say(b"x" * 40_000)
        await here.node.told(MalformedReceived, 10)
        assert here.runtime.connections.unfinished_lines.total <= 1_000_000
        await honest.say(frame(1).data[10:])
        assert await here.node.numbers(1) == [1]


async def test_a_line_of_a_connection_that_is_being_closed_holds_nothing_any_more() -> None:
    async with world(linger=LIMIT) as here:
        peer = await here.client()
        await peer.say(b"x" * 40_000)
        await until(lambda: here.runtime.connections.unfinished_lines.total == 40_000)
        here.runtime.connections.by_number[peer.conn].close("enough")
        assert here.runtime.connections.unfinished_lines.total == 0
        assert here.runtime.connections.open


async def test_a_server_with_the_secret_may_have_long_lines_under_way() -> None:
    def script(event: Event) -> list[Action]:
        return [Trust(event.conn)] if isinstance(event, ConnectionOpened) else []

    async with world(script, unfinished_bytes=100_000) as here:
        peers = [await here.client() for _ in range(4)]
        for peer in peers:
            await peer.say(frame(1, 900_000).data[:-1])
        await asyncio.sleep(0)
        for peer in peers:
            await peer.say(b"\n")
        assert await here.node.numbers(4) == [1] * 4


def test_a_line_that_comes_byte_by_byte_costs_little_more_than_its_bytes() -> None:
    splitter = LineSplitter(100_000)
    tracemalloc.start()
    for _ in range(60_000):
        splitter.feed(b"x")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert splitter.pending_bytes == 60_000
    assert held < 150_000


def identifies(event: Event) -> list[Action]:
    """A node that knows who somebody is when they have said something."""
    match event:
        case MessageReceived(conn, Ping(number)):
            return [Known(conn, named=number == 1)]
    return []


async def test_a_flood_of_connections_that_say_nothing_leaves_room_for_whoever_says_something() -> None:
    async with world(identifies, connections=20) as here:
        flood = [await Peer.dial(here.port) for _ in range(60)]
        honest = []
        for number in range(5):
            known = len(here.node.of(MessageReceived))
            honest.append(await Peer.dial(here.port, source=f"127.0.0.{2 + number}"))
            await honest[-1].ping(1)
            await here.node.told(MessageReceived, known + 1)
            flood += [await Peer.dial(here.port) for _ in range(20)]
        await until(lambda: len(here.runtime.connections.open) - here.runtime.connections.refused <= 20)
        for peer in honest:
            await peer.ping(1)
        await here.node.told(MessageReceived, 2 * len(honest))


async def test_each_who_comes_at_once_takes_the_place_of_another_one_that_is_being_closed() -> None:
    async with world(identifies, connections=4, linger=LIMIT) as here:
        closing = [await here.client() for _ in range(4)]
        for peer in closing:
            here.runtime.connections.by_number[peer.conn].close("enough")
        crowd = [socket.create_connection(("127.0.0.1", here.port), LIMIT) for _ in range(3)]
        await here.node.told(ConnectionOpened, 7)
        await until(lambda: len(here.runtime.connections.open) - here.runtime.connections.refused <= 4)
        for one in crowd:
            one.close()


async def test_whoever_says_something_at_once_gets_in_from_the_floods_own_address_too() -> None:
    async with world(identifies, connections=20) as here:
        flood = [await Peer.dial(here.port) for _ in range(60)]
        honest = await Peer.dial(here.port)
        await honest.ping(1)
        await here.node.told(MessageReceived)
        flood += [await Peer.dial(here.port) for _ in range(60)]
        await until(lambda: len(here.runtime.connections.open) - here.runtime.connections.refused <= 20)
        await honest.ping(1)
        await here.node.told(MessageReceived, 2)


async def test_a_server_that_has_shown_the_secret_keeps_its_place_in_a_flood_from_its_own_address() -> None:
    def script(event: Event) -> list[Action]:
        return [Trust(event.conn)] if isinstance(event, MessageReceived) else []

    async with world(script, connections=20) as here:
        server = await Peer.dial(here.port)
        await server.say(frame(1).data[:10])
        await until(lambda: here.runtime.connections.unfinished_lines.total == 10)
        await server.say(frame(1).data[10:])
        await here.node.told(MessageReceived)
        flood = [await Peer.dial(here.port) for _ in range(120)]
        await here.node.told(ConnectionOpened, 100)
        await until(lambda: len(here.runtime.connections.open) - here.runtime.connections.refused <= 20)
        await server.ping(2)
        assert len(flood) == 120 and await here.node.numbers(2) == [1, 2]


async def test_operators_are_told_once_who_floods() -> None:
    async with world(identifies, connections=20) as here:
        flood = [await Peer.dial(here.port) for _ in range(100)]
        await until(lambda: bool(here.notices))
        flood += [await Peer.dial(here.port) for _ in range(20)]
        await here.node.told(ConnectionOpened, 100)
        assert len(here.notices) == 1
        assert "127.0.0.1" in here.notices[0].text


async def test_memory_is_given_back_some_time_after_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(True))
    monkeypatch.setattr(memory, "DELAY", 0.01)
    monkeypatch.setattr(memory, "FREED_MIN", 20)
    async with world() as here:
        for peer in [await here.client() for _ in range(19)]:
            peer.close()
        await here.node.told(ConnectionClosed, 19)
        assert not here.runtime.connections.memory._timer
        (await here.client()).close()
        await until(lambda: bool(given))


async def test_the_collector_looks_at_no_crowd_and_at_everything_when_it_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "give_back", lambda: True)
    monkeypatch.setattr(memory, "DELAY", 0.01)
    monkeypatch.setattr(memory, "FREED_MIN", 60)
    monkeypatch.setattr(memory, "CROWD", 20)
    frozen = gc.get_freeze_count()
    async with world() as here:
        peers = [await here.client() for _ in range(19)]
        assert gc.get_freeze_count() == frozen
        peers += [await here.client() for _ in range(41)]
        connections = list(here.runtime.connections.by_number.values())
        looked_at = {id(one) for one in gc.get_objects()}
        assert not {id(one) for one in connections} & looked_at
        del connections
        for peer in peers:
            peer.close()
        await until(lambda: gc.get_freeze_count() == 0)


async def test_what_becomes_garbage_out_of_the_collectors_sight_is_found_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "CROWD", 5)
    monkeypatch.setattr(memory, "FULL_AFTER", 3)

    class Cycle:
        itself: Cycle

    async with world() as here:
        cycle = Cycle()
        cycle.itself = cycle
        kept = weakref.ref(cycle)
        peers = [await here.client() for _ in range(5)]
        del cycle
        gc.collect()
        assert kept() is not None, "it was moved while it was in use"
        peers += [await here.client() for _ in range(15)]
        assert kept() is None
        for peer in peers:
            peer.close()


async def test_nothing_of_a_connection_is_left_for_the_collector() -> None:
    async with world() as here:
        peer = await here.client()
        kept = weakref.ref(here.runtime.connections.by_number[peer.conn].outbox)
        gc.disable()
        try:
            peer.close()
            await here.node.told(ConnectionClosed)
            await until(lambda: not here.runtime.connections.open)
            await until(lambda: kept() is None)
        finally:
            gc.enable()


async def test_a_server_does_not_wait_for_what_hundreds_of_strangers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(7)):
                return [Trust(conn)]
        return []

    async with world(script) as here:
        server = await here.client()
        await server.ping(7)
        strangers = [await here.client() for _ in range(100)]
        monkeypatch.setattr(turns, "time", Clock())
        for peer in strangers:
            peer.sock.send(frames(*range(50)))
        server.sock.send(frames(*range(100, 300)))
        await here.node.told(MessageReceived, 1 + 100 * 50 + 200)
        said = [one.conn for one in here.node.of(MessageReceived)][1:]
        last = max(position for position, conn in enumerate(said) if conn == server.conn)
        assert last < len(said) // 2


async def test_who_takes_what_is_sent_costs_no_queues() -> None:
    def script(event: Event) -> list[Action]:
        return [Send(event.conn, frame(1))] if isinstance(event, MessageReceived) else []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(1)
        assert await peer.hear(len(frame(1).data)) == frame(1).data
        connection = here.runtime.connections.by_number[peer.conn]
        held = gc.get_referents(connection, connection.outbox)
        assert not any(isinstance(one, deque) for one in held)


async def test_what_python_keeps_of_freed_objects_for_the_next_ones_is_let_go_after_a_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[bool] = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(True))
    monkeypatch.setattr(memory, "DELAY", 0.0)
    trimmer = memory.HeapTrimmer(asyncio.get_running_loop())
    kept = [tuple(range(number, number + 17)) for number in range(1_500)]
    gc.collect()
    del kept
    spare = sys.getallocatedblocks()
    for _ in range(memory.FREED_MIN):
        trimmer.freed()
    await until(lambda: bool(given))
    assert sys.getallocatedblocks() < spare - 1_000
    assert gc.get_freeze_count() == 0
    trimmer.close()


async def test_the_collector_looks_at_nothing_that_a_server_is_made_of_until_it_ends(tmp_path: Path) -> None:
    server = Server(EngineSettings(data_dir=tmp_path, host="127.0.0.1", port=0))
    await server.start()
    looked_at = {id(one) for one in gc.get_objects()}
    assert id(server) not in looked_at
    await server.abort()
    assert gc.get_freeze_count() == 0


async def test_servers_that_say_much_have_turns_and_nobody_waits_for_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A neighbour that sends as fast as it can does not keep another one, or a stranger, from having a word."""

    def script(event: Event) -> list[Action]:
        return [Trust(event.conn)] if isinstance(event, MessageReceived) and event.message == Ping(1000) else []

    async with world(script) as here:
        flooding, other, stranger = [await here.client() for _ in range(3)]
        for peer in (flooding, other):
            await peer.ping(1000)
        await here.node.told(MessageReceived, 2)
        clock = Clock()
        clock.now = asyncio.get_running_loop().time() + LIMIT
        monkeypatch.setattr(turns, "time", clock)
        del here.node.events[:]
        flooding.sock.send(frames(*range(400)))
        other.sock.send(frames(*range(100)))
        stranger.sock.send(frames(0))
        received = await here.node.told(MessageReceived, 501)
        conns = [one.conn for one in received]
        assert conns.index(stranger.conn) <= 2 * LOOKS_AT_TIME
        last = len(conns) - conns[::-1].index(other.conn)
        assert conns[:last].count(flooding.conn) <= 100 + 2 * LOOKS_AT_TIME, "turn by turn"
        for peer, count in ((flooding, 400), (other, 100)):
            assert [one.message for one in received if one.conn == peer.conn] == [Ping(at) for at in range(count)]
