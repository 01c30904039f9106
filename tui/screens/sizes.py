"""Keeps a screen at its terminal's size however fast that changes."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual import events
from textual.screen import Screen

T = TypeVar("T")


class SteadySize(Screen[T], Generic[T]):
    """Base of screens that take their size from the application, never from an event.

    A screen that is laid out tells itself its new size by an event, behind those that have come meanwhile. Two sizes
    that follow each other closely could therefore call each other up for ever (seen with Textual 8.2.8), or the older
    one be the last.
    """

    def _on_resize(self, event: events.Resize) -> None:  # type: ignore[override]
        event.size = event.virtual_size = event.container_size = self.app.size
