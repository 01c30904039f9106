"""What a peer says: cut into lines, and handed in as messages, as fast as that may be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from core.engine.transport.connection_host import ConnectionHost
from core.node.interface.events import Now
from core.wire.codec import MalformedLine, decode
from core.wire.framing import LineSplitter, LineTooLong
from core.wire.messages import ActivityMessage

if TYPE_CHECKING:
    from core.engine.transport.stream_connection import StreamConnection

LOOKS_AT_TIME: Final = 16
"""Messages between two looks at the time."""
POSTS_AT_ONCE: Final = 64
"""Activities that are handed in together at most: what they take is a part of a pass of the loop."""


class LineIntake:
    """The reading half of a connection, which comes along with each call: the two are no cycle for the collector.

    What cannot be handed in at once waits here, and the connection reads no more.
    """

    __slots__ = (
        "_held",
        "_host",
        "_overlong",
        "_pause",
        "_splitter",
        "bytes_read",
        "late",
        "line_limit",
        "messages_read",
        "stopped",
        "waiting",
    )

    def __init__(self, host: ConnectionHost) -> None:
        self._host = host
        self.line_limit = host.limits.client_line_bytes
        # The larger limit holds for the splitter: whether a line may be that long is only known when all lines before
        # it have been handled, because one of them may be what makes the peer trusted.
        self._splitter = LineSplitter(max(host.limits.server_line_bytes, self.line_limit))
        self.waiting: list[bytes] = []
        self.bytes_read = 0
        self.messages_read = 0
        self._held = False
        self.late = False
        """Whether it waits for a pass of the loop that has time for it."""
        self._pause: asyncio.TimerHandle | None = None
        self._overlong = False
        self.stopped = False
        """Whether nothing more is handed in; what still arrives is discarded."""

    def feed(self, connection: StreamConnection, nbytes: int) -> None:
        """So many bytes were read into the host's buffer."""
        self.bytes_read += nbytes
        if self.stopped or self._overlong:
            return
        try:
            lines = self._splitter.feed(bytes(self._host.read_buffer()[:nbytes]))
        except LineTooLong as error:
            lines = error.lines
            self._overlong = True
        self._hand_in(connection, lines)
        if connection.connected:
            self._host.unfinished(connection, 0 if connection.trusted else self._splitter.pending_bytes)

    def go_on(self, connection: StreamConnection) -> None:
        """Hand in what waits, if that is possible again; then the end, if it has come."""
        if self.stopped or self.blocked(connection):
            return
        lines = list(self.waiting)
        self.waiting.clear()
        self._hand_in(connection, lines)

    def stop(self) -> None:
        """Hand in nothing more."""
        self.stopped = True
        self.waiting.clear()
        self._splitter.clear()

    def hold(self, connection: StreamConnection, held: bool) -> None:
        """Stop taking anything from the peer, or go on."""
        if held != self._held:
            self._held = held
            connection.adjust_reading()

    def pause(self, connection: StreamConnection, seconds: float) -> None:
        """Take nothing from the peer for some seconds from now on; a pause that is longer already goes on."""
        until = self._host.loop.time() + seconds
        if self._pause is not None and self._pause.when() >= until:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self._host.loop.call_at(until, self._pause_over, connection)
        connection.adjust_reading()

    def _pause_over(self, connection: StreamConnection) -> None:
        self._pause = None
        connection.adjust_reading()

    def blocked(self, connection: StreamConnection) -> bool:
        """Whether nothing may be handed in now."""
        held = self._held or self.late or self._pause is not None
        return held or self._host.congestion > connection.trusted

    def _hand_in(self, connection: StreamConnection, lines: list[bytes]) -> None:
        """Hand in lines; what cannot be taken now waits. Nobody reads meanwhile, so at most one read's lines do."""
        if self.waiting:
            self.waiting.extend(lines)
            return
        host = self._host
        now = host.now()
        place = look_at = 0
        while place < len(lines):
            if self.stopped:
                return
            if place >= look_at:
                look_at = place + LOOKS_AT_TIME
                self._look_at_time(connection, now, begins=place == 0)
            if self.blocked(connection):
                self.waiting.extend(lines[place:])
                connection.adjust_reading()
                return
            place = self._hand_in_some(connection, lines, place, now)
        if self.stopped or self.blocked(connection):
            return
        if self._overlong or self._splitter.pending_bytes > self.line_limit:
            connection.malformed(self._too_long)
        elif connection.peer_ended:
            connection.report()

    def _hand_in_some(self, connection: StreamConnection, lines: list[bytes], place: int, now: Now) -> int:
        """Hand in the message at a place, or the activities that begin there, at once; the place behind them."""
        host = self._host
        posts: list[ActivityMessage] = []
        for end in range(place, min(place + POSTS_AT_ONCE, len(lines))):
            line = lines[end]
            try:
                message = decode(line) if len(line) <= self.line_limit else None
            except MalformedLine as error:
                message, problem = None, str(error)
            else:
                problem = self._too_long
            if type(message) is ActivityMessage:
                posts.append(message)
                continue
            if posts:
                # What these lead to comes first, and may keep the line waiting.
                break
            if message is None:
                connection.malformed(problem)
            else:
                self.messages_read += 1
                host.received(connection, message, now)
            return place + 1
        self.messages_read += len(posts)
        if len(posts) == 1:
            host.received(connection, posts[0], now)
        else:
            host.received_posts(connection, posts, now)
        return place + len(posts)

    def _look_at_time(self, connection: StreamConnection, now: Now, *, begins: bool) -> None:
        """See whether there is time to hand in more."""
        if self.late:
            return
        if goes_first(connection):
            if not begins and not self._host.has_turn(now.monotonic):
                self.wait_for_time(connection, first=True)
        elif not self._host.has_time():
            self.wait_for_time(connection)

    def wait_for_time(self, connection: StreamConnection, *, first: bool = False) -> None:
        """Go on in a later pass of the loop: many others have done something as well, or it has had its turn."""
        if not self.late:
            self.late = True
            self._host.later(connection, first=first)

    @property
    def _too_long(self) -> str:
        return f"a line is longer than {self.line_limit} bytes"


def goes_first(connection: StreamConnection) -> bool:
    """Servers and people at this machine are few, and do not wait for what strangers do: each has a turn in every pass
    of the loop."""
    return connection.trusted or connection.origin == "local"
