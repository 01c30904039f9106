"""Entries by their numbers: for each stream runs of successive ones, which is how a list of them travels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from core.wire.entries import COUNTER_MAX, EntryId, Stream, parse_stream

EntryRuns = Mapping[Stream, tuple[tuple[int, int], ...]]
"""For each stream the first and the last number of each run, ascending."""

NO_ENTRIES: Final[EntryRuns] = {}


def runs_of(ids: Iterable[EntryId]) -> dict[Stream, tuple[tuple[int, int], ...]]:
    """These entries as runs, in the order of streams."""
    numbers: dict[Stream, list[int]] = {}
    for node, incarnation, seq in ids:
        numbers.setdefault(Stream(node, incarnation), []).append(seq)
    return {stream: _joined(sorted(numbers[stream])) for stream in sorted(numbers)}


def _joined(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
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


def only(runs: EntryRuns, wanted: Callable[[EntryId], bool]) -> dict[Stream, tuple[tuple[int, int], ...]]:
    """Those of the entries that are wanted."""
    return runs_of(entry_id for entry_id in ids_in(runs) if wanted(entry_id))


def size_of(runs: EntryRuns) -> int:
    """About how many bytes a list takes in a message."""
    return sum(len(node) + 24 + 16 * len(spans) for (node, _), spans in runs.items())


def encode_runs(runs: EntryRuns) -> dict[str, list[int]]:
    """Runs as they travel: for each stream the first and the last number of each, one behind the other."""
    return {str(stream): [number for span in spans for number in span] for stream, spans in runs.items()}


def decode_runs(raw: Mapping[str, list[int]], most: int | None = None) -> dict[Stream, tuple[tuple[int, int], ...]]:
    """Read runs, of at most so many entries if they are to be counted out. Raises ValueError."""
    runs: dict[Stream, tuple[tuple[int, int], ...]] = {}
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
