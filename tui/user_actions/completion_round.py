"""A word's ends, gone through one after the other, as Tab does it in a shell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

COMPLETIONS_MAX: Final = 100
"""So many ends of a word are gone through before it is again as it was written."""


class CompletionRound:
    """What was written, and the lines that are made of it one after the other."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.place = 0
        """Which of them is there: 0 is what was written."""

    def goes_on(self, line: str) -> bool:
        """Whether the line is one that this round has made."""
        return bool(self._lines) and line == self._lines[self.place]

    def next(self, line: str, completions: Iterable[str]) -> str | None:
        """The next line after this one; None where there is no other. `completions` are looked at when a round
        begins."""
        if not self.goes_on(line):
            self._lines = [line, *islice(completions, COMPLETIONS_MAX)]
            self.place = 0
        only_one_is_there = len(self._lines) == 2 and self.place == 1
        if len(self._lines) == 1 or only_one_is_there:
            self._lines = []
            return None
        self.place = (self.place + 1) % len(self._lines)
        return self._lines[self.place]
