"""How fast people who write are read: budgets of anonymous people, and of everybody while others write."""

from __future__ import annotations

import pytest

from core.node.clients import writers as module
from core.node.clients.writers import ANONYMOUS_PART, COST_OF_EACH, PAUSE_LEAST, PAUSE_MAX, TOGETHER
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer

BIG = 60_000
"""Characters of a large activity."""
ANONYMOUS_BURST = 2 * 2**20
SHARED_BURST, SHARED_RATE = 2**20, 128 * 2**10
"""Smaller than they are, so that less has to be written."""
WRITERS_MAX = 300


def person(
    network: ScriptedNetwork, server: WatchedServer, name: str = "anonymous", host: str = "client.example"
) -> ScriptedClient:
    client = network.client(server, host=host)
    if name != "anonymous":
        client.register(name)
        network.run(0.5)
    client.login(name, "s" if name != "anonymous" else None)
    network.run(0.3)
    return client


def write(network: ScriptedNetwork, client: ScriptedClient, megabytes: float, name: str = "anonymous") -> None:
    """Post so much, as fast as it is said."""
    for _ in range(int(megabytes * 1024 * 1024 / (BIG + COST_OF_EACH))):
        client.post("x" * BIG, name, "s" if name != "anonymous" else None)
    network.run(0.1)


def pause_of(server: WatchedServer, client: ScriptedClient) -> float:
    """The longest pause that a client had."""
    return max((seconds for conn, seconds in server.pauses if conn == client.conn), default=0.0)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    monkeypatch.setattr(module, "ANONYMOUS_BURST", ANONYMOUS_BURST)
    monkeypatch.setattr(module, "SHARED_BURST", SHARED_BURST)
    monkeypatch.setattr(module, "SHARED_RATE", SHARED_RATE)
    monkeypatch.setattr(module, "WRITERS_MAX", WRITERS_MAX)
    return ScriptedNetwork()


def test_anonymous_people_are_read_more_slowly_once_their_budget_is_spent(network: ScriptedNetwork) -> None:
    server = network.start("a")
    writer = person(network, server)
    write(network, writer, 0.9 * ANONYMOUS_BURST / 2**20)
    assert pause_of(server, writer) == 0.0
    write(network, writer, 0.6 * ANONYMOUS_BURST / 2**20)
    assert pause_of(server, writer) == PAUSE_MAX
    assert any("read more slowly" in text for text in server.told("limits"))
    assert writer.closed is None, "nothing is refused"


def test_all_anonymous_people_at_one_address_have_one_budget_and_others_their_own(network: ScriptedNetwork) -> None:
    server = network.start("a")
    crowd = [person(network, server, host="10.0.0.1") for _ in range(4)]
    for writer in crowd:
        write(network, writer, 0.3 * ANONYMOUS_BURST / 2**20)
    assert pause_of(server, crowd[-1]) > 0.0
    network.run(TOGETHER + 1)
    other = person(network, server, host="10.0.0.2")
    write(network, other, 0.05)
    assert pause_of(server, other) == 0.0


def test_one_network_of_version_six_has_one_budget(network: ScriptedNetwork) -> None:
    server = network.start("a")
    for number in range(4):
        writer = person(network, server, host=f"2001:db8::{number + 1:x}")
        write(network, writer, 0.3 * ANONYMOUS_BURST / 2**20)
    assert pause_of(server, writer) > 0.0


def test_the_budget_comes_back_with_time(network: ScriptedNetwork) -> None:
    server = network.start("a", anonymous_rate=1024.0 * 1024)
    writer = person(network, server)
    write(network, writer, 2 * ANONYMOUS_BURST / 2**20)
    assert pause_of(server, writer) > 0.0
    network.run(120.0)
    server.pauses.clear()
    write(network, writer, 0.9 * ANONYMOUS_BURST / 2**20)
    assert server.pauses == []


def test_without_a_rate_anonymous_people_write_as_much_as_they_like(network: ScriptedNetwork) -> None:
    server = network.start("a", anonymous_rate=0.0)
    writer = person(network, server)
    write(network, writer, 1.5 * ANONYMOUS_BURST / 2**20)
    assert server.pauses == []


@pytest.mark.parametrize(("name", "part"), [("anonymous", ANONYMOUS_PART), ("ann", 1)])
def test_while_others_write_nobody_takes_more_than_a_share(network: ScriptedNetwork, name: str, part: int) -> None:
    server = network.start("a")
    other, writer = person(network, server, "bob", "10.0.0.2"), person(network, server, name, "10.0.0.1")
    other.post("hello", "bob", "s")
    network.run(0.1)
    write(network, writer, 2 * SHARED_BURST / part / 2**20, name)
    assert pause_of(server, writer) > PAUSE_LEAST
    assert pause_of(server, other) == 0.0
    owed = SHARED_BURST / part
    assert pause_of(server, writer) == pytest.approx(min(PAUSE_MAX, owed / (SHARED_RATE / part)), rel=0.2)


def test_an_account_that_writes_alone_is_not_held_up(network: ScriptedNetwork) -> None:
    server = network.start("a")
    writer = person(network, server, "ann")
    write(network, writer, 3 * SHARED_BURST / 2**20, "ann")
    assert server.pauses == []


def test_nobody_is_charged_for_what_somebody_else_says_in_their_name(network: ScriptedNetwork) -> None:
    server = network.start("a")
    ann, bob = person(network, server, "ann"), person(network, server, "bob")
    for _ in range(3):
        liar = person(network, server)
        write(network, liar, 2 * SHARED_BURST / 2**20, "ann")
    bob.post("hello", "bob", "s")
    network.run(0.1)
    write(network, ann, 0.5 * SHARED_BURST / 2**20, "ann")
    assert server.pauses == []


def test_the_person_at_the_server_itself_is_not_held_up(network: ScriptedNetwork) -> None:
    server = network.start("a")
    client = network.client(server, origin="local")
    client.login()
    network.run(0.1)
    write(network, client, 1.2 * ANONYMOUS_BURST / 2**20)
    assert server.pauses == []


def test_only_so_many_writers_are_remembered(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    for place in range(WRITERS_MAX + 20):
        writer = network.client(server, host=f"10.1.{place // 256}.{place % 256}")
        writer.login()
        writer.post("hello")
    network.run(1.0)
    assert len(server.node.sessions.posting.writers) == WRITERS_MAX
