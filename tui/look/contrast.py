"""Colours of a theme that can be read on its background.

Some themes have coloured texts that are hardly darker than what they stand on. WCAG 2.2 (success criterion 1.4.3) asks
for a contrast of 4.5 to 1; what has less is moved towards the theme's own foreground until it has that.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from textual.color import Color, ColorParseError

CONTRAST: Final = 4.5
STEPS: Final = 20

_TEXTS: Final = ("text-primary", "text-secondary", "text-accent", "text-success", "text-warning", "text-error")


def readable(variables: Mapping[str, str]) -> dict[str, str]:
    """A theme's variables, with its coloured texts legible on its background, surface and panel."""
    result = dict(variables)
    grounds = tuple(variables[name] for name in ("background", "surface", "panel") if name in variables)
    foreground = variables.get("foreground", "")
    for name in _TEXTS:
        if name in variables:
            result[name] = _legible(variables[name], foreground, grounds)
    return result


def ratio(one: Color, other: Color) -> float:
    """The contrast of two opaque colours, from 1 (none) to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=1024)
def _legible(text: str, foreground: str, grounds: tuple[str, ...]) -> str:
    try:
        colour, towards = Color.parse(text), Color.parse(foreground)
        behind = [Color.parse(ground) for ground in grounds]
    except ColorParseError:
        return text
    # The sixteen colours of the terminal are whatever its owner made them.
    if any(one.ansi is not None for one in (colour, towards, *behind)):
        return text
    for step in range(STEPS + 1):
        found = colour.blend(towards, step / STEPS)
        if all(ratio(found, ground) >= CONTRAST for ground in behind):
            return text if step == 0 else found.hex
    return foreground
