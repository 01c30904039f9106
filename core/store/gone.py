"""What has been dropped from a store, for whoever keeps something that was made of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, NamedTuple

from core.wire.entries import EntryId

REMEMBERED_MAX: Final = 100_000


class GoneItems(NamedTuple):
    """Activities that are not kept any more, by their stamps and ids."""

    items: tuple[tuple[int, EntryId], ...] = ()
    is_secret: bool = False
    """Whether an operator has removed some of them: nothing of these may be left anywhere."""
    is_complete: bool = True
    """Whether these are all: there were too many, if not."""

    def __bool__(self) -> bool:
        return bool(self.items) or self.is_secret or not self.is_complete


class Gone:
    """Told by one thread, taken by another. Remembers nothing before somebody has asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[tuple[int, EntryId]] = []
        self._is_secret = False
        self._is_complete = True
        self._is_wanted = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody takes it."""
        return self._is_wanted

    def note(self, items: Iterable[tuple[int, EntryId]], *, is_secret: bool = False) -> None:
        """These are dropped, for good."""
        with self._lock:
            self._items += items
            self._is_secret |= is_secret
            if len(self._items) > REMEMBERED_MAX:
                self._items.clear()
                self._is_complete = False

    def note_all(self) -> None:
        """Nobody knows what is dropped."""
        with self._lock:
            self._is_complete = False

    def take(self) -> GoneItems:
        """What was dropped since the last time."""
        with self._lock:
            self._is_wanted = True
            found = GoneItems(tuple(self._items), self._is_secret, self._is_complete)
            self._items, self._is_secret, self._is_complete = [], False, True
            return found
