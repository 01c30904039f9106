"""`search`: what matches in all of the past that a server keeps, the newest first, as lines."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final

from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Disconnected,
    LoggedIn,
    NotConnected,
    OutcomeUnknown,
    PastNotShown,
    PastPage,
    PastPlace,
    PastUnreadable,
    Redirected,
)
from core.query import Query
from tui.feed.feed_answers import fits
from tui.feed.feed_item import FeedItem
from tui.feed.past_answers import PastAnswers, asked_about, past_item
from tui.script.answer_words import AnswerWords
from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed
from tui.script.output_lines import (
    DATED_MOMENT,
    MICROSECONDS,
    counts_of,
    item_of,
    json_line,
    known_of,
    text_line,
)
from tui.script.script_client import ConnectClient, ScriptClient, first_of
from tui.script.streams import Streams
from tui.script.tail_command import CONNECT_LIMIT, HISTORY_MAX
from tui.text.clock_times import clock_time

TOLD_FIRST: Final = 3.0
"""Seconds without a line after which it is told how far it has looked; then it is told less and less often."""
TOLD_AT_LEAST: Final = 60.0
PAGE: Final = 100
IN_PLACE_MAX: Final = 10_000
TRIES: Final = 5
"""How often a page is asked for in a row, when there is none."""
PAUSE: Final = 0.2
"""Seconds until it is asked for again, or the index has got further."""


class SearchCommand:
    """Looks for what matches, and ends.

    What its sender has changed is told as it is now, and left out where that does not match; what they have removed has
    no words that could.
    """

    stays = True

    def __init__(self, query: Query, as_json: bool, limit: int, *, as_posted: bool = False) -> None:
        """`limit`: how many are shown; 0: all. `as_posted`: what was posted is told, whatever became of it."""
        self.query = query
        self.as_json = as_json
        self.limit = limit
        self.history = 0
        self._online = asyncio.Event()
        self._shown_past: deque[ActivityArrived] = deque(maxlen=HISTORY_MAX)
        """What a server shows at a login, where it cannot look through more."""
        self._caught_up = asyncio.Event()
        self._words = None if as_posted else AnswerWords(DATED_MOMENT, counts=True)
        self._in_place: OrderedDict[str | None, None] = OrderedDict()
        """What was shown in the place of its edit, by its identity, the latest."""
        self._is_sure = True
        """Whether all was found that was said of what is shown."""
        self._found = 0
        self._told_at = 0.0
        self._patience = TOLD_FIRST

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Write a line for each that matches. Raises CommandFailed, OutputClosed."""
        self._told_at = time.monotonic()
        try:
            async with connect(self._heard) as client:
                await client.wait_logged_in(CONNECT_LIMIT)
                is_cut = await self._look(client, streams)
        except PastNotShown as error:
            streams.say(f"{error}: only the newest {HISTORY_MAX:,} activities are looked through")
            is_cut = await self._look_through_login(connect, streams)
        if is_cut:
            streams.say(f"these are the newest {self.limit:,}; --limit 0 shows all")
        if not self._is_sure and self._found:
            streams.say("this server takes too long to look: some of it may have been edited or removed since")
        if not self._found:
            streams.say("nothing was found")
        return ExitStatus.DONE if self._found else ExitStatus.NOT_FOUND

    # --- at the server ------------------------------------------------------------------------------------------------

    async def _look(self, client: ScriptClient, streams: Streams) -> bool:
        """Look through all pages; whether there may be more than was to be shown."""
        place: PastPlace | None = None

        async def ask(place: PastPlace | None, query: str, most: int) -> PastPage:
            return await self._page(client, streams, place, query, most)

        while True:
            # One more than is shown says whether there are more.
            most = min(PAGE, self.limit - self._found + 1) if self.limit else PAGE
            page = await ask(place, str(self.query), most)
            items = [past_item(entry) for entry in page.entries]
            if self._words is not None and items:
                for item in items:
                    self._words.note(item)
                past = PastAnswers(self._words.answers, ask)
                await past.look([one for item in items for one in asked_about(item, self._words.answers)])
                self._is_sure &= past.is_sure
            if await self._show_all(streams, items):
                return True
            if not page.more:
                return False
            if page.reached == place and not page.entries:
                # Much is new, and is indexed before anything is looked for.
                await asyncio.sleep(PAUSE)
            place = page.reached
            self._tell_how_far(streams, page)

    async def _page(
        self, client: ScriptClient, streams: Streams, place: PastPlace | None, query: str, most: int
    ) -> PastPage:
        problem = ""
        for _ in range(TRIES):
            await first_of(self._online, streams.stopped, client.over, seconds=CONNECT_LIMIT)
            if streams.stopped.is_set():
                raise OutputClosed
            if client.over.is_set() or not self._online.is_set():
                raise client.failure or client.unreachable("the connection has ended")
            try:
                return await client.ask_past(place, query, most)
            except (NotConnected, OutcomeUnknown, PastUnreadable) as error:
                problem = str(error)
                await asyncio.sleep(PAUSE)
        raise CommandFailed(ExitStatus.FAILURE, f"nothing can be looked for at {client.server} now: {problem}")

    def _tell_how_far(self, streams: Streams, page: PastPage) -> None:
        if time.monotonic() - self._told_at < self._patience or page.reached is None:
            return
        self._told_at = time.monotonic()
        self._patience = min(2 * self._patience, TOLD_AT_LEAST)
        slow = ""
        if page.unindexed is None:
            slow = "; this server has no index, and looks at each"
        elif page.unindexed:
            slow = f"; its index has {page.unindexed:,} to go"
        moment = clock_time(page.reached.stamp / MICROSECONDS, None, DATED_MOMENT)
        streams.say(f"looked back to {moment}, {self._found:,} found{slow}")

    # --- at one that cannot look through its past ---------------------------------------------------------------------

    async def _look_through_login(self, connect: ConnectClient, streams: Streams) -> bool:
        self.history = HISTORY_MAX
        async with connect(self._heard) as client:
            await client.wait_logged_in(CONNECT_LIMIT)
            await client.until(self._caught_up, CONNECT_LIMIT)
        items = [item_of(one) for one in sorted(self._shown_past, key=lambda one: one.stamp or 0)]
        if self._words is not None:
            for item in items:
                self._words.note(item)
        return await self._show_all(streams, items)

    # --- what is shown ------------------------------------------------------------------------------------------------

    async def _show_all(self, streams: Streams, items: Sequence[FeedItem]) -> bool:
        """Show those that match as they are now, the newest first; whether there are more than were to be shown."""
        for found in reversed(items):
            item = found if self._words is None else self._words.answers.standing_for(found, self.query)
            if item.id in self._in_place or not self._fits(item):
                continue
            if self.limit and self._found == self.limit:
                return True
            self._found += 1
            self._told_at = time.monotonic()
            if item is not found:
                self._in_place[item.id] = None
                if len(self._in_place) > IN_PLACE_MAX:
                    self._in_place.popitem(last=False)
            await streams.put(self._line(item))
        return False

    def _fits(self, item: FeedItem) -> bool:
        return fits(self.query, item) if self._words is None else self._words.answers.fits_now(self.query, item)

    def _line(self, item: FeedItem) -> str:
        if not self.as_json:
            return text_line(item, self._words, is_dated=True)
        known = {"id": item.id, "stamp": item.stamp, **known_of(item, self._words), **counts_of(item, self._words)}
        return json_line(known, item, self._words)

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn():
                self._online.set()
            case Redirected() | Disconnected():
                self._online.clear()
            case ActivityArrived() if self.history:
                self._shown_past.append(event)
            case CatchUpDone():
                self._caught_up.set()
