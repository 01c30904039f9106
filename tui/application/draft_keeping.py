"""Keeps what somebody is writing, and shows it to them again when they come back."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.remembered import drafts
from tui.remembered.drafts import AnsweredDraft, Draft
from tui.text.clock_times import clock_time, same_day
from tui.text.figures import count
from tui.text.safe_text import well_formed

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
        self._writer = secrets.token_hex(8)
        """By which this application's draft is told from others' of the account."""
        self._adopted: tuple[str, ...] = ()
        """Whose drafts are shown here as its own."""
        self._written: tuple[str, AnsweredDraft | None] = ("", None)
        self._kept: tuple[str, AnsweredDraft | None] = ("", None)
        self._waits = False
        self._failed = False
        self._writing = threading.Lock()

    def changed(self) -> None:
        """Something else is being written now, or is a reply to something else."""
        main = self._app.main
        self._written = (main.unsent, main.answered_draft)
        if self._account is None or self._written == self._kept:
            return
        if not self._written[0].strip():
            self._app.spawn(self._keep())
        elif not self._waits:
            self._waits = True
            self._app.set_timer(PAUSE, self._keep_now)

    def logged_in(self, account: str | None) -> None:
        """Somebody is logged in from now on."""
        if account is not None and account != self._account:
            self._app.spawn(self._begin(account))

    async def _begin(self, account: str) -> None:
        found = await asyncio.to_thread(drafts.load, self._directory, account)
        self._account, self._adopted = account, tuple(one.writer for one in found)
        self._kept = (found[0].text, found[0].answers) if found else ("", None)
        if not found:
            self.changed()
            return
        main, draft = self._app.main, found[0]
        was_there = main.composer.value == draft.text
        for other in reversed(found[1:]):
            main.composer.remember(other.text)
        is_shown = not main.composer.value or was_there
        if not was_there:
            main.composer.give_back(draft.text)
        if is_shown and draft.answers is not None:
            main.resume_reply(draft.answers)
        self._written = (main.unsent, main.answered_draft)
        if was_there:
            self.changed()
        else:
            self._tell(draft, len(found) - 1, is_shown=is_shown)

    def _tell(self, draft: Draft, others: int, *, is_shown: bool) -> None:
        zone, now = self._app.preferences.zone, self._app.model.clock()
        when = clock_time(draft.at, zone, "%H:%M" if same_day(draft.at, now, zone) else "%d %B, %H:%M")
        how = "Enter sends it, Ctrl+C clears it." if is_shown else "The up key brings it."
        if not is_shown and draft.answers is not None:
            how = "The up key brings it, as no reply any more."
        more = f" The up key brings {count(others, 'more draft')}." if others else ""
        self._app.main.say_of_writing(f"Your draft of {when} is here. {how}{more}")

    def _keep_now(self) -> None:
        self._waits = False
        self._app.spawn(self._keep())

    async def _keep(self) -> None:
        await asyncio.to_thread(self.keep)

    def keep(self) -> None:
        """Have the file say what there is. What cannot be kept is said once."""
        with self._writing:
            account, written = self._account, self._written
            if account is None or written == self._kept:
                return
            text, answers = written
            draft = Draft(well_formed(text), self._app.model.clock(), answers)
            try:
                drafts.keep(self._directory, account, self._writer, draft, self._adopted)
                self._kept, self._adopted = written, ()
            except OSError as error:
                if not self._failed:
                    log.warning("what you are writing could not be kept: %s", error)
                self._failed = True
