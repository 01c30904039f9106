"""What operators order, at servers: given at one, it holds at all, also at those that come later; and is undone."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.node.orders.standing import standing_of
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.entries import KeyChange, parse_entry_id
from core.wire.founding_record import FoundingRecord, sign_founding
from core.wire.messages import (
    ActivityAck,
    ActivityRefused,
    LoginFailed,
    LoginSuccess,
    OrderList,
    OrderRefused,
    OrderTaken,
)
from core.wire.server_keys import certified_id
from core.wire.signed_orders import code_verifier, operator_fingerprint, order_as_key, order_in_key, sign_order
from tests.node.operators import founded, gives, order, shows_key, signed, signer_of

HELLO = {"text": msgspec.Raw(b'"hello"')}


def logs_in(network: ScriptedNetwork, server: WatchedServer, name: str, secret: str = "s", **how: Any) -> bool:
    client = network.client(server, **how)
    client.login(name, secret)
    network.run(1.0)
    return bool(client.of(LoginSuccess))


def posts(network: ScriptedNetwork, client: ScriptedClient, name: str, secret: str = "s") -> str:
    """What becomes of a post."""
    client.say(wire.ActivityMessage(name, HELLO, secret, ref=f"{name}{len(client.log)}"))
    network.run(0.5)
    refused = client.of(ActivityRefused)
    return refused[-1].info if refused and client.log[-1] is refused[-1] else client.commands[-1]


def bob_at(network: ScriptedNetwork, server: WatchedServer) -> ScriptedClient:
    network.registered(server, "bob")
    network.run(0.5)
    return network.logged_in(server, "bob", "s")


def founding_of(server: WatchedServer) -> FoundingRecord:
    record = server.node.orders.founding.record
    assert record is not None
    return record


def effects(server: WatchedServer) -> Any:
    return server.node.orders.effects


# --- who is an operator -----------------------------------------------------------------------------------------------


def test_the_first_account_at_the_server_that_began_the_network_is_its_operator():
    network, servers, ada = founded()
    listed = ada.of(OrderList)[-1]
    assert listed.operator and [one.name for one in listed.operators] == ["ada"]
    network.run(1.0)
    records = {founding_of(server) for server in servers}
    assert len(records) == 1 and records.pop().founder == servers[0].id
    assert "is the operator of this network" in servers[0].told("ordered")[-1]


def test_nobody_else_becomes_it_and_nobody_elsewhere():
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False, founds=True)
    network.registered(servers[1], "early")
    network.registered(servers[0], "ada")
    network.registered(servers[0], "late")
    network.run(0.5)
    for server, name in ((servers[1], "early"), (servers[0], "late"), (servers[1], "ada")):
        answer = shows_key(network, network.logged_in(server, name, "s"), name)
        assert isinstance(answer, OrderRefused) and "you are no operator" in answer.info
    assert isinstance(shows_key(network, network.logged_in(servers[0], "ada", "s"), "ada"), OrderList)
    assert isinstance(shows_key(network, network.logged_in(servers[1], "ada", "s"), "ada"), OrderList)


def test_who_does_not_have_the_key_that_they_show_is_told_nothing():
    network, servers, ada = founded(1)
    ada.say(wire.StatusRequest())
    network.run(0.2)
    at = int(ada.of(wire.Status)[-1].status["at"] * 1000)
    for proof, when in ((b"x" * 64, at), (signer_of("ada").sign(b"else"), at), (b"x" * 64, at - 10**6)):
        ada.say(wire.OrdersRequest(signer_of("ada").key, when, proof))
    network.run(0.2)
    assert len(ada.of(OrderRefused)) == 3
    anonymous = network.client(servers[0])
    anonymous.login()
    anonymous.say(wire.OrdersRequest(signer_of("ada").key, at, b"x"))
    anonymous.say(wire.GiveOrder(signed(order("ada", "silence", "n.1.1"))))
    network.run(0.2)
    assert [("anonymous" in one.info) for one in anonymous.of(OrderRefused)] == [True, True]


def test_an_operator_appoints_another_whose_orders_are_heeded_everywhere_until_they_are_dismissed():
    network, servers, ada = founded()
    bob = bob_at(network, servers[2])
    refused = gives(network, bob, "bob", "silence", "ada")
    assert isinstance(refused, OrderRefused) and "no operator" in refused.info
    line = "ssh-ed25519 " + _blob("bob") + " bob"
    assert isinstance(gives(network, ada, "ada", "appoint", "bob", line), OrderTaken)
    network.registered(servers[1], "eve")
    assert isinstance(gives(network, bob, "bob", "silence", "eve"), OrderTaken)
    network.run(1.0)
    assert all(len(effects(server).silenced) == 1 for server in servers)
    assert isinstance(gives(network, bob, "bob", "dismiss", "ada"), OrderRefused), "ada was there before bob"
    assert isinstance(gives(network, ada, "ada", "dismiss", "bob"), OrderTaken)
    network.run(1.0)
    assert isinstance(gives(network, bob, "bob", "close", "eve"), OrderRefused)
    assert all(len(effects(server).silenced) == 1 for server in servers), "what he has ordered stays"


def test_a_dismissal_may_take_back_all_that_somebody_has_ordered():
    network, servers, ada = founded(2)
    bob = bob_at(network, servers[1])
    gives(network, ada, "ada", "appoint", "bob", "ssh-ed25519 " + _blob("bob"))
    network.registered(servers[1], "eve")
    gives(network, bob, "bob", "silence", "eve")
    gives(network, ada, "ada", "dismiss", "bob", "none")
    network.run(1.0)
    assert not any(effects(server).silenced for server in servers)


def test_a_server_heeds_whom_its_own_settings_name_and_no_other_server_does():
    network = ScriptedNetwork()
    named = frozenset({operator_fingerprint(signer_of("ada").key)})
    one, other = network.start("one", operators=named), network.start("other")
    other.join(one)
    network.run(2.0)
    network.registered(one, "ada")
    network.registered(other, "eve")
    network.run(1.0)
    ada = network.logged_in(one, "ada", "s")
    assert isinstance(shows_key(network, ada, "ada"), OrderList)
    assert isinstance(gives(network, ada, "ada", "silence", "eve"), OrderTaken)
    network.run(1.0)
    assert effects(one).silenced and not effects(other).silenced
    assert isinstance(shows_key(network, network.logged_in(other, "ada", "s"), "ada"), OrderRefused)


# --- what they order --------------------------------------------------------------------------------------------------


def test_who_is_silenced_may_read_and_not_post_and_is_told_why():
    network, servers, ada = founded()
    bob = bob_at(network, servers[2])
    assert posts(network, bob, "bob") == "ACTIVITY_ACK"
    taken = gives(network, ada, "ada", "silence", "bob", because="advertising")
    assert isinstance(taken, OrderTaken)
    network.run(0.5)
    assert posts(network, bob, "bob") == "you may not post: ada has silenced you (advertising)"
    assert bob.closed is None
    gives(network, ada, "ada", "undo", taken.id[:8])
    network.run(0.5)
    assert posts(network, bob, "bob") == "ACTIVITY_ACK" and len(bob.of(ActivityAck)) == 2


def test_a_base_client_that_is_silenced_is_told_so_and_disconnected():
    network, servers, ada = founded(1)
    bob_at(network, servers[0])
    gives(network, ada, "ada", "silence", "bob")
    base = network.base_client(servers[0])
    base.say(wire.Login("bob", "s"))
    network.run(1.0)
    base.say(wire.ActivityMessage("bob", HELLO, "s"))
    network.run(0.5)
    assert "silenced" in base.of(wire.AuthenticationFail)[0].info and base.closed is not None


def test_a_closed_account_is_logged_out_everywhere_and_lets_nobody_in_until_that_is_undone():
    network, servers, ada = founded()
    bob = bob_at(network, servers[2])
    vouched = network.client(servers[1], origin="local", vouched="bob")
    taken = gives(network, ada, "ada", "close", "bob", because="stolen")
    assert isinstance(taken, OrderTaken)
    network.run(1.0)
    assert bob.closed is not None and bob.of(wire.InvalidMessage)[0].info == "this account was closed by ada (stolen)"
    assert not any(logs_in(network, server, "bob") for server in servers)
    vouched.login("bob")
    network.run(0.5)
    assert "closed by ada" in vouched.of(LoginFailed)[0].info
    gives(network, ada, "ada", "undo", taken.id)
    network.run(1.0)
    assert all(logs_in(network, server, "bob") for server in servers)


def test_who_comes_from_a_banned_address_is_told_so_and_who_is_there_leaves():
    network, servers, ada = founded(2)
    there = network.client(servers[1], host="203.0.113.9")
    there.login()
    network.run(0.5)
    taken = gives(network, ada, "ada", "ban", "203.0.113.0/24", because="a flood")
    assert isinstance(taken, OrderTaken)
    network.run(0.5)
    assert there.closed is not None and "banned by ada (a flood)" in there.of(wire.InvalidMessage)[0].info
    assert not logs_in(network, servers[1], "anonymous", "", host="203.0.113.77")
    assert logs_in(network, servers[1], "anonymous", "", host="203.0.114.1")
    gives(network, ada, "ada", "undo", taken.id)
    network.run(0.5)
    assert logs_in(network, servers[1], "anonymous", "", host="203.0.113.77")


def test_a_slip_is_told_before_anything_is_ordered():
    network, _, ada = founded(1)
    for kind, target, why in (
        ("silence", "nobody", "there is no nobody"),
        ("ban", "0.0.0.0/0", "the shortest prefix"),
        ("ban", "127.0.0.1", "everybody's own machine"),
        ("ban", "here", "no address"),
        ("undo", "abc", "no order"),
        ("undo", "aaaaaaaa", "no order"),
        ("appoint", "ada", "public key"),
        ("dismiss", "nobody", "no operator"),
        ("elect", "ada", "does not know such orders"),
    ):
        answer = gives(network, ada, "ada", kind, target)
        assert isinstance(answer, OrderRefused) and why in answer.info, (kind, target, answer)
    assert not ada.of(OrderTaken)


def test_an_order_that_is_given_again_has_been_given():
    network, servers, ada = founded(1)
    bob_at(network, servers[0])
    ada.say(wire.OrderDraft(signer_of("ada").key, "silence", "bob"))
    network.run(0.2)
    given = wire.GiveOrder(sign_order(ada.of(wire.OrderDrafted)[0].order, signer_of("ada")))
    for _ in range(3):
        ada.say(given)
        network.run(0.5)
    assert len(ada.of(OrderTaken)) == 3 and len(effects(servers[0]).silenced) == 1
    listed = shows_key(network, ada, "ada")
    assert isinstance(listed, OrderList) and len(listed.orders) == 1


def test_what_an_order_says_wrongly_is_refused():
    network, servers, ada = founded(1)
    (claim,) = (fact.claim for name, fact in servers[0].node.book if name == "ada")
    founder = servers[0].id
    now = int(servers[0].now.wall * 1_000_000)
    for one, why in (
        (order("ada", "silence", claim, stamp=now, network="another"), "another network"),
        (order("ada", "silence", claim, stamp=now + 10**10, network=founder), "ahead"),
        (order("ada", "silence", "nonsense", stamp=now, network=founder), "no account"),
        (order("eve", "silence", claim, stamp=now, network=founder), "no operator"),
        (order("ada", "elect", claim, stamp=now, network=founder), "does not know"),
    ):
        ada.say(wire.GiveOrder(signed(one)))
        network.run(0.3)
        assert why in ada.of(OrderRefused)[-1].info, one
    forged = msgspec.structs.replace(signed(order("ada", "close", claim, stamp=now, network=founder)), signature=b"x")
    ada.say(wire.GiveOrder(forged))
    network.run(0.3)
    assert "signature" in ada.of(OrderRefused)[-1].info and not ada.of(OrderTaken)


def test_an_operator_gives_so_many_orders_a_minute_and_no_more():
    network, servers, ada = founded(1)
    bob_at(network, servers[0])
    ada.say(wire.OrderDraft(signer_of("ada").key, "silence", "bob"))
    network.run(0.2)
    first = ada.of(wire.OrderDrafted)[0].order
    for number in range(620):
        one = msgspec.structs.replace(first, stamp=first.stamp + number)
        ada.say(wire.GiveOrder(sign_order(one, signer_of("ada"))))
        network.run(0.01)
    network.run(1.0)
    refused = ada.of(OrderRefused)
    assert refused and all("60 orders a minute" in one.info for one in refused)
    assert 600 <= len(ada.of(OrderTaken)) <= 620


# --- removing an activity ---------------------------------------------------------------------------------------------


def removing(client: ScriptedClient) -> list[str]:
    return [one for message in client.of(wire.ActivitiesRemoved) for one in message.ids]


def bodies(server: WatchedServer) -> list[bytes]:
    """What the server's disk keeps."""
    return [entry.body for entry in server.entries() if entry.kind == "activity"]


def said(network: ScriptedNetwork, client: ScriptedClient, name: str, text: bytes, ref: str) -> str:
    """Somebody posts; the id of what they posted."""
    client.say(wire.ActivityMessage(name, {"text": msgspec.Raw(b'"%b"' % text)}, "s", ref=ref))
    network.run(0.5)
    return client.of(ActivityAck)[-1].id


def history(network: ScriptedNetwork, server: WatchedServer) -> list[str | None]:
    """What somebody who comes is sent of the past."""
    client = network.client(server)
    client.login(history=100)
    network.run(2.0)
    return [one.id for one in client.of(wire.ActivityBroadcast)]


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


# --- expelling a server -----------------------------------------------------------------------------------------------


def expels(
    network: ScriptedNetwork, ada: ScriptedClient, server: WatchedServer | str, since: int, activities: str = "since"
) -> OrderTaken | OrderRefused:
    target = server if isinstance(server, str) else server.id
    return gives(network, ada, "ada", "expel", target, str(since), activities, because="it lies")


def stamp_of(server: WatchedServer) -> int:
    return int(server.now.wall * 1_000_000)


def test_an_expelled_server_loses_its_links_and_its_place_and_gets_no_other_link():
    network, servers, ada = founded(3)
    middle = servers[1]
    assert isinstance(expels(network, ada, middle, stamp_of(middle)), OrderTaken)
    network.run(30.0)
    assert servers[0].reachable == servers[2].reachable == {servers[0].id, servers[2].id}, "the others find each other"
    assert not middle.neighbours
    assert any("was expelled from the network by ada (it lies)" in text for text in middle.told("refused"))
    middle.join(servers[2])
    network.run(10.0)
    assert not middle.neighbours
    assert not [one for one in servers[2].node.snapshot(servers[2].now).servers if one.id == middle.id]


def test_accounts_that_came_from_an_expelled_server_since_are_suspended_and_listed_until_they_are_readmitted():
    network, servers, ada = founded(3)
    network.registered(servers[2], "before")
    network.run(5.0)
    since = stamp_of(servers[2])
    network.run(5.0)
    for name in ("after", "too"):
        network.registered(servers[2], name)
    network.run(2.0)
    inside = network.logged_in(servers[0], "after", "s")
    expels(network, ada, servers[2], since)
    network.run(2.0)
    assert inside.closed is not None and "suspended" in inside.of(wire.InvalidMessage)[0].info
    assert logs_in(network, servers[1], "before")
    assert not logs_in(network, servers[1], "after") and not logs_in(network, servers[0], "too")
    listed = shows_key(network, ada, "ada")
    assert isinstance(listed, OrderList) and sorted(listed.suspended) == ["after", "too"]
    assert isinstance(gives(network, ada, "ada", "readmit", "after"), OrderTaken)
    network.run(1.0)
    assert logs_in(network, servers[1], "after") and not logs_in(network, servers[1], "too")


def test_who_registered_a_name_in_two_parts_of_the_network_goes_on_with_the_account_that_is_not_suspended():
    network, servers, ada = founded(4)
    network.part(servers[:2], servers[2:])
    network.run(20.0)
    for server in (servers[3], servers[0]):
        network.registered(server, "bob")
        network.run(5.0)
    network.mend()
    assert network.until(network.is_one, 60.0)
    network.run(12.0)
    assert logs_in(network, servers[1], "bob")
    expels(network, ada, servers[3], 0)
    network.run(2.0)
    client = network.logged_in(servers[1], "bob", "s")
    (success,) = client.of(LoginSuccess)
    assert success.username is not None and success.username.startswith("bob") and success.username != "bob"


def test_what_an_expelled_server_accepted_since_is_not_shown_and_the_rest_as_the_operator_says():
    for activities, shown in (("since", [b"early"]), ("keep", [b"early", b"late"]), ("all", [])):
        network, servers, ada = founded(2)
        bob = bob_at(network, servers[1])
        said(network, bob, "bob", b"early", "r1")
        network.run(2.0)
        since = stamp_of(servers[1])
        network.run(2.0)
        late = said(network, bob, "bob", b"late", "r2")
        reader = network.client(servers[0], features=(*NATIVE_CLIENT, "removed"))
        reader.login()
        network.run(1.0)
        taken = expels(network, ada, servers[1], since, activities)
        assert isinstance(taken, OrderTaken)
        network.run(1.0)
        seen = history(network, servers[0])
        assert len(seen) == len(shown) and (late in seen) == (b"late" in shown)
        (told,) = reader.of(wire.ActivitiesRemoved)
        assert told.server == servers[1].id and told.by == "ada"
        gives(network, ada, "ada", "undo", taken.id)
        network.run(1.0)
        assert len(history(network, servers[0])) == 2, "it was kept"


def hiding(client: ScriptedClient) -> list[tuple[str, int, bool]]:
    return [(one.server, one.since, one.undone) for one in client.of(wire.ActivitiesRemoved)]


def test_clients_are_told_what_is_hidden_and_when_it_may_be_seen_again():
    network, servers, ada = founded(2)
    reader = network.client(servers[0], features=(*NATIVE_CLIENT, "removed"))
    reader.login()
    network.run(1.0)
    liar, since = servers[1].id, stamp_of(servers[1])
    taken = expels(network, ada, servers[1], since)
    assert isinstance(taken, OrderTaken)
    network.run(1.0)
    assert hiding(reader) == [(liar, since, False)]
    gives(network, ada, "ada", "undo", taken.id)
    network.run(1.0)
    assert hiding(reader)[1:] == [(liar, since, True)]


def test_a_client_that_comes_back_is_told_what_is_hidden_and_what_is_no_more():
    network, servers, ada = founded(3)
    since = stamp_of(servers[0])
    undone = expels(network, ada, servers[1], since)
    assert isinstance(undone, OrderTaken)
    expels(network, ada, servers[2], since, "all")
    gives(network, ada, "ada", "undo", undone.id)
    network.run(1.0)
    features = (*NATIVE_CLIENT, "removed", "place")
    back, new = (network.client(servers[0], features=features) for _ in range(2))
    back.login(have=wire.HeldEntries(1, {}))
    new.login()
    network.run(1.0)
    assert hiding(back) == [(servers[1].id, since, True), (servers[2].id, 0, False)] and not hiding(new)


def test_what_somebody_brings_of_an_expelled_server_afterwards_is_not_shown():
    network, servers, ada = founded(1)
    helper = network.peer(servers[0])
    helper.say(wire.Authenticate("network secret", id="helper", incarnation=1, features=["sync"]))
    network.run(0.5)
    reader = network.client(servers[0])
    reader.login()
    network.run(0.5)
    network.registered(servers[0], "known")
    expels(network, ada, "aaaaaaaaaaaaaaaaaaaaaaaa", stamp_of(servers[0]), "keep")
    network.run(1.0)
    now = stamp_of(servers[0])
    for node, seq in (("aaaaaaaaaaaaaaaaaaaaaaaa", 1), ("another", 1)):
        body = msgspec.Raw(b'{"text":"%b"}' % node.encode())
        helper.say(wire.ActivityBroadcast(body, id=f"{node}.1.{seq}", stamp=now, sender="known"))
    network.run(1.0)
    assert [one.id for one in reader.of(wire.ActivityBroadcast)] == ["another.1.1"]


def test_keys_and_secrets_that_an_expelled_server_has_changed_since_do_not_count():
    network, servers, ada = founded(2)
    network.registered(servers[0], "victim", "right")
    network.run(1.0)
    since = stamp_of(servers[0])
    network.run(1.0)
    liar = network.logged_in(servers[1], "victim", "right")
    liar.say(wire.ChangeSecret("right", "stolen"))
    network.run(1.0)
    inside = network.logged_in(servers[0], "victim", "stolen")
    assert not logs_in(network, servers[0], "victim", "right")
    taken = expels(network, ada, servers[1], since)
    assert isinstance(taken, OrderTaken)
    network.run(1.0)
    assert inside.closed is not None
    assert logs_in(network, servers[0], "victim", "right") and not logs_in(network, servers[0], "victim", "stolen")
    servers[0].crash()
    network.run(1.0)
    again = network.start("n000", redirects=False, founds=True)
    network.run(1.0)
    assert logs_in(network, again, "victim", "right")
    gives(network, network.logged_in(again, "ada", "hers"), "ada", "undo", taken.id)
    network.run(1.0)
    assert logs_in(network, again, "victim", "stolen")


def test_an_expulsion_that_is_undone_lets_the_server_in_again():
    network, servers, ada = founded(3)
    taken = expels(network, ada, servers[2], 0)
    assert isinstance(taken, OrderTaken)
    network.run(5.0)
    assert not servers[2].neighbours
    gives(network, ada, "ada", "undo", taken.id)
    servers[2].join(servers[1])
    network.run(20.0)
    assert network.is_one()


def test_a_server_that_hears_that_it_is_expelled_registers_nobody_until_that_is_undone():
    """The account would be suspended at once, and who has one that no other server knows would not register there."""
    network, servers, ada = founded(3)
    taken = expels(network, ada, servers[2], stamp_of(servers[2]))
    assert isinstance(taken, OrderTaken)
    network.run(3.0)
    bob = network.client(servers[2])
    bob.register("bob")
    network.run(2.0)
    (failed,) = bob.of(wire.RegisterFailed)
    assert failed.info == ("this server was expelled from the network by ada (it lies); register at another one")
    network.registered(servers[1], "bob")
    gives(network, ada, "ada", "undo", taken.id)
    servers[2].join(servers[1])
    network.run(20.0)
    network.registered(servers[2], "carol")


def test_a_server_that_hears_that_it_is_expelled_takes_nothing_that_would_count_nowhere():
    """Nothing is acknowledged that nobody is shown, or no server heeds. All are told why, and a code stays good."""
    network, servers, ada = founded(3)
    bob = bob_at(network, servers[2])
    eve = network.client(servers[2], features=())
    eve.login()
    code_for(network, ada, "ada", "the code")
    assert isinstance(expels(network, ada, servers[2], stamp_of(servers[2])), OrderTaken)
    network.run(3.0)
    why = "this server was expelled from the network by ada (it lies)"
    assert posts(network, bob, "bob") == f"{why}; write at another one"
    eve.say(wire.ActivityMessage("anonymous", HELLO))
    bob.say(wire.ChangeSecret("s", "another"))
    lost = network.client(servers[2])
    lost.say(wire.RedeemCode("ada", "the code", "found"))
    network.run(2.0)
    assert [one.info for one in eve.of(wire.AuthenticationFail)] == [f"{why}; write at another one"]
    for client in (bob, lost):
        assert [one.info for one in client.of(wire.SecretNotChanged)] == [f"{why}; try again at another one"]
    assert not bodies(servers[2])
    assert redeems(network, servers[1], "ada", "the code", "found")


def test_a_server_whose_expulsion_is_undone_comes_back_within_seconds():
    """Nobody else knows where it is any more: it asks again soon, also whoever it was told by a person to join."""
    network, servers, ada = founded(2)
    taken = expels(network, ada, servers[1], 0)
    assert isinstance(taken, OrderTaken)
    network.run(3.0)
    assert not servers[1].neighbours
    gives(network, ada, "ada", "undo", taken.id)
    assert network.until(network.is_one, 3 * servers[1].config.heal_max)


def test_a_server_that_comes_later_does_not_link_with_an_expelled_one():
    network, servers, ada = founded(2)
    expels(network, ada, servers[1], 0)
    network.run(3.0)
    late = network.start("late", servers[0], redirects=False)
    network.run(5.0)
    late.join(servers[1])
    network.run(5.0)
    assert late.neighbours == {servers[0].id}


# --- one-time codes ---------------------------------------------------------------------------------------------------


def code_for(network: ScriptedNetwork, ada: ScriptedClient, name: str, code: str, seconds: float = 3600.0) -> str:
    assert ada.server is not None
    expires = str(stamp_of(ada.server) + int(seconds * 1_000_000))
    taken = gives(network, ada, "ada", "code", name, code_verifier(code), expires)
    assert isinstance(taken, OrderTaken)
    network.run(0.5)
    return taken.id


def redeems(network: ScriptedNetwork, server: WatchedServer, name: str, code: str, secret: str) -> bool:
    client = network.client(server)
    client.say(wire.RedeemCode(name, code, secret))
    network.run(12.0)
    assert bool(client.of(wire.SecretChanged)) != bool(client.of(wire.SecretNotChanged)), client.log
    if client.of(wire.SecretChanged):
        client.login(name, secret)
        network.run(0.5)
        assert client.of(LoginSuccess)
        return True
    return False


def test_who_has_lost_their_secret_sets_another_with_a_code_at_any_server_once():
    network, servers, ada = founded(3)
    inside = bob_at(network, servers[2])
    code_for(network, ada, "bob", "the code")
    assert not redeems(network, servers[1], "bob", "another code", "x")
    assert not redeems(network, servers[1], "ada", "the code", "x")
    assert redeems(network, servers[1], "bob", "The Code ", "new")
    network.run(1.0)
    assert inside.closed is not None, "who is in with the lost one leaves"
    for server in servers:
        assert logs_in(network, server, "bob", "new") and not logs_in(network, server, "bob", "s")
        assert not redeems(network, server, "bob", "the code", "again")


def test_a_code_ends_with_its_time_and_when_it_is_undone():
    network, servers, ada = founded(1)
    bob_at(network, servers[0])
    code_for(network, ada, "bob", "short", seconds=60.0)
    undone = code_for(network, ada, "bob", "undone")
    gives(network, ada, "ada", "undo", undone)
    network.run(61.0)
    assert not redeems(network, servers[0], "bob", "short", "x")
    assert not redeems(network, servers[0], "bob", "undone", "x")


def test_a_code_for_a_secret_that_will_not_do_is_good_for_another_one():
    network, servers, ada = founded(1)
    bob_at(network, servers[0])
    code_for(network, ada, "bob", "the code")
    assert not redeems(network, servers[0], "bob", "the code", "")
    assert redeems(network, servers[0], "bob", "the code", "right")


def test_of_two_who_use_a_code_in_two_parts_of_the_network_the_later_one_has_the_account():
    network, servers, ada = founded(2)
    bob_at(network, servers[0])
    code_for(network, ada, "bob", "the code")
    network.part(servers[:1], servers[1:])
    network.run(15.0)
    assert redeems(network, servers[0], "bob", "the code", "first")
    assert redeems(network, servers[1], "bob", "the code", "second")
    network.mend()
    assert network.until(network.is_one, 60.0)
    network.run(15.0)
    for server in servers:
        assert logs_in(network, server, "bob", "second") and not logs_in(network, server, "bob", "first")
        assert not redeems(network, server, "bob", "the code", "third")


def test_guesses_at_a_code_are_slowed_as_guesses_at_a_secret():
    network, servers, _ = founded(1)
    network.registered(servers[0], "bob")
    for number in range(8):
        client = network.client(servers[0], host="198.51.100.7")
        client.say(wire.RedeemCode("bob", f"guess {number}", "x"))
    network.run(1.0)
    late = network.client(servers[0], host="198.51.100.7")
    late.say(wire.RedeemCode("bob", "guess", "x"))
    network.run(0.5)
    assert not late.of(wire.SecretNotChanged)
    assert servers[0].node.queues()["attempts at secrets"] > 0


# --- partitions, late servers, old ones -------------------------------------------------------------------------------


def test_orders_of_both_parts_of_a_parted_network_hold_in_both_once_they_are_one():
    network, servers, ada = founded(4)
    bob = bob_at(network, servers[3])
    gives(network, ada, "ada", "appoint", "bob", "ssh-ed25519 " + _blob("bob"))
    for name in ("eve", "mallory"):
        network.registered(servers[1], name)
    network.run(1.0)
    network.part(servers[:2], servers[2:])
    network.run(20.0)
    assert isinstance(gives(network, ada, "ada", "silence", "eve"), OrderTaken)
    assert isinstance(gives(network, bob, "bob", "close", "mallory"), OrderTaken)
    assert not effects(servers[3]).silenced and not effects(servers[0]).closed
    network.mend()
    assert network.until(network.is_one, 60.0)
    network.run(12.0)
    assert len({str(effects(server)) for server in servers}) == 1
    assert effects(servers[0]).silenced and effects(servers[0]).closed


def test_a_server_that_comes_later_or_back_heeds_what_was_ordered_before():
    network, servers, ada = founded(2)
    bob_at(network, servers[1])
    gives(network, ada, "ada", "close", "bob")
    network.run(1.0)
    late = network.start("late", servers[1], redirects=False)
    network.run(3.0)
    assert not logs_in(network, late, "bob") and late.node.orders.founding.record is not None
    servers[1].crash()
    network.run(1.0)
    again = network.start("n001", servers[0], redirects=False)
    network.run(3.0)
    assert not logs_in(network, again, "bob")
    assert isinstance(shows_key(network, network.logged_in(again, "ada", "hers"), "ada"), OrderList)


def test_servers_from_before_orders_pass_them_on_unharmed():
    network, servers, ada = founded(1)
    bob_at(network, servers[0])
    older = network.peer(servers[0])
    older.say(wire.Authenticate("network secret", id="older", incarnation=1, features=["sync", "user_info", "quit"]))
    network.run(0.5)
    gives(network, ada, "ada", "close", "bob")
    older.say(wire.SyncRequest({}))
    network.run(0.5)
    assert "FOUNDING" not in older.commands, "it would not know it"
    line = next(one for one in older.lines if b"order@activity-tui" in one)
    fields = msgspec.json.decode(line)
    assert fields.keys() <= {"command", "id", "stamp", "username", "verifier", "claimed_at", "claim", "key"}
    assert fields["username"] == "ada" and order_in_key(msgspec.convert(fields["key"], KeyChange))
    # A server that knows the operator heeds what has come by way of the older one.
    record = founding_of(servers[0])
    other = network.start("other", operators=frozenset({operator_fingerprint(record.operator)}))
    link = network.peer(other)
    link.say(wire.Authenticate("network secret", id="older", incarnation=1, features=["sync"]))
    network.run(0.1)
    for one in older.lines:
        if b'"ACCOUNT"' in one:
            link.say(one + b"\n")
    network.run(0.5)
    assert effects(other).closed and not logs_in(network, other, "bob")


@pytest.mark.parametrize("who", ["ada", "somebody"])
def test_thousands_of_orders_that_come_at_once_are_not_all_looked_at_for_each_of_them(who, monkeypatch):
    looked_at = 0

    def counted(orders, *more):
        nonlocal looked_at
        looked_at += len(orders)
        return standing_of(orders, *more)

    monkeypatch.setattr("core.node.orders.order_book.standing_of", counted)
    network, servers, _ = founded(1)
    taken_in = servers[0].node.orders
    orders = [
        signed(order(who, "ban", f"10.{one // 250}.{one % 250}.0/24", stamp=one + 1, network=servers[0].id))
        for one in range(2000)
    ]
    for one in orders:
        taken_in.apply(order_as_key(one))
    assert looked_at < 10 * len(orders)
    network.registered(servers[0], "bob")
    network.run(5.0)
    assert len(effects(servers[0]).banned) == (len(orders) if who == "ada" else 0)


# --- who began the network --------------------------------------------------------------------------------------------


def test_who_lies_about_who_began_the_network_is_too_late():
    network, servers, _ = founded(2)
    liar = network.peer(servers[1])
    liar.say(wire.Authenticate("network secret", id="liar", incarnation=1, features=["sync", "orders"]))
    network.run(0.5)
    known = founding_of(servers[1])
    assert liar.of(wire.Founding)[0].record == known
    mallory = signer_of("mallory")
    forged = sign_founding(FoundingRecord("liar", mallory.key, 1, mallory.key, "liar.1.1", "mallory"), mallory)
    liar.say(wire.Founding(forged, True))
    network.run(0.5)
    assert founding_of(servers[1]) == known
    assert any("begun by liar" in text for text in servers[1].told("ordered"))
    # What somebody else has not signed ends the link of who says it.
    liar.say(wire.Founding(msgspec.structs.replace(known, operator=mallory.key), True))
    network.run(0.5)
    assert liar.closed is not None and founding_of(servers[1]) == known


def test_who_joins_a_new_network_first_does_not_become_its_operator_by_saying_so():
    network, servers, ada = founded(1)
    known = founding_of(servers[0])
    mallory = signer_of("mallory")
    liar = network.peer(servers[0])
    liar.say(wire.Authenticate("network secret", id="liar", incarnation=1, features=["sync", "orders"]))
    network.run(0.5)
    forged = sign_founding(FoundingRecord("liar", mallory.key, 1, mallory.key, "liar.1.1", "mallory"), mallory)
    liar.say(wire.Founding(forged, True))
    network.run(0.5)
    assert founding_of(servers[0]) == known
    assert any("begun by liar" in text for text in servers[0].told("ordered"))
    listed = shows_key(network, ada, "ada")
    assert isinstance(listed, OrderList) and listed.operator


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_record_in_the_name_of_a_server_that_has_another_key_is_believed_by_nobody(whose):
    network = ScriptedNetwork()
    server = network.start("new", redirects=False)
    liar = network.peer(server)
    liar.say(wire.Authenticate("network secret", id="liar", incarnation=1, features=["sync", "orders"]))
    network.run(0.5)
    mallory = signer_of("mallory")
    founder = server.id if whose == "its own" else certified_id(signer_of("honest").key)
    forged = sign_founding(FoundingRecord(founder, mallory.key, 1, mallory.key, "x.1.1", "mallory"), mallory)
    liar.say(wire.Founding(forged, True))
    network.run(0.5)
    assert server.node.orders.founding.record is None and liar.closed is not None


def test_a_server_of_a_network_from_before_learns_no_operator_from_a_new_one():
    network = ScriptedNetwork()
    old = network.start("old", redirects=False)
    network.run(0.5)
    network.registered(old, "somebody")
    old.crash()
    network.run(0.5)
    old = network.start("old", redirects=False)
    new = network.start("new", redirects=False, founds=True)
    network.registered(new, "mallory")
    network.run(0.5)
    mallory = network.logged_in(new, "mallory", "s")
    assert isinstance(shows_key(network, mallory, "mallory"), OrderList)
    new.join(old)
    network.run(3.0)
    assert isinstance(gives(network, mallory, "mallory", "close", "somebody"), OrderTaken)
    network.run(1.0)
    assert logs_in(network, old, "somebody") and old.node.orders.founding.record is None


def test_of_two_servers_that_each_began_a_network_both_take_the_one_with_an_operator():
    network = ScriptedNetwork()
    first, second = (network.start(name, redirects=False, founds=True) for name in ("first", "second"))
    network.registered(second, "ada")
    network.run(0.5)
    ada = network.logged_in(second, "ada", "s")
    assert isinstance(shows_key(network, ada, "ada"), OrderList)
    first.join(second)
    network.run(3.0)
    assert founding_of(first) == founding_of(second)
    assert founding_of(first).founder == second.id


def test_a_restarted_server_remembers_who_began_the_network():
    network, servers, ada = founded(1)
    servers[0].crash()
    network.run(0.5)
    again = network.start("n000", redirects=False, founds=True)
    network.run(0.5)
    ada = network.logged_in(again, "ada", "hers")
    listed = shows_key(network, ada, "ada")
    assert isinstance(listed, OrderList) and listed.operator


def _blob(who: str) -> str:
    """The middle of a public key's line."""
    kind = b"ssh-ed25519"
    key = signer_of(who).key
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind + len(key).to_bytes(4, "big") + key).decode()
