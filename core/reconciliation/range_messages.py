"""Questions, answers and lists as messages, and back."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from core.reconciliation.item_order import PRINT_BYTES, Fingerprint, decode_bound, decode_sum, encode_bound, encode_sum
from core.reconciliation.range_comparison import LISTED_MAX, ItemRange, ListedRange, RangeAnswer, RangePart
from core.wire.entry_runs import NO_ENTRIES, EntryRuns, decode_runs, encode_runs
from core.wire.messages import CutRange, Reconcile, ReconcileAnswer


def encode_question(number: int, parts: Iterable[RangePart], *, begins: bool = False) -> Reconcile:
    """A question as a message."""
    return Reconcile(number, _encode_parts(parts), begins)


def decode_question(message: Reconcile) -> tuple[RangePart, ...]:
    """Read a question. Raises ValueError."""
    return _decode_parts(message.ranges)


def encode_answer(
    number: int, answer: RangeAnswer, whole: Fingerprint | None = None, also: EntryRuns = NO_ENTRIES
) -> ReconcileAnswer:
    """An answer as a message."""
    return ReconcileAnswer(
        number,
        encode_bound(answer.upto),
        _encode_parts(answer.parts),
        [
            (encode_bound(one.range.lower), encode_bound(one.range.upper), encode_runs(one.entries))
            for one in answer.lists
        ],
        None if whole is None else whole.size,
        None if whole is None else encode_sum(whole.sum),
        encode_runs(also),
    )


def decode_answer(message: ReconcileAnswer) -> RangeAnswer:
    """Read an answer. Raises ValueError."""
    if message.upto is None:
        raise ValueError("there is no answer")
    return RangeAnswer(
        _decode_parts(message.ranges),
        tuple(
            ListedRange(ItemRange(decode_bound(lower), decode_bound(upper)), decode_runs(entries, LISTED_MAX))
            for lower, upper, entries in message.lists
        ),
        decode_bound(message.upto),
    )


def decode_whole(message: ReconcileAnswer) -> Fingerprint | None:
    """What the other side has of all that was asked about, if it says so. Raises ValueError."""
    if message.size is None or message.sum is None:
        return None
    return Fingerprint(message.size, decode_sum(message.sum))


def _encode_parts(parts: Iterable[RangePart]) -> list[CutRange]:
    ranges: list[CutRange] = []
    before = None
    for part in parts:
        if part.range.lower != before:
            ranges.append((encode_bound(part.range.lower), []))
        before = part.range.upper
        ranges[-1][1].append((encode_bound(before), part.size, base64.b64encode(part.print).decode("ascii")))
    return ranges


def _decode_parts(ranges: Iterable[CutRange]) -> tuple[RangePart, ...]:
    parts: list[RangePart] = []
    for start, ends in ranges:
        lower = decode_bound(start)
        for end, size, text in ends:
            upper = decode_bound(end)
            data = base64.b64decode(text, validate=True)
            if len(data) != PRINT_BYTES:
                raise ValueError(f"what stands for a range has {len(data)} bytes, not {PRINT_BYTES}")
            parts.append(RangePart(ItemRange(lower, upper), size, data))
            lower = upper
    return tuple(parts)
