"""Where a server listens, and where it says that it does."""

from __future__ import annotations

import socket

import pytest

from core.engine.errors import CannotBind
from core.engine.listening import advertised_address, bind
from core.wire.address import Address


def closed(sockets: list[socket.socket]) -> list[tuple[str, int]]:
    addresses = [one.getsockname()[:2] for one in sockets]
    for one in sockets:
        one.close()
    return addresses


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
async def test_everywhere_means_both_families_on_one_port(host: str) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    addresses = closed(await bind(host, 0))
    assert [one[0] for one in addresses] in (["0.0.0.0", "::"], ["0.0.0.0"])
    assert len({one[1] for one in addresses}) == 1
    assert addresses[0][1] != 0


async def test_a_specific_address_is_the_only_one() -> None:
    ((host, port),) = closed(await bind("127.0.0.1", 0))
    assert host == "127.0.0.1"
    assert port != 0


async def test_all_addresses_of_a_name_share_the_port() -> None:
    addresses = closed(await bind("localhost", 0))
    assert "127.0.0.1" in [one[0] for one in addresses]
    assert len({one[1] for one in addresses}) == 1


async def test_a_port_that_another_program_has_is_refused_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotBind, match=rf"Cannot listen on 127\.0\.0\.1:{port}: another program does already"):
            await bind("127.0.0.1", port)
        with pytest.raises(CannotBind, match=rf"port {port}"):
            await bind("", port)


async def test_another_free_port_is_taken_when_the_first_is_free_in_one_family_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    places = [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.0.0.1")]
    first = [taken.getsockname()[1]]

    class Steered(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            super().bind((address[0], first.pop()) if address[1] == 0 and first else address)

    async def two_places(host: str) -> list[tuple[socket.AddressFamily, str]]:
        return places

    monkeypatch.setattr("core.engine.listening._places", two_places)
    monkeypatch.setattr("core.engine.listening.socket.socket", Steered)
    addresses = closed(await bind("", 0))
    assert first == []
    assert addresses[0][1] == addresses[1][1] != taken.getsockname()[1]
    taken.close()


async def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(CannotBind, match="does not have that address"):
        await bind("192.0.2.1", 0)


async def test_a_name_that_does_not_exist_is_refused_in_words() -> None:
    with pytest.raises(CannotBind, match=r"Cannot listen on host\.invalid: the name cannot be found"):
        await bind("host.invalid", 0)


def test_what_is_wanted_is_advertised_with_the_real_port_if_none_is_given() -> None:
    bound = Address("0.0.0.0", 4000)
    assert advertised_address("", bound, Address("example.org", 3780)) == ("example.org", 3780)
    assert advertised_address("", bound, Address("example.org", 0)) == ("example.org", 4000)


def test_a_specific_host_is_advertised_as_it_was_given() -> None:
    assert advertised_address("localhost", Address("127.0.0.1", 4000), None) == ("localhost", 4000)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_everywhere_is_advertised_as_an_address_of_this_machine(host: str) -> None:
    guess = advertised_address(host, Address("0.0.0.0", 4000), None)
    assert guess.port == 4000
    with socket.socket() as probe:
        probe.bind((guess.host, 0))


def test_a_machine_without_a_route_advertises_itself_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: object, address: object) -> None:
        raise OSError

    class Unrouted(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError("network is unreachable")

    monkeypatch.setattr("core.engine.listening.socket.socket", Unrouted)
    assert advertised_address("", Address("0.0.0.0", 4000), None) == ("127.0.0.1", 4000)
