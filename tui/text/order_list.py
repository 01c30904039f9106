"""Orders as they are listed for people, the same on the command line and in the application."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from typing import Final

from core.wire import ListedOrder
from tui.text.safe_text import neutralise

SHORT: Final = 8
"""Characters of an order's id that people are shown; as many as are needed name it."""
MICROSECONDS: Final = 1_000_000


def listed_order(one: ListedOrder, name: str | None, zone: tzinfo | None = None) -> str:
    """An order on one line: its id, when it was given and by whom, what it says, and what has become of it.

    `name`: what whoever it concerns is called now. `zone`: of the times; None: this machine's.
    """
    order = one.order
    what = neutralise(f"{order.kind} {name or order.name or order.target}", 100)
    because = f" ({neutralise(order.because, 200)})" if order.because else ""
    became = f" undone by {one.undone[:SHORT]}" if one.undone else _of_code(one, zone)
    return f"{one.id[:SHORT]}  {_moment(order.stamp, zone)}  {neutralise(order.by, 64)}: {what}{because}{became}"


def _of_code(one: ListedOrder, zone: tzinfo | None) -> str:
    """What has become of a code for a lost secret; empty for other orders."""
    words = one.order.words
    if one.order.kind != "code" or len(words) < 2 or not (words[1].isascii() and words[1].isdigit()):
        return ""
    if one.used:
        return " used"
    ends = int(words[1])
    try:
        return " expired" if ends < time.time() * MICROSECONDS else f" good until {_moment(ends, zone)}"
    except (ValueError, OverflowError, OSError):
        return ""


def _moment(stamp: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(stamp / MICROSECONDS).astimezone(zone).strftime("%Y-%m-%d %H:%M")
