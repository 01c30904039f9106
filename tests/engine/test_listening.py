"""Where a server listens, and where it says that it does."""

from __future__ import annotations

import socket

import pytest

from core.engine.engine_errors import CannotBind
from core.engine.sockets import interfaces
from core.engine.sockets.listening import advertised_address, bind
from core.wire.address import Address


def closed(sockets: list[socket.socket]) -> list[tuple[str, int]]:
    addresses = [one.getsockname()[:2] for one in sockets]
    for one in sockets:
        one.close()
    return addresses


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("host", ["", "*"])
async def test_everywhere_means_both_families_on_one_port(host: str, ipv6: None) -> None:
    addresses = closed(await bind(host, 0))
    assert [one[0] for one in addresses] == ["0.0.0.0", "::"]
    assert len({one[1] for one in addresses}) == 1
    assert addresses[0][1] != 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_all_of_one_family_is_that_family_and_no_other(host: str, ipv6: None) -> None:
    sockets = await bind(host, 0)
    port = sockets[0].getsockname()[1]
    for one in sockets:
        one.listen()
    reached = []
    for loopback in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((loopback, port), 5).close()
        except ConnectionRefusedError:
            continue
        reached.append(loopback)
    assert [one[0] for one in closed(sockets)] == [host]
    assert reached == [{"0.0.0.0": "127.0.0.1", "::": "::1"}[host]]


async def test_a_link_local_address_is_listened_on_in_its_zone() -> None:
    found = [one.host for one in interfaces.addresses() if one.host.startswith("fe80:")]
    if not found:
        pytest.skip("this machine has no link-local IPv6 address")
    (listener,) = await bind(found[0], 0)
    with listener:
        assert interfaces.endpoint(listener.getsockname()).host == found[0]


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

    monkeypatch.setattr("core.engine.sockets.listening._places", two_places)
    monkeypatch.setattr("core.engine.sockets.listening.socket.socket", Steered)
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
    bound = [Address("0.0.0.0", 4000)]
    assert advertised_address("", bound, Address("example.org", 3780)) == ("example.org", 3780)
    assert advertised_address("", bound, Address("example.org", 0)) == ("example.org", 4000)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "10.1.2.3"])
def test_a_specific_host_is_advertised_as_it_was_given(host: str) -> None:
    assert advertised_address(host, [Address("127.0.0.1", 4000)], None) == (host, 4000)


@pytest.mark.parametrize(
    ("bound", "advertised"),
    [
        (["127.0.1.1"], "127.0.1.1"),
        (["127.0.1.1", "10.1.2.3"], "10.1.2.3"),
        (["fe80::1%eth0", "2001:db8::5"], "2001:db8::5"),
    ],
)
def test_a_name_is_advertised_as_the_address_that_it_has_here(bound: list[str], advertised: str) -> None:
    """Many systems have the machine's own name stand for loopback; elsewhere it means something else, or nothing."""
    assert advertised_address("mybox", [Address(host, 4000) for host in bound], None) == (advertised, 4000)


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_everywhere_is_advertised_as_an_address_of_this_machine(host: str) -> None:
    guess = advertised_address(host, [Address("0.0.0.0", 4000)], None)
    assert guess.port == 4000
    with socket.socket() as probe:
        probe.bind((guess.host, 0))


# --- which of the machine's addresses ---------------------------------------------------------------------------------

UP = 0x1 | 0x40
LOOPBACK = UP | 0x8
BOTH = (socket.AF_INET, socket.AF_INET6)


def machine(
    monkeypatch: pytest.MonkeyPatch,
    *found: tuple[str, str],
    routed: tuple[str, ...] = (),
    passing: tuple[str, ...] = (),
) -> None:
    """Let the machine have these addresses, each of an interface."""
    named = [
        interfaces.Found(host, name.removesuffix(" down"), LOOPBACK if name == "lo" else 0x1 if "down" in name else UP)
        for host, name in (("127.0.0.1", "lo"), ("::1", "lo"), *found)
    ]
    monkeypatch.setattr(interfaces, "addresses", lambda: named)
    monkeypatch.setattr(interfaces, "_routed", lambda: list(routed))
    monkeypatch.setattr(interfaces, "_passing", lambda: frozenset(passing))


def test_a_lan_without_a_default_route_is_found_by_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ("192.168.7.3", "eth0"))
    assert interfaces.hosts_for_others(BOTH) == ("192.168.7.3",)


def test_a_machine_with_ipv6_only_is_reached_over_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ("fe80::5%eth0", "eth0"), ("2001:db8::5", "eth0"))
    assert interfaces.hosts_for_others(BOTH) == ("2001:db8::5", "fe80::5%eth0")


def test_the_way_to_the_world_is_the_best_guess_and_the_others_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(
        monkeypatch, ("10.9.0.1", "eth1"), ("192.168.7.3", "eth0"), ("2001:db8::5", "eth0"), routed=("192.168.7.3",)
    )
    assert interfaces.hosts_for_others(BOTH) == ("192.168.7.3", "10.9.0.1", "2001:db8::5")


def test_only_addresses_of_the_families_that_are_listened_on_count(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ("192.168.7.3", "eth0"), ("2001:db8::5", "eth0"), routed=("192.168.7.3", "2001:db8::5"))
    assert interfaces.hosts_for_others((socket.AF_INET,)) == ("192.168.7.3",)
    assert interfaces.hosts_for_others((socket.AF_INET6,)) == ("2001:db8::5",)


def test_an_address_that_will_not_stay_is_no_first_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(
        monkeypatch, ("2001:db8::aaaa", "eth0"), ("2001:db8::5", "eth0"),
        routed=("2001:db8::aaaa",), passing=("2001:db8::aaaa",),
    )  # fmt: skip
    assert interfaces.hosts_for_others(BOTH)[0] == "2001:db8::5"


@pytest.mark.parametrize("name", ["docker0", "br-0123456789ab", "virbr0", "veth12ab", "lo", "eth9 down"])
def test_addresses_that_lead_to_guests_or_nowhere_are_left_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine(monkeypatch, ("172.17.0.1", name), ("192.168.7.3", "eth0"))
    assert interfaces.hosts_for_others(BOTH) == ("192.168.7.3",)


def test_a_link_local_address_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ("169.254.3.4", "eth0"), ("10.0.0.5", "eth1"))
    assert interfaces.hosts_for_others(BOTH) == ("10.0.0.5", "169.254.3.4")
    machine(monkeypatch, ("169.254.3.4", "eth0"))
    assert interfaces.hosts_for_others(BOTH) == ("169.254.3.4",)


def test_a_machine_without_a_network_advertises_itself_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    assert interfaces.hosts_for_others(BOTH) == ("127.0.0.1",)
    assert interfaces.hosts_for_others((socket.AF_INET6,)) == ("::1",)


def test_a_system_that_does_not_tell_its_interfaces_still_knows_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, routed=("192.168.7.3",))
    monkeypatch.setattr(interfaces, "addresses", list)
    assert interfaces.hosts_for_others(BOTH) == ("192.168.7.3",)


def test_this_machines_own_addresses_can_be_bound_to() -> None:
    found = interfaces.addresses()
    assert "127.0.0.1" in [one.host for one in found]
    for one in found:
        if ":" not in one.host and one.flags & 0x1:
            with socket.socket() as probe:
                probe.bind((one.host, 0))


def test_the_end_of_a_connection_is_told_with_its_zone_and_in_plain_ipv4() -> None:
    lo = socket.if_nametoindex("lo")
    assert interfaces.endpoint(("fe80::1", 80, 0, lo)) == ("fe80::1%lo", 80)
    assert interfaces.endpoint(("::ffff:10.0.0.1", 80, 0, 0)) == ("10.0.0.1", 80)
    assert interfaces.endpoint(("2001:db8::1", 80, 0, 0)) == ("2001:db8::1", 80)
