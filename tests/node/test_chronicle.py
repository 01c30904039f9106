"""What a server notes of its network is bounded, and costs what the event has, whatever members make up."""

from __future__ import annotations

from core.node.map.chronicle import MET_MAX
from core.node.map.topology import ServerRecord
from core.simulation.testing import SECRET, ScriptedNetwork, chain
from core.wire import messages as wire

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


def test_who_only_says_to_be_a_server_begins_no_story_about_it() -> None:
    """A member that lies shows another's key, which it cannot prove, and says that it wants no link."""
    network = ScriptedNetwork()
    first, second, _ = network.build(chain(3), redirects=False)
    key = second.node.known_keys.own
    assert key is not None
    for answer in (wire.ServerRefused("clear", "no"), wire.AuthenticationFail("no"), wire.InvalidMessage("no")):
        liar = network.peer(first, host="mallory")
        liar.say(
            wire.Authenticate(
                SECRET, id=second.id, incarnation=2**40, name="second", features=["sync"], key=key, nonce=b"n" * 16
            )
        )
        network.run(0.5)
        assert liar.of(wire.ServerHello)
        liar.say(answer)
        network.run(0.5)
    about = [line for line in first.lines if line.kind == "refused" and line.about is not None]
    assert [line.about for line in about if line.about is not None and line.about.id == second.id] == []
