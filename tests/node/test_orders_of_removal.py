"""An activity that an operator removes is gone everywhere, for good, also where it comes later or was damaged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.simulation.testing import ScriptedClient
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.entries import parse_entry_id
from core.wire.messages import ActivityRefused, OrderRefused, OrderTaken
from tests.node.operators import founded, gives
from tests.node.ordering import bob_at, bodies, history, said


def removing(client: ScriptedClient) -> list[str]:
    return [one for message in client.of(wire.ActivitiesRemoved) for one in message.ids]


def test_a_removed_activity_is_gone_from_every_disk_and_clients_let_go_of_it():
    network, servers, ada = founded()
    bob = bob_at(network, servers[2])
    reader = network.client(servers[1], features=(*NATIVE_CLIENT, "removed"))
    reader.login()
    network.run(0.5)
    first, gone = said(network, bob, "bob", b"stays", "r1"), said(network, bob, "bob", b"goes", "r2")
    assert isinstance(gives(network, ada, "ada", "remove", gone, because="a threat"), OrderTaken)
    network.run(2.0)
    for server in servers:
        assert [b"stays" in body for body in bodies(server)] == [True]
        assert history(network, server) == [first]
    assert [(one.ids, one.by, one.because) for one in reader.of(wire.ActivitiesRemoved)] == [
        ([gone], "ada", "a threat")
    ]
    assert not bob.of(wire.ActivitiesRemoved), "it has not shown that it would understand"
    again = gives(network, ada, "ada", "remove", gone)
    assert isinstance(again, OrderRefused) and "no activity" in again.info
    last = said(network, bob, "bob", b"goes on", "r3")
    network.run(1.0)
    assert [history(network, server) for server in servers] == [[first, last]] * 3
    assert not any(server.node.queues()["activities parked"] for server in servers)


def test_a_removal_cannot_be_undone():
    network, servers, ada = founded(1)
    bob = bob_at(network, servers[0])
    taken = gives(network, ada, "ada", "remove", said(network, bob, "bob", b"goes", "r1"))
    assert isinstance(taken, OrderTaken)
    refused = gives(network, ada, "ada", "undo", taken.id)
    assert isinstance(refused, OrderRefused) and "gone for good" in refused.info


def test_what_is_removed_while_it_is_damaged_is_awaited_no_more():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[0])
    gone = said(network, bob, "bob", b"goes 4", "r1")
    network.run(1.0)
    network.part(servers[:1], servers[1:])
    network.run(15.0)
    servers[1].disk.flip([parse_entry_id(gone)])
    network.run(5.0)
    assert servers[1].node.replication.damaged.count == 1
    gives(network, ada, "ada", "remove", gone)
    network.mend()
    assert network.until(lambda: not servers[1].node.replication.damaged.count, 60.0)
    network.run(5.0)
    assert str(servers[0].node.replication.vector.contiguous) == str(servers[1].node.replication.vector.contiguous)


def test_what_is_damaged_where_it_is_removed_is_not_asked_for():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[0])
    gone = said(network, bob, "bob", b"goes 4", "r1")
    network.run(1.0)
    servers[1].disk.flip([parse_entry_id(gone)])
    gives(network, ada, "ada", "remove", gone)
    network.run(15.0)
    assert not servers[1].node.replication.damaged.count and not bodies(servers[1])


def test_what_follows_a_removed_activity_does_not_wait_for_it():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[0])
    network.part(servers[:1], servers[1:])
    network.run(15.0)
    gone, later = said(network, bob, "bob", b"goes", "r1"), said(network, bob, "bob", b"stays", "r2")
    gives(network, ada, "ada", "remove", gone)
    reader = network.client(servers[1])
    reader.login()
    network.mend()
    assert network.until(lambda: bool(reader.of(wire.ActivityBroadcast)), 12.0)
    assert [one.id for one in reader.of(wire.ActivityBroadcast)] == [later]


def test_a_client_that_comes_back_is_told_what_was_removed_meanwhile():
    network, servers, ada = founded(1)
    bob = bob_at(network, servers[0])
    gone = said(network, bob, "bob", b"goes", "r1")
    gives(network, ada, "ada", "remove", gone)
    features = (*NATIVE_CLIENT, "removed", "place")
    back, new = (network.client(servers[0], features=features) for _ in range(2))
    back.login(have=wire.HeldEntries(1, {}))
    new.login()
    network.run(1.0)
    assert removing(back) == [gone] and not removing(new)


def test_a_server_that_comes_later_has_never_had_it_and_lacks_nothing():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[1])
    said(network, bob, "bob", b"before", "r1")
    gone = said(network, bob, "bob", b"goes", "r2")
    said(network, bob, "bob", b"after", "r3")
    gives(network, ada, "ada", "remove", gone)
    network.run(1.0)
    late = network.start("late", servers[1], redirects=False)
    network.run(15.0)
    assert len(bodies(late)) == 2 and len(history(network, late)) == 2
    vectors = {str(sorted(server.node.replication.vector.contiguous.items())) for server in (*servers, late)}
    assert len(vectors) == 1, "what was removed counts as received everywhere"


def test_what_was_on_its_way_in_the_other_part_of_the_network_vanishes_when_the_parts_meet():
    network, servers, ada = founded(4)
    bob = bob_at(network, servers[3])
    gone = said(network, bob, "bob", b"goes", "r1")
    network.run(1.0)
    servers[3].crash()
    network.run(1.0)
    gives(network, ada, "ada", "remove", gone)
    network.run(1.0)
    back = network.start("n003", servers[2], redirects=False)
    assert len(bodies(back)) == 1, "its disk has it still"
    network.run(15.0)
    assert not bodies(back) and not history(network, back)


def test_a_copy_that_another_part_of_the_network_accepted_goes_with_it():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[0])
    network.part(servers[:1], servers[1:])
    network.run(15.0)
    first = said(network, bob, "bob", b"goes", "same")
    other = network.logged_in(servers[1], "bob", "s")
    other.say(wire.ActivityMessage("bob", {"text": msgspec.Raw(b'"goes"')}, "s", ref="same"))
    network.run(0.5)
    gives(network, ada, "ada", "remove", first)
    network.mend()
    assert network.until(network.is_one, 60.0)
    network.run(15.0)
    assert not bodies(servers[0]) and not bodies(servers[1])
    bob.say(wire.ActivityMessage("bob", {"text": msgspec.Raw(b'"goes"')}, "s", ref="same"))
    network.run(0.5)
    assert "removed this activity" in bob.of(ActivityRefused)[-1].info


def test_data_that_was_put_back_to_before_the_removal_lets_go_of_it_at_the_start():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[1])
    gone = said(network, bob, "bob", b"goes", "r1")
    network.run(1.0)
    disk = servers[1].disk
    copy = disk.store.backup(Path("before"), 1)
    gives(network, ada, "ada", "remove", gone)
    network.run(1.0)
    assert not bodies(servers[1])
    servers[1].crash()
    disk.store = disk.store.restored(copy)
    network.run(1.0)
    back = network.start("n001", servers[0], redirects=False)
    network.run(15.0)
    assert not bodies(back) and not history(network, back)


def test_a_base_server_and_an_older_one_are_not_told_in_words_that_they_do_not_know():
    network, servers, ada = founded(1)
    older = network.peer(servers[0])
    older.say(wire.Authenticate("network secret", id="older", incarnation=1, features=["sync"]))
    base = network.base_client(servers[0])
    base.say(wire.Login("anonymous"))
    bob = bob_at(network, servers[0])
    gone = said(network, bob, "bob", b"goes", "r1")
    gives(network, ada, "ada", "remove", gone)
    network.run(1.0)
    assert "ACTIVITIES_REMOVED" not in {*older.commands, *base.commands}
    older.lines.clear()
    older.say(wire.SyncRequest({}))
    network.run(1.0)
    assert not any(b'"goes"' in line for line in older.lines)
