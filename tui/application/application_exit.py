"""Leaving: asked about first, told in words to whom it does what, in order, and at once only when somebody insists."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from tui.application.farewell import Farewell, farewell, left_words
from tui.panes.overview import present
from tui.screens.asking import ConfirmScreen
from tui.screens.leaving_screen import LeavingScreen
from tui.text.safe_text import neutralise, neutralise_name

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

Leave = Callable[[], Awaitable[int]]
"""Takes the node out of the network; the exit status."""

INSISTED: Final = 130
"""Exit status of an application that was not let leave in order."""
PATIENCE: Final = 1.0
"""Seconds from one wish to leave to the next that counts as another one: a key that is held down is one wish."""


class ApplicationExit:
    """How an application ends."""

    def __init__(self, app: ActivityApp, leave: Leave | None) -> None:
        """`leave`: None when leaving concerns nobody but this session."""
        self.begun = False
        self.left_words = ""
        """What is told behind the screen of who somebody was, and what goes on; "" where nobody wanted to leave."""
        self.patience = PATIENCE
        self._app = app
        self._leave = leave
        self._wanted_at = 0.0
        self._warned = False

    def want(self) -> None:
        """Somebody wants to leave: asked where that stops a server."""
        if self.begun:
            self._insist()
        elif self._leave is not None:
            self.ask()
        else:
            self.begin()

    def ask(self) -> None:
        """Ask whether to leave, and do so if it is wanted."""
        app = self._app
        if app.is_about("leave"):
            # The key that asked is no answer, however often it is pressed.
            app.bell()
            return
        own = self._leave is not None

        def text() -> str:
            return f"This server leaves.\n\n{self._farewell().sentences()}" if own else "Leave the application?"

        def answered(yes: bool | None) -> None:
            if yes:
                self.begin()

        screen = ConfirmScreen("Stop this server?" if own else "Quit", text, yes="Leave", no="Stay")
        screen.id = "leave"
        app.push_screen(screen, answered)

    def begin(self, words_of: str = "") -> None:
        """Leave: hand everybody over first if the node is ours, then end. Called again it ends at once."""
        if self.begun:
            self._go_at_once()
            return
        self.begun = True
        self.left_words = self._left_words()
        self._wanted_at = asyncio.get_running_loop().time()
        if self._leave is not None:
            others = self._farewell().others
            story = words_of or (f"Handing over {others}\N{HORIZONTAL ELLIPSIS}" if others else "Stopping\u2026")
            self._app.push_screen(LeavingScreen(self._app.model, story))
        self._app.spawn(self._go_in_order())

    def _left_words(self) -> str:
        model = self._app.model
        snapshot = model.snapshot
        if snapshot is None or not (model.online or self._leave is not None):
            return ""
        who = (model.username or "") if model.online else ""
        others = len(present(snapshot)) - 1
        where = neutralise_name(snapshot.name) or neutralise(str(model.server or ""), 80)
        return left_words(who, where, others, took_node=self._leave is not None)

    def _farewell(self) -> Farewell:
        model = self._app.model
        if self._leave is None:
            return Farewell()
        visitors = model.visitors.sessions() if model.visitors is not None else ()
        return farewell(model.snapshot, len(visitors))

    def _insist(self) -> None:
        """Somebody wants to leave while that is under way: told what it does, and let go if they want it once more."""
        app, now = self._app, asyncio.get_running_loop().time()
        before, self._wanted_at = self._wanted_at, now
        if now - before < self.patience:
            return
        if self._warned or self._leave is None:
            self._go_at_once()
            return
        self._warned = True
        for screen in app.screen_stack:
            if isinstance(screen, LeavingScreen):
                screen.say_what_insisting_does(
                    "Not everybody has been handed over yet. Ctrl+Q once more leaves at once: who is left then loses "
                    "the connection."
                )

    async def _go_in_order(self) -> None:
        status = 0
        with contextlib.suppress(Exception):
            await self._app.model.stop()
        if self._leave is not None:
            try:
                status = await self._leave()
            except Exception:
                status = 1
        self._app.call_later(self._app.exit, status)

    def _go_at_once(self) -> None:
        self._app.exit(INSISTED)
