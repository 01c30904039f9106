"""What follows from the orders that are in force, for accounts, addresses, servers and activities."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import msgspec

from core.node.orders.order_kinds import (
    BAN,
    CLOSE,
    REMOVE,
    SILENCE,
    Network,
    banned_network,
    removed_one,
    why,
)
from core.node.orders.standing import OperatorStanding
from core.wire.entries import EntryId
from core.wire.signed_orders import Order

HOSTS_REMEMBERED: Final = 4096
"""Addresses of which it is remembered whether they are banned."""


class OrderEffects(msgspec.Struct, frozen=True):
    """What is in force. Where two orders say the same, the earlier one is named."""

    silenced: Mapping[str, Order] = {}
    """Accounts, by their claims, that may not post."""
    closed: Mapping[str, Order] = {}
    """Accounts that may not log in."""
    banned: tuple[tuple[Network, Order], ...] = ()
    """Addresses from which nobody may connect."""

    removed: Mapping[EntryId, tuple[int, Order]] = {}
    """Activities that nobody is to see any more, with their stamps."""
    fingerprints: frozenset[bytes] = frozenset()
    """What their copies are known by."""

    def kept_out(self, claim: str | None, host: str) -> str | None:
        """Why somebody may not come in, as a clause for them; None: they may."""
        closed, banned = self.closed.get(claim or ""), self.ban_of(host)
        if closed is not None:
            return why(closed, "this account was closed by {by}")
        return why(banned, "this address was banned by {by}") if banned is not None else None

    def ban_of(self, host: str) -> Order | None:
        """The order by which a host is banned, if it is."""
        if not self.banned:
            return None
        address = _address_of(host)
        if address is None:
            return None
        return next((order for network, order in self.banned if address in network), None)


@lru_cache(HOSTS_REMEMBERED)
def _address_of(host: str) -> object:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def effects_of(standing: OperatorStanding) -> OrderEffects:
    """What follows from what is in force."""
    silenced: dict[str, Order] = {}
    closed: dict[str, Order] = {}
    banned: dict[str, tuple[Network, Order]] = {}
    removed: dict[EntryId, tuple[int, Order]] = {}
    fingerprints: set[bytes] = set()
    for _, order in standing.in_force():
        if order.kind == SILENCE:
            silenced.setdefault(order.target, order)
        elif order.kind == CLOSE:
            closed.setdefault(order.target, order)
        elif order.kind == REMOVE and (one := removed_one(order)) is not None:
            removed.setdefault(one.id, (one.stamp, order))
            fingerprints.update([one.fingerprint] if one.fingerprint else [])
        elif order.kind == BAN and (network := banned_network(order.target)) is not None:
            banned.setdefault(order.target, (network, order))
    return OrderEffects(silenced, closed, tuple(banned.values()), removed, frozenset(fingerprints))
