"""Who posts how fast over SSH slows down. Who may try how often is the subject of `core.admission.guesses`."""

from __future__ import annotations

from typing import Final

from core.admission import TokenBucket

BURST: Final = 3.0
"""Seconds' worth of posts that may come at once."""


def posting(per_second: float, now: float) -> TokenBucket:
    """What one person may post: so many a second on average."""
    return TokenBucket(per_second, max(1.0, per_second * BURST), now)
