"""Moments as people write them: a date, a date with a time, or an age."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

MICROSECONDS: Final = 1_000_000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 365 * 86_400}
_AGE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdwy])", re.ASCII)
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(Z)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_EXAMPLE: Final = "write 2026-11-01, 2026-11-01T14:30, 10m, 3d or 1y"


def moment(text: str, now: float, zone: tzinfo | None) -> int:
    """Read a moment; microseconds since 1970. A year, a month and a day stand for when they begin.

    `now`: seconds since 1970, from which ages count back. `zone`: that of the dates; None for the machine's. Raises
    ValueError with a clause for a person.
    """
    if age := _AGE.fullmatch(text):
        return max(0, int((now - float(age[1]) * _UNITS[age[2]]) * MICROSECONDS))
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:40]!r} is no date: {_EXAMPLE}")
    year, month, day, hour, minute, second = (int(part or least) for part, least in zip(
        found.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True
    ))  # fmt: skip
    try:
        there = datetime(year, month, day, hour, minute, second, tzinfo=UTC if found[8] else zone)
        seconds = int(there.timestamp())
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"there is no {text[:40]}: {_EXAMPLE}") from None
    return max(0, seconds * MICROSECONDS + int((found[7] or "0").ljust(6, "0")))
