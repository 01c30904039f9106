"""Where a person goes on reading: what is new to them, and what of it is to them."""

from __future__ import annotations

from textual import on
from textual.message import Message

from tui.screens.filtering import FilteringScreen
from tui.widgets.feed_places import Bookmark
from tui.widgets.feed_view import FeedView


class ConcernsScreen(FilteringScreen):
    """The panes, with what a person has not read yet."""

    class ReadOn(Message):
        """What is unread has become another number."""

    _told: tuple[int, int] = (0, 0)

    def show_bars(self) -> None:
        self._look_who_reads()
        super().show_bars()
        concerns = self.model.concerns
        unread = (concerns.unread, concerns.unread_mentions)
        if unread != self._told:
            self._told = unread
            self.post_message(self.ReadOn())

    def _look_who_reads(self) -> None:
        """What is on the screen is read, if somebody looks: whose terminal is in the background does not."""
        concerns, feed = self.model.concerns, self.feed
        looks = self.app.app_focus and "feed" in self.visible_panes()
        concerns.attending = looks and feed.following
        if looks and concerns.unread:
            concerns.seen(feed.visible_entries())

    @on(FeedView.EndWanted)
    def _went_to_end(self) -> None:
        self.model.concerns.read_all()
        self.show_bars()

    def action_read_all(self) -> None:
        """Say that everything is read."""
        self.model.concerns.read_all()
        self.show_bars()

    def action_next_unread(self) -> None:
        """Go to the oldest unread row that is to this person, else to the oldest one."""
        entry = self.model.concerns.next_unread()
        if entry is None:
            self.notify("You have read everything.", markup=False, timeout=3)
            return
        self.action_show_pane("feed")
        if self.feed.hides_some:
            self._close_filter()
        self.feed.remember_place()
        serial = self.model.feed.serial_of(entry.id) if entry.id is not None else None
        if serial is not None:
            self.feed.stand_at(serial)
        elif entry.place is not None:
            self._go(self._to_place(Bookmark(entry.place, 0, entry.place)))
        # One that is there no more is not waited for.
        self.model.concerns.seen([entry])
        self.show_bars()

    def action_mentions(self) -> None:
        """Show only what is to this person, or everything again."""
        name = self.model.known_name
        if name is None:
            self.notify("Others can write to you once you have a name: /login gives you one.", markup=False, timeout=4)
            return
        wanted = 'to:"' + name.replace('"', '""') + '"'
        self.action_show_pane("feed")
        self._set_filter("" if self.filter_input.value.strip() == wanted else wanted)
        self.feed.focus()
