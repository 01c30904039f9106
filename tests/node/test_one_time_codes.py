"""Who has lost their secret sets another one with a code, once, at any server."""

from __future__ import annotations

from core.wire import messages as wire
from tests.node.operators import founded, gives
from tests.node.ordering import bob_at, code_for, logs_in, redeems


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
