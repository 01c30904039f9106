"""`tail`: the feed as lines, for people and for pipes."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from core.client import ActivityArrived, CatchUpDone, ClientEvent, Disconnected, LoggedIn, Redirected, Removed
from core.query import EVERYTHING, Query, document, matches
from core.wire import entry_reference, reference_in
from tui.feed.activities import compact, sentence
from tui.feed.origins import NOT_TOLD, origin_of
from tui.script.answer_words import AnswerWords
from tui.script.exit_status import CommandFailed, ExitStatus, OutputClosed, usage_error
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
MICROSECONDS: Final = 1_000_000
TRIES: Final = 3
"""How often the servers are asked for in a row: while a client is sent on, nobody answers."""
ASK_AGAIN: Final = 5.0
"""Seconds until they are asked for again, for an activity of a server that was not among them."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONTROL: Final = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON lets stand in a string, but a terminal or a reader of lines would obey."""


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
        self, backlog: Backlog, as_json: bool, follow: bool, origins: bool = False, query: Query = EVERYTHING
    ) -> None:
        """`query`: of all of these, which ones to show."""
        self.backlog = backlog
        self.query = query
        self.as_json = as_json
        self.follow = follow
        """Whether to go on when the past has been shown."""
        self.origins = origins
        """Whether to tell at which server each activity was accepted."""
        self._lines: asyncio.Queue[ActivityArrived] = asyncio.Queue(WAITING_MAX)
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
        self._words = AnswerWords()
        self._cut = False
        """Whether there is more of the past than the server gave."""

    @property
    def history(self) -> int:
        return self.backlog.history

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Write a line an activity, until nobody reads any more. Raises CommandFailed, OutputClosed."""
        async with connect(self._heard) as client:
            await client.wait_logged_in(CONNECT_LIMIT)
            while (arrived := await self._next(client, streams)) is not None:
                if self.origins:
                    await self._look_for_server_of(arrived, client)
                line = line_of(
                    arrived, as_json=self.as_json, origins=self.origins, servers=self._servers, words=self._words
                )
                await streams.put(line)
        return ExitStatus.DONE

    async def _look_for_server_of(self, arrived: ActivityArrived, client: ScriptClient) -> None:
        """See that the server is known that has accepted an activity, if anybody here knows it."""
        origin = origin_of(arrived.id, self._servers)
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

    async def _next(self, client: ScriptClient, streams: Streams) -> ActivityArrived | None:
        while True:
            self._news.clear()
            if self._too_slow:
                raise CommandFailed(
                    ExitStatus.FAILURE, "the feed is read too slowly; what was missed is in the history"
                )
            while self._removed:
                streams.say(self._removed.popleft())
            if not self._lines.empty():
                return self._lines.get_nowait()
            if self._cut:
                self._cut = False
                streams.say(f"the server gives only its newest {HISTORY_MAX:,} activities")
            if self._caught_up and not self.follow:
                return None
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
                if (live or self.backlog.includes(stamp)) and self._is_wanted(event):
                    self._put(event)
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

    def _is_wanted(self, arrived: ActivityArrived) -> bool:
        return not self.query or matches(self.query, document(arrived.sender, arrived.body, arrived.stamp))

    def _put(self, arrived: ActivityArrived) -> None:
        try:
            self._lines.put_nowait(arrived)
        except asyncio.QueueFull:
            self._too_slow = True
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


def reference_of(arrived: ActivityArrived) -> str | None:
    """What an activity is called by who answers it; None where nobody knows."""
    found = reference_in(arrived.body) if arrived.sender else None
    called = found or entry_reference(arrived.id or "")
    return None if called is None else str(called)


def accepted_at(stamp: int | None) -> str | None:
    """When a server has accepted an activity, by that server's clock: RFC 3339, in UTC, to the microsecond. None where
    nobody tells, or no calendar knows that moment."""
    if stamp is None:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=stamp)
    except OverflowError:
        return None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_line(before: str, body: bytes) -> str:
    """An activity in an object of ours, of which it is the last member, on one line. Safe for a terminal."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", f"{before}{compact(body)}}}")


def line_of(
    arrived: ActivityArrived,
    *,
    as_json: bool,
    origins: bool = False,
    servers: Sequence[ServerView] | None = None,
    is_dated: bool = False,
    words: AnswerWords | None = None,
) -> str:
    """An activity: its JSON as it came, on one line, or the time, the sender and its words. Safe for a terminal.

    With `origins` it is told which server has accepted it, by what is known of `servers`; with `is_dated` on which day.
    `words` knows what went by before it, to say what is answered.
    """
    origin = origin_of(arrived.id, servers) if origins else None
    if as_json:
        if origins:
            accepted = None if origin is None else {
                "server": origin.server, "name": origin.name or None, "entry": origin.entry, "signed": origin.signed,
            }  # fmt: skip
            return json_line(
                f'{{"accepted":{json.dumps(accepted)},"stamp":{json.dumps(arrived.stamp)},'
                f'"acceptedAt":{json.dumps(accepted_at(arrived.stamp))},'
                f'"reference":{json.dumps(reference_of(arrived))},"activity":',
                arrived.body,
            )
        text = compact(arrived.body).removesuffix("}")
        # Behind its own members: of two that have one name, readers take the last.
        text += "" if text == "{" else ","
        text += (
            f'"reference":{json.dumps(reference_of(arrived))},"acceptedAt":{json.dumps(accepted_at(arrived.stamp))}}}'
        )
        return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    found = sentence(arrived.body)
    sender = arrived.sender or found.sender
    text = found.written if words is None else words.words(arrived.body, sender, arrived.id)
    form = "%Y-%m-%d %H:%M:%S" if is_dated else "%H:%M:%S"
    moment = time.strftime(form, time.localtime(arrived.stamp / MICROSECONDS if arrived.stamp else None))
    # Whatever a text says, only an activity begins at the margin.
    text = text.replace("\n", "\n" + " " * (len(moment) + 2))
    line = f"{moment}  {neutralise_name(sender or '?')}: {text}"
    if not origins:
        return line
    return f"{line}  [{NOT_TOLD if origin is None else f'at {origin.where}, {origin.words}'}]"
