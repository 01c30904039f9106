"""Leaving on purpose: who is sent where, what reaches the successor first, and that it ends in time."""

from __future__ import annotations

from typing import Any

import pytest

from core.node.interface import events
from core.node.servers.leaving import DrainPhase
from core.simulation.testing import (
    NATIVE_CLIENT,
    ScriptedClient,
    ScriptedNetwork,
    WatchedServer,
    chain,
    random_tree,
    star,
)
from core.wire import messages as wire
from core.wire.address import Address


def quits(peer: ScriptedClient | WatchedServer) -> list[wire.Quit]:
    return peer.of(wire.Quit) if isinstance(peer, ScriptedClient) else peer.said(wire.Quit)


def slow_leaver(
    network: ScriptedNetwork, delay: float = 1.0, **settings: Any
) -> tuple[WatchedServer, WatchedServer, ScriptedClient]:
    """A server with a client and a neighbour that is `delay` away and does not have what the client posted last."""
    first, second = network.build(chain(2), redirects=False, ping_interval=60.0, **settings)
    client = network.logged_in(first)
    for one in network.links_between(first, second):
        one.take_each_way(delay)
    client.post("last words")
    network.run(0.1)
    return first, second, client


def successor_of(network: ScriptedNetwork, leaver: WatchedServer) -> WatchedServer:
    """The one that the leaver told to take its place."""
    named = leaver.said(wire.Quit)[0]
    return next(one for one in network.servers.values() if one.config.port == named.new_server_port)


@pytest.mark.parametrize("shape", [chain, star, random_tree])
@pytest.mark.parametrize("position", [0, 2, 5], ids=["root", "inner", "last"])
@pytest.mark.parametrize("lazy", [0, 2], ids=["tree only", "with redundant links"])
def test_the_network_stays_one_when_a_server_leaves(shape: Any, position: int, lazy: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(shape(6), redirects=False, lazy_links=lazy)
    leaver = servers[position]
    watching = [network.logged_in(server) for server in servers if server is not leaver]
    leaver.drain()
    network.run(3.0)
    assert leaver.undone == ()
    assert not leaver.alive
    rest = [server for server in servers if server is not leaver]
    assert all(server.reachable == {one.id for one in rest} for server in rest)
    assert all(server.told("lost") == [] for server in rest)
    watching[0].post("still one")
    network.run(1.0)
    assert [client.texts() for client in watching] == [["still one"]] * 5
    before = [len(server.dials) for server in rest]
    network.run(60.0)
    assert [len(server.dials) for server in rest] == before, "somebody looks for a server that has left"


def test_the_successor_is_told_to_take_the_place_and_everybody_else_to_go_there() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(5), redirects=False, lazy_links=0)
    hub = servers[0]
    native, base = network.logged_in(hub), network.base_client(hub)
    base.login()
    network.run(0.1)
    hub.drain()
    network.run(2.0)
    successor = successor_of(network, hub)
    assert successor in servers[1:]
    expected = wire.Quit("node.example", successor.config.port, id=hub.id)
    to_client, to_servers = quits(native), [one for one in quits(hub) if one.successor is not None]
    assert to_client == [expected]
    assert to_servers == [wire.Quit("node.example", successor.config.port, id=hub.id, successor=successor.id)] * 4
    assert len(quits(hub)) == 5
    assert quits(native) == [expected]
    assert native.closed is not None
    assert base.of(wire.Redirect) == [wire.Redirect("node.example", successor.config.port)]
    assert "QUIT" not in base.commands
    assert base.closed is not None
    for server in servers[1:]:
        if server is not successor:
            assert successor.address in [address for _, address in server.dials]


def test_a_server_may_leave_in_favour_of_one_that_has_linked_with_it_in_the_same_moment() -> None:
    network = ScriptedNetwork()
    first = network.start("a")
    client, base = network.logged_in(first), network.base_client(first)
    base.login()
    network.run(0.1)
    second = network.start("b", first)
    neighbours, records = first.node.neighbours, first.node.topology.records
    assert network.until(lambda: neighbours.find(second.id) is not None)
    assert second.id not in records, "its record has come before anybody could leave"
    first.drain()
    network.run(2.0)
    assert not first.alive
    assert quits(client) == [wire.Quit("node.example", second.config.port, id=first.id)]
    assert base.of(wire.Redirect) == [wire.Redirect("node.example", second.config.port)]


@pytest.mark.parametrize("seed", range(8))
def test_any_neighbour_may_be_the_successor(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(star(4), lazy_links=0)
    servers[0].drain()
    network.run(2.0)
    assert successor_of(network, servers[0]) in servers[1:]


def test_the_successor_is_drawn_at_random() -> None:
    drawn = set()
    for seed in range(12):
        network = ScriptedNetwork(seed)
        servers = network.build(star(4), lazy_links=0)
        servers[0].drain()
        network.run(2.0)
        drawn.add(successor_of(network, servers[0]).config.name)
    assert len(drawn) > 1


def test_a_client_in_any_state_is_sent_away() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    registered = network.registered(first, "ann", "s")
    network.hashing = 10.0
    settling, base_settling = network.client(first), network.base_client(first)
    settling.login("ann", "s")
    base_settling.login("ann", "s")
    silent = network.peer(first)
    network.run(0.05)
    first.drain()
    network.run(2.0)
    assert "QUIT" in registered.commands
    # A client shows its features with the login that is still being checked.
    assert settling.commands == ["QUIT"]
    assert base_settling.of(wire.Redirect) == [wire.Redirect("node.example", second.config.port)]
    assert silent.log == []
    assert all(one.closed is not None for one in (registered, settling, base_settling, silent))


def test_a_client_that_comes_while_the_server_leaves_is_sent_on_as_well() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(3), redirects=False, lazy_links=0)
    leaver = servers[0]
    leaver.take_each_way(0.4)
    leaver.drain()
    clients: list[ScriptedClient] = []
    for _ in range(40):
        clients += [network.client(leaver), network.base_client(leaver)]
        for client in clients[-2:]:
            client.login()
        network.run(0.05)
        if leaver.left:
            break
    network.run(2.0)
    assert leaver.undone == ()
    served = [client for client in clients if client.of(wire.LoginSuccess)]
    assert len(served) > 10
    for client in served:
        assert client.commands[-1] in ("QUIT", "REDIRECT"), client.commands
        assert client.closed is not None


def test_a_client_that_comes_when_the_server_has_left_is_sent_on_until_its_process_ends() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    first.drain()
    assert network.until(lambda: first.node.drain.phase is DrainPhase.FINISHED, 2.0)
    client = network.client(first)
    client.login()
    network.run(0.045)
    (told,) = client.of(wire.Quit)
    assert told.new_server_port == second.config.port


def test_a_post_that_comes_while_the_server_leaves_is_left_to_be_repeated_at_its_successor() -> None:
    network = ScriptedNetwork()
    first, second, client = slow_leaver(network)
    first.drain()
    client.post("too late", ref="r1")
    network.run(10.0)
    assert not client.of(wire.ActivityRefused)
    assert [ack for ack in client.of(wire.ActivityAck) if ack.ref == "r1"] == []
    (told,) = client.of(wire.Quit)
    assert told.new_server_port == second.config.port
    again = network.logged_in(second)
    again.post("too late", ref="r1")
    network.run(1.0)
    assert [ack.ref for ack in again.of(wire.ActivityAck)] == ["r1"]


def test_a_base_client_that_posts_while_the_server_leaves_is_sent_on_rather_than_refused() -> None:
    network = ScriptedNetwork()
    first, second, _ = slow_leaver(network)
    base = network.base_client(first)
    base.login()
    network.run(0.1)
    first.drain()
    for number in range(100):
        base.post(number)
        network.run(0.01)
    assert base.commands == ["LOGIN_SUCCESS"]
    network.run(10.0)
    assert base.commands == ["LOGIN_SUCCESS", "REDIRECT"]
    assert base.of(wire.Redirect) == [wire.Redirect("node.example", second.config.port)]
    assert first.undone == ()


def test_what_was_accepted_last_reaches_the_successor() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    first.disk.delay = (0.05, 0.05)
    client = network.logged_in(first)
    for number in range(20):
        client.post(number, ref=f"r{number}")
    network.run(0.05)
    first.drain()
    network.run(4.0)
    assert first.undone == ()
    assert len(client.of(wire.ActivityAck)) == 20
    assert [one["text"] for one in second.activities()] == list(range(20))


def test_the_leaver_stays_until_its_successor_has_everything_on_its_disk() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    client = network.logged_in(first)
    network.run(1.0)
    second.disk.delay = (1.5, 1.5)
    client.post("hello")
    network.run(0.05)
    first.drain()
    network.run(1.2)
    assert client.closed is None
    assert not first.left
    network.run(3.0)
    assert first.undone == ()
    assert client.of(wire.Quit)


def test_what_a_server_got_from_a_part_that_only_it_knows_is_handed_over() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False, lazy_links=0)
    network.part([servers[2]], servers[:2])
    sender = network.logged_in(servers[2])
    for number in range(700):
        sender.post(number)
    network.run(1.0)
    servers[0].crash()
    network.mend()
    assert network.until(lambda: servers[2].id in servers[1].reachable)
    servers[2].drain()
    network.run(4.0)
    assert servers[2].undone == ()
    assert len(servers[1].activities()) == 700


def test_the_last_server_tells_its_clients_that_the_network_ends_here() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    native, base = network.logged_in(server), network.base_client(server)
    base.login()
    network.run(0.1)
    server.drain()
    network.run(1.0)
    assert server.undone == ()
    assert quits(native) == [wire.Quit(id=server.id)]
    assert base.commands == ["LOGIN_SUCCESS"]
    assert native.closed is not None
    assert base.closed is not None


def test_a_leaver_keeps_its_data_for_its_restart() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    network.registered(first, "ann")
    first.drain()
    network.run(3.0)
    network.registered(second, "bob")
    back = network.start("n000")
    back.join(second)
    network.run(3.0)
    assert network.is_one()
    assert back.node.book.knows("ann")
    assert back.node.book.knows("bob")


def test_leaving_is_over_within_its_limit_whatever_the_successor_does() -> None:
    network = ScriptedNetwork()
    first, second, client = slow_leaver(network, drain_limit=3.0)
    for one in network.links_between(first, second):
        one.go_dead()
    first.drain()
    network.run(2.9)
    assert not first.left
    network.run(0.5)
    assert len(first.undone or ()) == 1
    assert "n001" in str(first.undone)
    assert client.of(wire.Quit)
    assert any("left undone" in text for text in first.told("quit"))


def test_a_successor_that_does_not_answer_has_not_taken_over_although_it_lacks_nothing() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False, ping_interval=60.0, drain_limit=3.0)
    client = network.logged_in(first)
    for one in network.links_between(first, second):
        one.go_dead()
    first.drain()
    network.run(2.9)
    assert not first.left
    network.run(0.5)
    assert "n001" in str(first.undone)
    assert client.of(wire.Quit)


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_sent_to_a_neighbour_whose_link_is_dead(seed: int) -> None:
    network = ScriptedNetwork(seed)
    hub, dead, alive = network.build(star(3), redirects=False, lazy_links=0)
    client = network.logged_in(hub)
    network.base_server(hub)
    network.run(6.0)
    for one in network.links_between(hub, dead):
        one.go_dead()
    hub.drain()
    network.run(6.0)
    assert [said.new_server_port for said in quits(client)] == [alive.config.port]
    assert [[one.id for one in said.attached] for said in hub.said(wire.Quit) if said.attached][-1:] == [["base"]]
    assert alive.told("quit")[0] == "n000 leaves the network; this server takes its place"


def test_a_neighbour_that_does_not_go_delays_a_leaver_no_longer_than_the_limit() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(3), redirects=False, lazy_links=0, ping_interval=60.0, drain_limit=3.0)
    network.part([servers[1]], [servers[2]])
    servers[0].drain()
    network.run(4.0)
    assert len(servers[0].undone or ()) == 1


def test_a_disk_that_takes_nothing_delays_a_leaver_no_longer_than_the_limit() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2), redirects=False, drain_limit=3.0)
    client = network.logged_in(first)
    first.disk.delay = (100.0, 100.0)
    client.post("hello")
    network.run(0.1)
    first.drain()
    network.run(4.0)
    assert len(first.undone or ()) == 1


@pytest.mark.parametrize("count", [3, 5])
def test_a_successor_that_dies_meanwhile_is_replaced(count: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(star(count), redirects=False, lazy_links=0, ping_interval=60.0)
    hub = servers[0]
    for server in servers[1:]:
        server.disk.delay = (2.0, 2.0)
    client = network.logged_in(hub)
    client.post("hello")
    network.run(0.05)
    hub.drain()
    network.run(0.5)
    first_choice = successor_of(network, hub)
    first_choice.crash()
    network.run(8.0)
    assert hub.undone == ()
    (named,) = quits(client)
    assert named.new_server_port != first_choice.config.port
    rest = [server for server in servers[1:] if server is not first_choice]
    assert all(server.reachable == {one.id for one in rest} for server in rest)


def test_when_two_neighbours_leave_at_once_the_rest_stays_one() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(5), redirects=False, lazy_links=0)
    servers[1].drain()
    servers[2].drain()
    network.run(20.0)
    assert servers[1].left
    assert servers[2].left
    rest = [servers[0], servers[3], servers[4]]
    assert all(server.reachable == {one.id for one in rest} for server in rest)


@pytest.mark.parametrize("seed", range(12))
def test_two_neighbours_that_leave_at_once_do_not_wait_for_each_other(seed: int) -> None:
    network = ScriptedNetwork(seed=seed)
    servers = network.build(chain(5), redirects=False)
    rest = [servers[0], servers[1], servers[4]]
    clients = [network.logged_in(leaver) for leaver in servers[2:4]]
    servers[2].drain()
    servers[3].drain()
    network.run(1.0)
    assert [server.undone for server in servers[2:4]] == [(), ()]
    assert not servers[2].alive and not servers[3].alive
    network.run(2.0)
    assert all(server.reachable == {one.id for one in rest} for server in rest)
    assert all(quits(client) for client in clients)
    # Whoever was sent from one to the other while neither knew of it is sent on from there, not back.
    final = {server.said(wire.Quit)[-1].new_server_port for server in servers[2:4]}
    assert final <= {server.config.port for server in rest}


def test_when_the_last_two_leave_at_once_neither_waits_for_the_other() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    clients = [network.logged_in(server) for server in (first, second)]
    first.drain()
    second.drain()
    network.run(1.0)
    assert not first.alive and not second.alive
    assert first.undone == second.undone == ()
    assert all(quits(client) for client in clients)


def test_when_everybody_leaves_at_once_everybody_gets_away() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(4), redirects=False)
    for server in servers:
        server.drain()
    network.run(12.0)
    assert all(server.left for server in servers)


def test_a_server_that_leaves_takes_no_new_links() -> None:
    network = ScriptedNetwork()
    first, second, _ = slow_leaver(network)
    first.drain()
    network.run(0.1)
    late = network.start("late", first)
    network.run(0.5)
    assert {one.reason for one in first.said(wire.ServerRefused)} == {"leaving"}
    network.run(20.0)
    assert first.left
    late.join(second)
    network.run(5.0)
    assert network.is_one()


def test_a_base_server_that_dials_a_leaving_server_is_refused_in_words_that_it_knows() -> None:
    network = ScriptedNetwork()
    first, _, _ = slow_leaver(network)
    first.drain()
    network.run(0.1)
    base = network.base_server(first)
    assert base.commands == ["AUTHENTICATION_FAIL"]
    assert base.closed is not None


def test_a_base_neighbour_is_disconnected_without_a_word_that_it_does_not_know() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    base = network.base_server(first)
    again = network.listening_base_server()
    network.run(1.0)
    first.drain()
    network.run(1.0)
    assert set(base.commands) <= {"SERVER_ANNOUNCE"}
    assert base.closed is not None
    assert network.until(lambda: again.end is not None, 3.0)
    again.announce()
    network.run(1.0 + second.config.listen)
    assert second.dials[-1][1] == Address("base.example", 9000)
    assert second.node.snapshot(second.now).base_servers


def test_a_base_neighbour_that_shows_quit_gets_it() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    peer = network.peer(first)
    peer.say(wire.Authenticate("network secret", features=["quit"]))
    network.run(1.0)
    first.drain()
    network.run(1.0)
    assert peer.of(wire.Quit) == [wire.Quit("node.example", second.config.port, id=first.id)]


def test_with_only_a_base_server_linked_that_one_is_the_successor() -> None:
    network = ScriptedNetwork()
    server = network.start("a", redirects=False)
    base = network.base_server(server)
    client, plain = network.logged_in(server), network.base_client(server)
    plain.login()
    network.run(1.0)
    server.drain()
    network.run(1.0)
    assert server.undone == ()
    assert quits(client) == [wire.Quit("base.example", 9000, id=server.id)]
    assert plain.of(wire.Redirect) == [wire.Redirect("base.example", 9000)]
    assert "QUIT" not in base.commands


def test_who_is_sent_to_a_base_server_before_it_is_logged_in_is_told_from_where_on_it_may_miss_something() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    network.base_server(server)
    writer = network.registered(server, "ann")
    writer.login("ann", "s")
    network.run(0.1)
    writer.post("before", "ann", "s")
    network.run(0.1)
    network.hashing = 10.0
    settling, registering = network.client(server), network.client(server)
    settling.login("ann", "s")
    registering.register("bob")
    network.run(0.05)
    server.drain()
    network.run(1.0)
    [vector] = [message.vector for message in quits(settling)]
    assert vector is not None
    assert [message.vector for message in quits(registering)] == [vector]
    assert [message.vector for message in quits(writer)] == [None]
    again = network.start("a")
    later = network.logged_in(again)
    later.post("after")
    network.run(0.1)
    network.hashing = 0.02
    resumed = network.logged_in(again, "ann", "s", seen=vector)
    assert resumed.texts() == ["after"]


def test_who_waits_for_a_registration_to_end_is_not_sent_to_a_base_server_that_would_let_them_in_before() -> None:
    network = ScriptedNetwork()
    first, leaver = network.build(chain(2), redirects=False, ping_interval=60.0)
    network.base_server(leaver)
    network.registered(first, "ann")
    registering = network.client(first)
    registering.register("bob")
    network.run(network.hashing + 2.5 * network.delay)
    first.crash()
    network.run(0.1)
    waiting, base_waiting, known = network.client(leaver), network.base_client(leaver), network.client(leaver)
    waiting.login("bob", "s")
    base_waiting.login("bob", "s")
    network.hashing = 30.0
    known.login("ann", "s")
    network.run(0.1)
    leaver.drain()
    network.run(1.0)
    assert [one.new_server_ip for one in quits(waiting)] == [None]
    assert base_waiting.of(wire.Redirect) == []
    assert all(one.closed is not None for one in (waiting, base_waiting, known))
    assert [one.new_server_ip for one in quits(known)] == ["base.example"]


def test_who_is_sent_to_a_server_that_keeps_the_past_is_told_there() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False)
    network.registered(servers[0], "ann").hang_up()
    network.run(0.1)
    network.hashing = 10.0
    settling = network.client(servers[0])
    settling.login("ann", "s")
    network.run(0.05)
    servers[0].drain()
    network.run(1.0)
    assert [message.vector for message in quits(settling)] == [None]


def test_a_dial_under_way_does_not_delay_leaving() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    third = network.start("third")
    network.run(1.0)
    network.delay = 0.3
    first.join(third)
    network.run(0.1)
    network.delay = 0.005
    first.drain()
    network.run(3.0)
    assert first.undone == ()
    assert second.reachable == {second.id}


def test_a_registration_under_way_leaves_no_trace_when_its_server_leaves() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build(chain(3), redirects=False, ping_interval=60.0, lazy_links=0)
    third.go_dead()
    client = network.client(first, features=NATIVE_CLIENT)
    client.register("ann")
    network.run(0.1)
    first.drain()
    network.run(2.0)
    assert first.left
    assert client.of(wire.Quit)
    assert second.node.registration.open_claims == 0


def test_a_registration_that_has_succeeded_is_handed_over() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    base = network.base_server(first)
    network.run(0.5)
    base.say(wire.LockRequest("ann", "s"))
    network.run(0.2)
    assert len(base.of(wire.LockAllowed)) == 2
    first.drain()
    network.run(4.0)
    assert first.undone == ()
    assert second.node.book.knows("ann")


def test_asking_twice_changes_nothing() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2))
    first.drain()
    first.drain()
    network.run(2.0)
    assert first.undone == ()
    assert first.handle(events.DrainRequested()) == []
