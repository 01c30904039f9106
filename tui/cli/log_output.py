"""The log of a server: one line for each thing that happens, on standard error or in a file, from a level on.

A thread writes it: a slow reader of the log, or a slow disk under it, never holds up the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from core.node import Notice
from tui.cli.log_lines import FORMATS, LogFormat, LogLevel, LogLine
from tui.cli.loop import narrate_log
from tui.script.exit_status import usage_error

LEVELS: Final[dict[LogLevel, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

LOG_LINES_MAX: Final = 10_000
"""Lines that wait for a slow reader of the log; more are counted, not kept."""
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
"""A log file that grows beyond this is moved to `….1`, in place of the one that is there, and begun anew."""
FLUSH_LIMIT: Final = 2.0
STANDARD_ERROR: Final = 2
FILE_NAME: Final = "log"
"""In the data directory: where a server with a screen logs to, if it is asked for a log but for no file."""


class LogFile:
    """A file that is appended to, mode 0600. It may be moved away while it is written (logrotate does)."""

    def __init__(self, path: Path) -> None:
        """Raises CommandFailed if it cannot be written."""
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = self._open()
        except OSError as error:
            raise usage_error(f"the log cannot be written to {path}: {error.strerror}") from None

    def write(self, data: bytes) -> None:
        """Append, in this file or a new one in its place. Raises OSError."""
        self._follow(len(data))
        _write_all(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> int:
        # A pipe that nobody reads is refused instead of waited for.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        os.set_blocking(descriptor, True)
        return descriptor

    def _follow(self, more: int) -> None:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            return
        try:
            there = os.stat(self.path)
            moved = (there.st_dev, there.st_ino) != (status.st_dev, status.st_ino)
        except FileNotFoundError:
            moved = True
        if not moved and status.st_size + more > FILE_BYTES_MAX and status.st_size:
            os.replace(self.path, self.path.with_name(f"{self.path.name}.1"))
            moved = True
        if moved:
            descriptor = self._open()
            os.close(self._descriptor)
            self._descriptor = descriptor


class Log:
    """Lines that a thread writes, once it is known where to.

    An asynchronous context manager; what waits at its end is written if that takes no longer than `FLUSH_LIMIT`.
    """

    def __init__(
        self,
        descriptor: int | None = None,
        *,
        level: LogLevel = "info",
        form: LogFormat = "text",
        lines_max: int = LOG_LINES_MAX,
    ) -> None:
        self.level: LogLevel = level
        self._form = FORMATS[form]
        self._least = LEVELS[level]
        self._lines_max = lines_max
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._writing = False
        self._ended = False
        self._changed = threading.Condition()
        self._put: Callable[[bytes], None] | None = None
        self._file: LogFile | None = None
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        if descriptor is not None:
            self.into_stream(descriptor)

    # --- where to -----------------------------------------------------------------------------------------------------

    def into_stream(self, descriptor: int = STANDARD_ERROR) -> None:
        """Write to a stream of this process, what waits already first."""
        # Not through sys.stderr: a thread inside its lock would make the interpreter abort at its end.
        self._into(lambda data: _write_all(descriptor, data))

    def into_file(self, file: LogFile) -> None:
        """Write to a file, what waits already first; the file is closed with the log."""
        self._file = file
        self._into(file.write)

    def _into(self, put: Callable[[bytes], None]) -> None:
        with self._changed:
            self._put = put
            self._changed.notify_all()

    # --- what ---------------------------------------------------------------------------------------------------------

    def write(self, text: str, at: float | None = None, level: LogLevel = "info", kind: str = "server") -> None:
        """Log a line. `at` is in seconds since 1970; None is now. Dropped, and counted, when too many wait."""
        if LEVELS[level] < self._least:
            return
        line = LogLine(time.time() if at is None else at, level, kind, text)
        formed = self._form(line, exact=self.level == "debug")
        with self._changed:
            if len(self._lines) >= self._lines_max:
                self._dropped += 1
            else:
                self._lines.append(formed)
            self._changed.notify_all()

    def note(self, notice: Notice) -> None:
        """Log what happened in the network."""
        level: LogLevel = (
            "warning" if notice.severity == "warning" else "error" if notice.severity == "error" else "info"
        )
        # What stories are made of is told in other words as well.
        self.write(notice.text, notice.at, "debug" if notice.kind == "noted" else level, notice.kind)

    def listen(self) -> None:
        """Log what libraries warn of, in this process, and at level `debug` what goes on inside the server."""
        narrate_log(self._warned, max(logging.WARNING, self._least))
        traces = logging.getLogger("core.trace")
        traces.propagate = False
        traces.setLevel(self._least)
        traces.handlers[:] = [_Traces(self)]

    def _warned(self, text: str, fault: bool) -> None:
        # What is a fault of the program is told to be one: nobody need look for what they did wrong.
        self.write(
            f"a fault in the program: {text}" if fault else text, level="error" if fault else "warning", kind="program"
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Wait until everything has been written, within a limit."""
        await asyncio.to_thread(self._wait_written)

    def _wait_written(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._writing, FLUSH_LIMIT)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: (self._lines and self._put is not None) or self._ended)
                put = self._put
                if not self._lines or put is None:
                    break
                lines = list(self._lines)
                if self._dropped:
                    left_out = f"{self._dropped} lines were left out: the log is read too slowly"
                    lines.append(self._form(LogLine(time.time(), "warning", "log", left_out), exact=False))
                self._lines.clear()
                self._dropped = 0
                self._writing = True
            # Where nobody listens, and on a disk that is full, the log is lost, and nothing else.
            with contextlib.suppress(OSError):
                put("".join(lines).encode("utf-8", "backslashreplace"))
            # Whatever lives on until the next line comes, holds the memory of what was there when it was made.
            lines.clear()
        if self._file is not None:
            self._file.close()

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._put is not None:
            await self.flush()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class _Traces(logging.Handler):
    """What goes on inside the server, as lines of the log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.DEBUG)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.write(record.getMessage(), level="debug", kind="trace")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
