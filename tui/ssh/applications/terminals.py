"""What is known of a client's terminal: everything it says of it is a claim, and is checked for plausibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.color import ColorSystem

SIZE_MIN: Final = (10, 4)
SIZE_MAX: Final = (500, 200)
"""Larger ones are a way to make the server paint, not a terminal."""

_TRUECOLOR: Final = ("kitty", "ghostty", "alacritty", "foot", "wezterm", "contour", "iterm", "direct", "vscode")
_KITTY_KEYS: Final = ("kitty", "ghostty", "foot", "wezterm", "alacritty")


def plausible_size(width: int, height: int) -> tuple[int, int]:
    """A size that can be painted; 0 (unknown) becomes 80 by 24."""
    width, height = width or 80, height or 24
    return (
        min(max(width, SIZE_MIN[0]), SIZE_MAX[0]),
        min(max(height, SIZE_MIN[1]), SIZE_MAX[1]),
    )


def color_system(terminal: str, environment: Mapping[str, str]) -> ColorSystem | None:
    """How many colours the terminal has, by TERM and COLORTERM; None: it has none, or wants none (no-color.org)."""
    if environment.get("NO_COLOR") or terminal in ("dumb", "unknown", "") or terminal.startswith("vt"):
        return None
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ColorSystem.TRUECOLOR
    if any(name in terminal.lower() for name in _TRUECOLOR):
        return ColorSystem.TRUECOLOR
    if "256" in terminal:
        return ColorSystem.EIGHT_BIT
    return ColorSystem.STANDARD


def kitty_keys(terminal: str) -> bool:
    """Whether the terminal is known for the kitty keyboard protocol; others may print what they do not know."""
    return any(name in terminal.lower() for name in _KITTY_KEYS)
