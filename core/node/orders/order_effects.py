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
    CODE,
    EXPEL,
    READMIT,
    REMOVE,
    SILENCE,
    Expulsion,
    Network,
    OneTimeCode,
    banned_network,
    code_in,
    expulsion_in,
    removed_one,
    why,
)
from core.node.orders.standing import OperatorStanding
from core.wire.entries import EntryId
from core.wire.network_orders import (
    REKEY,
    SECRET,
    NetworkKeyChange,
    NetworkSecretChange,
    key_change_in,
    secret_change_in,
)
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

    expelled: Mapping[str, Expulsion] = {}
    """Servers that are none of the network's any more, by id."""
    lifted: Mapping[str, Expulsion] = {}
    """Servers that were expelled and are not any more, by the expulsion that hid most."""
    codes: Mapping[str, tuple[OneTimeCode, ...]] = {}
    """By the claims of accounts."""
    readmitted: frozenset[str] = frozenset()
    """Accounts of such servers that are not suspended."""
    key_changes: tuple[tuple[str, NetworkKeyChange], ...] = ()
    """Behind the ids of their orders, by operators of rank 0: the keys that the network was given, the latest last."""
    secret_changes: tuple[NetworkSecretChange, ...] = ()
    """The secrets that it was given, the latest last."""

    def suspends(self, claim: str, registered_at: int) -> Order | None:
        """The expulsion by which an account is suspended that was registered then, if it is."""
        expulsion = self.expelled.get(claim.partition(".")[0]) if self.expelled else None
        if expulsion is None or registered_at < expulsion.since or claim in self.readmitted:
            return None
        return expulsion.order

    def is_void(self, told_by: str, stamp: int) -> bool:
        """Whether what a server says of others' keys and secrets does not count, because it is expelled."""
        expulsion = self.expelled.get(told_by) if self.expelled else None
        return expulsion is not None and stamp >= expulsion.since

    def kept_out(self, claim: str | None, host: str, registered_at: int = 0) -> str | None:
        """Why somebody may not come in, as a clause for them; None: they may."""
        closed, banned = self.closed.get(claim or ""), self.ban_of(host)
        if closed is not None:
            return why(closed, "this account was closed by {by}")
        expulsion = self.suspends(claim or "", registered_at)
        if expulsion is not None:
            return why(expulsion, "this account is suspended, as {by} has expelled the server that it comes from")
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
    expelled: dict[str, Expulsion] = {}
    readmitted: set[str] = set()
    codes: dict[str, tuple[OneTimeCode, ...]] = {}
    key_changes: list[tuple[str, NetworkKeyChange]] = []
    secret_changes: list[NetworkSecretChange] = []
    for order_id, order in standing.in_force():
        if order.kind == SILENCE:
            silenced.setdefault(order.target, order)
        elif order.kind == CLOSE:
            closed.setdefault(order.target, order)
        elif order.kind == REMOVE and (one := removed_one(order)) is not None:
            removed.setdefault(one.id, (one.stamp, order))
            fingerprints.update([one.fingerprint] if one.fingerprint else [])
        elif order.kind == EXPEL and (expulsion := expulsion_in(order)) is not None:
            expelled.setdefault(order.target, expulsion)
        elif order.kind == CODE and (code := code_in(order, order_id)) is not None:
            codes[order.target] = (*codes.get(order.target, ()), code)
        elif order.kind == READMIT:
            readmitted.add(order.target)
        elif order.kind in (REKEY, SECRET):
            if order.kind == REKEY and standing.operators[order.key].rank:
                # People know the operators of the others no better than any server does.
                continue
            if (key_change := key_change_in(order)) is not None:
                key_changes.append((order_id, key_change))
            if (secret_change := secret_change_in(order)) is not None:
                secret_changes.append(secret_change)
        elif order.kind == BAN and (network := banned_network(order.target)) is not None:
            banned.setdefault(order.target, (network, order))
    lifted: dict[str, Expulsion] = {}
    undone = (standing.heeded[one] for one in standing.undone if one in standing.heeded)
    for order in undone:
        if order.kind == EXPEL and order.target not in expelled and (lift := expulsion_in(order)) is not None:
            most = lifted.setdefault(order.target, lift)
            lifted[order.target] = min(most, lift, key=lambda one: one.hidden_from)
    return OrderEffects(
        silenced,
        closed,
        tuple(banned.values()),
        removed,
        frozenset(fingerprints),
        expelled,
        lifted,
        codes,
        frozenset(readmitted),
        tuple(key_changes),
        tuple(secret_changes),
    )
