"""The registration lock where base servers take part, in the middle and at the edge, in both directions."""

from __future__ import annotations

from functools import partial

import pytest

from core.node.interface import events
from core.simulation.testing import (
    ScriptedBaseServer,
    ScriptedClient,
    ScriptedNetwork,
    WatchedServer,
    chain,
    random_tree,
)
from core.wire import messages as wire
from core.wire.address import Address


def test_a_base_server_is_asked_with_the_secret_and_its_answers_are_counted() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    base = network.base_server(servers[2], ids=("b1", "b2", "b3"))
    network.registered(servers[0], "ann", "s")
    assert base.of(wire.LockRequest) == [wire.LockRequest("ann", "s")]
    assert base.users == {"ann": "s"}


def test_the_secret_travels_only_on_links_that_lead_to_the_base_server() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4), lazy_links=0)
    network.base_server(servers[1])
    network.run(1.0)
    network.registered(servers[0], "ann", "s")
    with_secret = [
        (server.config.name, request.secret) for server in servers for request in server.said(wire.LockRequest)
    ]
    assert with_secret == [("n000", "s"), ("n001", None), ("n001", "s"), ("n002", None)]


def test_operators_are_told_that_a_secret_travels_in_clear() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server)
    network.registered(server, "ann", "s")
    assert base.users
    assert any("ann" in text and "clear" in text for text in server.told("security"))


def test_a_name_that_a_base_server_knows_is_refused() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    base = network.base_server(servers[2])
    base.users["ann"] = "from long ago"
    client = network.client(servers[0])
    client.register("ann", "s")
    network.run(2.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert base.users == {"ann": "from long ago"}
    assert not any(server.node.book.knows("ann") for server in servers)


def test_a_denial_may_carry_the_secret_that_is_stored() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server)
    base.answers = False
    client = network.client(server)
    client.register("ann", "s")
    network.run(0.2)
    base.say(wire.LockDenied("ann", "from long ago"))
    network.run(0.2)
    assert client.commands == ["REGISTER_FAILED"]


def test_a_denied_registration_is_taken_back_at_every_other_base_server() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    first, last = network.base_server(servers[0], 9000, ["first"]), network.base_server(servers[2], 9100, ["last"])
    last.users["ann"] = "from long ago"
    client = network.client(servers[1])
    client.register("ann", "s")
    network.run(2.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert first.users == {}
    assert last.users == {"ann": "from long ago"}


def test_a_base_server_that_does_not_answer_fails_the_registration_within_the_limit_without_a_trace() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2), lock_limit=3.0)
    silent, other = network.base_server(servers[1]), network.base_server(servers[0], 9100, ["other"])
    silent.answers = False
    client = network.client(servers[0])
    client.register("ann", "s")
    network.run(2.9)
    assert client.log == []
    network.run(1.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert silent.of(wire.LockDenied) == [wire.LockDenied("ann", "s")]
    assert other.users == {}


def test_a_base_server_that_answers_once_for_all_behind_it_is_understood() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server, ids=("b1", "b2", "b3"))
    base.answers = False
    client = network.client(server)
    client.register("ann", "s")
    network.run(0.2)
    base.say(wire.LockAllowed("ann", "s"))
    network.run(0.9)
    assert client.log == []
    network.run(0.3)
    assert client.commands == ["REGISTER_SUCCESS"]


def test_a_denial_that_comes_after_another_servers_answer_counts() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server, ids=("b1", "b2"))
    base.answers = False
    client = network.client(server)
    client.register("ann", "s")
    network.run(0.2)
    base.say(wire.LockAllowed("ann", "s"))
    network.run(0.5)
    base.say(wire.LockDenied("ann", "other"))
    network.run(2.0)
    assert client.commands == ["REGISTER_FAILED"]


def test_each_base_server_is_asked_once_however_often_the_network_changes_meanwhile() -> None:
    network = ScriptedNetwork(delay=0.02)
    servers = network.build(chain(5), settle=15.0)
    base = network.base_server(servers[0])
    base.answers = False
    client = network.client(servers[0])
    client.register("ann", "s")
    network.run(0.1)
    network.cut_between(servers[2], servers[3])
    network.run(2.0)
    base.say(wire.LockAllowed("ann", "s"))
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    assert len(base.of(wire.LockRequest)) == 1


def test_a_base_server_that_has_not_announced_itself_yet_is_waited_for() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = ScriptedBaseServer(9000)
    network.connect(base, server)
    base.authenticate()
    network.run(0.1)
    client = network.client(server)
    client.register("ann", "s")
    network.run(2.0)
    assert client.log == base.log == []
    base.announce()
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    assert base.users == {"ann": "s"}


def test_a_base_server_whose_link_breaks_meanwhile_is_not_waited_for() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2))
    base = network.base_server(servers[1])
    base.answers = False
    client = network.client(servers[0])
    client.register("ann", "s")
    network.run(0.5)
    base.break_off()
    network.run(3.0)
    assert client.commands == ["REGISTER_SUCCESS"]


# --- several registrations of one name at a base server ---------------------------------------------------------------


def two_claims(
    network: ScriptedNetwork, first_heard_is_earlier: bool
) -> tuple[ScriptedBaseServer, ScriptedClient, ScriptedClient]:
    """A base server in the middle, and two that register one name at the ends: the one whose request is there first,
    and the other. The earlier of the two registrations is that of either."""
    servers = network.build(chain(3), lazy_links=0)
    base = network.base_server(servers[1])
    for one in network.links_between(servers[1], servers[2]):
        one.take_each_way(0.05)
    network.run(1.0)
    near, far = network.client(servers[0]), network.client(servers[2])
    network.after(0.0 if first_heard_is_earlier else 0.02, lambda: near.register("ann", "near"))
    network.after(0.02 if first_heard_is_earlier else 0.0, lambda: far.register("ann", "far"))
    network.run(5.0)
    assert base.of(wire.LockRequest)[0] == wire.LockRequest("ann", "near")
    return base, near, far


def test_what_a_base_server_says_to_a_later_registration_does_not_fail_the_earlier_one() -> None:
    base, near, far = two_claims(ScriptedNetwork(), first_heard_is_earlier=True)
    assert near.commands == ["REGISTER_SUCCESS"]
    assert far.commands == ["REGISTER_FAILED"]
    assert base.users == {"ann": "near"}
    assert base.of(wire.LockRequest) == [wire.LockRequest("ann", "near")]


def test_an_earlier_registration_is_asked_for_at_a_base_server_once_a_later_one_has_given_way() -> None:
    base, near, far = two_claims(ScriptedNetwork(), first_heard_is_earlier=False)
    assert near.commands == ["REGISTER_FAILED"]
    assert far.commands == ["REGISTER_SUCCESS"]
    assert base.users == {"ann": "far"}
    assert [one for one in base.log if isinstance(one, wire.LockRequest | wire.LockDenied)] == [
        wire.LockRequest("ann", "near"),
        wire.LockDenied("ann", "near"),
        wire.LockRequest("ann", "far"),
    ]


def test_who_denies_a_registration_is_told_to_drop_it_too_for_those_behind_that_had_recorded_it() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server, ids=("b1", "b2"))
    base.answers = False
    client = network.client(server)
    client.register("ann", "s")
    network.run(0.2)
    base.say(wire.LockDenied("ann", "from long ago"))
    network.run(0.2)
    assert client.commands == ["REGISTER_FAILED"]
    assert base.of(wire.LockDenied) == [wire.LockDenied("ann", "s")]


def test_a_name_is_free_again_at_a_base_server_whose_link_was_lost_before_the_registration_had_failed() -> None:
    network = ScriptedNetwork()
    server = network.start("a", lock_limit=2.0)
    lost, silent = network.base_server(server), network.base_server(server, 9100, ["silent"])
    silent.answers = False
    client = network.client(server)
    client.register("ann", "s")
    network.run(0.5)
    assert lost.users == {"ann": "s"}
    lost.hang_up()
    network.run(2.0)
    assert client.commands == ["REGISTER_FAILED"]
    silent.answers = True
    back = network.base_server(server)
    back.users = lost.users
    network.registered(server, "ann", "other")
    assert back.users == silent.users == {"ann": "other"}


def test_who_waits_for_another_at_a_base_server_does_not_wait_for_one_that_is_lost() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), lazy_links=0, lock_limit=5.0)
    base = network.base_server(servers[1])
    base.answers = False
    for one in network.links_between(servers[1], servers[2]):
        one.take_each_way(0.1)
    later, earlier = network.client(servers[0]), network.client(servers[2])
    earlier.register("ann", "earlier")
    network.run(0.05)
    later.register("ann", "later")
    network.run(0.05)
    assert base.of(wire.LockRequest) == [wire.LockRequest("ann", "later")]
    # Its server is gone without a word: nobody takes back what it asked for.
    servers[0].crash()
    network.run(1.0)
    assert earlier.log == []
    base.hang_up()
    network.run(3.0)
    assert earlier.commands == ["REGISTER_SUCCESS"]
    assert len(base.of(wire.LockRequest)) == 1


@pytest.mark.parametrize("seed", [*range(9), 200, 221, 266, 346])
def test_a_name_stays_registrable_whatever_breaks_while_several_register_it(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(4, seed), lock_limit=3.0)
    host = network.rng.choice(servers)
    base = network.base_server(host)
    network.run(1.0)
    people = [network.client(network.rng.choice(servers)) for _ in range(3)]
    for number, person in enumerate(people):
        network.after(network.rng.random() * 0.08, partial(person.register, "ann", f"secret {number}"))
    match seed % 3:
        case 0:
            network.after(network.rng.random() * 0.15, base.hang_up)
        case 1:
            network.after(network.rng.random() * 0.15, lambda: network.cut_between(servers[0], servers[1]))
    network.run(15.0)
    winners = [number for number, person in enumerate(people) if person.of(wire.RegisterSuccess)]
    assert len(winners) <= 1
    if base.closed is not None:
        known, base = base.users, network.base_server(host)
        base.users = known
    if not winners:
        again = network.client(network.rng.choice(servers))
        again.register("ann", "the last one's")
        network.run(5.0)
        assert again.commands == ["REGISTER_SUCCESS"]
        assert base.users == {"ann": "the last one's"}
    assert all(server.node.book.knows("ann") for server in servers)
    assert sum(server.node.registration.open_claims for server in servers) == 0


# --- registrations that a base server begins --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_base_server_gets_one_answer_for_each_server_announced_to_it(count: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(count))
    other = network.base_server(servers[-1], 9100, ["o1", "o2"])
    base = network.base_server(servers[0])
    network.run(6.0)
    announced = {str(one.id) for one in base.of(wire.ServerAnnounce)}
    assert announced == {server.id for server in servers} | {"o1", "o2"}
    base.say(wire.LockRequest("ann", "s"))
    network.run(1.0)
    assert base.of(wire.LockAllowed) == [wire.LockAllowed("ann", "s")] * (count + 2)
    assert base.of(wire.LockDenied) == []
    assert other.users == {"ann": "s"}
    network.run(3.0)
    for server in servers:
        network.logged_in(server, "ann", "s", redirects=1)


def test_a_server_that_is_gone_still_counts_among_the_answers() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    base = network.base_server(servers[0])
    network.run(6.0)
    servers[2].crash()
    network.run(30.0)
    base.say(wire.LockRequest("ann", "s"))
    network.run(2.0)
    assert len(base.of(wire.LockAllowed)) == 3


def test_a_known_name_is_denied_to_a_base_server_first_and_then_answered_completely() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    network.registered(servers[2], "ann", "s")
    base = network.base_server(servers[0])
    base.say(wire.LockRequest("ann", "other"))
    network.run(1.0)
    answers = [one for one in base.log if isinstance(one, wire.LockAllowed | wire.LockDenied)]
    assert answers == [wire.LockDenied("ann", "other"), *[wire.LockAllowed("ann", "other")] * 2]


@pytest.mark.parametrize("name", ["", "anonymous", "ann~abc234", "x" * 65, "a\x00b"])
def test_a_name_that_cannot_be_registered_is_denied_to_a_base_server(name: str) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server)
    base.say(wire.LockRequest(name, "s"))
    network.run(2.0)
    assert base.of(wire.LockDenied) == [wire.LockDenied(name, "s")]
    assert base.closed is None


def test_a_name_is_taken_from_the_moment_a_base_server_asks_for_it() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2))
    base = network.base_server(servers[0])
    base.say(wire.LockRequest("ann", "s"))
    network.run(0.5)
    assert len(base.of(wire.LockAllowed)) == 2
    client = network.client(servers[1])
    client.register("ann", "other")
    network.run(3.0)
    assert client.commands == ["REGISTER_FAILED"]
    network.logged_in(servers[1], "ann", "s", redirects=1)


def test_a_base_server_may_take_its_registration_back() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2))
    base = network.base_server(servers[0])
    base.say(wire.LockRequest("ann", "s"))
    network.run(0.3)
    base.say(wire.LockDenied("ann", "s"))
    network.run(3.0)
    assert not any(server.node.book.knows("ann") for server in servers)
    network.registered(servers[1], "ann", "other")


def test_a_base_server_that_goes_away_before_it_is_answered_has_registered_nobody() -> None:
    network = ScriptedNetwork(delay=0.1)
    servers = network.build(chain(3), settle=15.0)
    base = network.base_server(servers[0])
    network.run(1.0)
    base.say(wire.LockRequest("ann", "s"))
    network.run(0.15)
    base.hang_up()
    network.run(20.0)
    assert not any(server.node.book.knows("ann") for server in servers)
    assert sum(server.node.registration.open_claims for server in servers) == 0


@pytest.mark.parametrize("seed", range(6))
def test_of_one_name_registered_at_a_node_and_at_a_base_server_at_most_one_succeeds(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(chain(3))
    base = network.base_server(servers[0])
    network.run(1.0)
    client = network.client(servers[2])
    at_base = network.rng.random() * 0.06
    network.after(network.rng.random() * 0.06, lambda: client.register("ann", "at node"))
    network.after(at_base, lambda: base.say(wire.LockRequest("ann", "at base")))
    network.run(15.0)
    at_node_succeeded = bool(client.of(wire.RegisterSuccess))
    at_base_succeeded = not base.of(wire.LockDenied) and len(base.of(wire.LockAllowed)) == 3
    assert at_node_succeeded + at_base_succeeded <= 1
    network.run(5.0)
    books = {str(dict(iter(server.node.book))) for server in servers}
    assert len(books) == 1
    if at_node_succeeded or at_base_succeeded:
        network.logged_in(servers[1], "ann", "at node" if at_node_succeeded else "at base", redirects=1)


def test_between_two_base_servers_a_node_speaks_for_each_to_the_other() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    left, right = network.base_server(server, 9000, ["l1", "l2"]), network.base_server(server, 9100, ["r1"])
    network.run(6.0)
    left.say(wire.LockRequest("ann", "s"))
    right.say(wire.LockRequest("bob", "t"))
    network.run(3.0)
    assert left.of(wire.LockAllowed) == [wire.LockAllowed("ann", "s")] * 2
    assert right.of(wire.LockAllowed) == [wire.LockAllowed("bob", "t")] * 3
    assert left.users == {"bob": "t"}
    assert right.users == {"ann": "s"}


def test_a_base_server_that_was_dialled_is_asked_too() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.listening_base_server()
    server.handle(events.JoinRequested(Address("base.example", 9000)))
    network.run(0.1)
    base.announce()
    network.run(0.1)
    network.registered(server, "ann", "s")
    assert base.users == {"ann": "s"}


@pytest.mark.parametrize("unasked", [wire.LockAllowed("ann", "s"), wire.LockDenied("ann", "s")])
def test_an_answer_that_nobody_asked_for_changes_nothing(unasked: wire.Message) -> None:
    network = ScriptedNetwork()
    servers: list[WatchedServer] = network.build(chain(2))
    base = network.base_server(servers[0])
    base.say(unasked)
    network.run(1.0)
    assert base.closed is None
    network.registered(servers[1], "ann", "s")


def test_a_pair_that_a_base_server_could_not_be_told_to_drop_is_taken_back_over_its_next_link() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    base = network.base_server(first)
    network.run(1.0)
    base.answers = False
    rival = network.client(second)
    rival.register("ann", "first")
    network.run(0.5)
    assert base.of(wire.LockRequest) == [wire.LockRequest("ann", "first")]
    base.go_dead()
    again = network.listening_base_server()
    again.users = {"ann": "first"}
    network.run(20.0)
    assert rival.of(wire.RegisterFailed)
    assert network.until(lambda: again.end is not None, 60.0)
    again.announce()
    network.run(2.0)
    network.registered(second, "ann", "second")
    assert again.users == {"ann": "second"}
