"""Intake: entries as they come over links, believed or not, dated by the time here; whoever sent one may have more."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.log.entry_messages import check_accounts, entry_of_account, entry_of_activity
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.neighbours.drift import Drift
from core.node.trust.known_keys import KnownKeys
from core.wire.entries import Entry
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.messages import Account, ActivityBroadcast, Record
from core.wire.records import LogRecord, proved, read

PROOF_WAIT: Final = 0.01
"""Seconds for which signed records of a page wait for one behind them that proves them, as a rule the page's last."""
UNPROVED_MAX: Final = 1_000
"""Records that may wait over one link."""
UNPROVED_BYTES_MAX: Final = 2 * SERVER_LINE_BYTES_MAX


@dataclass(slots=True)
class _Unproved:
    """Signed records of a page that is coming over a link."""

    link: Link
    records: list[LogRecord] = field(default_factory=list)
    bytes: int = 0


class Intake:
    """Takes entries from links."""

    def __init__(
        self,
        context: Context,
        drift: Drift,
        replication: Replication,
        synchronisation: Synchronisation,
        known_keys: KnownKeys,
    ) -> None:
        self._context = context
        self._drift = drift
        self._replication = replication
        self._synchronisation = synchronisation
        self._known_keys = known_keys
        self._unproved: dict[int, _Unproved] = {}
        """By connection."""
        synchronisation.on_over = self.prove

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

    @takes(Record)
    def _record(self, link: Link, message: Record) -> None:
        try:
            record = read(message)
            check_accounts(record)
        except ValueError as error:
            self._context.invalid(link, f"RECORD: {error}")
            return
        # One that is known may prove one before it that is not.
        if not self._replication.lacks(record) and not (link.asked and record.signature):
            return
        if not record.signature:
            if self._known_keys.believes_entry(link, record.stream):
                self.take_record(link, record)
            return
        unproved = self._unproved.setdefault(link.conn, _Unproved(link))
        unproved.records.append(record)
        unproved.bytes += len(record.line)
        if not link.asked or len(unproved.records) >= UNPROVED_MAX or unproved.bytes >= UNPROVED_BYTES_MAX:
            self.prove(link.conn)
        elif len(unproved.records) == 1:
            after = self._context.after(PROOF_WAIT)
            self._context.timers.set(("unproved", link.conn), after, partial(self.prove, link.conn))

    def prove(self, conn: int) -> None:
        """No more is waited for: take the records that have come over a link, if they are believed."""
        self._context.timers.cancel(("unproved", conn))
        unproved = self._unproved.pop(conn, None)
        verifier = self._known_keys.verifier
        if unproved is None or verifier is None:
            return
        for record, signed in zip(unproved.records, proved(unproved.records, verifier), strict=True):
            if self._replication.lacks(record) and self._known_keys.believes_log_record(unproved.link, record, signed):
                self.take_record(unproved.link, record)

    def take_record(self, link: Link, record: LogRecord) -> None:
        """Accept the entries of a record that is believed, but for what is known."""
        if not self._known_keys.believes_votes(link, record.entries):
            return
        new = self._replication.receive_record(self._drift.dated_record(link, record), link.conn)
        if new:
            self._synchronisation.entries_received(link, record.signed_entries, new)

    def take(self, link: Link, entry: Entry) -> bool:
        """Accept an entry that has come by itself, unless it is known, or not believed; False if it is not believed."""
        if entry.id in self._replication.vector:
            return True
        if not self._known_keys.believes_entry(link, entry.id.stream) or not self._known_keys.believes_votes(
            link, (entry,)
        ):
            return False
        if self._replication.receive(self._drift.dated(link, entry), link.conn):
            self._synchronisation.entries_received(link, (entry,), 1)
        return True
