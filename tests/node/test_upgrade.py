"""A network of the version before keys is upgraded server by server while people write, and goes back."""

from __future__ import annotations

from typing import Any

import pytest

from core.simulation.environment.hash_signing import HashSigner
from core.simulation.testing import ScriptedNetwork, WatchedServer, chain, star
from core.store.identity import KEY_SETTING, SIGNS_FROM_SETTING
from core.wire import messages as wire
from core.wire.missing import FindArrived


def give_key(network: ScriptedNetwork, name: str) -> None:
    """What the first start of a version with keys does to a server's data."""
    store = network.disk_of(name).store
    store.signer = HashSigner(name.encode())
    store.set_setting(KEY_SETTING, name.encode().hex(), backed_up=True)
    store.set_setting(SIGNS_FROM_SETTING, str(store.incarnation + 1), backed_up=True)


def take_key(network: ScriptedNetwork, name: str) -> None:
    """What going back to the version before does: it cares for no key."""
    store = network.disk_of(name).store
    store.signer = None
    store.set_setting(KEY_SETTING, "")


def restarted(network: ScriptedNetwork, server: WatchedServer, join: WatchedServer, **settings: Any) -> WatchedServer:
    server.crash()
    again = network.start(server.host, join, redirects=False, **settings)
    assert network.until(network.is_one, 30.0), f"the network is not one after the restart of {server.host}"
    return again


def texts(server: WatchedServer) -> list[Any]:
    return sorted(one["text"] for one in server.activities())


@pytest.mark.parametrize("shape", [chain, star])
def test_everybody_has_everything_while_a_network_is_upgraded_server_by_server(shape: Any) -> None:
    network = ScriptedNetwork()
    servers = network.build(shape(5), redirects=False, keyed=False)
    written: list[str] = []
    for step in range(6):
        for server in servers:
            text = f"at {server.host} after {step}"
            network.logged_in(server).post(text)
            written.append(text)
        assert network.until(lambda: all(texts(server) == sorted(written) for server in servers), 30.0), (
            f"after {step} upgrades: {[len(texts(server)) for server in servers]} of {len(written)}"
        )
        if step < 5:
            give_key(network, servers[step].host)
            servers[step] = restarted(network, servers[step], servers[(step + 1) % 5])
    assert all(server.node.known_keys.own for server in servers)
    for server in servers:
        assert len(server.node.known_keys.bound) == 4, "each knows the keys of all others"
        assert server.node.known_keys.refused == 0 or server.told("identity")


def test_a_server_that_goes_back_is_let_in_where_operators_say_so() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0], redirects=False)
    take_key(network, second.host)
    second.crash()
    second = network.start(second.host, first, redirects=False)
    network.run(20.0)
    assert second.id not in first.reachable, "anybody could say that they are it"
    assert any("--accept-unsigned" in text for text in second.told("refused"))
    assert any(f"comes as the server {second.id}" in text for text in first.told("refused"))
    first = restarted(network, first, second, accept_unsigned=True)
    writer, reader = network.logged_in(second), network.logged_in(first)
    writer.post("back again")
    assert network.until(lambda: reader.texts() == ["back again"], 5.0)
    network.registered(second, "ann")
    network.run(1.0)
    assert first.node.book.knows("ann")


def test_what_goes_by_a_server_of_the_version_before_comes_to_servers_with_keys_over_a_way_of_their_own() -> None:
    """They are linked with it alone, and would not believe what it passes on."""
    network = ScriptedNetwork()
    middle = network.start("middle", keyed=False, redirects=False, lazy_links=0)
    network.run(0.5)
    left = network.start("left", middle, redirects=False, lazy_links=0)
    right = network.start("right", middle, redirects=False, lazy_links=0)
    writer, reader = network.logged_in(left), network.logged_in(right)
    network.run(5.0)
    assert right.id in left.neighbours
    writer.post("hello")
    assert network.until(lambda: reader.texts() == ["hello"], 2.0)
    network.run(15.0)
    assert middle.activities() and reader.texts() == ["hello"]


def test_a_new_server_gets_what_was_accepted_before_there_were_keys() -> None:
    network = ScriptedNetwork()
    first = network.start("first", keyed=False, redirects=False)
    network.run(0.1)
    network.logged_in(first).post("from before")
    network.registered(first, "ann")
    give_key(network, "first")
    first.crash()
    first = network.start("first", redirects=False)
    newcomer = network.start("newcomer", first, redirects=False)
    network.run(3.0)
    assert texts(newcomer) == ["from before"] and newcomer.node.book.knows("ann")
    assert isinstance(newcomer.said(wire.ServerProof)[0], wire.ServerProof)


def part_with_an_old_neighbour(network: ScriptedNetwork) -> tuple[WatchedServer, WatchedServer, WatchedServer]:
    """A server with a key that has a post, and is left with a neighbour that does not know signatures."""
    middle = network.start("middle", keyed=False, redirects=False, lazy_links=0)
    network.run(0.5)
    left = network.start("left", middle, redirects=False, lazy_links=0)
    right = network.start("right", middle, redirects=False, lazy_links=0)
    writer = network.logged_in(left)
    network.run(5.0)
    network.part([left], [right])
    network.run(1.0)
    assert right.id not in left.neighbours and middle.id in left.neighbours
    writer.post("last words")
    network.run(1.0)
    assert texts(middle) == ["last words"] and texts(right) == []
    return middle, left, right


def test_a_server_with_a_key_that_leaves_waits_a_little_for_who_takes_its_signatures() -> None:
    network = ScriptedNetwork()
    _, left, right = part_with_an_old_neighbour(network)
    left.drain()
    network.run(0.2)
    assert not left.said(wire.Quit)
    network.mend()
    assert network.until(lambda: left.undone is not None, 10.0)
    assert left.undone == ()
    assert left.said(wire.Quit)[0].successor == right.id
    assert texts(right) == ["last words"]


def test_a_server_with_a_key_that_leaves_to_servers_without_says_that_its_word_is_not_taken_there() -> None:
    network = ScriptedNetwork()
    middle, left, right = part_with_an_old_neighbour(network)
    left.drain()
    assert network.until(lambda: left.undone is not None, 10.0)
    assert left.undone is not None and "of a version before keys" in "".join(left.undone)
    network.mend()
    restarted(network, left, middle)
    assert network.until(lambda: texts(right) == ["last words"], 30.0)


def test_a_server_with_a_key_that_leaves_behind_the_last_other_one_says_so_too_and_waits_for_nobody() -> None:
    network = ScriptedNetwork()
    old, left, right = part_with_an_old_neighbour(network)
    network.mend()
    assert network.until(lambda: texts(right) == ["last words"], 30.0)
    right.drain()
    assert network.until(lambda: right.undone is not None, 10.0)
    writer = network.logged_in(left)
    network.run(1.0)
    writer.post("behind them")
    network.run(1.0)
    left.drain()
    network.run(1.0)
    assert left.undone is not None and "of a version before keys" in "".join(left.undone)
    # What it has kept is believed when it comes again.
    right = restarted(network, right, old)
    network.run(5.0)
    assert texts(right) == ["last words"]
    restarted(network, left, old)
    assert network.until(lambda: texts(right) == ["behind them", "last words"], 30.0)


def test_a_server_with_a_key_leaves_at_once_where_nobody_else_has_one() -> None:
    network = ScriptedNetwork()
    old = network.start("old", keyed=False, redirects=False)
    network.run(0.5)
    new = network.start("new", old, redirects=False)
    network.run(3.0)
    new.drain()
    network.run(1.0)
    assert new.undone == ()


def test_a_server_with_a_key_that_is_put_back_among_others_without_one_says_how_it_gets_its_own_again() -> None:
    """They have kept its entries without its signatures, so nobody can prove them."""
    network = ScriptedNetwork()
    before = network.start("before", keyed=False, redirects=False)
    network.run(0.1)
    server = network.start("server", before, redirects=False)
    network.disk_of("server").copy()
    writer = network.logged_in(server)
    writer.post("after the copy")
    assert network.until(lambda: texts(before) == ["after the copy"], 5.0)
    server.crash()
    network.disk_of("server").put_back(with_witness=True)
    server = network.start("server", before, redirects=False)
    network.run(5.0)
    assert texts(server) == [], "a liar could say that it is this server's"
    [told] = [text for text in server.told("identity") if "--accept-unsigned" in text]
    assert "of this server's own that is not here" in told
    server = restarted(network, server, before, accept_unsigned=True)
    assert network.until(lambda: texts(server) == ["after the copy"], 5.0)
    server = restarted(network, server, before)
    assert texts(server) == ["after the copy"]
    newcomer = network.start("newcomer", server, redirects=False)
    assert network.until(lambda: texts(newcomer) == ["after the copy"], 5.0)


def test_a_new_server_gets_what_one_that_is_gone_had_accepted_while_others_had_no_keys() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False, keyed=False)
    give_key(network, first.host)
    first = restarted(network, first, second)
    network.logged_in(first).post("while it was the only one with a key")
    assert network.until(lambda: len(second.activities()) == 1, 10.0)
    give_key(network, second.host)
    second = restarted(network, second, first)
    network.run(30.0)
    first.crash()
    newcomer = network.start("newcomer", second, redirects=False)
    network.run(30.0)
    assert texts(newcomer) == texts(second)


def signed_at(network: ScriptedNetwork, name: str) -> set[Any]:
    """What lies on a server's disk with a signature."""
    return set(network.disk_of(name).signed())


def upgraded_after_the_others(network: ScriptedNetwork, posts: int) -> tuple[WatchedServer, WatchedServer, list[str]]:
    """Two servers with keys, of which the second was upgraded when the first had written; it has not asked yet."""
    first, second = network.build(chain(2), redirects=False, keyed=False)
    give_key(network, first.host)
    first = restarted(network, first, second)
    writer, written = network.logged_in(first), [f"number {number}" for number in range(posts)]
    for text in written:
        writer.post(text)
        network.run(0.01)
    network.registered(first, "ann")
    assert network.until(lambda: texts(second) == sorted(written) and second.node.book.knows("ann"), 10.0)
    assert not signed_at(network, second.host)
    give_key(network, second.host)
    return first, restarted(network, second, first), written


def test_what_came_singly_is_asked_for_with_its_signatures_and_delivered_to_nobody_again() -> None:
    network = ScriptedNetwork()
    first, second, written = upgraded_after_the_others(network, 20)
    reader = network.logged_in(second)
    assert network.until(lambda: len(signed_at(network, second.host)) == 21, 30.0)
    assert signed_at(network, second.host) == signed_at(network, first.host)
    network.run(30.0)
    assert reader.texts() == []
    assert texts(second) == sorted(written)
    assert [one.allowed_at for _, one in second.node.book] == [one.allowed_at for _, one in first.node.book]
    asked = len(second.said(wire.ReconcileWant))
    network.run(60.0)
    assert len(second.said(wire.ReconcileWant)) == asked, "it is not asked for again and again"


def test_what_came_singly_after_all_was_lost_before_a_key_was_known_is_asked_for_with_its_signatures() -> None:
    network = ScriptedNetwork()
    middle = network.start("middle", keyed=False, redirects=False, lazy_links=0)
    network.run(0.5)
    left = network.start("left", middle, redirects=False, lazy_links=0)
    right = network.start("right", middle, redirects=False, lazy_links=0)
    network.run(5.0)
    network.logged_in(left).post("written")
    assert network.until(lambda: signed_at(network, right.host) == signed_at(network, left.host) != set(), 10.0)
    for server in (left, middle, right):
        server.crash()
    network.disk_of(right.host).lose(with_witness=True)
    # Nobody there says that there is a key.
    middle = network.start(middle.host, redirects=False, lazy_links=0)
    right = network.start(right.host, middle, redirects=False, lazy_links=0)
    assert network.until(lambda: texts(right) == ["written"], 30.0)
    assert not signed_at(network, right.host)
    left = network.start(left.host, middle, redirects=False, lazy_links=0)
    assert network.until(lambda: signed_at(network, right.host) == signed_at(network, left.host), 60.0)


def test_a_client_that_comes_back_to_an_upgraded_server_is_not_sent_again_what_was_proved() -> None:
    network = ScriptedNetwork()
    _, second, _ = upgraded_after_the_others(network, 5)
    here = network.disk_of(second.host).store.arrived
    assert network.until(lambda: len(signed_at(network, second.host)) == 6, 30.0)
    assert network.disk_of(second.host).store.find(FindArrived(here)).runs == {}


def test_what_is_damaged_at_the_neighbour_proves_nothing() -> None:
    network = ScriptedNetwork()
    first, second, written = upgraded_after_the_others(network, 3)
    network.disk_of(first.host).store.flip(next(iter(signed_at(network, first.host))))
    network.run(30.0)
    assert texts(second) == sorted(written)


def test_what_nobody_can_prove_is_asked_of_each_neighbour_once() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False, keyed=False)
    give_key(network, first.host)
    first = restarted(network, first, second)
    network.logged_in(first).post("nobody keeps the proof")
    assert network.until(lambda: len(second.activities()) == 1, 10.0)
    first.crash()
    network.disk_of(first.host).lose(with_witness=True)
    take_key(network, first.host)
    give_key(network, first.host)
    give_key(network, second.host)
    second.crash()
    second = network.start(second.host, redirects=False)
    first = network.start(first.host, second, redirects=False)
    assert network.until(network.is_one, 30.0)
    network.run(30.0)
    asked = len(second.said(wire.ReconcileWant))
    network.run(60.0)
    assert len(second.said(wire.ReconcileWant)) == asked
    assert texts(second) == ["nobody keeps the proof"]
