"""Keeps what somebody is writing, and shows it to them again when they come back."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.remembered import drafts
from tui.remembered.drafts import Draft
from tui.text.clock_times import clock_time, same_day

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

log = logging.getLogger(__name__)

PAUSE: Final = 1.0
"""Seconds after which what was written is kept; that nothing stands there any more is kept at once."""


class DraftKeeping:
    """The draft of who is logged in, in a file on this machine."""

    def __init__(self, app: ActivityApp, directory: Path) -> None:
        self._app = app
        self._directory = directory
        self._account: str | None = None
        """Whose draft is written; None: nobody's yet."""
        self._text = ""
        self._kept = ""
        self._waits = False
        self._failed = False
        self._writing = threading.Lock()

    def changed(self, text: str) -> None:
        """This is being written now."""
        self._text = text
        if self._account is None or text == self._kept:
            return
        if not text.strip():
            self._app.spawn(self._keep())
        elif not self._waits:
            self._waits = True
            self._app.set_timer(PAUSE, self._keep_now)

    def logged_in(self, account: str | None) -> None:
        """Somebody is logged in from now on."""
        if account is not None and account != self._account:
            self._app.spawn(self._begin(account))

    async def _begin(self, account: str) -> None:
        draft = await asyncio.to_thread(drafts.load, self._directory, account)
        self._account = account
        self._kept = draft.text if draft is not None else ""
        main = self._app.main
        if draft is None or draft.text == main.composer.value:
            self.changed(main.unsent)
            return
        is_shown = not main.composer.value
        main.composer.give_back(draft.text)
        self._text = main.unsent
        zone, now = self._app.preferences.zone, self._app.model.clock()
        when = clock_time(draft.at, zone, "%H:%M" if same_day(draft.at, now, zone) else "%d %B, %H:%M")
        how = "Enter sends it, Ctrl+C clears it." if is_shown else "The up key brings it."
        main.say_of_writing(f"Your draft of {when} is here. {how}")

    def _keep_now(self) -> None:
        self._waits = False
        self._app.spawn(self._keep())

    async def _keep(self) -> None:
        await asyncio.to_thread(self.keep)

    def keep(self) -> None:
        """Have the file say what there is. What cannot be kept is said once."""
        with self._writing:
            account, text = self._account, self._text
            if account is None or text == self._kept:
                return
            try:
                drafts.keep(self._directory, account, Draft(text, self._app.model.clock()))
                self._kept = text
            except OSError as error:
                if not self._failed:
                    log.warning("what you are writing could not be kept: %s", error)
                self._failed = True
