"""Intake: entries as they come over links, believed or not, dated by the time here; whoever sent one may have more."""

from __future__ import annotations

from collections.abc import Callable

from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.log.entry_messages import check_accounts, entry_of_account, entry_of_activity
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.neighbours.drift import Drift
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import Entry, Stream
from core.wire.messages import Account, ActivityBroadcast, Record
from core.wire.records import LogRecord, read


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
        self.believes_entry: Callable[[Link, Stream], bool] = lambda link, stream: True
        """Whether an entry of a stream is believed that comes over a link by itself."""
        self.believes_record: Callable[[Link, LogRecord], bool] = lambda link, record: True
        """Whether a record is believed that comes over a link: it may be signed, or not."""

    @takes(Handler.ENTRY)
    def _activity(self, link: Link, message: ActivityBroadcast) -> None:
        try:
            entry = entry_of_activity(message)
        except ValueError as error:
            self._context.invalid(link, f"ACTIVITY_BROADCAST: {error}")
            return
        if entry is None:
            self._context.invalid(link, "ACTIVITY_BROADCAST between native servers needs id and stamp")
        elif self.believes_entry(link, entry.id.stream):
            self.take(link, entry)

    @takes(Account)
    def _account(self, link: Link, message: Account) -> None:
        try:
            entry = entry_of_account(message)
        except ValueError as error:
            self._context.invalid(link, f"ACCOUNT: {error}")
            return
        if self.believes_entry(link, entry.id.stream):
            self.take(link, entry)

    @takes(Record)
    def _record(self, link: Link, message: Record) -> None:
        try:
            record = read(message)
            check_accounts(record)
        except ValueError as error:
            self._context.invalid(link, f"RECORD: {error}")
            return
        if not self.believes_record(link, record):
            return
        new = self._replication.receive_record(self._drift.dated_record(link, record), link.conn)
        if new:
            self._taken(link, record.stream, new)

    def take(self, link: Link, entry: Entry) -> None:
        """Accept an entry, unless it is known."""
        if self._replication.receive(self._drift.dated(link, entry), link.conn):
            self._taken(link, entry.id.stream, 1)

    def _taken(self, link: Link, stream: Stream, entries: int) -> None:
        self._synchronisation.entries_received(link, entries)
        if self._neighbours.is_neighbour(link) and self._replication.vector.has_gap(stream):
            self._synchronisation.request(link)
