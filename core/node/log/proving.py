"""Proving: what is kept here without its server's signature is asked for with it, once there is nothing else to do.

A server of the version before got entries one by one, and kept them so. After its upgrade others believe nothing of
that in the name of a server with a key. One that has lost its data knows of no keys either, and may get the entries of
a server with one from a neighbour without first. A neighbour may have the signed records: each is asked, once all that
it has is here, for a bounded number of entries at a time. What comes takes the place of what there was, and is
delivered to nobody a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from core.node.kernel.connections import Link
from core.node.kernel.context import RECORDS, Context
from core.node.log.reconciling import Reconciliation
from core.node.log.replication import Replication
from core.node.neighbours.neighbours import Neighbours
from core.node.trust.known_keys import KnownKeys
from core.reconciliation.summary_queries import SummaryAnswer, UnprovedFound, UnprovedWanted
from core.wire.entry_runs import in_pieces

ASKED_MAX: Final = 256
"""Entries that are asked for at a time."""
PAUSE: Final = 0.5
"""Seconds between two times, and before the first: what is live goes first."""
BUSY: Final = 5.0
"""Seconds after which it is looked again whether there is nothing else to do."""


class _Asked:
    """How far a neighbour has been asked."""

    __slots__ = ("after", "upto")

    def __init__(self, after: int, upto: int) -> None:
        self.after = after
        """Up to which record; none of them is asked for again over this link."""
        self.upto = upto
        """Up to which record it is to be asked."""


class Proving:
    """Asks neighbours for signatures of what is kept without."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        replication: Replication,
        reconciliation: Reconciliation,
        known_keys: KnownKeys,
        starts: Sequence[tuple[int, int]],
    ) -> None:
        """`starts`: see `core.wire.recovered.Recovered.starts`."""
        self._context = context
        self._neighbours = neighbours
        self._replication = replication
        self._reconciliation = reconciliation
        self._known_keys = known_keys
        self._upto = _last_before(starts, known_keys.signs_from)
        """The last record that may have come before this server had a key."""
        self._before = starts[-1][1] - 1 if starts else 0
        """The last record before this start."""
        self._asked: dict[int, _Asked] = {}
        reconciliation.comparisons.on_proofs = self._came
        reconciliation.on_link_closed = self.link_closed

    def compared(self, link: Link, complete: bool) -> None:
        """A neighbour was compared with; if that is `complete`, all that it has is here."""
        applies = self._known_keys.own is not None and link.key is not None and RECORDS in link.features
        if not complete or not applies or link.conn in self._asked:
            return
        upto = self._replication.record_numbers.number if self._replication.took_unsigned else self._upto
        if upto:
            self._asked[link.conn] = _Asked(0 if self._upto else min(self._before, upto), upto)
            self._later(link, PAUSE)

    def link_closed(self, conn: int) -> None:
        self._asked.pop(conn, None)
        self._replication.unproved.pop(conn, None)
        self._context.timers.cancel(("proofs", conn))

    def _later(self, link: Link, seconds: float) -> None:
        self._context.timers.set(("proofs", link.conn), self._context.after(seconds), partial(self._look, link))

    def _look(self, link: Link) -> None:
        asked = self._asked.get(link.conn)
        if asked is None or not self._neighbours.is_neighbour(link):
            return
        if link in self._reconciliation.comparisons or self._context.storage_error is not None:
            self._later(link, BUSY)
            return
        query = UnprovedWanted(self._known_keys.signing(), asked.after, asked.upto, ASKED_MAX)
        self._reconciliation.ask_store(link, query, partial(self._found, link))

    def _found(self, link: Link, answer: SummaryAnswer | None) -> None:
        asked = self._asked.get(link.conn)
        if asked is None:
            return
        if not isinstance(answer, UnprovedFound) or link in self._reconciliation.comparisons:
            self._later(link, BUSY)
            return
        asked.after = asked.upto if answer.after is None else answer.after
        if answer.entries:
            self._replication.unproved[link.conn] = answer.entries
            self._reconciliation.comparisons.ask_for_proofs(link, [*in_pieces(answer.entries, ASKED_MAX)])
        elif asked.after < asked.upto:
            self._later(link, PAUSE)

    def _came(self, link: Link) -> None:
        """What was asked for has come, as far as the neighbour has it."""
        self._replication.unproved.pop(link.conn, None)
        asked = self._asked.get(link.conn)
        if asked is not None and asked.after < asked.upto:
            self._later(link, PAUSE)


def _last_before(starts: Sequence[tuple[int, int]], signs_from: int | None) -> int:
    """The number of the last record that may have come before this server had a key."""
    if signs_from is None or not starts:
        return 0
    later = [first for incarnation, first in starts if incarnation >= signs_from]
    return (later[0] if later else starts[-1][1]) - 1
