"""Nothing goes over a link twice, also while everybody writes and neighbours compare what they have."""

from __future__ import annotations

from core.simulation.testing import ScriptedNetwork, chain
from tests.node.test_flooding import sent_between_servers


def test_neighbours_that_compare_amid_traffic_send_each_other_nothing_twice() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(5), lazy_links=0, sync_interval=0.5)
    clients = [network.logged_in(server) for server in servers]
    network.run(5.0)
    before = sent_between_servers(network)
    for number in range(400):
        clients[number % 5].post(number)
        network.run(0.01)
    network.run(5.0)
    assert all(sorted(client.texts()) == list(range(400)) for client in clients)
    assert sent_between_servers(network) - before == 4 * 400


def test_what_a_neighbour_misses_is_sent_although_it_was_passed_on_before_the_link_was_there() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    client = network.logged_in(first)
    network.cut_between(first, second)
    for number in range(20):
        client.post(number)
        network.run(0.01)
    network.run(5.0)
    assert second.reachable == {first.id, second.id}
    late = network.logged_in(second)
    late.post("done")
    network.run(1.0)
    assert first.node.replication.vector.contiguous == second.node.replication.vector.contiguous
    assert "done" in client.texts()
