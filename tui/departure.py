"""Leaving: asked about where it concerns others, in order, and at once when somebody insists."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui import overview
from tui.screens.asking import ConfirmScreen
from tui.screens.leaving import LeavingScreen

if TYPE_CHECKING:
    from tui.app import ActivityApp

Leave = Callable[[], Awaitable[int]]
"""Takes the node out of the network; the exit status."""

INSISTED = 130
"""Exit status of an application that was not let leave in order."""


class Departure:
    """How an application ends."""

    def __init__(self, app: ActivityApp, leave: Leave | None) -> None:
        """`leave`: None when leaving concerns nobody but this session."""
        self.begun = False
        self._app = app
        self._leave = leave

    def want(self) -> None:
        """Somebody wants to leave: ask where others are connected; who wants it once more goes."""
        screen = self._app.screen
        if self.begun:
            self._go_at_once()
        elif isinstance(screen, ConfirmScreen) and screen.id == "leave":
            screen.dismiss(True)
        elif self._others():
            self.ask()
        else:
            self.begin()

    def ask(self) -> None:
        """Ask whether to leave, and do so if it is wanted."""
        if self._app.is_about("leave"):
            return
        others = self._others()
        if self._leave is None:
            text = "Leave the application?"
        elif others:
            text = (
                f"Connected here: {others}.\nThis server hands them over to a neighbour and leaves; nothing that was "
                "accepted is lost."
            )
        else:
            text = "Stop this server? Nobody else is connected here; its data is kept."

        def answered(yes: bool | None) -> None:
            if yes:
                self.begin()

        screen = ConfirmScreen("Quit", text, yes="Leave", no="Stay")
        screen.id = "leave"
        self._app.push_screen(screen, answered)

    def begin(self, words_of: str = "") -> None:
        """Leave: hand everybody over first if the node is ours, then end. A second call ends at once."""
        if self.begun:
            self._go_at_once()
            return
        self.begun = True
        if self._leave is not None:
            others = self._others()
            story = words_of or (f"Handing over {others}\N{HORIZONTAL ELLIPSIS}" if others else "Stopping\u2026")
            self._app.push_screen(LeavingScreen(self._app.session, story))
        self._app.spawn(self._go_in_order())

    def _others(self) -> str:
        """Who would be handed over if this application were left; empty if nobody."""
        return overview.others_here(self._app.session.snapshot) if self._leave is not None else ""

    async def _go_in_order(self) -> None:
        status = 0
        with contextlib.suppress(Exception):
            await self._app.session.stop()
        if self._leave is not None:
            try:
                status = await self._leave()
            except Exception:
                status = 1
        self._app.call_later(self._app.exit, status)

    def _go_at_once(self) -> None:
        self._app.exit(INSISTED)
