"""A Textual driver for a terminal that somebody else reads from and writes to, an SSH channel or the tty here.

It uses no threads, no signals and none of the process's own streams: bytes from the terminal are understood where they
arrive, and of what the application paints the terminal is sent what it does not show yet. A terminal that takes nothing
is not painted for: while it is full, painting is batched, and one whole repaint follows when it drains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message
from textual.messages import InBandWindowResize

from tui.terminal.input import TerminalInput
from tui.terminal.modes import AGAIN, ENTER, KITTY_ON, MOUSE_ON, NO_TITLE, RESTORE, notice, takes_osc, title
from tui.terminal.screen_changes import ScreenChanges
from tui.terminal.terminal_kinds import scrolls

PIECE_BYTES: Final = 128
"""Input that is read at a time: some dozens of keys."""
PASTE_PIECE_BYTES: Final = 8 * 1024
"""The same of what is pasted, which is one key, however long it is."""
ANSWER_LIMIT: Final = 1.0
"""Seconds after which the next piece is read however far the application is with the one before."""
REPAINT_AFTER: Final = 0.1
"""Seconds within which a terminal may tell its size again and again, and is painted anew once."""
LOOK_INTERVAL: Final = 0.01
"""Seconds between two looks whether the application has handed on the keys that it had put aside."""


class Terminal(Protocol):
    """The other side of a driver."""

    def write(self, data: bytes) -> None: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def kitty(self) -> bool:
        """Whether to ask for the kitty keyboard protocol."""
        ...

    @property
    def term(self) -> str:
        """What it says that it is: its TERM, and behind a blank the name of the program, if that is known."""
        ...


class TerminalDriver(Driver):
    """Paints to, and reads from, a `Terminal`."""

    def __init__(
        self,
        app: App[Any],
        terminal: Terminal,
        *,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
        rate: float = 64 * 1024,
        has_read: Callable[[], None] = lambda: None,
    ) -> None:
        """`rate`: bytes a second that are read at most. `has_read` is called whenever some more have been read."""
        super().__init__(app, debug=False, mouse=mouse, size=size or terminal.size)
        self._terminal = terminal
        self._changes = ScreenChanges(*(size or terminal.size), can_scroll=scrolls(terminal.term))
        self._keys = TerminalInput()
        self._tick: asyncio.TimerHandle | None = None
        self._repaint: asyncio.TimerHandle | None = None
        self._rate = rate
        self.has_read = has_read
        self._unread = bytearray()
        self._reading: asyncio.TimerHandle | None = None
        self._started = False
        self._stopped = False
        self._input = True
        self._pauses: set[str] = set()
        self._pending: list[str] = []
        self._flush: asyncio.Handle | None = None
        self._title = ""

    @property
    def takes_osc(self) -> bool:
        """Whether the terminal may be sent links, titles and notices."""
        return takes_osc(self._terminal.term)

    # --- output -------------------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Write to the terminal, joined with everything else that is written in this tick of the event loop."""
        if self._stopped or self._pauses:
            # Nothing is lost: when the terminal has caught up, the whole screen is painted.
            return
        self._pending.append(data)
        if self._flush is None:
            self._flush = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand what was written to the terminal."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._pending:
            data = self._encode(self._changes.update("".join(self._pending)))
            self._pending.clear()
            if data:
                self._terminal.write(data)

    def show_title(self, text: str) -> None:
        """Have the terminal's window say this in its title, until the application ends."""
        if self.takes_osc and self._started and not self._stopped and not self._pauses and text != self._title:
            self._title = text
            self.write(title(text))

    def show_notice(self, title: str, text: str) -> None:
        """Have the desktop tell something, if the terminal can have it do so."""
        if self.takes_osc and self._started and not self._stopped:
            self.write(notice(self._terminal.term, title, text))

    def _encode(self, text: str) -> bytes:
        return text.encode("utf-8", "replace")

    def channel_full(self) -> None:
        """The terminal does not read as fast as it is painted for: stop painting."""
        self.pause("full")

    def channel_drained(self) -> None:
        """The terminal has caught up: paint the screen as it is now."""
        self.go_on("full")

    def pause(self, reason: str) -> None:
        """Do not paint, until `go_on` for the same reason."""
        if self._started and not self._stopped:
            if not self._pauses:
                self._app._begin_batch()
            self._pauses.add(reason)

    def go_on(self, reason: str) -> None:
        """Paint the whole screen as it is now, unless there is another reason not to."""
        if reason in self._pauses:
            self._pauses.discard(reason)
            if not self._pauses:
                self._app._end_batch()
                self._paint_all()

    def paint_anew(self) -> None:
        """Paint the whole screen, to which something else may have written, whatever modes that has left it in."""
        self._changes.forget()
        self.write(AGAIN)
        self._paint_all()

    def _paint_all(self) -> None:
        if self._repaint is not None:
            self._repaint.cancel()
            self._repaint = None
        if self._started and not self._stopped:
            self._app.call_later(self._app.refresh, layout=True)

    # --- the application's mode ---------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        self._started = True
        self._has_size(*self._terminal.size)
        self.write(self._modes_on())
        self.flush()
        self._read_some()

    def _modes_on(self) -> str:
        """What puts the terminal into the modes that the application needs."""
        modes = ENTER + (MOUSE_ON if self._mouse else "") + (KITTY_ON if self._terminal.kitty else "")
        return modes + (title(self._title) if self._title else "")

    def _modes_off(self) -> str:
        """What gives the terminal back."""
        return (NO_TITLE if self.takes_osc else "") + RESTORE

    def disable_input(self) -> None:
        self._input = False

    def stop_application_mode(self) -> None:
        """Give the terminal back; harmless when repeated."""
        self.disable_input()
        if not self._stopped:
            self._pauses.clear()
            self.write(self._modes_off())
            self._stopped = True
            self.flush()

    def close(self) -> None:
        """Let go of the terminal and of everything that would still be called."""
        for timer in (self._tick, self._reading, self._repaint):
            if timer is not None:
                timer.cancel()
        self._tick = self._reading = self._repaint = None
        self._unread.clear()
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
            length = PASTE_PIECE_BYTES if self._keys.pasting else PIECE_BYTES
            piece = bytes(self._unread[:length])
            del self._unread[:length]
            self._dispatch(self._keys.feed(piece, self._loop.time()))
            self._arm()
            if self._unread:
                # Should the application never answer, reading goes on all the same.
                self._reading = self._loop.call_later(ANSWER_LIMIT, self._read_some)
                self._app.call_later(self._done_with_piece, self._loop.time(), len(piece))
        self.has_read()

    def _done_with_piece(self, begun: float, length: int) -> None:
        if self._reading is not None:
            self._reading.cancel()
            if getattr(self._app, "has_keys_waiting", False) and self._loop.time() - begun < ANSWER_LIMIT:
                # It has put some of them aside, of which it keeps so many only.
                self._reading = self._loop.call_later(LOOK_INTERVAL, self._done_with_piece, begun, length)
                return
            rest = max(length / self._rate, self._loop.time() - begun)
            self._reading = self._loop.call_later(rest, self._read_some)

    def _arm(self) -> None:
        """Have the clock looked at when what is unfinished is due."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        due = self._keys.due
        if due is not None and self._input:
            self._tick = self._loop.call_at(due, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        if not self._input:
            return
        if not self._unread:
            # What waits to be read has come, and may be the rest.
            self._dispatch(self._keys.tick(self._loop.time()))
            self._arm()

    def _dispatch(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, events.Resize):
                self._claimed(message.size)
            elif isinstance(message, InBandWindowResize):
                self._can_tell_its_size(message)
            else:
                self.process_message(message)

    def _claimed(self, size: Size) -> None:
        """The terminal says, among the keys, how large it is: what is typed could claim any size."""

    def _can_tell_its_size(self, answer: InBandWindowResize) -> None:
        """The terminal says whether it tells its size among the keys."""

    def send_message(self, message: Message) -> None:
        self._post(message)

    def _post(self, message: Message) -> None:
        self._app.post_message(message)

    def resized(self, width: int, height: int) -> None:
        """The terminal has another size, or had one meanwhile: it may show anything."""
        same = (width, height) == self._size
        self._has_size(width, height)
        if same and self._repaint is None:
            # For that, nothing would be laid out and painted anew. A client can say it thousands of times a second.
            self._repaint = self._loop.call_later(REPAINT_AFTER, self._paint_all)

    def _has_size(self, width: int, height: int) -> None:
        size = Size(width, height)
        self._size = (width, height)
        self._changes.resized(width, height)
        self._keys.resized(size)
        if self._started and not self._stopped:
            self._post(events.Resize(size, size))

    @property
    def can_suspend(self) -> bool:
        return False
