"""In which ranges of stamps somebody has received just what a store has: nothing of them needs to be looked through."""

from __future__ import annotations

from collections.abc import Sequence

from core.reconciliation.item_order import ACTIVITIES, bound
from core.reconciliation.range_comparison import ItemRange, RangeSummary
from core.wire.missing import FindDated


def compared(summary: RangeSummary, query: FindDated) -> FindDated:
    """The same question, with the ranges of its sums that a store has as well."""
    agreed = []
    for one in query.sums:
        found = summary.fingerprint(bound(ACTIVITIES, one.begin), bound(ACTIVITIES, one.until))
        if (found.size, found.print) == (one.size, one.print):
            agreed.append((one.begin, one.until))
    return FindDated(query.since, query.floors, query.behind, agreed=tuple(agreed))


def asked_about(query: FindDated) -> ItemRange:
    """Within what its sums are; it has some."""
    begin, until = min(one.begin for one in query.sums), max(one.until for one in query.sums)
    return ItemRange(bound(ACTIVITIES, begin), bound(ACTIVITIES, until))


def left_over(since: int, end: int, agreed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges from a stamp on, and before another, without those that ascend and agree."""
    ranges: list[tuple[int, int]] = []
    for begin, until in agreed:
        if begin > since:
            ranges.append((since, begin))
        since = max(since, until)
    if since < end:
        ranges.append((since, end))
    return ranges
