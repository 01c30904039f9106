"""Orders hold in parts that meet, at servers that come later, and pass through those from before them."""

from __future__ import annotations

import msgspec
import pytest

from core.node.orders.standing import standing_of
from core.wire import messages as wire
from core.wire.entries import KeyChange
from core.wire.messages import OrderList, OrderTaken
from core.wire.signed_orders import operator_fingerprint, order_as_key, order_in_key
from tests.node.operators import founded, gives, order, shows_key, signed
from tests.node.ordering import blob, bob_at, effects, founding_of, logs_in


def test_orders_of_both_parts_of_a_parted_network_hold_in_both_once_they_are_one():
    network, servers, ada = founded(4)
    bob = bob_at(network, servers[3])
    gives(network, ada, "ada", "appoint", "bob", "ssh-ed25519 " + blob("bob"))
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
