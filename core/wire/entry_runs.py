"""Entries by their numbers: for each stream runs of successive ones, which is how a list of them travels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from core.wire.entries import COUNTER_MAX, EntryId, Stream, parse_stream

Spans = tuple[tuple[int, int], ...]
"""The first and the last number of each run, ascending."""
EntryRuns = Mapping[Stream, Spans]
"""For each stream the first and the last number of each run, ascending."""

NO_ENTRIES: Final[EntryRuns] = {}
NAMED_MAX: Final = 10


def runs_of(ids: Iterable[EntryId]) -> dict[Stream, Spans]:
    """These entries as runs, in the order of streams."""
    numbers: dict[Stream, list[int]] = {}
    for node, incarnation, seq in ids:
        numbers.setdefault(Stream(node, incarnation), []).append(seq)
    return {stream: spans_of(sorted(numbers[stream])) for stream in sorted(numbers)}


def spans_of(numbers: Sequence[int]) -> Spans:
    """Ascending numbers as runs."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1 and len(set(numbers)) == len(numbers):
        return ((numbers[0], numbers[-1]),)
    return _joined([(number, number) for number in numbers])


def _joined(spans: list[tuple[int, int]]) -> Spans:
    spans.sort()
    runs: list[tuple[int, int]] = []
    for first, last in spans:
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return tuple(runs)


def ids_in(runs: EntryRuns) -> Iterator[EntryId]:
    """The entries one by one. Who got the runs from somebody else looks first how many they are."""
    for (node, incarnation), spans in runs.items():
        for first, last in spans:
            for seq in range(first, last + 1):
                yield EntryId(node, incarnation, seq)


def count_of(runs: EntryRuns) -> int:
    """How many entries they are."""
    return sum(last - first + 1 for spans in runs.values() for first, last in spans)


def union(*several: EntryRuns) -> dict[Stream, Spans]:
    """The entries of all of these, in the order of streams."""
    found: dict[Stream, list[tuple[int, int]]] = {}
    for runs in several:
        for stream, spans in runs.items():
            found.setdefault(stream, []).extend(spans)
    return {stream: _joined(found[stream]) for stream in sorted(found)}


def difference(runs: EntryRuns, others: EntryRuns) -> dict[Stream, Spans]:
    """The entries that are not among the others."""
    found = {stream: spans_without(spans, others.get(stream, ())) for stream, spans in runs.items()}
    return {stream: spans for stream, spans in found.items() if spans}


def intersection(runs: EntryRuns, others: EntryRuns) -> dict[Stream, Spans]:
    """The entries that are among the others."""
    return difference(runs, difference(runs, others))


def spans_without(spans: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]) -> Spans:
    """The numbers of some spans that are not in others; both ascend. Costs by spans, not by numbers."""
    left: list[tuple[int, int]] = []
    rest = iter(others)
    other = next(rest, None)
    for first, last in spans:
        while other is not None and other[1] < first:
            other = next(rest, None)
        while other is not None and other[0] <= last:
            if first < other[0]:
                left.append((first, other[0] - 1))
            first = other[1] + 1
            if first > last:
                break
            other = next(rest, None)
        if first <= last:
            left.append((first, last))
    return tuple(left)


def common_spans(spans: Spans, others: Spans) -> Spans:
    """The numbers of some spans that are in others; both ascend."""
    return spans_without(spans, spans_without(spans, others))


def in_pieces(runs: EntryRuns, most: int) -> Iterator[dict[Stream, Spans]]:
    """The entries in lists of at most so many."""
    piece: dict[Stream, Spans] = {}
    room = most
    for stream, spans in runs.items():
        for first, last in spans:
            while first <= last:
                end = min(last, first + room - 1)
                piece[stream] = (*piece.get(stream, ()), (first, end))
                room -= end - first + 1
                first = end + 1
                if not room:
                    yield piece
                    piece, room = {}, most
    if piece:
        yield piece


def named(runs: EntryRuns) -> str:
    """Entries as a person can look for them: the first `NAMED_MAX` runs, and how many more there are."""
    parts = [
        f"{stream}.{first}" + (f" to {last}" if last > first else "")
        for stream, spans in runs.items()
        for first, last in spans
    ]
    more = f" and {len(parts) - NAMED_MAX} more runs" if len(parts) > NAMED_MAX else ""
    return ", ".join(parts[:NAMED_MAX]) + more


def is_in(runs: EntryRuns, entry_id: EntryId) -> bool:
    """Whether an entry is among these."""
    spans = runs.get(Stream(entry_id.node, entry_id.incarnation), ())
    index = bisect_right(spans, (entry_id.seq, COUNTER_MAX)) - 1
    return index >= 0 and entry_id.seq <= spans[index][1]


def size_of(runs: EntryRuns) -> int:
    """About how many bytes a list takes in a message."""
    return sum(len(node) + 24 + 16 * len(spans) for (node, _), spans in runs.items())


def encode_runs(runs: EntryRuns) -> dict[str, list[int]]:
    """Runs as they travel: for each stream the first and the last number of each, one behind the other."""
    return {str(stream): [number for span in spans for number in span] for stream, spans in runs.items()}


def decode_runs(raw: Mapping[str, list[int]], most: int | None = None) -> dict[Stream, Spans]:
    """Read runs, of at most so many entries if they are to be counted out. Raises ValueError."""
    runs: dict[Stream, Spans] = {}
    count = 0
    for text, numbers in raw.items():
        if not numbers or len(numbers) % 2:
            raise ValueError("not runs of numbers: expected a first and a last one of each")
        before = 0
        for first, last in zip(numbers[::2], numbers[1::2], strict=True):
            if not before < first <= last <= COUNTER_MAX:
                raise ValueError("not runs of numbers: they do not ascend")
            before = last
            count += last - first + 1
        if most is not None and count > most:
            raise ValueError(f"more than {most} entries are listed at once")
        runs[parse_stream(text)] = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return runs
