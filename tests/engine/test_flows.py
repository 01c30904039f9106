"""Flows: what one neighbour brings in a flood waits behind what others bring, where the next one does not take it."""

from __future__ import annotations

import contextlib
import random
import socket
import sys

import pytest

from core.engine.transport.flows import QUANTUM, ROUND_BYTES, Flows
from core.engine.transport.output import Output
from core.engine.transport.tcp import UNREAD_BYTES, UNSENT_BYTES, keep_little_in_kernel
from core.node.interface.actions import LIVE, PAST
from tests.engine.test_output import Wire, made

FLOODING, OTHER = 7, 8


def frame(flow: int, number: int, size: int = 300) -> bytes:
    return b"%d:%d" % (flow, number) + b" " * size + b"\n"


def written(wire: Wire) -> list[tuple[int, int]]:
    """The flow and the number of each frame, in the order in which they were written."""
    found = [line.split(b" ")[0].split(b":") for line in wire.stream.splitlines()]
    return [(int(flow), int(number)) for flow, number in found]


@pytest.fixture
def wire() -> Wire:
    """A server's connection that takes one piece, and then nothing for now."""
    return Wire(full=True)


@pytest.fixture
def output(wire: Wire) -> Output:
    output = made([wire])
    wire.outbox.flows = Flows()
    output.send(wire.outbox, frame(LIVE, 0))
    output.flush()
    return output


def take_all(wire: Wire) -> None:
    while wire.buffered:
        wire.take()


@pytest.mark.parametrize("flow", [LIVE, OTHER])
def test_what_others_bring_does_not_wait_behind_a_flood(wire: Wire, output: Output, flow: int) -> None:
    for number in range(2_000):
        output.send(wire.outbox, frame(FLOODING, number), FLOODING)
    output.send(wire.outbox, frame(flow, 1), flow)
    assert wire.outbox.waiting_bytes > 2_000 * 300
    take_all(wire)
    frames = written(wire)
    behind = [one[0] for one in frames[: frames.index((flow, 1))]].count(FLOODING)
    assert behind * 300 <= QUANTUM + 300
    assert [number for of, number in frames if of == FLOODING] == [*range(2_000)]
    assert wire.outbox.waiting_bytes == 0 and not wire.outbox.waits


def test_what_is_live_does_not_wait_behind_a_page_of_the_past(wire: Wire, output: Output) -> None:
    page = [frame(PAST, number, 50_000) for number in range(20)]
    for one in page:
        output.send(wire.outbox, one, PAST)
    output.send(wire.outbox, frame(LIVE, 1))
    take_all(wire)
    assert written(wire).index((LIVE, 1)) <= 1 + ROUND_BYTES // QUANTUM
    assert wire.stream.count(b"\n") == 22


def test_each_flow_keeps_its_order_and_nothing_is_lost(wire: Wire, output: Output) -> None:
    rng = random.Random(1)
    sent: dict[int, list[int]] = {}
    for number in range(3_000):
        flow = rng.choice((LIVE, PAST, FLOODING, OTHER))
        sent.setdefault(flow, []).append(number)
        output.send(wire.outbox, frame(flow, number, rng.choice((10, 300, 20_000))), flow)
        if rng.random() < 0.05 and wire.buffered:
            wire.take()
        output.flush()
    take_all(wire)
    frames = written(wire)[1:]
    assert {flow: [number for of, number in frames if of == flow] for flow in sent} == sent
    assert wire.outbox.messages == 3_001


def test_flows_share_alike_whatever_the_size_of_their_frames() -> None:
    flows = Flows()
    for number in range(200):
        flows.put(FLOODING, frame(FLOODING, number, 30_000))
    for number in range(20_000):
        flows.put(OTHER, frame(OTHER, number, 300))
    taken = b"".join(flows.take() for _ in range(40))
    sizes = {flow: sum(len(line) for line in taken.splitlines() if line.startswith(b"%d:" % flow)) for flow in (7, 8)}
    assert 0.9 < sizes[FLOODING] / sizes[OTHER] < 1.1


def test_what_waits_where_nothing_is_in_the_way_is_written_as_it_came() -> None:
    wire = Wire()
    output = made([wire])
    wire.outbox.flows = Flows()
    for number, flow in enumerate((FLOODING, LIVE, PAST, OTHER, FLOODING)):
        output.send(wire.outbox, frame(flow, number), flow)
    output.flush()
    assert [number for _, number in written(wire)] == [0, 1, 2, 3, 4] and len(wire.writes) == 1


def test_who_does_not_take_what_is_in_its_flows_is_too_slow() -> None:
    wire = Wire(full=True)
    output = made([wire], bytes_max=10_000)
    wire.outbox.flows = Flows()
    output.send(wire.outbox, frame(LIVE, 0))
    output.flush()
    for number in range(50):
        output.send(wire.outbox, frame(FLOODING, number), FLOODING)
    assert wire.problems and "too slow" in wire.problems[0]


def test_a_connection_that_is_told_to_finish_writes_all_of_its_flows_first(wire: Wire, output: Output) -> None:
    for number in range(500):
        output.send(wire.outbox, frame(number % 3, number), number % 3)
    output.finish(wire.outbox)
    output.flush()
    assert wire.outbox.waits
    take_all(wire)
    assert (wire.flushes, len(written(wire))) == (1, 501)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_little_of_what_goes_to_a_server_that_does_not_read_waits_in_the_kernel() -> None:
    """There it has no turns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = [socket.create_connection(listener.getsockname()), listener.accept()[0]]
    for end in ends:
        keep_little_in_kernel(end)
        end.setblocking(False)
    sent = 0
    for _ in range(300):
        # What is read lets the window grow, where nothing bounds it.
        with contextlib.suppress(BlockingIOError):
            sent += ends[0].send(bytes(ROUND_BYTES))
        with contextlib.suppress(BlockingIOError):
            sent -= len(ends[1].recv(ROUND_BYTES))
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += ends[0].send(bytes(300))
    for end in ends:
        end.close()
    assert ROUND_BYTES < sent < 4 * (UNREAD_BYTES + UNSENT_BYTES)
