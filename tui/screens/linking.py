"""What a person takes along from an activity: its links, opened or copied, and its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.feed.activities import plain_text
from tui.feed.activity_links import links_of
from tui.feed.feed_item import FeedItem
from tui.screens.dialog import DialogScreen
from tui.screens.reading_on import ConcernsScreen
from tui.text.safe_text import neutralise
from tui.user_actions.action_registry import bindings


class ChooseLinkScreen(DialogScreen[str | None]):
    """Which of several links is meant."""

    BINDINGS: ClassVar = bindings("form")

    def __init__(self, title: str, links: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._links = links

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._title
            yield OptionList(*(Option(neutralise(link)) for link in self._links), markup=False, id="links")

    def on_mount(self) -> None:
        self.query_one("#links").focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._links[event.option_index])

    def action_cancel(self) -> None:
        self.dismiss(None)


class LinkingScreen(ConcernsScreen):
    """The panes, with what can be taken along from the selected activity."""

    open_link: Callable[[str], None] | None = None
    """Opens a link in a browser on the person's own machine; None where that is another one than this."""

    def action_open_link(self) -> None:
        """Open a link of the selected activity in a browser."""
        if self.open_link is None:
            self._choose_link("Copy a link: nothing is opened on the server", self._copy_link)
        else:
            self._choose_link("Open a link", self.open_link)

    def action_copy_link(self) -> None:
        """Copy a link of the selected activity."""
        self._choose_link("Copy a link", self._copy_link)

    def action_copy_text(self) -> None:
        """Copy what the selected activity says."""
        entry = self._selected_activity()
        if entry is not None:
            self.app.copy_to_clipboard(plain_text(entry.body))
            self.notify("Copied the text.", markup=False, timeout=3)

    def _choose_link(self, title: str, use: Callable[[str], None]) -> None:
        entry = self._selected_activity()
        if entry is None:
            return
        links = links_of(entry.body)
        if not links:
            self.notify("There is no link in the selected activity.", markup=False, timeout=3)
        elif len(links) == 1:
            use(links[0])
        else:
            self.app.push_screen(ChooseLinkScreen(title, links), lambda link: use(link) if link else None)

    def _copy_link(self, link: str) -> None:
        self.app.copy_to_clipboard(link)
        self.notify(f"Copied {neutralise(link, 200)}", markup=False, timeout=4)

    def _selected_activity(self) -> FeedItem | None:
        """What is selected in the feed; without anything, that is told."""
        feed = self.feed
        selected = feed.selected
        entry = feed.entry(selected) if selected is not None else None
        if entry is None or entry.state == "mark":
            self.notify("Select an activity in the feed first.", markup=False, timeout=3)
            return None
        return entry
