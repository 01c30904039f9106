"""Refusals of one kind and from one address, as somebody who guesses makes them by the thousand, in one line.

The line stays where the first of them stands, so that nothing else is pushed out of sight; it tells how many there
were, and when the last one was.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from typing import Final, NamedTuple

from msgspec.structs import replace

from core.node import Notice

PAUSE: Final = 600.0
"""Seconds without another one, after which the next begins a line of its own."""
KINDS_MAX: Final = 64
"""So many lines at a time may become longer; a flood of others begins new ones, as without this."""

_PORT: Final = re.compile(r"((?:\d{1,3}\.){3}\d{1,3}|\[[0-9A-Fa-f:.]+(?:%[^\s\]]+)?\]):\d{1,5}\b")
_NAME: Final = re.compile(r"( from \S+) as .* failed")


class Repeats(NamedTuple):
    """How often something was refused that has one line, and when the last time was, in seconds since 1970."""

    often: int
    last: float


class Refusals:
    """Finds the line that a refusal belongs to. Lines are known by their numbers, which count all that ever came in."""

    def __init__(self, notices: deque[Notice]) -> None:
        self._notices = notices
        self._lines: OrderedDict[str, int] = OrderedDict()
        self._repeats: dict[int, Repeats] = {}

    def repeats(self, number: int) -> Repeats | None:
        """None for a line that tells of one event."""
        found = self._repeats.get(number)
        return found if found is not None and found.often > 1 else None

    def fold(self, notice: Notice, first: int) -> bool:
        """Whether a notice is one more of those that a line tells already. `first`: the number of the oldest line."""
        number = self._lines.get(_kind(notice))
        if number is None or number < first:
            return False
        before = self._repeats[number]
        if not 0 <= notice.at - before.last <= PAUSE:
            return False
        self._repeats[number] = Repeats(before.often + 1, notice.at)
        index = number - first
        self._notices[index] = replace(self._notices[index], text=_kind(notice))
        return True

    def begin(self, notice: Notice, number: int) -> None:
        """A notice has a line of its own, of this number."""
        if notice.kind != "refused":
            return
        kind = _kind(notice)
        self._lines.pop(kind, None)
        self._lines[kind] = number
        self._repeats[number] = Repeats(1, notice.at)
        # How often the others were told stays, as long as they may be seen.
        if len(self._lines) > KINDS_MAX:
            self._lines.popitem(last=False)
        if len(self._repeats) > 2 * (self._notices.maxlen or KINDS_MAX):
            gone = number - (self._notices.maxlen or KINDS_MAX)
            self._repeats = {one: repeats for one, repeats in self._repeats.items() if one > gone}


def _kind(notice: Notice) -> str:
    """What refusals have in common that belong to one line: what is said of them, but for ports and names."""
    if notice.kind != "refused":
        return ""
    return _NAME.sub(r"\1 failed", _PORT.sub(r"\1", notice.text))
