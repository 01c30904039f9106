"""Links with base servers: nothing that they do not know, nothing twice, nothing before they are ready for it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.node.base import base_activities
from core.node.interface import events
from core.node.log.entry_messages import frame_of
from core.simulation.testing import SECRET, ScriptedBaseServer, ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.messages import BASE_FIELDS


def quiet_base_server(network: ScriptedNetwork, server: WatchedServer) -> ScriptedBaseServer:
    """A base server that has authenticated and says nothing."""
    base = ScriptedBaseServer(9000)
    network.connect(base, server)
    base.authenticate()
    network.run(0.1)
    return base


def dialled_base_server(
    network: ScriptedNetwork, server: WatchedServer, ids: tuple[str, ...] = ("base",)
) -> ScriptedBaseServer:
    """A base server that `server` has dialled and speaks to."""
    base = network.listening_base_server(ids=ids)
    server.handle(events.JoinRequested(Address("base.example", 9000)))
    network.run(0.1)
    base.announce()
    network.run(0.1 + server.config.listen)
    return base


def texts(peer: ScriptedBaseServer) -> list[Any]:
    return [msgspec.json.decode(bytes(one.activity))["text"] for one in peer.of(wire.ActivityBroadcast)]


def activity(text: object, **more: Any) -> wire.ActivityBroadcast:
    return wire.ActivityBroadcast(msgspec.Raw(msgspec.json.encode({"text": text, **more})))


def announced(base: ScriptedBaseServer) -> dict[str, wire.ServerAnnounce]:
    return {str(one.id): one for one in base.of(wire.ServerAnnounce)}


# --- getting acquainted -----------------------------------------------------------------------------------------------


def test_a_base_server_that_dialled_hears_nothing_before_it_has_announced_itself() -> None:
    network = ScriptedNetwork()
    server = network.start("a", redirects=False)
    base = quiet_base_server(network, server)
    network.logged_in(server).post("hello")
    network.run(5.0)
    assert base.lines == []
    base.announce()
    network.run(0.1)
    assert set(announced(base)) == {server.id}
    assert texts(base) == ["hello"]


def test_a_base_server_that_never_announces_itself_is_spoken_to_after_a_while() -> None:
    network = ScriptedNetwork()
    server = network.start("a", quiet_limit=6.0)
    base = quiet_base_server(network, server)
    network.run(5.8)
    assert base.lines == []
    network.run(0.5)
    assert set(announced(base)) == {server.id}


def test_a_dialled_base_server_gets_words_that_it_knows_first() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.listening_base_server()
    server.handle(events.JoinRequested(Address("base.example", 9000)))
    network.run(1.0)
    assert base.commands == ["AUTHENTICATE", "SERVER_ANNOUNCE"]
    assert base.of(wire.Authenticate)[0].secret == SECRET
    assert base.of(wire.ServerAnnounce)[0].id == server.id


def test_features_other_than_ours_make_a_base_link_that_may_be_spoken_to_at_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    network.registered(server, "ann")
    peer = network.peer(server)
    peer.say(wire.Authenticate(SECRET, features=["user_info"]))
    network.run(0.1)
    assert peer.commands == ["SERVER_ANNOUNCE", "USER_INFO"]
    assert set(peer.of(wire.UserInfo)[0].user_info) == {"ann"}


def test_user_info_is_sent_even_when_there_are_no_users() -> None:
    network = ScriptedNetwork()
    peer = network.peer(network.start("a"))
    peer.say(wire.Authenticate(SECRET, features=["user_info"]))
    network.run(0.1)
    assert peer.of(wire.UserInfo) == [wire.UserInfo({})]


def test_a_new_native_server_gets_user_info_once() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2))
    assert len(first.said(wire.UserInfo)) == 1
    second.crash()
    network.run(1.0)
    network.start("n001")
    network.run(5.0)
    network.cut_between(first, network.servers["n001"])
    network.run(5.0)
    assert network.is_one()
    assert len(first.said(wire.UserInfo)) == 2


def test_users_that_another_kind_of_server_tells_of_can_log_in() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False)
    peer = network.listening_base_server()
    servers[0].handle(events.JoinRequested(Address("base.example", 9000)))
    network.run(0.1)
    peer.say(wire.UserInfo({"ann": "$argon2id$s", "bob": "in clear", "anonymous": "x", "": "y", "x~abc234": "z"}))
    peer.announce()
    network.run(1.0)
    for server in servers:
        assert set(dict(iter(server.node.book))) == {"ann", "bob"}
        network.logged_in(server, "ann", "s")
        network.logged_in(server, "bob", "in clear")


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + " ", "network secre"])
def test_a_wrong_secret_is_refused(secret: str) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    peer = network.peer(server)
    peer.say(wire.Authenticate(secret))
    peer.say(wire.ServerAnnounce("base", 0, "base.example", 9000))
    network.run(0.1)
    assert peer.commands == ["AUTHENTICATION_FAIL"]
    assert peer.closed is not None
    assert not server.node.snapshot(server.now).base_servers


# --- afterwards -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", [False, True], ids=["it dials", "we dial"])
def test_a_base_server_never_sees_a_command_that_it_does_not_know(dialled: bool) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    base = dialled_base_server(network, servers[0]) if dialled else network.base_server(servers[0])
    client = network.logged_in(servers[2])
    client.post("hello", ref="r1")
    network.registered(servers[1], "ann")
    base.say(wire.LockRequest("bob", "s"))
    base.say(activity("from base"))
    network.run(2.0)
    servers[2].crash()
    network.run(30.0)
    network.start("n002", redirects=False)
    network.run(30.0)
    servers[1].drain()
    network.run(10.0)
    servers[0].drain()
    network.run(10.0)
    assert set(base.commands) <= set(BASE_FIELDS)


@pytest.mark.parametrize("dialled", [False, True], ids=["it dials", "we dial"])
def test_everything_behind_a_node_is_announced_each_interval_and_nothing_else(dialled: bool) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    other = network.base_server(servers[2], 9100, ["o1", "o2"])
    base = dialled_base_server(network, servers[0]) if dialled else network.base_server(servers[0])
    network.run(2.0)
    before = len(base.of(wire.ServerAnnounce))
    for _ in range(4):
        network.run(5.0)
        other.announce()
        base.announce()
        network.run(0.1)
    since = [str(one.id) for one in base.of(wire.ServerAnnounce)[before:]]
    assert set(since) == {server.id for server in servers} | {"o1", "o2"}
    assert all(3 <= since.count(server) <= 6 for server in set(since))
    assert "base" not in since


def test_announcements_carry_only_base_fields_and_the_present_load() -> None:
    network = ScriptedNetwork()
    server = network.start("a", redirects=False)
    base = network.base_server(server)
    for _ in range(3):
        network.logged_in(server)
    network.run(5.5)
    last = msgspec.json.decode([line for line in base.lines if b"SERVER_ANNOUNCE" in line][-1])
    assert last == {
        "command": "SERVER_ANNOUNCE", "id": server.id, "load": 3, "hostname": "node.example", "port": 1000,
    }  # fmt: skip


def test_an_announcement_is_passed_on_to_other_base_servers_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    left, right = network.base_server(server, 9000, ["l"]), network.base_server(server, 9100, ["r"])
    network.run(1.0)
    before = len(right.of(wire.ServerAnnounce))
    left.announce(load=7)
    network.run(0.5)
    (told,) = right.of(wire.ServerAnnounce)[before:]
    assert (told.id, told.load) == ("l", 7)


def test_a_server_that_joins_is_announced_at_once() -> None:
    network = ScriptedNetwork()
    first = network.start("a")
    base = network.base_server(first)
    network.run(1.0)
    second = network.start("b", first)
    network.run(0.5)
    assert second.id in announced(base)


def test_activities_cross_in_both_directions_once() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    left, right = network.base_server(servers[0], 9000, ["l"]), network.base_server(servers[2], 9100, ["r"])
    clients = [network.logged_in(server) for server in servers]
    clients[1].post("from a node")
    network.run(1.0)
    left.say(activity("from the left", authenticated_user="ann"))
    network.run(1.0)
    right.say(activity("from the right"))
    network.run(30.0)
    assert [client.texts() for client in clients] == [["from a node", "from the left", "from the right"]] * 3
    assert texts(left) == ["from a node", "from the right"]
    assert texts(right) == ["from a node", "from the left"]


def test_what_a_base_server_passes_on_with_our_extra_fields_is_recognised() -> None:
    """It keeps extra fields of broadcasts, so an activity that came back over another base server is known."""
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    base = network.base_server(first)
    client, far = network.logged_in(first), network.logged_in(second)
    client.post("hello")
    network.run(1.0)
    (heard,) = base.of(wire.ActivityBroadcast)
    base.say(heard)
    network.run(1.0)
    assert client.texts() == far.texts() == ["hello"]


def test_a_base_server_is_not_told_what_it_has_said_in_the_name_of_a_server_that_is_out_of_reach() -> None:
    """Nothing proves it when it comes. What comes with the proof later is what the base server has."""
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    base = network.base_server(first)
    network.part([first], [second])
    network.run(1.0)
    network.logged_in(second).post("hello")
    network.run(1.0)
    (entry,) = second.disk.entries()
    base.say(frame_of(entry).message)
    network.run(1.0)
    network.mend()
    assert network.until(lambda: entry.id in first.node.replication.vector, 30.0)
    network.run(5.0)
    assert texts(base) == []


@pytest.mark.parametrize("written_at", ["base server", "base client", "client of ours"])
def test_what_has_come_through_a_base_server_without_proof_is_shown_once(written_at: str) -> None:
    """It is taken in a second time: whoever wrote it need not have given it a name by which copies are known."""
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    base, other = network.base_server(first), network.base_server(second, 9001, ("other",))
    readers = [network.logged_in(server) for server in (first, second)]
    network.part([first], [second])
    network.run(1.0)
    if written_at == "base server":
        other.say(activity("hello"))
    else:
        writer = network.client(second, features=("ack",) if written_at == "client of ours" else ())
        writer.login()
        network.run(0.5)
        writer.post("hello", **({"ref": "w-1"} if written_at == "client of ours" else {}))
    network.run(1.0)
    (entry,) = second.disk.entries()
    base.say(frame_of(entry).message)
    network.run(1.0)
    assert len(list(first.disk.entries())) == 1
    network.mend()
    assert network.until(lambda: len(list(first.disk.entries())) == len(list(second.disk.entries())) == 2, 60.0)
    network.run(5.0)
    assert [reader.texts() for reader in readers] == [["hello"], ["hello"]]
    assert texts(base) == []
    assert texts(other) == ([] if written_at == "base server" else ["hello"])


@pytest.mark.parametrize("user", [{"authenticated_user": "ann"}, {"authenticated_user": "anonymous"}, {}])
def test_activities_of_a_user_at_a_base_server_keep_their_order(user: dict[str, str]) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    base = network.base_server(servers[0])
    far = network.logged_in(servers[2])
    for number in range(20):
        base.say(activity(number, **user))
    network.run(2.0)
    assert far.texts() == list(range(20))
    posts = sorted(servers[0].disk.entries(), key=lambda one: one.id)
    assert [one.previous for one in posts] == [None, *(one.id for one in posts[:-1])]


@pytest.mark.parametrize("dialled", [False, True], ids=["it dials", "we dial"])
def test_a_base_server_whose_link_broke_is_dialled_again(dialled: bool) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = dialled_base_server(network, server) if dialled else network.base_server(server)
    again = base if dialled else network.listening_base_server()
    first = base.end
    base.break_off()
    assert network.until(lambda: again.end is not None and again.end is not first, 5.0)
    network.run(0.1)
    again.announce()
    network.run(0.1 + server.config.listen)
    assert server.node.snapshot(server.now).base_servers


def test_a_base_server_that_is_gone_is_dialled_ever_more_rarely() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server)
    base.hang_up()
    network.run(120.0)
    before = len(server.dials)
    network.run(300.0)
    assert len(server.dials) - before <= 20
    assert not server.node.snapshot(server.now).base_servers


def test_a_base_server_that_says_nothing_for_long_is_given_up() -> None:
    network = ScriptedNetwork()
    server = network.start("a", base_silence_limit=20.0)
    base = network.base_server(server)
    for _ in range(4):
        network.run(15.0)
        base.announce()
    assert base.closed is None
    network.run(60.0)
    assert base.closed is not None


def test_a_dialled_server_that_never_says_anything_is_tried_again() -> None:
    network = ScriptedNetwork()
    server = network.start("a", base_silence_limit=20.0)
    network.listening_base_server()
    server.handle(events.JoinRequested(Address("base.example", 9000)))
    network.run(120.0)
    assert len(server.dials) >= 2


def test_not_everything_waits_for_a_dialled_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_activities, "BACKLOG_BYTES_MAX", 100_000)
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False)
    network.listening_base_server()
    servers[0].handle(events.JoinRequested(Address("base.example", 9000)))
    client = network.logged_in(servers[1])
    network.run(10.0)
    for _ in range(30):
        client.post("x" * 10_000)
        network.run(0.1)
        assert servers[0].node.queues()["messages held up for base servers"] <= 10
    assert len(client.texts()) == 30, "and everybody else gets them"


def test_of_two_ways_to_a_base_server_one_is_cut() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    first = network.base_server(servers[0], 9000, ["b1", "b2"])
    network.run(1.0)
    second = network.base_server(servers[2], 9001, ["b2", "b1"])
    network.run(1.0)
    assert [first.closed is None, second.closed is None].count(True) == 1


def test_a_node_that_hears_itself_over_a_second_base_link_cuts_that() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    first, second = network.base_server(server, 9000, ["b1"]), network.base_server(server, 9100, ["b2"])
    network.run(1.0)
    second.say(wire.ServerAnnounce(server.id, 0, "node.example", 1000))
    network.run(1.0)
    assert first.closed is None
    assert second.closed is not None


@pytest.mark.parametrize(
    "message",
    [
        wire.LockRequest("ann"),
        wire.ActivityBroadcast(msgspec.Raw(b"{}"), id="nonsense", stamp=1),
        wire.Ping(1),
        wire.Login("anonymous"),
        wire.Authenticate(SECRET),
    ],
    ids=lambda one: type(one).__name__,
)
def test_nonsense_from_a_base_server_ends_only_its_link(message: wire.Message) -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False)
    client = network.logged_in(servers[0])
    base = network.base_server(servers[0])
    base.say(message)
    network.run(1.0)
    assert base.closed is not None
    assert base.commands[-1] == "INVALID_MESSAGE"
    assert client.closed is None
    assert network.is_one()
