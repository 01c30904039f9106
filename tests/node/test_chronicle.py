"""What a server notes of its network is bounded, and costs what the event has, whatever members make up."""

from __future__ import annotations

from core.node.map.chronicle import MET_MAX
from core.node.map.topology import ServerRecord
from core.simulation.testing import ScriptedNetwork

SERVERS = 200
PEOPLE = 8
"""At each of them."""


class CountedId(str):
    """A server's id that counts how often one is compared with another."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedId.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_servers_that_are_made_up_one_after_the_other_are_not_remembered_without_end() -> None:
    chronicle = ScriptedNetwork().start("a").node.chronicle
    for number in range(MET_MAX + 500):
        chronicle.observe([f"invented{number}"], [])
    assert chronicle.remembered <= MET_MAX


def test_servers_that_come_back_together_cost_what_they_and_their_people_are() -> None:
    node = ScriptedNetwork().start("a").node
    servers = [CountedId(f"server{number}") for number in range(SERVERS)]
    for server in servers:
        users = tuple(f"person{number}@{server}" for number in range(PEOPLE))
        node.topology.records[server] = ServerRecord(server, 1, 1, "host", 1, PEOPLE, server, users=users)
    node.chronicle.observe([], servers)
    CountedId.compared = 0
    node.chronicle.observe(servers, [])
    assert CountedId.compared < 4 * SERVERS * (PEOPLE + 1)
