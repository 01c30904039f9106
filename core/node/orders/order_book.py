"""All orders that are known, and what follows from them. What it says depends on the set of orders alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.orders.order_effects import OrderEffects, effects_of
from core.node.orders.standing import Operator, OperatorStanding, standing_of
from core.wire.network_orders import REKEY
from core.wire.signed_orders import Order, SignedOrder, operator_fingerprint
from core.wire.signing import Verifier

UNHEEDED_MAX: Final = 10_000
"""Orders of nobody who is an operator that are kept in mind: somebody may turn out to be one. Of more, those that came
last count only from the next start on."""


class OrderBook:
    """Takes orders in, in any sequence and any number of times."""

    def __init__(
        self,
        verifier: Verifier | None,
        root_of: Callable[[bytes], Operator | None],
        network: Callable[[], str] = lambda: "",
    ) -> None:
        """`verifier` tells whether signatures fit; without one no order is heeded. `root_of`, `network`: see
        `standing_of`."""
        self.verifier: Final = verifier
        self._root_of = root_of
        self._network = network
        self._orders: dict[str, Order] = {}
        self._key_changes: dict[str, SignedOrder] = {}
        """Those that give the network another key, with their signatures: who was away is shown them."""
        self._standing: OperatorStanding | None = OperatorStanding()
        self._last = OperatorStanding()
        """The standing that was worked out last: some of the orders may have come since."""
        self._effects: OrderEffects | None = OrderEffects()

    def take(self, signed: SignedOrder) -> bool:
        """Take in an order; whether it is new, and signed."""
        if self.verifier is None or signed.order.id in self._orders or not signed.is_signed(self.verifier):
            return False
        strange = self._root_of(signed.order.key) is None and signed.order.key not in self._last.operators
        if strange and len(self._orders) - len(self._last.heeded) >= UNHEEDED_MAX:
            strange = signed.order.key not in self.standing.operators
            if strange and len(self._orders) - len(self.standing.heeded) >= UNHEEDED_MAX:
                return False
        self._orders[signed.order.id] = signed.order
        if signed.order.kind == REKEY:
            self._key_changes[signed.order.id] = signed
        if not strange:
            # Nothing follows from what others say, and all orders are not looked at for each of theirs.
            self.look_again()
        return True

    def is_signed(self, signed: SignedOrder) -> bool:
        """Whether an order's signature fits."""
        return self.verifier is not None and signed.is_signed(self.verifier)

    def is_operator(self, key: bytes) -> bool:
        """Whether what is signed with a key from now on is heeded."""
        operator = self.standing.operators.get(key)
        return self._root_of(key) is not None if operator is None else not operator.dismissal

    def look_again(self) -> None:
        """Orders have come, or it may be somebody else who is an operator of rank 0."""
        self._standing = self._effects = None

    def __len__(self) -> int:
        return len(self._orders)

    def get(self, order_id: str) -> Order | None:
        return self._orders.get(order_id)

    def key_change(self, order_id: str) -> SignedOrder | None:
        """An order that gives the network another key."""
        return self._key_changes.get(order_id)

    @property
    def standing(self) -> OperatorStanding:
        """Who is an operator, and whose orders are heeded."""
        if self._standing is None:
            self._standing = self._last = standing_of(self._orders, self._root_of, self._network())
        return self._standing

    @property
    def effects(self) -> OrderEffects:
        """What is in force."""
        if self._effects is None:
            self._effects = effects_of(self.standing)
        return self._effects

    def found(self, beginning: str) -> list[str]:
        """The ids of heeded orders that begin so."""
        return [one for one in self.standing.heeded if one.startswith(beginning)]


class Roots:
    """Who is an operator by nobody's order: whom the founding record names, and whom this server's settings do."""

    def __init__(self, fingerprints: frozenset[str]) -> None:
        self._fingerprints = fingerprints
        self.founding_key = b""
        self.founding_name = ""
        self.founding_claim = ""
        self.network = ""

    @property
    def is_anybody(self) -> bool:
        """Whether there is one."""
        return bool(self.founding_key or self._fingerprints)

    def all(self) -> list[Operator]:
        """Those of whom the whole key is known."""
        founding = self.of(self.founding_key) if self.founding_key else None
        return [founding] if founding is not None else []

    def of(self, key: bytes) -> Operator | None:
        """The operator of rank 0 with a key."""
        if key and key == self.founding_key:
            return Operator(key, 0, self.founding_name, self.founding_claim)
        if self._fingerprints and operator_fingerprint(key) in self._fingerprints:
            return Operator(key, 0, everywhere=True)
        return None
