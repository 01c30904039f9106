"""Whoever opens thousands of anonymous connections gets broadcasts when there is time, and nobody waits for that."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.transport import back_row
from core.engine.transport.back_row import AT_ONCE
from core.engine.transport.outbox import Outbox
from core.engine.transport.output import Output
from core.node.interface.actions import Action, Broadcast, Known, Subscribe
from core.node.interface.events import Event, MessageReceived
from core.wire.messages import Ping
from tests.engine.harness import Peer, frame, said, two_forms, until, world
from tests.engine.test_output import Wire


class Turn:
    """What is planned for the loop."""

    def cancel(self) -> None: ...


class Loop:
    """Runs a pass when it is told to; what is planned for later is due in the next one."""

    def __init__(self) -> None:
        self.planned: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> Turn:
        self.planned.append(callback)
        return Turn()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Turn:
        assert delay >= 0
        return self.call_soon(callback)

    def one_pass(self) -> None:
        planned, self.planned = self.planned, []
        for callback in planned:
            callback()

    def until_idle(self) -> int:
        """How many passes that took."""
        passes = 0
        while self.planned:
            self.one_pass()
            passes += 1
        return passes


def made() -> tuple[Output, Loop]:
    loop = Loop()
    return Output(cast(asyncio.AbstractEventLoop, loop)), loop


def wired() -> Wire:
    wire = Wire()
    wire.outbox = Outbox(wire, cast(asyncio.WriteTransport, wire), 1 << 30)
    return wire


def crowd(output: Output, count: int, share: str | None = "a flood") -> list[Wire]:
    wires = [wired() for _ in range(count)]
    for wire in wires:
        output.subscribe(wire.outbox, share)
    return wires


@pytest.fixture
def no_seats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_row, "FRONT_SEATS", 0)


@pytest.mark.usefixtures("no_seats")
def test_a_pass_writes_to_so_many_of_the_back_row_and_to_everybody_in_front() -> None:
    output, loop = made()
    behind = crowd(output, 5 * AT_ONCE)
    front = crowd(output, 2 * AT_ONCE, None)
    loop.until_idle()
    output.broadcast(said(b"news"))
    for passed in range(1, 6):
        loop.one_pass()
        assert all(wire.stream == b"news" for wire in front)
        assert sum(len(wire.writes) for wire in behind) == passed * AT_ONCE
    assert all(wire.stream == b"news" for wire in behind)


@pytest.mark.usefixtures("no_seats")
def test_what_comes_during_a_round_costs_one_write_each_and_is_one_object_for_all() -> None:
    output, loop = made()
    behind = crowd(output, 5 * AT_ONCE)
    output.broadcast(said(b"1"))
    loop.one_pass()
    for number in range(2, 10):
        output.broadcast(said(b"%d" % number))
    loop.until_idle()
    assert {wire.stream for wire in behind} == {b"123456789"}
    assert {len(wire.writes) for wire in behind} == {2}
    assert len({id(wire.writes[1]) for wire in behind}) == 1


@pytest.mark.usefixtures("no_seats")
def test_nothing_is_kept_that_all_have_got_and_nothing_planned() -> None:
    output, loop = made()
    crowd(output, 3)
    for _ in range(10):
        output.broadcast(said(b"news"))
        loop.until_idle()
    assert output._back._log == []
    assert not output._back._joined
    assert output._back._due is None


def test_seats_in_front_are_counted_for_each_address_and_given_to_others_when_they_are_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(back_row, "FRONT_SEATS", 2)
    output, _ = made()
    one, two, three = crowd(output, 3)
    (elsewhere,) = crowd(output, 1, "elsewhere")
    assert output.subscribers == 3
    assert three.outbox in output._back and elsewhere.outbox not in output._back
    output.forget(one.outbox)
    output.unsubscribe(two.outbox)
    crowd(output, 3)
    assert output.subscribers == 3
    assert len(output._back) == 2


@pytest.mark.usefixtures("no_seats")
def test_who_has_said_who_it_is_sits_in_front_and_has_missed_nothing() -> None:
    output, loop = made()
    (wire,) = crowd(output, 1)
    output.broadcast(said(b"1"))
    output.bring_forward(wire.outbox)
    output.broadcast(said(b"2"))
    loop.until_idle()
    assert wire.stream == b"12"
    assert output.subscribers == 1


@pytest.mark.usefixtures("no_seats")
def test_what_is_broadcast_behind_an_answer_is_not_written_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_row, "AT_ONCE", 1)
    output, loop = made()
    wires = crowd(output, 2)
    output.broadcast(said(b"1"))
    loop.one_pass()
    output.broadcast(said(b"2"))
    loop.one_pass()
    assert loop.planned, "another round"
    for wire in wires:
        output.send(wire.outbox, b"answer")
    output.broadcast(said(b"3"))
    loop.until_idle()
    assert [wire.stream for wire in wires] == [b"12answer3"] * 2


@pytest.mark.usefixtures("no_seats")
def test_the_last_words_stand_behind_all_that_was_broadcast_before() -> None:
    output, loop = made()
    wires = crowd(output, 2)
    output.broadcast(said(b"1"))
    output.send(wires[0].outbox, b"farewell")
    output.finish(wires[0].outbox)
    output.broadcast(said(b"2"))
    loop.until_idle()
    assert [wire.stream for wire in wires] == [b"1farewell", b"12"]
    assert wires[0].flushes == 1


@pytest.mark.usefixtures("no_seats")
def test_what_is_not_written_yet_is_counted() -> None:
    output, _ = made()
    (wire,) = crowd(output, 1)
    output.broadcast(said(b"news"))
    assert output.unwritten(wire.outbox) == 4


steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["join", "speak base", "leave", "forward", "send", "full", "take"]), st.integers(0, 4)
        ),
        st.tuples(st.sampled_from(["broadcast", "pass"]), st.just(0)),
    ),
    max_size=60,
)


@pytest.mark.usefixtures("no_seats")
@given(steps=steps)
def test_everybody_gets_all_that_is_theirs_in_order_whatever_happens_between(steps: list[tuple[str, int]]) -> None:
    patched = back_row.AT_ONCE
    back_row.AT_ONCE = 2  # type: ignore[misc]
    try:
        output, loop = made()
        wires = [wired() for _ in range(5)]
        theirs: dict[int, bytes] = defaultdict(bytes)
        listening: set[int] = set()
        base: set[int] = set()
        for number, (what, who) in enumerate(steps):
            piece = b"a%d " % number
            match what:
                case "join" | "speak base":
                    output.subscribe(wires[who].outbox, "here", base=what != "join")
                    listening.add(who)
                    (base.discard if what == "join" else base.add)(who)
                case "leave":
                    output.unsubscribe(wires[who].outbox)
                    listening.discard(who)
                case "forward":
                    output.bring_forward(wires[who].outbox)
                case "send":
                    output.send(wires[who].outbox, piece)
                    theirs[who] += piece
                case "broadcast":
                    output.broadcast(two_forms(piece))
                    for each in listening:
                        theirs[each] += piece.upper() if each in base else piece
                case "pass":
                    loop.one_pass()
                case "full":
                    wires[who].full = True
                case "take":
                    wires[who].take()
        for wire in wires:
            wire.full = False
            wire.take()
        loop.until_idle()
        assert [wire.stream for wire in wires] == [theirs[who] for who in range(5)]
        assert output._back._log == []
    finally:
        back_row.AT_ONCE = patched  # type: ignore[misc]


async def test_of_an_address_some_anonymous_people_sit_in_front_and_whoever_has_an_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(back_row, "FRONT_SEATS", 3)

    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(number)) if number < 10:
                return [Known(conn, named=number == 1), Subscribe(conn)]
            case MessageReceived(_, Ping(number)):
                return [Broadcast(frame(number))]
        return []

    async with world(script) as here:
        output = here.runtime.connections.output
        flood = [await Peer.dial(here.port) for _ in range(10)]
        for peer in flood:
            await peer.ping(0)
        await until(lambda: output.subscribers == 3 and len(output._back) == 7)
        named = await Peer.dial(here.port)
        await named.ping(1)
        elsewhere = await Peer.dial(here.port, source="127.0.0.2")
        await elsewhere.ping(0)
        await until(lambda: output.subscribers == 5)
        await named.ping(77)
        for peer in (*flood, named, elsewhere):
            assert await peer.hear(len(frame(77).data)) == frame(77).data
        await flood[-1].ping(1)
        await until(lambda: output.subscribers == 6 and len(output._back) == 6)
        for peer in flood:
            peer.close()
        await until(lambda: output.subscribers == 2 and not output._back)
