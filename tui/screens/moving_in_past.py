"""How a person moves in the past: to the first activity, to a date, back to where they were; and pages that are read
as they come near an edge of the window."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from datetime import tzinfo
from typing import Any, Final

from textual import on

from core.client import NotConnected, OutcomeUnknown, PastNotShown, PastPlace, PastUnreadable
from tui.feed.feed_item import FeedItem
from tui.model.client_model import ClientModel
from tui.model.shown_answers import ShownAnswers
from tui.screens.asking import AskScreen
from tui.screens.panes_screen import PanesScreen
from tui.text.destinations import FORMS, destination
from tui.widgets.feed_places import Bookmark
from tui.widgets.feed_view import FeedView

FIRST_PAGES: Final = 2
"""Pages that are read on top of the feed before the server is asked where something matches."""
LOOK_BACK_PAGES: Final = 40
"""Pages in which a filter looks for a match where the server does not: 20,000 activities. Then it asks to go on."""
LOOK_INTERVAL: Final = 0.3
"""Seconds between two looks whether something is on the screen of which it is not known what was said since."""
MICROSECONDS: Final = 1_000_000
ENDS: Final = ("last", "end", "now", "present")
BEGINNINGS: Final = ("first", "beginning", "start")


class PastScreen(PanesScreen):
    """The panes, with a feed that is a window on the past."""

    def __init__(self, model: ClientModel, *, zone: tzinfo | None) -> None:
        super().__init__(model, zone=zone)
        self._looking_back = False
        self._looking_on = False
        self._shown_answers = ShownAnswers(model)

    def on_mount(self) -> None:
        self.set_interval(LOOK_INTERVAL, self._look_up_shown)

    # --- what was said of it since -----------------------------------------------------------------------------------

    def _look_up_shown(self) -> None:
        # Who follows sees what came last, of which nothing is forgotten yet.
        if not self.painted or self.feed.following:
            return
        if items := self._shown_answers.wanted(self.feed.visible_entries()):
            self.run_worker(self._look_up(items), group="answers")

    async def _look_up(self, items: list[FeedItem]) -> None:
        await self._shown_answers.look(items)
        self.show_news()

    # --- at the edges ----------------------------------------------------------------------------------------------

    @on(FeedView.OlderWanted)
    def _older_wanted(self) -> None:
        if self._more_above() and not self._looking_back:
            self._looking_back = True
            self.run_worker(self._look_back(), group="older")

    async def _look_back(self) -> None:
        """Have the feed grow at its top: by a page, and while a filter hides all of it, by another one."""
        feed, found = self.feed, self.feed.matches
        try:
            for count in range(LOOK_BACK_PAGES):
                if count == FIRST_PAGES and feed.hides_some and await self._finds_older():
                    return
                if not await self._read_page(self.model.past.load_older()):
                    break
                self.show_news()
                if not feed.hides_some or feed.matches > found:
                    await self._learn_beginning()
                    return
            else:
                self.notify("Nothing matches so far back: g looks further.", markup=False, timeout=4)
            is_full = feed.filter and self._more_above() and not self.model.feed.room_above
            if is_full and not await self._finds_older():
                self.notify(
                    "A filter looks through no more rows at a time. /go DATE goes further back: it looks there then.",
                    markup=False,
                    timeout=6,
                )
            await self._learn_beginning()
        finally:
            self._looking_back = False
            self.show_news()

    async def _learn_beginning(self) -> None:
        """Find out how far back the past goes; where nobody tells, the feed's position is not shown."""
        with contextlib.suppress(PastNotShown, NotConnected, PastUnreadable, OutcomeUnknown):
            await self.model.past.learn_beginning()

    async def _finds_older(self) -> bool:
        """Whether the server looks for what matches a filter, and one goes there."""
        return False

    @on(FeedView.NewerWanted)
    def _newer_wanted(self) -> None:
        if not self._looking_on and not self.model.feed.attached:
            self._looking_on = True
            self.feed.hold()
            self.run_worker(self._look_on(), group="newer")

    async def _look_on(self) -> None:
        try:
            await self._read_page(self.model.past.load_newer())
        finally:
            self._looking_on = False
            self.show_news()

    async def _read_page(self, reading: Coroutine[Any, Any, int]) -> int:
        """What is read, if it can be: the line below the feed says why not."""
        self.past_problem = ""
        try:
            return await reading
        except PastNotShown:
            self.past_problem = "this server shows nothing of what is between here and the present"
        except (NotConnected, PastUnreadable, OutcomeUnknown) as error:
            self.past_problem = f"no more now: {error}"
        return 0

    # --- elsewhere -------------------------------------------------------------------------------------------------

    @on(FeedView.BeginningWanted)
    def _beginning_wanted(self) -> None:
        self._go(self._to_beginning())

    @on(FeedView.MomentWanted)
    def _moment_wanted(self, event: FeedView.MomentWanted) -> None:
        self._go(self._to_moment(int(event.at * MICROSECONDS)))

    @on(FeedView.BackWanted)
    def _back_wanted(self, event: FeedView.BackWanted) -> None:
        self._go(self._to_place(event.bookmark))

    def _go(self, going: Coroutine[Any, Any, None]) -> None:
        self.run_worker(self._gone(going), group="going", exclusive=True)

    async def _gone(self, going: Coroutine[Any, Any, None]) -> None:
        self.past_problem = ""
        try:
            await going
            if not self.feed.following:
                await self._learn_beginning()
        except PastNotShown as error:
            self._to_top_of_loaded()
            self.notify(f"What is loaded here is all of the past: {error}.", markup=False, timeout=5)
        except (NotConnected, PastUnreadable, OutcomeUnknown) as error:
            self._to_top_of_loaded()
            self.notify(f"The past cannot be read now: {error}.", severity="warning", markup=False, timeout=5)
        self.show_news()

    def _to_top_of_loaded(self) -> None:
        if self._wants_beginning:
            self._wants_beginning = False
            self.feed.select(0)

    _wants_beginning = False

    async def _to_beginning(self) -> None:
        self.feed.remember_place()
        self._wants_beginning = True
        first = await self.model.past.go_to_beginning()
        self._wants_beginning = False
        if first is not None:
            self.feed.stand_at(first)

    async def _to_moment(self, stamp: int) -> None:
        self.feed.remember_place()
        found = await self.model.past.go_to(PastPlace(stamp))
        if found is None:
            self.feed.action_end()
            self.notify("Nothing was written since then.", markup=False, timeout=3)
        else:
            self.feed.stand_at(found)

    async def _to_place(self, bookmark: Bookmark) -> None:
        assert bookmark.top is not None, "who follows needs nothing to be read"
        found = await self.model.past.go_to(bookmark.top.before)
        if found is None:
            self.feed.action_end()
        else:
            self.feed.stand_at(found, bookmark)

    def go_to(self, text: str) -> None:
        """Go to where the words say. Raises ValueError with a clause for a person."""
        words = text.strip().lower()
        self.action_show_pane("feed")
        if words in ENDS:
            self.feed.action_end()
        elif words in BEGINNINGS:
            self._beginning_wanted()
        else:
            self._go(self._to_moment(destination(text, self.model.clock(), self._zone)))

    def action_ask_moment(self) -> None:
        def problem(text: str) -> str | None:
            try:
                if text.lower() not in (*ENDS, *BEGINNINGS):
                    destination(text, self.model.clock(), self._zone)
            except ValueError as error:
                return str(error)
            return None

        def answered(text: str | None) -> None:
            if text:
                self.go_to(text)

        words = f"{FORMS[0].upper()}{FORMS[1:]}; first or last."
        self.app.push_screen(
            AskScreen("Go to", words, placeholder="2026-03-01", go="Go", problem=problem),
            answered,
        )
