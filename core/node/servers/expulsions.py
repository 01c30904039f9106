"""Servers that operators have expelled: no link with them, no dial, no place on the map."""

from __future__ import annotations

from typing import Final

from core.node.kernel.context import Context
from core.node.neighbours.neighbours import Neighbours
from core.node.orders.order_effects import OrderEffects
from core.node.orders.order_kinds import why
from core.node.orders.ordering import Orders
from core.node.servers.healing import Healing
from core.wire.messages import ServerRefused
from core.wire.signed_orders import Order

EXPELLED: Final = "barred"
"""The reason that such a server is told: one that every server knows."""


class Expulsions:
    """Has what is linked with an expelled server end, and nothing with it begin."""

    def __init__(self, context: Context, neighbours: Neighbours, healing: Healing, orders: Orders) -> None:
        self._context = context
        self._neighbours = neighbours
        self._healing = healing
        orders.on_effects.append(self._ordered)
        self._orders = orders

    def start(self) -> None:
        """The node begins: what was ordered before holds."""
        self._ordered(OrderEffects(), self._orders.effects)

    def _ordered(self, before: OrderEffects, now: OrderEffects) -> None:
        context = self._context
        if now.expelled == before.expelled:
            return
        context.expelled = {server: _told(one.order) for server, one in now.expelled.items() if server != context.id}
        itself = now.expelled.get(context.id)
        context.expelled_itself = _told(itself.order) if itself is not None else None
        for server in before.expelled:
            if server not in now.expelled:
                self._healing.dialling.resume(server)
        for server, one in now.expelled.items():
            if server == context.id and server not in before.expelled:
                context.notify("ordered", f"this server is told that it is expelled: {_told(one.order)}", "error")
            elif server not in before.expelled:
                self._expel(server)

    def _expel(self, server: str) -> None:
        text = self._context.expelled[server]
        self._context.note("expelled", self._context.party(server))
        for link in self._neighbours:
            if link.remote_id == server:
                link.clean = True
                self._context.refuse(link, ServerRefused(EXPELLED, text), "it was expelled from the network")
        self._healing.known.let_go(server)


def _told(order: Order) -> str:
    return why(order, "this server was expelled from the network by {by}")
