"""How often sessions are painted: as often as is pleasant, and never so often that the node itself waits.

The event loop's lag is measured; when it grows, every session is painted less often, and when it has gone down, more
often again (additive increase, multiplicative decrease; Chiu and Jain, 1989).
"""

from __future__ import annotations

from typing import Final

FASTEST: Final = 1 / 20
SLOWEST: Final = 1.0
LAG_MAX: Final = 0.02
"""Seconds by which a frame may be late before the pace is taken back."""
BACK_OFF: Final = 1.5
RECOVER: Final = 0.002


class Pace:
    """The least time between two frames of one session, in seconds."""

    def __init__(self) -> None:
        self.interval = FASTEST

    def late_by(self, seconds: float) -> None:
        """A frame was painted this much later than it was due."""
        if seconds > LAG_MAX:
            self.interval = min(SLOWEST, self.interval * BACK_OFF)
        else:
            self.interval = max(FASTEST, self.interval - RECOVER)
