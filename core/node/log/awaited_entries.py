"""Awaited entries: who is to be told when one is durable, or why it cannot be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.wire.entries import Entry, EntryId
from core.wire.entry_columns import EntryColumns


class AwaitedEntries:
    """Functions by the entries that they wait for."""

    def __init__(self) -> None:
        self._waiting: dict[EntryId, list[Callable[[str | None], None]]] = {}

    def add(self, entry_id: EntryId, then: Callable[[str | None], None]) -> None:
        """Call `then` once the entry is durable (with None), or cannot be kept (with why)."""
        self._waiting.setdefault(entry_id, []).append(then)

    def settled(self, entries: Iterable[Entry], problem: str | None = None) -> None:
        """These are durable, or cannot be kept."""
        for entry in entries:
            for then in self._waiting.pop(entry.id, ()):
                then(problem)

    def are_durable(self, columns: EntryColumns) -> None:
        """The same of many, which are looked at one by one only where more are waited for."""
        if len(self._waiting) > len(columns):
            self.settled(columns.entries)
        elif self._waiting:
            stream, numbers = columns.stream, columns.numbers
            inside = numbers if isinstance(numbers, range) else frozenset(numbers)
            waited_for = [one for one in self._waiting if one.stream == stream and one.seq in inside]
            for entry_id in sorted(waited_for):
                for then in self._waiting.pop(entry_id, ()):
                    then(None)
