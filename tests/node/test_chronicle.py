"""What a server notes of its network is bounded, and costs what the event has, whatever members make up."""

from __future__ import annotations

import pytest

from core.node.map.chronicle import MET_MAX, STARTS_AFTER
from core.node.map.topology import ServerRecord
from core.simulation.testing import SECRET, ScriptedNetwork, WatchedServer, chain
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


def record_of(version: int, incarnation: int = 1) -> ServerRecord:
    return ServerRecord("lund", incarnation, version, "host", 1, 0, "lund")


def starts_told(server: WatchedServer) -> list[str]:
    return [line.kind for line in server.lines if line.kind in ("back", "back anew")]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (record_of(7), []),
        (record_of(8), ["back"]),
        (record_of(1, incarnation=2), ["back anew"]),
    ],
    ids=["nothing", "more", "that it has started"],
)
def test_a_server_that_is_back_went_on_in_its_start_only_if_it_has_said_something_since(
    said: ServerRecord, told: list[str]
) -> None:
    """What it had said before it was lost comes again from others, who may not know yet that it has died."""
    network = ScriptedNetwork()
    server = network.start("a")
    chronicle, records = server.node.chronicle, server.node.topology.records
    records["lund"] = record_of(7)
    chronicle.observe([], ["lund"])
    chronicle.observe(["lund"], [])
    records["lund"] = said
    network.run(STARTS_AFTER + 0.5)
    assert starts_told(server) == told


def test_nobody_is_told_to_be_back_who_was_forgotten_meanwhile() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    chronicle, records = server.node.chronicle, server.node.topology.records
    records["lund"] = record_of(7)
    chronicle.observe([], ["lund"])
    chronicle.observe(["lund"], [])
    del records["lund"]
    chronicle.observe([], ["lund"])
    # Somebody still tells of it.
    records["lund"] = record_of(1, incarnation=2)
    network.run(STARTS_AFTER + 0.5)
    assert starts_told(server) == []


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
