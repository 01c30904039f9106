"""A full server: who gives way to whom."""

from __future__ import annotations

import pytest

from core.simulation.testing import SECRET, ScriptedClient, ScriptedNetwork, WatchedServer
from core.wire import messages as wire

PLACES = 40


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def server(network: ScriptedNetwork) -> WatchedServer:
    server = network.start("one", redirects=False, clients_max=PLACES)
    for name in ("ann", "bob"):
        network.registered(server, name).hang_up()
    network.run(1.0)
    return server


def come(
    network: ScriptedNetwork, server: WatchedServer, count: int, host: str, name: str = "anonymous"
) -> list[ScriptedClient]:
    clients = [network.client(server, features=(), host=host) for _ in range(count)]
    for client in clients:
        client.login(name, None if name == "anonymous" else "s")
    network.run(0.5)
    return clients


def inside(clients: list[ScriptedClient]) -> int:
    return sum(client.closed is None and bool(client.of(wire.LoginSuccess)) for client in clients)


def test_one_address_does_not_take_the_places_of_people_with_an_account(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    flood = come(network, server, 2 * PLACES, "mallory")
    assert inside(flood) == PLACES
    for host in ("home", "mallory"):
        assert inside(come(network, server, 1, host, "ann")) == 1
    assert inside(flood) == PLACES - 2
    assert server.load == PLACES


def test_each_of_several_who_come_at_once_gets_the_place_of_another_one(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    flood = come(network, server, PLACES, "mallory")
    assert inside(flood) == PLACES
    assert inside(come(network, server, 5, "home", "ann")) == 5
    assert inside(flood) == PLACES - 5
    assert server.load == PLACES


def test_the_engine_is_told_who_is_logged_in_and_whether_with_an_account(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    (anonymous,), (ann,) = come(network, server, 1, "here"), come(network, server, 1, "home", "ann")
    (stranger,) = come(network, server, 1, "there", "nobody")
    assert server.known == {anonymous.conn: False, ann.conn: True}
    assert stranger.of(wire.LoginFailed)


def test_whoever_is_refused_is_told_what_to_do(network: ScriptedNetwork, server: WatchedServer) -> None:
    flood = come(network, server, PLACES + 1, "mallory")
    assert "log in with a name" in flood[-1].of(wire.LoginFailed)[0].info
    assert flood[-1].of(wire.LoginFailed)[0].later
    come(network, server, 1, "home", "ann")
    given_away = [one.info for client in flood for one in client.of(wire.InvalidMessage)]
    assert len(given_away) == 1
    assert "needed for somebody else" in given_away[0]


def test_anonymous_people_of_other_addresses_get_their_share(network: ScriptedNetwork, server: WatchedServer) -> None:
    flood = come(network, server, PLACES, "mallory")
    others = [come(network, server, 1, f"home{number}")[0] for number in range(PLACES // 2)]
    assert inside(others) == len(others)
    assert inside(flood) == PLACES - len(others)
    more = come(network, server, PLACES, "mallory")
    assert inside(more) == 0, "whoever has most gets nothing from those who have little"
    assert inside(others) == len(others)


def test_of_an_address_the_one_goes_that_has_been_silent_for_longest(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    flood = come(network, server, PLACES, "mallory")
    network.run(5.0)
    for client in flood[:5]:
        client.post("hello")
    network.run(0.1)
    come(network, server, 1, "home", "ann")
    assert [client.closed is None for client in flood[:7]] == [True] * 5 + [False, True]


def test_an_account_is_no_way_to_take_all_places(network: ScriptedNetwork, server: WatchedServer) -> None:
    flood = come(network, server, PLACES, "mallory", "bob")
    assert inside(come(network, server, 1, "home", "ann")) == 1
    assert inside(flood) == PLACES - 1
    assert inside(come(network, server, 3, "mallory", "bob")) == 0
    assert inside(come(network, server, 1, "elsewhere")) == 0, "nobody with an account goes for somebody without one"


def test_people_on_the_servers_own_machine_and_servers_need_no_place(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    come(network, server, PLACES, "mallory")
    operator = network.client(server, origin="local")
    operator.login()
    peer = network.peer(server, host="mallory")
    peer.say(wire.Authenticate(SECRET, id="s", incarnation=1, hostname="h", port=1, features=["sync"]))
    network.run(0.5)
    assert operator.of(wire.LoginSuccess)
    assert peer.of(wire.ServerHello)


def test_a_place_is_free_again_when_its_client_has_gone(network: ScriptedNetwork, server: WatchedServer) -> None:
    for _ in range(3):
        clients = come(network, server, PLACES, "mallory")
        assert inside(clients) == PLACES
        for client in clients[::2]:
            client.hang_up()
        for client in clients[1::2]:
            client.say(wire.Logout())
        network.run(1.0)
        assert server.load == 0


def test_logging_in_again_takes_no_second_place(network: ScriptedNetwork, server: WatchedServer) -> None:
    (client,) = come(network, server, 1, "home")
    for _ in range(2 * PLACES):
        client.login("ann", "s")
        network.run(0.2)
    assert server.load == 1
    assert inside(come(network, server, PLACES - 1, "elsewhere")) == PLACES - 1


def test_a_full_server_sends_people_on_where_there_is_room(network: ScriptedNetwork) -> None:
    full = network.start("full", clients_max=10, redirect_delay=0.0)
    network.start("empty", join=full)
    network.run(5.0)
    for client in [network.client(full, features=(), host="mallory") for _ in range(10)]:
        client.login(redirects=1)
    network.run(0.5)
    assert full.load == 10
    late = network.client(full, features=(), host="mallory")
    late.login()
    network.run(0.5)
    assert late.of(wire.Redirect)
    assert not late.of(wire.LoginFailed)


def test_operators_are_told_once_a_minute_who_fills_the_server(network: ScriptedNetwork, server: WatchedServer) -> None:
    come(network, server, 3 * PLACES, "mallory")
    assert len(server.told("security")) == 1
    assert f"{PLACES} of them from mallory" in server.told("security")[0]
