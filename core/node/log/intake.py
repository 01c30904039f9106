"""Intake: entries as they come over links, dated by the time here; whoever sent one may have more."""

from __future__ import annotations

from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.log.entry_messages import entry_of_account, entry_of_activity
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.neighbours.drift import Drift
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import Entry
from core.wire.messages import Account, ActivityBroadcast


class Intake:
    """Takes entries from links."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        drift: Drift,
        replication: Replication,
        synchronisation: Synchronisation,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._drift = drift
        self._replication = replication
        self._synchronisation = synchronisation

    @takes(Handler.ENTRY)
    def _activity(self, link: Link, message: ActivityBroadcast) -> None:
        try:
            entry = entry_of_activity(message)
        except ValueError as error:
            self._context.invalid(link, f"ACTIVITY_BROADCAST: {error}")
            return
        if entry is None:
            self._context.invalid(link, "ACTIVITY_BROADCAST between native servers needs id and stamp")
        else:
            self.take(link, entry)

    @takes(Account)
    def _account(self, link: Link, message: Account) -> None:
        try:
            entry = entry_of_account(message)
        except ValueError as error:
            self._context.invalid(link, f"ACCOUNT: {error}")
            return
        self.take(link, entry)

    def take(self, link: Link, entry: Entry) -> None:
        """Accept an entry, unless it is known."""
        if not self._replication.receive(self._drift.dated(link, entry), link.conn):
            return
        self._synchronisation.entry_received(link)
        if self._neighbours.is_neighbour(link) and self._replication.vector.has_gap(entry.id.stream):
            self._synchronisation.request(link)
