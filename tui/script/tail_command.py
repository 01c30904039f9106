"""`tail`: the feed as lines, for people and for pipes."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from core.answers import Reference
from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Disconnected,
    LoggedIn,
    NotConnected,
    OutcomeUnknown,
    PastNotShown,
    PastUnreadable,
    Redirected,
    Removed,
)
from core.query import EVERYTHING, Query
from tui.feed.feed_answers import fits
from tui.feed.feed_item import FeedItem
from tui.feed.origins import origin_of
from tui.feed.past_answers import AskedAbout, PastAnswers
from tui.script.answer_words import AnswerWords
from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed, usage_error
from tui.script.output_lines import (
    MICROSECONDS,
    accepted,
    item_of,
    json_line,
    known_of,
    object_line,
    text_line,
    where_accepted,
)
from tui.script.script_client import ConnectClient, ScriptClient, first_of
from tui.script.streams import Streams
from tui.text import quantities
from tui.text.safe_text import neutralise, neutralise_name

if TYPE_CHECKING:
    from core.node import ServerView

HISTORY_MAX: Final = 10_000
"""What a server gives at most to one login."""
CONNECT_LIMIT: Final = 15.0
"""Seconds that the first login may take."""
WAITING_MAX: Final = HISTORY_MAX + 1_000
"""Lines that wait for a slow reader; whoever is slower than that is told so."""
TRIES: Final = 3
"""How often the servers are asked for in a row: while a client is sent on, nobody answers."""
ASK_AGAIN: Final = 5.0
"""Seconds until they are asked for again, for an activity of a server that was not among them."""

TOGETHER: Final = 100
"""Lines for which it is looked up at once what they are about."""
LOOK_LIMIT: Final = 3.0
"""Seconds that this may take; a server that takes longer is not asked again for a while."""
LOOK_AGAIN: Final = 30.0
LOOKED_UP_MAX: Final = 4_000
"""So many activities are remembered that were looked up, the latest."""


class Backlog:
    """What `--since` asks for: so many activities, or those of the last so many seconds (None: of any age)."""

    def __init__(self, history: int, seconds: float | None = None) -> None:
        self.history = history
        self.seconds = seconds
        self._not_before = 0.0

    def begin(self, stamp: int | None) -> None:
        """Count from now, which is `stamp` by the clock of the server that dates the activities.

        None: it does not tell, and this machine's clock has to do.
        """
        if self.seconds is not None:
            now = stamp if stamp is not None else time.time() * MICROSECONDS
            self._not_before = now - self.seconds * MICROSECONDS

    def includes(self, stamp: int | None) -> bool:
        return stamp is None or stamp >= self._not_before


def since(text: str | None) -> Backlog:
    """What `--since` asks for: a number counts activities, a number with a unit is a time. Raises CommandFailed."""
    if text is None:
        return Backlog(0)
    try:
        if text.isascii() and text.isdigit():
            return Backlog(quantities.count_between(0, HISTORY_MAX)(text))
        return Backlog(HISTORY_MAX, quantities.duration(text))
    except ValueError as error:
        raise usage_error(f"--since: {error}") from None


class TailCommand:
    """Follows the feed, from `backlog` on."""

    stays: ClassVar[bool] = True

    def __init__(
        self,
        backlog: Backlog,
        as_json: bool,
        follow: bool,
        origins: bool = False,
        query: Query = EVERYTHING,
        *,
        as_posted: bool = False,
    ) -> None:
        """`query`: of all of these, which ones to show. `as_posted`: as it was posted, whatever became of it."""
        self.backlog = backlog
        self.query = query
        self.as_json = as_json
        self.follow = follow
        """Whether to go on when the past has been shown."""
        self.origins = origins
        """Whether to tell at which server each activity was accepted."""
        self._lines: deque[FeedItem] = deque()
        self._removed: deque[str] = deque(maxlen=WAITING_MAX)
        """What is to be told of removed activities."""
        self._news = asyncio.Event()
        self._caught_up = False
        self._too_slow = False
        self._in = asyncio.Event()
        """Whether the client is logged in just now."""
        self._servers: Sequence[ServerView] | None = None
        """Those of the network, as the present one knows them; None: it has not told."""
        self._asked_at = float("-inf")
        self._words = None if as_posted else AnswerWords()
        self._looked_up: OrderedDict[Reference, None] = OrderedDict()
        self._looks_from = float("-inf")
        """From when on what lines are about is looked up."""
        self._cut = False
        """Whether there is more of the past than the server gave."""

    @property
    def history(self) -> int:
        return self.backlog.history

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Write a line an activity, until nobody reads any more. Raises CommandFailed, OutputClosed."""
        async with connect(self._heard) as client:
            await client.wait_logged_in(CONNECT_LIMIT)
            while waiting := await self._next(client, streams):
                items = [item for item in waiting if self._is_wanted(item)]
                if len(items) < len(waiting):
                    # Of a long past most may be left out; over SSH the event loop is the server's.
                    await asyncio.sleep(0)
                if self._words is not None and not self.as_json:
                    await self._look_up(items, client)
                for item in items:
                    if self.origins:
                        await self._look_for_server_of(item, client)
                    if self._is_wanted(item):
                        await streams.put(self._line(item))
        return ExitStatus.DONE

    def _line(self, item: FeedItem) -> str:
        if not self.as_json:
            return text_line(item, self._words) + (where_accepted(item, self._servers) if self.origins else "")
        if not self.origins:
            return object_line(item, self._words)
        known = {"accepted": accepted(item, self._servers), "stamp": item.stamp, **known_of(item, self._words)}
        return json_line(known, item, self._words)

    async def _look_up(self, items: Sequence[FeedItem], client: ScriptClient) -> None:
        """Have it known what lines are about that has not gone by here, as far as the server shows its past."""
        assert self._words is not None
        unknown = dict.fromkeys(about for item in items if (about := self._words.unknown(item)) is not None)
        wanted = [AskedAbout(one) for one in unknown if one not in self._looked_up]
        if not wanted or time.monotonic() < self._looks_from:
            return

        for one in wanted:
            self._looked_up[one.reference] = None
        while len(self._looked_up) > LOOKED_UP_MAX:
            self._looked_up.popitem(last=False)
        try:
            past = PastAnswers(self._words.answers, client.ask_past)
            await asyncio.wait_for(past.look(wanted, counts=False), LOOK_LIMIT)
        except PastNotShown:
            self._looks_from = float("inf")
        except (TimeoutError, NotConnected, OutcomeUnknown, PastUnreadable):
            self._looks_from = time.monotonic() + LOOK_AGAIN

    async def _look_for_server_of(self, item: FeedItem, client: ScriptClient) -> None:
        """See that the server is known that has accepted an activity, if anybody here knows it."""
        origin = origin_of(item.id, self._servers)
        now = time.monotonic()
        if origin is None or origin.name or now < self._asked_at + ASK_AGAIN:
            return
        self._asked_at = now
        for _ in range(TRIES):
            await first_of(self._in, client.over, seconds=ASK_AGAIN)
            found = await _servers(client)
            if found is not None:
                self._servers = found
                return

    async def _next(self, client: ScriptClient, streams: Streams) -> list[FeedItem]:
        """What is to be shown next; nothing when all has been. The past waits until all of it is there: what becomes of
        an activity stands behind it."""
        while True:
            self._news.clear()
            if self._too_slow:
                raise CommandFailed(
                    ExitStatus.FAILURE, "the feed is read too slowly; what was missed is in the history"
                )
            while self._removed:
                streams.say(self._removed.popleft())
            if self._lines and (self._caught_up or client.over.is_set()):
                return [self._lines.popleft() for _ in range(min(len(self._lines), TOGETHER))]
            if self._cut:
                self._cut = False
                streams.say(f"the server gives only its newest {HISTORY_MAX:,} activities")
            if self._caught_up and not self.follow:
                return []
            if streams.stopped.is_set():
                raise OutputClosed
            if client.over.is_set():
                raise client.failure or client.unreachable("the connection has ended")
            await first_of(self._news, streams.stopped, client.over)

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn(stamp=stamp):
                self.backlog.begin(stamp)
                self._in.set()
            case Redirected() | Disconnected():
                self._in.clear()
            case ActivityArrived(stamp=stamp, live=live):
                self._put(item_of(event), is_shown=live or self.backlog.includes(stamp))
            case Removed(ids=ids, by=by, because=because):
                why = f" ({neutralise(because, 200)})" if because else ""
                if event.server:
                    what = f"what the server {neutralise_name(event.server)} has accepted"
                    self._removed.append(
                        f"{what} may be seen again: its expulsion is undone"
                        if event.undone
                        else f"{what} is hidden by {neutralise_name(by)}{why}"
                    )
                self._removed += [f"{neutralise(one, 128)} was removed by {neutralise_name(by)}{why}" for one in ids]
                self._news.set()
            case CatchUpDone(sent=sent):
                self._cut = self.backlog.seconds is not None and sent >= HISTORY_MAX and not self._caught_up
                self._caught_up = True
                self._news.set()

    def _is_wanted(self, item: FeedItem) -> bool:
        if not self.query:
            return True
        return fits(self.query, item) if self._words is None else self._words.answers.fits_now(self.query, item)

    def _put(self, item: FeedItem, *, is_shown: bool) -> None:
        if self._words is not None:
            self._words.note(item)
        # Of the past it is not known yet what became of it.
        if not is_shown or (self._caught_up and not self._is_wanted(item)):
            return
        if len(self._lines) >= WAITING_MAX:
            self._too_slow = True
        else:
            self._lines.append(item)
        self._news.set()


async def _servers(client: ScriptClient) -> Sequence[ServerView] | None:
    """The servers of the network, as the present one knows them; None if it does not tell."""
    from core.client import NotConnected
    from core.node import ServerView

    try:
        status = await client.client.request_status()
        return msgspec.convert(status.get("servers", ()), tuple[ServerView, ...], strict=False)
    except (NotConnected, TimeoutError, msgspec.ValidationError):
        return None
