"""Who gives orders: the first account at the server that began the network, whom it appoints, and no liar."""

from __future__ import annotations

import msgspec
import pytest

from core.simulation.testing import ScriptedNetwork, chain
from core.wire import messages as wire
from core.wire.founding_record import FoundingRecord, sign_founding
from core.wire.messages import OrderList, OrderRefused, OrderTaken
from core.wire.server_keys import certified_id
from core.wire.signed_orders import operator_fingerprint
from tests.node.operators import founded, gives, order, shows_key, signed, signer_of
from tests.node.ordering import blob, bob_at, effects, founding_of, logs_in

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
    line = "ssh-ed25519 " + blob("bob") + " bob"
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
    gives(network, ada, "ada", "appoint", "bob", "ssh-ed25519 " + blob("bob"))
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
