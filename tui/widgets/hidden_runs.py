"""Runs of rows of which somebody wants to see no more than that they are there: each is one line, opened in place."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from tui.feed.feed_item import FeedItem
from tui.text.figures import count

RUN_MAX: Final = 512
"""Rows in one line at most: of how many one is told is found out when it is laid out."""
REASONS_KEPT: Final = 8_192
REASONS_SHOWN: Final = 3

Reason = tuple[str, str]
"""What has hidden a row, and whom or what that concerns: `("muted", "bob")`; empty for a row that is not hidden."""
SHOWN: Final[Reason] = ("", "")


@dataclass(frozen=True, slots=True)
class HiddenRun:
    """Rows that stand together, by their indices."""

    rows: range
    opened: bool
    words: str
    """How many there are, and why they are hidden."""


class HiddenRuns:
    """Which rows are hidden, which of them stand together, and which runs somebody has opened.

    Runs end where a block of `RUN_MAX` serials does, so that no more has to be looked at than what is near.
    """

    def __init__(self, entry: Callable[[int], FeedItem], reason: Callable[[FeedItem], Reason]) -> None:
        """`entry`: the row at an index."""
        self._entry = entry
        self._reason = reason
        self._reasons: dict[int, Reason] = {}
        self._opened: set[int] = set()
        """Serials: the runs that they are in are open."""
        self._found: dict[int, HiddenRun | None] = {}
        self._told: tuple[Hashable, Hashable] = (None, None)
        self.changes = 0
        """Counts how often one was opened or closed."""

    def follow(self, why: Hashable, rows: Hashable) -> None:
        """Forget why rows are hidden, or where they stand, if that may be another one than before."""
        if self._told[0] != why:
            self._reasons.clear()
        if self._told != (why, rows):
            self._told = (why, rows)
            self._found.clear()

    def at(self, index: int, count: int) -> HiddenRun | None:
        """The run that a row is in, among so many rows; None for one that is not hidden."""
        if index in self._found:
            return self._found[index]
        run = self._look(index, count)
        for one in run.rows if run is not None else (index,):
            self._found[one] = run
        return run

    def _look(self, index: int, total: int) -> HiddenRun | None:
        if self._why(index) == SHOWN:
            return None
        block = self._block(index)
        first = last = index
        while first > 0 and self._block(first - 1) == block and self._why(first - 1) != SHOWN:
            first -= 1
        while last < total - 1 and self._block(last + 1) == block and self._why(last + 1) != SHOWN:
            last += 1
        rows = range(first, last + 1)
        if len(rows) == 1 and self._entry(first).state == "mark":
            # It says itself what it is about, in a line.
            return None
        serials = range(self._entry(first).serial, self._entry(last).serial + 1)
        words = words_of([self._why(one) for one in rows])
        return HiddenRun(rows, any(one in serials for one in self._opened), words)

    def _block(self, index: int) -> int:
        return self._entry(index).serial // RUN_MAX

    def _why(self, index: int) -> Reason:
        entry = self._entry(index)
        reason = self._reasons.get(entry.serial)
        if reason is None:
            if len(self._reasons) >= REASONS_KEPT:
                self._reasons.clear()
            reason = self._reasons[entry.serial] = self._reason(entry)
        return reason

    def why(self, index: int) -> Reason:
        """Why a row is hidden, if it is."""
        return self._why(index)

    def open(self, run: HiddenRun) -> None:
        self._opened.add(self._entry(run.rows.start).serial)
        self._changed()

    def close(self, run: HiddenRun) -> None:
        serials = range(self._entry(run.rows.start).serial, self._entry(run.rows[-1]).serial + 1)
        self._opened = {one for one in self._opened if one not in serials}
        self._changed()

    def close_all(self) -> None:
        self._opened.clear()
        self._changed()

    def _changed(self) -> None:
        self.changes += 1
        self._found.clear()


def words_of(reasons: list[Reason]) -> str:
    """How many rows are hidden, and why, in safe words: `4 hidden: muted bob`."""
    kinds: dict[str, dict[str, None]] = {}
    for what, whom in reasons:
        kinds.setdefault(what, {}).update({whom: None} if whom else {})
    parts = []
    for what, concerned in list(kinds.items())[:REASONS_SHOWN]:
        names = list(concerned)[:REASONS_SHOWN]
        more = len(concerned) - len(names)
        parts.append(" ".join(filter(None, (what, ", ".join(names) + (f" and {more} more" if more else "")))))
    if len(kinds) > REASONS_SHOWN:
        parts.append(f"{count(len(kinds) - REASONS_SHOWN, 'more reason')}")
    return f"{len(reasons)} hidden: {'; '.join(parts)}"
