"""Screens to read: texts, and activities in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from tui.feed.activities import SHOWN_CHARACTERS_MAX, compact, sentence
from tui.feed.answer_facts import answer_facts
from tui.feed.feed_item import FeedItem
from tui.feed.object_tree import ObjectTree
from tui.feed.origins import NOT_TOLD, origin_of
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
    """An activity in full."""

    def __init__(self, facts: Sequence[tuple[str, str]], body: bytes) -> None:
        super().__init__("Activity", [], compact(body))
        came = neutralise_lines(body.decode("utf-8", "replace"), SHOWN_CHARACTERS_MAX).split("\n")
        self._view = ObjectView(facts, ObjectTree(body), came, widget_id="reading")

    @on(ObjectView.Turned)
    def _turned(self) -> None:
        self.on_resize()


def activity_inspector(entry: FeedItem, model: ClientModel, zone: tzinfo | None) -> InspectorScreen | None:
    """Everything about an activity; None for a line of the application's own."""
    if entry.state == "mark":
        return None
    said = sentence(entry.body)
    facts = (
        ("from", neutralise_name(entry.sender)),
        ("at", clock_time(entry.at, zone, MOMENT)),
        ("here", clock_time(entry.came, zone, MOMENT) if entry.came else "read from the past of the server"),
        ("types", neutralise(", ".join(said.types), 200) or "none of ActivityStreams"),
        ("state", entry.state + (f": {neutralise(entry.why, 200)}" if entry.why else "")),
        *answer_facts(entry, model.feed.answers, zone),
        *_origin(entry, model),
    )
    return InspectorScreen(facts, entry.body)


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
