"""The application as a process on a terminal of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.screens.dialog import READING_TIME

ALTERNATE_SCREEN_OFF = b"\x1b[?1049l"
CURSOR_ON = b"\x1b[?25h"


class Terminal:
    """A pseudo-terminal with the application on it."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""}
        environment.update({f"XDG_{name}_HOME": str(home / name) for name in ("DATA", "CONFIG", "STATE", "CACHE")})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.output = b""

    def read_until(self, wanted: bytes, seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while wanted not in self.output:
            left = until - time.monotonic()
            assert left > 0, f"{wanted!r} did not come: {self.output[-2000:]!r}"
            self._read(min(left, 0.2))

    def _read(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)

    def wait(self, seconds: float = 20.0) -> int:
        """The exit status."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self._read(0.05)
        while select.select([self.master], [], [], 0.1)[0] and self._read(0.0):
            pass
        return self.process.wait(1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        with contextlib.suppress(OSError):
            os.close(self.master)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(
        tmp_path, "serve", "--host", "127.0.0.1", "--port", "0", "--name", "ada", "--data-dir", str(tmp_path / "node")
    )
    yield found
    found.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order_and_gives_the_terminal_back(terminal, number):
    terminal.read_until(b"Welcome")
    terminal.process.send_signal(number)
    assert terminal.wait() == 0
    assert ALTERNATE_SCREEN_OFF in terminal.output
    assert CURSOR_ON in terminal.output
    assert b"Traceback" not in terminal.output


def test_quitting_by_key_ends_it_with_status_0(terminal):
    terminal.read_until(b"Welcome")
    os.write(terminal.master, b"\x11")
    terminal.read_until(b"Stop this server?")
    time.sleep(READING_TIME + 0.2)  # a person has read it by then, and not before
    os.write(terminal.master, b"y\r")
    assert terminal.wait() == 0
    assert ALTERNATE_SCREEN_OFF in terminal.output


def test_a_port_that_is_taken_is_said_in_one_sentence(terminal, tmp_path):
    terminal.read_until(b"Welcome")

    found = re.search(rb"join 127\.0\.0\.1:(\d+)", terminal.output)
    assert found is not None
    other = Terminal(tmp_path, "serve", "--host", "127.0.0.1", "--port", found[1].decode(), "--data-dir", str(tmp_path))
    try:
        assert other.wait() == 5
        assert b"Traceback" not in other.output
        assert ALTERNATE_SCREEN_OFF not in other.output
    finally:
        other.close()


def test_closing_the_window_ends_it_although_nothing_can_be_painted_any_more(terminal):
    terminal.read_until(b"Welcome")
    os.close(terminal.master)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.wait(20) is not None
