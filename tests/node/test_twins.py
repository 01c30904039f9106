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
