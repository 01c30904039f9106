"""While the node leaves: what happens, in words, until it is gone."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.model.client_model import ClientModel
from tui.panes.events_pane import EventsView
from tui.screens.dialog import DialogScreen


class LeavingScreen(DialogScreen[None]):
    """Shows the story of the leave. Whoever asks to quit meanwhile is told what that does; who insists goes at once."""

    def __init__(self, model: ClientModel, words: str) -> None:
        super().__init__()
        self._model = model
        self._words = words
        self._hint = "This takes some seconds at most. Ctrl+Q leaves without waiting, after asking once more."

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "Leaving the network"
            yield Static(self._words, markup=False)
            yield EventsView(self._model, widget_id="story")
            yield Static(self._hint, id="hint", classes="quiet", markup=False)

    def refresh_story(self) -> None:
        # Not there yet where the screen has only just been asked for.
        for story in self.query("#story").results(EventsView):
            story.changed()

    def say_what_insisting_does(self, words: str) -> None:
        """Somebody does not want to wait."""
        self._hint = words
        for label in self.query("#hint").results(Static):
            label.update(words)
            label.set_classes("problem")
