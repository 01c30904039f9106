"""Shows a colour on a terminal of 256 colours by the one that is nearest to it.

Rich takes every colour with some saturation to the 6×6×6 cube, channel by channel. The darkest steps of the cube are
black and 95: a dark grey with a touch of blue, as themes have for panels and fields, becomes navy, and with a touch of
green teal. The 24 greys of the palette are hundreds of times nearer.

Seen in Rich 15.0 with Textual 8.2.8; no report found.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.color import Color, ColorSystem, ColorType

LEVELS: Final = (0, 95, 135, 175, 215, 255)
"""The steps of a channel of xterm's colour cube."""
CUBE_FIRST: Final = 16
GREY_FIRST: Final = 232
GREYS: Final = 24
CACHED_MAX: Final = 4096

_downgrade = Color.downgrade


def nearest(red: int, green: int, blue: int) -> int:
    """The number of xterm's colour (16 to 255) that is nearest by the distance in RGB."""
    steps = [min(range(6), key=lambda step: abs(LEVELS[step] - channel)) for channel in (red, green, blue)]
    cube = tuple(LEVELS[step] for step in steps)
    place = min(max(round(((red + green + blue) / 3 - 8) / 10), 0), GREYS - 1)
    grey = 8 + 10 * place
    wanted = (red, green, blue)

    def distance(found: tuple[int, ...]) -> int:
        return sum((one - other) ** 2 for one, other in zip(found, wanted, strict=True))

    if distance((grey, grey, grey)) < distance(cube):
        return GREY_FIRST + place
    return CUBE_FIRST + 36 * steps[0] + 6 * steps[1] + steps[2]


@lru_cache(maxsize=CACHED_MAX)
def _to_the_nearest(self: Color, system: ColorSystem) -> Color:
    if system == ColorSystem.EIGHT_BIT and self.type == ColorType.TRUECOLOR and self.triplet is not None:
        return Color(self.name, ColorType.EIGHT_BIT, number=nearest(*self.triplet))
    return _downgrade(self, system)


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Color.downgrade = _to_the_nearest  # type: ignore[method-assign]
