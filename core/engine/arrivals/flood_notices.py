"""What people are told when so many connect, or hold so much, that some are cut: now and then, not for each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from core.node.interface.notices import Notice

FLOOD_TOLD_GAP: Final = 60.0
"""Seconds between two notices that connections are cut because there are too many."""


class FloodNotices:
    """Tells of floods, of all kinds together at most once in `FLOOD_TOLD_GAP`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_notice: Callable[[Notice], None]) -> None:
        self._loop = loop
        self._on_notice = on_notice
        self._told_at = float("-inf")

    def tell(self, text: str, shares: Counter[str]) -> None:
        """Say what is done, and from where most of those came to whom it is done."""
        now = self._loop.time()
        if now - self._told_at >= FLOOD_TOLD_GAP:
            self._told_at = now
            whence = f", most of them from {shares.most_common(1)[0][0]}" if shares else ""
            self._on_notice(Notice(time.time(), "security", text + whence, "warning"))
