"""Guesses at secrets over the protocol: slowed by address, and nobody else is."""

from __future__ import annotations

import pytest

from core.admission.guesses import HABIT, PATIENCE
from core.node.accounts.attempts import AT_ONCE
from core.node.interface.actions import HashSecret
from core.node.interface.events import SecretHashed
from core.simulation.testing import SECRET, ScriptedClient, ScriptedNetwork, ScriptedPeer, WatchedServer
from core.wire import messages as wire


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def server(network: ScriptedNetwork) -> WatchedServer:
    server = network.start("one", redirects=False)
    network.registered(server, "ann").hang_up()
    network.registered(server, "bob").hang_up()
    network.run(1.0)
    return server


def guess(
    network: ScriptedNetwork, server: WatchedServer, count: int, host: str = "mallory", name: str = "ann"
) -> list[ScriptedClient]:
    clients = [network.client(server, features=(), host=host) for _ in range(count)]
    for number, client in enumerate(clients):
        client.login(name, f"guess {number}")
    return clients


def test_guesses_that_come_at_once_are_not_all_looked_at(network: ScriptedNetwork, server: WatchedServer) -> None:
    clients = guess(network, server, 500)
    network.run(30.0)
    assert server.verified <= AT_ONCE + HABIT + 10
    assert all(client.commands == ["LOGIN_FAILED"] for client in clients)
    assert any("too many wrong secrets" in client.of(wire.LoginFailed)[0].info for client in clients)


def test_guesses_one_after_the_other_are_answered_ever_more_slowly(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    took = []
    guesses: list[ScriptedClient] = []
    answered = lambda: bool(guesses[-1].log)  # noqa: E731
    for _ in range(12):
        began = network.time
        guesses += guess(network, server, 1)
        assert network.until(answered)
        took.append(network.time - began)
    assert max(took[:HABIT]) < 0.2
    assert took[-1] > 7.0
    assert sum(took) > 30.0


def test_hanging_up_before_the_answer_does_not_make_a_guess_free(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    for _ in range(100):
        (client,) = guess(network, server, 1)
        network.run(0.06)
        client.hang_up()
        network.run(0.06)
    assert server.verified <= AT_ONCE + HABIT + 12


@pytest.mark.parametrize("say", ["log in under a name that nobody has", "link with the network's secret"])
def test_a_thousand_who_wait_behind_a_few_are_all_answered_when_nothing_takes_any_time(
    network: ScriptedNetwork, server: WatchedServer, say: str
) -> None:
    guess(network, server, AT_ONCE, name="ann")
    behind: list[ScriptedClient | ScriptedPeer] = []
    if say.startswith("log in"):
        behind += guess(network, server, 1000, name="nobody")
    else:
        for number in range(1000):
            peer = network.peer(server, host="mallory")
            behind.append(peer)
            peer.say(wire.Authenticate(SECRET, id=f"s{number}", incarnation=1, hostname="h", port=1, features=["sync"]))
    network.run(20.0)
    assert all(client.log for client in behind)
    assert not len(server.node.attempts) and not server.node.attempts.standing_behind


def test_guesses_that_stood_behind_others_for_too_long_are_not_looked_at(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    network.hashing = PATIENCE + 2.0
    guess(network, server, AT_ONCE)
    behind = guess(network, server, 2 * HABIT)
    network.run(100.0)
    # Each of the first wrong ones let one more come up before it was known that somebody guesses.
    assert server.verified == AT_ONCE + HABIT - 1
    assert all("too many wrong secrets" in client.of(wire.LoginFailed)[0].info for client in behind[HABIT - 1 :])


def test_whoever_hangs_up_behind_others_leaves_nothing_although_those_take_their_time(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    network.hashing = 10.0
    guess(network, server, AT_ONCE)
    network.run(0.1)
    for client in guess(network, server, 200):
        network.run(0.01)
        client.hang_up()
    network.run(0.1)
    attempts = server.node.attempts
    assert len(attempts) == AT_ONCE and not attempts.standing_behind
    network.run(60.0)
    assert not len(attempts) and not attempts.hosts


def test_the_user_gets_in_from_elsewhere_meanwhile(network: ScriptedNetwork, server: WatchedServer) -> None:
    guess(network, server, 500)
    network.run(3.0)
    began = network.time
    client = network.client(server, host="home")
    client.login("ann", "s")
    assert network.until(lambda: bool(client.of(wire.LoginSuccess)))
    assert network.time - began < 0.5


def test_somebody_else_at_the_same_address_gets_in_too_if_they_have_before(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    client = network.client(server, host="mallory")
    client.login("bob", "s")
    network.run(0.5)
    client.hang_up()
    guess(network, server, 100)
    network.run(3.0)
    began = network.time
    client = network.client(server, host="mallory")
    client.login("bob", "s")
    assert network.until(lambda: bool(client.of(wire.LoginSuccess)))
    assert network.time - began < 0.5


def test_operators_are_told_once_that_an_address_guesses(network: ScriptedNetwork, server: WatchedServer) -> None:
    guess(network, server, 300)
    network.run(60.0)
    assert len(server.told("security")) == 1
    assert "mallory" in server.told("security")[0]
    assert len(server.told("refused")) < 60, "and not of every guess that nobody looked at"


def test_many_who_come_at_once_with_the_right_secret_are_not_slowed(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    clients = [network.client(server, host="school") for _ in range(300)]
    for client in clients:
        client.login("ann", "s")
    network.run(2.0)
    assert all(client.of(wire.LoginSuccess) for client in clients)


def test_guesses_at_the_networks_secret_are_slowed_and_few_are_looked_at(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    peers = [network.peer(server, host="mallory") for _ in range(1000)]
    for number, peer in enumerate(peers):
        peer.say(wire.Authenticate(f"guess {number}", id=f"s{number}", incarnation=1, features=["sync"]))
    network.run(60.0)
    told = [peer.of(wire.AuthenticationFail)[0].info for peer in peers]
    assert sum("is not this network's" in info for info in told) < 20
    assert len(server.told("refused")) < 20


def test_a_server_with_the_right_secret_gets_in_meanwhile(network: ScriptedNetwork, server: WatchedServer) -> None:
    for _ in range(100):
        network.peer(server, host="mallory").say(wire.Authenticate("wrong"))
    network.run(1.0)
    peer = network.peer(server, host="honest")
    peer.say(wire.Authenticate(SECRET, id="s", incarnation=1, hostname="h", port=1, features=["sync"]))
    network.run(0.5)
    assert peer.of(wire.ServerHello)


def test_a_server_that_was_let_in_from_there_before_is_not_kept_out_by_its_neighbour(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    for _ in range(2):
        peer = network.peer(server, host="mallory")
        peer.say(wire.Authenticate(SECRET, id="s", incarnation=1, hostname="h", port=1, features=["sync"]))
        network.run(0.5)
        assert peer.of(wire.ServerHello)
        peer.hang_up()
        for _ in range(100):
            network.peer(server, host="mallory").say(wire.Authenticate("wrong"))
        network.run(1.0)


def test_a_base_server_whose_words_follow_its_secret_at_once_is_heard(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    base = network.base_server(server)
    network.run(1.0)
    assert base.closed is None
    assert base.of(wire.ServerAnnounce)


def test_names_are_not_registered_without_end_from_one_address(network: ScriptedNetwork) -> None:
    server = network.start("one", registrations_per_minute=6.0)
    clients = [network.client(server, features=(), host="mallory") for _ in range(100)]
    for number, client in enumerate(clients):
        client.register(f"user{number}")
    honest = network.client(server, features=(), host="home")
    honest.register("ann")
    network.run(5.0)
    assert honest.commands == ["REGISTER_SUCCESS"]
    assert sum(client.commands == ["REGISTER_SUCCESS"] for client in clients) == 60
    assert "try again in" in clients[-1].of(wire.RegisterFailed)[0].info
    network.run(60.0)
    late = network.client(server, features=(), host="mallory")
    late.register("late")
    network.run(2.0)
    assert late.commands == ["REGISTER_SUCCESS"]


def test_a_registration_whose_client_is_gone_before_its_hash_tells_the_network_nothing(
    network: ScriptedNetwork,
) -> None:
    one, _ = network.build([None, 0])
    network.hashing = 1e9
    client = network.client(one, features=())
    client.register("ann")
    network.run(0.1)
    client.hang_up()
    network.run(0.1)
    one.handle(SecretHashed(one.asked_last[HashSecret], None))
    network.run(1.0)
    assert not network.lock_messages()
    assert one.node.queues()["registrations"] == 0


def test_a_base_server_that_registers_without_end_is_denied_and_people_are_not(network: ScriptedNetwork) -> None:
    server = network.start("one", redirects=False)
    base = network.base_server(server)
    network.hashing = 5.0
    for number in range(2000):
        base.say(wire.LockRequest(f"user{number}", "s"))
    network.run(1.0)
    assert server.node.queues()["registrations"] <= 2 * 256, "claims and their hashes"
    assert len(base.of(wire.LockDenied)) >= 1700


def test_secrets_in_clear_of_a_peer_are_hashed_a_few_at_a_time_and_all_in_the_end(network: ScriptedNetwork) -> None:
    server = network.start("one", redirects=False)
    peer = network.peer(server)
    peer.say(wire.Authenticate(SECRET, features=["user_info"]))
    network.run(0.1)
    peer.say(wire.UserInfo({f"user{number}": "s" for number in range(200)}))
    network.run(0.01)
    assert 1 <= server.node.base.user_table.hashing <= 4
    network.run(10.0)
    assert len(server.node.book) == 200
