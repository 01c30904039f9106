"""Operators of a world, and the orders that they give. The settings of every server name the first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from core.node.interface.events import Woke
from core.node.node import Node
from core.node.orders.order_kinds import APPOINT, BAN, DISMISS, REMOVE, SILENCE, UNDO
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.plan import Operation
from core.simulation.world.world import OPERATORS, World
from core.wire.entries import Entry
from core.wire.idempotency import idempotency_fingerprint
from core.wire.signed_orders import Order, sign_order, written_key


class _Saying(NamedTuple):
    """What an order says."""

    target: str
    words: tuple[str, ...] = ()


class _Giving(NamedTuple):
    """An operator at a server, and the number that decides about whom the order is."""

    server: SimulatedServer
    node: Node
    number: float

    def one_of(self, length: int) -> int:
        return min(length - 1, int(self.number * length))


def give_order(world: World, operation: Operation) -> None:
    """An operator at server `who` orders `whom`; `amount` says about whom or what, and who of the operators it is."""
    server = world.servers.get(operation.who)
    node = server.node if server is not None else None
    if server is None or node is None or not server.keyed:
        return
    giving = _Giving(server, node, operation.amount)
    claims = [fact.claim for _, fact in node.book]
    there = [one for one in OPERATORS if node.orders.is_operator(one.key)]
    saying = _SAYINGS[operation.whom](giving)
    if not claims or not there or saying is None:
        return
    operator = there[int(operation.amount * 1000) % len(there)]
    server.handle(Woke())  # It learns what time it is.
    stamp = int(server.now().wall * 1_000_000)
    order = Order(node.orders.founding.network, operator.key, stamp, operation.whom, saying.target, words=saying.words)
    if operation.whom == REMOVE:
        world.ledger.removal_begun(saying.target)

    def done(problem: str | None) -> None:
        if problem is None:
            world.ledger.ordered(order.id)

    node.orders.give(claims[giving.one_of(len(claims))], sign_order(order, operator), done)
    server.handle(Woke())  # It does what it wants done.


def _somebody(giving: _Giving) -> _Saying | None:
    claims = [fact.claim for _, fact in giving.node.book]
    return _Saying(claims[giving.one_of(len(claims))]) if claims else None


def _activity(giving: _Giving) -> _Saying | None:
    found: list[Entry] = [entry for entry in giving.server.disk.entries() if entry.kind == "activity"]
    if not found:
        return None
    entry = found[giving.one_of(len(found))]
    fingerprint = idempotency_fingerprint(entry.sender, entry.ref, entry.body).hex() if entry.ref is not None else ""
    return _Saying(str(entry.id), (str(entry.stamp), fingerprint))


def _order(giving: _Giving) -> _Saying | None:
    known = list(giving.node.orders.book.standing.heeded)
    return _Saying(known[giving.one_of(len(known))]) if known else None


def _new_operator(giving: _Giving) -> _Saying:
    return _Saying(written_key(OPERATORS[1 + giving.one_of(len(OPERATORS) - 1)].key))


def _operator(giving: _Giving) -> _Saying:
    """All that they have ordered, and that has come here, stays in force."""
    key = OPERATORS[1 + giving.one_of(len(OPERATORS) - 1)].key
    heeded = giving.node.orders.book.standing.heeded
    return _Saying(written_key(key), tuple(one for one, order in heeded.items() if order.key == key))


def _addresses(giving: _Giving) -> _Saying:
    return _Saying(f"203.0.113.{giving.one_of(256)}/32")


_SAYINGS: Final[Mapping[str, Callable[[_Giving], _Saying | None]]] = {
    SILENCE: _somebody,
    REMOVE: _activity,
    UNDO: _order,
    APPOINT: _new_operator,
    DISMISS: _operator,
    BAN: _addresses,
}
