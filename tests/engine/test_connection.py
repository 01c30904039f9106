"""One connection: framing, holding, closing."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from core.engine.transport.line_intake import POSTS_AT_ONCE
from core.node.interface.actions import Action, Close, Hold, Send, Trust
from core.node.interface.events import (
    ConnectionClosed,
    ConnectionOpened,
    Event,
    MalformedReceived,
    MessageReceived,
    PostsReceived,
)
from core.wire.limits import CLIENT_LINE_BYTES_MAX
from core.wire.messages import ActivityMessage, Login, Message, Ping
from tests.engine import harness
from tests.engine.harness import Peer, World, frame, until, world


@pytest.fixture(autouse=True, params=["polled", "by the loop"])
def polled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose transports serve the connections: the engine's own, or the loop's, as with encryption."""
    monkeypatch.setattr(harness, "POLLED", request.param == "polled")


def login(size: int) -> bytes:
    """A LOGIN line of exactly `size` bytes, terminator not counted."""
    empty = b'{"command":"LOGIN","username":"u","secret":""}'
    return empty[:-2] + b"x" * (size - len(empty)) + b'"}'


def reset(peer: Peer) -> None:
    """End the connection as a crashing process does: without a word."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


async def test_messages_arrive_in_order_in_whatever_pieces_their_bytes_come() -> None:
    async with world() as here:
        peer = await here.client()
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b"".join(frame(number).data for number in range(5))
        for start in range(0, len(data), 7):
            await peer.say(data[start : start + 7])
            await asyncio.sleep(0)
        assert await here.node.numbers(5) == [0, 1, 2, 3, 4]


async def test_a_connection_is_announced_with_its_peer_before_anything_that_it_says() -> None:
    async with world() as here:
        peer = await Peer.dial(here.port)
        await peer.ping(1)
        await here.node.numbers(1)
        opened = here.node.events[0]
        assert isinstance(opened, ConnectionOpened)
        assert opened.peer == peer.sock.getsockname()
        assert opened.origin == "inbound"


async def test_after_a_malformed_line_nothing_more_is_handed_in() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.say(frame(1).data + b"nonsense\n" + frame(2).data)
        malformed = await here.node.told(MalformedReceived)
        await peer.ping(3)
        peer.close()
        await here.node.told(ConnectionClosed)
        assert here.node.messages == [Ping(1)]
        assert len(malformed) == 1
        assert "not JSON" in malformed[0].info


def post(number: int) -> bytes:
    return b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"n":%d}}\n' % number


def number_in(message: Message) -> int:
    if isinstance(message, ActivityMessage):
        return int(bytes(message.activity["n"]))
    assert isinstance(message, Ping)
    return message.number


def read_in(here: World) -> list[list[int]]:
    """The numbers of pings and posts, by the events that brought them."""
    found: list[list[int]] = []
    for event in here.node.events:
        match event:
            case MessageReceived(_, message):
                found.append([number_in(message)])
            case PostsReceived(_, messages):
                found.append([*map(number_in, messages)])
    return found


async def test_activities_that_are_read_at_once_are_one_event_up_to_so_many() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.say(b"".join(map(post, range(POSTS_AT_ONCE + 3))))
        await here.node.told(PostsReceived, 2)
        assert read_in(here) == [[*range(POSTS_AT_ONCE)], [POSTS_AT_ONCE, POSTS_AT_ONCE + 1, POSTS_AT_ONCE + 2]]


async def test_what_stands_between_activities_is_handed_in_between_them() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.say(post(1) + post(2) + frame(3).data + post(4) + frame(5).data + post(6) + post(7) + b"nonsense\n")
        await here.node.told(MalformedReceived)
        assert read_in(here) == [[1, 2], [3], [4], [5], [6, 7]]


async def test_what_stands_behind_activities_waits_if_they_lead_to_that() -> None:
    def script(event: Event) -> list[Action]:
        return [Hold(event.conn, True)] if isinstance(event, PostsReceived) else []

    async with world(script) as here:
        peer = await here.client()
        await peer.say(post(1) + post(2) + frame(3).data + b"nonsense\n")
        await here.node.told(PostsReceived)
        await asyncio.sleep(0)
        assert read_in(here) == [[1, 2]] and not here.node.of(MalformedReceived)
        here.runtime.connections.hold(Hold(peer.conn, False))
        await here.node.told(MalformedReceived)
        assert read_in(here) == [[1, 2], [3]]


async def test_a_clients_line_may_be_as_long_as_the_limit_and_no_longer() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.say(login(CLIENT_LINE_BYTES_MAX) + b"\n" + login(CLIENT_LINE_BYTES_MAX + 1) + b"\n")
        (malformed,) = await here.node.told(MalformedReceived)
        assert [type(message) for message in here.node.messages] == [Login]
        assert malformed.info == f"a line is longer than {CLIENT_LINE_BYTES_MAX} bytes"


async def test_a_line_that_never_ends_is_refused_when_it_has_passed_the_limit() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.say(frame(1).data + b"x" * (CLIENT_LINE_BYTES_MAX + 1))
        await here.node.told(MalformedReceived)
        assert here.node.messages == [Ping(1)]


async def test_a_trusted_peer_may_send_longer_lines_but_not_endless_ones() -> None:
    def script(event: Event) -> list[Action]:
        return [Trust(event.conn)] if isinstance(event, ConnectionOpened) else []

    async with world(script) as here:
        peer = await here.client()
        await peer.say(login(here.runtime.connections.limits.server_line_bytes) + b"\n")
        await here.node.told(MessageReceived)
        await peer.say(b"x" * (here.runtime.connections.limits.server_line_bytes + 1))
        await here.node.told(MalformedReceived)


async def test_a_long_line_right_behind_the_one_that_earns_trust_is_taken() -> None:
    def script(event: Event) -> list[Action]:
        return [Trust(event.conn)] if isinstance(event, MessageReceived) and event.message == Ping(1) else []

    async with world(script, server_line_bytes=1000, client_line_bytes=100) as here:
        peer = await here.client()
        await peer.say(frame(1).data + login(1000) + b"\n")
        await here.node.told(MessageReceived, 2)


async def test_a_held_connection_hands_in_nothing_until_it_is_released() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(1)):
                return [Hold(conn, True)]
            case MessageReceived(_, Ping(100)):
                return [Hold(held.conn, False)]
        return []

    async with world(script) as here:
        held, other = await here.client(), await here.client()
        await held.ping(1, 2, 3)
        await here.node.numbers(1)
        await held.ping(4)
        await other.ping(99)
        assert await here.node.numbers(2) == [1, 99]
        await other.ping(100)
        assert await here.node.numbers(6) == [1, 99, 100, 2, 3, 4]


async def test_a_held_connection_is_not_read_so_its_peer_has_to_wait() -> None:
    def script(event: Event) -> list[Action]:
        return [Hold(event.conn, True)] if isinstance(event, ConnectionOpened) else []

    async with world(script) as here:
        peer = await here.client()
        data = frame(1).data * 1_000_000
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.get_running_loop().sock_sendall(peer.sock, data)
        assert here.runtime.traffic()[peer.conn].bytes_in < 1_000_000
        assert here.node.messages == []


async def test_a_line_too_long_behind_held_ones_is_refused_after_them() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(1)):
                asyncio.get_running_loop().call_later(0.05, here.runtime.connections.hold, Hold(conn, False))
                return [Hold(conn, True)]
        return []

    async with world(script) as here:
        peer = await here.client()
        await peer.say(frame(1).data + frame(2).data + b"x" * (CLIENT_LINE_BYTES_MAX + 1))
        await here.node.told(MalformedReceived)
        assert here.node.messages == [Ping(1), Ping(2)]


async def test_everything_said_before_the_end_of_the_stream_is_handed_in_before_the_end() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.say(frame(1).data + frame(2).data + b'{"command":"PING"')
        peer.close()
        (closed,) = await here.node.told(ConnectionClosed)
        assert here.node.messages == [Ping(1), Ping(2)]
        assert here.node.events[-1] is closed
        assert closed.reason == "closed by the peer"
        assert here.node.of(MalformedReceived) == []


@pytest.mark.parametrize("orderly", [True, False])
async def test_what_a_vanished_peer_said_while_it_was_held_comes_before_its_end(orderly: bool) -> None:
    def script(event: Event) -> list[Action]:
        return [Hold(event.conn, True)] if isinstance(event, MessageReceived) and event.message == Ping(1) else []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(1, 2, 3)
        await here.node.numbers(1)
        if orderly:
            peer.close()
        else:
            reset(peer)
        await asyncio.sleep(0.05)
        assert here.node.of(ConnectionClosed) == []
        here.runtime.connections.hold(Hold(peer.conn, False))
        await here.node.told(ConnectionClosed)
        assert here.node.messages == [Ping(1), Ping(2), Ping(3)]
        assert isinstance(here.node.events[-1], ConnectionClosed)


async def test_a_vanished_peer_that_is_never_released_ends_after_a_limit() -> None:
    def script(event: Event) -> list[Action]:
        return [Hold(event.conn, True)] if isinstance(event, MessageReceived) else []

    async with world(script, held=0.05) as here:
        peer = await here.client()
        await peer.ping(1, 2)
        await here.node.numbers(1)
        reset(peer)
        while here.runtime.connections.open:
            here.runtime.connections.send(Send(peer.conn, frame(1)))
            await asyncio.sleep(0.002)
        assert here.node.of(ConnectionClosed) == []
        await here.node.told(ConnectionClosed)
        assert here.node.messages == [Ping(1)]


async def test_a_reset_ends_a_connection_once_with_its_reason() -> None:
    async with world() as here:
        peer = await here.client()
        await peer.ping(1)
        await here.node.numbers(1)
        reset(peer)
        (closed,) = await here.node.told(ConnectionClosed)
        assert closed.reason.startswith("connection lost: ")
        await until(lambda: not here.runtime.connections.open)
        assert len(here.node.of(ConnectionClosed)) == 1


async def test_a_closed_peer_gets_everything_that_was_sent_to_it_before() -> None:
    size = 3_000_000

    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, _):
                return [Send(conn, frame(1, size)), Send(conn, frame(2)), Close(conn, "enough")]
        return []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(1)
        received = await peer.rest()
        assert received == frame(1, size).data + frame(2).data
        peer.close()
        assert (await here.node.told(ConnectionClosed))[0].reason == "enough"


async def test_a_peer_that_goes_on_talking_gets_the_last_answer_all_the_same() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MalformedReceived(conn, _):
                return [Send(conn, frame(7)), Close(conn, "nonsense")]
        return []

    async with world(script) as here:
        for _ in range(20):
            peer = await here.client()
            await peer.say(b"nonsense\n" + b"x" * 500_000)
            assert await peer.rest() == frame(7).data
            peer.close()


async def test_after_close_nothing_is_handed_in() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(1)):
                return [Close(conn, "")]
        return []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(1, 2, 3)
        await peer.rest()
        await peer.ping(4)
        await here.node.told(ConnectionClosed)
        assert here.node.messages == [Ping(1)]


async def test_a_peer_that_does_not_close_is_cut_after_the_linger_limit() -> None:
    def script(event: Event) -> list[Action]:
        return [Close(event.conn, "go")] if isinstance(event, ConnectionOpened) else []

    async with world(script, linger=0.05) as here:
        peer = await here.client()
        (closed,) = await here.node.told(ConnectionClosed)
        assert closed.conn == peer.conn
        assert not here.runtime.connections.open


async def test_a_peer_that_does_not_take_its_last_answer_is_cut_after_the_flush_limit() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case ConnectionOpened(conn):
                return [Send(conn, frame(1, 8_000_000)), Close(conn, "go")]
        return []

    async with world(script, flush=0.1) as here:
        await here.client(receive_buffer=4096)
        (closed,) = await here.node.told(ConnectionClosed)
        assert closed.reason == "go"
        assert not here.runtime.connections.open


async def test_a_half_closed_peer_still_gets_what_was_sent_to_it() -> None:
    size = 2_000_000

    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, _):
                return [Send(conn, frame(1, size))]
        return []

    async with world(script) as here:
        peer = await here.client(receive_buffer=8192)
        await peer.ping(1)
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == frame(1, size).data


async def test_every_socket_sends_at_once_and_probes_silent_peers() -> None:
    async with world() as here:
        await here.client()
        (connection,) = here.runtime.connections.open
        accepted = connection._transport.get_extra_info("socket")
        own = socket.socket(fileno=accepted.fileno())
        try:
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        finally:
            own.detach()


async def test_traffic_is_counted_in_both_directions() -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(number)):
                return [Send(conn, frame(number)), Send(conn, frame(number))]
        return []

    async with world(script) as here:
        peer = await here.client()
        await peer.ping(1)
        size = len(frame(1).data)
        await peer.hear(2 * size)
        traffic = here.runtime.traffic()[peer.conn]
        assert (traffic.bytes_in, traffic.messages_in) == (size, 1)
        assert (traffic.bytes_out, traffic.messages_out) == (2 * size, 2)
        assert traffic.queued_bytes == 0
