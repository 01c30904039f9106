"""What every store does, whatever it keeps things in."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from core.reconciliation.summary_queries import SummaryAnswer, SummaryQuery
from core.store.contents import Position
from core.store.retention import Usage
from core.wire.entries import Entry, EntryId, Fetch, Page, Wanted
from core.wire.entry_runs import EntryRuns
from core.wire.keepables import Keepable
from core.wire.missing import FindArrived, FindDated, FoundRuns, Missing
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord, RecordPage
from core.wire.signing import Signer


class Store(Protocol):
    """Remembers for one node. Every method may block, and all but `backup` are called from the thread that opened it.

    What is kept is more than entries: for each stream also which numbers have been received. An entry that retention
    dropped is still known as received, so it is neither asked for again nor kept a second time.
    """

    findings: Sequence[str]
    """What was found when it was opened that its owner should know, a sentence each."""

    discoveries: deque[str]
    """What was found since, a sentence each; whoever tells it takes it out, from any thread."""

    ended_badly: bool
    """Whether the process that had it open before did not close it."""

    def check(self) -> None:
        """See whether what is kept would be found at the next start: a file that somebody deleted takes writes as
        before. Every commit does this too. Costs a few microseconds; raises StoreUnwritable.
        """

    signer: Signer | None
    """Seals what this node accepts; without one it is kept in loose records."""

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        """Keep all of `keepables` or none, in their order, synced when it returns; with the records that were new.

        Entries that were received before are left out. Those of this start are sealed, behind what was sealed before;
        other servers' by themselves go into loose records, which are not returned. A record is kept as it came, but for
        what was received before; what is left out of one does not count as received. Raises StoreUnwritable when
        nothing was kept; the next commit may succeed. Raises ValueError when no record could have an entry of this
        start.
        """

    def follow(self, *, idle: bool) -> bool:
        """Do some of what is left to do after commits, a few milliseconds of it; whether there is more.

        Unless `idle`, only if very much is left. Raises StoreUnwritable; then it is tried again.
        """

    def fetch(self, query: Fetch) -> Page:
        """Answer `query`, as of the last commit. Raises StoreUnreadable.

        Within a stream entries always come in the order of their numbers, so each page raises a vector. The page's
        `upto` names only streams in which it is beyond `query.seen`, counts only the kinds asked for, and takes what
        `newest` leaves out as not wanted: who asks for more lowers `newest` by the activities that came.

        An entry beyond a gap that neither side can fill cannot be covered by a vector. Such entries come last, and come
        again when asked again without the `behind` of the page before.
        """

    @property
    def arrived(self) -> int:
        """The number of the last record that was committed; numbers ascend. See `core.store.own_starts`."""

    def find(self, query: FindArrived | FindDated) -> FoundRuns:
        """Answer `query`, as of the last commit, with a bounded part of it. Raises StoreUnreadable."""

    def fetch_missing(self, query: Missing) -> Page:
        """Answer `query`, as of the last commit; `more` and `upto` say nothing. Raises StoreUnreadable."""

    def fetch_wanted(self, wanted: Wanted) -> Page:
        """The entries that are wanted, as far as they are kept, as of the last commit. Raises StoreUnreadable.

        Of the page `left` is what is kept and did not go into it; `upto` and `more` say nothing.
        """

    def prepare_summary(self, query: SummaryQuery) -> bool:
        """Do some more of what `ask_summary` needs for a query, a few hundredths of a second of work; whether all is
        done.

        Raises StoreUnreadable.
        """

    def ask_summary(self, query: SummaryQuery) -> SummaryAnswer:
        """Answer for the sums of what was received, as of the last commit, once `prepare_summary` has been true.

        Raises StoreUnreadable.
        """

    def fetch_records(self, query: Fetch | Wanted) -> RecordPage:
        """Answer `query`, which is for both kinds and all of the past, with records as they lie.

        See `fetch` for what the pages together are. Raises StoreUnreadable.
        """

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        """The newest `most` activities that stand before a position (None: of all), the oldest first.

        Fewer when their bodies have more than `bytes_max` bytes, but one at least when there is one: none means that
        nothing older is kept. Raises StoreUnreadable.
        """

    def fetch_past(self, query: PastQuery) -> Page:
        """Answer `query`, as of the last commit; of the page `upto` says nothing. Raises StoreUnreadable."""

    @property
    def is_damaged(self) -> bool:
        """Whether something was found, by whatever was read, for `mend` to see to."""

    @property
    def damage(self) -> str:
        """What of it is so damaged that nothing can be kept until all is made anew, in words; nothing if nothing is."""

    def note_damage(self, records: Sequence[int], otherwise: str) -> None:
        """Who reads everything has found records to be damaged, by their numbers in the file, or something else."""

    def mend(self) -> EntryRuns:
        """Take out what was found to be damaged, so that it counts as never received; which entries that are.

        Whoever has them is asked for them then. Raises StoreUnwritable, and StoreUnmendable when a person is needed.
        """

    def remove(self, entries: Collection[EntryId], fingerprints: Collection[bytes]) -> int:
        """Drop activities, as far as they are here, and of the newest also those with one of the fingerprints; how many
        that were. They count as received, and nothing of them can be read in the files any more.

        Raises StoreUnwritable.
        """

    def usage(self) -> Usage:
        """What is kept of activities."""

    def trim(self, wall: float) -> int:
        """Drop what retention does not keep, the oldest first, at most TRIM_STEP activities; how many were dropped.

        `wall` is seconds since 1970. Call again until it returns 0. Raises StoreUnwritable.
        """

    def get_setting(self, name: str) -> str | None:
        """What `set_setting` kept under `name`. Raises StoreUnreadable."""

    def set_setting(self, name: str, value: str, *, backed_up: bool = False) -> None:
        """Keep a value, synced when it returns. Raises StoreUnwritable.

        Settings may be secrets, and backups travel: one is left out of backups unless `backed_up` is set.
        """

    def backup(self, directory: Path, keep: int) -> Path:
        """Write everything committed so far to a new file in `directory`, whole or not at all, and return its path.

        Of this node's backups in `directory` the newest `keep` stay; those of other nodes all do. May be called from
        any thread, and does not keep commits waiting. Raises StoreUnwritable.
        """

    rescued: Path | None
    """Where `close` has put a backup because what was kept would not be found where it should be; None if it would."""

    def close(self) -> None:
        """Let go of everything; a second call does nothing."""
