"""Orders at a node: taken in from the log, and given here by operators who are logged in."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from core.admission.token_bucket import TokenBuckets
from core.node.accounts.book import AccountBook
from core.node.interface.actions import KeepOut
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.node.neighbours.neighbours import Neighbours
from core.node.orders.founding import FoundingKeeper
from core.node.orders.order_book import OrderBook, Roots
from core.node.orders.order_effects import OrderEffects
from core.node.orders.order_kinds import DISMISS, EXPEL, ORDER_KINDS, operator_key, order_told
from core.node.orders.standing import ORDERS_MAX, Operator, OperatorStanding
from core.wire.entries import AccountFact, KeyChange
from core.wire.network_orders import REKEY
from core.wire.packed_facts import PackedFacts
from core.wire.recovered import Recovered
from core.wire.signed_orders import ORDER_KEY_TYPE, Order, SignedOrder, code_verifier, order_as_key, order_in_key

ORDERS_A_MINUTE: Final = 60.0
"""Orders that one operator may give at one server, on average; ten minutes' worth may come at once."""
BURST_MINUTES: Final = 10.0
OPERATORS_REMEMBERED: Final = 1024
ONLY_ROOTS: Final = (
    "only the network's first operator, and whom the settings of servers name (operators), give it another key:"
    " people's programs know nobody else's word for it"
)
STALE: Final = 300.0
"""Seconds by which an order may be dated ahead."""
NEWS: Final = 3600.0
"""Seconds for which an order is news: of older ones, which a server that has just come hears all at once, operators are
told how many there are."""

EACH: Final = 0.0005
"""Seconds for each order that is known, between two looks at what follows from all of them: a server that has just come
hears thousands in one go."""
_FOLLOWING: Final = "what follows from orders"

OnEffects = Callable[[OrderEffects, OrderEffects], None]
"""Told what was in force, and what is now."""


class Orders:
    """What operators have ordered, as far as it has come here."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        accounts: AccountBook,
        replication: Replication,
        recovered: Recovered,
    ) -> None:
        self._context = context
        self._accounts = accounts
        self._replication = replication
        roots = self._roots = Roots(context.config.operators)
        self.book = OrderBook(recovered.verifier, roots.of, lambda: roots.network)
        self.founding = FoundingKeeper(context, neighbours, roots, recovered, self._operator_known)
        for signed in _orders_in(recovered.account_changes):
            self.book.take(signed)
        self._rates = TokenBuckets(ORDERS_A_MINUTE / 60.0, ORDERS_A_MINUTE * BURST_MINUTES, OPERATORS_REMEMBERED)
        self._giving: set[str] = set()
        """Orders that are not durable yet."""
        self.on_effects: list[OnEffects] = []
        self.on_operator: Callable[[], None] = lambda: None
        """Told when somebody else may be an operator of rank 0."""
        self.problem_with: Callable[[SignedOrder], str | None] = lambda signed: None
        """Why an order cannot be taken here, as a clause, for a reason that its kind knows."""
        self._standing = self.book.standing
        self._effects = self.book.effects
        self._followed_at = float("-inf")
        """When that was looked at last, by the monotonic clock."""

    def start(self) -> None:
        """The node begins: what is in force is told to whom it concerns."""
        self.founding.start()
        self._remove(OrderEffects(), self._effects)
        if self._effects.banned:
            self._tell_who_is_kept_out(self._effects)

    @property
    def effects(self) -> OrderEffects:
        """What is in force."""
        return self._effects

    def kept_out(self, claim: str | None, host: str = "") -> str | None:
        """Why operators have kept an account, or an address, out of the network, as a clause; None: they have not."""
        return self._effects.kept_out(claim, host, self._registered_at(claim))

    def codes_of(self, claim: str, code: str) -> list[str]:
        """The orders by which an account has been given a code that has not ended."""
        verifier = code_verifier(code).encode()
        now = self._context.ago(0.0)
        return [
            one.order_id
            for one in self._effects.codes.get(claim, ())
            if one.expires >= now and hmac.compare_digest(one.verifier.encode(errors="replace"), verifier)
        ]

    def _registered_at(self, claim: str | None) -> int:
        fact = self._accounts.fact(claim) if claim is not None and self._effects.expelled else None
        return max(fact.stamp, fact.allowed_at) if fact is not None else 0

    def suspended(self, most: int) -> list[AccountFact]:
        """Accounts that are suspended because their server is expelled, the first so many."""
        found: list[AccountFact] = []
        for server in self._effects.expelled:
            for fact in self._accounts.registered_at(server):
                if self._effects.suspends(fact.claim, max(fact.stamp, fact.allowed_at)) is not None:
                    found.append(fact)
                    if len(found) >= most:
                        return found
        return found

    @property
    def waiting(self) -> int:
        """Orders that are given here and not durable yet."""
        return len(self._giving)

    # --- from the log -------------------------------------------------------------------------------------------------

    def apply(self, change: KeyChange) -> None:
        """Take in an order that has been committed."""
        signed = order_in_key(change)
        if signed is None or not self.book.take(signed):
            return
        wait = self._followed_at + EACH * len(self.book) - self._context.now.monotonic
        if wait <= 0.0:
            self._follow()
        elif _FOLLOWING not in self._context.timers:
            self._context.timers.set(_FOLLOWING, self._context.after(wait), self._follow)

    def _operator_known(self) -> None:
        self.on_operator()
        self.book.look_again()
        self._follow()

    def _follow(self) -> None:
        """Tell of what is new in force."""
        self._context.timers.cancel(_FOLLOWING)
        self._followed_at = self._context.now.monotonic
        if self.book.standing is self._standing:
            return
        before, effects_before = self._standing, self._effects
        self._standing, self._effects = self.book.standing, self.book.effects
        self._tell_of_news(before, self._standing)
        if self._effects == effects_before:
            return
        if self._effects != effects_before:
            self._tell_who_is_kept_out(self._effects)
        self._remove(effects_before, self._effects)
        for told in self.on_effects:
            told(effects_before, self._effects)

    def _tell_who_is_kept_out(self, effects: OrderEffects) -> None:
        self._context.actions.append(KeepOut(tuple(str(network) for network, _ in effects.banned)))

    def _remove(self, before: OrderEffects, now: OrderEffects) -> None:
        """Have what operators have removed vanish here. At a start all of it: data may have been put back."""
        self._replication.removed.hide({server: one.hidden_from for server, one in now.expelled.items()})
        if now.removed == before.removed:
            return
        stamps = {one: stamp for one, (stamp, _) in now.removed.items()}
        self._replication.removed.become(stamps, now.fingerprints)
        new = {one: stamp for one, stamp in stamps.items() if one not in before.removed}
        if new:
            self._replication.remove(new, now.fingerprints - before.fingerprints)

    def _tell_of_news(self, before: OperatorStanding, now: OperatorStanding) -> None:
        since = self._context.ago(NEWS)
        old = 0
        for one, order in now.heeded.items():
            if one in before.heeded:
                continue
            if order.stamp < since:
                old += 1
            else:
                self._context.notify("ordered", f"{order_told(order)} (order {one[:8]})", "warning")
        if old:
            self._context.notify("ordered", f"{old:,} earlier orders of operators are heeded here from now on")
        voided = sum(one not in now.heeded for one in before.heeded)
        if voided:
            self._context.notify("ordered", f"{voided:,} orders are not heeded any more: who gave them was dismissed")

    # --- given here ---------------------------------------------------------------------------------------------------

    def give(self, claim: str, signed: SignedOrder, done: Callable[[str | None], None]) -> None:
        """Have an order kept and passed on, for somebody who is logged in as `claim`; `done` is called once with None
        when it is durable here, or with what is wrong, as a clause."""
        account = self._accounts.fact(claim)
        problem = self._problem(signed) if account is not None else "the account is not known here"
        if problem is not None or account is None:
            done(problem)
            return
        order_id = signed.order.id
        if self.book.get(order_id) is not None:
            # Its answer was lost.
            done(None)
            return
        key = order_as_key(signed)
        body = msgspec.json.encode(msgspec.structs.replace(account, key=key, allowed_at=0, told_by="", retold=False))
        self._giving.add(order_id)

        def kept(problem: str | None) -> None:
            self._giving.discard(order_id)
            done(f"this server cannot keep it now: {problem}" if problem is not None else None)

        self._replication.own.originate("account", body, then=kept)

    def _problem(self, signed: SignedOrder) -> str | None:
        context, order = self._context, signed.order
        if context.draining:
            return "this server is leaving the network; try again at another one"
        if context.storage_error is not None:
            return f"this server cannot keep it now: {context.storage_error}"
        kind = ORDER_KINDS.get(order.kind)
        if kind is None:
            return "this server does not know such orders"
        if (problem := kind.problem(order)) is not None:
            return problem
        if not self.book.is_signed(signed):
            return "its signature does not fit"
        if not self.is_operator(order.key):
            return "this key is no operator's here"
        if order.network != self.founding.network:
            return "it is meant for another network"
        if order.kind == REKEY and not self.is_root_key(order.key):
            return ONLY_ROOTS
        if (problem := self.problem_with(signed)) is not None:
            return problem
        if order.id in self._giving:
            return "it is being kept already"
        if order.stamp > context.ago(-STALE):
            return f"it is dated more than {STALE:g} seconds ahead"
        if self.orders_of(order.key) >= ORDERS_MAX:
            return f"an operator gives {ORDERS_MAX:,} orders, ever"
        if wait := self._rates.take(order.key.hex(), context.now.monotonic):
            return f"an operator gives {ORDERS_A_MINUTE:g} orders a minute; wait {wait:.0f} seconds"
        return None

    def is_operator(self, key: bytes) -> bool:
        """Whether orders of a key are heeded here from now on."""
        return self.book.is_operator(key)

    def is_root_key(self, key: bytes) -> bool:
        """Whether a key is one of an operator by nobody's order, who has not resigned."""
        return self._roots.of(key) is not None and self.is_operator(key)

    def is_root(self, order: Order) -> bool:
        """Whether an order is such an operator's, and meant for this network."""
        root = self._roots.of(order.key)
        return (
            root is not None
            and self.is_root_key(order.key)
            and (root.everywhere or order.network == self._roots.network)
        )

    @property
    def knows_roots(self) -> bool:
        """Whether anybody is known who is an operator by nobody's order."""
        return self._roots.is_anybody

    def was_expelled(self, server: str) -> bool:
        """Whether an order is known that has expelled a server, in force or not."""
        return any(order.kind == EXPEL and order.target == server for order in self._standing.heeded.values())

    def orders_of(self, key: bytes) -> int:
        """How many of a key's orders are heeded."""
        return sum(order.key == key for order in self._standing.heeded.values())

    def operators(self) -> list[Operator]:
        """All that are known, those before others first: whoever has given no order yet among them."""
        known = dict(self._standing.operators)
        for root in self._roots.all():
            known.setdefault(root.key, root)
        return sorted(known.values(), key=lambda one: (one.rank, one.name, one.key))

    def outranks(self, key: bytes, operator: Operator) -> bool:
        """Whether a key's operator comes before another one."""
        own = self._standing.operators.get(key) or self._roots.of(key)
        return own is not None and not own.dismissal and own.rank < operator.rank

    def undo_problem(self, key: bytes, order: Order) -> str | None:
        """Why an operator cannot undo an order, as a clause."""
        if not ORDER_KINDS[order.kind].ranked:
            return None
        own, other = (self._standing.operators.get(one) or self._roots.of(one) for one in (key, order.key))
        if order.kind == DISMISS and operator_key(order.target) == order.key:
            return "who has resigned stays so; appoint them again, with another key"
        if own is None or other is None or own.rank > other.rank:
            return f"only {order.by or 'its operator'}, or who comes before or beside them, undoes that"
        return None

    def kept_of(self, key: bytes) -> set[str]:
        """Of who is dismissed, the orders that stay in force."""
        dismissals = (order for _, order in self._standing.in_force() if order.kind == DISMISS)
        return {one for order in dismissals if operator_key(order.target) == key for one in order.words}


def _orders_in(changes: PackedFacts) -> list[SignedOrder]:
    """The orders among the changes of accounts that were known before this start."""
    keys = (fact.key for fact in changes.containing(ORDER_KEY_TYPE.encode()) if fact.key is not None)
    return [signed for key in keys if (signed := order_in_key(key)) is not None]
