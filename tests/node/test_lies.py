"""A member that lies in another server's name: what it says is dropped, and nobody honest loses anything by it.

The liar knows the network's secret, and is linked like a server of the version before unless it says otherwise.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.node.map.announcements import ORDER_MAX
from core.node.trust import known_keys
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.testing import SECRET, ScriptedNetwork, ScriptedPeer, WatchedServer
from core.wire import messages as wire
from core.wire.link_state import signed_digest
from core.wire.messages import Message
from tests.node import one_node
from tests.node.one_node import OneNode

ENDLESS = 2**52
BODY = msgspec.Raw(b'{"text":"made up"}')
ELSEWHERE = HashSigner(b"elsewhere")
LIAR = HashSigner(b"a liar's key")


class Liar(ScriptedPeer):
    """Answers as a test has it."""

    def __init__(self, server: WatchedServer) -> None:
        super().__init__(server)
        self.answers: dict[type[Message], Message] = {}

    def answer(self, message: Message) -> None:
        if type(message) in self.answers:
            self.say(self.answers[type(message)])
        elif isinstance(message, wire.Ping):
            self.say(wire.Pong(message.number))


def liar_at(network: ScriptedNetwork, server: WatchedServer, **answers: Any) -> Liar:
    liar = Liar(server)
    liar.answers = {wire.SyncRequest: wire.SyncDone(**answers)}
    network.connect(liar, server, host="liar.example")
    shown = wire.Authenticate(
        SECRET,
        id="liar",
        incarnation=1,
        hostname="liar.example",
        port=1,
        features=["sync", "quit"],
        link="lazy",
        stamp=int(network.now.wall * 1e6),
    )
    liar.say(shown)
    network.run(0.5)
    assert "liar" in server.neighbours
    return liar


def two_servers() -> tuple[ScriptedNetwork, WatchedServer, WatchedServer]:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    return network, first, second


def signed_by(signer: HashSigner, record: wire.ServerAnnounce) -> wire.ServerAnnounce:
    record = msgspec.structs.replace(record, key=signer.key)
    return msgspec.structs.replace(record, signature=signer.sign(signed_digest(record)))


# --- how far a stream goes --------------------------------------------------------------------------------------------


def test_a_liars_end_of_an_honest_servers_stream_makes_nobody_drop_its_posts() -> None:
    network, first, second = two_servers()
    liar_at(network, first, upto={f"{second.id}.1": ENDLESS})
    writer, reader = network.logged_in(second), network.logged_in(first)
    writer.post("hello", ref="1")
    assert network.until(lambda: reader.texts() == ["hello"], 5.0)


def test_nor_does_it_over_a_restart() -> None:
    network, first, second = two_servers()
    liar_at(network, first, upto={f"{second.id}.1": ENDLESS})
    first.crash()
    first = network.start(first.host, second)
    assert network.until(lambda: first.neighbours == {second.id}, 10.0)
    writer, reader = network.logged_in(second), network.logged_in(first)
    writer.post("hello", ref="1")
    assert network.until(lambda: reader.texts() == ["hello"], 5.0)


def test_a_server_tells_over_its_own_link_what_is_missing_of_its_streams_for_good() -> None:
    _, first, second = two_servers()
    assert first.neighbours == {second.id}
    link = next(iter(first.node.neighbours))
    assert not first.node.known_keys.believes_mark(link, first.node.replication.own_stream)
    assert first.node.known_keys.believes_mark(link, second.node.replication.own_stream)


# --- where a server is, and whether it is there -----------------------------------------------------------------------

LIES: list[tuple[str, dict[str, Any]]] = [
    ("it has left", {"left": True}),
    ("it is elsewhere", {"hostname": "liar.example"}),
    ("it has no links", {"links": []}),
    ("it is full", {"load": 10_000}),
]


@pytest.mark.parametrize(("what", "lie"), LIES, ids=[what for what, _ in LIES])
@pytest.mark.parametrize("signer", [None, LIAR], ids=["unsigned", "signed by somebody else"])
def test_nobody_says_of_another_server_that(what: str, lie: dict[str, Any], signer: HashSigner | None) -> None:
    network, first, second = two_servers()
    before = first.node.topology.records[second.id]
    liar = liar_at(network, first)
    record = msgspec.structs.replace(
        before.message(), incarnation=before.incarnation + 1, key=None, signature=None, **lie
    )
    liar.say(record if signer is None else signed_by(signer, record))
    network.run(2.0)
    after = first.node.topology.records[second.id]
    assert (after.incarnation, after.left, after.hostname) == (before.incarnation, False, before.hostname)
    assert liar.closed is None, "an honest server of the version before would pass on the same"
    told = first.told("identity" if signer is None else "refused")
    assert any(second.id in text and "not believed" in text for text in told)


def test_nobody_drives_a_servers_own_record_beyond_what_it_can_count_to() -> None:
    """It would announce itself in vain from then on."""
    network, first, second = two_servers()
    liar = liar_at(network, first)
    own = first.node.topology.own
    lies: list[dict[str, Any]] = [
        {"incarnation": ORDER_MAX, "version": ORDER_MAX},
        {"incarnation": ORDER_MAX - 1, "version": ORDER_MAX},
    ]
    for made_up in lies:
        record = msgspec.structs.replace(own.message(), key=None, signature=None, **made_up)
        liar.say(record)
        liar.say(signed_by(LIAR, record))
        network.run(3.0)
    version = first.node.topology.own.version
    client = network.logged_in(first)
    assert network.until(lambda: second.node.topology.records[first.id].load == 1, 10.0)
    assert client.closed is None and first.node.topology.own.version > version


@pytest.mark.parametrize("signer", [None, LIAR], ids=["unsigned", "signed by somebody else"])
def test_nobody_ends_a_server_by_saying_that_another_process_is_its_start(signer: HashSigner | None) -> None:
    network, first, second = two_servers()
    liar = liar_at(network, first)
    own = first.node.topology.own
    for later in (-1, 1, 1000):
        record = msgspec.structs.replace(
            own.message(), version=own.version + later, hostname="aaa", key=None, signature=None
        )
        liar.say(record if signer is None else signed_by(signer, record))
        network.run(1.0)
    assert first.alive and first.neighbours >= {second.id}


def test_a_servers_own_records_said_again_do_not_end_it() -> None:
    network, first, second = two_servers()
    said = [one for one in first.said(wire.ServerAnnounce) if one.key is not None]
    for _ in range(5):
        client = network.logged_in(first)
        network.run(3.0)
        client.hang_up()
    said += [one for one in first.said(wire.ServerAnnounce) if one.key is not None]
    liar = liar_at(network, first)
    for record in said:
        liar.say(record)
    network.run(5.0)
    assert len({one.version for one in said}) > 3
    assert first.alive and first.neighbours >= {second.id}


def introduce(one: OneNode, conn: int, server: str) -> None:
    """A neighbour tells of a server with an id from before keys, and the key that it has now."""
    record = wire.ServerAnnounce(server, 0, "nowhere.example", 1, incarnation=1, version=1)
    one.say(conn, signed_by(HashSigner(server.encode()), record))


def test_who_invents_ids_and_keys_leaves_room_for_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which key an id has is kept for ever."""
    monkeypatch.setattr(known_keys, "BOUND_MAX", 64)
    one = OneNode()
    liar, honest = one_node.native_neighbour(one, "liar"), one_node.native_neighbour(one, "honest")
    for number in range(200):
        introduce(one, liar, f"invented{number}")
    assert 16 <= len(one.node.known_keys.bound) <= 32
    introduce(one, honest, "upgraded")
    assert one.node.known_keys.bound["upgraded"].key == HashSigner(b"upgraded").key


def test_a_network_that_is_upgraded_does_not_flood_its_operators_with_keys() -> None:
    one = OneNode()
    neighbour = one_node.native_neighbour(one, "neighbour")
    for number in range(100):
        introduce(one, neighbour, f"server{number}")
    told = [text for text in one.told if "has shown its key" in text]
    assert len(one.node.known_keys.bound) == 100 and 1 <= len(told) <= 10
    one.time += 61.0
    introduce(one, neighbour, "one more")
    assert any("(and 90 more from" in text for text in one.told)


def test_somebody_elses_key_does_not_take_the_id_of_a_server_of_the_version_before_that_is_here() -> None:
    network = ScriptedNetwork()
    first = network.start("first")
    network.run(0.1)
    second = network.start("second", first, keyed=False)
    network.run(3.0)
    liar = liar_at(network, first)
    known = first.node.topology.records[second.id]
    record = msgspec.structs.replace(known.message(), incarnation=known.incarnation + 1, left=True)
    liar.say(signed_by(LIAR, record))
    network.run(2.0)
    assert not first.node.topology.records[second.id].left
    assert second.id not in first.node.known_keys.bound


# --- who is at the other end ------------------------------------------------------------------------------------------


def comes_as(network: ScriptedNetwork, server: WatchedServer, other: WatchedServer, **shown: Any) -> ScriptedPeer:
    """Somebody comes to a server as another one."""
    peer = ScriptedPeer(server)
    network.connect(peer, server, host="liar.example")
    peer.say(
        wire.Authenticate(
            SECRET,
            id=other.id,
            incarnation=other.node.topology.own.incarnation + 1,
            hostname="liar.example",
            port=1,
            features=["sync", "quit"],
            stamp=1,
            **shown,
        )
    )
    network.run(0.5)
    return peer


@pytest.mark.parametrize("what", ["no key", "its own key", "the right key, without a nonce", "the right key"])
def test_nobody_takes_a_servers_place_without_its_key(what: str) -> None:
    network, first, second = two_servers()
    link = next(iter(first.node.neighbours))
    keys: dict[str, dict[str, Any]] = {
        "no key": {},
        "its own key": {"key": LIAR.key, "nonce": one_node.NONCE},
        "the right key, without a nonce": {"key": second.node.known_keys.own},
        "the right key": {"key": second.node.known_keys.own, "nonce": one_node.NONCE},
    }
    liar = comes_as(network, first, second, **keys[what])
    if what == "the right key":
        assert liar.of(wire.ServerHello), "it is asked to prove it"
        liar.say(wire.ServerProof(LIAR.sign(b"anything")))
        network.run(0.5)
    (refused,) = liar.of(wire.ServerRefused)
    assert refused.reason == "key" and second.id in refused.info
    assert liar.closed is not None
    assert list(first.node.neighbours) == [link], "the server's own link stays"
    assert any(f"comes as the server {second.id}" in text for text in first.told("refused"))


def test_a_proof_serves_for_its_own_link_only() -> None:
    """What the server itself says to somebody it dials is of no use to them elsewhere."""
    network, first, second = two_servers()
    heard = next(message for _, message in second.sent if isinstance(message, wire.ServerProof))
    liar = comes_as(network, first, second, key=second.node.known_keys.own, nonce=one_node.NONCE)
    liar.say(heard)
    network.run(0.5)
    assert [refused.reason for refused in liar.of(wire.ServerRefused)] == ["key"]


def test_who_answers_as_a_server_has_to_prove_its_key_as_well() -> None:
    one = OneNode()
    one_node.native_neighbour_with_key(one)
    key = one.node.known_keys.bound["elsewhere"].key
    conn = one.dialled()
    for message in (
        wire.ServerHello("elsewhere", 2, "liar.example", 1, features=["sync"], key=key, nonce=one_node.NONCE),
    ):
        one.say(conn, message)
    assert one.heard(conn)[-1] == "SERVER_REFUSED" and conn in one.closed
    conn = one.dialled()
    one.say(conn, wire.ServerHello("elsewhere", 2, "liar.example", 1, features=["sync"]))
    assert one.heard(conn)[-1] == "SERVER_REFUSED" and conn in one.closed


# --- entries ----------------------------------------------------------------------------------------------------------


def entry(number: int, node: str = "elsewhere", incarnation: int = 5) -> wire.ActivityBroadcast:
    return wire.ActivityBroadcast(BODY, id=f"{node}.{incarnation}.{number}", stamp=1)


def signing_server(one: OneNode, signs_from: int | None = 5) -> int:
    """A server with a key has linked with the node, and says since when it signs its entries."""
    conn = one_node.native_neighbour_with_key(one)
    record = wire.ServerAnnounce(
        "elsewhere",
        0,
        "other.example",
        3780,
        incarnation=5,
        version=2,
        links=[wire.LinkEnd("here", 1)],
        signs_from=signs_from,
    )
    one.say(conn, signed_by(ELSEWHERE, record))
    one.run(0.1)
    return conn


def test_nobody_writes_into_a_stream_that_its_server_signs() -> None:
    one = OneNode()
    signing_server(one)
    liar = one_node.native_neighbour(one, "liar")
    for message in (
        entry(1),
        entry(ENDLESS),
        wire.Account("elsewhere.5.2", 1, "ann", "$argon2id$liar", 1, "elsewhere.5.2"),
    ):
        one.say(liar, message)
    one.run(0.1)
    assert one.node.snapshot(one.now).activities == 0
    assert one.node.known_keys.refused == 3
    assert liar not in one.closed


def test_a_server_itself_says_over_its_link_what_it_has_accepted() -> None:
    one = OneNode()
    conn = signing_server(one)
    one.say(conn, entry(1))
    one.run(0.1)
    assert one.node.snapshot(one.now).activities == 1


@pytest.mark.parametrize(("signs_from", "incarnation"), [(5, 4), (None, 5)])
def test_what_a_server_accepted_before_it_signed_is_taken_from_anybody_who_has_it(
    signs_from: int | None, incarnation: int
) -> None:
    one = OneNode()
    signing_server(one, signs_from)
    other = one_node.native_neighbour(one, "other")
    one.say(other, entry(1, incarnation=incarnation))
    one.run(0.1)
    assert one.node.snapshot(one.now).activities == 1


def test_since_when_a_server_signs_is_known_after_a_restart() -> None:
    one = OneNode()
    signing_server(one)
    (bound,) = one.node.known_keys.bound.values()
    again = OneNode(server_keys=(bound,))
    liar = one_node.native_neighbour(again, "liar")
    again.say(liar, entry(1))
    again.run(0.1)
    assert again.node.snapshot(again.now).activities == 0
