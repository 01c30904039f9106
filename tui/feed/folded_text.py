"""Texts of many lines, folded: their first lines, and how many more there are."""

from __future__ import annotations

from typing import Final

from tui.feed.activities import Span, plain_text
from tui.text.safe_text import ELLIPSIS

FOLDED_LINES: Final = 4
OPENED: Final = "\N{LEFTWARDS ARROW} folds it"


def line_count(spans: tuple[Span, ...], body: bytes) -> int:
    """How many lines an activity has that is shown in these spans, which may be its beginning only."""
    shown = sum(text.count("\n") for text, _ in spans)
    return max(shown, plain_text(body).count("\n")) + 1 if shown else 1


def is_foldable(lines: int) -> bool:
    # One line more takes no more room than to say that there is one.
    return lines > FOLDED_LINES + 1


def folded(spans: tuple[Span, ...], lines: int) -> tuple[Span, ...]:
    """The spans of an activity of so many lines up to the end of the last one that is shown, and what is left out."""
    if not is_foldable(lines):
        return spans
    kept: list[Span] = []
    left = FOLDED_LINES
    for text, role in spans:
        parts = text.split("\n")
        if len(parts) > left:
            kept.append(("\n".join(parts[:left]), role))
            break
        left -= len(parts) - 1
        kept.append((text, role))
    more = lines - FOLDED_LINES
    return (*kept, (f"\n{ELLIPSIS} {more:,} more lines: \N{RIGHTWARDS ARROW} shows them", "mark"))


def opened(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    return (*spans, (f"\n{OPENED}", "mark"))
