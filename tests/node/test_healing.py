"""Crashes and broken links: the others become one network again by themselves, without a stampede."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from core.node.interface import actions, events
from core.simulation.testing import SECRET, ScriptedNetwork, WatchedServer, chain, random_tree, star
from core.wire import messages as wire
from core.wire.address import Address
from tests.node.liars import Liar

SHAPES = {"chain": chain, "star": star, "tree": random_tree}


def dials(network: ScriptedNetwork) -> int:
    return sum(len(server.dials) for server in network.servers.values())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("victim", [0, 3, 7], ids=["root", "inner", "leaf"])
@pytest.mark.parametrize("lazy", [0, 2], ids=["tree only", "with redundant links"])
def test_when_a_server_crashes_the_rest_becomes_one_again(shape: str, victim: int, lazy: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(SHAPES[shape](8), lazy_links=lazy)
    servers[victim].crash()
    if lazy:
        assert network.until(network.is_one, 0.1), "redundant links did not take over at once"
    assert network.until(network.is_one, 10.0)
    network.run(5.0)
    assert network.is_one()
    assert any(server.told("lost") for server in network.living)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lazy", [0, 2], ids=["tree only", "with redundant links"])
def test_when_two_neighbours_crash_at_once_the_rest_becomes_one_again(shape: str, lazy: int) -> None:
    network = ScriptedNetwork()
    servers = network.build(SHAPES[shape](9), lazy_links=lazy)
    first = servers[1]
    second = (
        next(server for server in servers[2:] if server.id in first.node.topology.tree_neighbours(first.id))
        if (shape == "chain")
        else servers[0]
    )
    first.crash()
    second.crash()
    assert network.until(network.is_one, 20.0)


@pytest.mark.parametrize("seed", range(8))
def test_any_half_of_the_servers_may_crash_at_once(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(10, seed), lazy_links=seed % 3)
    for server in random.Random(seed).sample(servers, 5):
        server.crash()
    assert network.until(network.is_one, 40.0)


@pytest.mark.parametrize("seed", range(4))
def test_a_server_that_crashed_comes_back_by_itself(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(6, seed))
    victim = servers[network.rng.randrange(6)]
    victim.crash()
    network.run(20.0)
    network.start(victim.config.name)
    assert network.until(network.is_one, 5.0)
    assert any(server.told("healed") for server in network.living)


def test_all_servers_may_crash_and_come_back_in_any_order() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(5))
    for server in servers:
        server.crash()
    network.run(5.0)
    for name in ("n003", "n000", "n004", "n001", "n002"):
        network.start(name)
        network.run(3.0)
    assert network.until(network.is_one, 30.0)


def test_a_server_at_another_address_is_found_again() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), lazy_links=0)
    servers[2].crash()
    network.run(5.0)
    moved = network.start("n002")
    assert network.until(network.is_one, 30.0)
    assert moved.id in servers[1].reachable


@pytest.mark.parametrize("seed", range(4))
def test_parts_that_were_separated_find_each_other_when_they_can(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(8, seed))
    some = random.Random(seed).sample(servers, 4)
    others = [server for server in servers if server not in some]
    network.part(some, others)
    network.run(60.0)
    assert not network.is_one()
    network.mend()
    assert network.until(network.is_one, 65.0)


def test_a_part_that_never_met_a_lost_server_looks_for_it_too() -> None:
    """a, the smallest of its part and so the one that looks for others, has never been linked with d, nor d with a."""
    network = ScriptedNetwork()
    b, c, d = network.start("b"), network.start("c"), network.start("d")
    c.join(b)
    d.join(c)
    network.run(3.0)
    a, e = network.start("a"), network.start("a2")
    network.part([d, e], [a, b, c])
    a.join(b)
    e.join(d)
    network.run(120.0)
    assert a.reachable == {a.id, b.id, c.id}
    assert e.reachable == {d.id, e.id}
    network.mend()
    assert network.until(network.is_one, 65.0)


def test_looking_for_a_dead_server_gets_rarer() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(10))
    servers[0].crash()
    network.run(20.0)
    before = dials(network)
    network.run(300.0)
    assert dials(network) - before <= 300 / servers[1].config.heal_max


def test_only_one_server_of_a_part_goes_on_looking() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(10))
    servers[0].crash()
    network.run(120.0)
    before = [len(server.dials) for server in network.living]
    network.run(300.0)
    looking = [server for server, count in zip(network.living, before, strict=True) if len(server.dials) > count]
    assert len(looking) == 1
    assert looking[0].id == min(server.id for server in network.living)


def test_a_link_that_dies_as_soon_as_it_is_up_is_not_redialled_at_full_speed() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))

    def kill() -> None:
        if network.links_between(first, second) and second.id in first.reachable:
            network.cut_between(first, second)
        network.after(0.05, kill)

    kill()
    network.run(30.0)
    before = dials(network)
    network.run(120.0)
    assert dials(network) - before <= 120 / 5 * 2


def test_a_peer_that_finds_everything_invalid_is_not_redialled_at_full_speed() -> None:
    """What two versions do that disagree about a message: link up, refuse it, and again."""
    network = ScriptedNetwork()
    server = network.start("a")
    peer = network.listening_base_server()
    answered: list[wire.Message] = []

    def answer(message: wire.Message) -> None:
        if isinstance(message, wire.Authenticate):
            peer.say(wire.ServerHello("peer", 1, "base.example", 9000, features=["sync"]))
            peer.say(
                wire.ServerAnnounce(
                    "peer", 0, "base.example", 9000, incarnation=1, version=len(answered) + 1,
                    links=[wire.LinkEnd(server.id, message.stamp or 0)],
                )
            )  # fmt: skip
            answered.append(message)
            network.after(0.3, lambda: peer.say(wire.InvalidMessage("what is that?")))

    peer.answer = answer  # type: ignore[method-assign]
    server.handle(events.JoinRequested(Address("base.example", 9000)))
    network.run(60.0)
    before = len(answered)
    assert before >= 2
    network.run(300.0)
    assert len(answered) - before <= 300 / (server.config.heal_max / 2)


def test_a_half_open_link_is_noticed_and_replaced() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    (link,) = network.links_between(first, second)
    link.go_dead()
    assert network.until(lambda: link.conn in first.closed, 6.0)
    assert network.until(network.is_one, 5.0)
    assert any("does not answer" in text for text in first.told("unlinked"))


def test_a_neighbour_is_suspected_while_it_does_not_answer_and_before_it_is_given_up() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), ping_interval=2.0, ping_misses=3)

    def suspected() -> bool:
        return any(one.suspected for one in first.node.snapshot(first.now).connections)

    network.run(10.0)
    assert not suspected()
    (link,) = network.links_between(first, second)
    link.go_dead()
    assert network.until(suspected, 6.0)
    assert second.id in first.reachable and link.conn not in first.closed
    assert network.until(lambda: link.conn in first.closed, 6.0)
    network.run(5.0)
    assert not suspected()


def test_a_server_that_is_frozen_is_not_taken_for_a_base_server() -> None:
    """Its port still takes connections, but nobody answers there."""
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    frozen = servers[2]
    frozen.freeze()
    network.run(20.0)
    assert servers[0].reachable == servers[1].reachable == {servers[0].id, servers[1].id}
    assert not any(server.node.snapshot(server.now).base_servers for server in servers[:2])
    network.registered(servers[0], "ann")
    frozen.thaw()
    network.run(1.0)
    assert network.until(network.is_one, 65.0)
    assert not any(text for server in servers[:2] for text in server.told("security"))


def test_a_server_that_is_named_is_tried_until_it_is_there() -> None:
    network = ScriptedNetwork()
    second = network.start("b")
    first = network.start("a")
    second.crash()
    first.join(second)
    network.run(60.0)
    assert len(first.dials) <= 60 / 5
    assert len(first.told("unlinked")) == 1
    network.start("b")
    assert network.until(network.is_one, 31.0)


def test_a_server_whose_secret_is_another_ones_stops_trying() -> None:
    network = ScriptedNetwork()
    first = network.start("a")
    other = network.start("b", first, own_network=True, secret="another network")
    network.run(60.0)
    assert len(other.dials) == 1
    assert other.told("refused")


def test_a_server_that_joins_itself_notices() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    done = server.node.handle(events.JoinRequested(server.address), server.now)
    (dial,) = [one.dial for one in done if isinstance(one, actions.Dial)]
    answers = server.node.handle(events.ConnectionOpened(1, "inbound", server.address), server.now)
    greeting = server.node.handle(events.ConnectionOpened(2, "outbound", server.address, dial), server.now)
    for message in [one.frame.message for one in greeting if isinstance(one, actions.Send)]:
        answers += server.node.handle(events.MessageReceived(1, message), server.now)
    (refused,) = [one.frame.message for one in answers if isinstance(one, actions.Send) and one.conn == 1]
    assert isinstance(refused, wire.ServerRefused)
    assert refused.reason == "self"
    server.handle(events.MessageReceived(2, refused))
    server.handle(events.ConnectionClosed(2))
    server.handle(events.ConnectionClosed(1))
    network.run(60.0)
    assert server.dials == []
    assert server.reachable == {server.id}


def test_joining_where_there_is_a_link_already_changes_nothing() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    second.join(first)
    first.join(second)
    network.run(20.0)
    assert len(network.links_between(first, second)) == 1
    assert len(first.dials) + len(second.dials) == 1


@pytest.mark.parametrize("by", [0, 1])
@pytest.mark.parametrize("at", [0, 1])
def test_a_second_link_takes_the_place_of_the_first(by: int, at: int) -> None:
    """A server may have two addresses."""
    network = ScriptedNetwork()
    servers = [network.start("a"), network.start("b")]
    servers[at].join(servers[1 - at])
    network.run(5.0)
    other = Address("alias.example", servers[1 - by].config.port)
    network.listen(other, servers[1 - by])
    servers[by].handle(events.JoinRequested(other))
    network.run(0.1)
    assert network.is_one()
    network.run(20.0)
    assert len(network.links_between(*servers)) == 1
    assert sum(len(server.dials) for server in servers) == 2
    assert all(notice.severity != "warning" for server in servers for notice in server.notices)


def test_redundant_links_are_few() -> None:
    network = ScriptedNetwork()
    servers = network.build(star(20))
    network.run(20.0)
    degrees = [len(server.neighbours) for server in servers[1:]]
    assert min(degrees) >= 3
    assert max(degrees) <= 12


def test_servers_that_a_neighbour_has_made_up_do_not_keep_honest_ones_from_linking_again() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    liar, other = Liar(network, first), Liar(network, second)
    liar.peer.answers_pings = other.peer.answers_pings = True
    liar.links |= other.links
    liar.version = 100
    liar.invent_linked(400)
    network.part([first], [second])
    network.run(10.0)
    network.mend()
    assert second.id in first.reachable and len(first.reachable) > 400, "as far as the map shows nobody is missing"
    assert network.until(lambda: bool(network.links_between(first, second)), 60.0)


def test_a_link_that_has_broken_is_had_again_and_is_the_only_one_beyond_those_that_are_drawn() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(8), redirects=False, lazy_links=1)
    network.run(20.0)
    for one, another in itertools.pairwise(servers):
        network.cut_between(one, another)
        network.run(20.0)
        assert network.links_between(one, another)
    assert max(len(server.neighbours) for server in servers) <= 4


def test_a_network_of_two_has_one_link() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    network.run(60.0)
    assert len(network.links_between(first, second)) == 1
    assert len(first.dials) + len(second.dials) == 1


def test_others_wishes_for_redundant_links_are_refused_above_a_limit() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), links_max=2, lazy_links=0)
    peer = network.peer(servers[1])
    peer.say(wire.Authenticate(SECRET, id="far", incarnation=1, features=["sync"], link="lazy"))
    network.run(0.1)
    assert [one.reason for one in peer.of(wire.ServerRefused)] == ["busy"]
    joining = network.peer(servers[1])
    joining.say(wire.Authenticate(SECRET, id="far", incarnation=1, features=["sync"], link="join"))
    network.run(0.1)
    assert joining.of(wire.ServerHello)


def test_a_server_that_is_gone_for_very_long_is_forgotten() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), remember_lost=600.0)
    second.crash()
    network.run(500.0)
    assert first.node.healing.missing() == [second.id]
    network.run(300.0)
    assert first.node.healing.missing() == []
    assert second.id not in first.node.topology.records
    before = len(first.dials)
    network.run(300.0)
    assert len(first.dials) == before
    first.crash()
    again = network.start("n000")
    network.run(5.0)
    assert again.dials == []


def test_a_restarted_server_that_replaces_a_half_open_link_is_accepted_at_once() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), ping_interval=60.0)
    second.lose_power()
    again = network.start("n001")
    assert network.until(lambda: again.reachable == {first.id, again.id}, 2.0)
    network.run(1.0)
    assert first.reachable == {first.id, again.id}


@pytest.mark.parametrize("seed", range(3))
def test_the_servers_that_stay_serve_their_clients_all_the_while(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(6, seed), redirects=False)
    clients: list[Any] = [network.logged_in(server) for server in servers[:3]]
    for number in range(10):
        victim: WatchedServer = network.rng.choice([server for server in network.living if server not in servers[:3]])
        victim.crash()
        clients[number % 3].post(number)
        network.run(2.0)
        network.start(victim.config.name, redirects=False)
        network.run(2.0)
    network.run(20.0)
    assert all(client.closed is None for client in clients)
    assert all(sorted(client.texts()) == list(range(10)) for client in clients)


def test_a_server_that_reaches_nobody_any_more_says_that_it_is_alone() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build(chain(3))
    third.crash()
    network.run(5.0)
    assert first.told("alone") == second.told("alone") == []
    second.crash()
    network.run(5.0)
    assert "alone" in first.told("alone")[0]


def test_a_server_that_went_is_shown_with_when_it_was_there_last_until_it_is_back() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    network.run(100.0)
    crashed_at = first.now.wall
    second.crash()
    network.run(700.0)
    (gone,) = [one for one in first.node.snapshot(first.now).servers if one.id == second.id]
    assert gone.state == "unreachable" and gone.since is not None
    assert crashed_at <= gone.since < crashed_at + 60.0
    network.start("n001")
    network.run(60.0)
    (back,) = [one for one in first.node.snapshot(first.now).servers if one.id == second.id]
    assert (back.state, back.since) == ("reachable", None)
