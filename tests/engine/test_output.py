"""One turn's output: order, joining, sharing."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.engine.transport.audience import CHUNK_BYTES
from core.engine.transport.outbox import Outbox
from core.engine.transport.output import Output
from core.wire.codec import Frame
from core.wire.messages import ActivityBroadcast
from tests.engine.harness import said, two_forms


class Wire:
    """A transport that takes everything, or, when `full`, one piece at a time."""

    def __init__(self, *, full: bool = False) -> None:
        self.writes: list[bytes] = []
        self.full = full
        self.buffered = 0
        self.outbox: Outbox
        self.problems: list[str] = []
        self.flushes = 0

    # the transport
    def write(self, data: bytes | memoryview) -> None:
        assert not (self.full and self.buffered)
        self.writes.append(data if isinstance(data, bytes) else bytes(data))
        if self.full:
            self.buffered = len(data)
            self.outbox.choke()

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return False

    def take(self) -> None:
        """The kernel takes what is there."""
        self.buffered = 0
        self.outbox.release()

    # the owner
    def flushed(self) -> None:
        self.flushes += 1

    def too_slow(self, reason: str) -> None:
        self.problems.append(reason)

    @property
    def stream(self) -> bytes:
        return b"".join(self.writes)


class Loop:
    """Runs what was asked for when it is told to."""

    def __init__(self) -> None:
        self.soon: list[object] = []

    def call_soon(self, callback: object) -> None:
        self.soon.append(callback)


def made(wires: list[Wire], bytes_max: int = 1 << 30) -> Output:
    for wire in wires:
        wire.outbox = Outbox(wire, cast(asyncio.WriteTransport, wire), bytes_max)
    return Output(cast(asyncio.AbstractEventLoop, Loop()))


def test_all_frames_of_a_turn_are_written_at_once() -> None:
    wire = Wire()
    output = made([wire])
    output.subscribe(wire.outbox)
    output.send(wire.outbox, b"a")
    output.broadcast(said(b"b"))
    output.send(wire.outbox, b"c")
    output.flush()
    assert wire.writes == [b"abc"]
    assert wire.outbox.messages == 3


def test_subscribers_without_a_frame_of_their_own_share_one_object() -> None:
    wires = [Wire(), Wire(), Wire()]
    output = made(wires)
    for wire in wires:
        output.subscribe(wire.outbox)
    output.flush()
    output.broadcast(said(b"x" * 100))
    output.broadcast(said(b"y" * 100))
    output.send(wires[1].outbox, b"private")
    output.flush()
    assert wires[0].writes[0] is wires[2].writes[0]
    assert wires[1].stream == wires[0].stream + b"private"


def test_what_only_base_clients_get_is_encoded_for_nobody_else() -> None:
    wire = Wire()
    output = made([wire])
    output.subscribe(wire.outbox, base=True)
    whole = Frame(ActivityBroadcast(msgspec.Raw(b'{"n":1}'), id="n.1.1", stamp=5))
    output.broadcast(whole)
    output.flush()
    assert wire.stream == b'{"command":"ACTIVITY_BROADCAST","activity":{"n":1}}\n'
    assert whole._data is None


def test_a_subscription_begins_and_ends_between_two_broadcasts_of_one_turn() -> None:
    wire = Wire()
    output = made([wire])
    for step in range(6):
        if step == 2:
            output.subscribe(wire.outbox)
        if step == 4:
            output.unsubscribe(wire.outbox)
        output.broadcast(said(b"%d" % step))
    output.flush()
    assert wire.stream == b"23"


def test_the_flush_happens_once_a_turn_and_only_if_there_is_something() -> None:
    wire = Wire()
    output = made([wire])
    output.broadcast(said(b"nobody listens"))
    loop = cast(Loop, output._loop)
    assert loop.soon == []
    output.send(wire.outbox, b"a")
    output.send(wire.outbox, b"b")
    assert len(loop.soon) == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "broadcast", "broadcast", "subscribe", "speak base", "unsubscribe", "flush"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(STEPS, st.booleans())
def test_every_connection_gets_exactly_its_frames_in_the_order_in_which_they_were_sent(
    steps: list[tuple[str, int]], slow: bool
) -> None:
    wires = [Wire(full=slow) for _ in range(4)]
    output = made(wires)
    expected = [b""] * 4
    subscribed = [False] * 4
    base = [False] * 4
    for number, (step, who) in enumerate(steps):
        data = b"<a%d>" % number
        outbox = wires[who].outbox
        match step:
            case "send":
                output.send(outbox, data)
                expected[who] += data
            case "broadcast":
                output.broadcast(two_forms(data))
                for one in range(4):
                    expected[one] += (data.upper() if base[one] else data) if subscribed[one] else b""
            case "subscribe" | "speak base":
                base[who] = step == "speak base"
                output.subscribe(outbox, base=base[who])
                subscribed[who] = True
            case "unsubscribe":
                output.unsubscribe(outbox)
                subscribed[who] = False
            case _:
                output.flush()
    output.flush()
    for wire in wires:
        while wire.buffered:
            wire.take()
    assert [wire.stream for wire in wires] == expected


def test_a_slow_reader_is_given_one_piece_at_a_time_and_keeps_references_to_the_rest() -> None:
    wires = [Wire(full=True), Wire(full=True)]
    output = made(wires)
    for wire in wires:
        output.subscribe(wire.outbox)
    for number in range(100):
        output.broadcast(said(b"%03d" % number))
        output.flush()
    assert wires[0].writes == [b"000"]
    queued = [list(wire.outbox._queue) for wire in wires]
    assert all(one is other for one, other in zip(*queued, strict=True))
    assert wires[0].outbox.waiting_bytes == 300
    while wires[0].buffered:
        wires[0].take()
    assert wires[0].stream == b"".join(b"%03d" % number for number in range(100))
    assert wires[0].outbox.waiting_bytes == 0


def test_a_frame_larger_than_a_piece_arrives_whole() -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 100)
    wire = Wire(full=True)
    output = made([wire])
    output.send(wire.outbox, data)
    output.flush()
    assert max(len(piece) for piece in wire.writes) <= CHUNK_BYTES
    while wire.buffered:
        wire.take()
    assert wire.stream == data


def test_a_connection_with_more_waiting_than_it_may_is_given_up() -> None:
    wire = Wire(full=True)
    output = made([wire], bytes_max=10)
    for _ in range(2):
        output.send(wire.outbox, b"12345")
        output.flush()
    assert wire.problems == []
    output.send(wire.outbox, b"6")
    output.flush()
    assert wire.problems == ["too slow: more than 10 bytes waited"]


def test_whoever_takes_nothing_has_stalled_since_it_last_did() -> None:
    wire = Wire(full=True)
    output = made([wire])
    output.send(wire.outbox, b"a")
    output.flush()
    assert wire.outbox.stalled_since(10.0) == 10.0
    output.send(wire.outbox, b"b")
    output.flush()
    assert wire.outbox.stalled_since(20.0) == 10.0
    wire.take()
    assert wire.outbox.stalled_since(30.0) == 30.0
    wire.take()
    assert wire.outbox.stalled_since(40.0) == 40.0
    assert wire.outbox.stalled_since(50.0) == 50.0


def test_the_end_is_reported_when_the_last_byte_has_been_taken() -> None:
    wire = Wire(full=True)
    output = made([wire])
    output.send(wire.outbox, b"a")
    output.finish(wire.outbox)
    output.flush()
    assert wire.flushes == 0
    wire.take()
    assert wire.flushes == 1
