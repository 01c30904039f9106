"""Where SSH is served is known in the whole network: people of a server that leaves are told where to go on."""

from __future__ import annotations

from core.node.interface import events
from core.simulation.testing import ScriptedNetwork, WatchedServer, chain


def ssh_ports(server: WatchedServer) -> dict[str, int]:
    return {view.name: view.ssh for view in server.node.snapshot(server.now).servers}


def test_every_server_knows_which_others_serve_ssh_and_where():
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    servers[0].handle(events.SshServed(3722))
    network.run(0.5)
    for server in servers:
        assert ssh_ports(server) == {"n000": 3722, "n001": 0, "n002": 0}
    late = network.start("late", servers[2])
    network.run(2.0)
    assert ssh_ports(late)["n000"] == 3722


def test_a_server_that_ends_its_ssh_says_so():
    network = ScriptedNetwork()
    servers = network.build(chain(2))
    servers[0].handle(events.SshServed(3722))
    network.run(0.5)
    servers[0].handle(events.SshServed(0))
    network.run(0.5)
    assert ssh_ports(servers[1])["n000"] == 0


def test_base_servers_hear_nothing_of_ssh():
    network = ScriptedNetwork()
    [server] = network.build(chain(1), announce_interval=0.5)
    base = network.base_server(server)
    server.handle(events.SshServed(3722))
    network.run(2.0)
    assert "SERVER_ANNOUNCE" in base.commands and "3722" not in repr(base.log)
