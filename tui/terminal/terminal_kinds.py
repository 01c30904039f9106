"""What a terminal's name (TERM) tells of it."""

from __future__ import annotations

from typing import Final

_SCROLLING: Final = (
    "xterm", "tmux", "screen", "linux", "rxvt", "vt1", "vt2", "vt3", "vt4", "vt5", "alacritty", "foot", "kitty",
    "wezterm", "konsole", "gnome", "vte", "st", "putty", "mintty", "contour", "ghostty", "iterm", "eterm",
)  # fmt: skip


def has_screen(terminal: str) -> bool:
    """Whether the cursor can be placed in it, as far as it says: one that says nothing is mostly one that can."""
    return terminal not in ("dumb", "emacs", "network", "dialup")


def scrolls(term: str) -> bool:
    """Whether a terminal, by its TERM, moves the lines of a part of its screen."""
    return term.lower().startswith(_SCROLLING)
