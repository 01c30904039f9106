"""Colours by which people are told apart: of equal distance in hue, and legible on what they stand on.

Hues are angles of CIELAB (CIE 15), in which equal distances look equal. In each theme they are as light, or as dark, as
the contrast asks for (WCAG 2.2, success criterion 1.4.3), and as colourful as a screen can show them then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from textual.color import BLACK, WHITE, Color, ColorParseError, Lab, lab_to_rgb

from tui.look.contrast import CONTRAST, ratio

HUES: Final = 12
"""So many keep apart in most themes on a terminal of 256 colours, too."""
_FIRST: Final = 20.0
_CHROMA_MOST: Final = 60
_ON_DARK: Final = range(72, 100, 2)
_ON_LIGHT: Final = range(48, 0, -2)
"""Lightnesses, those that are tried first standing first."""

_OF_THE_TERMINAL: Final = tuple(
    f"ansi_{shade}{colour}"
    for shade in ("", "bright_")
    for colour in ("red", "yellow", "green", "cyan", "blue", "magenta")
)


def hues(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables `name-0` and so on for a theme, of which `variables` are the others."""
    grounds = tuple(variables[name] for name in ("background", "surface", "panel") if name in variables)
    return {f"name-{number}": colour for number, colour in enumerate(_on(grounds))}


@lru_cache(maxsize=64)
def _on(grounds: tuple[str, ...]) -> tuple[str, ...]:
    try:
        behind = [Color.parse(ground) for ground in grounds]
    except ColorParseError:
        behind = []
    # The sixteen colours of a terminal are whatever its owner made them.
    if not behind or any(ground.ansi is not None for ground in behind):
        return _OF_THE_TERMINAL
    is_dark = ratio(behind[0], WHITE) > ratio(behind[0], BLACK)
    lightnesses = _ON_DARK if is_dark else _ON_LIGHT
    angles = (math.radians(_FIRST + number * 360 / HUES) for number in range(HUES))
    return tuple(_legible(angle, lightnesses, behind).hex for angle in angles)


def _legible(angle: float, lightnesses: Sequence[int], grounds: Sequence[Color]) -> Color:
    found = WHITE
    for found in _of_hue(angle, lightnesses):
        if all(ratio(found, ground) >= CONTRAST for ground in grounds):
            break
    return found


def _of_hue(angle: float, lightnesses: Sequence[int]) -> Iterator[Color]:
    """The most colourful that there is of each lightness."""
    for lightness in lightnesses:
        for chroma in range(_CHROMA_MOST, -1, -2):
            lab = Lab(lightness, chroma * math.cos(angle), chroma * math.sin(angle))
            try:
                colour = lab_to_rgb(lab)
            except TypeError:
                # Beyond what a screen shows, its formula takes roots of negative numbers.
                continue
            if colour == colour.clamped:
                yield colour
                break
