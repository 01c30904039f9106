"""Questions to a store about activities that somebody lacks: which ones they are, and then for themselves."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.wire.entries import EntryId, Fetch, Stream, Wanted
from core.wire.entry_runs import EntryRuns
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.past_query import PastQuery


class FindArrived(msgspec.Struct, frozen=True):
    """Which entries have come behind record number `after`, as the store got them? Answer: FoundRuns.

    It may name entries that are not there any more.
    """

    after: int


class HeldRange(msgspec.Struct, frozen=True):
    """What somebody has of activities from one stamp on, and before another: `core.reconciliation`."""

    begin: int
    until: int
    size: int
    print: bytes


class FindDated(msgspec.Struct, frozen=True):
    """Which activities are not older than the stamp `since`? Of streams in `floors` only those up to the numbers there.
    Ranges in which the store has just what somebody has (`sums`) are left out. Answer: FoundRuns."""

    since: int
    floors: Mapping[Stream, int]
    behind: EntryId | None = None
    """Of those with the stamp `since`, what stands up to here has been told of."""
    sums: tuple[HeldRange, ...] = ()
    """Ascending, and not compared yet."""
    agreed: tuple[tuple[int, int], ...] = ()
    """Those that were found to be the same."""


class FoundRuns(msgspec.Struct, frozen=True):
    """Some of the entries, and what to ask for the others; None if these are all."""

    runs: EntryRuns
    rest: FindArrived | FindDated | None
    is_known: bool = True
    """Whether records have the numbers that they had: a store that was made anew has given them others."""


class Missing(msgspec.Struct, frozen=True):
    """Those of the entries of `runs` that are activities and are here, in the order of (stamp, id). Answer: a page,
    with what is `left` of the runs.

    A page ends at `entries_max` entries or about `bytes_max` bytes of bodies, and has at least one if there is any.
    """

    runs: EntryRuns
    entries_max: int = 500
    bytes_max: int = SERVER_LINE_BYTES_MAX // 4


PageQuery = Fetch | Wanted | FindArrived | FindDated | Missing | PastQuery
"""What is asked for somebody who reads page by page."""
