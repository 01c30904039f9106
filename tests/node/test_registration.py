"""The registration lock: one name, one winner, 2·(n-1) messages, and no trace of what failed."""

from __future__ import annotations

import random

import pytest

from core.node.accounts.lock_bridge import NoBridge
from core.node.interface import actions, events
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain, random_tree, star
from core.wire import messages as wire
from core.wire.entries import AccountFact

SHAPES = {"chain": chain, "star": star, "tree": random_tree}
every_shape = pytest.mark.parametrize("shape", SHAPES)


def winners(clients: list[ScriptedClient]) -> list[ScriptedClient]:
    return [client for client in clients if client.of(wire.RegisterSuccess)]


def open_claims(network: ScriptedNetwork) -> int:
    return sum(server.node.registration.open_claims for server in network.living)


def accounts(server: WatchedServer) -> dict[str, AccountFact]:
    return dict(iter(server.node.book))


# --- messages ---------------------------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_a_registration_costs_two_messages_for_each_other_server(shape: str, count: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(SHAPES[shape](count), settle=3.0)
    links = [len(network.links_between(one, other)) for one in servers for other in servers if one.id < other.id]
    assert sum(links) > count - 1 or count <= 2, "there are no redundant links"
    network.registered(servers[count // 2], "ann")
    network.run(20.0)
    assert network.lock_messages() == ({"LOCK_REQUEST": count - 1, "LOCK_ALLOWED": count - 1} if count > 1 else {})
    assert all(server.node.book.knows("ann") for server in servers)
    assert open_claims(network) == 0


@every_shape
def test_without_redundant_links_it_costs_the_same(shape: str) -> None:
    network = ScriptedNetwork()
    servers = network.build(SHAPES[shape](12), lazy_links=0)
    network.registered(servers[7], "ann")
    network.run(20.0)
    assert network.lock_messages().total() == 22


def test_the_lock_needs_nobody_behind_its_bridge_to_base_servers() -> None:
    network = ScriptedNetwork()
    servers = network.build(random_tree(12), settle=3.0)
    for server in servers:
        server.node.registration.bridge_to(NoBridge())
    clients = [network.client(server, features=()) for server in servers]
    for client in clients:
        client.register("ann", "secret")
    network.run(20.0)
    assert len(winners(clients)) == 1
    assert all(server.node.book.knows("ann") for server in servers)
    assert open_claims(network) == 0


def test_a_name_that_is_known_here_costs_no_message() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(5))
    network.registered(servers[1], "ann")
    network.run(1.0)
    before = network.lock_messages().total()
    client = network.client(servers[3])
    client.register("ann", "other")
    network.run(1.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert network.lock_messages().total() == before


# --- rivals -----------------------------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("seed", range(5))
def test_of_one_name_registered_everywhere_at_once_exactly_one_succeeds(shape: str, count: int, seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(SHAPES[shape](count))
    clients = [network.client(server) for server in servers]
    for number, client in enumerate(clients):
        network.after(network.rng.random() * 0.05, lambda n=number, c=client: c.register("ann", f"secret {n}"))  # type: ignore[misc]
    network.run(20.0)
    (winner,) = winners(clients)
    assert all(client.commands == ["REGISTER_FAILED"] for client in clients if client is not winner)
    assert all(client.closed is not None for client in clients if client is not winner)
    assert len({str(accounts(server)) for server in servers}) == 1
    assert all(len(server.node.book) == 1 for server in servers)
    assert open_claims(network) == 0
    secret = f"secret {clients.index(winner)}"
    for server in servers:
        network.logged_in(server, "ann", secret, redirects=1)


@pytest.mark.parametrize("seed", range(20))
def test_slow_hashes_and_slow_links_change_who_wins_but_not_how_many(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(6, seed))
    for server in servers:
        server.take_each_way(network.rng.choice([0.001, 0.05, 0.3]))
    clients = [network.client(server) for server in servers]
    for client in clients:

        def register(client: ScriptedClient = client) -> None:
            network.hashing = network.rng.choice([0.001, 0.1, 0.6])
            client.register("ann")

        network.after(network.rng.random(), register)
    network.run(20.0)
    assert len(winners(clients)) == 1
    assert all(len(server.node.book) == 1 for server in servers)


def test_of_two_rivals_at_one_server_the_first_succeeds() -> None:
    network = ScriptedNetwork()
    first, second = (network.client(network.start("a")), network.client(network.servers["a"]))
    first.register("ann", "s1")
    second.register("ann", "s2")
    network.run(1.0)
    assert (first.commands, second.commands) == (["REGISTER_SUCCESS"], ["REGISTER_FAILED"])


def test_different_names_do_not_hinder_one_another() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(5))
    clients = [network.client(server) for server in servers for _ in range(4)]
    for number, client in enumerate(clients):
        client.register(f"user {number}")
    network.run(5.0)
    assert len(winners(clients)) == 20
    assert all(len(server.node.book) == 20 for server in servers)


@pytest.mark.parametrize("seed", range(15))
def test_with_links_and_servers_breaking_meanwhile_nodes_that_stay_connected_agree_on_at_most_one(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(7, seed))
    rng = random.Random(seed)
    clients = [network.client(server) for server in servers]
    for client in clients:
        network.after(rng.random() * 0.1, lambda c=client: c.register("ann"))  # type: ignore[misc]
    for _ in range(3):
        one, other = rng.sample(servers, 2)
        network.after(rng.random() * 0.15, lambda a=one, b=other: network.cut_between(a, b))  # type: ignore[misc]
    network.after(rng.random() * 0.15, servers[rng.randrange(7)].crash)
    network.run(40.0)
    assert network.is_one()
    books = {str(accounts(server)) for server in network.living}
    assert len(books) == 1
    assert open_claims(network) == 0


# --- before it has succeeded ------------------------------------------------------------------------------------------


def test_nobody_logs_in_before_the_registration_has_succeeded_everywhere() -> None:
    network = ScriptedNetwork(delay=0.1)
    servers = network.build(chain(4), settle=20.0)
    registering = network.client(servers[0])
    registering.register("ann", "s")
    network.run(0.35)
    early = [network.client(server) for server in servers]
    for client in early:
        client.login("ann", "s", redirects=1)
    network.run(0.11)
    assert not registering.log
    assert not any(client.log for client in early[:2])
    network.run(5.0)
    assert registering.of(wire.RegisterSuccess)
    for client in early:
        assert client.commands[0] in ("LOGIN_SUCCESS", "LOGIN_FAILED")


def test_a_login_that_waits_for_a_registration_learns_of_its_failure() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), lock_limit=2.0)
    second.go_dead()
    registering = network.client(first)
    registering.register("ann", "s")
    network.run(0.1)
    waiting = network.client(first)
    waiting.login("ann", "s")
    network.run(1.0)
    assert waiting.log == []
    network.run(3.0)
    assert waiting.commands == ["LOGIN_FAILED"]


def test_success_is_told_only_after_the_account_is_durable() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    server.disk.delay = (1.0, 1.0)
    client = network.client(server)
    client.register("ann")
    network.run(0.9)
    assert client.log == []
    assert not server.node.book.knows("ann")
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS"]


def test_a_disk_that_fails_refuses_the_registration_and_frees_the_name_everywhere() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    servers[0].disk.full = True
    client = network.client(servers[0])
    client.register("ann")
    network.run(2.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert open_claims(network) == 0
    network.registered(servers[2], "ann")


# --- failure ----------------------------------------------------------------------------------------------------------


def test_a_registration_that_is_not_answered_fails_in_time_and_leaves_no_trace() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4), lock_limit=3.0, ping_interval=60.0, sync_interval=600.0)
    deaf = servers[3]
    deaf.go_dead()
    client = network.client(servers[0])
    client.register("ann")
    network.run(2.9)
    assert client.log == []
    network.run(0.5)
    assert client.commands == ["REGISTER_FAILED"]
    assert client.closed is not None
    network.run(1.0)
    assert open_claims(network) == 0
    assert not any(server.node.book.knows("ann") for server in servers)


@pytest.mark.parametrize("victim", range(4))
def test_a_claim_whose_origin_died_is_forgotten_everywhere(victim: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(random_tree(4, 3), lock_limit=3.0)
    client = network.client(servers[victim])
    client.register("ann")
    network.run(0.035)
    servers[victim].crash()
    network.run(9.0)
    assert open_claims(network) == 0
    other = network.client(servers[(victim + 1) % 4])
    other.register("ann")
    network.run(5.0)
    assert other.commands[0] in ("REGISTER_SUCCESS", "REGISTER_FAILED")
    assert len({str(accounts(server)) for server in network.living}) == 1


def test_a_link_that_breaks_while_answers_are_gathered_only_delays_the_registration() -> None:
    network = ScriptedNetwork(delay=0.02)
    servers = network.build(chain(6), settle=15.0)
    client = network.client(servers[0])
    client.register("ann")
    network.run(0.02 + 0.02 + 0.03)
    network.cut_between(servers[2], servers[3])
    network.run(8.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    assert all(server.node.book.knows("ann") for server in servers)
    assert open_claims(network) == 0


def test_a_server_that_dies_while_answers_are_gathered_only_delays_the_registration() -> None:
    network = ScriptedNetwork(delay=0.02)
    servers = network.build(chain(6), settle=15.0)
    client = network.client(servers[0])
    client.register("ann")
    network.run(0.02 + 0.02 + 0.03)
    servers[3].crash()
    network.run(8.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    assert all(server.node.book.knows("ann") for server in network.living)


def test_a_server_that_joins_meanwhile_learns_of_the_account() -> None:
    network = ScriptedNetwork(delay=0.02)
    servers = network.build(chain(3), settle=15.0)
    client = network.client(servers[0])
    client.register("ann")
    late = network.start("late", servers[2])
    network.run(8.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    assert late.node.book.knows("ann")


def test_a_client_that_has_gone_does_not_keep_the_name_locked_after_the_limit() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), lock_limit=2.0)
    servers[2].go_dead()
    client = network.client(servers[0])
    client.register("ann")
    network.run(0.1)
    client.hang_up()
    network.run(20.0)
    assert open_claims(network) == 0


# --- what a claim is --------------------------------------------------------------------------------------------------


def test_what_a_denial_says_reaches_the_client() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    known = AccountFact("ann", "$argon2id$other", 1, "elsewhere.1.1")
    second.node.book.apply(known)
    client = network.client(first)
    client.register("ann")
    network.run(1.0)
    (failed,) = client.of(wire.RegisterFailed)
    assert "already registered" in failed.info
    assert open_claims(network) == 0


def test_a_denial_never_deletes_an_account_that_was_confirmed() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    network.registered(servers[0], "ann", "s")
    network.run(1.0)
    base = network.base_server(servers[2])
    base.say(wire.LockDenied("ann", "s"))
    base.say(wire.LockDenied("ann", "other"))
    link = next(iter(servers[0].ends.values()))
    servers[0].handle(events.MessageReceived(link.conn, wire.LockDenied("ann", claim="x.1.1", round=1)))
    network.run(5.0)
    for server in servers:
        network.logged_in(server, "ann", "s", redirects=1)


def test_no_secret_travels_in_clear_between_nodes_without_base_servers() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4))
    network.registered(servers[1], "ann", "hush")
    network.run(5.0)
    requests = [message for server in servers for message in server.said(wire.LockRequest)]
    assert len(requests) == 3
    assert all(message.secret is None for message in requests)


def test_a_claim_that_comes_back_to_its_origin_is_answered_for_nobody() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    network.delay = 1.0
    (link,) = network.links_between(first, second)
    link.take_each_way(1.0)
    client = network.client(first)
    client.register("ann")
    assert network.until(lambda: bool(first.said(wire.LockRequest)), 5.0)
    (request,) = first.said(wire.LockRequest)
    for round_number in (1, 2, 7):
        again = wire.LockRequest("ann", claim=request.claim, round=round_number, stamp=1, verifier="$argon2id$x")
        done = first.handle(events.MessageReceived(link.conn, again))
        (answer,) = [one.frame.message for one in done if isinstance(one, actions.Send)]
        assert isinstance(answer, wire.LockAllowed)
        assert answer.count == 0
    network.run(10.0)
    assert client.commands == ["REGISTER_SUCCESS"]


def test_a_request_cannot_take_over_another_registration_by_its_claim() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), lock_limit=3.0)
    (link,) = network.links_between(first, second)
    client = network.client(first)
    client.register("ann")
    assert network.until(lambda: bool(first.said(wire.LockRequest)), 5.0)
    (request,) = first.said(wire.LockRequest)
    stolen = wire.LockRequest("bob", claim=request.claim, round=5, stamp=1, verifier="$argon2id$x")
    first.handle(events.MessageReceived(link.conn, stolen))
    network.run(5.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    network.run(20.0)
    assert open_claims(network) == 0


def test_a_request_that_comes_round_a_cycle_after_its_release_does_not_lock_the_name_again() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    peers = []
    for name in ("one", "two"):
        peer = network.peer(server)
        peer.say(wire.Authenticate("network secret", id=name, incarnation=1, features=["sync"]))
        network.run(0.1)
        peers.append(peer)
    first, second = peers
    request = wire.LockRequest("ann", claim="far.1.1", round=2, stamp=1, verifier="$argon2id$s")
    first.say(request)
    network.run(0.1)
    assert open_claims(network) == 1
    first.say(wire.LockRelease("ann", "far.1.1"))
    network.run(0.1)
    assert open_claims(network) == 0
    first.log.clear()
    second.say(request)
    network.run(0.1)
    assert open_claims(network) == 0
    assert second.of(wire.LockAllowed)[-1].count == 0
    assert first.of(wire.LockRequest) == []
