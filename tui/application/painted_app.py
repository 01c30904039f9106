"""The painting of an application: what the model says is shown at most so often a second, at its turn among others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

from tui.application.frame_scheduler import SHARE_ALONE, FrameScheduler
from tui.model.client_model import ClientModel, Happening
from tui.screens.asking import ConfirmScreen
from tui.screens.leaving_screen import LeavingScreen
from tui.screens.main_screen import MainScreen
from tui.textual_workarounds.type_ahead import TypeAheadApp
from tui.textual_workarounds.unprinted_faults import UnprintedFaultsApp
from tui.widgets.line_pool import LinePool

FRAMES_PER_SECOND: Final = 20
LOOK_INTERVAL: Final = 1.0
"""Seconds between two pictures of the node while nothing is heard of it."""
LOOK_INTERVAL_MIN: Final = 0.25
"""The same while something is."""
LOOK_SHARE: Final = 0.005
"""Of a processor, what pictures of the node may take: of one with thousands of connections there are fewer."""


class PaintedOnceScreen(MainScreen):
    """The panes, not painted before all of them are there: each half of them costs as much as the whole."""

    def _compositor_refresh(self) -> None:
        if isinstance(self.app, PaintedApp) and self.app.shown:
            super()._compositor_refresh()


class PaintedApp(TypeAheadApp, UnprintedFaultsApp):
    """An application over a model. Subclasses say what else is shown with a frame and with a picture of the node, and
    tell what has happened."""

    def __init__(self, model: ClientModel, frame_scheduler: FrameScheduler | None, **app_options: Any) -> None:
        """`frame_scheduler`: gives out the turns to be painted; None where there is no other application in the
        process."""
        super().__init__(**app_options)
        self.model = model
        self.line_pool = LinePool()
        """What has been painted and may be painted again."""
        self.shown = False
        """Whether the first whole frame has been made; what is half made is not painted."""
        self._frame_scheduler = frame_scheduler or FrameScheduler(SHARE_ALONE, time.thread_time)
        self._armed = False
        self._telling = False
        self._painted = 0.0
        self._look_due = 0.0

    @property
    def main(self) -> MainScreen:
        """The screen with the panes, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    # --- what subclasses say ---------------------------------------------------------------------------------------

    def tell(self, happening: Happening) -> None:
        """Something has happened that the person has to be told at once."""
        raise NotImplementedError

    def frame_shown(self) -> None:
        """The panes show what is new."""

    def picture_shown(self) -> None:
        """The panes show a new picture of the network."""

    # --- frames ----------------------------------------------------------------------------------------------------

    def model_changed(self) -> None:
        """The model has changed. Called from the engine's side: nothing of the screen is touched here."""
        if self.model.happenings and not self._telling:
            # A person waits for it, and not for a turn to paint what others write.
            self._telling = True
            self.call_later(self._tell_what_happened)
        if self._armed:
            return
        self._armed = True
        self.schedule_frame(self._painted + 1 / FRAMES_PER_SECOND)

    def schedule_frame(self, due: float) -> None:
        """Have a frame painted by this application's own task, at `due` (the event loop's time) or at its turn."""
        self._frame_scheduler.request(self, due)

    def frame_steps(self) -> Iterator[None]:
        """Show what has changed, and paint it here and now: Textual would wait for a sixtieth of a second.

        After each step something else may be done: rows that are new are laid out one by one.
        """
        self._armed = False
        if self.main.painted:
            self._painted = asyncio.get_running_loop().time()
            yield from self.main.prepare_news()
            if self.main.painted:
                self._show_changes()
                yield
                if self._painted >= self._look_due:
                    self._look()
                    yield
                self.update_now()

    def update_now(self) -> None:
        """Paint what differs, here and now."""
        if self.is_running and not self._exit and self.screen_stack:
            screen = self.screen
            with screen._context():
                screen._on_timer_update()

    def _tell_what_happened(self) -> None:
        self._telling = False
        while self.screen_stack and self.main.painted and self.model.happenings:
            self.tell(self.model.happenings.popleft())

    def _show_changes(self) -> None:
        self._tell_what_happened()
        self.main.show_news()
        if isinstance(self.screen, LeavingScreen):
            self.screen.refresh_story()
        self.frame_shown()

    def refresh_now(self) -> None:
        """Show everything at once, without waiting for the next frame."""
        for _ in self.frame_steps():
            pass
        self._look()

    # --- pictures of the network -----------------------------------------------------------------------------------

    def keep_looking(self) -> None:
        """Have the node looked at from here on, again and again, while nothing is heard of it."""
        self.set_interval(LOOK_INTERVAL, self._look_around)

    def _look_around(self) -> None:
        """Take a new picture of the network now and then, though nothing is heard of it."""
        if self.screen_stack and asyncio.get_running_loop().time() >= self._look_due:
            self._look()

    def _look(self) -> None:
        """Take a new picture of the network and show it."""
        begun, spent = asyncio.get_running_loop().time(), time.thread_time()
        if self.main.painted:
            self.model.look()
            self.main.show_snapshot()
            self.picture_shown()
        if isinstance(self.screen, ConfirmScreen):
            self.screen.refresh_question()
        self._look_due = begun + max(LOOK_INTERVAL_MIN, (time.thread_time() - spent) / LOOK_SHARE)
