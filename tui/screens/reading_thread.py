"""A thread as one reads it: from its beginning on, and with what can be done to each of its activities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from core.client import NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable
from tui.feed.activities import plain_text
from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import FeedItem
from tui.model.client_model import ClientModel
from tui.model.thread_searching import thread_search
from tui.screens.dialog import DialogScreen
from tui.screens.reading import activity_inspector
from tui.text.figures import count
from tui.user_actions.action_registry import bindings
from tui.widgets.key_bar import KeyBar
from tui.widgets.row_view import RowView
from tui.widgets.thread_view import ThreadView

LOOK_INTERVAL: Final = 0.3
"""Seconds between two looks whether something has come."""

Do = Callable[[FeedItem], None]


class ThreadScreen(DialogScreen[tuple[str, FeedItem] | None]):
    """The thread of an activity. It closes with what is to be done in the line where one writes, if anything is."""

    BINDINGS: ClassVar = bindings(
        "application",
        "feed.reply",
        "feed.like",
        "feed.react",
        "feed.edit",
        "feed.remove",
        "feed.copy_text",
        "feed.copy_reference",
        "feed.mute_thread",
    )

    def __init__(self, model: ClientModel, opened: FeedItem, *, zone: tzinfo | None, do: dict[str, Do]) -> None:
        """`do`: what is done to an activity without leaving the thread, by the names of actions."""
        super().__init__()
        self._model = model
        self._zone = zone
        self._do = do
        answers = model.feed.answers
        self._search = thread_search(model, opened)
        reference = reference_of(opened)
        self._view = ThreadView(answers, zone=zone, opened=None if reference is None else answers.table.name(reference))
        self._shown = -1
        self._looking = True
        self._problem = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -large") as dialog:
            dialog.border_title = "Thread"
            yield self._view
            yield Static("", id="thread-words", classes="quiet", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        self._view.focus()
        self._show()
        self.set_interval(LOOK_INTERVAL, self._show_news)
        self.run_worker(self._look(), group="thread")

    async def _look(self) -> None:
        try:
            if self._model.searches_past:
                await self._search.look()
            else:
                self._problem = "this server does not look through its past"
        except (NotConnected, OutcomeUnknown, PastNotShown, PastUnreadable) as error:
            self._problem = str(error)
        finally:
            self._looking = False
            self._show()

    def _show_news(self) -> None:
        if self._shown != self._model.feed.answers.version:
            self._show()

    def _show(self) -> None:
        self._shown = self._model.feed.answers.version
        rows = self._search.rows()
        self._view.show(rows)
        number = count(max(0, len(rows) - 1), "answer")
        if self._looking:
            words = f"{number} so far \u00b7 looking for older ones\N{HORIZONTAL ELLIPSIS}"
        elif self._search.complete:
            words = f"{number} in all of the past that is kept here"
        else:
            words = f"{number} in what was looked at" + (f": {self._problem}" if self._problem else "")
        label = self.query_one("#thread-words", Static)
        if label.content != words:
            label.update(words)

    # --- actions ---------------------------------------------------------------------------------------------------

    def action_close_thread(self) -> None:
        self.dismiss(None)

    def action_reply(self) -> None:
        self._leave_for("reply")

    def action_edit(self) -> None:
        self._leave_for("edit")

    def action_like(self) -> None:
        self._do_to_chosen("like")

    def action_react(self) -> None:
        self._do_to_chosen("react")

    def action_remove(self) -> None:
        self._do_to_chosen("remove")

    def action_copy_reference(self) -> None:
        self._do_to_chosen("copy_reference")

    def action_mute_thread(self) -> None:
        self._do_to_chosen("mute_thread")

    def action_copy_text(self) -> None:
        if (item := self._chosen()) is not None:
            self.app.copy_to_clipboard(plain_text(item.body))
            self.notify("Copied the text.", markup=False, timeout=3)

    @on(RowView.Inspected)
    def _inspect(self, event: RowView.Inspected) -> None:
        event.stop()
        item = self._view.item(event.index)
        screen = None if item is None else activity_inspector(item, self._model, self._zone)
        if screen is not None:
            self.app.push_screen(screen)

    def _leave_for(self, what: str) -> None:
        if (item := self._chosen()) is not None:
            self.dismiss((what, item))

    def _do_to_chosen(self, what: str) -> None:
        if (item := self._chosen()) is not None:
            self._do[what](item)

    def _chosen(self) -> FeedItem | None:
        item = self._view.chosen
        if item is None:
            self.notify("That activity is not shown here, so nothing can be done to it.", markup=False, timeout=3)
        return item
