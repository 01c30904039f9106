"""What is asked of a store's summary, as data: the store answers in its own thread.

Accounts are kept for ever and compared whole. Of activities only those are compared that are above both sides'
*horizons*: retention has let go of older ones, oldest first. What it drops above that, because its writer has more than
a share, stays in the sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from core.reconciliation.item_order import ACCOUNTS, ACTIVITIES, END, NOTHING, Fingerprint, bound
from core.reconciliation.range_comparison import (
    ItemRange,
    NextQuestion,
    RangeAnswer,
    RangePart,
    RangeSummary,
    follow_up,
    left_over,
    part_of,
    respond,
)
from core.wire.entry_runs import EntryRuns

HORIZON_STEPS: Final = 16
"""A horizon that is told moves in steps of at most this part of what lies above it, so that sums above it stay what
they were while retention drops the oldest all the time."""


class SumWanted(msgspec.Struct, frozen=True):
    """Count and sum of all accounts, and of the activities since `since` or this store's horizon, whichever is later;
    both before `until`. Answer: SumFound."""

    since: int
    until: int


class SumFound(msgspec.Struct, frozen=True):
    """`since` is from where on activities were counted."""

    since: int
    whole: Fingerprint


class FirstQuestion(msgspec.Struct, frozen=True):
    """What to ask first: of all accounts, and of the activities since `since` or this store's horizon, whichever is
    later; both before `until` (None: up to now). Answer: ComparisonBegun."""

    since: int
    until: int | None


class ComparisonBegun(msgspec.Struct, frozen=True):
    """`whole` is what there is here of what is asked about."""

    question: NextQuestion
    whole: Fingerprint


class FollowUpQuestion(msgspec.Struct, frozen=True):
    """What to ask after an answer. Answer: NextQuestion."""

    asked: tuple[RangePart, ...]
    answer: RangeAnswer
    pending: tuple[ItemRange, ...]


class AnswerWanted(msgspec.Struct, frozen=True):
    """The answer to somebody else's question; with `whole`, also what there is here of all that is asked about, unless
    who asks has nothing of that: whatever is here differs from nothing. Answer: AnswerFound."""

    asked: tuple[RangePart, ...]
    whole: bool


class AnswerFound(msgspec.Struct, frozen=True):
    answer: RangeAnswer
    whole: Fingerprint | None


class DroppedWanted(msgspec.Struct, frozen=True):
    """Which of these entries have been received and dropped. Answer: DroppedFound."""

    entries: EntryRuns


class DroppedFound(msgspec.Struct, frozen=True):
    entries: EntryRuns


class UnprovedWanted(msgspec.Struct, frozen=True):
    """What is kept without a signature, of servers that sign: `since` maps those whose ids are not made of a key to the
    first incarnation in which they do. Of records that came later than `after` and not later than `upto`, about
    `entries_max` entries. Answer: UnprovedFound."""

    since: Mapping[str, int]
    after: int
    upto: int
    entries_max: int


class UnprovedFound(msgspec.Struct, frozen=True):
    """`after` is from where on to ask for more; None: that is all."""

    entries: EntryRuns
    after: int | None


SumQuery = SumWanted | FirstQuestion | FollowUpQuestion | AnswerWanted
SummaryQuery = SumQuery | DroppedWanted | UnprovedWanted
SummaryAnswer = SumFound | ComparisonBegun | NextQuestion | AnswerFound | DroppedFound | UnprovedFound


def summed_range(query: SummaryQuery) -> ItemRange | None:
    """Within what sums are looked at to answer; None if nowhere.

    To somebody who has nothing entries are listed, without any sums. And who catches up asks on behind what has come,
    where next to nothing is.
    """
    match query:
        case SumWanted(_, until):
            return ItemRange(bound(ACCOUNTS), bound(ACTIVITIES, until))
        case FirstQuestion(_, until):
            return ItemRange(bound(ACCOUNTS), END if until is None else bound(ACTIVITIES, until))
        case AnswerWanted(asked, whole):
            # The whole is told of to who has something, and is that of all parts.
            told_whole = whole and any(part.size for part in asked)
            return _around([part.range for part in asked if part.size or told_whole])
        case FollowUpQuestion(asked, answer, pending):
            differing = [part.range for part in answer.parts]
            return _around([*differing, *left_over(asked, answer), *pending])
        case DroppedWanted() | UnprovedWanted():
            return None


def _around(ranges: Sequence[ItemRange]) -> ItemRange | None:
    return ItemRange(min(ranges).lower, max(one.upper for one in ranges)) if ranges else None


def horizon_told(horizon: int, until: int) -> int:
    """A horizon rounded up, so that it moves seldom. 0 stays 0: nothing was dropped."""
    if horizon == 0 or until <= horizon:
        return horizon
    step = 1 << max(0, ((until - horizon) // HORIZON_STEPS).bit_length() - 1)
    return -(-horizon // step) * step


def answer_of(summary: RangeSummary, horizon: int, query: SumQuery) -> SummaryAnswer:
    """Answer a query about sums; `horizon` is the stamp from which on no activity was dropped for its age."""
    match query:
        case SumWanted(since, until):
            since = max(since, horizon_told(horizon, until))
            accounts = summary.fingerprint(bound(ACCOUNTS), bound(ACCOUNTS, until))
            activities = summary.fingerprint(bound(ACTIVITIES, since), bound(ACTIVITIES, max(since, until)))
            return SumFound(since, accounts.plus(activities))
        case FirstQuestion(since, until):
            since = max(since, horizon)
            accounts_end = bound(ACTIVITIES) if until is None else bound(ACCOUNTS, until)
            end = END if until is None else bound(ACTIVITIES, max(until, since))
            ranges = (ItemRange(bound(ACCOUNTS), accounts_end), ItemRange(bound(ACTIVITIES, since), end))
            first, second = (summary.fingerprint(*one) for one in ranges)
            # Whole: most links begin between servers that have the same.
            parts = tuple(part_of(summary, one) for one in ranges if one.lower < one.upper)
            return ComparisonBegun(NextQuestion(parts, ()), first.plus(second))
        case FollowUpQuestion(asked, answer, pending):
            return follow_up(summary, asked, answer, pending)
        case AnswerWanted(asked, whole):
            kept = [clipped for part in asked if (clipped := _above(horizon, part)) is not None]
            total = NOTHING
            whole = whole and any(part.size for part in asked)
            for part in kept if whole else ():
                total = total.plus(summary.fingerprint(*part.range))
            answer = respond(summary, kept) if kept else RangeAnswer((), (), asked[-1].range.upper)
            return AnswerFound(answer, total if whole else None)


def _above(horizon: int, part: RangePart) -> RangePart | None:
    """What of a part lies above the horizon: of what is below nothing is told, neither sums nor that it differs."""
    accounts_end, begin = bound(ACTIVITIES), bound(ACTIVITIES, horizon)
    lower, upper = part.range
    if not horizon or upper <= accounts_end or lower >= begin:
        return part
    if upper <= begin and lower >= accounts_end:
        return None
    # Its sums are of more than what is compared, and fit nothing.
    clipped = ItemRange(max(lower, begin) if lower >= accounts_end else lower, upper)
    return part._replace(range=clipped, print=b"" if clipped != part.range else part.print)
