"""What a server tells its node of the machine's addresses, and what it advertises then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.engine import EngineSettings, Server
from core.engine.upkeep import address_watch as module
from core.node.interface.actions import Action, Advertise
from core.node.interface.events import AddressesFound, ConnectionOpened, Event
from core.wire.address import Address
from core.wire.recovered import Recovered
from tests.engine.harness import CHEAP, MemoryStore, Peer, ScriptedNode, until


class Machine:
    """A machine whose addresses a test decides, and a server on it."""

    def __init__(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: tuple[str, ...] = ("10.0.0.1", "2001:db8::1")
        self.looks = 0
        self.node = ScriptedNode(self._script)
        self._data_dir = data_dir
        self.server: Server | None = None
        monkeypatch.setattr(module, "ADDRESS_INTERVAL", 0.01)
        monkeypatch.setattr(module, "machine_hosts", self._hosts)
        monkeypatch.setattr("core.engine.sockets.listening.machine_hosts", self._hosts)

    def _hosts(self, bound: list[Address]) -> tuple[str, ...]:
        self.looks += 1
        return self.found

    def _script(self, event: Event) -> list[Action]:
        if isinstance(event, AddressesFound):
            return [Advertise(Address(event.hosts[0], 3780))]
        return []

    async def start(self, **changes: object) -> Server:
        settings = EngineSettings(data_dir=self._data_dir, port=0, passwords=CHEAP, **changes)  # type: ignore[arg-type]
        store = MemoryStore()
        self.server = Server(
            settings, make_node=lambda *_: self.node, make_store=lambda _: (store, Recovered("node-1", 1))
        )
        await self.server.start()
        return self.server

    async def look_again(self, times: int = 2) -> None:
        """Wait until the machine has been looked at so often from now on."""
        before = self.looks
        await until(lambda: self.looks >= before + times)


@pytest.fixture
async def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Machine]:
    made = Machine(tmp_path / "data", monkeypatch)
    yield made
    if made.server is not None:
        await made.server.abort()


async def test_a_server_that_listens_everywhere_tells_the_machines_addresses_and_when_they_change(
    machine: Machine,
) -> None:
    server = await machine.start()
    assert [event.hosts for event in machine.node.of(AddressesFound)] == [machine.found]
    machine.found = ("10.0.0.7",)
    await machine.node.told(AddressesFound, 2)
    await until(lambda: server.advertised.host == "10.0.0.7")
    assert machine.node.of(AddressesFound)[-1].hosts == ("10.0.0.7",)


@pytest.mark.parametrize("between", [("127.0.0.1",), ("fe80::1%eth0",), ("169.254.1.1",)])
async def test_between_two_networks_the_last_address_stays(machine: Machine, between: tuple[str, ...]) -> None:
    await machine.start()
    await machine.look_again()
    machine.found = between
    await machine.look_again()
    assert {event.hosts for event in machine.node.of(AddressesFound)} == {("10.0.0.1", "2001:db8::1")}
    machine.found = ("10.0.0.7",)
    await until(lambda: machine.node.of(AddressesFound)[-1].hosts == ("10.0.0.7",))


@pytest.mark.parametrize("changes", [{"host": "127.0.0.1"}, {"advertise": Address("chat.example.org", 0)}])
async def test_what_was_asked_for_is_not_looked_for(machine: Machine, changes: dict[str, object]) -> None:
    server = await machine.start(**changes)
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    await machine.node.told(ConnectionOpened)
    assert machine.node.of(AddressesFound) == []
    assert server.advertised.host == ("127.0.0.1" if "host" in changes else "chat.example.org")
    peer.close()


async def test_a_node_is_told_both_ends_of_a_connection(machine: Machine) -> None:
    server = await machine.start(host="127.0.0.1")
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    [opened] = await machine.node.told(ConnectionOpened)
    assert opened.at == peer.sock.getpeername()
    assert opened.peer == peer.sock.getsockname()
    peer.close()
