"""The terminal that this process was started on, read and written without ever keeping the event loop waiting.

A terminal may take nothing for hours: its window is frozen, the connection it is shown over is gone, tmux has nobody
attached. So bytes go out in a thread of their own, and are counted. It may be somebody else's for a while: a shell puts
a process into the background, and whoever reads there is stopped. And it may end at any moment.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import errno
import logging
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from tui.terminal.charset import charset_of
from tui.terminal.meaning import SIZE_MAX

OUTPUT_HIGH: Final = 128 * 1024
"""Bytes that may wait to be written before painting stops: some frames."""
INPUT_HIGH: Final = 256 * 1024
"""Bytes that are read before the application has taken them."""
WRITE_BYTES: Final = 4096
"""Written at a time: what is still waiting can be thrown away."""
AWAY_INTERVAL: Final = 0.25
"""Seconds between two looks whether the terminal is ours again."""
CLOSE_LIMIT: Final = 0.5
"""Seconds that a terminal has to take the last of what is written to it."""
CELLS_MAX: Final = 120_000
"""Of a window; more would take seconds to paint. A 4K monitor full of the smallest letters has about as many."""
USUAL_SIZE: Final = (80, 24)

log = logging.getLogger(__name__)

_IFLAGS_OFF: Final = termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP
_LFLAGS_OFF: Final = termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG


def paintable(width: int, height: int) -> tuple[int, int]:
    """As much of a window as is painted. No window is larger; but any program may say that one is."""
    width = min(width, SIZE_MAX.width)
    return width, min(height, SIZE_MAX.height, CELLS_MAX // width)


def _nothing() -> None:
    pass


class Tty:
    """A terminal by its file descriptors. `open` starts its threads, `close` ends them; between, it is a `Terminal`."""

    def __init__(
        self, reads: int, writes: int, environment: Mapping[str, str] = os.environ, encoding: str = "utf-8"
    ) -> None:
        """`encoding`: of what is shown and typed there, by its name in Python."""
        self.encoding = encoding
        self._reads = reads
        self._writes = writes
        self._environment = environment
        self._before: list[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_input: Callable[[bytes], None] = lambda data: None
        self._on_full: Callable[[], None] = _nothing
        self._on_drained: Callable[[], None] = _nothing
        self._on_gone: Callable[[], None] = _nothing
        self._unread: Callable[[], int] = lambda: 0
        self._changed = threading.Condition()
        self._queue: list[bytes] = []
        self._unwritten = 0
        self._full = False
        self._in_flight = 0
        self._run = 0
        """Which of the times it was opened this is; a thread that a terminal held beyond its own time ends."""
        self._open = False
        self._wake: tuple[int, int] | None = None
        self._threads: list[threading.Thread] = []
        self.taken = b""
        """What gives the terminal back, while it is in the application's modes."""
        self.gone = False
        """Whether nothing can be written to the terminal any more; it never comes back."""
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the terminal, or what can be read or written of it, has ended."""
        return self._ended

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def kitty(self) -> bool:
        # Only who paints asks for it, and that is Textual.
        from textual import constants

        return not constants.DISABLE_KITTY_KEY

    @property
    def term(self) -> str:
        return f"{self._environment.get('TERM', '')} {self._environment.get('TERM_PROGRAM', '')}".rstrip()

    @property
    def known_size(self) -> tuple[int, int] | None:
        """Columns and rows, where the system knows them."""
        for fd in (self._writes, self._reads):
            with contextlib.suppress(OSError):
                width, height = os.get_terminal_size(fd)
                if width > 0 and height > 0:
                    return paintable(width, height)
        return None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows; what the environment says, or what is usual, where the system does not know."""
        return self.known_size or paintable(
            self._number("COLUMNS", USUAL_SIZE[0]), self._number("LINES", USUAL_SIZE[1])
        )

    def _number(self, name: str, usual: int) -> int:
        value = self._environment.get(name, "")
        return int(value[:6]) or usual if value.isascii() and value.isdecimal() else usual

    @property
    def descriptor(self) -> int:
        """For another program that is to have the terminal for a while."""
        return self._reads

    def is_ours(self) -> bool:
        """Whether this process may read here: False while a shell has it in the background."""
        try:
            return os.tcgetpgrp(self._reads) == os.getpgrp()
        except OSError:
            # It is not the terminal of this session, so nobody decides about it.
            return True

    # --- its modes ----------------------------------------------------------------------------------------------------

    def raw(self) -> None:
        """Have every key at once, as it is, signals and flow control included."""
        with contextlib.suppress(termios.error, OSError):
            mode = termios.tcgetattr(self._reads)
            if self._before is None:
                self._before = [*mode[:6], list(mode[6])]
            mode[0] &= ~_IFLAGS_OFF
            mode[3] &= ~_LFLAGS_OFF
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._reads, termios.TCSANOW, mode)

    def cooked(self) -> None:
        """As it was found; what was typed and not read is dropped. Harmless when repeated."""
        before, self._before = self._before, None
        if before is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcflush(self._reads, termios.TCIFLUSH)
                termios.tcsetattr(self._reads, termios.TCSANOW, before)

    def restore(self) -> None:
        """Give the terminal back if nobody has, whatever became of the application. Harmless when repeated."""
        taken, self.taken = self.taken, b""
        if not self.is_ours() or self.gone:
            return
        if taken:
            self._write_within_limit(taken)
        self.cooked()

    def _write_within_limit(self, data: bytes) -> None:
        def write() -> None:
            with contextlib.suppress(OSError):
                os.write(self._writes, data)

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(CLOSE_LIMIT)

    def abandon(self) -> None:
        """Give the terminal back at once, and for good: this process is about to end, and nobody else does it.

        Where a shell has the terminal meanwhile it has set it as it wants it, but for what was painted.
        """
        taken, self.taken = self.taken, b""
        if taken and not self.gone:
            self.discard()
            self._write_within_limit(taken)
        if self.is_ours():
            self.cooked()

    # --- its threads --------------------------------------------------------------------------------------------------

    def open(
        self,
        *,
        on_input: Callable[[bytes], None],
        unread: Callable[[], int],
        on_full: Callable[[], None],
        on_drained: Callable[[], None],
        on_gone: Callable[[], None],
    ) -> None:
        """Begin to read and write. Everything is called on the running event loop. Raises OSError.

        `unread`: bytes that were handed to `on_input` and wait.
        """
        assert not self._threads
        self._loop = asyncio.get_running_loop()
        self._on_input, self._unread = on_input, unread
        self._on_full, self._on_drained, self._on_gone = on_full, on_drained, on_gone
        self._wake = os.pipe()
        with self._changed:
            self._run += 1
            self._open = True
        for name, work in (("terminal input", self._read_on), ("terminal output", self._write_on)):
            # A thread that a terminal holds for ever must not keep the process.
            thread = threading.Thread(target=self._guard, args=(work, self._run), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """End reading and writing; what a terminal does not take within CLOSE_LIMIT is dropped."""
        if not self.finish():
            self.discard()
        with self._changed:
            self._open = False
            self._changed.notify_all()
        if self._wake is not None:
            with contextlib.suppress(OSError):
                os.write(self._wake[1], b"x")
        for thread in self._threads:
            thread.join(CLOSE_LIMIT)
        if self._wake is not None and not any(thread.is_alive() for thread in self._threads):
            for fd in self._wake:
                os.close(fd)
        self._wake = None
        self._threads.clear()

    def finish(self) -> bool:
        """Wait, for CLOSE_LIMIT at most, until everything was written; whether it was."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unwritten or self.gone, CLOSE_LIMIT) and not self.gone

    def discard(self) -> None:
        """Throw away what was not written yet, here and on its way to the terminal."""
        with self._changed:
            self._unwritten -= sum(map(len, self._queue))
            self._queue.clear()
        with contextlib.suppress(termios.error, OSError):
            termios.tcflush(self._writes, termios.TCOFLUSH)

    def write(self, data: bytes) -> None:
        """Have it written, in its turn. Never waits."""
        with self._changed:
            if self.gone or not self._open:
                return
            self._queue.append(data)
            self._unwritten += len(data)
            self._changed.notify_all()
            full = not self._full and self._unwritten > OUTPUT_HIGH
            self._full = self._full or full
        if full:
            self._on_full()

    def _guard(self, work: Callable[[int], None], run: int) -> None:
        """A thread that fails is a terminal that is gone: nobody could type there any more, or see anything."""
        try:
            work(run)
        except Exception as error:
            self._tell(log.error, "the terminal cannot be used any more (%s)", type(error).__name__)
            self._end(output=work == self._write_on)

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                loop.call_soon_threadsafe(callback, *args)

    def _end(self, *, output: bool) -> None:
        """The terminal, or what can be read or written of it, has ended. Called in a thread."""
        with self._changed:
            already, self._ended = self._ended, True
            if output:
                self.gone = True
                self._queue.clear()
                self._unwritten = 0
            self._changed.notify_all()
        if not already and self._open:
            self._tell(lambda: self._on_gone())

    # --- writing, in a thread -----------------------------------------------------------------------------------------

    def _runs(self, run: int) -> bool:
        return self._open and run == self._run

    def _write_on(self, run: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self.gone or not self._runs(run))
                if self.gone or not self._runs(run):
                    return
                data = b"".join(self._queue)
                piece, rest = data[:WRITE_BYTES], data[WRITE_BYTES:]
                self._queue[:] = [rest] if rest else []
            written = self._write_piece(piece)
            with self._changed:
                self._unwritten -= len(piece)
                drained = self._full and not self._unwritten
                if drained:
                    self._full = False
                self._changed.notify_all()
            if not written:
                self._end(output=True)
                return
            if drained:
                self._tell(lambda: self._on_drained())

    def _write_piece(self, piece: bytes) -> bool:
        view = memoryview(piece)
        while view:
            try:
                view = view[os.write(self._writes, view) :]
            except BlockingIOError:
                # Somebody else has set the terminal so.
                self._wait(self._writes, select.POLLOUT)
            except OSError:
                return False
        return True

    @staticmethod
    def _wait(fd: int, event: int) -> None:
        poll = select.poll()
        poll.register(fd, event)
        poll.poll(1000)

    # --- reading, in a thread -----------------------------------------------------------------------------------------

    def _read_on(self, run: int) -> None:
        wake = self._wake
        assert wake is not None
        poll = select.poll()
        poll.register(self._reads, select.POLLIN)
        poll.register(wake[0], select.POLLIN)
        while self._runs(run):
            ready = dict(poll.poll())
            if not self._runs(run):
                return
            if not self.is_ours() or self._in_flight + self._unread() >= INPUT_HIGH:
                # Somebody else's keys, or more than can be taken now: they wait in the terminal.
                self._pause()
                continue
            try:
                data = os.read(self._reads, 4096)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno == errno.EIO and not self.is_ours():
                    continue
                self._end(output=False)
                return
            if data:
                with self._changed:
                    self._in_flight += len(data)
                self._tell(self._hand_over, data)
            elif ready.get(self._reads, 0) & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                self._end(output=False)
                return
            else:
                # Somebody else has set the terminal so that nothing is an answer.
                self._pause()

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._open, AWAY_INTERVAL / 5)

    def _hand_over(self, data: bytes) -> None:
        with self._changed:
            self._in_flight -= len(data)
        self._on_input(data)


def own_tty() -> Tty:
    """The terminal of this process: its input, and what of its outputs is one. Raises OSError if there is none."""
    reads = _descriptor(sys.__stdin__)
    writes = next((fd for fd in map(_descriptor, (sys.__stdout__, sys.__stderr__)) if fd is not None), None)
    if reads is None or writes is None:
        raise OSError("there is no terminal")
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    if codecs.lookup(encoding).name == "utf-8":
        # Python takes UTF-8 in the locale C as well, which promises no more than ASCII.
        encoding = charset_of(os.environ)
    return Tty(reads, writes, encoding=encoding)


def _descriptor(stream: Any) -> int | None:
    """Of a stream that is a terminal."""
    try:
        fd = int(stream.fileno())
        return fd if os.isatty(fd) else None
    except (AttributeError, OSError, ValueError):
        return None
