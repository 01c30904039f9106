"""Keeps painted lines from remembering themselves.

Textual lets a strip remember what it was cut to, which for a whole line is the strip itself: a cycle, which only the
collector can free. With fifty sessions these are nearly all of the garbage there is.

Seen in Textual 8.2.8; no report of it found (Textualize/textual#6017 is about other cycles).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.style import Style
from textual.strip import Strip

_divide = Strip.divide
_crop_extend = Strip.crop_extend


def _divide_without_cycle(self: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    cuts = [cut for cut in cuts if cut <= self.cell_length]
    return [self] if cuts == [self.cell_length] else _divide(self, cuts)


def _crop_extend_without_cycle(self: Strip, start: int, end: int, style: Style | None) -> Strip:
    return self if start == 0 and end == self.cell_length else _crop_extend(self, start, end, style)


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Strip.divide = _divide_without_cycle  # type: ignore[method-assign]
    Strip.crop_extend = _crop_extend_without_cycle  # type: ignore[method-assign]
