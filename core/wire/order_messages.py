"""The messages about operators, what they order, and what becomes of it."""

# Annotations are evaluated as they stand: as texts, the decoder would compile each of them again at every start.
from typing import Annotated

import msgspec

from core.wire.base_messages import Counter, Label, Message
from core.wire.founding_record import FoundingRecord
from core.wire.server_keys import PublicKey, Signature
from core.wire.signed_orders import BECAUSE_CHARACTERS_MAX, WORDS_MAX, ListedOperator, ListedOrder, Order, SignedOrder


class Founding(Message, frozen=True):
    """Who has begun this network, as the sender knows it: what the receiver learns first counts there.

    `told`: others than the founding server itself know it already.
    """

    record: FoundingRecord
    told: bool = False


class OrdersRequest(Message, frozen=True):
    """The client is an operator, with this key: it is told of the orders. The first account of a network shows its key
    so, too, and is its operator from then on.

    `proof` is a signature of `core.wire.signed_orders.shown_key_digest`; `at` is the time there, in milliseconds since
    1970. `behind`: only of orders from before this stamp and id, which a page before ended at.
    """

    key: PublicKey
    at: int
    proof: Signature
    behind: tuple[Counter, str] | None = None


class OrderList(Message, frozen=True):
    """Orders, the latest first. `network` is what an order of this network names; `operator`: whether the client's
    orders are heeded. `accounts` has the names that accounts in it have now."""

    network: str
    operator: bool
    operators: list[ListedOperator] = []
    orders: list[ListedOrder] = []
    accounts: dict[str, str] = {}
    suspended: list[str] = []
    """Names of accounts that are suspended because their server is expelled, 1,000 at most."""
    more: bool = False


class OrderDraft(Message, frozen=True):
    """The client wants to give an order, and asks how it is to be written: what it is about is looked up."""

    key: PublicKey
    kind: Label
    target: Annotated[str, msgspec.Meta(max_length=1024)]
    words: Annotated[list[Annotated[str, msgspec.Meta(max_length=1024)]], msgspec.Meta(max_length=WORDS_MAX)] = []
    because: Annotated[str, msgspec.Meta(max_length=BECAUSE_CHARACTERS_MAX)] = ""


class OrderDrafted(Message, frozen=True):
    """The order, to be looked at and signed. `about` says in words what it concerns."""

    order: Order
    about: str = ""
    left: Counter = 0
    """How many of the orders of who is dismissed would stay in force, and need another order for that."""


class GiveOrder(Message, frozen=True):
    """A signed order: it is to be kept, and to go to everybody."""

    order: SignedOrder


class OrderTaken(Message, frozen=True):
    """The order with this id is kept by the server, and on its way to everybody."""

    id: str
    info: str = ""


class ActivitiesRemoved(Message, frozen=True):
    """Operators have removed these activities, by their ids: nobody is to see them any more."""

    ids: list[Annotated[str, msgspec.Meta(max_length=128)]]
    by: str = ""
    because: str = ""
    server: Label = ""
    """Whatever this server has accepted from `since` on is not to be shown, either."""
    since: Counter = 0
    undone: bool = False
    """What hid that is undone: it is to be shown again."""


class OrderRefused(Message, frozen=True):
    """What was asked about orders is not possible, and why. The connection goes on."""

    info: str = ""


class AccountRenamed(Message, frozen=True):
    """The name is another account's, registered earlier elsewhere; yours is kept under a new one."""

    username: str
    renamed: str
    info: str = ""
