"""Tells how much room there is still for activities, before there is none: in what may be kept, and on the disk."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from core.node.interface.notices import Severity
from core.store.retention import Retention, Usage

MEBIBYTE: Final = 1024 * 1024
WARN_FROM: Final = 0.8
"""Which part of what may be kept is told."""
CALM_BELOW: Final = 0.7
"""Below which it may be told again."""
DISK_LEAST: Final = 256 * MEBIBYTE
"""Free bytes on the disk below which people are warned; twice as much is calm."""


class StorageRoom:
    """What people were told of."""

    def __init__(self, retention: Retention, directory: Path) -> None:
        self._retention = retention
        self._directory = directory
        self._nearly_full = False
        self._full = False
        self._disk_warned = False

    def news(self, kept: Usage) -> list[tuple[str, Severity]]:
        """What is to be told now, once each. Asks the disk, so it may block."""
        return [*self._of_history(kept), *self._of_disk()]

    def _of_history(self, kept: Usage) -> list[tuple[str, Severity]]:
        retention, fullness = self._retention, self._retention.fullness(kept)
        limits = []
        if retention.activities is not None:
            limits.append(f"{retention.activities:,} activities")
        if retention.bytes is not None:
            limits.append(f"{retention.bytes // MEBIBYTE:,} MB")
        limit = " or ".join(limits)
        has = f"{kept.activities:,} activities, {kept.bytes // MEBIBYTE:,} MB"
        if fullness < CALM_BELOW:
            self._nearly_full = self._full = False
        elif fullness >= 0.999 and not self._full:
            self._nearly_full = self._full = True
            return [(f"as much is kept as may be ({limit}): the oldest activities go from now on", "warning")]
        elif fullness >= WARN_FROM and not self._nearly_full:
            self._nearly_full = True
            return [(f"{has} are kept; at {limit} the oldest begin to go (activities_kept, bytes_kept)", "warning")]
        return []

    def _of_disk(self) -> list[tuple[str, Severity]]:
        import shutil  # The first look comes long after a start, which need not wait for it.

        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self._directory).free
            if free >= 2 * DISK_LEAST:
                self._disk_warned = False
            elif free < DISK_LEAST and not self._disk_warned:
                self._disk_warned = True
                text = f"only {free // MEBIBYTE} MB are free on the disk of {self._directory}; make room there"
                return [(f"{text}: without, no activity can be accepted", "warning")]
        return []
