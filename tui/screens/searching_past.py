"""A filter that looks through all of the past: from match to match, beyond what is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import tzinfo
from functools import partial
from itertools import islice
from typing import Final

from core.client import PastEntry, PastNotShown, PastPage, PastPlace, PastUnreadable
from core.query import Query
from tui.feed.feed_item import FeedItem
from tui.model.client_model import ClientModel
from tui.screens.finding import HITS_MAX, FoundHits, Hit, HitsScreen, hit_here
from tui.screens.moving_in_past import PastScreen
from tui.text.clock_times import clock_time
from tui.text.safe_text import neutralise

PAUSE: Final = 0.2
"""Seconds until the server is asked again, when it had more to do before it could look."""
TRIES: Final = 50
"""How often in a row, at most."""
PATIENCE: Final = 0.02
"""Seconds between two looks whether what was loaded has been looked through."""
HITS_AT_A_TIME: Final = 50
MICROSECONDS: Final = 1_000_000


class SearchingScreen(PastScreen):
    """The panes, with a feed whose matches are looked for at the server."""

    def __init__(self, model: ClientModel, *, zone: tzinfo | None) -> None:
        super().__init__(model, zone=zone)
        self._newer_hits: list[PastPlace | None] = []
        """Where one was before one went to an older match."""

    def find_older(self) -> None:
        """Go to the newest match before what is loaded, unless that is under way."""
        if self.looked_back:
            return
        self._go(self._find_older())

    def find_any(self) -> None:
        """Go to the newest match, if none is loaded."""
        self._go(self._find_any())

    async def _find_any(self) -> None:
        await self._loaded_is_looked_through()
        if self.feed.filter and not self.feed.matches and self._more_above():
            await self._find_older()

    async def _loaded_is_looked_through(self) -> None:
        while self.feed.searching:  # noqa: ASYNC110 - it looks in slices, and tells of none
            await asyncio.sleep(PATIENCE)

    def stop_finding(self) -> None:
        """Nobody wants to go there any more."""
        self._newer_hits.clear()
        if self.looked_back:
            self.workers.cancel_group(self, "going")
            self.looked_back = ""

    def find_newer(self) -> bool:
        """Go back to the match from which `find_older` has gone; whether there is one."""
        if not self._newer_hits:
            return False
        place = self._newer_hits.pop()
        if place is None:
            self.feed.action_end()
        else:
            self._go(self._stand_at_match(place))
        return True

    async def _finds_older(self) -> bool:
        if self.model.searches_past:
            await self._gone(self._find_older())
        return self.model.searches_past

    async def _find_older(self) -> None:
        """Raises what reading the past does."""
        query = self.feed.filter
        selected = self.feed.selected
        here = None if selected is None else self.feed.entry(selected).place
        try:
            hit = await self._ask_for_match(self.model.feed.floor, query)
        except PastNotShown as error:
            self.notify(f"Only what is loaded was looked through: {error}. g looks further.", markup=False, timeout=5)
            return
        finally:
            self.looked_back = ""
            self.show_bars()
        if query != self.feed.filter:
            return
        if hit is None:
            self.notify("No more matches: all of the past was looked through.", markup=False, timeout=3)
        else:
            self._newer_hits.append(here)
            await self._stand_at_match(hit)

    async def _ask_for_match(self, place: PastPlace | None, query: Query) -> PastPlace | None:
        """The newest match before a place; None if there is none. Raises as reading the past does."""
        waited = 0
        while True:
            page = await self.model.find_in_past(place, str(query))
            if found := await self._matching_now(page.entries, query):
                return found[-1].place
            if not page.more:
                return None
            waited = waited + 1 if page.reached == place else 0
            if waited:
                await asyncio.sleep(PAUSE)
            if waited > TRIES:
                raise PastUnreadable("the server has too much else to do")
            place = page.reached
            self._tell_how_far(page)

    def _tell_how_far(self, page: PastPage) -> None:
        if page.reached is not None:
            day = clock_time(page.reached.stamp / MICROSECONDS, self._zone, "%-d %B %Y %H:%M")
            slow = " \u00b7 without an index" if page.unindexed is None else ""
            self.looked_back = f"looked back to {day}\N{HORIZONTAL ELLIPSIS}{slow}"
            self.show_bars()

    def action_list_hits(self) -> None:
        """Show what matches as a list."""
        query = self.feed.filter
        if not query:
            self._say_there_is_no_filter()
            return
        look = self._look_in_past if self.model.searches_past else self._look_in_loaded
        words = neutralise(self.filter_input.value.strip(), 60)
        answers = self.model.feed.answers
        self.app.push_screen(HitsScreen(words, query, partial(look, query), answers, self._zone), self._see_hit)

    async def _look_in_past(self, query: Query, place: PastPlace | None) -> FoundHits:
        for _ in range(TRIES):
            page = await self.model.find_in_past(place, str(query), HITS_AT_A_TIME)
            if page.entries or not page.more or page.reached != place:
                break
            await asyncio.sleep(PAUSE)
        else:
            raise PastUnreadable("the server has too much else to do")
        hits = [Hit(item.place, None, item) for item in reversed(await self._matching_now(page.entries, query))]
        reached = page.reached or place
        return FoundHits(hits, reached, page.more, "without an index" if page.unindexed is None and page.more else "")

    async def _matching_now(self, entries: Sequence[PastEntry], query: Query) -> list[FeedItem]:
        """Of what matches as it was posted what does as it is now, and what is known of it. Raises as reading the past
        does."""
        feed = self.model.feed
        items = [feed.answers.standing_for(item, query) for item in await self.model.known_now(entries)]
        return [item for item in items if feed.is_wanted(item, query)]

    async def _look_in_loaded(self, query: Query, place: PastPlace | None) -> FoundHits:
        await self._loaded_is_looked_through()
        hits = [hit_here(row) for row in islice(self.feed.matching(query), HITS_MAX)]
        return FoundHits(hits, None, False, "only what is loaded was looked through")

    def _see_hit(self, hit: Hit | None) -> None:
        """Go to a hit, and show what stands around it."""
        if hit is None:
            return
        if not self.feed.showing_rest:
            self.feed.toggle_rest()
        if hit.serial is not None:
            self._show_match(hit.serial)
        elif hit.place is not None:
            self._go(self._stand_at_match(hit.place))
        self.feed.focus()

    def _say_there_is_no_filter(self) -> None:
        self.notify("There is no filter: / sets one.", markup=False, timeout=3)

    async def _stand_at_match(self, place: PastPlace) -> None:
        """Have the feed at a match, and select it."""
        await self.model.past.go_to(place.before)
        # The view takes the other window, and looks through it.
        self.show_news()
        self.feed.changed()
        await self._loaded_is_looked_through()
        serial = self.model.feed.serial_of(str(place.id))
        if serial is not None:
            self._show_match(serial)
        self.show_news()

    def _show_match(self, serial: int) -> None:
        self.feed.stand_at(serial)
        if self.feed.open_hidden(wanted=True):
            self.feed.stand_at(serial)
