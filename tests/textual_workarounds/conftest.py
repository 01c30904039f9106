"""What these tests share: Textual as it is, whatever has been mended in this process before."""

from __future__ import annotations

import pytest
import textual.app
from rich.color import Color
from textual._compositor import Compositor
from textual.app import App
from textual.command import CommandPalette
from textual.screen import Screen
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input

from tests.tui.conftest import quick_readers, world
from tui.textual_workarounds import (
    cursor_at_end,
    nearest_colours,
    partial_updates,
    resizing,
    screen_dismissal,
    shared_style_codes,
    strip_cycles,
    unawaited_suggestions,
)

__all__ = ["quick_readers", "world"]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual and Rich as they were before any workaround took effect."""
    import asyncio
    import contextlib

    for owner, name, original in (
        (Screen, "_on_resize", resizing._on_resize),
        (Screen, "dismiss", screen_dismissal._dismiss),
        (App, "_handle_exception", screen_dismissal._handle_exception),
        (CommandPalette, "_select_or_command", screen_dismissal._select_or_command),
        (Color, "downgrade", nearest_colours._downgrade),
        (Strip, "render_style", shared_style_codes._original),
        (Compositor, "_get_renders", partial_updates._get_renders),
        (Strip, "divide", strip_cycles._divide),
        (Strip, "crop_extend", strip_cycles._crop_extend),
        (Input, "cursor_screen_offset", cursor_at_end._cursor_screen_offset),
        (Suggester, "_get_suggestion", unawaited_suggestions._get_suggestion),
        (textual.app, "asyncio", asyncio),
        (textual.app, "redirect_stdout", contextlib.redirect_stdout),
        (textual.app, "redirect_stderr", contextlib.redirect_stderr),
    ):
        monkeypatch.setattr(owner, name, original)
