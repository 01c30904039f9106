"""Where in the past somebody wants to go, as they write it: a moment as in a filter, or a time of today."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

from core.query import moment

MICROSECONDS: Final = 1_000_000
FORMS: Final = "a date (2026-03-01), a date and time (2026-03-01 14:30), a time of today (14:30), or an age (3d, 2h)"
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)


def destination(text: str, now: float, zone: tzinfo | None) -> int:
    """A moment in microseconds since 1970; `now` in seconds, `zone` as of dates in a filter.

    Raises ValueError with a clause for a person.
    """
    words = text.strip().lower()
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if words in ("today", "yesterday"):
        return int((today - timedelta(days=words == "yesterday")).timestamp()) * MICROSECONDS
    time = _TIME.fullmatch(words)
    if time is not None and int(time[1]) < 24 and int(time[2]) < 60:
        return int(today.replace(hour=int(time[1]), minute=int(time[2])).timestamp()) * MICROSECONDS
    try:
        return moment(text.strip(), now, zone)
    except ValueError:
        raise ValueError(f"{text.strip()[:40]!r} is no moment: write {FORMS}") from None
