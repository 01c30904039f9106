"""Who is an operator, and which orders are heeded: a pure function of all orders that are known.

Operators have a *rank*: those that the founding record or a server's own configuration names have 0, whom somebody of
rank n appoints has n + 1. Whoever has a smaller rank may dismiss somebody, and everybody may resign. So no two can
dismiss each other in two parts of a network, and what follows does not depend on which order came first.

A dismissal names the orders of who is dismissed that stay in force: whoever has the key can sign more, with any date.
All others of that key count for nothing, known or not. Of several dismissals of one operator, what any of them keeps
stays. An order is undone for good; what concerns operators only by who has no larger rank than its own operator, all
else by any operator, but for a removal, and for a key of the network: what is gone, or known to others since, would be
back at some servers only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from core.node.orders.order_kinds import APPOINT, DISMISS, ORDER_KINDS, REMOVE, UNDO, operator_key
from core.wire.network_orders import REKEY
from core.wire.signed_orders import Order

_Named: TypeAlias = tuple[str, Order]
"""An order behind its id."""
ORDERS_MAX: Final = 10_000
"""Orders of one operator that count, ever: the earliest by their stamps. Each is kept by every server for good."""
RANK_MAX: Final = 16
"""Appointments that stand one behind the other."""


class Operator(msgspec.Struct, frozen=True):
    """Somebody whose orders are heeded, or were until they were dismissed."""

    key: bytes
    rank: int
    name: str = ""
    claim: str = ""
    """Their account, as far as whoever appointed them has named one."""
    everywhere: bool = False
    """Whether their orders count whatever network these name: whom a server's own settings name, and whom those have
    appointed."""
    dismissal: str = ""
    """The order that dismissed them."""


class OperatorStanding(msgspec.Struct, frozen=True):
    """What follows from a set of orders."""

    operators: Mapping[bytes, Operator] = {}
    heeded: Mapping[str, Order] = {}
    """By their ids the orders of operators that count, those that are undone among them."""
    undone: Mapping[str, str] = {}
    """The ids of orders that are undone, and of the order that did it: of several the first by stamp and id."""

    def in_force(self) -> Iterable[tuple[str, Order]]:
        """What is heeded and not undone, the earliest first."""
        return ((one, order) for one, order in self.heeded.items() if one not in self.undone)

    def is_operator(self, key: bytes) -> bool:
        """Whether new orders of a key are heeded."""
        operator = self.operators.get(key)
        return operator is not None and not operator.dismissal


def standing_of(
    orders: Mapping[str, Order], root_of: Callable[[bytes], Operator | None], network: str = ""
) -> OperatorStanding:
    """What follows from orders, by their ids, whose signatures fit. `root_of`: the operator of rank 0 with a key;
    `network`: what orders of this one name."""
    by_key: dict[bytes, list[_Named]] = defaultdict(list)
    for named in _in_order(orders.items()):
        kind = ORDER_KINDS.get(named[1].kind)
        if kind is not None and kind.problem(named[1]) is None:
            by_key[named[1].key].append(named)
    operators = {key: root for key in by_key if (root := root_of(key)) is not None}
    kept: dict[bytes, set[str]] = {}
    """Of whom somebody has dismissed, by their keys, what stays in force."""
    dismissals: dict[bytes, str] = {}
    heeded: dict[str, Order] = {}
    undone: dict[str, str] = {}
    undoing: list[_Named] = []
    current = list(operators)
    for rank in range(RANK_MAX):
        ranked: dict[str, Order] = {}
        for key in current:
            said = by_key[key] if operators[key].everywhere else [o for o in by_key[key] if o[1].network == network]
            counted = said if key not in kept else [one for one in said if one[0] in kept[key]]
            resignations = [one for one in counted if _is_resignation(one[1])]
            if resignations:
                stays = {one for one, _ in resignations}.union(*(order.words for _, order in resignations))
                counted = [one for one in counted if one[0] in stays]
                dismissals.setdefault(key, resignations[0][0])
            for one, order in counted[:ORDERS_MAX]:
                heeded[one] = order
                if order.kind == UNDO:
                    undoing.append((one, order))
                elif ORDER_KINDS[order.kind].ranked and not _is_resignation(order):
                    ranked[one] = order
        # So far only those have been heard whose rank is no larger.
        _undo(undone, undoing, ranked)
        following: dict[bytes, Operator] = {}
        for one, order in _in_order(ranked.items()):
            key = operator_key(order.target) or b""
            if one in undone or key in operators:
                # Whoever was appointed before this one has no larger rank: they are dismissed by nobody of this one.
                continue
            if order.kind == DISMISS:
                kept.setdefault(key, set()).update(order.words)
                dismissals.setdefault(key, one)
            elif order.kind == APPOINT and key not in following:
                claim = order.words[0] if order.words else ""
                everywhere = operators[order.key].everywhere
                following[key] = Operator(key, rank + 1, order.name, claim, everywhere)
        operators |= following
        current = list(following)
        if not current:
            break
    _undo(undone, undoing, {one: order for one, order in heeded.items() if _may_be_undone_by_all(order)})
    known = {
        key: msgspec.structs.replace(operator, dismissal=dismissals.get(key, "")) for key, operator in operators.items()
    }
    return OperatorStanding(known, dict(_in_order(heeded.items())), undone)


def _in_order(orders: Iterable[_Named]) -> list[_Named]:
    """The earliest first."""
    return sorted(orders, key=lambda named: (named[1].stamp, named[0]))


def _undo(undone: dict[str, str], undoing: Iterable[_Named], those: Mapping[str, Order]) -> None:
    """Note which of some orders are undone."""
    for one, order in _in_order(undoing):
        if order.target in those:
            undone.setdefault(order.target, one)


def _is_resignation(order: Order) -> bool:
    return order.kind == DISMISS and operator_key(order.target) == order.key


def _may_be_undone_by_all(order: Order) -> bool:
    return order.kind not in (UNDO, REMOVE, REKEY) and not ORDER_KINDS[order.kind].ranked
