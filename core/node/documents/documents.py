"""Documents of accounts at a node: taken from clients, kept, passed on, and let go of.

The way of a version: taken from a client, signed, or come over a link, and believed ─▶ kept ─▶ the account's document
here, passed on, and told to the account's clients. Nothing is the document, or leaves the node, before it is durable
here; only what another server has taken is passed on where the disk takes no writes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from core.node.accounts.book import AccountBook
from core.node.documents.document_table import CLASS_BYTES, CLASSES, DocumentTable, HeldDocument, class_of
from core.node.kernel.clock import AHEAD_MAX, MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import DOCUMENTS, Context
from core.node.log.replication import Replication
from core.node.neighbours.drift import Drift
from core.node.neighbours.neighbours import Neighbours
from core.node.orders.order_effects import OrderEffects
from core.node.orders.ordering import Orders
from core.node.trust.known_keys import KnownKeys
from core.wire.account_documents import DocumentVersion, document_problem
from core.wire.codec import Frame
from core.wire.entries import COUNTER_MAX
from core.wire.keepables import DocumentGone
from core.wire.messages import SignedDocument
from core.wire.recovered import Recovered

LEVEL_FOR: Final = 3600.0
"""Seconds for which documents of a size for which there was no room are not taken."""
WRITERS_REMEMBERED: Final = 20_000
"""Accounts of which it is remembered when they wrote last; of more it is forgotten of those that did longest ago."""

OnKept = Callable[[int | None, str], None]
"""Told of the stamp of what is durable; or None, and why it is not kept, as a clause."""
OnChange = Callable[[DocumentVersion, int | None], None]
"""Told of an account's document, and of the client's connection that brought it."""


class _Followed(NamedTuple):
    """What an account had when it wrote here last."""

    stamp: int
    at: float
    """When it wrote, by the monotonic clock."""


class Documents:
    """The latest version of each account's document, as far as this node has heard."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        drift: Drift,
        known_keys: KnownKeys,
        replication: Replication,
        book: AccountBook,
        orders: Orders,
        recovered: Recovered,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._drift = drift
        self._known_keys = known_keys
        self._replication = replication
        self._book = book
        self._orders = orders
        self.table = DocumentTable(context.config.documents_bytes_max, recovered.documents)
        """What is durable."""
        self._being_kept: dict[str, HeldDocument] = {}
        """What is not durable yet: of each account the latest."""
        self._level = CLASSES
        """From this size on documents are not taken (`class_of`)."""
        self._level_until = 0.0
        self._wrote: OrderedDict[str, float] = OrderedDict()
        """When accounts wrote here last, by the monotonic clock."""
        self._followed: OrderedDict[str, _Followed] = OrderedDict()
        """Of the same accounts the latest document before that, as far as its date may be true."""
        self.on_change: OnChange = lambda version, conn: None
        self.on_kept: Callable[[], None] = lambda: None
        """Told when nothing waits for the disk any more."""
        orders.on_effects.append(self._ordered)

    @property
    def enabled(self) -> bool:
        """Whether this node keeps documents: not without a key, as what it takes could not be told from anybody's."""
        return DOCUMENTS in self._context.features

    @property
    def being_kept(self) -> int:
        """How many versions wait for the disk."""
        return len(self._being_kept)

    def broken(self) -> Iterator[str]:
        """What does not hold of them."""
        yield from self.table.broken()

    def start(self) -> None:
        """The node begins: what operators have ordered since the data was written counts."""
        self._ordered(OrderEffects(), self._orders.effects)
        self._make_room()

    def get(self, claim: str) -> DocumentVersion | None:
        """An account's document."""
        return self.table.get(claim)

    # --- from clients -------------------------------------------------------------------------------------------------

    def wait(self, claim: str) -> float:
        """Seconds until an account may write again here."""
        wrote = self._wrote.get(claim)
        if wrote is None:
            return 0.0
        return max(0.0, wrote + self._context.config.document_interval - self._context.now.monotonic)

    def keep(self, claim: str, body: bytes, conn: int, then: OnKept) -> None:
        """Have an account get another document, which is one by its form; `conn`: the client that brings it. Whether it
        may write again already is asked for before (`wait`)."""
        context = self._context
        before = self._latest(claim)
        if context.expelled_itself is not None:
            # It would count at no server that heeds the order, and not here either.
            then(None, f"{context.expelled_itself}; another one keeps it")
            return
        if context.storage_error is not None:
            then(None, f"the disk of this server takes no writes ({context.storage_error})")
            return
        if before is not None and before.version.body == body and claim not in self._being_kept:
            # Its answer was lost, or another client has written the same.
            then(before.version.stamp, "")
            return
        if not self._has_room_for(len(body)):
            most = self._level * CLASS_BYTES - 1
            then(None, f"there is no room for documents of more than {most:,} bytes at present")
            return
        self._wrote.pop(claim, None)
        self._wrote[claim] = context.now.monotonic
        if len(self._wrote) > WRITERS_REMEMBERED:
            self._wrote.popitem(last=False)
        if before is not None:
            self._follow(before.version)
        version = self._signed(claim, self._next_stamp(before), body)

        def kept(problem: str | None) -> None:
            if problem is None:
                then(version.stamp, "")
            else:
                self._wrote.pop(claim, None)
                then(None, f"the disk of this server takes no writes ({problem})")

        self._take(version, None, conn, kept)

    def _follow(self, before: DocumentVersion) -> None:
        """Remember what an account has when it writes: not what was dated here by a clock that had been set ahead since
        it wrote before, as more time has passed by its date than there was."""
        now, known = self._context.now.monotonic, self._followed.get(before.claim)
        if known is not None and before.node == self._context.id:
            if before.stamp - known.stamp > (now - known.at) * MICROSECONDS + AHEAD_MAX:
                return
        self._followed.pop(before.claim, None)
        self._followed[before.claim] = _Followed(before.stamp, now)
        if len(self._followed) > WRITERS_REMEMBERED:
            self._followed.popitem(last=False)

    def _signed(self, claim: str, stamp: int, body: bytes) -> DocumentVersion:
        version = DocumentVersion(claim, stamp, self._context.id, body)
        signature = self._known_keys.sign(version.digest)
        return msgspec.structs.replace(version, key=self._known_keys.own, signature=signature)

    def _next_stamp(self, before: HeldDocument | None) -> int:
        """A stamp behind the document's present one, that others take for true: each document has a hybrid clock of its
        own (Kulkarni et al., 2014), which nothing else that somebody dates moves."""
        after = before.version.stamp if before is not None else 0
        now = min(int(self._context.now.wall * MICROSECONDS), self._horizon(), self._time_of_others())
        return min(max(now, after + 1), COUNTER_MAX)

    def _time_of_others(self) -> int:
        """A date that no neighbour takes for one to come, where this clock is far ahead of most; else this clock's.

        The neighbours' own may be AHEAD_MAX before their wall clocks, where this one has pulled them so far, and they
        differ among each other.
        """
        ahead, read = self._others_ahead(), self._context.clock.read(self._context.now.wall)
        return read if ahead >= -AHEAD_MAX // 2 else read + ahead - AHEAD_MAX

    def _others_ahead(self) -> int:
        """By how much the neighbours are ahead, in microseconds: the median.

        Of some it may not have been measured since this clock or theirs was set, and some may lie. Of an even number it
        is the lower one: what is dated too early is a document all the same, what is dated too late is none at first.
        """
        ahead = sorted(self._drift.ahead(link) for link in self._neighbours if DOCUMENTS in link.features)
        return ahead[(len(ahead) - 1) // 2] if ahead else 0

    # --- from others --------------------------------------------------------------------------------------------------

    def wants(self, claim: str, stamp: int, node: str, size: int, is_it: Callable[[bytes], bool]) -> bool:
        """Whether a version that a neighbour has would count here; `is_it`: whether a digest is that one's."""
        if self.comes_too_early(claim, stamp) or not self._may_have(claim, node, stamp) or not self._has_room_for(size):
            return False
        known = self._latest(claim)
        if known is None:
            return True
        if (known.version.stamp, known.version.node) == (stamp, node):
            # Of two with one date, which a liar may have signed, the digest decides: who has either asks for the other.
            return not is_it(known.digest)
        return (known.version.stamp, known.version.node) < (stamp, node)

    def receive(self, link: Link, message: SignedDocument, then: Callable[[str | None], None]) -> bool:
        """Take a version that came over a link, if it is later than what is here, and believed; whether it was. `then`
        is called once it is durable, with None, or with why it is not."""
        body = bytes(message.document)
        if document_problem(body) is not None:
            self._context.invalid(link, f"SIGNED_DOCUMENT: {document_problem(body)}")
            return False
        node = str(message.node)
        version = DocumentVersion(message.claim, message.stamp, node, body, message.key, message.signature)
        digest = version.digest
        known = self._latest(version.claim)
        if known is not None and known.rank >= (version.stamp, node, digest):
            return False
        if self.comes_too_early(version.claim, version.stamp) or not self._may_have(version.claim, node, version.stamp):
            return False

        def fits(key: bytes) -> bool:
            verifier, signature = self._known_keys.verifier, version.signature
            return verifier is not None and signature is not None and verifier.fits(signature, key, digest)

        if version.key is None or not self._known_keys.believe(link, node, version.key, fits, "a document").holds:
            return False
        if not self._has_room_for(len(body)):
            # What is there is not the account's document any more.
            self._let_go(version.claim)
            return False
        self._take(version, link.conn, None, then)
        return True

    def comes_too_early(self, claim: str, stamp: int) -> bool:
        """Whether a version may count later: it is from a time that has not come, or its account is not known yet."""
        return stamp > self._horizon() or self._book.fact(claim) is None

    def _may_have(self, claim: str, node: str, stamp: int) -> bool:
        """Whether an account is not closed, and what the server says of it counts."""
        return claim not in self._orders.effects.closed and not self._is_void(node, stamp)

    def _is_void(self, node: str, stamp: int) -> bool:
        return node in self._context.config.distrusted or self._orders.effects.is_void(node, stamp)

    def _horizon(self) -> int:
        """The latest stamp that is taken for true: not later than the neighbours would, or else they have none of it.
        A clock that is far ahead would outdo for ever what is written elsewhere."""
        context = self._context
        horizon = context.clock.horizon(context.now.wall)
        ahead = self._others_ahead()
        if ahead >= -AHEAD_MAX:
            return horizon
        return min(horizon, context.clock.read(context.now.wall) + ahead + AHEAD_MAX)

    def look_at_dates(self) -> None:
        """Date anew what was taken here when nobody could tell that the clock is far ahead: nobody else takes it. It
        stays behind what its account had before, which others may have."""
        context = self._context
        horizon = self._horizon()
        if horizon >= context.clock.read(context.now.wall):
            return
        for claim in self.table.claims():
            held = self.table.held(claim)
            if held is not None and held.version.stamp > horizon and held.version.node == context.id:
                self.table.remove(claim)
                stamp, followed = self._time_of_others(), self._followed.get(claim)
                if followed is not None and stamp <= followed.stamp < horizon:
                    stamp = followed.stamp + 1
                self._take(self._signed(claim, stamp, held.version.body), None, None, lambda problem: None)

    # --- kept ---------------------------------------------------------------------------------------------------------

    def _latest(self, claim: str) -> HeldDocument | None:
        found, coming = self.table.held(claim), self._being_kept.get(claim)
        if found is None or coming is None:
            return found or coming
        return max(found, coming, key=lambda one: one.rank)

    def _take(
        self, version: DocumentVersion, source: int | None, conn: int | None, then: Callable[[str | None], None]
    ) -> None:
        held = HeldDocument(version, version.digest)
        self._being_kept[version.claim] = held

        def kept(problem: str | None) -> None:
            if self._being_kept.get(version.claim) is held:
                del self._being_kept[version.claim]
            if problem is None:
                self._kept(version, source, conn)
            elif version.node != self._context.id:
                self._pass_on(version, source)
            then(problem)
            if not self._being_kept:
                self.on_kept()

        self._replication.keep_and_tell(version, kept)

    def _kept(self, version: DocumentVersion, source: int | None, conn: int | None) -> None:
        claim = version.claim
        if not self._may_have(claim, version.node, version.stamp):
            # Operators have ordered something meanwhile.
            self._write_again(claim)
            return
        if not self.table.take(version):
            self._write_again(claim)
            return
        self._make_room()
        self._pass_on(version, source)
        self.on_change(version, conn)

    def _write_again(self, claim: str) -> None:
        """Have the disk keep what is the account's document, after something that is not."""
        version = self.table.get(claim)
        self._replication.keep(DocumentGone(claim) if version is None else version)

    def _pass_on(self, version: DocumentVersion, source: int | None) -> None:
        self._neighbours.pass_on_beside(Frame(message_of(version)), DOCUMENTS, source)

    # --- let go of ----------------------------------------------------------------------------------------------------

    def _has_room_for(self, size: int) -> bool:
        if self._level < CLASSES and self._context.now.monotonic >= self._level_until and self.table.has_much_room:
            self._level = CLASSES
        return class_of(size) < self._level

    def _make_room(self) -> None:
        level, gone = self.table.make_room()
        if level is None:
            return
        self._level = min(self._level, level)
        self._level_until = self._context.after(LEVEL_FOR)
        for claim in gone:
            self._gone(claim)
        self._context.notify(
            "limits",
            f"no room for all documents of accounts: those of {level * CLASS_BYTES:,} bytes and more are let go of,"
            f" {len(gone):,} of them; if there really are so many people, raise documents_bytes_max (it is"
            f" {self._context.config.documents_bytes_max:,})",
            "warning",
        )

    def _let_go(self, claim: str) -> None:
        if self.table.remove(claim) is not None:
            self._gone(claim)

    def _gone(self, claim: str) -> None:
        if claim not in self._being_kept:
            self._replication.keep(DocumentGone(claim))

    def _ordered(self, before: OrderEffects, now: OrderEffects) -> None:
        """What belongs to closed accounts goes, and what expelled servers have said of people does not count."""
        for claim in now.closed.keys() - before.closed.keys():
            self._let_go(claim)
        if now.expelled != before.expelled or self._context.config.distrusted:
            for claim in self.table.claims():
                version = self.table.get(claim)
                if version is not None and self._is_void(version.node, version.stamp):
                    self._let_go(claim)


def message_of(version: DocumentVersion) -> SignedDocument:
    """A version as it travels."""
    body = msgspec.Raw(version.body)
    return SignedDocument(version.claim, version.stamp, version.node, body, version.key, version.signature)
