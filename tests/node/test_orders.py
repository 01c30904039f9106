"""What operators order, at servers: given at one, it holds at all; what is said wrongly is refused."""

from __future__ import annotations

import msgspec

from core.wire import messages as wire
from core.wire.messages import ActivityAck, LoginFailed, OrderList, OrderRefused, OrderTaken
from core.wire.signed_orders import sign_order
from tests.node.operators import founded, gives, order, shows_key, signed, signer_of
from tests.node.ordering import HELLO, bob_at, effects, logs_in, posts


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
