"""`search`: what matches in all of the past that a server keeps, the newest first, as lines."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import Final

from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Disconnected,
    LoggedIn,
    NotConnected,
    OutcomeUnknown,
    PastEntry,
    PastNotShown,
    PastPage,
    PastPlace,
    PastUnreadable,
    Redirected,
)
from core.query import Query, document, matches
from tui.script.answer_words import AnswerWords
from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed
from tui.script.script_client import ConnectClient, ScriptClient, first_of
from tui.script.streams import Streams
from tui.script.tail_command import (
    CONNECT_LIMIT,
    HISTORY_MAX,
    MICROSECONDS,
    accepted_at,
    json_line,
    line_of,
    reference_of,
)

TOLD_FIRST: Final = 3.0
"""Seconds without a line after which it is told how far it has looked; then it is told less and less often."""
TOLD_AT_LEAST: Final = 60.0
PAGE: Final = 100
TRIES: Final = 5
"""How often a page is asked for in a row, when there is none."""
PAUSE: Final = 0.2
"""Seconds until it is asked for again, or the index has got further."""


class SearchCommand:
    """Looks for what matches, and ends."""

    stays = True

    def __init__(self, query: Query, as_json: bool, limit: int) -> None:
        """`limit`: how many are shown; 0: all."""
        self.query = query
        self.as_json = as_json
        self.limit = limit
        self.history = 0
        self._online = asyncio.Event()
        self._shown_past: deque[ActivityArrived] = deque(maxlen=HISTORY_MAX)
        """What a server shows at a login, where it cannot look through more."""
        self._caught_up = asyncio.Event()
        self._words = AnswerWords()
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
        if not self._found:
            streams.say("nothing was found")
        return ExitStatus.DONE if self._found else ExitStatus.NOT_FOUND

    # --- at the server ------------------------------------------------------------------------------------------------

    async def _look(self, client: ScriptClient, streams: Streams) -> bool:
        """Look through all pages; whether there may be more than was to be shown."""
        place: PastPlace | None = None
        while True:
            page = await self._page(client, streams, place)
            for line in reversed([self._line(_as_arrived(entry)) for entry in page.entries]):
                if self.limit and self._found == self.limit:
                    return True
                await self._show(streams, line)
            if not page.more:
                return False
            if page.reached == place and not page.entries:
                # Much is new, and is indexed before anything is looked for.
                await asyncio.sleep(PAUSE)
            place = page.reached
            self._tell_how_far(streams, page)

    async def _page(self, client: ScriptClient, streams: Streams, place: PastPlace | None) -> PastPage:
        problem = ""
        for _ in range(TRIES):
            await first_of(self._online, streams.stopped, client.over, seconds=CONNECT_LIMIT)
            if streams.stopped.is_set():
                raise OutputClosed
            if client.over.is_set() or not self._online.is_set():
                raise client.failure or client.unreachable("the connection has ended")
            try:
                # One more than is shown says whether there are more.
                most = min(PAGE, self.limit - self._found + 1) if self.limit else PAGE
                return await client.client.read_past(place, backward=True, most=most, query=str(self.query))
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
        streams.say(f"looked back to {moment_of(page.reached.stamp)}, {self._found:,} found{slow}")

    # --- at one that cannot look through its past ---------------------------------------------------------------------

    async def _look_through_login(self, connect: ConnectClient, streams: Streams) -> bool:
        self.history = HISTORY_MAX
        async with connect(self._heard) as client:
            await client.wait_logged_in(CONNECT_LIMIT)
            await client.until(self._caught_up, CONNECT_LIMIT)
        found = sorted(self._shown_past, key=lambda one: one.stamp or 0)
        found = [one for one in found if matches(self.query, document(one.sender, one.body, one.stamp))]
        for line in reversed([self._line(arrived) for arrived in found]):
            if self.limit and self._found == self.limit:
                return True
            await self._show(streams, line)
        return False

    def _line(self, arrived: ActivityArrived) -> str:
        """To be asked in the order of time, in which answers follow upon what they answer."""
        return json_of(arrived) if self.as_json else line_of(arrived, as_json=False, is_dated=True, words=self._words)

    async def _show(self, streams: Streams, line: str) -> None:
        self._found += 1
        self._told_at = time.monotonic()
        await streams.put(line)

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


def json_of(arrived: ActivityArrived) -> str:
    """An activity with its identity and its stamp, as JSON on one line. Safe for a terminal."""
    return json_line(
        f'{{"id":{json.dumps(arrived.id)},"stamp":{json.dumps(arrived.stamp)},'
        f'"acceptedAt":{json.dumps(accepted_at(arrived.stamp))},'
        f'"reference":{json.dumps(reference_of(arrived))},"activity":',
        arrived.body,
    )


def moment_of(stamp: int) -> str:
    """A time in microseconds since 1970, in words; one that no calendar knows is told as dashes."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stamp / MICROSECONDS))
    except (ValueError, OverflowError, OSError):
        return "----"


def _as_arrived(entry: PastEntry) -> ActivityArrived:
    return ActivityArrived(entry.id, entry.body, entry.sender, entry.stamp, live=False)
