"""Activities across the network: everybody once, each sender in order, nothing before it is durable."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import msgspec
import pytest

from core.node.interface import actions, events
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain, random_tree, star
from core.wire import messages as wire
from core.wire.entries import EntryId


def sent_between_servers(network: ScriptedNetwork) -> int:
    """How many broadcasts crossed a link between servers so far."""
    links = {conn for server in network.servers.values() for conn in server.links}
    return sum(
        isinstance(message, wire.ActivityBroadcast | wire.Record) and conn in links
        for server in network.servers.values()
        for conn, message in server.sent
    )


def native_link(network: ScriptedNetwork, server: WatchedServer, identity: str = "far") -> Any:
    """A native neighbour that a test speaks for."""
    peer = network.peer(server)
    peer.say(wire.Authenticate("network secret", id=identity, incarnation=1, features=["sync"]))
    network.run(0.05)
    return peer


def broadcast(seq: int, text: object, *, node: str = "far", **extra: Any) -> wire.ActivityBroadcast:
    body = msgspec.Raw(msgspec.json.encode({"text": text}))
    return wire.ActivityBroadcast(body, id=f"{node}.1.{seq}", stamp=1_700_000_000_000_000 + seq, **extra)


# --- everybody, once --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [chain, star, random_tree])
def test_every_client_gets_each_activity_once_and_each_senders_in_order(shape: Any) -> None:
    network = ScriptedNetwork()
    servers = network.build(shape(7), redirects=False)
    clients = [network.logged_in(server) for server in servers for _ in range(2)]
    for number in range(10):
        for who, client in enumerate(clients):
            client.post([who, number])
        network.run(0.002)
    network.run(2.0)
    for client in clients:
        texts = [tuple(one) for one in client.texts()]
        assert sorted(texts) == [(who, number) for who in range(14) for number in range(10)]
        by_sender = defaultdict(list)
        for who, number in texts:
            by_sender[who].append(number)
        assert all(numbers == sorted(numbers) for numbers in by_sender.values())


@pytest.mark.parametrize("shape", [chain, star, random_tree])
def test_a_broadcast_costs_one_message_for_each_other_server(shape: Any) -> None:
    network = ScriptedNetwork()
    servers = network.build(shape(12), redirects=False)
    client = network.logged_in(servers[5])
    network.run(2.0)
    client.post("hello")
    network.run(1.0)
    assert sent_between_servers(network) == 11
    network.run(40.0)
    assert sent_between_servers(network) == 11


def test_an_activity_that_arrives_twice_is_delivered_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    far, further = native_link(network, server), native_link(network, server, "further")
    for peer in (far, far, further):
        peer.say(broadcast(1, "hello"))
    network.run(1.0)
    assert client.texts() == ["hello"]
    assert len(server.activities()) == 1


def test_an_activity_under_this_servers_own_identity_is_not_believed() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    far = native_link(network, server)
    far.say(broadcast(7, "forged", node=server.id))
    network.run(1.0)
    client.post("mine")
    network.run(1.0)
    assert client.texts() == ["mine"]


def test_a_frame_is_the_same_bytes_for_all_who_read_the_same_protocol() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    native = [network.logged_in(server), network.logged_in(server)]
    base = [network.base_client(server), network.base_client(server)]
    for client in base:
        client.login()
    native[0].post("hello")
    network.run(1.0)
    for first, second in (native, base):
        lines = [line for line in first.lines if b"ACTIVITY_BROADCAST" in line]
        assert len(lines) == 1
        assert lines == [line for line in second.lines if b"ACTIVITY_BROADCAST" in line]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_or_doubled_while_links_break_and_servers_restart(seed: int) -> None:
    network = ScriptedNetwork(seed)
    servers = network.build(random_tree(6, seed), redirects=False)
    rng = random.Random(seed)
    senders = [network.logged_in(server) for server in servers[:3]]
    for number in range(60):
        for who, client in enumerate(senders):
            client.post([who, number], ref=f"r{who}.{number}")
        network.run(0.05)
        if number % 6 == 3:
            one, other = rng.sample(servers, 2)
            network.cut_between(one, other)
        if number % 20 == 10:
            victim = rng.choice(servers[3:])
            if victim.alive:
                victim.crash()
                network.after(1.0, lambda name=victim.config.name: network.start(name, redirects=False))  # type: ignore[misc]
    network.run(40.0)
    assert network.is_one()
    for server in network.living:
        posted = sorted(tuple(one["text"]) for one in server.activities())
        assert posted == [(who, number) for who in range(3) for number in range(60)]
    for who, client in enumerate(senders):
        assert len(client.of(wire.ActivityAck)) == 60
        own = [number for sender, number in client.texts() if sender == who]
        assert own == list(range(60))
        assert len(client.texts()) == 180


# --- durable first ----------------------------------------------------------------------------------------------------


def test_nothing_leaves_the_server_before_it_is_durable() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    first.disk.delay = (1.0, 1.0)
    sender, near = network.logged_in(first), network.logged_in(first)
    far = network.logged_in(second)
    network.run(2.0)
    sender.post("hello", ref="r1")
    network.run(0.9)
    assert not sender.of(wire.ActivityAck)
    assert near.texts() == far.texts() == []
    network.run(0.2)
    assert len(sender.of(wire.ActivityAck)) == 1
    assert near.texts() == far.texts() == ["hello"]


def test_what_another_server_accepted_is_durable_here_before_it_goes_on() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build(chain(3), redirects=False, lazy_links=0)
    network.run(1.0)
    second.disk.delay = (1.0, 1.0)
    sender, near, far = (network.logged_in(server) for server in (first, second, third))
    sender.post("hello")
    network.run(0.5)
    assert near.texts() == far.texts() == []
    network.run(1.0)
    assert near.texts() == far.texts() == ["hello"]


def test_what_one_turn_brings_is_one_batch() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    message = wire.ActivityMessage("anonymous", {})
    done = server.node.handle(events.MessageReceived(client.conn, message), server.now)
    assert sum(isinstance(one, actions.Persist) for one in done) == 1


def test_a_client_is_refused_what_the_disk_does_not_take_and_stays() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client, other = network.logged_in(server), network.logged_in(server)
    server.disk.full = True
    client.post("lost", ref="r1")
    network.run(1.0)
    client.post("lost too", ref="r2")
    network.run(1.0)
    refused = client.of(wire.ActivityRefused)
    assert [one.ref for one in refused] == ["r1", "r2"]
    assert all("no space left" in one.info for one in refused)
    assert client.closed is None
    assert other.texts() == []
    server.disk.mend()
    client.post("kept", ref="r3")
    network.run(1.0)
    assert client.texts() == other.texts() == ["kept"]


def test_a_base_client_is_closed_over_what_the_disk_does_not_take() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.base_client(server)
    client.login()
    server.disk.full = True
    client.post("lost")
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "AUTHENTICATION_FAIL"]
    assert client.closed is not None


def test_what_others_have_accepted_is_passed_on_while_the_disk_fails() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build(chain(3), redirects=False, lazy_links=0)
    second.disk.full = True
    sender, near, far = (network.logged_in(server) for server in (first, second, third))
    sender.post("hello")
    network.run(1.0)
    assert near.texts() == far.texts() == ["hello"]


def test_a_disk_that_failed_for_a_while_leaves_no_gap() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    sender, far = network.logged_in(first), network.logged_in(second)
    base = network.base_server(first)
    network.run(1.0)
    first.disk.delay = (0.2, 0.2)
    first.disk.full = True
    for number in range(5):
        sender.post(number, ref=f"r{number}")
        base.say(wire.ActivityBroadcast(msgspec.Raw(b'{"text":"from a base server"}')))
        network.run(0.1)
    network.run(1.0)
    first.disk.mend()
    sender.post("kept", ref="r9")
    network.run(30.0)
    assert far.texts()[-1] == "kept"
    for server in (first, second):
        assert not server.node.replication.vector.gaps()
        assert server.disk.store.is_without_gaps
    before = len(first.sent)
    network.run(60.0)
    assert not [one for _, one in first.sent[before:] if isinstance(one, wire.ActivityBroadcast)]


def test_what_the_disk_takes_only_now_is_there_for_a_client_that_asks_in_the_meantime() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    second.disk.full = True
    sender = network.logged_in(first)
    sender.post("one")
    network.run(1.0)
    second.disk.delay = (2.0, 2.0)
    sender.post("two")
    network.run(0.5)
    late = network.client(second)
    late.login(history=10)
    network.run(0.5)
    second.disk.mend()
    network.run(20.0)
    assert late.texts() == ["one", "two"]
    assert [one["text"] for one in second.activities()] == ["one", "two"]


def test_a_repetition_of_what_could_not_be_kept_is_refused_as_well() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    first, second = network.logged_in(server), network.logged_in(server)
    server.disk.delay, server.disk.full = (0.5, 0.5), True
    first.post("lost", ref="r1")
    network.run(0.1)
    second.post("lost", ref="r1")
    network.run(2.0)
    assert len(first.of(wire.ActivityRefused)) == len(second.of(wire.ActivityRefused)) == 1


# --- repetitions ------------------------------------------------------------------------------------------------------


def test_a_repetition_is_acknowledged_with_the_same_id_and_delivered_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    network.registered(server, "ann", "s")
    client = network.logged_in(server, "ann", "s")
    for _ in range(3):
        client.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    client.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    acks = client.of(wire.ActivityAck)
    assert len(acks) == 4
    assert len({ack.id for ack in acks}) == 1
    assert client.texts() == ["hello"]


def test_a_repetition_at_another_server_is_acknowledged_with_the_same_id() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.registered(first, "ann", "s")
    one = network.logged_in(first, "ann", "s")
    one.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    one.hang_up()
    again = network.logged_in(second, "ann", "s")
    again.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    assert again.of(wire.ActivityAck)[0].id == one.of(wire.ActivityAck)[0].id
    assert len(second.activities()) == 1


def test_a_repetition_after_a_restart_is_recognised() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    network.registered(server, "ann", "s")
    one = network.logged_in(server, "ann", "s")
    one.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    server.crash()
    network.run(1.0)
    again = network.logged_in(network.start("a"), "ann", "s")
    again.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    assert again.of(wire.ActivityAck)[0].id == one.of(wire.ActivityAck)[0].id


def test_two_senders_may_use_the_same_ref() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    for name in ("ann", "bob"):
        network.registered(server, name, "s")
    ann, bob = network.logged_in(server, "ann", "s"), network.logged_in(server, "bob", "s")
    ann.post("by ann", "ann", "s", ref="r1")
    bob.post("by bob", "bob", "s", ref="r1")
    network.run(1.0)
    assert ann.texts() == ["by ann", "by bob"]


def test_an_activity_accepted_at_two_servers_under_one_ref_reaches_a_client_once() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.registered(first, "ann", "s")
    network.run(1.0)
    one, two = network.logged_in(first, "ann", "s"), network.logged_in(second, "ann", "s")
    watching = network.logged_in(first), network.logged_in(second)
    network.part([first], [second])
    one.post("hello", "ann", "s", ref="r1")
    two.post("hello", "ann", "s", ref="r1")
    network.run(1.0)
    network.mend()
    assert network.until(network.is_one)
    network.run(5.0)
    assert [client.texts() for client in watching] == [["hello"], ["hello"]]
    for server in (first, second):
        late = network.logged_in(server, history=10)
        assert {one.ref for one in late.of(wire.ActivityBroadcast)} == {"r1"}


def test_a_client_that_has_an_activity_is_not_sent_what_another_server_accepted_under_the_same_ref() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.part([first], [second])
    network.logged_in(second).post("hello", ref="r1")
    network.run(1.0)
    reader = network.logged_in(second)
    seen = dict(reader.of(wire.LoginSuccess)[0].vector or {})
    late = network.logged_in(first)
    late.post("hello", ref="r1")
    network.run(1.0)
    network.mend()
    assert network.until(network.is_one)
    network.run(5.0)
    again = network.logged_in(first, seen=seen)
    assert again.texts() == []
    assert network.logged_in(first, history=10).texts() == ["hello"]


# --- order ------------------------------------------------------------------------------------------------------------


def test_an_activity_waits_for_its_senders_previous_one() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    far = native_link(network, server)
    far.say(broadcast(3, "third", sender="ann", previous="far.1.2"))
    far.say(broadcast(2, "second", sender="ann", previous="far.1.1"))
    far.say(broadcast(4, "another's", sender="bob"))
    network.run(1.0)
    assert client.texts() == ["another's"]
    assert server.node.replication.parked == 2
    far.say(broadcast(1, "first", sender="ann"))
    network.run(1.0)
    assert client.texts() == ["another's", "first", "second", "third"]
    assert server.node.replication.parked == 0


def test_an_activity_waits_for_its_senders_previous_one_also_across_a_restart() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    far.say(broadcast(3, "third", sender="ann", previous="far.1.2"))
    far.say(broadcast(4, "fourth", sender="ann", previous="far.1.3"))
    network.run(1.0)
    server.crash()
    server = network.start("a")
    client = network.logged_in(server, history=10)
    assert client.texts() == []
    assert server.node.replication.parked == 2
    far = native_link(network, server)
    for number, text in ((1, "first"), (2, "second")):
        far.say(broadcast(number, text, sender="ann", previous=f"far.1.{number - 1}" if number > 1 else None))
    network.run(1.0)
    assert client.texts() == ["first", "second", "third", "fourth"]


@pytest.mark.parametrize("down", [0.0, 3600.0])
@pytest.mark.parametrize("clock", [0.0, 86_400.0, -86_400.0])
def test_however_long_a_server_was_down_and_whatever_its_clock_says_it_delivers_in_order(
    down: float, clock: float
) -> None:
    """It has delivered nothing meanwhile of what waits."""
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    far.say(broadcast(3, "third", sender="ann", previous="far.1.2"))
    network.run(1.0)
    server.crash()
    network.run(down)
    network.clock_offsets["a"] = clock
    server = network.start("a")
    reader = network.client(server, features=())
    reader.login()
    network.run(0.5)
    far = native_link(network, server)
    far.say(broadcast(4, "fourth", sender="ann", previous="far.1.3"))
    network.run(1.0)
    assert reader.texts() == []
    for number, text in ((1, "first"), (2, "second")):
        far.say(broadcast(number, text, sender="ann", previous=f"far.1.{number - 1}" if number > 1 else None))
    network.run(1.0)
    assert reader.texts() == ["first", "second", "third", "fourth"]


def test_what_has_waited_in_vain_does_so_no_more_after_a_restart() -> None:
    """Whoever recognises nothing would get it again."""
    network = ScriptedNetwork()
    server = network.start("a", order_wait=5.0)
    reader = network.logged_in(server)
    far = native_link(network, server)
    far.say(broadcast(3, "third", sender="ann", previous="far.1.2"))
    assert network.until(lambda: reader.texts() == ["third"], 7.0)
    network.run(0.5)
    server.crash()
    server = network.start("a", order_wait=5.0)
    assert server.node.replication.parked == 0


def test_an_activity_that_waits_goes_on_to_other_servers_all_the_same() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    far = native_link(network, first)
    far.say(broadcast(2, "second", sender="ann", previous="far.1.1"))
    network.run(1.0)
    assert len(second.activities()) == 1
    assert second.node.replication.parked == 1


def test_an_activity_whose_previous_one_never_comes_is_delivered_after_a_while() -> None:
    network = ScriptedNetwork()
    server = network.start("a", order_wait=5.0)
    client = network.logged_in(server)
    far = native_link(network, server)
    far.say(broadcast(3, "third", sender="ann", previous="far.1.2"))
    network.run(1.0)
    far.say(broadcast(4, "fourth", sender="ann", previous="far.1.3"))
    far.say(broadcast(9, "another", sender="bob", previous="gone.1.1"))
    network.run(3.9)
    assert client.texts() == []
    network.run(0.5)
    assert client.texts() == ["third", "fourth"]
    network.run(1.0)
    assert client.texts() == ["third", "fourth", "another"]
    assert server.node.replication.parked == 0


def test_an_activity_that_has_waited_goes_behind_what_came_later_of_that_which_it_follows() -> None:
    network = ScriptedNetwork()
    server = network.start("a", order_wait=5.0)
    client = network.logged_in(server)
    far = native_link(network, server)
    far.say(broadcast(4, "fourth", sender="ann", previous="far.1.3"))
    network.run(1.0)
    far.say(broadcast(2, "second", sender="ann", previous="far.1.1"))
    network.run(1.0)
    far.say(broadcast(3, "third", sender="ann", previous="far.1.2"))
    far.say(broadcast(9, "another", sender="bob", previous="gone.1.1"))
    network.run(2.9)
    assert client.texts() == []
    network.run(0.5)
    assert client.texts() == ["second", "third", "fourth"]
    assert server.node.replication.parked == 1


@pytest.mark.parametrize("previous", ["far.1.1", "far.1.2"], ids=["itself", "one another"])
def test_activities_that_wait_for_one_another_are_delivered_after_a_while(previous: str) -> None:
    network = ScriptedNetwork()
    server = network.start("a", order_wait=5.0)
    client = network.logged_in(server)
    far = native_link(network, server)
    far.say(broadcast(1, "one", previous=previous))
    far.say(broadcast(2, "two", previous="far.1.1"))
    network.run(7.0)
    assert sorted(client.texts()) == ["one", "two"]
    assert server.node.replication.parked == 0


def test_more_than_may_wait_is_delivered_without_waiting_oldest_first() -> None:
    network = ScriptedNetwork()
    server = network.start("a", parked_max=3)
    client = network.logged_in(server)
    far = native_link(network, server)
    for seq in range(1, 6):
        far.say(broadcast(seq, seq, previous=f"gone.1.{seq}"))
    network.run(1.0)
    assert client.texts() == [1, 2]
    assert server.node.replication.parked == 3


def test_what_waits_is_bounded_in_bytes() -> None:
    network = ScriptedNetwork()
    server = network.start("a", parked_bytes_max=100_000)
    client = network.logged_in(server)
    far = native_link(network, server)
    for seq in range(1, 11):
        far.say(broadcast(seq, "x" * 30_000, previous=f"gone.1.{seq}"))
    network.run(1.0)
    assert len(client.texts()) == 7
    assert server.node.replication.parked == 3


def test_a_sender_that_moves_between_servers_is_heard_in_order_everywhere() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4), redirects=False)
    network.registered(servers[0], "ann", "s")
    network.run(1.0)
    watching = [network.logged_in(server) for server in servers]
    for one in network.links_between(servers[1], servers[0]):
        one.take_each_way(0.8)
    previous: str | None = None
    stamp: int | None = None
    for number in range(8):
        client = network.client(servers[number % 4])
        client.login("ann", "s")
        client.post(number, "ann", "s", ref=f"r{number}", previous=previous, previous_stamp=stamp)
        assert network.until(lambda client=client: bool(client.of(wire.ActivityAck)), 5.0)  # type: ignore[misc]
        (ack,) = client.of(wire.ActivityAck)
        previous, stamp = ack.id, ack.stamp
        client.hang_up()
    network.run(10.0)
    assert [client.texts() for client in watching] == [list(range(8))] * 4
    for server in servers:
        assert [one["text"] for one in server.activities()] == list(range(8))


def test_a_client_that_does_not_name_its_previous_activity_is_ordered_by_what_its_server_knows() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.registered(first, "ann", "s")
    network.run(1.0)
    for number, server in enumerate([first, second, first]):
        client = network.base_client(server)
        client.login("ann", "s")
        client.post(number, "ann", "s")
        network.run(1.0)
        client.say(wire.Logout())
    posts = sorted(first.disk.entries(), key=lambda one: one.stamp)[1:]
    assert [one.previous for one in posts] == [None, posts[0].id, posts[1].id]


def test_stamps_of_a_server_increase_with_its_numbers() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    for number in range(50):
        client.post(number, previous_stamp=(1_700_000_000_000_000 if number % 3 else 1_700_000_200_000_000))
    network.run(1.0)
    ordered = sorted(server.disk.entries(), key=lambda one: one.id)
    assert [one.id for one in ordered] == [EntryId(server.id, 1, seq) for seq in range(1, 51)]
    stamps = [one.stamp for one in ordered]
    assert stamps == sorted(set(stamps))


def test_a_stamp_far_in_the_future_is_not_followed() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    client.post("hello", previous_stamp=2**53 - 1)
    network.run(1.0)
    (entry,) = server.disk.entries()
    assert entry.stamp < 1_700_000_010_000_000


# --- missing pieces ---------------------------------------------------------------------------------------------------


def test_a_server_that_was_away_gets_what_it_missed() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    sender = network.logged_in(servers[0])
    servers[2].crash()
    for number in range(30):
        sender.post(number)
    network.registered(servers[0], "ann")
    network.run(1.0)
    back = network.start("n002", redirects=False)
    network.run(10.0)
    assert [one["text"] for one in back.activities()] == list(range(30))
    assert back.node.book.knows("ann")
    assert back.told("synchronised")


@pytest.mark.parametrize("keyed", [True, False], ids=["of this version", "of the version before"])
def test_a_new_server_gets_everything_page_by_page(keyed: bool) -> None:
    network = ScriptedNetwork()
    first = network.start("a", redirects=False, keyed=keyed)
    sender = network.logged_in(first)
    for number in range(1700):
        sender.post(number)
    network.run(2.0)
    second = network.start("b", first, redirects=False)
    network.run(5.0)
    assert len(second.activities()) == 1700
    assert len(first.said(wire.ReconcileSent if keyed else wire.SyncDone)) >= 2


def test_a_gap_is_asked_for_at_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    far.say(wire.SyncDone())
    network.run(0.1)
    asked = len(far.of(wire.SyncRequest))
    far.say(broadcast(5, "fifth"))
    network.run(0.1)
    assert len(far.of(wire.SyncRequest)) == asked + 1


def test_different_digests_make_a_server_ask() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    far.say(wire.SyncDone())
    network.run(0.1)
    asked = len(far.of(wire.SyncRequest))
    far.say(wire.SyncDigest(server.node.synchronisation.digest()))
    network.run(0.1)
    assert len(far.of(wire.SyncRequest)) == asked
    far.say(wire.SyncDigest("another"))
    network.run(1.5)
    assert len(far.of(wire.SyncRequest)) == asked + 1


def test_settled_servers_are_quiet() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4), redirects=False)
    network.logged_in(servers[0]).post("hello")
    network.run(15.0)
    before = [len(server.sent) for server in servers]
    network.run(60.0)
    said = {type(one) for server, start in zip(servers, before, strict=True) for _, one in server.sent[start:]}
    assert said <= {wire.Ping, wire.Pong, wire.ReconcileDigest, wire.DocumentsDigest, wire.ServerAnnounce}


def test_what_a_neighbour_has_more_of_is_asked_for_when_it_asks() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    far.say(wire.SyncDone())
    network.run(0.1)
    asked = len(far.of(wire.SyncRequest))
    far.say(wire.SyncRequest({"far.1": 5}))
    network.run(1.0)
    assert len(far.of(wire.SyncRequest)) == asked + 1


def test_no_client_hears_of_accounts() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    watching: list[ScriptedClient] = [network.logged_in(first), network.logged_in(second)]
    network.registered(first, "ann")
    network.run(1.0)
    assert [client.commands[2:] for client in watching] == [[], []]


def test_what_follows_a_repetition_comes_behind_what_it_repeats() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    client = network.logged_in(server)
    # Another server has accepted the first one, and the client has not heard of it.
    body = msgspec.Raw(b'{"text":"first","authenticated_user":"anonymous"}')
    far.say(msgspec.structs.replace(broadcast(1, "first", ref="r1"), activity=body))
    network.run(0.5)
    client.post("first", ref="r1")
    client.post("second", ref="r2")
    network.run(0.5)
    assert [ack.ref for ack in client.of(wire.ActivityAck)] == ["r1", "r2"]
    second = next(entry for entry in server.disk.entries() if entry.ref == "r2")
    assert str(second.previous) == "far.1.1"


def test_what_another_server_says_under_a_ref_is_not_acknowledged_in_the_place_of_what_is_posted_under_it() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    client, reader = network.logged_in(server), network.logged_in(server)
    far.say(broadcast(1, "something else", ref="r1"))
    network.run(0.5)
    client.post("first", ref="r1")
    client.post("first", ref="r1")
    network.run(0.5)
    (first, second) = client.of(wire.ActivityAck)
    assert first.id == second.id != "far.1.1"
    assert reader.texts() == ["something else", "first"]
    server.crash()
    server = network.start("a")
    back = network.logged_in(server)
    back.post("first", ref="r1")
    network.run(0.5)
    (again,) = back.of(wire.ActivityAck)
    assert again.id == first.id, "it is known by what is in it after a restart, too"


def test_a_client_that_comes_is_told_what_is_here_behind_a_gap() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = native_link(network, server)
    far.say(broadcast(1, "one"))
    far.say(broadcast(3, "three"))
    far.say(broadcast(4, "four"))
    network.run(0.5)
    client = network.client(server)
    client.login()
    network.run(0.5)
    welcome = client.of(wire.LoginSuccess)[-1]
    assert welcome.vector is not None and welcome.vector["far.1"] == 1
    assert welcome.beyond == ["far.1.3", "far.1.4"]
