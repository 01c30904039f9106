"""Intake: entries as they come over links, believed or not, dated by the time here; whoever sent one may have more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
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
LOOKED_AT_MAX: Final = 4 * UNPROVED_MAX
"""Records that may wait over one link to be taken in: two pages have fewer, and nobody asks for more at once."""
TAKEN_MAX: Final = 512
"""Entries of a page that are taken in one event, about: some two milliseconds."""


class _Coming:
    """Signed records of a page that is coming over a link."""

    __slots__ = ("bytes", "link", "looked_at", "unproved")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.unproved: list[LogRecord] = []
        self.bytes = 0
        self.looked_at: deque[tuple[LogRecord, bool] | Callable[[], None]] = deque()
        """Records with whether they are proved, which are taken one after the other; behind a page what follows it."""


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
        self._coming: dict[int, _Coming] = {}
        """By connection."""
        synchronisation.on_over = self.take_all
        synchronisation.on_page = self.take_page

    @property
    def waiting(self) -> int:
        """Records of pages that have come and are not taken yet."""
        return sum(len(coming.unproved) + len(coming.looked_at) for coming in self._coming.values())

    def broken(self) -> Iterator[str]:
        """What does not hold of pages that come."""
        for conn in self._coming:
            if self._context.connections.link(conn) is None:
                yield f"link {conn} is gone, and records wait that came over it"

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
        is_asked = link.asked and self._synchronisation.awaits(link, record.stream, record.spans)
        # One that is known may prove one before it that is not.
        if not self._replication.lacks(record) and not (is_asked and record.signature):
            return
        if not record.signature:
            if self._known_keys.believes_entry(link, record.stream):
                self.take_record(link, record, is_past=is_asked)
            return
        if not is_asked:
            # What is live does not wait behind the past.
            self._take_signed(link, record, signed=self._is_signed(record), is_past=False)
            return
        coming = self._coming.setdefault(link.conn, _Coming(link))
        coming.unproved.append(record)
        coming.bytes += len(record.line)
        if len(coming.unproved) >= UNPROVED_MAX or coming.bytes >= UNPROVED_BYTES_MAX:
            self._no_longer_unproved(link.conn)
        elif len(coming.unproved) == 1:
            after = self._context.after(PROOF_WAIT)
            self._context.timers.set(("unproved", link.conn), after, partial(self._no_longer_unproved, link.conn))

    def _no_longer_unproved(self, conn: int) -> None:
        """They have waited long enough, or are many: take what is believed of them, in events to come."""
        coming = self._coming.get(conn)
        if coming is None:
            return
        if len(coming.looked_at) > LOOKED_AT_MAX:
            self.take_all(conn)
            return
        self._look_at(coming)
        self._take_soon(conn)

    def take_page(self, conn: int, then: Callable[[], None]) -> None:
        """A page has come to its end: take what is believed of it, in events to come, and go on with `then`."""
        coming = self._coming.get(conn)
        if coming is None:
            then()
            return
        self._look_at(coming)
        coming.looked_at.append(then)
        self._take_soon(conn)

    def take_all(self, conn: int) -> None:
        """No more is waited for: take the records that have come over a link, if they are believed."""
        coming = self._coming.get(conn)
        if coming is not None:
            self._look_at(coming)
            while self._take_next(coming):
                pass
            self._forget(conn)

    def _look_at(self, coming: _Coming) -> None:
        self._context.timers.cancel(("unproved", coming.link.conn))
        records, coming.unproved, coming.bytes = coming.unproved, [], 0
        verifier = self._known_keys.verifier
        if verifier is not None:
            coming.looked_at += zip(records, proved(records, verifier), strict=True)

    def _take_soon(self, conn: int) -> None:
        if conn in self._coming:
            self._context.timers.set(("taking", conn), self._context.now.monotonic, partial(self._take_some, conn))

    def _take_some(self, conn: int) -> None:
        coming = self._coming[conn]
        under_way = self._replication.under_way
        taken = 0
        while taken < TAKEN_MAX and under_way.has_room_for_past(conn) and (entries := self._take_next(coming)):
            taken += entries
        if coming.looked_at and not under_way.has_room_for_past(conn):
            # Or else a page would fill the disk's queue, and what is live at other neighbours would wait behind it.
            under_way.when_room_for_past(conn, partial(self._take_soon, conn))
        elif coming.looked_at:
            self._take_soon(conn)
        elif not coming.unproved:
            self._forget(conn)

    def _take_next(self, coming: _Coming) -> int:
        """Take a record, or go on behind a page; how much that is, in entries. 0: there is nothing left."""
        if not coming.looked_at:
            return 0
        following = coming.looked_at.popleft()
        if not isinstance(following, tuple):
            following()
            return 1
        record, signed = following
        self._take_signed(coming.link, record, signed=signed, is_past=True)
        return record.last - record.first + 1

    def _is_signed(self, record: LogRecord) -> bool | None:
        verifier = self._known_keys.verifier
        return record.is_signed(verifier) if verifier is not None else None

    def _take_signed(self, link: Link, record: LogRecord, *, signed: bool | None, is_past: bool) -> None:
        """`signed`: whether it is, by its key; None where nobody can tell."""
        if signed is None or not (self._replication.lacks(record) or self._replication.lacks_proof(record)):
            return
        if self._known_keys.believes_log_record(link, record, signed):
            self.take_record(link, record, is_past=is_past)

    def _forget(self, conn: int) -> None:
        self._context.timers.cancel(("taking", conn))
        self._coming.pop(conn, None)

    def take_record(self, link: Link, record: LogRecord, *, is_past: bool) -> None:
        """Accept the entries of a record that is believed, but for what is known."""
        if record.columns.has_accounts and not self._known_keys.believes_votes(link, record.entries):
            return
        new = self._replication.receive_record(self._drift.dated_record(link, record), link.conn, is_past=is_past)
        if new:
            self._synchronisation.entries_received(link, record.stream, record.spans, new)

    def take(self, link: Link, entry: Entry) -> bool:
        """Accept an entry that has come by itself, unless it is known, or not believed; False if it is not believed."""
        if entry.id in self._replication.vector:
            return True
        if not self._known_keys.believes_entry(link, entry.id.stream) or not self._known_keys.believes_votes(
            link, (entry,)
        ):
            return False
        if self._replication.receive(self._drift.dated(link, entry), link.conn):
            self._synchronisation.entries_received(link, entry.id.stream, ((entry.id.seq, entry.id.seq),), 1)
        return True
