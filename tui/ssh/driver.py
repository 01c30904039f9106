"""A Textual driver whose terminal is at the other end of an SSH channel.

It uses no threads, no signals and none of the process's own streams: bytes from the channel are parsed where they
arrive, and what the application paints is written to the channel. A client that does not read is not painted for:
while the channel is full, painting is batched, and one whole repaint follows when it drains.
"""

from __future__ import annotations

import asyncio
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, Literal, Protocol, TextIO

from textual import events
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message
from textual.messages import InBandWindowResize

ESCAPE_DELAY: Final = 0.1
"""Seconds after which a lone ESC is the Escape key and not the beginning of a sequence."""
PIECE_BYTES: Final = 128
"""Input that is read at a time: some dozens of keys."""
PASTE_MAX: Final = 256 * 1024
"""Longest paste, in characters; a longer one is cut in several."""
_PASTE_END: Final = "\x1b[201~"
_PASTE_BEGIN: Final = "\x1b[200~"

_ENTER: Final = (
    "\x1b[?1049h"  # alternate screen
    "\x1b[?25l"  # hide cursor
    "\x1b[?1004h"  # focus reports
    "\x1b[?2004h"  # bracketed paste
    "\x1b[?7l"  # no line wrap
    "\x1b[?2026$p"  # can the terminal paint synchronously?
)
_MOUSE_ON: Final = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
_MOUSE_OFF: Final = "\x1b[?1006l\x1b[?1015l\x1b[?1003l\x1b[?1000l"
_KITTY_ON: Final = "\x1b[>25u"
"""Disambiguate, report all keys, report text (the kitty keyboard protocol); unknown to most terminals, and ignored."""
_LEAVE: Final = "\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"

RESTORE: Final = _MOUSE_OFF + _LEAVE
"""Gives any terminal back as it was, whatever state the application left it in."""


class Terminal(Protocol):
    """The channel's side of a driver."""

    def write(self, data: bytes) -> None: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def kitty(self) -> bool:
        """Whether to ask for the kitty keyboard protocol."""
        ...


class ChannelDriver(Driver):
    """Paints to, and reads from, a `Terminal`."""

    def __init__(
        self,
        app: App[Any],
        terminal: Terminal,
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
        rate: float = 64 * 1024,
        has_read: Callable[[], None] = lambda: None,
    ) -> None:
        """`rate`: bytes a second that are read at most. `has_read` is called whenever some more have been read."""
        super().__init__(app, debug=False, mouse=mouse, size=size or terminal.size)
        self._terminal = terminal
        self._parser = XTermParser(False)
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._tick: asyncio.TimerHandle | None = None
        self._rate = rate
        self.has_read = has_read
        self._unread = bytearray()
        self._reading: asyncio.TimerHandle | None = None
        self._silent = 0
        self._started = False
        self._stopped = False
        self._input = True
        self._paused = False
        self._pending: list[str] = []
        self._flush: asyncio.Handle | None = None

    # --- output -------------------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Write to the terminal, joined with everything else that is written in this tick of the event loop."""
        if self._stopped or self._paused:
            # Nothing is lost: when the client has caught up, the whole screen is painted.
            return
        self._pending.append(data)
        if self._flush is None:
            self._flush = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand what was written to the channel."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._pending:
            data = "".join(self._pending).encode("utf-8", "replace")
            self._pending.clear()
            self._terminal.write(data)

    def channel_full(self) -> None:
        """The client does not read as fast as it is painted for: stop painting."""
        if not self._paused and self._started and not self._stopped:
            self._paused = True
            self._app._begin_batch()

    def channel_drained(self) -> None:
        """The client has caught up: paint the screen as it is now."""
        if self._paused:
            self._paused = False
            self._app._end_batch()
            if not self._stopped:
                self._app.call_later(self._app.refresh, layout=True)

    # --- the application's mode ---------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        self._started = True
        self._post(events.Resize(Size(*self._terminal.size), Size(*self._terminal.size)))
        self.write(_ENTER)
        if self._mouse:
            self.write(_MOUSE_ON)
        if self._terminal.kitty:
            self.write(_KITTY_ON)
        self.flush()
        self._read_some()

    def disable_input(self) -> None:
        self._input = False

    def stop_application_mode(self) -> None:
        """Give the terminal back; harmless when repeated."""
        self.disable_input()
        if not self._stopped:
            self._paused = False
            self.write(RESTORE)
            self._stopped = True
            self.flush()

    def close(self) -> None:
        """Let go of the application: the parser's generator would keep its last event, and so the app, alive."""
        for timer in (self._tick, self._reading):
            if timer is not None:
                timer.cancel()
        self._tick = self._reading = None
        self._unread.clear()
        try:
            for _ in self._parser.feed(""):
                pass
        except (EOFError, ParseError):
            pass
        self.flush()

    # --- input --------------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Bytes that the person typed, pasted or clicked. They are read a few keys at a time: see `_read_some`."""
        if self._input:
            self._unread += data
            if self._reading is None and self._started:
                self._read_some()

    @property
    def unread(self) -> int:
        """Bytes that have come and wait to be read."""
        return len(self._unread)

    def _read_some(self) -> None:
        """Read one piece; the next one when the application has done what this one asked for, and rested as long.

        A flood of keys would otherwise keep the event loop from everybody else: a message queue that is not empty
        gives nobody else a turn.
        """
        self._reading = None
        if not self._input:
            self._unread.clear()
        if self._unread:
            piece = self._decode(bytes(self._unread[:PIECE_BYTES]))
            del self._unread[:PIECE_BYTES]
            if piece:
                # An empty piece (half a character) would tell the parser that input has ended.
                self._silent += len(piece)
                self._dispatch(self._parser.feed(piece))
                if self._silent > PASTE_MAX:
                    self._silent = 0
                    self._dispatch(self._parser.feed(_PASTE_END + _PASTE_BEGIN))
            if self._tick is None:
                self._tick = self._loop.call_later(ESCAPE_DELAY, self._on_tick)
            if self._unread:
                # Should the application never answer, reading goes on all the same.
                self._reading = self._loop.call_later(1.0, self._read_some)
                self._app.call_later(self._done_with_piece, self._loop.time())
        self.has_read()

    def _done_with_piece(self, begun: float) -> None:
        if self._reading is not None:
            self._reading.cancel()
            rest = max(PIECE_BYTES / self._rate, self._loop.time() - begun)
            self._reading = self._loop.call_later(rest, self._read_some)

    def _on_tick(self) -> None:
        self._tick = None
        if self._input:
            self._dispatch(self._parser.tick())

    def _dispatch(self, parsed: Any) -> None:
        messages: Iterator[Message] = iter(parsed)
        while True:
            try:
                message = next(messages)
            except (StopIteration, ParseError, EOFError):
                return
            except (ValueError, OverflowError):
                # A sequence with numbers that mean nothing is beyond Textual's parser, and ends it.
                self._parser = XTermParser(False)
                return
            self._silent = 0
            if isinstance(message, InBandWindowResize | events.Resize):
                # The channel tells the size itself, within limits; what is typed could claim any.
                self._parser.mouse_pixels = False
                continue
            self.process_message(message)

    def send_message(self, message: Message) -> None:
        self._post(message)

    def _post(self, message: Message) -> None:
        self._app.post_message(message)

    def resized(self, width: int, height: int) -> None:
        """The terminal has another size."""
        size = Size(width, height)
        self._size = (width, height)
        if self._started and not self._stopped:
            self._post(events.Resize(size, size))

    # --- what must not happen on the server ---------------------------------------------------------------------------

    @property
    def can_suspend(self) -> bool:
        return False

    def open_url(self, url: str, new_tab: bool = True) -> None:
        """Not here: a browser would open on the server. The person has the link on screen."""
        self._app.notify(url, title="Open this link yourself", severity="information")

    def deliver_binary(
        self,
        binary: BinaryIO | TextIO,
        *,
        delivery_key: str,
        save_path: Any,
        open_method: Literal["browser", "download"] = "download",
        encoding: str | None = None,
        mime_type: str | None = None,
        name: str | None = None,
    ) -> None:
        """Not here: the file would be written to the server's disk."""
        self._app.notify("Files cannot be saved over SSH", severity="warning")
