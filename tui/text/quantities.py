"""Numbers and times as people write them, and what is said of a word that is none.

Each reader takes a text, or a number as TOML and JSON have it, and raises ValueError with a clause for a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 365 * 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])?", re.ASCII)


def duration(value: object) -> float:
    """Seconds, or a number with a unit: `90`, `1.5`, `500ms`, `10m`, `2h`, `1d`. Returns seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{shown(value)} is not a time: write seconds, or a number with s, m, h, d, w or y")
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{shown(value)} is not a time: write seconds, or a number with s, m, h, d, w or y")
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if seconds > 100 * 365 * 86400:
        raise ValueError(f"{shown(value)} is longer than a century")
    return seconds


def duration_between(least: float, most: float, *, zero: bool = False) -> Callable[[object], float]:
    """A duration within bounds, in seconds; with `zero`, 0 (never) too."""

    def read(value: object) -> float:
        seconds = duration(value)
        if zero and seconds == 0:
            return 0.0
        if not least <= seconds <= most:
            bounds = f"from {least:g} to {most:g} seconds" + (", or 0" if zero else "")
            raise ValueError(f"{shown(value)} is out of range: it may be {bounds}")
        return seconds

    return read


def number_between(least: float, most: float) -> Callable[[object], float]:
    """A number within bounds."""

    def read(value: object) -> float:
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise ValueError
            number = float(value)
        except ValueError:
            raise ValueError(f"{shown(value)} is not a number") from None
        if not least <= number <= most:
            raise ValueError(f"{shown(value)} is out of range: it may be from {least:g} to {most:g}")
        return number

    return read


def count_between(least: int, most: int) -> Callable[[object], int]:
    """A whole number within bounds."""

    def read(value: object) -> int:
        try:
            if isinstance(value, bool | float) or not isinstance(value, int | str):
                raise ValueError
            number = int(value)
        except ValueError:
            raise ValueError(f"{shown(value)} is not a whole number") from None
        if not least <= number <= most:
            raise ValueError(f"{number} is out of range: it may be {least:,} to {most:,}")
        return number

    return read


def shown(value: object) -> str:
    """A value for an error message, cut where it would not end."""
    found = repr(value)
    return found if len(found) <= 80 else found[:79] + "…"


def suggestion(wrong: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean X?`, or nothing. `prefix` is what all have in common and nobody gets wrong."""
    import difflib  # It is needed when something is wrong, and costs every command some milliseconds.

    near = difflib.get_close_matches(wrong, list(known), 1)
    return f"; did you mean {prefix + near[0]!r}?" if near else ""
