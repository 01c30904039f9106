"""The application as a process on a terminal of its own."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.pseudo import ALTERNATE_SCREEN_OFF, CURSOR_ON, Terminal
from tui.screens.dialog import READING_TIME


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(
        tmp_path, "serve", "--host", "127.0.0.1", "--port", "0", "--name", "ada", "--data-dir", str(tmp_path / "node")
    )
    yield found
    found.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order_and_gives_the_terminal_back(terminal, number):
    terminal.has("Welcome")
    terminal.process.send_signal(number)
    assert terminal.wait() == 0
    assert ALTERNATE_SCREEN_OFF in terminal.output
    assert CURSOR_ON in terminal.output
    assert b"Traceback" not in terminal.output


SLOW_APPLICATION = """
import asyncio
from textual.app import App
begin = App._process_messages
async def begin_late(self, *arguments, **options):
    await asyncio.sleep(3)
    return await begin(self, *arguments, **options)
App._process_messages = begin_late
"""


@pytest.mark.slow
def test_a_server_that_is_ready_before_its_screen_has_a_driver_is_shown(tmp_path):
    found = Terminal(
        tmp_path,
        *("serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "node")),
        patch=SLOW_APPLICATION,
    )
    try:
        found.has("Welcome")
    finally:
        found.close()


def test_quitting_by_key_ends_it_with_status_0(terminal):
    terminal.has("Welcome")
    os.write(terminal.master, b"\x11")
    terminal.has("Stop this server?")
    time.sleep(READING_TIME + 0.2)  # a person has read it by then, and not before
    os.write(terminal.master, b"y\r")
    assert terminal.wait() == 0
    assert ALTERNATE_SCREEN_OFF in terminal.output


def test_a_port_that_is_taken_is_said_in_one_sentence(terminal, tmp_path):
    terminal.has("Welcome")

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
    terminal.has("Welcome")
    terminal.vanish()
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.wait(20) is not None


def test_a_data_directory_that_goes_away_is_shown_as_a_disk_that_fails(tmp_path: Path) -> None:
    data = tmp_path / "data"
    terminal = Terminal(
        tmp_path / "home", "serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(data), "-u", "anonymous"
    )
    try:
        terminal.has("rite to everybody")
        data.rename(tmp_path / "elsewhere")
        terminal.has("disk fails")
        assert terminal.process.poll() is None
    finally:
        terminal.close()
