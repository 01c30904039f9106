"""Two servers with one identity: somebody restored a server's backup while the server runs."""

from __future__ import annotations

from core.simulation.testing import ScriptedNetwork, WatchedServer


def with_twin(network: ScriptedNetwork, server: WatchedServer, join: WatchedServer) -> WatchedServer:
    """A server that was started later than `server`, elsewhere, with a copy of its data."""
    return network.start_copy(server, "twin", 2000, join)


def test_the_one_that_was_started_later_stays_and_the_other_is_told_why() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    with_twin(network, second, first)
    network.run(60.0)
    assert any("two cannot run from one server's data" in text for text in second.told("refused"))
    assert first.node.topology.records[second.id].port == 2000
    assert not second.neighbours


def test_they_do_not_push_each_other_out_for_ever() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    twin = with_twin(network, second, first)
    network.run(10.0)
    links = len(first.told("linked"))
    network.run(60.0)
    assert len(first.told("linked")) == links
    assert twin.neighbours == {first.id}


def test_the_other_comes_back_when_the_later_one_has_ended() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    twin = with_twin(network, second, first)
    network.run(20.0)
    twin.crash()
    assert network.until(lambda: second.neighbours == {first.id}, 120.0)


def test_servers_find_each_other_again_when_the_later_ones_of_both_have_ended() -> None:
    """Each knew only where the other's had been that was started later."""
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    one = network.start_copy(first, "one", 2000, second)
    network.run(10.0)
    other = network.start_copy(second, "other", 2001, first)
    assert network.until(lambda: first.node.healing.peers[second.id].port == 2001, 30.0)
    assert second.node.healing.peers[first.id].port == 2000
    network.run(10.0)
    one.crash()
    other.crash()
    assert not network.links_between(first, second)
    assert network.until(lambda: second.neighbours == {first.id} and bool(network.links_between(first, second)), 120.0)


# --- the same start twice -------------------------------------------------------------------------------------------


def with_its_double(
    network: ScriptedNetwork, server: WatchedServer, join: WatchedServer, port: int = 2000
) -> WatchedServer:
    """Another process that goes on as the very start of `server`: a machine's saved memory was resumed twice."""
    store = network.disk_of(server.host).store
    store.incarnation -= 1
    double = network.start_copy(server, "double", port, join)
    store.incarnation += 1
    assert (double.node.id, double.node.topology.own.incarnation) == (server.id, server.node.topology.own.incarnation)
    return double


def test_of_two_processes_that_are_one_start_one_ends_and_says_why() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    double = with_its_double(network, second, first)
    assert network.until(lambda: not double.alive, 10.0)
    assert double.undone is not None and "started again, this server takes another number" in "".join(double.undone)
    assert any("this one ends for it" in text for text in double.told("identity"))
    goes_on = "that one has to end, and this one goes on"
    assert network.until(lambda: any(goes_on in text for text in second.told("identity")), 10.0)
    assert network.until(lambda: second.neighbours == {first.id}, 30.0)
    assert second.undone is None


def test_the_one_that_ends_is_told_by_its_address_and_not_by_who_came_first() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    double = with_its_double(network, second, first, port=7)
    assert network.until(lambda: not second.alive, 10.0)
    assert network.until(lambda: double.neighbours == {first.id}, 30.0)
    assert double.undone is None


def test_both_find_out_although_they_are_linked_with_different_neighbours() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build([None, 0, 0], lazy_links=0)
    double = with_its_double(network, second, third)
    assert network.until(lambda: not double.alive, 10.0)
    assert second.alive and first.alive


def test_the_one_that_has_ended_takes_no_more_posts_and_comes_back_as_a_later_start() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    double = with_its_double(network, second, first)
    writer = network.logged_in(double)
    assert network.until(lambda: double.undone is not None, 10.0)
    kept = len(double.activities())
    writer.post("too late")
    assert len(double.activities()) == kept
    assert network.until(lambda: not double.alive, 10.0)
    again = network.start_copy(double, "again", 2001, first)
    assert again.node.topology.own.incarnation > second.node.topology.own.incarnation
    assert network.until(lambda: again.neighbours == {first.id}, 30.0)
    cannot = "two cannot run from one server's data"
    assert network.until(lambda: any(cannot in text for text in second.told("refused")), 60.0)
