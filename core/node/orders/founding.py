"""The founding record at a node: made by the server that begins a network, learned by all others, and kept.

The first one that is learned counts for good. A server that began a network of its own and was never linked takes over
the record of the network that it joins; of two such servers both take the one that has an operator, and then the
earlier one. One that has an operator gives them up only where somebody there has had it join: not for who comes to it.
What anybody says otherwise is told to operators, and nothing else comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from core.node.interface.actions import KeepFounding
from core.node.kernel.connections import Link
from core.node.kernel.context import ORDERS, Context
from core.node.kernel.takers import takes
from core.node.neighbours.neighbours import Neighbours
from core.node.orders.order_book import Roots
from core.wire.entries import AccountFact
from core.wire.founding_record import FoundingRecord, read_founding, sign_founding, write_founding
from core.wire.messages import Founding
from core.wire.recovered import Recovered
from core.wire.server_keys import certified_id, is_certified
from core.wire.signing import KEY_BYTES

TOLD: Final = "told "
"""Before a record that is kept: others have heard it, so that it is changed for no other one any more."""


class FoundingKeeper:
    """Who has begun the network. `on_operator` is called when its first operator has become known."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        roots: Roots,
        recovered: Recovered,
        on_operator: Callable[[], None],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._roots = roots
        self._signer = recovered.signer
        self._verifier = recovered.verifier
        self._on_operator = on_operator
        kept = recovered.founding
        self._told = kept.startswith(TOLD)
        self.record = read_founding(kept.removeprefix(TOLD)) if kept else None
        self._is_new = not (recovered.streams or recovered.peers)
        self._joins = False
        """Whether somebody here has had this server join another one."""
        self._know_operator()

    # --- made here ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a network, if that is what this start of the server does."""
        context, signer = self._context, self._signer
        if self.record is None and context.config.founds and self._is_new and signer is not None:
            record = FoundingRecord(context.id, signer.key, context.clock.read(context.now.wall))
            self._keep(sign_founding(record, signer))

    def joins(self) -> None:
        """Somebody here has this server join another one, and so that one's network."""
        self._joins = True

    def registered(self, fact: AccountFact) -> None:
        """An account is known: the first one that was registered at the server that began the network is the first
        operator's."""
        record = self.record
        if record is None or record.claim or not self._is_own or fact.claim.partition(".")[0] != self._context.id:
            return
        self._amend(msgspec.structs.replace(record, claim=fact.claim, name=fact.username))
        self._context.notify(
            "ordered",
            f"{fact.username} is the first account of this network, and so its operator, once they have shown a key",
            user=fact.username,
        )

    def is_named(self, claim: str | None) -> bool:
        """Whether an account may show the first operator's key, here."""
        record = self.record
        return record is not None and self._is_own and claim == record.claim != "" and not record.operator

    @property
    def awaited(self) -> str:
        """Who is to show the first operator's key here; nobody if nobody is."""
        record = self.record
        return record.name if record is not None and self.is_named(record.claim) else ""

    def name(self, key: bytes) -> None:
        """The first operator has shown their key."""
        record = self.record
        assert record is not None and len(key) == KEY_BYTES, "only who is named shows a key here"
        self._amend(msgspec.structs.replace(record, operator=key))
        self._context.notify("ordered", f"{record.name} has shown a key, and is the operator of this network", "good")
        self._on_operator()

    @property
    def _is_own(self) -> bool:
        return self.record is not None and self.record.founder == self._context.id

    @property
    def has_operator(self) -> bool:
        """Whether the network's first operator is known."""
        return self.record is not None and self.record.operator != b""

    @property
    def gives_up(self) -> bool:
        """Whether this server, which nobody has heard of yet, is to be of the network that somebody has it join."""
        return self._joins and not self._told and self._is_own

    @property
    def network(self) -> str:
        """What orders of this network name; empty where nobody knows who began it."""
        return self.record.founder if self.record is not None else ""

    def _amend(self, record: FoundingRecord) -> None:
        assert self._signer is not None, "only who has a key begins a network"
        self._keep(sign_founding(record, self._signer))
        self._tell_all()

    def _keep(self, record: FoundingRecord) -> None:
        self.record = record
        self._context.actions.append(KeepFounding((TOLD if self._told else "") + write_founding(record)))
        self._know_operator()

    def _know_operator(self) -> None:
        if self.record is not None:
            roots, record = self._roots, self.record
            roots.founding_key, roots.founding_name, roots.founding_claim = record.operator, record.name, record.claim
            roots.network = record.founder

    # --- heard of -----------------------------------------------------------------------------------------------------

    def linked(self, link: Link) -> None:
        """There is a neighbour: it is told."""
        self._tell(link)

    def _tell(self, link: Link) -> None:
        if self.record is not None and ORDERS in link.features:
            self._context.send(link, Founding(self.record, self._told))

    def _tell_all(self) -> None:
        for link in self._neighbours:
            self._tell(link)

    @takes(Founding)
    def _heard(self, link: Link, message: Founding) -> None:
        record, known = message.record, self.record
        if self._verifier is None or record == known:
            self._settle()
        elif not record.is_signed(self._verifier) or len(record.operator) not in (0, KEY_BYTES):
            self._context.invalid(link, "FOUNDING: the founding server's signature does not fit")
        elif not self._is_founders_key(record):
            # Kept, it would be taken for what that server has said; and by that one for its own.
            self._context.invalid(link, "FOUNDING: the key is not the founding server's")
        elif self._learns(record, told=message.told):
            self._told = True
            self._keep(record)
            self._tell_all()
            self._on_operator()
        elif known is not None and not _completes(known, record):
            # Who has no operator yet, and was heard by nobody, takes this one's record.
            if self._told or record.origin == known.origin or (known.operator and record.operator):
                self._differs(link, record, known)

    def _is_founders_key(self, record: FoundingRecord) -> bool:
        if record.founder == self._context.id:
            return self._signer is not None and record.key == self._signer.key
        return not is_certified(record.founder) or certified_id(record.key) == record.founder

    def _settle(self) -> None:
        """Others know the record: from here on it counts for good."""
        if not self._told and self.record is not None:
            self._told = True
            self._keep(self.record)

    def _learns(self, record: FoundingRecord, *, told: bool) -> bool:
        known = self.record
        if known is None:
            # Who is part of a network from before there were records is no operator's of one that is founded later.
            return self._is_new
        return self._gives_way(known, record, told=told) or _completes(record, known)

    def _gives_way(self, known: FoundingRecord, record: FoundingRecord, *, told: bool) -> bool:
        """Whether a record takes the place of this server's own, which nobody else has heard; `told`: others have heard
        that one."""
        if self._told or not self._is_own or record.origin == known.origin:
            return False
        if known.operator and not self._joins:
            # Whoever comes to this server could say anything, and be the operator of those that are here.
            return False
        return told or _precedence(record) < _precedence(known)

    def _differs(self, link: Link, record: FoundingRecord, known: FoundingRecord) -> None:
        who = link.name or str(link.peer)
        if record.origin == known.origin:
            what = f"names {record.name or 'another key'} as the first operator, and this one knows {known.name}"
        else:
            what = f"says that this network was begun by {record.founder}, and this one knows {known.founder}"
        self._context.tell_few(
            link,
            "ordered",
            f"{who} {what}: the first that was learned counts here, so the two heed other operators; where two networks"
            " have become one, name operators in the settings of the servers (operators)",
            "warning",
            server=link.remote_id,
        )


def _completes(record: FoundingRecord, known: FoundingRecord) -> bool:
    """Whether a record says more about the same founding."""
    if record.origin != known.origin or (known.claim and record.claim != known.claim):
        return False
    return (bool(record.claim), bool(record.operator)) > (bool(known.claim), bool(known.operator))


def _precedence(record: FoundingRecord) -> tuple[bool, int, bytes]:
    """Of two networks that are new the one counts that has an operator, and then the earlier one."""
    return (not record.operator, record.founded_at, record.key)
