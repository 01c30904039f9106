"""Keeps changes of the terminal's size from answering each other for ever.

A screen of Textual lays itself out for a new size, and tells itself of it by another message of that size. When the
terminal changes once more in between, two sizes are under way: each undoes the other's layout, and brings a new message
behind it, without end. A message of a size that is not the terminal's any more is therefore taken for one of the size
that it has: dropped it may not be, since of two that wait behind each other Textual drops the first itself.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

from textual import events
from textual.screen import Screen

_on_resize = Screen._on_resize


async def _only_the_latest(self: Screen[object], event: events.Resize) -> None:
    if not self.app.is_inline:
        event.size = event.virtual_size = event.container_size = self.app.size
    await _on_resize(self, event)


def install() -> None:
    """Take effect, for every screen of this process. Harmless when repeated."""
    Screen._on_resize = _only_the_latest  # type: ignore[method-assign, assignment]
