"""While the node leaves: what happens, in words, until it is gone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.panes.events import EventsView
from tui.session import Session


class LeavingScreen(ModalScreen[None]):
    """Shows the story of the leave. Asking to quit again ends it at once."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.bell", show=False)]

    def __init__(self, session: Session, words: str) -> None:
        super().__init__()
        self._session = session
        self._words = words

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "Leaving the network"
            yield Static(self._words, markup=False)
            yield EventsView(self._session, widget_id="story")
            yield Static("Ctrl+Q or Ctrl+C again leaves at once.", classes="quiet", markup=False)

    def refresh_story(self) -> None:
        self.query_one("#story", EventsView).changed()
