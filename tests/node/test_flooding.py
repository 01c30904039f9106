"""While the tree is being mended, what is new goes over the redundant links too; once it is, over the tree alone."""

from __future__ import annotations

from core.simulation.checking.entries_sent import entry_kinds
from core.simulation.testing import ScriptedNetwork, chain


def sent_between_servers(network: ScriptedNetwork) -> int:
    links = {conn for server in network.servers.values() for conn in server.links}
    return sum(
        len(entry_kinds(message)) if conn in links else 0
        for server in network.servers.values()
        for conn, message in server.sent
    )


def test_after_a_crash_an_activity_goes_over_redundant_links_too_until_the_tree_is_mended() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(8))
    client = network.logged_in(servers[0])
    servers[4].crash()
    network.run(0.5)
    client.post("at once")
    network.run(1.0)
    amid = sent_between_servers(network)
    assert amid > 6
    network.run(10.0)
    amid = sent_between_servers(network)
    client.post("later")
    network.run(1.0)
    assert sent_between_servers(network) - amid == 6


def test_what_was_on_its_way_when_a_link_died_does_not_wait_for_another_tree() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(8))
    client = network.logged_in(servers[0])
    last = network.logged_in(servers[7])
    for number in range(20):
        client.post(number)
        if number == 10:
            servers[4].crash()
        network.run(0.01)
    network.run(0.2)
    assert last.texts() == list(range(20))


def test_who_wants_no_flooding_has_none() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(8), flood=0.0)
    client = network.logged_in(servers[0])
    servers[4].crash()
    network.run(0.5)
    client.post("at once")
    network.run(1.0)
    assert sent_between_servers(network) == 6
