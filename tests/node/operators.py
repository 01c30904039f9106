"""Operators, and the orders that they sign, for tests."""

from __future__ import annotations

from typing import Any

from core.simulation.environment.hash_signing import HashSigner
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from core.wire.network_orders import approved
from core.wire.signed_orders import Order, SignedOrder, shown_key_digest, sign_order, written_key


def signer_of(name: str) -> HashSigner:
    """The key of somebody called so."""
    return HashSigner(f"operator {name}".encode())


def key_of(name: str) -> str:
    """Their public key, as an order names it."""
    return written_key(signer_of(name).key)


def order(
    by: str, kind: str, target: str, *words: str, stamp: int = 1, network: str = "", name: str = "", because: str = ""
) -> Order:
    """An order of somebody's."""
    return Order(network, signer_of(by).key, stamp, kind, target, by, name, words, because)


def signed(one: Order) -> SignedOrder:
    """The same with its signature."""
    return sign_order(one, signer_of(one.by))


# --- at servers -------------------------------------------------------------------------------------------------------


def shows_key(network: ScriptedNetwork, client: ScriptedClient, who: str) -> wire.OrderList | wire.OrderRefused:
    """Somebody who is logged in shows their key; what they are told."""
    before = len(client.log)
    client.say(wire.StatusRequest())
    network.run(0.2)
    status = client.of(wire.Status)[-1].status
    at, key = int(status["at"] * 1000), signer_of(who).key
    client.say(wire.OrdersRequest(key, at, signer_of(who).sign(shown_key_digest(str(status["id"]), at, key))))
    network.run(0.2)
    found = [one for one in client.log[before:] if isinstance(one, wire.OrderList | wire.OrderRefused)]
    return found[-1]


def gives(
    network: ScriptedNetwork, client: ScriptedClient, who: str, kind: str, target: str, *words: str, because: str = ""
) -> wire.OrderTaken | wire.OrderRefused:
    """Somebody has an order drafted, signs it, and gives it; what they are told."""
    before = len(client.log)
    client.say(wire.OrderDraft(signer_of(who).key, kind, target, list(words), because))
    network.run(0.2)
    drafted = [one for one in client.log[before:] if isinstance(one, wire.OrderDrafted)]
    if drafted:
        client.say(wire.GiveOrder(sign_order(approved(drafted[0].order, signer_of(who)), signer_of(who))))
        network.run(0.5)
    found = [one for one in client.log[before:] if isinstance(one, wire.OrderTaken | wire.OrderRefused)]
    return found[-1]


def founded(count: int = 3, **settings: Any) -> tuple[ScriptedNetwork, list[WatchedServer], ScriptedClient]:
    """A network whose first account, ada, is its operator; with her client at the server that began it."""
    network = ScriptedNetwork()
    servers = network.build(chain(count), redirects=False, founds=True, **settings)
    network.registered(servers[0], "ada", "hers")
    network.run(0.5)
    ada = network.logged_in(servers[0], "ada", "hers")
    assert isinstance(shows_key(network, ada, "ada"), wire.OrderList)
    return network, servers, ada
