"""Renders, of a screen of which a part has changed, only the widgets that are seen there.

Textual asks every widget for all of its lines whose container touches the part: for a line of a list in one pane, all
panes, each frame around them, and the screen beneath. Here it is asked for the lines of that part, and whatever lies
beneath a widget that covers it is not asked at all.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip

_get_renders = Compositor._get_renders


def _get_seen(self: Compositor, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
    if crop is None:
        yield from _get_renders(self)
        return
    # The topmost first.
    for widget, (region, clip) in self.visible_widgets.items():
        visible = region.intersection(clip)
        if not visible.overlaps(crop):
            continue
        top, bottom = max(visible.y, crop.y), min(visible.bottom, crop.bottom)
        # Whole lines: where they are cut is reckoned from where they begin.
        part = Region(visible.x, top, visible.width, bottom - top)
        yield region, part, widget.render_lines(part.translate((-region.x, -region.y)))
        if visible.contains_region(crop):
            return


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Compositor._get_renders = _get_seen  # type: ignore[method-assign]
