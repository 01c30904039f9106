"""Driving a node: order, time, faults, limits, slow readers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time

import pytest

from core.node.interface.actions import (
    Action,
    Broadcast,
    Close,
    FetchPage,
    Finished,
    Known,
    Notify,
    Persist,
    Send,
    Subscribe,
    Trust,
    Unsubscribe,
    WakeAt,
)
from core.node.interface.events import (
    CommitFailed,
    Committed,
    ConnectionClosed,
    ConnectionOpened,
    DisconnectRequested,
    Event,
    Fetched,
    MessageReceived,
    StoreRecovered,
    Woke,
)
from core.node.interface.notices import Notice
from core.wire.entries import Fetch, Page
from core.wire.messages import Ping
from tests.engine.harness import MemoryStore, Peer, entry, frame, until, world


def relay(event: Event) -> list[Action]:
    """Everybody gets what anybody says."""
    match event:
        case ConnectionOpened(conn):
            return [Subscribe(conn)]
        case MessageReceived(_, Ping(number)):
            return [Broadcast(frame(number))]
    return []


def frames(*numbers: int) -> bytes:
    return b"".join(frame(number).data for number in numbers)


async def test_a_broadcast_reaches_every_subscriber_in_order() -> None:
    async with world(relay) as here:
        peers = [await here.client() for _ in range(5)]
        await peers[0].ping(*range(100))
        for peer in peers:
            assert await peer.hear(len(frames(*range(100)))) == frames(*range(100))


async def test_private_frames_keep_their_place_between_broadcasts() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, _):
                return [
                    Subscribe(conn),
                    Broadcast(frame(1)),
                    Send(conn, frame(2)),
                    Broadcast(frame(3)),
                    Unsubscribe(conn),
                    Broadcast(frame(4)),
                    Send(conn, frame(5)),
                    Close(conn, ""),
                ]
        return []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(0)
        assert await peer.rest() == frames(1, 2, 3, 5)


async def test_actions_for_connections_that_are_gone_do_nothing() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case ConnectionClosed(conn):
                return [Send(conn, frame(1)), Subscribe(conn), Unsubscribe(conn), Trust(conn), Close(conn, "")]
        return []

    async with world(script) as here:
        (await here.client()).close()
        await here.node.told(ConnectionClosed)
        peer = await here.client()
        here.runtime.connections.send(Send(peer.conn, frame(2)))
        assert await peer.hear(len(frames(2))) == frames(2)


# --- time ---------------------------------------------------------------------------------------------------------


async def test_the_node_is_woken_at_the_time_that_it_asked_for_last() -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    woken: list[float] = []

    def script(event: Event) -> list[Action]:
        if isinstance(event, Woke):
            woken.append(loop.time())
            return [WakeAt(begin + 0.1)] if len(woken) == 1 else []
        return []

    wakes = [WakeAt(begin + 5), WakeAt(begin + 0.02), WakeAt(begin + 0.05)]
    async with world(script, starting=wakes) as here:
        await here.node.told(Woke, 2)
        assert woken[0] - begin >= 0.047
        assert woken[1] - begin >= 0.097
        await asyncio.sleep(0.03)
        assert len(woken) == 2


async def test_a_node_that_is_woken_is_told_no_earlier_time_than_it_asked_for() -> None:
    loop = asyncio.get_running_loop()
    asked: list[float] = [loop.time() + 0.01]
    told: list[float] = []

    async with world(starting=[WakeAt(asked[0])]) as here:
        real = here.node.handle

        def handle(event: Event, now: tuple[float, float]) -> list[Action]:
            real(event, now)  # type: ignore[arg-type]
            told.append(now[0])
            asked.append(now[0] + 0.0007)
            return [WakeAt(asked[-1])]

        here.node.handle = handle  # type: ignore[method-assign]
        await here.node.told(Woke, 20)
    assert all(at >= wanted for at, wanted in zip(told, asked, strict=False))
    assert told == sorted(told)


async def test_what_comes_of_an_action_is_handed_in_behind_all_that_was_wanted_with_it() -> None:
    """So the time at which the node wants to be woken is the one that it named last, and nothing overtakes anything."""
    loop = asyncio.get_running_loop()
    begin = loop.time()

    def script(event: Event) -> list[Action]:
        match event:
            case StoreRecovered():
                return [Notify(Notice(1.0, "lost", "")), Notify(Notice(2.0, "alone", "")), WakeAt(begin + 3_600.0)]
            case DisconnectRequested():
                return [Notify(Notice(3.0, "healed", "")), WakeAt(begin + 0.05)]
        return []

    async with world(script) as here:
        note = here.runtime._on_notice

        def noted(notice: Notice) -> None:
            note(notice)
            if notice.kind == "lost":
                here.runtime.deliver(DisconnectRequested(1, "of the notice"))

        here.runtime._on_notice = noted
        here.runtime.deliver(StoreRecovered())
        assert [notice.kind for notice in here.notices] == ["lost", "alone", "healed"]
        await here.node.told(Woke)


async def test_an_action_that_fails_keeps_back_nothing_that_comes_of_another(caplog: pytest.LogCaptureFixture) -> None:
    def script(event: Event) -> list[Action]:
        return [Notify(Notice(1.0, "lost", "")), Notify(Notice(2.0, "alone", ""))] if event == StoreRecovered() else []

    async with world(script) as here:

        def noted(notice: Notice) -> None:
            here.runtime.deliver(DisconnectRequested(1, notice.kind))
            raise ZeroDivisionError("a planted fault")

        here.runtime._on_notice = noted
        here.runtime.deliver(StoreRecovered())
        assert [event.reason for event in here.node.of(DisconnectRequested)] == ["lost", "alone"]
        here.runtime.deliver(DisconnectRequested(1, "later"))
        assert here.node.of(DisconnectRequested)[-1].reason == "later"


# --- faults -------------------------------------------------------------------------------------------------------


def faulty(event: Event) -> list[Action]:
    match event:
        case MessageReceived(_, Ping(13)):
            raise ZeroDivisionError("a planted fault")
        case DisconnectRequested(conn, reason):
            return [Send(conn, frame(99)), Close(conn, reason)]
    return relay(event)


async def test_a_fault_in_handling_a_message_costs_only_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with world(faulty) as here:
        unlucky, other = await here.client(), await here.client()
        await unlucky.ping(1, 13, 2)
        assert await unlucky.rest() == frames(1, 99)
        await other.ping(3)
        assert await other.hear(len(frames(1, 3))) == frames(1, 3)
        assert "a planted fault" in caplog.text
        (notice,) = here.notices
        assert notice.severity == "error"


async def test_a_fault_in_a_node_that_cannot_even_disconnect_costs_only_the_connection() -> None:
    def script(event: Event) -> list[Action]:
        if isinstance(event, DisconnectRequested):
            raise KeyError("again")
        return faulty(event)

    async with world(script) as here:
        unlucky, other = await here.client(), await here.client()
        await unlucky.ping(13)
        assert await unlucky.rest() == b""
        await other.ping(3)
        assert await other.hear(len(frames(3))) == frames(3)


async def test_a_fault_elsewhere_is_logged_and_the_node_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def script(event: Event) -> list[Action]:
        if isinstance(event, Woke):
            raise ZeroDivisionError("a planted fault")
        return relay(event)

    async with world(script, starting=[WakeAt(0.0)]) as here:
        await here.node.told(Woke)
        peer = await here.client()
        await peer.ping(1)
        assert await peer.hear(len(frames(1))) == frames(1)
        assert "a planted fault" in caplog.text


async def test_an_action_that_cannot_be_carried_out_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, _):
                return ["no action", Send(conn, frame(1))]  # type: ignore[list-item]
        return []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(0)
        assert await peer.hear(len(frames(1))) == frames(1)
        assert "an action could not be carried out" in caplog.text


async def test_a_secret_in_a_message_that_cannot_be_handled_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def script(event: Event) -> list[Action]:
        if isinstance(event, MessageReceived):
            raise ZeroDivisionError
        return []

    caplog.set_level(logging.DEBUG)
    async with world(script) as here:
        peer = await here.client()
        await peer.say(b'{"command":"LOGIN","username":"u","secret":"swordfish"}\n')
        await peer.rest()
        assert "MessageReceived" in caplog.text
        assert "swordfish" not in caplog.text


# --- limits -------------------------------------------------------------------------------------------------------


def relay_among_known(event: Event) -> list[Action]:
    """The same, and whoever opens a connection is known at once."""
    known: list[Action] = [Known(event.conn, named=True)] if isinstance(event, ConnectionOpened) else []
    return known + relay(event)


async def test_one_connection_too_many_is_told_so_and_the_node_never_hears_of_it() -> None:
    async with world(relay_among_known, connections=2) as here:
        first, second = await here.client(), await here.client()
        third = await Peer.dial(here.port)
        assert b"INVALID_MESSAGE" in (answer := await third.rest())
        assert b"no room for more than 2 connections" in answer
        third.close()
        assert len(here.node.of(ConnectionOpened)) == 2
        first.close()
        await here.node.told(ConnectionClosed)
        await until(lambda: not here.runtime.connections.refused)
        fourth = await here.client()
        await fourth.ping(1)
        assert await second.hear(len(frames(1))) == frames(1)


async def test_a_crowd_above_the_limit_is_cut_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.engine.driving.connection_table.REFUSED_MAX", 1)
    async with world(connections=0, linger=5.0) as here:
        told = await Peer.dial(here.port)
        await until(lambda: here.runtime.connections.refused == 1)
        cut = await Peer.dial(here.port)
        with contextlib.suppress(ConnectionResetError):
            assert await cut.rest() == b""
        assert b"no room" in await told.rest()
        told.close()
        await until(lambda: not here.runtime.connections.open)


async def test_a_reader_that_lets_too_much_wait_is_cut_with_a_reason_and_others_get_everything() -> None:
    async with world(relay, client_queue_bytes=1_000_000) as here:
        slow, fast = await here.client(receive_buffer=4096), await here.client()
        big = frame(1, 60_000)
        reading = asyncio.create_task(fast.hear(400 * len(big.data)))
        for _ in range(400):
            here.runtime.connections.broadcast(Broadcast(big))
            await asyncio.sleep(0.001)
        (closed,) = await here.node.told(ConnectionClosed)
        assert (closed.conn, closed.reason) == (slow.conn, "too slow: more than 1000000 bytes waited")
        assert closed.unsent > 1_000_000
        assert await reading == big.data * 400


async def test_a_trusted_reader_may_let_more_wait() -> None:
    def script(event: Event) -> list[Action]:
        return [Trust(event.conn)] if isinstance(event, ConnectionOpened) else []

    async with world(script, client_queue_bytes=1000, server_queue_bytes=50_000_000) as here:
        server = await here.client(receive_buffer=4096)
        here.runtime.connections.send(Send(server.conn, frame(1, 20_000_000)))
        await asyncio.sleep(0.05)
        assert here.runtime.traffic()[server.conn].queued_bytes > 1_000_000
        assert here.node.of(ConnectionClosed) == []


@pytest.mark.serial
async def test_a_reader_that_takes_nothing_for_too_long_is_cut_and_one_that_takes_little_is_not() -> None:
    async with world(relay, stall=0.4) as here:
        stuck, slow = await here.client(receive_buffer=4096), await here.client(receive_buffer=4096)
        for peer in (stuck, slow):
            here.runtime.connections.send(Send(peer.conn, frame(1, 6_000_000)))
        begin = time.monotonic()
        while not here.node.of(ConnectionClosed):
            assert time.monotonic() - begin < 4.0
            await slow.hear(200_000)
            await asyncio.sleep(0.02)
        (closed,) = here.node.of(ConnectionClosed)
        assert (closed.conn, closed.reason) == (stuck.conn, "too slow: nothing was taken for 0.4 s")
        assert closed.unsent > 5_000_000
        assert time.monotonic() - begin >= 0.35


async def test_clients_are_not_read_while_the_disk_does_not_keep_up() -> None:
    # Who of two is read first, once they are again, is the loop's choice; batches are numbered in their order.
    batches = itertools.count(1)

    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(_, Ping(number)):
                return [Persist(next(batches), (entry(number, b"x" * 10_000),))]
        return []

    store = MemoryStore()
    async with world(script, store=store, unwritten_bytes=50_000) as here:
        peer = await here.client()
        store.gate.clear()
        await peer.ping(*range(1, 101))
        taken = await here.node.numbers(5)
        await asyncio.sleep(0.02)
        assert len(here.node.messages) < 10
        assert taken == list(range(1, 6))
        late = await here.client()
        await late.ping(1000)
        await asyncio.sleep(0.02)
        assert Ping(1000) not in here.node.messages
        store.gate.set()
        numbers = await here.node.numbers(101)
        assert [number for number in numbers if number < 1000] == list(range(1, 101))


async def test_servers_are_read_longer_than_clients_when_the_disk_does_not_keep_up() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case ConnectionOpened(conn):
                return [Trust(conn)]
            case MessageReceived(_, Ping(number)):
                return [Persist(number, (entry(number, b"x" * 10_000),))]
        return []

    store = MemoryStore()
    async with world(script, store=store, unwritten_bytes=50_000) as here:
        peer = await here.client()
        store.gate.clear()
        await peer.ping(*range(1, 101))
        await here.node.numbers(10)
        await asyncio.sleep(0.02)
        assert 10 <= len(here.node.messages) < 20
        store.gate.set()
        assert await here.node.numbers(100) == list(range(1, 101))


# --- the store ----------------------------------------------------------------------------------------------------


async def test_the_stores_answers_are_events() -> None:
    store = MemoryStore()
    async with world(store=store, starting=[Persist(1, (entry(1),)), FetchPage(2, Fetch({}))]) as here:
        await here.node.told(Committed)
        (fetched,) = await here.node.told(Fetched)
        assert isinstance(fetched.page, Page) and fetched.page.entries == (entry(1),)
        store.failure = OSError("disk full")
        here.runtime._persist(Persist(2, (entry(2),)))
        assert await here.node.told(CommitFailed) == [CommitFailed(2, "disk full")]
        store.failure = None
        await here.node.told(StoreRecovered)


async def test_notices_and_the_end_are_passed_on() -> None:
    notice = Notice(1.0, "quit", "bye")
    async with world(starting=[Notify(notice), Finished(("this",))]) as here:
        assert here.notices == [notice]
        assert here.finished == [("this",)]
