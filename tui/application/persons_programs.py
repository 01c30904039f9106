"""The person's own programs: a browser that opens a link, and an editor in which they write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui.screens.main_screen import MainScreen
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from tui.application.app import ActivityApp

OpenLink = Callable[[str], Awaitable[bool]]
"""Opens a link in the person's browser, and says whether it could."""
EditElsewhere = Callable[[str], Awaitable[str]]
"""Has a text written in the person's editor; raises an error that says why it cannot."""


class PersonsPrograms:
    """What an application starts for its person. Where they sit elsewhere there is nothing that it could start."""

    def __init__(self, app: ActivityApp, open_link: OpenLink | None, edit_elsewhere: EditElsewhere | None) -> None:
        self._app = app
        self._open_link = open_link
        self._edit_elsewhere = edit_elsewhere

    def offer_to(self, screen: MainScreen) -> None:
        """Have a screen start them, as far as there are any."""
        if (open_link := self._open_link) is not None:
            screen.open_link = lambda link: self._opens(link, open_link)
        if (edit := self._edit_elsewhere) is not None:
            screen.edit_elsewhere = lambda text: self._app.spawn(self._edit(text, edit))

    def _opens(self, link: str, open_link: OpenLink) -> None:
        self._app.notify(f"Opening {neutralise(link, 200)}", markup=False, timeout=3)
        self._app.spawn(self._open(link, open_link))

    async def _open(self, link: str, open_link: OpenLink) -> None:
        app = self._app
        if not await open_link(link):
            app.call_later(app.copy_to_clipboard, link)
            words = "No browser could be started here; the link is copied."
            app.call_later(app.notify, words, severity="warning", markup=False)

    async def _edit(self, text: str, edit: EditElsewhere) -> None:
        app = self._app
        try:
            written = await edit(text)
        except Exception as error:
            app.call_later(app.main.edited, None, str(error))
        else:
            app.call_later(app.main.edited, written, "")
