"""Room for registrations: nobody holds all names, and who registers more than a server can loses its link."""

from __future__ import annotations

import pytest

from core.node.map.announcements import ATTACHED_MAX
from core.simulation.testing import ScriptedNetwork, ScriptedPeer, WatchedServer, chain
from core.wire import messages as wire
from core.wire.limits import VERIFIER_CHARACTERS_MAX
from tests.node.liars import STAMP, Liar, Row

ROOM = 60


def claim(number: int, server: str = "elsewhere", verifier: str = "$argon2id$x") -> wire.LockRequest:
    """A question about a name, whose asker never says what became of it."""
    return wire.LockRequest(
        f"user{number:05}", claim=f"{server}.1.{number}", round=1, stamp=STAMP + number, verifier=verifier
    )


def held(server: WatchedServer) -> int:
    return server.node.queues()["registrations"]


def register(row: Row, server: WatchedServer, name: str) -> list[str]:
    client = row.network.client(server)
    client.register(name)
    row.network.run(12.0)
    return client.commands


def test_a_liar_holds_half_of_what_can_be_held_and_the_rest_is_denied() -> None:
    row = Row(claims_max=ROOM)
    for number in range(3 * ROOM):
        row.liar.peer.say(claim(number))
    row.network.run(1.0)
    for server in row.servers:
        assert held(server) == ROOM // 2
    assert len(row.liar.peer.of(wire.LockDenied)) == 3 * ROOM - ROOM // 2
    assert row.is_whole
    row.network.run(30.0)
    assert [held(server) for server in row.servers] == [0, 0, 0]
    Liar(row.network, row.first, "another").peer.say(claim(1000))
    row.network.run(1.0)
    assert held(row.third) == 1


def test_who_registers_faster_than_a_server_can_loses_its_link_and_those_who_pass_it_on_do_not() -> None:
    row = Row(server_registrations_per_minute=6.0)
    for number in range(300):
        if row.liar.peer.closed is None:
            row.liar.peer.say(claim(number, "liar"))
            row.network.run(0.01)
    assert row.liar.peer.closed is not None
    assert any("server_registrations_per_minute" in notice.text for notice in row.first.notices)
    row.network.run(20.0)
    assert row.is_whole
    assert "REGISTER_SUCCESS" in register(row, row.third, "ada")


@pytest.mark.parametrize("field", ["verifier", "secret"])
def test_a_claim_whose_secret_is_too_long_to_be_kept_ends_the_link_that_brings_it(field: str) -> None:
    row = Row()
    row.liar.peer.say(
        wire.LockRequest(
            "ada",
            "x" * 500_000 if field == "secret" else None,
            claim="liar.1.1",
            round=1,
            stamp=STAMP,
            verifier="$argon2id$" + "x" * (VERIFIER_CHARACTERS_MAX if field == "verifier" else 10),
        )
    )
    row.network.run(0.5)
    assert row.liar.peer.closed is not None
    assert held(row.first) == 0
    assert row.is_whole


# --- this server's own ------------------------------------------------------------------------------------------------


def test_a_server_registers_no_more_than_its_neighbours_take() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), server_registrations_per_minute=1.2, redirects=False)
    answers = []
    for number in range(15):
        client = network.client(first)
        client.register(f"user{number}")
        network.run(1.0)
        answers.append(client.commands[-1])
    assert answers[:12] == ["REGISTER_SUCCESS"] * 12
    assert answers[-1] == "REGISTER_FAILED"
    network.run(60.0)
    client = network.client(first)
    client.register("later")
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS"]
    assert network.links_between(first, second)


def failover_server(network: ScriptedNetwork, server: WatchedServer) -> ScriptedPeer:
    peer = network.peer(server)
    peer.say(wire.Authenticate("network secret", features=["user_info", "quit"]))
    network.run(0.5)
    return peer


def test_a_table_of_users_that_is_too_large_for_now_is_taken_in_bit_by_bit() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), server_registrations_per_minute=60.0, redirects=False)
    peer = failover_server(network, first)
    peer.say(wire.UserInfo({f"user{number:05}": "$argon2id$x" for number in range(700)}))
    network.run(5.0)
    assert 600 <= len(second.node.book) < 620
    network.run(120.0)
    assert len(second.node.book) == 700
    assert network.links_between(first, second)


def test_a_base_server_has_a_node_keep_no_more_than_half_of_the_accounts_that_there_is_room_for() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), accounts_max=ROOM, redirects=False)
    peer = failover_server(network, first)
    peer.say(wire.UserInfo({f"user{number:05}": "$argon2id$x" for number in range(10 * ROOM)}))
    network.run(5.0)
    assert len(first.node.book) == len(second.node.book) == ROOM // 2


def test_a_base_server_leaves_names_for_others_to_register() -> None:
    network = ScriptedNetwork()
    first, _ = network.build(chain(2), server_registrations_per_minute=2.4, redirects=False)
    base = network.base_server(first)
    for number in range(30):
        base.say(wire.LockRequest(f"user{number}", "secret"))
        network.run(3.0)
    network.run(3.0)
    assert len(first.node.book) <= 12 + 4
    client = network.client(first)
    client.register("ada")
    network.run(3.0)
    assert client.commands == ["REGISTER_SUCCESS"]


def test_one_base_link_leaves_room_for_base_servers_behind_others() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.base_server(first, 9000, [f"greedy{number}" for number in range(2 * ATTACHED_MAX)])
    modest = network.base_server(first, 20_000, ["modest"])
    network.run(2.0)
    attached = second.node.topology.records[first.id].attached
    assert len(attached) == ATTACHED_MAX // 2 + 1
    assert "modest" in {one.id for one in attached} and modest.closed is None
