"""Whether an order is drafted as it was asked for: a server that lies drafts another one, and has an operator sign it.

What names people and servers by what they are called is looked up by the server, and its word is taken for which one
that is. All that follows from the words that were asked with is compared here.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from core.wire.entries import parse_entry_id
from core.wire.limits import NAME_CHARACTERS_MAX
from core.wire.messages import OrderDraft
from core.wire.network_orders import REKEY, SECRET, key_change_in, secret_change_in
from core.wire.signed_orders import Order, operator_fingerprint, read_public_key, written_key
from core.wire.signing import SIGNATURE_BYTES

DATE_WITHIN: Final = 86_400.0
"""Seconds by which an order's date may differ from this machine's time. The dates of two orders tell which came first,
and what an expulsion hides; clocks of small machines are often off by hours, and seldom by more."""
_KEEP_NONE: Final = ("none",)
_NOTHING_SIGNED: Final = written_key(bytes(SIGNATURE_BYTES))


def draft_problem(asked: OrderDraft, order: Order, wall: float, username: str) -> str | None:
    """How an order differs from what was asked for, as a clause; None: in nothing that can be seen. `wall`: seconds
    since 1970; `username`: who asks."""
    if (order.kind, order.key, order.because) != (asked.kind, asked.key, asked.because):
        return "it is another one than was asked for"
    check = _CHECKS.get(order.kind)
    if check is None or not check(asked, order):
        return f"it would {order.kind} something else than {asked.target[:NAME_CHARACTERS_MAX]}"
    own = written_key(asked.key)
    if order.kind == "dismiss" and order.target == own and not _is_named_as(asked.target, asked.key, username):
        return "it would dismiss you"
    if abs(order.stamp / 1_000_000 - wall) > DATE_WITHIN:
        return "it is dated more than a day from this machine's time: set the clock, or give it at another server"
    return None


def _is_named_as(text: str, key: bytes, username: str) -> bool:
    return text in (username, operator_fingerprint(key)) or read_public_key(text) == key


def _is_called(asked: OrderDraft, order: Order) -> bool:
    return asked.target == order.target or asked.target[:NAME_CHARACTERS_MAX] == order.name


def _account(asked: OrderDraft, order: Order) -> bool:
    return _is_called(asked, order) and not order.words


def _code(asked: OrderDraft, order: Order) -> bool:
    return _is_called(asked, order) and order.words == tuple(asked.words)


def _server(asked: OrderDraft, order: Order) -> bool:
    return _is_called(asked, order) and order.words == (*asked.words, "since")[:2]


def _addresses(asked: OrderDraft, order: Order) -> bool:
    text = asked.target
    try:
        single = ipaddress.ip_address(text) if "/" not in text else None
        # Who has one address of version 6 has all of them.
        meant = f"{text}/64" if single is not None and single.version == 6 else text
        return order.target == str(ipaddress.ip_network(meant, strict=False)) and not order.words
    except ValueError:
        return False


def _activity(asked: OrderDraft, order: Order) -> bool:
    try:
        return order.target == str(parse_entry_id(asked.target))
    except ValueError:
        return False


def _order(asked: OrderDraft, order: Order) -> bool:
    return asked.target != "" and order.target.startswith(asked.target.lower()) and not order.words


def _appointment(asked: OrderDraft, order: Order) -> bool:
    key = read_public_key(asked.words[0]) if asked.words else None
    named = asked.target in (order.name, *order.words)
    return key is not None and order.target == written_key(key) and named and len(order.words) == 1


def _dismissal(asked: OrderDraft, order: Order) -> bool:
    if tuple(asked.words) == _KEEP_NONE and order.words:
        return False
    key = read_public_key(asked.target)
    if key is not None:
        return order.target == written_key(key)
    if asked.target.startswith("SHA256:"):
        return asked.target == _fingerprint_of(order.target)
    return _is_called(asked, order)


def _fingerprint_of(written: str) -> str:
    try:
        return operator_fingerprint(base64.b64decode(written, validate=True))
    except ValueError:
        return ""


def _key_change(asked: OrderDraft, order: Order) -> bool:
    filled = msgspec.structs.replace(order, words=(*order.words[:2], _NOTHING_SIGNED, *order.words[3:]))
    return asked.target == "" and order.words[2:3] == ("",) and key_change_in(filled) is not None


def _secret_change(asked: OrderDraft, order: Order) -> bool:
    change = secret_change_in(order)
    return asked.target == "" and change is not None and order.words[:1] == tuple(asked.words)


_CHECKS: Final[Mapping[str, Callable[[OrderDraft, Order], bool]]] = {
    "silence": _account,
    "close": _account,
    "readmit": _account,
    "code": _code,
    "ban": _addresses,
    "remove": _activity,
    "expel": _server,
    "undo": _order,
    "appoint": _appointment,
    "dismiss": _dismissal,
    REKEY: _key_change,
    SECRET: _secret_change,
}
"""By kind: whether an order is about what was asked for."""
