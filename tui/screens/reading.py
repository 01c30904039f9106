"""Screens to read: texts, and activities in full."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import tzinfo
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from core.client import NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable
from tui.feed.activities import SHOWN_CHARACTERS_MAX, compact, sentence
from tui.feed.answer_facts import answer_facts
from tui.feed.feed_item import FeedItem
from tui.feed.object_tree import ObjectTree
from tui.feed.origins import NOT_TOLD, origin_of
from tui.feed.past_answers import asked_about
from tui.model.client_model import ClientModel
from tui.panes.events_pane import EventsView
from tui.panes.network_pane import NetworkView
from tui.screens.dialog import DialogScreen
from tui.text.clock_times import clock_time
from tui.text.safe_text import neutralise, neutralise_lines, neutralise_name
from tui.user_actions.action_registry import bindings
from tui.widgets.feed_view import FeedView
from tui.widgets.object_view import ObjectView
from tui.widgets.roles import Piece
from tui.widgets.row_view import RowView
from tui.widgets.table_view import TableView
from tui.widgets.text_view import TextView

MOMENT: Final = "%Y-%m-%d %H:%M:%S"
LOOK_INTERVAL: Final = 0.3
"""Seconds between two looks whether something was said of the activity."""
DIALOG_WIDTH: Final = 100
FRAME_WIDTH: Final = 8
"""Cells of the dialog beside the text, at most."""
FRAME_HEIGHT: Final = 6
"""Rows of the dialog above and below the text, at most."""


class ReadingScreen(DialogScreen[None]):
    """A title and text to scroll; `copied` is what y copies."""

    BINDINGS: ClassVar = bindings("text")

    def __init__(self, title: str, lines: Sequence[Sequence[Piece]], copied: str, *, indent: int = 0) -> None:
        super().__init__()
        self._title = title
        self._view: TextView | ObjectView = TextView(lines, indent=indent, widget_id="reading")
        self._copied = copied

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -large") as dialog:
            dialog.border_title = self._title.replace("[", r"\[")
            yield self._view
            with Horizontal(classes="buttons"):
                yield Button("Copy (y)", id="copy", compact=True)
                yield Button("Close (Esc)", id="close", compact=True, variant="primary")

    def on_mount(self) -> None:
        self.query_one("#reading").focus()

    def on_resize(self) -> None:
        # No higher than what there is to read; the stylesheet says how high at most.
        room = self.size.height
        rows = self._view.lines_at(min(DIALOG_WIDTH, self.size.width) - FRAME_WIDTH, room)
        self.query_one(".dialog").styles.height = rows + FRAME_HEIGHT if rows < room else None
        super().on_resize()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "copy":
            self.action_copy_all()
        else:
            self.dismiss(None)

    def action_copy_all(self) -> None:
        self.app.copy_to_clipboard(self._copied)
        self.app.notify("Copied.", markup=False, timeout=3)


def inspector_of(view: RowView, index: int, model: ClientModel, zone: tzinfo | None) -> ReadingScreen | None:
    """Everything about a row of a pane; None if there is nothing more to say."""
    match view:
        case FeedView():
            return activity_inspector(view.entry(index), model, zone)
        case TableView():
            return _details("Details", view.rows[index].detail)
        case NetworkView():
            return _details("Server", view.row_detail(index))
        case EventsView():
            return _details("Event", view.row_detail(index))
    return None


def _details(title: str, text: str) -> ReadingScreen:
    return ReadingScreen(title, [[(line, "text")] for line in text.split("\n")], text)


class InspectorScreen(ReadingScreen):
    """An activity in full, as it is now, and what was said of it in all of the past."""

    def __init__(self, entry: FeedItem, model: ClientModel, zone: tzinfo | None) -> None:
        self._entry = entry
        self._model = model
        self._zone = zone
        self._all_is_known = False
        self._said = self._known()
        super().__init__("Activity", [], compact(self._said[1]))
        self._object = ObjectView(*self._parts(), widget_id="reading")
        self._view = self._object

    def on_mount(self) -> None:
        self.set_interval(LOOK_INTERVAL, self._show_news)
        self.run_worker(self._look(), group="answers")

    async def _look(self) -> None:
        """Ask what was said of it, where the server looks through its past."""
        if self._entry.state != "arrived" or not self._model.searches_past:
            return
        with contextlib.suppress(NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable):
            await self._model.look_up(asked_about(self._entry, self._model.feed.answers))
            self._all_is_known = True
        self._show_news()

    def _show_news(self) -> None:
        said = self._known()
        if said != self._said:
            self._said = said
            self._copied = compact(said[1])
            self._object.show(*self._parts())

    def _known(self) -> tuple[tuple[tuple[str, str], ...], bytes]:
        answers = self._model.feed.answers
        facts = _facts(self._entry, self._model, self._zone, all_is_known=self._all_is_known)
        return facts, answers.as_it_is(self._entry).body

    def _parts(self) -> tuple[tuple[tuple[str, str], ...], ObjectTree, list[str]]:
        facts, body = self._said
        came = neutralise_lines(body.decode("utf-8", "replace"), SHOWN_CHARACTERS_MAX).split("\n")
        return facts, ObjectTree(body), came

    @on(ObjectView.Turned)
    def _turned(self) -> None:
        self.on_resize()


def activity_inspector(entry: FeedItem, model: ClientModel, zone: tzinfo | None) -> InspectorScreen | None:
    """Everything about an activity; None for a line of the application's own."""
    return None if entry.state == "mark" else InspectorScreen(entry, model, zone)


def _facts(
    entry: FeedItem, model: ClientModel, zone: tzinfo | None, *, all_is_known: bool
) -> tuple[tuple[str, str], ...]:
    said = sentence(model.feed.answers.as_it_is(entry).body)
    return (
        ("from", neutralise_name(entry.sender)),
        ("at", clock_time(entry.at, zone, MOMENT)),
        ("here", clock_time(entry.came, zone, MOMENT) if entry.came else "read from the past of the server"),
        ("types", neutralise(", ".join(said.types), 200) or "none of ActivityStreams"),
        ("state", entry.state + (f": {neutralise(entry.why, 200)}" if entry.why else "")),
        *answer_facts(entry, model.feed.answers, zone, all_is_known=all_is_known),
        *_origin(entry, model),
    )


def _origin(entry: FeedItem, model: ClientModel) -> list[tuple[str, str]]:
    """Where an activity was accepted, once it has been."""
    if entry.state != "arrived":
        return []
    origin = origin_of(entry.id, model.snapshot.servers if model.snapshot is not None else None)
    if origin is None:
        return [("accepted", NOT_TOLD)]
    return [
        ("accepted", f"at {origin.where}"),
        ("as", origin.entry),
        ("proved", origin.why),
        ("unproved", f"that {neutralise_name(entry.sender)} wrote it: there is only that server's word"),
    ]
