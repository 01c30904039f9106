"""What the processes of this program tell each other gets across whole, whatever it is and however it is cut."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
import types
import typing
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.own_screen import screen_protocol
from tui.processes.message_pipe import MESSAGE_BYTES_MAX, MessagePipe, hand_off, hand_off_pair, take_hand_off
from tui.ssh.workers import worker_protocol

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=20),
    bytes: st.binary(max_size=200),
    type(None): st.none(),
}


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as far as the messages use types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if hasattr(kind, "_fields"):
        return st.builds(kind, *(anything(hint) for hint in get_type_hints(kind).values()))
    if origin in (Union, types.UnionType):
        return st.one_of(*map(anything, arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1:] == (...,):
        return st.lists(anything(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(anything, arguments))
    if origin is list:
        return st.lists(anything(arguments[0]), max_size=3)
    if origin in (dict, Mapping):
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=3)
    assert dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct), kind
    hints = {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not typing.ClassVar}
    return st.builds(kind, **{name: anything(hint) for name, hint in hints.items()})


SIDES = {
    "to a worker": worker_protocol.ToWorker,
    "from a worker": worker_protocol.FromWorker,
    "to a session": worker_protocol.ToSession,
    "from a session": worker_protocol.FromSession,
    "to the screen": screen_protocol.ToScreen,
    "from the screen": screen_protocol.FromScreen,
}


class Listener:
    """The reading end of a pipe whose other end is a plain socket."""

    def __init__(self, kind: Any) -> None:
        self.heard: list[Any] = []
        self.ended = asyncio.Event()
        self.pipe: MessagePipe[Any] = MessagePipe(kind, self.heard.append, self.ended.set)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count and not self.ended.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0)


@asynccontextmanager
async def listening(kind: Any) -> AsyncIterator[tuple[Listener, socket.socket]]:
    ours, theirs = socket.socketpair()
    listener = Listener(kind)
    await listener.pipe.open(ours)
    theirs.setblocking(False)
    try:
        yield listener, theirs
    finally:
        listener.pipe.close()
        theirs.close()
        async with asyncio.timeout(10):
            await listener.ended.wait()


def framed(message: msgspec.Struct) -> bytes:
    """A message as it goes over the wire: its length in four bytes, the most significant first, and MessagePack."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@pytest.mark.parametrize("side", SIDES)
@given(data=st.data())
def test_messages_of_each_kind_come_as_they_were_sent_in_order_and_in_whatever_pieces(
    side: str, data: st.DataObject
) -> None:
    kind = SIDES[side]
    messages = data.draw(st.lists(anything(kind), min_size=1, max_size=4))
    stream = b"".join(map(framed, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))

    async def across() -> list[Any]:
        async with listening(kind) as (listener, theirs):
            for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
                await asyncio.get_running_loop().sock_sendall(theirs, stream[begin:end])
                await asyncio.sleep(0)
            await listener.until(len(messages))
            return listener.heard

    assert asyncio.run(across()) == messages


@pytest.mark.parametrize("side", SIDES)
def test_no_two_messages_of_a_side_are_taken_for_each_other(side: str) -> None:
    tags = [kind.__struct_config__.tag for kind in get_args(SIDES[side])]
    assert len(set(tags)) == len(tags) and None not in tags


async def test_what_one_pipe_sends_another_hears() -> None:
    ours, theirs = socket.socketpair()
    listener = Listener(worker_protocol.ToSession)
    speaker: MessagePipe[Any] = MessagePipe(worker_protocol.FromSession, lambda message: None, lambda: None)
    await listener.pipe.open(ours)
    await speaker.open(theirs)
    typed = [worker_protocol.Typed(os.urandom(70_000)) for _ in range(5)]
    for message in typed:
        speaker.send(message)
    speaker.close()
    async with asyncio.timeout(10):
        await listener.ended.wait()
    assert listener.heard == typed, "what waits is sent before the end"


@pytest.mark.parametrize("missing", range(1, 5))
async def test_half_a_message_is_none_when_the_other_side_ends(missing: int) -> None:
    async with listening(worker_protocol.ToSession) as (listener, theirs):
        whole = framed(worker_protocol.Typed(b"whole"))
        theirs.send(whole + framed(worker_protocol.Typed(b"cut"))[:-missing])
        theirs.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(10):
            await listener.ended.wait()
        assert listener.heard == [worker_protocol.Typed(b"whole")]


@pytest.mark.parametrize("length", [MESSAGE_BYTES_MAX + 1, 2**32 - 1])
async def test_a_length_beyond_the_limit_ends_the_pipe_before_anything_is_kept(length: int) -> None:
    async with listening(worker_protocol.ToSession) as (listener, theirs):
        theirs.send(framed(worker_protocol.Typed(b"before")) + length.to_bytes(4, "big") + b"x" * 1_000)
        async with asyncio.timeout(10):
            await listener.ended.wait()
        assert listener.heard == [worker_protocol.Typed(b"before")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"not MessagePack",
        msgspec.msgpack.encode({"type": "Typed"}),
        msgspec.msgpack.encode({"type": "Typed", "data": 5}),
        msgspec.msgpack.encode({"type": "Nonsense", "data": b""}),
        msgspec.msgpack.encode(worker_protocol.ApplicationEnded(0, None)),
        msgspec.msgpack.encode(worker_protocol.Typed(b"x")) + b"more",
    ],
)
async def test_what_is_not_understood_ends_the_pipe(body: bytes) -> None:
    async with listening(worker_protocol.ToSession) as (listener, theirs):
        theirs.send(len(body).to_bytes(4, "big") + body)
        async with asyncio.timeout(10):
            await listener.ended.wait()
        assert listener.heard == []


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_in_the_event_loop(noise: bytes) -> None:
    faults: list[dict[str, Any]] = []

    async def heard() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, fault: faults.append(fault))
        async with listening(worker_protocol.FromSession) as (listener, theirs):
            theirs.send(noise or b"\0")
            theirs.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(10):
                await listener.ended.wait()

    asyncio.run(heard())
    assert faults == []


async def test_who_is_not_read_is_told_to_stop_and_to_go_on() -> None:
    ours, theirs = socket.socketpair()
    said: list[str] = []
    pipe: MessagePipe[Any] = MessagePipe(
        worker_protocol.ToSession,
        lambda message: None,
        lambda: said.append("ended"),
        full=lambda: said.append("full"),
        drained=lambda: said.append("drained"),
    )
    await pipe.open(ours)
    theirs.setblocking(False)
    sent = 0
    while "full" not in said:
        pipe.send(worker_protocol.Painted(b"x" * 4_096))
        sent += 4_096
        assert sent < 4_000_000, "a reader that does not read is painted for without end"
    assert pipe.waiting > 0
    async with asyncio.timeout(10):
        while "drained" not in said:
            await asyncio.get_running_loop().sock_recv(theirs, 65_536)
    pipe.close()
    theirs.close()


# --- sockets that are handed off --------------------------------------------------------------------------------------


@contextmanager
def hand_off_sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = hand_off_pair()
    with ours, theirs:
        yield ours, theirs


def test_a_socket_is_handed_off_with_what_it_is_for() -> None:
    with hand_off_sockets() as (ours, theirs):
        one, other = socket.socketpair()
        with one, other:
            hand_off(ours, worker_protocol.AttachClient(7, "ada"), one)
            taken = take_hand_off(theirs, worker_protocol.AttachClient)
            assert taken is not None
            message, sock = taken
            with sock:
                assert message == worker_protocol.AttachClient(7, "ada")
                sock.send(b"through")
                assert other.recv(100) == b"through"


def test_several_that_are_handed_off_at_once_stay_apart() -> None:
    with hand_off_sockets() as (ours, theirs):
        pairs = [socket.socketpair() for _ in range(5)]
        for number, (one, _) in enumerate(pairs):
            hand_off(ours, worker_protocol.AttachClient(number, "x" * number), one)
        for number, (one, other) in enumerate(pairs):
            taken = take_hand_off(theirs, worker_protocol.AttachClient)
            assert taken is not None and taken[0].number == number
            with taken[1] as sock:
                sock.send(b"%d" % number)
                assert other.recv(10) == b"%d" % number
            one.close()
            other.close()
        with pytest.raises(BlockingIOError):
            take_hand_off(theirs, worker_protocol.AttachClient)


def test_when_the_other_process_has_ended_there_is_nothing_more_to_take() -> None:
    with hand_off_sockets() as (ours, theirs):
        ours.close()
        assert take_hand_off(theirs, worker_protocol.AttachClient) is None


def test_what_comes_without_its_socket_or_is_not_understood_is_refused_and_its_socket_closed() -> None:
    with hand_off_sockets() as (ours, theirs):
        ours.send(msgspec.msgpack.encode(worker_protocol.AttachClient(1, "ada")))
        with pytest.raises(ValueError, match="without its socket"):
            take_hand_off(theirs, worker_protocol.AttachClient)
        one, other = socket.socketpair()
        with other:
            socket.send_fds(ours, [b"nonsense"], [one.fileno()])
            one.close()
            with pytest.raises(ValueError):
                take_hand_off(theirs, worker_protocol.AttachClient)
            assert other.recv(10) == b"", "nobody has the other end any more"
