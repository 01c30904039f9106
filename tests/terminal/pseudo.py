"""The application as a process on a terminal of its own, which does what terminals do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from pathlib import Path

from rich.cells import cell_len

ALTERNATE_SCREEN_ON = b"\x1b[?1049h"
ALTERNATE_SCREEN_OFF = b"\x1b[?1049l"
CURSOR_ON = b"\x1b[?25h"
_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b[@-Z\\-_78=>]"
    r"|[\x00-\x08\x0e-\x1f]"
)


class Screen:
    """What a terminal shows: as much of one as the application's output needs."""

    _PARTS = re.compile(
        r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|(\r)|(\n)|([^\x1b\r\n]+)", re.S
    )

    def __init__(self, height: int = 24) -> None:
        self._height = height
        self._rows: dict[int, dict[int, str]] = {}
        self._row = self._column = 0
        self._region = (0, height - 1)
        self._rest = ""
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def feed(self, data: bytes) -> None:
        text = self._rest + self._decode(data)
        # Half a sequence waits for its other half.
        begin = text.rfind("\x1b")
        whole = begin < 0 or re.match(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*\x07|[^\[\]])", text[begin:])
        self._rest = "" if whole else text[begin:]
        for part in self._PARTS.finditer(text if whole else text[:begin]):
            if part[3]:
                self._column = 0
            elif part[4]:
                if self._row == self._region[1]:
                    self._move_rows(1)
                else:
                    self._row += 1
            elif part[0] == "\x1bM":
                if self._row == self._region[0]:
                    self._move_rows(-1)
                else:
                    self._row -= 1
            elif part[5]:
                for char in part[5]:
                    self._rows.setdefault(self._row, {})[self._column] = char
                    self._column += cell_len(char)
            elif part[2] == "H":
                numbers = [int(number or 1) for number in f"{part[1]};".split(";")[:2]]
                self._row, self._column = numbers[0] - 1, numbers[1] - 1
            elif part[2] == "C":
                self._column += int(part[1] or 1)
            elif part[2] == "G":
                self._column = int(part[1] or 1) - 1
            elif part[2] == "r":
                first, _, last = part[1].partition(";")
                self._region = (int(first or 1) - 1, int(last or self._height) - 1)
                self._row = self._column = 0
            elif part[2] == "J":
                self._rows.clear()

    def _move_rows(self, by: int) -> None:
        """What stands in the scrolling region moves up so many rows."""
        top, bottom = self._region
        moved = {number - by: row for number, row in self._rows.items() if top <= number <= bottom}
        self._rows = {number: row for number, row in self._rows.items() if not top <= number <= bottom}
        self._rows |= {number: row for number, row in moved.items() if top <= number <= bottom}

    @property
    def text(self) -> str:
        return "\n".join(
            "".join(row.get(column, " ") for column in range(max(row) + 1)).rstrip()
            for number, row in sorted(self._rows.items())
            if number < self._height
        )


class Terminal:
    """A pseudo-terminal with the application on it, started by a shell, which may redirect its streams.

    `patch` is Python that the process runs before: it plants a fault. `size` is columns and rows. With `controlling`
    the terminal is that of the process's session, as a terminal emulator makes it. `interactive`: only this shell,
    which controls jobs, is started, and the application by typing `command`.
    """

    def __init__(
        self,
        home: Path,
        *arguments: str,
        patch: str = "",
        size: tuple[int, int] = (80, 24),
        controlling: bool = False,
        environment: dict[str, str] | None = None,
        redirection: str = "",
        interactive: str = "",
    ) -> None:
        self.master, slave = pty.openpty()
        self.cooked = termios.tcgetattr(slave)
        self._slave = slave
        self.size(*size)
        variables = {**os.environ, "HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""}
        variables.update({f"XDG_{name}_HOME": str(home / name) for name in ("DATA", "CONFIG", "STATE", "CACHE")})
        variables.update(environment or {})
        program = ["-m", "tui"]
        if patch:
            program = ["-c", f"{patch}\nimport sys\nfrom tui.cli import main\nsys.exit(main())"]
        self.command = shlex.join([sys.executable, *program, *arguments])
        self.process = subprocess.Popen(
            interactive.split() or ["sh", "-c", f"exec {self.command} {redirection}"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=variables,
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0)) if controlling or bool(interactive) else None,
        )
        self.output = b""
        self.screen = Screen()

    @property
    def text(self) -> str:
        """Everything that was shown, without what moves the cursor and colours it."""
        return _SEQUENCES.sub("", self.output.decode("utf-8", "replace"))

    @property
    def port(self) -> int:
        """Where its server listens."""
        self.until(lambda: re.search(rb"join 127\.0\.0\.1:(\d+)", self.output) is not None, "an address")
        found = re.findall(rb"join 127\.0\.0\.1:(\d+)", self.output)
        return int(found[-1])

    def size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        self.size(columns, rows)
        self.screen = Screen(rows)
        self.process.send_signal(signal.SIGWINCH)

    def type(self, data: bytes, *, pause: float = 0.0, pieces: int = 0) -> None:
        """Send bytes, `pieces` at a time with a pause behind each (0: all at once)."""
        for start in range(0, len(data), pieces or len(data)):
            os.write(self.master, data[start : start + (pieces or len(data))])
            until = time.monotonic() + pause
            while (left := until - time.monotonic()) > 0:
                self._read(left)

    def forget(self) -> None:
        """What was shown until now counts no more."""
        self.output = b""

    def read_until(self, wanted: bytes, seconds: float = 30.0) -> None:
        """Wait until these very bytes have come."""
        self.until(lambda: wanted in self.output, repr(wanted), seconds)

    def shows(self, words: str, seconds: float = 30.0) -> None:
        """Wait until the words have been painted."""
        self.until(lambda: words in self.text or words in self.screen.text, repr(words), seconds)

    def has(self, words: str, seconds: float = 30.0) -> None:
        """Wait until the words stand on the screen."""
        try:
            self.until(lambda: words in self.screen.text, repr(words), seconds)
        except AssertionError:
            raise AssertionError(f"{words!r} is not on the screen:\n{self.screen.text}") from None

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while not condition():
            left = until - time.monotonic()
            assert left > 0, f"{what} did not come: {self.text[-2000:]!r}"
            if not self._read(min(left, 0.2)):
                assert condition(), f"{what} did not come, and it has ended: {self.text[-2000:]!r}"

    def _read(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += data
        self.screen.feed(data)
        return bool(data)

    def wait(self, seconds: float = 30.0) -> int:
        """The exit status."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self._read(0.05)
        while select.select([self.master], [], [], 0.1)[0] and self._read(0.0):
            pass
        return self.process.wait(1)

    def is_as_it_was(self) -> bool:
        """Whether the terminal's driver has the modes that it had before the application."""
        return termios.tcgetattr(self._slave)[:4] == self.cooked[:4]

    def vanish(self) -> None:
        """The window is closed, and nobody is told."""
        for fd in (self._slave, self.master):
            os.close(fd)
        self.master = self._slave = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        with contextlib.suppress(OSError):
            self.vanish()


class Stranger:
    """A base-protocol client: logs in anonymously, and hears what the server says."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._heard = b""
        self._socket.sendall(b'{"command":"LOGIN","username":"anonymous"}\n')
        self.hears(b"LOGIN_SUCCESS")

    def hears(self, words: bytes, seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while words not in self._heard:
            self._socket.settimeout(max(0.01, until - time.monotonic()))
            data = self._socket.recv(65536)
            assert data, f"{words!r} was not heard, but {self._heard!r}"
            self._heard += data

    def is_let_go(self, seconds: float = 20.0) -> None:
        """Wait until the server has closed the connection, in order."""
        self._socket.settimeout(seconds)
        while data := self._socket.recv(65536):
            self._heard += data

    def says(self, words: bytes) -> None:
        """Post a note."""
        activity = b'{"type":"Create","object":{"type":"Note","content":"%b"}}' % words
        self._socket.sendall(b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":%b}\n' % activity)

    def close(self) -> None:
        self._socket.close()
