"""Terminals of 256 colours show what is nearest, not navy for every dark grey."""

from __future__ import annotations

from rich._palettes import EIGHT_BIT_PALETTE
from rich.color import Color, ColorSystem

from tests.tui.driving import ready
from tui.textual_workarounds.nearest_colours import nearest


def palette() -> dict[int, tuple[int, int, int]]:
    return {number: (one[0], one[1], one[2]) for number, one in ((n, EIGHT_BIT_PALETTE[n]) for n in range(16, 256))}


def test_the_nearest_one_of_the_whole_palette_is_found():
    known = palette()
    for red in range(0, 256, 51):
        for green in range(0, 256, 23):
            for blue in range(0, 256, 19):
                wanted = (red, green, blue)

                def far(one: tuple[int, int, int], wanted: tuple[int, int, int] = wanted) -> int:
                    return sum((a - b) ** 2 for a, b in zip(one, wanted, strict=True))

                assert far(known[nearest(*wanted)]) == min(map(far, known.values())), wanted


def test_dark_greys_with_a_tint_stay_grey():
    for name in ("#242f38", "#272727", "#2c363e", "#1e1e1e", "#0d1a26"):
        red, green, blue = palette()[nearest(*(Color.parse(name).triplet or (0, 0, 0)))]
        assert red == green == blue, name


async def test_the_application_uses_it(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert Color.parse("#242f38").downgrade(ColorSystem.EIGHT_BIT).number == nearest(0x24, 0x2F, 0x38)
        assert Color.parse("#242f38").downgrade(ColorSystem.STANDARD).number is not None
