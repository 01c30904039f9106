"""Tells a person who looks elsewhere what is new: by the terminal's bell, by the desktop, by the terminal's title."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tui.look import bell
from tui.look.bell import Bell, BellPolicy, Occasion
from tui.panes import overview
from tui.terminal.terminal_driver import TerminalDriver
from tui.text.safe_text import neutralise_name

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

TITLE_INTERVAL: Final = 1.0


class TellingOutside:
    """What one application tells beside its screen."""

    def __init__(self, app: ActivityApp, policy: BellPolicy) -> None:
        self._app = app
        self._bell = Bell(policy)
        self._bell_waits = False
        self._title_due = 0.0
        self._title_waits = False

    @property
    def policy(self) -> BellPolicy:
        """When to ring."""
        return self._bell.policy

    @property
    def next_policy(self) -> BellPolicy:
        return self._bell.next_policy()

    def set_policy(self, word: str) -> BellPolicy:
        """Ring by another policy, which is returned. Raises ValueError with a sentence for a person."""
        self._bell.policy = policy = bell.policy_of(word)
        return policy

    def ring(self) -> None:
        """Ring for what is new; what it is too early for is rung for later."""
        app = self._app
        occasion = self._bell.rings(app.model, asyncio.get_running_loop().time())
        if occasion is not None:
            app.bell()
            if not app.model.concerns.attending:
                self._tell_desktop(occasion)
        if self._bell.waits and not self._bell_waits:
            self._bell_waits = True
            app.set_timer(bell.INTERVAL, self._ring_again)

    def _ring_again(self) -> None:
        self._bell_waits = False
        self.ring()

    def _tell_desktop(self, occasion: Occasion) -> None:
        driver = self._app._driver
        if isinstance(driver, TerminalDriver):
            more = f" (and {occasion.more} more)" if occasion.more else ""
            words = self._app.model.feed.read(occasion.entry).text
            driver.show_notice(neutralise_name(occasion.entry.sender) or "activity-tui", words + more)

    def show_title(self) -> None:
        """Have the terminal's title say what is new, at most once a second."""
        driver, now = self._app._driver, asyncio.get_running_loop().time()
        if not isinstance(driver, TerminalDriver) or self._title_waits:
            return
        if now < self._title_due:
            self._title_waits = True
            self._app.set_timer(self._title_due - now, self._show_title_now)
        else:
            self._title_due = now + TITLE_INTERVAL
            driver.show_title(overview.title(self._app.model))

    def _show_title_now(self) -> None:
        self._title_waits = False
        self.show_title()
