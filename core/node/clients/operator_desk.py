"""Operators who are logged in: they show their key, have an order drafted, sign it, and give it.

Their private key never leaves them. What an order is about is looked up here, because it names accounts, servers and
activities by what they are for ever, and people by what they are called now.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from core.node.accounts.book import AccountBook
from core.node.interface.actions import DrawSecrets, FetchPage
from core.node.interface.events import SecretsDrawn
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.map.topology import Topology
from core.node.orders.network_changes import LEFT_OUT, NetworkChanges
from core.node.orders.order_kinds import (
    APPOINT,
    BAN,
    CLOSE,
    CODE,
    DISMISS,
    EXPEL,
    HIDE_ALL,
    HIDE_SINCE,
    KEEP_ACTIVITIES,
    READMIT,
    REMOVE,
    SILENCE,
    UNDO,
    ban_problem,
    code_in,
    expulsion_in,
    order_told,
)
from core.node.orders.ordering import ONLY_ROOTS, Orders
from core.node.orders.standing import Operator
from core.wire.entries import AccountFact, EntryId, Page, Wanted, parse_entry_id
from core.wire.idempotency import idempotency_fingerprint
from core.wire.limits import NAME_CHARACTERS_MAX
from core.wire.messages import GiveOrder, OrderDraft, OrderDrafted, OrderList, OrderRefused, OrdersRequest, OrderTaken
from core.wire.missing import FoundRuns
from core.wire.names import ANONYMOUS
from core.wire.network_orders import REKEY, SECRET
from core.wire.server_keys import is_certified
from core.wire.signed_orders import (
    WORDS_MAX,
    ListedOperator,
    ListedOrder,
    Order,
    operator_fingerprint,
    read_public_key,
    shown_key_digest,
    written_key,
)
from core.wire.signing import Verifier

SHOWN_WITHIN: Final = 60.0
"""Seconds by which the time may be off for which somebody shows a key."""
PAGE_ORDERS_MAX: Final = 500
"""Orders of one list."""
ID_BEGINNING_MIN: Final = 4
"""Characters by which an order can be named."""
SUSPENDED_MAX: Final = 1000
"""Suspended accounts that are listed."""
LOOKING_MAX: Final = 64
"""Activities that are looked for at a time."""
DIGITS_MAX: Final = 16
"""Of a stamp."""
KEEP_NONE: Final = "none"
"""What a dismissal says that has nothing of who is dismissed stay in force."""


_ACTIVITIES_OF_EXPELLED: Final = {
    KEEP_ACTIVITIES: "what it has accepted up to now is shown still",
    HIDE_SINCE: "what it has accepted since then is shown to nobody",
    HIDE_ALL: "what it has ever accepted is shown to nobody",
}


class _Draft(NamedTuple):
    """What is known of an order that somebody wants to give."""

    target: str
    name: str
    words: tuple[str, ...] = ()
    about: str = ""
    left: int = 0


class _CannotDraft(Exception):
    """Such an order cannot be given; the text is a clause that says why."""


class OperatorDesk:
    """Takes what operators say."""

    def __init__(
        self,
        context: Context,
        accounts: AccountBook,
        orders: Orders,
        topology: Topology,
        verifier: Verifier | None,
        is_used: Callable[[str, str], bool],
    ) -> None:
        """`is_used`: whether an account, by its claim, has used the code of an order."""
        self._context = context
        self._accounts = accounts
        self._orders = orders
        self._topology = topology
        self._verifier = verifier
        self._is_used = is_used
        self.changes: NetworkChanges
        """Makes what an order of another key or secret of the network names."""
        self._drawing: dict[int, tuple[Session, OrderDraft]] = {}
        """Orders for which a key or a secret is drawn, by the question."""
        self._looking: dict[int, tuple[Session, OrderDraft, EntryId]] = {}
        """Activities that the disk is asked for, by the question."""
        self._drafts: Mapping[str, Callable[[OrderDraft], _Draft]] = {
            SILENCE: self._of_account,
            CLOSE: self._of_account,
            BAN: self._ban,
            EXPEL: self._expel,
            READMIT: self._of_account,
            CODE: self._code,
            UNDO: self._undo,
            APPOINT: self._appoint,
            DISMISS: self._dismiss,
        }

    # --- showing a key ------------------------------------------------------------------------------------------------

    @takes(Handler.ORDERS_ASKED)
    def _asks_for_orders(self, session: Session, message: OrdersRequest) -> None:
        problem = self._shown_problem(session, message)
        if problem is None and self._orders.founding.is_named(session.claim):
            self._orders.founding.name(message.key)
        if problem is None and not self._orders.is_operator(message.key):
            problem = self._no_operator()
        session.shown_key = message.key if problem is None else b""
        if problem is not None:
            self._context.send(session, OrderRefused(problem))
        else:
            self._context.send(session, self._page(message))

    def _shown_problem(self, session: Session, message: OrdersRequest) -> str | None:
        if session.claim is None:
            return "anonymous is no operator; log in with a name"
        if self._verifier is None:
            return "this server has no key, and heeds no orders"
        if abs(self._context.now.wall * 1000 - message.at) > SHOWN_WITHIN * 1000:
            return f"the time that was named is not of this server's last {SHOWN_WITHIN:g} seconds"
        digest = shown_key_digest(self._context.id, message.at, message.key)
        if not self._verifier.fits(message.proof, message.key, digest):
            return "the key that was shown was not proved"
        return None

    def _no_operator(self) -> str:
        founding = self._orders.founding.record
        known = founding is not None and founding.name
        who = f"{founding.name} is" if founding is not None and known else "nobody is known to be one"
        return (
            f"you are no operator of this network: {who}; an operator can appoint you, or whoever runs this server can"
            " name your key in its settings (operators)"
        )

    def _page(self, message: OrdersRequest) -> OrderList:
        standing = self._orders.book.standing
        behind = message.behind
        found = [
            ListedOrder(
                one, order, standing.undone.get(one, ""), order.kind == CODE and self._is_used(order.target, one)
            )
            for one, order in reversed([*standing.heeded.items()])
            if behind is None or (order.stamp, one) < behind
        ]
        shown = found[:PAGE_ORDERS_MAX]
        claims = {one.order.target for one in shown} | {operator.claim for operator in standing.operators.values()}
        names = {claim: name for claim in claims if (name := self._accounts.name_of(claim)) is not None}
        suspended = self._orders.suspended(SUSPENDED_MAX)
        return OrderList(
            self._orders.founding.network,
            self._orders.is_operator(message.key),
            [_listed(one) for one in self._orders.operators()],
            shown,
            names,
            [self._accounts.name_of(fact.claim) or fact.username for fact in suspended],
            len(found) > len(shown),
        )

    # --- drafts -------------------------------------------------------------------------------------------------------

    @takes(Handler.ORDER_SKETCHED)
    def _sketched(self, session: Session, message: OrderDraft) -> None:
        draft = self._drafts.get(message.kind)
        try:
            if session.claim is None:
                raise _CannotDraft("anonymous is no operator; log in with a name")
            if message.kind == REMOVE:
                self._look_for(session, message)
                return
            if message.kind in (REKEY, SECRET):
                self._draw_for(session, message)
                return
            if draft is None:
                raise _CannotDraft("this server does not know such orders")
            known = draft(message)
        except _CannotDraft as problem:
            self._context.send(session, OrderRefused(str(problem)))
            return
        self._drafted(session, message, known)

    def _drafted(self, session: Session, message: OrderDraft, known: _Draft) -> None:
        order = Order(
            self._orders.founding.network,
            message.key,
            self._context.stamp(),
            message.kind,
            known.target,
            (session.user or "")[:NAME_CHARACTERS_MAX],
            known.name[:NAME_CHARACTERS_MAX],
            known.words,
            message.because,
        )
        self._context.send(session, OrderDrafted(order, known.about, known.left))

    def _of_account(self, message: OrderDraft) -> _Draft:
        fact = self._account(message.target)
        name = self._accounts.name_of(fact.claim) or fact.username
        return _Draft(fact.claim, name, (), self._about(fact))

    def _code(self, message: OrderDraft) -> _Draft:
        draft = self._of_account(message)
        words = tuple(message.words[:2])
        if code_in(Order("", message.key, 0, CODE, draft.target, words=words), "") is None:
            raise _CannotDraft("a code needs what it is checked against, and an end")
        return draft._replace(words=words, about=f"a code for another secret of {draft.about}")

    def _account(self, text: str) -> AccountFact:
        fact = self._accounts.holder(text) or self._accounts.fact(text)
        if fact is None:
            raise _CannotDraft(f"there is no {text[:NAME_CHARACTERS_MAX]}; look how the name is written")
        return fact

    def _about(self, fact: AccountFact) -> str:
        where = fact.claim.partition(".")[0]
        name = self._accounts.name_of(fact.claim) or fact.username
        at = "this server" if where == self._context.id else f"the server {where}"
        return f"the account {name}, registered at {at}"

    def _draw_for(self, session: Session, message: OrderDraft) -> None:
        """The network is to have another key, or another secret: have one drawn."""
        if self._context.network is None:
            raise _CannotDraft("this server is of the version before networks had keys")
        if session.shown_key != message.key or not self._orders.is_operator(message.key):
            # What is drawn is kept here, and a few of them only: nobody else fills, or empties, that.
            raise _CannotDraft("an operator shows their key first; give the order again")
        if self.changes.is_left_out:
            raise _CannotDraft(LEFT_OUT)
        if message.kind == REKEY and not self._orders.is_root_key(message.key):
            raise _CannotDraft(ONLY_ROOTS)
        if message.kind == SECRET and self._until(message) is None:
            raise _CannotDraft("another secret needs a time up to which the one before holds")
        if len(self._drawing) >= LOOKING_MAX:
            raise _CannotDraft("this server draws too many keys; try again in a moment")
        token = self._context.token()
        self._drawing[token] = (session, message)
        self._context.actions.append(DrawSecrets(token))

    def _until(self, message: OrderDraft) -> int | None:
        text = message.words[0] if message.words else ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX else None

    def drawn(self, event: SecretsDrawn) -> None:
        """The answer to a DrawSecrets."""
        session, message = self._drawing.pop(event.token, (None, None))
        if session is None or message is None or session.state is ConnectionState.CLOSING:
            return
        if message.kind == REKEY:
            key = self.changes.draft_key(event)
            about = f"the network's key, which is {key.name} then, and its secret; the one before holds no more"
            self._drafted(session, message, _Draft(*key, about))
        else:
            secret = self.changes.draft_secret(event, self._until(message) or 0)
            about = f"the network's secret; the one before holds {secret.name}"
            self._drafted(session, message, _Draft(*secret, about))

    def _ban(self, message: OrderDraft) -> _Draft:
        text = message.target
        try:
            address = ipaddress.ip_network(text, strict=False)
            if address.version == 6 and "/" not in text:
                # Who has one of these has all of them.
                address = ipaddress.ip_network(f"{text}/64", strict=False)
        except ValueError:
            raise _CannotDraft(f"{text[:64]} is no address and no network: 203.0.113.7 or 203.0.113.0/24") from None
        problem = ban_problem(address)
        if problem is not None:
            raise _CannotDraft(problem)
        return _Draft(str(address), str(address), (), f"everybody who connects from {address}")

    def _look_for(self, session: Session, message: OrderDraft) -> None:
        """An activity is to be removed: have the disk look for it."""
        try:
            entry_id = parse_entry_id(message.target)
        except ValueError:
            raise _CannotDraft(
                f"{message.target[:64]} is no activity's id: `tail --origin --json`, or Enter on its row, tells it"
            ) from None
        if len(self._looking) >= LOOKING_MAX:
            raise _CannotDraft("this server looks for too many activities; try again in a moment")
        token = self._context.token()
        self._looking[token] = (session, message, entry_id)
        wanted = Wanted({entry_id.stream: ((entry_id.seq, entry_id.seq),)})
        self._context.actions.append(FetchPage(token, wanted))

    def fetched(self, token: int, page: Page | FoundRuns | None) -> bool:
        """The answer to a FetchPage; whether the question was this part's."""
        looking = self._looking.pop(token, None)
        if looking is None:
            return False
        session, message, entry_id = looking
        entries = page.entries if isinstance(page, Page) else ()
        entry = next((one for one in entries if one.id == entry_id and one.kind == "activity"), None)
        if session.state is ConnectionState.CLOSING:
            return True
        if entry is None:
            text = f"no activity {message.target[:160]} is kept here: it was removed, or dropped for its age"
            self._context.send(session, OrderRefused(text))
            return True
        fingerprint = idempotency_fingerprint(entry.sender, entry.ref, entry.body).hex() if entry.ref else ""
        name = f"an activity of {entry.sender or ANONYMOUS}"
        words = (str(entry.stamp), fingerprint)
        self._drafted(session, message, _Draft(str(entry_id), name, words, f"{name}, everywhere and for good"))
        return True

    def _expel(self, message: OrderDraft) -> _Draft:
        text = message.target
        records = self._topology.records
        found = [text] if text in records else [one for one, record in records.items() if record.name == text]
        if len(found) > 1:
            raise _CannotDraft(f"several servers are called {text[:64]}; name one by its id")
        server = found[0] if found else text
        if server == self._context.id:
            raise _CannotDraft("that is this server: give the order at another one")
        if not found and not any(True for _ in self._accounts.registered_at(server)) and not is_certified(server):
            raise _CannotDraft(f"no server is called {text[:64]}, or has this id")
        since, activities = (*message.words, "", "")[:2]
        name = records[server].name if server in records else server[:6]
        words = (since, activities or HIDE_SINCE)
        draft = _Draft(server, name, words)
        if expulsion_in(Order("", message.key, 0, EXPEL, server, words=words)) is None:
            raise _CannotDraft("an expulsion needs a date, and says what becomes of the server's activities")
        from_there = [
            fact for fact in self._accounts.registered_at(server) if max(fact.stamp, fact.allowed_at) >= int(since)
        ]
        accounts = "1 account that came" if len(from_there) == 1 else f"{len(from_there):,} accounts that came"
        suspended = f"{accounts} from it since then {'is' if len(from_there) == 1 else 'are'} suspended"
        shown = _ACTIVITIES_OF_EXPELLED[words[1]]
        return draft._replace(about=f"the server {name} ({server}); {suspended}, and {shown}")

    def _undo(self, message: OrderDraft) -> _Draft:
        text = message.target.lower()
        found = self._orders.book.found(text) if len(text) >= ID_BEGINNING_MIN else []
        if not found:
            raise _CannotDraft(f"no order that is heeded here begins with {text[:24]}; `order list` has their ids")
        if len(found) > 1:
            raise _CannotDraft(f"several orders begin with {text[:24]}; write more of the id")
        order = self._orders.book.get(found[0])
        assert order is not None, "what is heeded is known"
        if order.kind == UNDO:
            raise _CannotDraft("what is undone stays so; give the order again")
        if order.kind == REMOVE:
            raise _CannotDraft("what is removed is gone for good: servers have nothing of it any more")
        if order.kind == REKEY:
            raise _CannotDraft("who had the key before could be of the network again; give it another one instead")
        if found[0] in self._orders.book.standing.undone:
            raise _CannotDraft("it is undone already")
        problem = self._orders.undo_problem(message.key, order)
        if problem is not None:
            raise _CannotDraft(problem)
        name = self._accounts.name_of(order.target) or order.name
        return _Draft(found[0], f"{order.kind} {name}", (), order_told(order))

    def _appoint(self, message: OrderDraft) -> _Draft:
        key = read_public_key(message.words[0]) if message.words else None
        if key is None:
            raise _CannotDraft("an operator is appointed with their public key, a line that begins with ssh-ed25519")
        fact = self._account(message.target)
        known = next((one for one in self._orders.operators() if one.key == key), None)
        if known is not None:
            dismissed = known.dismissal != ""
            raise _CannotDraft(
                "this key's operator was dismissed: they need another key" if dismissed else "they are an operator"
            )
        name = self._accounts.name_of(fact.claim) or fact.username
        about = f"{self._about(fact)}, who signs orders with the key {operator_fingerprint(key)}"
        return _Draft(written_key(key), name, (fact.claim,), about)

    def _dismiss(self, message: OrderDraft) -> _Draft:
        operator = self._operator(message.target)
        if operator.key != message.key and not self._orders.outranks(message.key, operator):
            raise _CannotDraft(
                f"only operators before them dismiss {operator.name or 'this one'}: those that the founding record or a"
                " server's settings name, and whom those have appointed before"
            )
        mine = [one for one, order in self._orders.book.standing.heeded.items() if order.key == operator.key]
        # The network's key is what it is, whoever has ordered it.
        changes = [one for one in mine if self._orders.book.key_change(one) is not None]
        kept = changes if message.words[:1] == [KEEP_NONE] else mine
        if operator.dismissal:
            listed = set(self._orders.kept_of(operator.key))
            kept = [one for one in kept if one not in listed]
            if not kept:
                raise _CannotDraft("they are dismissed already")
        name = self._accounts.name_of(operator.claim) or operator.name or operator_fingerprint(operator.key)
        stays = f"{len(mine):,} of their orders stay in force" if kept else "none of their orders stays in force"
        words = tuple(kept[:WORDS_MAX])
        return _Draft(written_key(operator.key), name, words, f"the operator {name}; {stays}", len(kept) - len(words))

    def _operator(self, text: str) -> Operator:
        key = read_public_key(text)
        fact = self._accounts.holder(text)
        found = [
            one
            for one in self._orders.operators()
            if (key is not None and one.key == key)
            or (fact is not None and one.claim == fact.claim)
            or operator_fingerprint(one.key) == text
        ]
        found = [one for one in found if not one.dismissal] or found
        if not found:
            raise _CannotDraft(f"{text[:NAME_CHARACTERS_MAX]} is no operator; `order list` has them")
        if len(found) > 1:
            raise _CannotDraft("they have several keys; name one by its fingerprint")
        return found[0]

    # --- giving -------------------------------------------------------------------------------------------------------

    @takes(Handler.ORDER_GIVEN)
    def _given(self, session: Session, message: GiveOrder) -> None:
        if session.claim is None:
            self._context.send(session, OrderRefused("anonymous is no operator; log in with a name"))
            return
        order_id = message.order.order.id

        def done(problem: str | None) -> None:
            if session.state is ConnectionState.CLOSING:
                return
            answer = OrderRefused(problem) if problem is not None else OrderTaken(order_id)
            self._context.send(session, answer)

        self._orders.give(session.claim, message.order, done)


def _listed(operator: Operator) -> ListedOperator:
    return ListedOperator(
        operator.key, operator.rank, operator.name, operator.claim, bool(operator.dismissal), operator.everywhere
    )
