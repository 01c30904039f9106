"""Sentences on standard error from a program that has a screen: after it, or in its place."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Final

from tui.text.safe_text import neutralise

SAY_LIMIT: Final = 1.0
"""Seconds that a terminal has to take a sentence."""

CHOICE: Final = (
    "The server goes on, and so do the people at it. Press Enter to start the screen again, or Ctrl+C to have the"
    " server leave the network in order."
)
"""What a person can do whose screen has failed for good."""


def say(sentence: str) -> None:
    """Write a sentence to standard error; a terminal that takes nothing keeps nobody waiting."""

    def write() -> None:
        with contextlib.suppress(OSError, ValueError):
            # Not the one that an application has put in its place and may not have taken away.
            stream = sys.__stderr__ or sys.stderr
            stream.write(f"activity-tui: {neutralise(sentence, 2_000)}\n")
            stream.flush()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(SAY_LIMIT)


def heard_by_somebody() -> bool:
    """Whether sentences come to a person at a terminal, and not into a file or another program."""
    stream = sys.__stderr__
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False
