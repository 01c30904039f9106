"""What people are told when so many connect, or hold so much, that some are cut: now and then, not for each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from core.node.interface.notices import Notice, NoticeKind

FLOOD_TOLD_GAP: Final = 60.0
"""Seconds between two notices that connections are cut because there are too many."""


class FloodNotices:
    """Tells of floods, of all that one of these is told of together at most once in `FLOOD_TOLD_GAP`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_notice: Callable[[Notice], None], kind: NoticeKind = "security"
    ) -> None:
        self._loop = loop
        self._on_notice = on_notice
        self._kind: NoticeKind = kind
        self._told_at = float("-inf")

    def tell(self, text: str, shares: Counter[str]) -> None:
        """Say what is done, and from where most of those came to whom it is done."""
        now = self._loop.time()
        if now - self._told_at >= FLOOD_TOLD_GAP:
            self._told_at = now
            whence = f", most of them from {shares.most_common(1)[0][0]}" if shares else ""
            self._on_notice(Notice(time.time(), self._kind, text + whence, "warning"))
