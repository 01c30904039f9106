"""Comparing: questions about ranges, answers to them, and what follows from an answer.

Who asks says of each part of a range what it has there, in short. Who answers leaves out the parts of which it has the
same, cuts those that differ into smaller ones, and lists what it has in those that are small enough. Who asked looks at
what differs on its side, and asks about that, the earlier ranges first. Each message divides what differs by 16 or
more, so two sets of a million items with one difference are through after two questions.

Only who asks remembers anything: `pending`, ranges that differ and have not been asked about. It is bounded, because
the earliest ranges are looked at to their end before later ones are cut.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

import msgspec

from core.reconciliation.item_order import Fingerprint, ItemKey
from core.wire.entry_runs import EntryRuns, count_of, size_of

PARTS: Final = 16
"""Into how many a range is cut at once."""
QUESTION_PARTS_MAX: Final = 256
"""Most parts of a question that this side asks: some 16 kB."""
WHOLE_MAX: Final = 32
"""A range with so few items of who asks is not cut by them."""
LISTED_MAX: Final = 512
"""Most entries in one list."""
ANSWER_BYTES: Final = 64 * 1024
"""An answer ends with the part with which it is longer."""
PART_BYTES: Final = 60
"""What a part takes in a message, about."""
ITEM_WORK: Final = 4
"""For each entry in a list an answer is so many bytes shorter: who asked looks at each, which takes time as well."""
PENDING_MAX: Final = 8192
"""Ranges that differ and wait: more than an honest side's answers leave, each of which adds some hundred."""


class RangeSummary(Protocol):
    """A set that can be asked about its ranges."""

    def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint: ...

    def listed(self, lower: ItemKey, upper: ItemKey, most: int) -> Iterator[tuple[EntryRuns, ItemKey | None]]: ...

    def cuts(self, lower: ItemKey, upper: ItemKey, parts: int) -> list[ItemKey]: ...


class ItemRange(NamedTuple):
    """All that stands from `lower` on, and before `upper`."""

    lower: ItemKey
    upper: ItemKey


class RangePart(NamedTuple):
    """What somebody has in a range, in short: `Fingerprint.print`."""

    range: ItemRange
    size: int
    print: bytes


class ListedRange(NamedTuple):
    """All that somebody has in a range."""

    range: ItemRange
    entries: EntryRuns


class RangeAnswer(msgspec.Struct, frozen=True):
    """What differs of the ranges that were asked about, up to `upto`; both ascend, and no two ranges overlap."""

    parts: tuple[RangePart, ...]
    lists: tuple[ListedRange, ...]
    upto: ItemKey


class NextQuestion(msgspec.Struct, frozen=True):
    """What to ask next; nothing when there are no parts. `pending` is what waits behind it."""

    parts: tuple[RangePart, ...]
    pending: tuple[ItemRange, ...]


def part_of(summary: RangeSummary, one: ItemRange) -> RangePart:
    """What a summary has in a range."""
    found = summary.fingerprint(*one)
    return RangePart(one, found.size, found.print)


def cut(summary: RangeSummary, one: ItemRange) -> list[RangePart]:
    """A range in parts."""
    bounds = [one.lower, *summary.cuts(*one, PARTS), one.upper]
    return [part_of(summary, ItemRange(*pair)) for pair in pairwise(bounds)]


def question(
    summary: RangeSummary, pending: Iterable[ItemRange], unknown: Container[ItemRange] = frozenset()
) -> NextQuestion:
    """Ask about the first of the ranges that differ; of those that are `unknown` to differ, whether they do."""
    parts: list[RangePart] = []
    rest: list[ItemRange] = []
    for one in pending:
        if len(parts) >= QUESTION_PARTS_MAX - PARTS:
            rest.append(one)
            continue
        whole = part_of(summary, one)
        parts += [whole] if whole.size <= WHOLE_MAX or one in unknown else cut(summary, one)
    return NextQuestion(tuple(parts), tuple(rest))


def respond(summary: RangeSummary, asked: Iterable[RangePart], room: int = ANSWER_BYTES) -> RangeAnswer:
    """Answer a question: what differs in it, as far as there is room. The first part that differs always has some."""
    parts: list[RangePart] = []
    lists: list[ListedRange] = []
    upto: ItemKey | None = None
    for part in asked:
        # Of what the other side has nothing of, no sums are asked for, and none are worth telling.
        own = summary.fingerprint(*part.range) if part.size else None
        if own is None or (own.size, own.print) != (part.size, part.print):
            if room <= 0:
                break
            # What was dropped counts in sums, but nothing is left there to cut by, or to list.
            found = cut(summary, part.range) if own is not None and own.size > LISTED_MAX else []
            if len(found) > 1:
                room -= PART_BYTES * len(found)
                parts += found
            else:
                listed = _listed_in(summary, part.range, room)
                upto = listed[-1].range.upper
                if part.size or any(one.entries for one in listed):
                    lists += listed
                    room -= sum(map(_room_of, listed))
                if upto != part.range.upper:
                    break
        upto = part.range.upper
    assert upto is not None
    return RangeAnswer(tuple(parts), tuple(lists), upto)


def _listed_in(summary: RangeSummary, one: ItemRange, room: int) -> list[ListedRange]:
    """What is in a range, as far as there is room, in lists that are small enough; an empty one if there is nothing."""
    lists: list[ListedRange] = []
    lower = one.lower
    for entries, behind in summary.listed(*one, LISTED_MAX):
        lists.append(ListedRange(ItemRange(lower, behind or one.upper), entries))
        lower = behind or one.upper
        room -= _room_of(lists[-1])
        if room <= 0:
            break
    return lists


def _room_of(listed: ListedRange) -> int:
    """What a list takes of an answer."""
    return PART_BYTES + size_of(listed.entries) + ITEM_WORK * count_of(listed.entries)


def check_question(asked: Sequence[RangePart]) -> None:
    """Raises ValueError unless a question can be answered with bounded work."""
    if not asked:
        raise ValueError("nothing is asked about")
    if len(asked) > 2 * QUESTION_PARTS_MAX:
        raise ValueError(f"more than {2 * QUESTION_PARTS_MAX} ranges are asked about at once")
    _check_order(part.range for part in asked)


def check_answer(asked: Sequence[RangePart], answer: RangeAnswer) -> None:
    """Raises ValueError unless an answer is one to the question, and leaves less to ask about."""
    _check_order(sorted([*(part.range for part in answer.parts), *(one.range for one in answer.lists)]))
    _check_order(part.range for part in answer.parts)
    _check_order(one.range for one in answer.lists)
    if not asked[0].range.lower < answer.upto <= asked[-1].range.upper:
        raise ValueError("the answer ends outside of what was asked about")
    questions = iter(asked)
    within = next(questions)
    told = sorted([*((part.range, True) for part in answer.parts), *((one.range, False) for one in answer.lists)])
    for one, is_cut in told:
        while within.range.upper <= one.lower:
            following = next(questions, None)
            if following is None:
                raise ValueError("the answer tells of a range that was not asked about")
            within = following
        if one.lower < within.range.lower or one.upper > min(within.range.upper, answer.upto):
            raise ValueError("the answer tells of a range that was not asked about")
        if is_cut and one == within.range:
            raise ValueError("the answer does not cut a range that differs")


def _check_order(ranges: Iterable[ItemRange]) -> None:
    before: ItemKey | None = None
    for one in ranges:
        if one.lower >= one.upper:
            raise ValueError("a range ends before it begins")
        if before is not None and one.lower < before:
            raise ValueError("ranges overlap, or do not ascend")
        before = one.upper


def follow_up(
    summary: RangeSummary, asked: Iterable[RangePart], answer: RangeAnswer, pending: Iterable[ItemRange]
) -> NextQuestion:
    """What to ask after an answer: where this side differs from its parts, what it left over, and what waited."""
    differing = [part.range for part in answer.parts if part_of(summary, part.range) != part]
    left = left_over(asked, answer)
    return question(summary, [*differing, *left, *pending], frozenset(left))


def left_over(asked: Iterable[RangePart], answer: RangeAnswer) -> list[ItemRange]:
    """Of what was asked about, what an answer does not come to."""
    return [
        ItemRange(max(part.range.lower, answer.upto), part.range.upper)
        for part in asked
        if part.range.upper > answer.upto
    ]
