"""How an application begins: with its first frame, with a question or a login, or where one before it failed."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.application.first_visit import ask_about_network
from tui.model.network_faces import SignIn
from tui.screens.welcome import WelcomeScreen

if TYPE_CHECKING:
    from tui.application.app import ActivityApp


@dataclass(frozen=True, slots=True)
class Before:
    """What a person was in the middle of when their screen failed."""

    draft: str = ""
    """What was being written."""
    asked: bool = False
    """Whether they were being asked who they are."""
    words: str = ""
    """What is to be said of it."""
    is_new: bool = False
    """Whether its process ended with it, so that who they were has to be found out anew."""


def what_is_being_done(app: ActivityApp) -> Before:
    """What the person is in the middle of, as far as an application that has failed still says."""
    with contextlib.suppress(Exception):
        asked = any(isinstance(screen, WelcomeScreen) for screen in app.screen_stack)
        return Before(app.main.composer.value, asked)
    return Before()


class Beginning:
    """The beginning of one application."""

    def __init__(
        self,
        app: ActivityApp,
        *,
        first: SignIn | None,
        before: Before | None,
        begun: Callable[[], Awaitable[Before | None]] | None,
        has_shown: Callable[[], object],
    ) -> None:
        """As of `ActivityApp`."""
        self._app = app
        self._first = first
        self._before = before
        self._begun = begun
        self._has_shown = has_shown

    def begin(self) -> None:
        """Everything has its place, and nothing is painted yet: begin, or wait for what is to be shown."""
        if self._begun is None:
            self._begin()
        else:
            self._app.spawn(self._begin_when(self._begun))

    async def _begin_when(self, begun: Callable[[], Awaitable[Before | None]]) -> None:
        self._before = await begun() or self._before
        self._app.call_later(self._begin)

    def _begin(self) -> None:
        app = self._app
        app.keep_looking()
        app._look()
        app.main.show_news()
        if self._before is not None:
            self._go_on(self._before)
        is_new = self._before is None or self._before.is_new
        first = self._first if is_new else None
        waits = app.model.network_is_new
        if waits:
            ask_about_network(app, lambda: app.action_identity() if first is None else app.enter(first))
        elif first is None and is_new:
            app.action_identity()
        app.shown = True
        # A layout paints everything by itself.
        app.main._repaint_required = not app.main._layout_required
        app.update_now()
        if first is not None and not waits:
            # Behind the first frame: a client has to be read, too.
            app.enter(first)
        app.has_begun()
        app.call_after_refresh(self._has_shown)

    def _go_on(self, before: Before) -> None:
        """Take over from an application that failed: the model has gone on."""
        app = self._app
        app.main.composer.value = before.draft
        app.main.composer.focus()
        if app.drafts is not None:
            app.drafts.logged_in(app.model.concerns.account)
        app.notify(before.words, title="The screen was started again", severity="error", timeout=30, markup=False)
        if before.asked:
            app.action_identity()
