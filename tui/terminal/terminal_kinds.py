"""What a terminal's name (TERM) tells of it."""

from __future__ import annotations


def has_screen(terminal: str) -> bool:
    """Whether the cursor can be placed in it, as far as it says: one that says nothing is mostly one that can."""
    return terminal not in ("dumb", "emacs", "network", "dialup")
