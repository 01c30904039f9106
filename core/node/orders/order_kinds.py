"""What each kind of order is about, and how people are told of it: all of it in one table."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX, EntryId, parse_entry_id
from core.wire.idempotency import FINGERPRINT_BYTES
from core.wire.network_orders import REKEY, SECRET, key_change_in, secret_change_in
from core.wire.signed_orders import ORDER_ID_CHARACTERS, Order
from core.wire.signing import KEY_BYTES

APPOINT: Final = "appoint"
DISMISS: Final = "dismiss"
UNDO: Final = "undo"
SILENCE: Final = "silence"
CLOSE: Final = "close"
BAN: Final = "ban"
REMOVE: Final = "remove"
EXPEL: Final = "expel"
READMIT: Final = "readmit"
CODE: Final = "code"
VERIFIER_CHARACTERS: Final = 64
KEEP_ACTIVITIES: Final = "keep"
"""What an expulsion says of the server's activities: those from before it are shown as before."""
HIDE_SINCE: Final = "since"
"""Those from the date on are not."""
HIDE_ALL: Final = "all"
"""None of them is."""

PREFIX_MIN: Final = {4: 8, 6: 16}
"""Shortest prefix that may be banned, by the version of IP: with less a slip shuts everybody out."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class OrderKind(NamedTuple):
    """`problem` says what is wrong with an order's target or words, as a clause; None: nothing. `told` is what people
    are told, with the order's fields. `ranked`: it concerns operators, so whose word it is counts."""

    problem: Callable[[Order], str | None]
    told: str
    ranked: bool = False


def operator_key(text: str) -> bytes | None:
    """The public key that an order names; None if it names none."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def banned_network(text: str) -> Network | None:
    """The addresses that a ban names, if it may."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    return network if ban_problem(network) is None and str(network) == text else None


def ban_problem(network: Network) -> str | None:
    """Why some addresses cannot be banned, as a clause."""
    if network.prefixlen < PREFIX_MIN[network.version]:
        shortest = PREFIX_MIN[network.version]
        return f"{network} is too much of the world: the shortest prefix that can be banned is /{shortest}"
    if network.is_loopback or network.is_unspecified:
        return f"{network} is everybody's own machine"
    return None


def _key_problem(order: Order) -> str | None:
    return None if operator_key(order.target) is not None else "it names no public key"


def _ids_problem(order: Order) -> str | None:
    if any(len(word) != ORDER_ID_CHARACTERS for word in order.words):
        return "what it keeps are no orders"
    return _key_problem(order)


def _order_problem(order: Order) -> str | None:
    return None if len(order.target) == ORDER_ID_CHARACTERS else "it names no order"


def _claim_problem(order: Order) -> str | None:
    if len(order.target) > IDENTIFIER_CHARACTERS_MAX:
        return "it names no account"
    try:
        parse_entry_id(order.target)
    except ValueError:
        return "it names no account"
    return None


def _network_problem(order: Order) -> str | None:
    return None if banned_network(order.target) is not None else "it names no addresses that can be banned"


class RemovedOne(NamedTuple):
    """An activity that is removed: its stamp, and the fingerprint of its copies, empty where it has none."""

    id: EntryId
    stamp: int
    fingerprint: bytes


def removed_one(order: Order) -> RemovedOne | None:
    """The activity that a removal names; None if it names none."""
    stamp, fingerprint = (*order.words, "", "")[:2]
    try:
        found = RemovedOne(parse_entry_id(order.target), int(stamp), bytes.fromhex(fingerprint))
    except ValueError:
        return None
    right = stamp.isascii() and stamp.isdigit() and 0 <= found.stamp <= COUNTER_MAX and found.id.seq > 0
    return found if right and len(found.fingerprint) in (0, FINGERPRINT_BYTES) else None


def _activity_problem(order: Order) -> str | None:
    return None if removed_one(order) is not None else "it names no activity"


class OneTimeCode(NamedTuple):
    """A code by which somebody gives their account another secret, once."""

    verifier: str
    expires: int
    """A stamp."""
    order_id: str


def code_in(order: Order, order_id: str) -> OneTimeCode | None:
    """The code that an order gives; None if it gives none."""
    verifier, expires = (*order.words, "", "")[:2]
    right = len(verifier) == VERIFIER_CHARACTERS and expires.isascii() and expires.isdigit()
    return OneTimeCode(verifier, int(expires), order_id) if right else None


def _code_problem(order: Order) -> str | None:
    return _claim_problem(order) or (None if code_in(order, "") is not None else "it has no code, or no end")


class Expulsion(NamedTuple):
    """A server that is expelled. Stamps are microseconds since 1970."""

    since: int
    """Accounts that were registered there from this stamp on are suspended, and what it said of others' keys and
    secrets from then on does not count."""
    hidden_from: int
    """Its activities from this stamp on are not shown: none of those that come when it is expelled."""
    order: Order


def expulsion_in(order: Order) -> Expulsion | None:
    """The expulsion that an order says; None if it says none."""
    since, activities = (*order.words, "", "")[:2]
    if not (since.isascii() and since.isdigit() and int(since) <= COUNTER_MAX):
        return None
    if not order.target or len(order.target) > IDENTIFIER_CHARACTERS_MAX or "." in order.target:
        return None
    begin = min(int(since), order.stamp)
    hidden = {KEEP_ACTIVITIES: order.stamp, HIDE_SINCE: begin, HIDE_ALL: 0}
    return Expulsion(begin, hidden[activities], order) if activities in hidden else None


def _server_problem(order: Order) -> str | None:
    return None if expulsion_in(order) is not None else "it names no server, or no date"


def _key_change_problem(order: Order) -> str | None:
    return None if key_change_in(order) is not None else "it names no key of a network"


def _secret_change_problem(order: Order) -> str | None:
    return None if secret_change_in(order) is not None else "it names no secret, or no end of the one before"


ORDER_KINDS: Final[Mapping[str, OrderKind]] = {
    APPOINT: OrderKind(_key_problem, "{by} has made {name} an operator", ranked=True),
    DISMISS: OrderKind(_ids_problem, "{by} has dismissed the operator {name}", ranked=True),
    UNDO: OrderKind(_order_problem, "{by} has undone an order: {name}"),
    SILENCE: OrderKind(_claim_problem, "{by} has silenced {name}"),
    CLOSE: OrderKind(_claim_problem, "{by} has closed the account {name}"),
    REMOVE: OrderKind(_activity_problem, "{by} has removed {name}"),
    CODE: OrderKind(_code_problem, "{by} has given {name} a code for another secret"),
    EXPEL: OrderKind(_server_problem, "{by} has expelled the server {name}"),
    READMIT: OrderKind(_claim_problem, "{by} has readmitted {name}"),
    REKEY: OrderKind(_key_change_problem, "{by} has given the network another key, {name}"),
    SECRET: OrderKind(_secret_change_problem, "{by} has given the network another secret; the one before holds {name}"),
    BAN: OrderKind(_network_problem, "{by} has banned {name}"),
}
"""What is not in it is from a later version: it is kept and passed on, and nothing follows from it."""


def why(order: Order, words: str) -> str:
    """What somebody is told whom an order concerns: `words` with `{by}` for who has given it, and their reason."""
    return words.format(by=order.by or "an operator") + (f" ({order.because})" if order.because else "")


def order_told(order: Order) -> str:
    """What people are told of an order, as a sentence without its end."""
    kind = ORDER_KINDS[order.kind]
    because = f" ({order.because})" if order.because else ""
    return kind.told.format(by=order.by or "an operator", name=order.name or order.target) + because
