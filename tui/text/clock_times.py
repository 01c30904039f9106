"""Moments as the clock and the calendar of the person say them."""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from functools import lru_cache


def clock_time(at: float, zone: tzinfo | None, form: str) -> str:
    """A moment in local time; a stamp that no calendar knows is shown as dashes."""
    try:
        return _in_words(int(at), zone, form)
    except (ValueError, OverflowError, OSError):
        return re.sub("%[a-zA-Z]", "--", form.replace("%Y", "----"))


def same_day(one: float, other: float, zone: tzinfo | None) -> bool:
    """Whether two moments are on one day in local time; those that no calendar knows are on any."""
    try:
        return _day(int(one), zone) == _day(int(other), zone)
    except (ValueError, OverflowError, OSError):
        return True


def since_words(at: float, now: float, zone: tzinfo | None) -> str:
    """A moment that something has lasted from, as short as it is unmistakable: `14:02`, `28 Nov 14:02`."""
    return clock_time(at, zone, "%H:%M" if same_day(at, now, zone) else "%d %b %H:%M")


# Much arrives in the same second, and is asked for in each frame.
@lru_cache(maxsize=1024)
def _in_words(second: int, zone: tzinfo | None, form: str) -> str:
    return datetime.fromtimestamp(second, zone).strftime(form)


@lru_cache(maxsize=1024)
def _day(second: int, zone: tzinfo | None) -> date:
    return datetime.fromtimestamp(second, zone).date()
