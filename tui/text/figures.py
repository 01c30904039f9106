"""Figures in the few characters that a table has for them."""

from __future__ import annotations

from datetime import datetime, tzinfo


def size(count: int) -> str:
    """Bytes: `512 B`, `4.1 kB`, `27 MB`."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"
    return f"{amount:.0f} PB"


def milliseconds(seconds: float | None) -> str:
    """A round trip: `0.4 ms`, `38 ms`, `1.2 s`; empty when it is not measured."""
    if seconds is None:
        return ""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    amount = seconds * 1000
    return f"{amount:.1f} ms" if amount < 9.95 else f"{amount:.0f} ms"


def age(seconds: float) -> str:
    """How long something has been: `12 s`, `4 min`, `3 h`, `2 d`."""
    seconds = max(0.0, seconds)
    for limit, unit, per in ((90, "s", 1), (90 * 60, "min", 60), (36 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / per:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def moment(at: float | None, zone: tzinfo | None) -> str:
    """A moment: `2026-11-22 14:05`; empty for none, or one that no calendar knows."""
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def count(number: int, one: str, many: str = "") -> str:
    """`1 server`, `2 servers`, `no servers`."""
    return f"{number or 'no'} {one if number == 1 else many or one + 's'}"
