"""What a node advertises, and which addresses of others it believes: here, and for whoever is at the other end."""

from __future__ import annotations

import pytest

from core.node.interface import events
from core.simulation.testing import SECRET, ScriptedClient, ScriptedNetwork, WatchedServer
from core.wire import messages as wire
from core.wire.address import Address

LAN = "10.0.0."


def two(
    network: ScriptedNetwork, second: str, *, machine: str = LAN + "2", first_machine: str = LAN + "1"
) -> list[WatchedServer]:
    """Two servers, of which the second advertises `second` and runs on `machine`."""
    one = network.start("one", machine=first_machine, hostname=first_machine, lazy_links=0)
    other = network.start("two", one, machine=machine, hostname=second, lazy_links=0)
    network.run(5.0)
    assert one.reachable == other.reachable == {one.id, other.id}
    return [one, other]


def crowd(
    network: ScriptedNetwork, server: WatchedServer, host: str, count: int = 6, at: str | None = None
) -> list[ScriptedClient]:
    """People who log in one after the other."""
    people = []
    for _ in range(count):
        people.append(network.client(server, host=host, at=at, features=()))
        people[-1].login()
        network.run(0.2)
    return people


def sent_to(people: list[ScriptedClient]) -> set[Address]:
    return {Address(one.hostname, int(one.port)) for person in people for one in person.of(wire.Redirect)}


# --- redirects --------------------------------------------------------------------------------------------------------

NONSENSE = ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "169.254.1.1", "fe80::1", "224.0.0.1", "255.255.255.255"]


@pytest.mark.parametrize("advertised", NONSENSE)
def test_people_elsewhere_are_sent_to_where_a_server_is_seen_not_to_what_it_says_of_its_own_machine(
    advertised: str,
) -> None:
    network = ScriptedNetwork()
    one, other = two(network, advertised)
    assert sent_to(crowd(network, one, LAN + "9")) == {Address(LAN + "2", other.config.port)}


@pytest.mark.parametrize("advertised", ["127.0.0.1", "::1", "localhost"])
def test_a_server_on_loopback_is_for_people_of_its_machine_alone(advertised: str) -> None:
    network = ScriptedNetwork()
    one, other = two(network, advertised, machine=LAN + "1")
    assert sent_to(crowd(network, one, LAN + "9")) == set()
    network = ScriptedNetwork()
    one, other = two(network, advertised, machine=LAN + "1")
    assert sent_to(crowd(network, one, "127.0.0.1", at="127.0.0.1")) == {Address(advertised, other.config.port)}


def test_an_address_of_the_machine_with_itself_is_loopback_too() -> None:
    network = ScriptedNetwork()
    one, other = two(network, "127.0.0.1", machine=LAN + "1")
    assert sent_to(crowd(network, one, LAN + "1", at=LAN + "1")) == {Address("127.0.0.1", other.config.port)}


def test_a_server_that_is_near_a_distant_one_is_not_near_here() -> None:
    """Its record is passed on by the one in between, and says loopback here as there."""
    network = ScriptedNetwork()
    one, between = two(network, LAN + "2")
    hidden = network.start("hidden", between, machine=LAN + "2", hostname="127.0.0.1", lazy_links=0)
    network.run(5.0)
    assert hidden.id in one.reachable
    targets = sent_to(crowd(network, one, "127.0.0.1", 9, at="127.0.0.1"))
    assert targets == {Address(LAN + "2", between.config.port)}
    assert hidden.address.port not in {address.port for _, address in one.dials}


def test_servers_of_one_machine_know_each_other_through_a_third_one_there() -> None:
    network = ScriptedNetwork()
    one, between = two(network, "127.0.0.1", machine=LAN + "1")
    third = network.start("third", between, machine=LAN + "1", hostname="127.0.0.1", lazy_links=0)
    network.run(5.0)
    targets = sent_to(crowd(network, one, "127.0.0.1", 9, at="127.0.0.1"))
    assert targets == {Address("127.0.0.1", server.config.port) for server in (between, third)}


def test_nobody_is_near_because_they_say_so() -> None:
    """A liar elsewhere names this machine's servers as its neighbours on one machine; they do not name it."""
    network = ScriptedNetwork()
    one, other = two(network, "127.0.0.1", machine=LAN + "1")
    liar = network.peer(one)
    liar.say(wire.Authenticate(SECRET, id="liar", incarnation=1, hostname="127.0.0.1", port=22, features=["sync"]))
    network.run(0.1)
    links = [wire.LinkEnd(one.id, 1)]
    liar.say(
        wire.ServerAnnounce("liar", 0, "127.0.0.1", 22, incarnation=1, version=9, links=links, near=[one.id, other.id])
    )
    network.run(1.0)
    assert Address("127.0.0.1", 22) not in sent_to(crowd(network, one, "127.0.0.1", at="127.0.0.1"))
    assert Address("127.0.0.1", 22) not in [address for server in (one, other) for _, address in server.dials]


@pytest.mark.parametrize(
    ("client", "target", "sent"),
    [
        (LAN + "9", "2001:db8::2", False),
        ("2001:db8::9", LAN + "2", False),
        ("2001:db8::9", "2001:db8::2", True),
        ("203.0.113.9", LAN + "2", False),
        ("203.0.113.9", "198.51.100.2", True),
        ("203.0.113.9", "two.example", True),
        ("2001:db8::9", "two.example", True),
        (LAN + "9", "198.51.100.2", True),
    ],
    ids=lambda value: str(value),
)
def test_nobody_is_sent_where_their_own_address_says_that_they_cannot_go(client: str, target: str, sent: bool) -> None:
    network = ScriptedNetwork()
    one, other = two(network, target, machine=target)
    assert sent_to(crowd(network, one, client)) == ({Address(target, other.config.port)} if sent else set())


def test_somebody_is_sent_to_an_address_on_their_own_network_if_the_server_has_one() -> None:
    network = ScriptedNetwork()
    one, other = two(network, LAN + "2")
    other.handle(events.AddressesFound((LAN + "2", "10.0.7.2", "2001:db8::2")))
    network.run(1.0)
    port = other.config.port
    assert sent_to(crowd(network, one, "10.0.7.9")) == {Address("10.0.7.2", port)}
    assert sent_to(crowd(network, one, "2001:db8::9", 9)) == {Address("2001:db8::2", port)}


def test_somebody_who_comes_from_another_network_than_a_server_is_not_sent_there() -> None:
    """The machine in the middle is on both, which does not make it a router between them."""
    network = ScriptedNetwork()
    one, other = two(network, "10.0.2.2", machine="10.0.2.2", first_machine="10.0.2.1")
    assert sent_to(crowd(network, one, "10.0.1.9", at="10.0.1.1")) == set()
    assert sent_to(crowd(network, one, "10.0.2.9", at="10.0.2.1")) == {Address("10.0.2.2", other.config.port)}


def test_a_client_that_was_there_in_vain_is_kept_or_sent_elsewhere() -> None:
    network = ScriptedNetwork()
    one, other = two(network, LAN + "2")
    for _ in range(4):
        network.client(one, host=LAN + "9").login(redirects=1)
    network.run(0.5)
    visitor = network.client(one, host=LAN + "9")
    visitor.login(visited=[str(other.address)])
    network.run(0.5)
    assert not visitor.of(wire.Redirect)


# --- servers that leave -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advertised", NONSENSE)
def test_a_leaving_server_sends_people_to_where_its_successor_is_seen(advertised: str) -> None:
    network = ScriptedNetwork()
    one, other = two(network, advertised)
    native = network.client(one, host=LAN + "9")
    base = network.client(one, host=LAN + "9", features=())
    for client in (native, base):
        client.login(redirects=1000)
    network.run(0.5)
    base.log.clear()
    one.drain()
    network.run(3.0)
    assert [(told.new_server_ip, told.new_server_port) for told in native.of(wire.Quit)] in (
        [(LAN + "2", other.config.port)],
        [],
    )
    for client in (native, base):
        named = {(one.hostname, one.port) for one in client.of(wire.Redirect)}
        assert named <= {(LAN + "2", other.config.port)}
    assert base.of(wire.Redirect)


@pytest.mark.parametrize("advertised", ["127.0.0.1", "0.0.0.0", "fe80::1"])
def test_the_servers_of_one_that_leaves_find_its_successor_whatever_that_advertises(advertised: str) -> None:
    network = ScriptedNetwork()
    hub = network.start("hub", machine=LAN + "1", hostname=LAN + "1", lazy_links=0)
    others = [
        network.start(f"s{number}", hub, machine=f"{LAN}{number}", hostname=advertised, lazy_links=0)
        for number in (2, 3, 4)
    ]
    network.run(5.0)
    hub.drain()
    network.run(10.0)
    assert all(server.reachable == {one.id for one in others} for server in others)


def test_people_of_other_machines_get_a_successor_that_they_can_reach() -> None:
    for seed in range(6):
        network = ScriptedNetwork(seed=seed)
        hub = network.start("hub", machine=LAN + "1", hostname=LAN + "1", lazy_links=0)
        network.start("hidden", hub, machine=LAN + "1", hostname="127.0.0.1", lazy_links=0)
        open_to_all = network.start("open", hub, machine=LAN + "2", hostname=LAN + "2", lazy_links=0)
        network.run(5.0)
        client = network.client(hub, host=LAN + "9")
        client.login(redirects=1000)
        network.run(0.5)
        hub.drain()
        network.run(3.0)
        assert [told.new_server_ip for told in client.of(wire.Quit)] == [open_to_all.machine]


# --- servers that are lost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advertised", NONSENSE)
def test_a_lost_server_is_looked_for_where_it_was_seen_also_after_a_restart(advertised: str) -> None:
    network = ScriptedNetwork()
    one, other = two(network, advertised)
    other.crash()
    network.run(3.0)
    one.crash()
    one = network.start("one", machine=LAN + "1", hostname=LAN + "1", lazy_links=0)
    other = network.start("two", machine=LAN + "2", hostname=advertised, lazy_links=0)
    other.node.healing.peers.clear()  # It is found, it does not look.
    assert network.until(lambda: other.id in one.reachable, 30.0)
    assert {address.host for _, address in one.dials} <= {LAN + "2"}


def test_a_server_of_this_machine_that_was_heard_of_before_it_was_linked_is_looked_for_after_a_restart() -> None:
    network = ScriptedNetwork()
    one = network.start("one", machine=LAN + "1", hostname="127.0.0.1")
    between = network.start("between", one, machine=LAN + "1", hostname="127.0.0.1")
    third = network.start("third", between, machine=LAN + "1", hostname="127.0.0.1")
    assert network.until(lambda: bool(network.links_between(one, third)), 60.0)
    network.run(3.0)
    between.crash()
    one.crash()
    network.run(1.0)
    third.node.healing.peers.clear()  # It is found, it does not look.
    one = network.start("one", machine=LAN + "1", hostname="127.0.0.1")
    assert network.until(lambda: third.id in one.reachable, 60.0)


@pytest.mark.parametrize(
    ("machine", "advertised", "looked_for"),
    [
        ("198.51.100.7", "192.168.1.2", {"192.168.1.2"}),
        ("198.51.100.7", "127.0.0.1", {"198.51.100.7"}),
        (LAN + "2", "192.168.1.2", {LAN + "2", "192.168.1.2"}),
    ],
    ids=["behind another's address", "with nothing better", "on the same network"],
)
def test_the_address_at_which_somebody_came_is_dialled_only_if_it_is_likely_their_own(
    machine: str, advertised: str, looked_for: set[str]
) -> None:
    """Behind a router that translates addresses, the one that is seen is the router's, or a stranger's by now."""
    network = ScriptedNetwork()
    one, other = two(network, advertised, machine=machine)
    other.crash()
    network.run(20.0)
    assert {address.host for _, address in one.dials} == looked_for


def test_a_server_that_names_many_addresses_has_few_dialled_and_the_one_that_worked_among_them() -> None:
    network = ScriptedNetwork()
    one, other = two(network, LAN + "2")
    other.handle(events.AddressesFound(tuple(f"10.0.7.{number}" for number in range(1, 50))))
    network.run(1.0)
    known = one.node.healing.peers[other.id].addresses
    assert len(known) == 6
    assert other.address in known
    assert len(one.node.topology.records[other.id].also) <= 7


def test_a_server_that_has_moved_is_looked_for_at_its_new_address() -> None:
    network = ScriptedNetwork()
    one, other = two(network, LAN + "2")
    other.handle(events.AddressesFound(("10.0.0.77",)))
    network.run(1.0)
    assert one.node.healing.peers[other.id].hostname == "10.0.0.77"
    assert any("10.0.0.77" in text for text in other.told("listening"))


def test_an_address_that_another_server_has_taken_is_given_up_and_the_next_is_tried() -> None:
    network = ScriptedNetwork()
    one, other = two(network, LAN + "2")
    other.handle(events.AddressesFound((LAN + "2", "10.0.7.2")))
    network.run(1.0)
    other.crash()
    stranger = network.start("stranger", machine=LAN + "2", hostname=LAN + "2", lazy_links=0)
    network.unlisten(stranger.address)
    network.listen(other.address, stranger)
    assert network.until(lambda: stranger.id in one.reachable, 30.0)
    known = one.node.healing.peers[other.id]
    assert Address(LAN + "2", other.config.port) not in known.addresses
    assert Address("10.0.7.2", other.config.port) in known.addresses


# --- what a node says of itself ---------------------------------------------------------------------------------------


def test_what_the_machine_has_is_advertised_and_told_to_others() -> None:
    network = ScriptedNetwork()
    one, other = two(network, "127.0.0.1")
    other.handle(events.AddressesFound((LAN + "2", "10.0.7.2", "fe80::2%eth0")))
    network.run(1.0)
    record = one.node.topology.records[other.id]
    assert (record.hostname, record.also) == (LAN + "2", ("10.0.7.2",))
    assert other.advertised == [Address(LAN + "2", other.config.port)]


def test_an_address_at_which_others_have_come_is_better_than_a_guess() -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine=LAN + "1", hostname="172.30.0.1")
    server.handle(events.AddressesFound(("172.30.0.1", LAN + "1")))
    network.client(server, host=LAN + "9", at=LAN + "1")
    assert server.node.topology.own.hostname == LAN + "1"
    network.client(server, host="172.30.0.9", at="172.30.0.1")
    assert server.node.topology.own.hostname == LAN + "1", "it works, so it stays"
    server.handle(events.AddressesFound(("172.30.0.1",)))
    assert server.node.topology.own.hostname == "172.30.0.1"


def test_a_link_local_address_is_not_advertised_although_it_works_for_somebody() -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine=LAN + "1", hostname=LAN + "1")
    server.handle(events.AddressesFound((LAN + "1", "fe80::1%eth0")))
    network.client(server, host="fe80::9%eth0", at="fe80::1%eth0")
    assert server.node.topology.own.addresses == [Address(LAN + "1", server.config.port)]
    server.handle(events.AddressesFound(("fe80::1%eth0",)))
    assert server.node.topology.own.hostname == "fe80::1%eth0", "it is all that there is"
    server.handle(events.AddressesFound((LAN + "7", "fe80::1%eth0")))
    assert server.node.topology.own.addresses == [Address(LAN + "7", server.config.port)]


def test_somebody_on_this_machine_proves_nothing_about_its_addresses() -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine=LAN + "1", hostname="172.30.0.1")
    server.handle(events.AddressesFound(("172.30.0.1", LAN + "1")))
    network.client(server, host=LAN + "1", at=LAN + "1")
    assert server.node.topology.own.hostname == "172.30.0.1"


def test_what_was_asked_for_stays_whoever_comes_where() -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine=LAN + "1", hostname="chat.example.org")
    network.client(server, host=LAN + "9", at=LAN + "1")
    assert server.node.topology.own.hostname == "chat.example.org"


@pytest.mark.parametrize("seen", ["203.0.113.5", "8.8.8.8", "127.0.0.1", "0.0.0.0", "nonsense", "fe80::1", "10.0.0.99"])
def test_a_peer_that_lies_about_what_it_sees_makes_a_node_advertise_nothing(seen: str) -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine=LAN + "1", hostname=LAN + "1")
    server.handle(events.AddressesFound((LAN + "1",)))
    liars = [network.listening_base_server(9000 + number) for number in range(3)]
    for number, liar in enumerate(liars):
        server.handle(events.JoinRequested(Address("base.example", liar.port)))
        network.run(0.1)
        liar.say(wire.ServerHello(f"liar{number}", 1, "base.example", liar.port, features=["sync"], seen=seen))
    network.run(1.0)
    assert set(server.neighbours) == {"liar0", "liar1", "liar2"}
    assert server.node.topology.own.addresses == [Address(LAN + "1", server.config.port)]
    assert server.advertised == []


def test_an_operator_is_told_once_that_others_see_the_server_elsewhere() -> None:
    network = ScriptedNetwork()
    one = network.start("one", machine=LAN + "1", hostname=LAN + "1")
    other = network.start("two", one, machine="198.51.100.7", hostname="192.168.1.2")
    other.handle(events.AddressesFound(("192.168.1.2",)))
    network.run(5.0)
    told = [text for text in other.told("listening") if "198.51.100.7" in text]
    assert len(told) == 1
    assert "--advertise" in told[0]


# --- base servers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advertised", ["127.0.0.1", "localhost", "0.0.0.0", "/127.0.0.1"])
def test_a_base_server_elsewhere_that_announces_loopback_is_where_it_is_seen(advertised: str) -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine=LAN + "1", hostname=LAN + "1")
    base = network.client(server, host=LAN + "5", features=())
    base.say(wire.Authenticate(SECRET))
    base.say(wire.ServerAnnounce("base", 0, advertised, 3780))
    network.run(0.5)
    assert sent_to(crowd(network, server, LAN + "9")) == {Address(LAN + "5", 3780)}
    base.hang_up()
    network.run(5.0)
    assert {address for _, address in server.dials} == {Address(LAN + "5", 3780)}


def test_a_base_server_behind_another_that_announces_loopback_is_nobodys_to_go_to() -> None:
    network = ScriptedNetwork()
    one, other = two(network, LAN + "2")
    base = network.client(one, host=LAN + "5", features=())
    base.say(wire.Authenticate(SECRET))
    base.say(wire.ServerAnnounce("base", 0, LAN + "5", 3780))
    base.say(wire.ServerAnnounce("behind", 0, "127.0.0.1", 3781))
    network.run(1.0)
    for server, host in ((one, LAN + "9"), (one, "127.0.0.1"), (other, "127.0.0.1")):
        targets = sent_to(crowd(network, server, host, 9))
        assert 3781 not in {address.port for address in targets}


def test_a_base_server_is_told_addresses_that_it_can_use() -> None:
    network = ScriptedNetwork()
    one = network.start("one", machine=LAN + "1", hostname="127.0.0.1")
    hidden = network.start("hidden", one, machine=LAN + "1", hostname="127.0.0.1")
    network.run(3.0)
    one.handle(events.AddressesFound(("10.0.7.1", LAN + "1")))
    base = network.client(one, host=LAN + "5", at=LAN + "1", features=())
    base.say(wire.Authenticate(SECRET))
    base.say(wire.ServerAnnounce("base", 0, LAN + "5", 3780))
    network.run(0.5)
    told = {one.id: Address(one.hostname, int(one.port)) for one in base.of(wire.ServerAnnounce)}
    here = Address(LAN + "1", one.config.port)
    assert told == {one.id: here, hidden.id: here}, "who is sent to the hidden one is taken in here"


def test_on_one_machine_base_servers_are_told_and_believed_loopback() -> None:
    network = ScriptedNetwork()
    server = network.start("one", machine="127.0.0.1", hostname="127.0.0.1")
    base = network.client(server, host="127.0.0.1", features=())
    base.say(wire.Authenticate(SECRET))
    base.say(wire.ServerAnnounce("base", 0, "127.0.0.1", 3780))
    network.run(0.5)
    assert [one.hostname for one in base.of(wire.ServerAnnounce)][:1] == ["127.0.0.1"]
    assert sent_to(crowd(network, server, "127.0.0.1")) == {Address("127.0.0.1", 3780)}


# --- what people are shown --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advertised", NONSENSE)
def test_a_status_shows_addresses_that_others_can_use(advertised: str) -> None:
    network = ScriptedNetwork()
    one, other = two(network, advertised)
    views = {view.id: view for view in one.node.snapshot(one.now).servers}
    assert views[other.id].hostname == LAN + "2"
    assert f"{LAN}2:{other.config.port}" in " ".join(one.told("linked"))
