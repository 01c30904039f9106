"""Lies and nonsense: only the connection that they come over suffers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.node.interface import events
from core.node.map.announcements import ATTACHED_MAX
from core.simulation.testing import (
    EPOCH,
    SECRET,
    ScriptedBaseServer,
    ScriptedClient,
    ScriptedNetwork,
    ScriptedPeer,
    WatchedServer,
    chain,
)
from core.wire import messages as wire
from core.wire.entries import COUNTER_MAX
from core.wire.limits import ACTIVITY_BYTES_MAX, CLIENT_LINE_BYTES_MAX, SERVER_LINE_BYTES_MAX
from core.wire.messages import LinkEnd

STAMP = int(EPOCH * 1_000_000)


class Scene:
    """Two servers with a client each, and what must stay as it is whatever somebody else says."""

    def __init__(self) -> None:
        self.network = ScriptedNetwork()
        self.first, self.second = self.network.build(chain(2), redirects=False)
        self.near, self.far = self.network.logged_in(self.first), self.network.logged_in(self.second)
        self.links = self.network.links_between(self.first, self.second)

    def native(self, identity: str = "liar", **extra: Any) -> ScriptedPeer:
        """A native neighbour of the first server, in its tree."""
        peer = self.network.peer(self.first)
        extra = {"features": ["sync"], **extra}
        peer.say(wire.Authenticate(SECRET, id=identity, incarnation=1, stamp=STAMP, **extra))
        peer.say(
            wire.ServerAnnounce(
                identity, 0, "liar.example", 1, incarnation=1, version=1, links=[LinkEnd(self.first.id, STAMP)]
            )
        )
        peer.say(wire.SyncDone())
        self.network.run(0.1)
        return peer

    def is_unharmed(self, seconds: float = 3.0) -> bool:
        """Whether the two servers are still linked as before, and both clients are served."""
        self.network.run(seconds)
        self.near.post("near")
        self.far.post("far")
        self.network.run(3.0)
        return (
            self.network.links_between(self.first, self.second) == self.links
            and sorted(self.near.texts()[-2:]) == sorted(self.far.texts()[-2:]) == ["far", "near"]
            and self.near.closed is self.far.closed is None
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


# --- activities that others could not read ----------------------------------------------------------------------------


def base_broadcast(body: bytes) -> bytes:
    return b'{"command":"ACTIVITY_BROADCAST","activity":' + body + b"}\n"


@pytest.mark.parametrize("over", [0, 1])
def test_an_activity_is_accepted_exactly_when_every_other_server_can_read_it(scene: Scene, over: int) -> None:
    base = scene.network.base_server(scene.first)
    frame = len(b'{"text":""}')
    base.say(base_broadcast(b'{"text":"' + b"x" * (ACTIVITY_BYTES_MAX - frame + over) + b'"}'))
    scene.network.run(1.0)
    assert (base.closed is not None) == bool(over)
    assert len(scene.far.texts()) == 1 - over
    assert scene.is_unharmed()


def test_a_line_as_long_as_a_server_may_send_does_no_harm(scene: Scene) -> None:
    base = scene.network.base_server(scene.first)
    rest = len(base_broadcast(b'{"text":""}')) - 1
    base.say(base_broadcast(b'{"text":"' + b"x" * (SERVER_LINE_BYTES_MAX - rest) + b'"}'))
    assert scene.is_unharmed()


def test_a_sender_that_is_no_name_is_no_sender(scene: Scene) -> None:
    base = scene.network.base_server(scene.first)
    for user in (b'"' + b"x" * 500_000 + b'"', b'"a\\u0000b"', b"5", b'{"a":1}', b"null", b'""', b'"anonymous"'):
        base.say(base_broadcast(b'{"text":1,"authenticated_user":' + user + b"}"))
    scene.network.run(1.0)
    assert {one.sender for one in scene.first.disk.entries()} == {""}
    assert len(scene.far.texts()) == 7
    assert scene.is_unharmed()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":NaN}',
        b'{"a":01}',
        b"[]",
        b'"text"',
        b"null",
        b"5",
    ],
    ids=lambda body: body[:12],
)
@pytest.mark.parametrize("who", ["client", "base server", "native server"])
def test_an_activity_that_somebody_could_not_read_is_accepted_by_nobody(scene: Scene, who: str, body: bytes) -> None:
    peer: ScriptedPeer
    match who:
        case "client":
            peer = scene.network.logged_in(scene.first)
            peer.say(b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":' + body + b"}\n")
        case "base server":
            peer = scene.network.base_server(scene.first)
            peer.say(base_broadcast(body))
        case _:
            peer = scene.native()
            peer.say(b'{"command":"ACTIVITY_BROADCAST","id":"liar.1.1","stamp":1,"activity":' + body + b"}\n")
    scene.network.run(0.5)
    assert peer.of(wire.InvalidMessage)
    assert peer.closed is not None
    assert scene.first.activities() == []
    assert scene.is_unharmed()


@pytest.mark.parametrize(
    "body",
    [
        b'{"n":' + b"9" * 50_000 + b"}",
        b'{"n":1e999999}',
        b'{"n":-0.0e-5}',
        b'{"a":"\\u0000\\u2028\\ud83d\\ude00"}',
        b'{"a":1,"a":2}',
        b'{"":{"":[[],{}]}}',
        b"{}",
        b'{"a":' + b"[" * 120 + b"]" * 120 + b"}",
        b'{"id":"x.1.1","stamp":5,"command":"QUIT"}',
    ],
    ids=lambda body: body[:16],
)
def test_an_activity_that_is_odd_but_legal_reaches_everybody(scene: Scene, body: bytes) -> None:
    client = scene.network.logged_in(scene.first)
    client.say(b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":' + body + b"}\n")
    scene.network.run(1.0)
    assert len(scene.near.of(wire.ActivityBroadcast)) == len(scene.far.of(wire.ActivityBroadcast)) == 1
    scene.second.crash()
    scene.network.run(1.0)
    again = scene.network.start("n001", redirects=False)
    scene.network.run(3.0)
    late = scene.network.logged_in(again, history=5)
    assert len(late.of(wire.ActivityBroadcast)) == 1


@pytest.mark.parametrize("sender", ["x" * 65, "x" * 100_000], ids=len)
def test_an_entry_with_an_endless_sender_ends_the_link_that_brings_it(scene: Scene, sender: str) -> None:
    liar = scene.native()
    liar.say(wire.ActivityBroadcast(msgspec.Raw(b"{}"), id="liar.1.1", stamp=1, sender=sender))
    scene.network.run(0.5)
    assert liar.of(wire.InvalidMessage)
    assert scene.is_unharmed()


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("port", -5),
            ("port", 10**30),
            ("port", 65536),
            ("load", -1),
            ("load", 10**30),
            ("id", ""),
            ("hostname", ""),
        ),
        *(("id", "x" * 257), ("hostname", "x" * 254)),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_guest_that_cannot_be_is_not_believed(scene: Scene, field: str, value: Any) -> None:
    base = scene.network.base_server(scene.second)
    liar = scene.native()
    attached = {"id": "guest", "hostname": "guest.example", "port": 9000, "load": 0, field: value}
    liar.say(
        msgspec.json.encode(
            {
                "command": "SERVER_ANNOUNCE", "id": "liar", "load": 0, "hostname": "liar.example", "port": 1,
                "incarnation": 1, "version": 5, "links": [[scene.first.id, STAMP]], "guests": [attached],
            }
        )
        + b"\n"
    )  # fmt: skip
    scene.network.run(1.0)
    for server in (scene.first, scene.second):
        assert all(
            record.attached == () or record.id == scene.second.id for record in server.node.topology.records.values()
        )
    assert scene.is_unharmed(12.0)
    assert base.closed is None


@pytest.mark.parametrize("field", ["incarnation", "version"])
def test_nobody_can_announce_another_server_so_often_that_it_could_not_be_heard_again(scene: Scene, field: str) -> None:
    liar = scene.native()
    numbers: dict[str, Any] = {"incarnation": 1, "version": 10**6, field: COUNTER_MAX}
    liar.say(wire.ServerAnnounce(scene.second.id, 99, "liar.example", 1, left=True, **numbers))
    scene.network.run(3.0)
    assert scene.first.node.topology.records[scene.second.id].hostname == "node.example"
    assert scene.is_unharmed()


def test_a_server_of_which_somebody_lies_is_soon_heard_again(scene: Scene) -> None:
    liar = scene.native()
    liar.say(wire.ServerAnnounce(scene.second.id, 99, "liar.example", 1, incarnation=7, version=10**6, left=True))
    scene.network.run(3.0)
    assert scene.first.reachable >= {scene.first.id, scene.second.id}
    assert scene.first.node.topology.records[scene.second.id].hostname == "node.example"
    assert scene.network.links_between(scene.first, scene.second) == scene.links
    scene.near.post("hello")
    scene.network.run(12.0)
    assert scene.far.texts() == ["hello"]


def test_who_is_told_again_and_again_that_it_was_started_later_is_busy_with_that_once_a_second(scene: Scene) -> None:
    liar = scene.native()
    wanted = 0

    def count(action: object) -> None:
        nonlocal wanted
        wanted += 1
        assert wanted < 5_000, "the server is busy for ever in one moment"

    scene.first.watching = count
    for version in range(1, 40):
        for later in (0, 1):
            record = wire.ServerAnnounce(scene.first.id, 0, "x", 1, incarnation=7, version=10**6 * version + later)
            liar.say(record)
        scene.network.run(1.137)
    assert scene.is_unharmed()


def test_a_record_too_long_to_be_passed_on_ends_the_link_that_brings_it(scene: Scene) -> None:
    liar = scene.native()
    record = {
        "command": "SERVER_ANNOUNCE", "id": "x", "load": 0, "hostname": "h", "port": 1, "incarnation": 1, "version": 1,
        "name": "", "users": [""],
    }  # fmt: skip
    room = SERVER_LINE_BYTES_MAX - len(msgspec.json.encode(record))
    liar.say(msgspec.json.encode({**record, "users": ["x" * room]}) + b"\n")
    scene.network.run(0.5)
    assert scene.is_unharmed()


def test_a_base_server_that_announces_thousands_does_not_make_its_node_unheard(scene: Scene) -> None:
    base = scene.network.base_server(scene.first)
    for number in range(3000):
        base.say(wire.ServerAnnounce(f"{number}" + "\x00" * 250, 0, "h" * 253, number))
    scene.network.run(2.0)
    assert len(scene.second.node.topology.records[scene.first.id].attached) == ATTACHED_MAX // 2
    assert scene.is_unharmed()


def test_redirects_that_somebody_claims_by_the_million_cost_nothing(scene: Scene) -> None:
    liar = scene.native()
    for version in range(2, 30):
        sent = {f"server {number}": version * 10**9 for number in range(4096)}
        sent |= {scene.first.id: version * 10**9, scene.second.id: version * 10**9}
        liar.say(
            wire.ServerAnnounce(
                "liar", 0, "liar.example", 1, incarnation=1, version=version, links=[LinkEnd(scene.first.id, STAMP)],
                sent=dict(list(sent.items())[-4096:]),
            )
        )  # fmt: skip
    scene.network.run(0.5)
    assert scene.first.node.balance.credits <= 3000
    assert scene.is_unharmed()


# --- what waits, and what is kept -------------------------------------------------------------------------------------


def test_thousands_of_registrations_held_open_are_over_after_the_limit(scene: Scene) -> None:
    scene.links[0].go_dead()
    clients = [scene.network.client(scene.first, features=(), host=f"10.0.{n // 250}.{n % 250}") for n in range(2000)]
    for number, client in enumerate(clients):
        client.register(f"user {number}")
    scene.network.run(1.0)
    queues = scene.first.node.queues()
    assert queues["registrations"] >= 2000
    scene.network.run(30.0)
    assert all(client.commands in (["REGISTER_FAILED"], ["REGISTER_SUCCESS"]) for client in clients)
    for server in (scene.first, scene.second):
        after = server.node.queues()
        assert after["registrations"] == after["lock answers being gathered"] == 0


def test_thousands_of_logins_that_wait_for_one_registration_are_answered_after_it(scene: Scene) -> None:
    scene.links[0].go_dead()
    scene.network.client(scene.first).register("ann")
    scene.network.run(0.1)
    waiting = [scene.network.client(scene.first, features=()) for _ in range(2000)]
    for client in waiting:
        client.login("ann", "s")
    scene.network.run(30.0)
    assert {client.commands[0] for client in waiting} <= {"LOGIN_FAILED", "LOGIN_SUCCESS"}
    assert scene.first.node.queues()["logins being checked"] == 0


def test_connections_that_come_and_go_leave_nothing_behind(scene: Scene) -> None:
    network = scene.network

    def crowd() -> None:
        for number in range(300):
            client = network.client(scene.first)
            match number % 6:
                case 0:
                    client.login("nobody", "wrong")
                case 1:
                    client.login(seen={}, history=5)
                case 2:
                    client.login()
                    client.post("x", previous=f"gone.{number}.1")
                case 3:
                    client.say(b"nonsense\n")
                case 4:
                    client.say(wire.Authenticate("wrong"))
                case _:
                    pass
            network.run(0.002)
            if client.closed is None:
                client.hang_up()
        network.run(60.0)

    def sizes() -> dict[str, int]:
        node = scene.first.node
        # These remember what was written, and where everybody is, whoever comes and goes.
        parts = {
            name: part
            for name, part in vars(node).items()
            if hasattr(part, "__dict__") and name not in ("absences", "book", "topology")
        }
        kept = {
            f"{name}.{of}": len(value)
            for name, part in parts.items()
            for of, value in vars(part).items()
            if isinstance(value, dict | list | set)
        }
        return {**kept, **node.queues(), "connections": len(node.snapshot(scene.first.now).connections)}

    crowd()
    before = sizes()
    crowd()
    assert sizes() == before


def test_nonsense_previous_ids_hold_up_only_who_sends_them_and_little_memory(scene: Scene) -> None:
    tracemalloc.start()
    try:
        for number in range(200):
            client = scene.network.logged_in(scene.first)
            client.post("x" * 50_000, previous=f"gone.1.{number + 1}")
            client.hang_up()
        scene.near.post("not held up")
        scene.network.run(0.5)
        assert "not held up" in scene.far.texts()
        assert scene.first.node.replication.parked == 200
        assert tracemalloc.get_traced_memory()[0] < 200e6
    finally:
        tracemalloc.stop()
    scene.network.run(40.0)
    assert scene.first.node.replication.parked == 0


def test_a_verifier_that_others_would_not_take_is_not_taken(scene: Scene) -> None:
    base = scene.network.base_server(scene.first)
    base.say(wire.UserInfo({"ann": "$argon2" + "x" * 2000, "bob": "s" * 2000, "cyd": "", "x" * 100: "s"}))
    scene.network.run(1.0)
    assert len(scene.first.node.book) == 0
    assert scene.is_unharmed()


def test_a_link_that_is_closed_for_nonsense_counts_no_more_even_while_its_end_is_flushed(scene: Scene) -> None:
    liar = scene.native()
    assert "liar" in scene.first.reachable
    liar.take_each_way(3.0)
    scene.first.handle(events.MalformedReceived(liar.conn, "nonsense"))
    assert liar.conn in scene.first.ends
    assert "liar" not in scene.first.reachable
    scene.network.run(0.1)
    assert "liar" not in scene.second.reachable


def test_a_link_that_is_refused_takes_nothing_with_it(scene: Scene) -> None:
    """It claims to be the link that there is already, down to its stamp."""
    stamp = scene.first.node.topology.own.links[scene.second.id]
    liar = scene.network.peer(scene.second)
    liar.say(wire.Authenticate(SECRET, id=scene.second.id, incarnation=1, features=["sync"], stamp=stamp))
    again = scene.network.peer(scene.first)
    again.say(wire.Authenticate(SECRET, id=scene.first.id, incarnation=1, features=["sync"], stamp=stamp))
    scene.network.run(0.5)
    assert liar.closed is not None
    assert again.closed is not None
    assert scene.is_unharmed()


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_liar_cannot_deny_what_it_was_not_asked(scene: Scene) -> None:
    asked = scene.native()
    not_asked = scene.network.peer(scene.first)
    not_asked.say(wire.Authenticate(SECRET, id="not asked", incarnation=1, features=["sync"]))
    scene.network.run(0.1)
    client = scene.network.client(scene.second)
    client.register("ann")
    assert scene.network.until(lambda: bool(asked.of(wire.LockRequest)), 2.0)
    (request,) = asked.of(wire.LockRequest)
    assert not_asked.of(wire.LockRequest) == []
    not_asked.say(wire.LockDenied("ann", claim=request.claim, round=request.round, info="a lie"))
    scene.network.run(0.1)
    assert client.log == []
    asked.say(wire.LockAllowed("ann", claim=request.claim, round=request.round, count=1))
    scene.network.run(2.0)
    assert client.commands == ["REGISTER_SUCCESS"]


def test_a_release_of_somebody_elses_claim_under_another_name_changes_nothing(scene: Scene) -> None:
    liar = scene.native()
    client = scene.network.client(scene.second)
    client.register("ann")
    assert scene.network.until(lambda: bool(liar.of(wire.LockRequest)), 2.0)
    (request,) = liar.of(wire.LockRequest)
    liar.say(wire.LockRelease("bob", str(request.claim)))
    liar.say(wire.LockAllowed("ann", claim=request.claim, round=request.round, count=1))
    scene.network.run(2.0)
    assert client.commands == ["REGISTER_SUCCESS"]


# --- anything ---------------------------------------------------------------------------------------------------------

identifiers = st.sampled_from(["id-n000", "id-n001", "liar", "x", "a.b", "", "\x00", "名", "x" * 64, "x" * 65])
numbers = st.one_of(
    st.integers(-2, 6), st.sampled_from([STAMP, STAMP + 10**9, COUNTER_MAX, COUNTER_MAX + 1, 2**63, 10**40, 1.5])
)
entry_ids = st.sampled_from(
    ["id-n000.1.1", "id-n001.1.7", "liar.1.1", "liar.1.9", "liar.9.1", "x", "", "a.1", f"liar.1.{COUNTER_MAX}"]
)
names = st.sampled_from(["ann", "bob", "anonymous", "", "a\x00b", "ann~abc234", "x" * 65, "名前"])
vectors = st.dictionaries(st.sampled_from(["id-n000.1", "id-n001.1", "liar.1", "x", "liar.9"]), numbers, max_size=3)
guests = st.fixed_dictionaries({"id": identifiers, "hostname": identifiers, "port": numbers, "load": numbers})
link_ends = st.lists(st.tuples(identifiers, numbers), max_size=3)
objects: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"text": "hi"}, {"authenticated_user": 5}, {"a": [[{}]]}, [], 5, None]
)
keys = st.fixed_dictionaries(
    {"text": st.sampled_from(["ssh-ed25519 AAAA", "", "x"]), "stamp": numbers, "bound": st.booleans(), "comment": names}
)
binaries = st.sampled_from(["", "?", "c2hvcnQ=", *("A" * number + "=" * (-number % 4) for number in (22, 43, 86))])
bounds = st.sampled_from(["0.0", "1.0", "2.0", f"1.{STAMP}", f"1.{STAMP}.liar.1.1", "3.1", "", "1.x", "1.1.1"])
parts = st.lists(st.tuples(bounds, numbers, binaries), max_size=3)
entry_numbers = st.dictionaries(
    st.sampled_from(["id-n000.1", "id-n001.1", "liar.1", "x"]), st.lists(numbers, max_size=4), max_size=2
)
votes = st.tuples(binaries, numbers, binaries)
odd_hosts = st.one_of(
    identifiers,
    st.sampled_from(["127.0.0.1", "0.0.0.0", "::", "fe80::1", "224.0.0.1", "localhost", "[::1]", "h/1.2.3.4"]),
)
held = st.fixed_dictionaries(
    {"since": numbers},
    optional={
        "entries": entry_numbers,
        "more": st.booleans(),
        "until": numbers,
        "sums": st.lists(st.tuples(numbers, numbers, binaries), max_size=3),
    },
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "username": names, "secret": st.sampled_from([SECRET, "s", "", "wrong"]), "id": st.one_of(identifiers, entry_ids),
    "incarnation": numbers, "hostname": odd_hosts, "port": st.one_of(numbers, st.just("3780")), "name": names,
    "features": st.lists(st.sampled_from(["quit", "user_info", "sync", "ack", "place", "?"]), max_size=6),
    "link": identifiers,
    "stamp": numbers, "info": names, "seen": st.one_of(vectors, odd_hosts), "history": numbers, "redirects": numbers,
    "visited": st.lists(names, max_size=2), "activity": objects, "ref": names, "previous": entry_ids,
    "previous_stamp": numbers, "sender": names, "load": numbers, "version": numbers, "links": link_ends,
    "guests": st.lists(guests, max_size=2), "users": st.lists(names, max_size=3), "draining": st.booleans(),
    "successor": identifiers, "sent": vectors, "claim": entry_ids, "round": numbers,
    "verifier": st.sampled_from(["$argon2id$s", "x", ""]), "count": numbers, "incomplete": st.booleans(),
    "new_server_ip": odd_hosts, "new_server_port": numbers, "user_info": st.dictionaries(names, names, max_size=3),
    "reason": st.sampled_from(["self", "duplicate", "busy", "leaving", "?"]), "claimed_at": numbers,
    "key": st.one_of(keys, binaries), "nonce": binaries, "signature": binaries, "signs_from": numbers,
    "ssh": numbers, "digest": identifiers, "vector": vectors, "upto": st.one_of(vectors, bounds),
    "more": st.one_of(st.booleans(), objects), "number": numbers, "wall": numbers,
    "away": st.dictionaries(names, st.tuples(numbers, numbers), max_size=2),
    "also": st.one_of(st.lists(odd_hosts, max_size=3), entry_numbers),
    "near": st.lists(identifiers, max_size=3), "age": numbers,
    "since": numbers, "proof": st.one_of(names, binaries), "at": numbers,
    "until": numbers, "size": numbers, "sum": binaries, "begins": st.one_of(st.booleans(), held),
    "again": st.booleans(),
    "entries": entry_numbers, "mine": entry_numbers, "have": st.one_of(st.none(), held),
    "place": st.one_of(st.none(), st.tuples(identifiers, numbers, numbers), st.tuples(numbers, numbers)),
    "ranges": st.lists(st.tuples(bounds, parts), max_size=3), "lacking": st.one_of(numbers, entry_numbers),
    "left": st.one_of(st.booleans(), entry_numbers),
    "lists": st.lists(st.tuples(bounds, bounds, entry_numbers), max_size=3),
    "vote": st.one_of(st.none(), votes), "votes": st.lists(votes, max_size=3),
}  # fmt: skip
COMMANDS: dict[str, type[msgspec.Struct]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        *(wire.Authenticate, wire.AuthenticationFail, wire.InvalidMessage, wire.Login, wire.Logout, wire.Register),
        *(wire.ActivityMessage, wire.ActivityBroadcast, wire.ServerAnnounce, wire.LockRequest, wire.LockAllowed),
        *(wire.LockDenied, wire.Quit, wire.UserInfo, wire.ServerHello, wire.ServerRefused, wire.Account),
        *(wire.LockRelease, wire.SyncDigest, wire.SyncRequest, wire.SyncDone, wire.Ping, wire.Pong),
        *(wire.StatusRequest, wire.Redirect, wire.CaughtUp, wire.ServerProof, wire.Reconcile, wire.ReconcileAnswer),
        *(wire.ReconcileDigest, wire.ReconcileWant, wire.ReconcileSent, wire.ReconcileGaps, wire.ReconcileDropped),
        *(wire.ReconcileDone, wire.Have, wire.HaveRequest, wire.PlaceReached),
    )
}
ENDING = ("AUTHENTICATION_FAIL", "INVALID_MESSAGE", "LOGOUT", "SERVER_REFUSED", "AUTHENTICATE", "LOGIN", "REGISTER")


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line that is nearly a message, or one."""
    command = draw(st.sampled_from([*COMMANDS, *[one for one in COMMANDS if one not in ENDING] * 3]))
    fields: dict[str, Any] = {"command": command}
    for field in COMMANDS[command].__struct_encode_fields__:
        if draw(st.integers(0, 9)):
            fields[field] = draw(FIELDS[field])
    return msgspec.json.encode(fields) + b"\n"


def peers(scene: Scene, role: str) -> Iterator[ScriptedPeer]:
    """New peers of one kind without end: one that is thrown out comes again."""
    while True:
        match role:
            case "stranger":
                yield scene.network.peer(scene.first)
            case "client":
                yield scene.network.logged_in(scene.first)
            case "base server":
                yield scene.network.base_server(scene.first)
            case "native server":
                yield scene.native()
            case _:
                yield scene.native(features=["sync", "reconcile"])


@pytest.mark.parametrize("role", ["stranger", "client", "base server", "native server", "one that reconciles"])
@settings(max_examples=60)
@given(said=st.lists(lines(), min_size=1, max_size=12))
def test_whatever_somebody_says_the_others_go_on(role: str, said: list[bytes]) -> None:
    scene = Scene()
    source = peers(scene, role)
    peer: ScriptedPeer | ScriptedClient | ScriptedBaseServer = next(source)
    for line in said:
        if peer.closed is not None:
            peer = next(source)
        peer.say(line)
        scene.network.run(0.05)
    scene.network.run(20.0)
    honest: list[WatchedServer] = [scene.first, scene.second]
    assert all(server.alive for server in honest)
    assert scene.near.closed is scene.far.closed is None
    assert scene.second.id in scene.first.reachable
    scene.far.post("far")
    scene.near.post("near")
    scene.network.run(45.0)
    for client in (scene.near, scene.far):
        own = [msgspec.json.decode(bytes(one.activity)) for one in client.of(wire.ActivityBroadcast)]
        assert sorted(one["text"] for one in own if one.get("text") in ("near", "far")) == ["far", "near"]


def test_a_line_of_a_client_at_its_limit_is_served(scene: Scene) -> None:
    client = scene.network.logged_in(scene.first)
    head = b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"text":"'
    client.say(head + b"x" * (CLIENT_LINE_BYTES_MAX - len(head) - 3) + b'"}}\n')
    scene.network.run(1.0)
    assert len(scene.far.texts()) == 1
    client.say(head + b"x" * (CLIENT_LINE_BYTES_MAX - len(head) - 2) + b'"}}\n')
    scene.network.run(1.0)
    assert client.commands[-1] == "INVALID_MESSAGE"


def test_a_flood_of_nonsense_is_told_of_in_a_few_lines_and_counted(scene: Scene) -> None:
    for _ in range(200):
        scene.network.peer(scene.first).say(b"nonsense\n")
    other = scene.network.peer(scene.first, host="10.0.0.9")
    other.say(b"nonsense\n")
    scene.network.run(1.0)
    told = scene.first.told("refused")
    assert 2 <= len(told) <= 15
    assert any("10.0.0.9" in text for text in told), "what others do is told as well"
    scene.network.run(61.0)
    scene.network.peer(scene.first).say(b"nonsense\n")
    scene.network.run(1.0)
    assert "190 more" in scene.first.told("refused")[-1]
