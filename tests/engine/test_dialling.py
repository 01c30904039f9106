"""Dialling: several addresses, and why nobody answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from core.engine.sockets import dialler
from core.engine.sockets.dialler import CannotConnect, connect, connect_any
from core.node.interface.actions import Dial
from core.node.interface.events import ConnectionOpened, DialFailed
from core.wire.address import Address
from tests.engine.harness import LIMIT, world


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that is taken, so that nobody else can have it, but on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue is full, so that attempts stay unanswered."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let `test.invalid` have these addresses."""

    async def resolve(address: Address) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", one) for one in addresses]

    monkeypatch.setattr(dialler, "_resolve", resolve)


async def test_a_server_that_listens_is_reached(listener: socket.socket) -> None:
    with await connect(Address(*listener.getsockname()), LIMIT) as connected:
        assert connected.getpeername() == listener.getsockname()
        assert connected.gettimeout() == 0.0


async def test_a_name_is_looked_up(listener: socket.socket) -> None:
    with await connect(Address("localhost", listener.getsockname()[1]), LIMIT) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_nobody_listening_is_told_apart_from_other_failures(dead_port: int) -> None:
    with pytest.raises(CannotConnect, match="connection refused") as caught:
        await connect(Address("127.0.0.1", dead_port), LIMIT)
    assert caught.value.refused


async def test_a_name_that_does_not_exist_is_no_refusal() -> None:
    with pytest.raises(CannotConnect, match="the host name cannot be found") as caught:
        await connect(Address("host.invalid", 1), LIMIT)
    assert not caught.value.refused


@pytest.mark.parametrize("host", ["", "a..b", "x" * 300, "ä" * 80, "\x00", "1.2.3.4.5"])
async def test_no_host_name_from_a_peer_is_more_than_a_failure(host: str) -> None:
    with pytest.raises(CannotConnect):
        await connect(Address(host, 1), 0.5)


async def test_no_answer_within_the_limit_is_a_failure(silent_port: int) -> None:
    with pytest.raises(CannotConnect, match=r"no answer within 0\.1 s") as caught:
        await connect(Address("127.0.0.1", silent_port), 0.1)
    assert not caught.value.refused


async def test_the_next_address_is_tried_when_one_refuses(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, dead_port: int
) -> None:
    monkeypatch.setattr(dialler, "ATTEMPT_DELAY", LIMIT)
    resolving_to(monkeypatch, ("127.0.0.1", dead_port), listener.getsockname())
    (await connect(Address("test.invalid", 1), LIMIT)).close()


async def test_the_next_address_is_tried_when_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, silent_port: int
) -> None:
    monkeypatch.setattr(dialler, "ATTEMPT_DELAY", 0.02)
    resolving_to(monkeypatch, ("127.0.0.1", silent_port), listener.getsockname())
    with await connect(Address("test.invalid", 1), LIMIT) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_a_host_is_dead_only_if_all_its_addresses_refuse(
    monkeypatch: pytest.MonkeyPatch, silent_port: int, dead_port: int
) -> None:
    monkeypatch.setattr(dialler, "ATTEMPT_DELAY", 0.02)
    resolving_to(monkeypatch, ("127.0.0.1", dead_port), ("127.0.0.1", silent_port))
    with pytest.raises(CannotConnect) as caught:
        await connect(Address("test.invalid", 1), 0.2)
    assert not caught.value.refused


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    six = [(socket.AF_INET6, socket.SOCK_STREAM, 0, "", (f"::{n}", 1, 0, 0)) for n in (1, 2)]
    four = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"127.0.0.{n}", 1)) for n in (1, 2)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: six + four)
    assert await dialler._resolve(Address("test.invalid", 1)) == [six[0], four[0], six[1], four[1]]


async def test_a_socket_that_connected_to_itself_counts_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def bound(*arguments: int) -> socket.socket:
        made = socket.socket(*arguments)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        return made

    monkeypatch.setattr(dialler, "_new_socket", bound)
    with pytest.raises(CannotConnect) as caught:
        await connect(Address("127.0.0.1", port), LIMIT)
    assert caught.value.refused


async def test_a_dial_becomes_an_outbound_connection_with_its_number(listener: socket.socket) -> None:
    async with world(starting=[Dial(5, Address(*listener.getsockname()))]) as here:
        (opened,) = await here.node.told(ConnectionOpened)
        assert (opened.dial, opened.origin, opened.peer) == (5, "outbound", listener.getsockname())


async def test_a_dial_that_fails_says_why(dead_port: int, silent_port: int) -> None:
    dials = [Dial(1, Address("127.0.0.1", dead_port)), Dial(2, Address("127.0.0.1", silent_port))]
    async with world(starting=dials, dial_limit=0.2) as here:
        failed = sorted(await here.node.told(DialFailed, 2), key=lambda one: one.dial)
        assert failed == [
            DialFailed(1, "connection refused", refused=True),
            DialFailed(2, "no answer within 0.2 s", refused=False),
        ]


async def test_dials_under_way_are_ended_with_the_node(silent_port: int) -> None:
    async with world(starting=[Dial(1, Address("127.0.0.1", silent_port))]) as here:
        await asyncio.sleep(0.01)
    assert here.node.events == []
    assert not [task for task in asyncio.all_tasks() if "dial" in task.get_name()]


# --- several addresses of one server ----------------------------------------------------------------------------------


async def test_of_several_addresses_the_one_that_answers_is_told(listener: socket.socket, dead_port: int) -> None:
    dead, alive = Address("127.0.0.1", dead_port), Address(*listener.getsockname())
    connected, which = await connect_any([dead, alive], LIMIT)
    with connected:
        assert connected.getpeername() == listener.getsockname()
    assert which == alive


async def test_a_name_that_cannot_be_found_does_not_keep_the_other_addresses_from_being_tried(
    listener: socket.socket,
) -> None:
    connected, which = await connect_any([Address("host.invalid", 1), Address(*listener.getsockname())], LIMIT)
    connected.close()
    assert which == listener.getsockname()


async def test_a_resolver_that_does_not_answer_does_not_keep_the_other_addresses_from_being_tried(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    whole = dialler._resolve

    async def resolve(address: Address) -> object:
        return await (asyncio.Event().wait() if address.host == "slow.example" else whole(address))

    monkeypatch.setattr(dialler, "_resolve", resolve)
    alive = Address(*listener.getsockname())
    connected, which = await connect_any([Address("slow.example", 1), alive], 0.4)
    connected.close()
    assert which == alive
    with pytest.raises(CannotConnect, match="no answer within"):
        await connect_any([Address("slow.example", 1)], 0.2)


async def test_a_server_elsewhere_is_not_looked_for_on_this_machine_though_its_name_means_it_here(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    here = Address("mybox", listener.getsockname()[1])
    resolving_to(monkeypatch, listener.getsockname())
    (await connect_any([here], LIMIT))[0].close()
    with pytest.raises(CannotConnect, match="mybox is this machine itself here"):
        await connect_any([here], LIMIT, abroad=True)


async def test_nobody_is_left_connected_when_all_wait_is_over(silent_port: int, dead_port: int) -> None:
    with pytest.raises(CannotConnect):
        await connect_any([Address("127.0.0.1", silent_port), Address("127.0.0.1", dead_port)], 0.2)
