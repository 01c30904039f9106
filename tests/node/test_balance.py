"""Redirects: the base rule, no herds, nobody bounced, and never to where there is no server."""

from __future__ import annotations

from collections import Counter

import pytest

from core.node.interface import events
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain, star
from core.wire import messages as wire


def fill(network: ScriptedNetwork, server: WatchedServer, count: int) -> list[ScriptedClient]:
    """Clients that stay, whatever the loads."""
    clients = [network.client(server, origin="local") for _ in range(count)]
    for client in clients:
        client.login()
    network.run(2.0)
    assert server.load == count
    return clients


def follow(network: ScriptedNetwork, client: ScriptedClient) -> ScriptedClient:
    """What a client does that is sent somewhere else: connect there and start afresh. A base client counts nothing."""
    (redirect,) = client.of(wire.Redirect)
    target = next(one for one in network.servers.values() if one.config.port == redirect.port)
    again = network.client(target, features=client.features)
    again.login(redirects=1 if client.features else 0)
    network.run(0.05)
    return again


@pytest.mark.parametrize(("fewer", "redirected"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_client_is_redirected_when_another_server_has_at_least_two_fewer(fewer: int, redirected: bool) -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    fill(network, first, 4)
    fill(network, second, 5 - fewer)
    client = network.base_client(first)
    client.login()
    network.run(0.1)
    if redirected:
        assert client.commands == ["LOGIN_SUCCESS", "REDIRECT"]
        assert client.of(wire.Redirect) == [wire.Redirect("node.example", second.config.port)]
        assert client.closed is not None
        assert first.load == 4
    else:
        assert client.commands == ["LOGIN_SUCCESS"]
        assert first.load == 5


def test_a_client_from_within_the_process_is_never_redirected() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2))
    clients = fill(network, first, 10)
    assert all("REDIRECT" not in client.commands for client in clients)


def test_redirects_may_be_switched_off() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2), redirects=False)
    for _ in range(5):
        network.logged_in(first)
    assert first.load == 5


@pytest.mark.parametrize("features", [[], ["ack", "quit"]], ids=["base", "native"])
def test_a_client_that_was_redirected_stays(features: list[str]) -> None:
    network = ScriptedNetwork()
    servers = network.build(star(3))
    fill(network, servers[0], 3)
    client = network.client(servers[0], features=features)
    client.login()
    network.run(0.1)
    again = follow(network, client)
    network.run(10.0)
    assert again.commands[0] == "LOGIN_SUCCESS"
    assert again.closed is None


def test_a_native_client_that_has_followed_a_redirect_stays_even_where_many_are() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2))
    fill(network, first, 10)
    client = network.client(first)
    client.login(redirects=1)
    network.run(0.1)
    assert client.closed is None


@pytest.mark.parametrize("host", ["node.example", "2001:db8::1"])
def test_a_client_is_not_sent_back_to_where_it_was(host: str) -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), hostname=host)
    fill(network, first, 10)
    client = network.client(first)
    client.login(visited=[str(second.address)])
    network.run(0.1)
    assert client.closed is None


@pytest.mark.parametrize("count", [10, 60])
def test_a_burst_of_logins_spreads_evenly(count: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(star(5))
    clients = [network.base_client(servers[0]) for _ in range(count)]
    for client in clients:
        client.login()
    network.run(0.1)
    settled: list[ScriptedClient] = []
    for client in clients:
        hops = 0
        while client.closed is not None:
            client = follow(network, client)
            hops += 1
            assert hops <= 2
        settled.append(client)
    network.run(5.0)
    loads = Counter(server.load for server in servers)
    assert max(loads) - min(loads) <= 3, loads
    assert sum(server.load for server in servers) == count


def test_a_burst_does_not_herd_to_the_one_empty_server() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(4))
    for server in servers[:3]:
        fill(network, server, 8)
    clients = [network.base_client(servers[0]) for _ in range(20)]
    for client in clients:
        client.login()
    network.run(0.1)
    sent = [client for client in clients if client.of(wire.Redirect)]
    to_empty = [client for client in sent if client.of(wire.Redirect)[0].port == servers[3].config.port]
    assert 6 <= len(to_empty) <= 14


def test_a_server_that_is_leaving_gets_nobody() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build(star(3), drain_limit=60.0, ping_interval=60.0)
    fill(network, first, 6)
    fill(network, second, 6)
    third.take_each_way(5.0)
    third.drain()
    network.run(5.5)
    assert first.node.topology.records[third.id].draining
    client = network.base_client(first)
    client.login()
    network.run(0.1)
    assert client.commands == ["LOGIN_SUCCESS"]


def test_a_server_that_cannot_be_reached_gets_nobody() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    fill(network, first, 6)
    second.crash()
    network.run(0.1)
    client = network.base_client(first)
    client.login()
    network.run(0.1)
    assert client.commands == ["LOGIN_SUCCESS"]


def test_a_base_server_with_fewer_clients_gets_clients_too() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server)
    fill(network, server, 6)
    client = network.base_client(server)
    client.login()
    network.run(0.1)
    assert client.of(wire.Redirect) == [wire.Redirect("base.example", 9000)]
    base.announce(load=6)
    network.run(0.1)
    again = network.base_client(server)
    again.login()
    network.run(0.1)
    assert again.commands == ["LOGIN_SUCCESS"]


def test_who_is_anonymous_is_redirected_as_well_as_who_has_a_name() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2))
    network.registered(first, "ann")
    fill(network, first, 4)
    client = network.base_client(first)
    client.login("ann", "s")
    network.run(0.2)
    assert client.commands == ["LOGIN_SUCCESS", "REDIRECT"]


def sent_away(network: ScriptedNetwork, server: WatchedServer, *login: str) -> bool:
    """Whether a base client that comes is sent to another server; it goes nowhere."""
    client = network.base_client(server)
    client.login(*login)
    network.run(0.2)
    gone = bool(client.of(wire.Redirect))
    client.hang_up()
    network.run(0.2)
    return gone


def test_a_base_client_that_was_sent_away_in_vain_and_comes_back_stays() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2))
    network.registered(first, "ann")
    network.registered(first, "bob")
    fill(network, first, 4)
    assert sent_away(network, first, "ann", "s")
    assert not sent_away(network, first, "ann", "s")
    assert sent_away(network, first, "bob", "s"), "somebody else's account"
    network.run(31.0)
    assert sent_away(network, first, "ann", "s")


def test_somebody_without_a_name_whom_no_other_server_lets_in_stays_after_some_tries() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2))
    fill(network, first, 4)
    tries = []
    for _ in range(8):
        tries.append(sent_away(network, first, "anonymous"))
        network.run(1.0)
    assert tries[:3] == [True] * 3 and False in tries


def test_clients_that_drop_without_a_word_are_counted_out() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    clients = fill(network, server, 3)
    for client in clients:
        client.break_off()
    network.run(0.1)
    assert server.load == 0
    assert server.node.snapshot(server.now).load == 0


def test_a_load_that_changed_is_announced_within_the_gap_and_not_more_often() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.run(5.0)
    before = len(first.said(wire.ServerAnnounce))
    for _ in range(50):
        network.client(first).login()
        network.run(0.02)
    network.run(0.6)
    assert second.node.topology.records[first.id].load == 50
    assert len(first.said(wire.ServerAnnounce)) - before <= 5


def test_a_client_that_logs_in_again_is_counted_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.client(server)
    for _ in range(5):
        client.login()
    network.run(0.1)
    assert server.load == 1
    server.handle(events.DisconnectRequested(client.conn, "enough"))
    network.run(0.1)
    assert server.load == 0
    assert client.of(wire.InvalidMessage)[0].info == "enough"
