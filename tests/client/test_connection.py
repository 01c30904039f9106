"""The client on asyncio, against a server on a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from core.client import (
    ActivityArrived,
    Client,
    ClientEvent,
    ClientSettings,
    Connected,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    NotConnected,
    PostAccepted,
    QueuesRefused,
)
from core.client.line_connection import LINES_A_TURN, LINES_MAX, LineConnection
from core.wire.address import Address
from core.wire.codec import encode
from tests.client.scripted import LIMIT, Peer, ScriptedServer, Told, broadcast

QUICK = ClientSettings(retry_min=0.01, retry_max=0.05)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@asynccontextmanager
async def running(
    told: Callable[[ClientEvent], None],
    addresses: Sequence[Address],
    settings: ClientSettings = QUICK,
    home: Callable[[], socket.socket] | None = None,
) -> AsyncIterator[Client]:
    client = Client(settings, addresses, told, home=home)
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        async with asyncio.timeout(LIMIT):
            await client.close()
            await task


async def test_it_logs_in_posts_reads_and_logs_out(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]) as client:
        peer = await server.login()
        async with asyncio.timeout(LIMIT):
            await client.wait_logged_in()
        ref = client.post({"text": "hello"})
        message = await peer.expect("ACTIVITY_MESSAGE")
        assert (message["ref"], message["activity"]) == (ref, {"text": "hello"})
        peer.say(command="ACTIVITY_ACK", ref=ref, id="n.1.1", stamp=7)
        await told.wait(PostAccepted)
    assert await peer.expect("LOGOUT")


async def test_messages_may_arrive_in_any_pieces(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]):
        peer = await server.login()
        line = json.dumps({"command": "ACTIVITY_BROADCAST", "activity": {"t": "é"}, "id": "n.1.1"}, ensure_ascii=False)
        for byte in (line + "\r\n").encode():
            peer.raw(bytes([byte]))
            await peer.writer.drain()
        (arrived,) = await told.wait(ActivityArrived)
        assert json.loads(arrived.body) == {"t": "é"}


async def test_it_comes_back_after_a_loss_and_sends_again_what_was_not_answered(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]) as client:
        peer = await server.login(vector={"n.1": 3})
        ref = client.post({"n": 1})
        await peer.expect("ACTIVITY_MESSAGE")
        peer.drop()
        peer = await server.accept()
        login = await peer.welcome()
        assert login["seen"] == {"n.1": 3}
        assert (await peer.expect("ACTIVITY_MESSAGE"))["ref"] == ref


async def test_a_name_that_cannot_be_looked_up_is_reported_and_the_next_address_tried(server: ScriptedServer) -> None:
    told = Told()
    hostile = [Address("host.invalid", 1), Address("a" * 64 + ".example", 1), Address("nul\0byte", 1)]
    async with running(told, [*hostile, server.address]):
        await server.login()
        await told.wait(LoggedIn)
        assert len(told.of(Disconnected)) == len(hostile)


async def test_a_port_where_nobody_listens_is_reported_and_tried_again(server: ScriptedServer) -> None:
    told = Told()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = Address("127.0.0.1", unused.getsockname()[1])
        async with running(told, [dead]):
            reasons = [event.reason for event in await told.wait(Disconnected, 3)]
    assert all(str(dead) in reason for reason in reasons)


async def test_a_line_longer_than_the_limit_ends_the_connection(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]):
        peer = await server.login()
        await told.wait(LoggedIn)
        peer.raw(b'{"command":"ACTIVITY_BROADCAST","activity":{"a":"' + b"x" * LINES_MAX + b'"}}\n')
        await told.wait(Disconnected)
        assert not told.of(ActivityArrived)


async def test_nonsense_is_answered_and_ends_the_connection(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]):
        peer = await server.login()
        peer.raw(b"this is no JSON\n")
        assert "info" in await peer.expect("INVALID_MESSAGE")
        assert await peer.ended()


async def test_home_is_a_socket_that_the_caller_gives() -> None:
    told = Told()
    theirs, ours = socket.socketpair()
    with theirs, ours:
        theirs.setblocking(False)
        async with running(told, [], home=lambda: theirs):
            reader, writer = await asyncio.open_connection(sock=ours)
            peer = Peer(reader, writer)
            await peer.welcome()
            (connected,) = await told.wait(Connected)
            assert connected.address is None
            await told.wait(LoggedIn)


async def test_an_application_that_fails_to_take_an_event_does_not_stop_the_client(server: ScriptedServer) -> None:
    told = Told()

    def fail(event: ClientEvent) -> None:
        told(event)
        raise RuntimeError("a mistake of the application")

    async with running(fail, [server.address]):
        await server.login()
        await told.wait(LoggedIn)


async def test_a_refused_login_ends_the_run_and_whoever_waits(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address], ClientSettings(username="ada", secret="wrong")) as client:
        peer = await server.accept()
        await peer.expect("LOGIN")
        peer.say(command="LOGIN_FAILED", info="no")
        with pytest.raises(ConnectionRefusedError, match="no"):
            async with asyncio.timeout(LIMIT):
                await client.wait_logged_in()
        assert told.of(LoginRefused)
        assert told.of(GaveUp)


async def test_the_status_of_a_native_server_can_be_asked_for(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]) as client:
        peer = await server.login()
        await told.wait(LoggedIn)
        asking = asyncio.create_task(client.request_status())
        await peer.expect("STATUS_REQUEST")
        peer.say(command="STATUS", status={"load": 1})
        async with asyncio.timeout(LIMIT):
            assert await asking == {"load": 1}


async def test_the_queues_are_asked_for_with_a_proof_that_does_not_tell_the_networks_secret(
    server: ScriptedServer,
) -> None:
    told = Told()
    async with running(told, [server.address]) as client:
        peer = await server.login()
        await told.wait(LoggedIn)
        for answer in ({"queues": {"timers": 3}}, {"info": "that is not this network's secret"}):
            asking = asyncio.create_task(client.request_queues("s3cret"))
            await peer.expect("STATUS_REQUEST")
            peer.say(command="STATUS", status={"id": "abc", "at": 1700000000.1239})
            asked = await peer.expect("STATUS_REQUEST")
            proof = hmac.new(b"s3cret", b"activity-tui queues abc 1700000000123", hashlib.sha256).hexdigest()
            assert (asked["proof"], asked["at"]) == (proof, 1700000000123)
            # Somebody's status comes in between.
            peer.say(command="STATUS", status={})
            peer.say(command="STATUS", status={}, **answer)
            async with asyncio.timeout(LIMIT):
                if "queues" in answer:
                    assert await asking == {"timers": 3}
                else:
                    with pytest.raises(QueuesRefused, match="not this network's secret"):
                        await asking


async def test_a_status_that_never_comes_because_the_server_redirects_is_told(server: ScriptedServer) -> None:
    told = Told()
    settings = ClientSettings(follow_redirects=False, reconnect=False)
    async with running(told, [server.address], settings) as client:
        peer = await server.login()
        await told.wait(LoggedIn)
        asking = asyncio.create_task(client.request_status())
        await peer.expect("STATUS_REQUEST")
        peer.say(command="REDIRECT", hostname="127.0.0.1", port=1)
        async with asyncio.timeout(LIMIT):
            with pytest.raises(NotConnected, match="before the server told its status"):
                await asking


async def test_a_base_server_has_no_status(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]) as client:
        await server.login(native=False)
        await told.wait(LoggedIn)
        with pytest.raises(NotConnected):
            await client.request_status()


async def test_much_that_comes_at_once_leaves_the_event_loop_its_turns_and_nothing_is_lost(
    server: ScriptedServer,
) -> None:
    told = Told()
    at_once: list[int] = []
    seen = 0

    def turn() -> None:
        nonlocal seen
        arrived = len(told.of(ActivityArrived))
        at_once.append(arrived - seen)
        seen = arrived
        if arrived < 1_000:
            asyncio.get_running_loop().call_soon(turn)

    async with running(told, [server.address]):
        peer = await server.login()
        await told.wait(LoggedIn)
        turn()
        peer.raw(b"".join(encode(broadcast(number)) for number in range(1, 1_001)))
        await told.wait(ActivityArrived, 1_000)
    assert max(at_once) <= LINES_A_TURN
    assert [json.loads(each.body)["n"] for each in told.of(ActivityArrived)] == list(range(1, 1_001))


async def test_what_came_before_the_end_is_taken_before_the_end_is(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address], ClientSettings(reconnect=False)):
        peer = await server.login()
        await told.wait(LoggedIn)
        peer.raw(b"".join(encode(broadcast(number)) for number in range(1, 10 * LINES_A_TURN + 1)))
        peer.writer.close()
        await told.wait(Disconnected)
        assert len(told.of(ActivityArrived)) == 10 * LINES_A_TURN


async def test_a_backlog_of_large_posts_reaches_a_slow_server(server: ScriptedServer) -> None:
    told = Told()
    async with running(told, [server.address]) as client:
        peer = await server.accept()
        refs = [client.post({"text": "x" * 40_000}) for _ in range(600)]
        await peer.welcome()
        for seq, ref in enumerate(refs, 1):
            assert (await peer.expect("ACTIVITY_MESSAGE"))["ref"] == ref
            peer.say(command="ACTIVITY_ACK", ref=ref, id=f"n.1.{seq}", stamp=seq)
        await told.wait(PostAccepted, len(refs))
        assert not told.of(Disconnected)


async def test_closing_is_bounded_when_the_server_does_not_read(server: ScriptedServer) -> None:
    told = Told()
    client = Client(QUICK, [server.address], told)
    task = asyncio.create_task(client.run())
    await server.login()
    await told.wait(LoggedIn)
    for _ in range(300):
        client.post({"text": "x" * 40_000})
    async with asyncio.timeout(LIMIT):
        await client.close()
        await task


async def test_closing_twice_or_before_the_run_is_harmless(server: ScriptedServer) -> None:
    client = Client(QUICK, [server.address], Told())
    await client.close()
    await client.close()
    async with asyncio.timeout(LIMIT):
        await client.run()


async def test_cancelling_the_run_leaves_no_task_behind(server: ScriptedServer) -> None:
    client = Client(QUICK, [server.address], Told())
    before = asyncio.all_tasks()
    task = asyncio.create_task(client.run())
    peer = await server.login()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await peer.ended()
    assert not {left for left in asyncio.all_tasks() - before if "connect" in left.get_name()}


async def test_an_owner_that_fails_is_told_of_the_end_whatever_came_behind_what_it_failed_at() -> None:
    class Failing:
        def __init__(self) -> None:
            self.ends: list[str] = []

        def received(self, wire: LineConnection, line: bytes) -> None:
            raise LookupError("a fault in a test")

        def nonsense(self, wire: LineConnection, info: str) -> None:
            pass

        def ended(self, wire: LineConnection, reason: str) -> None:
            self.ends.append(reason)

    owner = Failing()
    here, there = socket.socketpair()
    _, wire = await asyncio.get_running_loop().create_connection(lambda: LineConnection(owner), sock=here)
    wire.go_on()
    with there, pytest.raises(LookupError):
        wire.data_received(b"{}\n" + b"x" * (LINES_MAX + 1))
    async with asyncio.timeout(LIMIT):
        while not owner.ends:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert len(owner.ends) == 1
