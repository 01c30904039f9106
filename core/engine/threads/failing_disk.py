"""A disk that fails: how often it is tried again, with how much, and when it counts as working."""

from __future__ import annotations

import time
from typing import Final

from core.store.store_errors import StoreDisplaced
from core.store.store_interface import Store

PROBE_MIN: Final = 0.5
PROBE_MAX: Final = 30.0
"""Seconds between two tries of a disk that failed: doubled each time."""
PROBES_NEEDED: Final = 2
"""So many tries in a row must succeed, PROBE_MIN seconds apart, before the disk counts as working."""
PROBE_BYTES_MIN: Final = 256 * 1024
PROBE_BYTES_MAX: Final = 1024 * 1024
"""A try writes twice what failed, within these bounds: a disk that is full to the brim still takes a little, and would
be said to work and to fail again in turns."""
STEADY_SECONDS: Final = 60.0
"""A disk that fails again sooner than this is left alone for twice as long as it was last."""
PROBE_SETTING: Final = "last_probe"


class FailingDisk:
    """Whether a store's disk fails, and since it did, when and how it is tried."""

    def __init__(self) -> None:
        self.reason = ""
        """Why it fails; nothing if it works."""
        self._probe_at = 0.0
        self._pause = PROBE_MIN
        self._bytes = PROBE_BYTES_MIN
        self._passed = 0
        self._recovered_at = float("-inf")

    def __bool__(self) -> bool:
        return bool(self.reason)

    def failed(self, reason: str, size: int) -> None:
        """A commit of about `size` bytes has failed."""
        now = time.monotonic()
        if now - self._recovered_at > STEADY_SECONDS:
            self._pause = PROBE_MIN
            self._bytes = PROBE_BYTES_MIN
        else:
            self._pause = min(self._pause * 2, PROBE_MAX)
        self._bytes = min(max(self._bytes, 2 * size), PROBE_BYTES_MAX)
        self._passed = 0
        self.reason = reason
        self._probe_at = now + self._pause

    @property
    def wait(self) -> float:
        """For how many seconds the next try is still put off."""
        return max(0.0, self._probe_at - time.monotonic())

    def probe(self, store: Store) -> None:
        """Write as much as failed, of something that does not matter. Raises what the store does."""
        store.set_setting(PROBE_SETTING, "0" * self._bytes)
        store.set_setting(PROBE_SETTING, str(time.time()))

    def failed_again(self, reason: str, error: Exception) -> None:
        """A try has failed."""
        self.reason = reason
        self._passed = 0
        # To look whether a directory is back costs its disk nothing.
        patience = PROBE_MIN if isinstance(error, StoreDisplaced) else PROBE_MAX
        self._pause = min(self._pause * 2, patience)
        self._probe_at = time.monotonic() + self._pause

    def passed(self) -> bool:
        """A try has succeeded; whether they are enough, in a row. `recovered` settles it."""
        self._passed += 1
        self._probe_at = time.monotonic() + PROBE_MIN
        return self._passed >= PROBES_NEEDED

    def recovered(self) -> None:
        """It works."""
        self.reason = ""
        self._recovered_at = time.monotonic()
