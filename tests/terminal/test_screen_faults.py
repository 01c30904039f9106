"""A fault of the screen: the terminal comes back, a report stands where it says, and the server goes on or leaves."""

from __future__ import annotations

import contextlib
import re
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.terminal.pseudo import ALTERNATE_SCREEN_OFF, ALTERNATE_SCREEN_ON, CURSOR_ON, Stranger, Terminal
from tests.terminal.test_own_terminal import SERVE, look_around, writes
from tui.application import fault_report

SECRET = "the value of a variable"
PASTE_FAILS = f"""
from tui.widgets.composer import Composer
def fails(self, event):
    secret = {SECRET!r}
    raise ValueError("a fault")
Composer._on_paste = fails
"""
PASTE = b"\x1b[200~x\x1b[201~"

Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the application with a fault planted."""
    with contextlib.ExitStack() as stack:

        def made(patch: str, *, welcome: bool = True) -> Terminal:
            terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), patch=patch)
            stack.callback(terminal.close)
            if welcome:
                terminal.read_until(b"Welcome")
            return terminal

        yield made


def report_of(terminal: Terminal) -> Path:
    """The report that the last message names."""
    text = re.sub(r"[\r\n]", "", terminal.text)
    names = re.findall(r"/\S*?screen-\S*?\.txt", text)
    assert names, text[-2000:]
    return Path(names[-1])


def check_report(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "ValueError: a fault" in text and "Traceback" in text
    assert SECRET not in text.replace(f"secret = {SECRET!r}", "")


def test_after_a_fault_the_screen_is_started_again_and_everything_else_has_gone_on(start, tmp_path):
    terminal = start(PASTE_FAILS)
    look_around(terminal)
    stranger = Stranger(terminal.port)
    writes(terminal, "half a thought")
    port = terminal.port
    terminal.forget()
    terminal.type(PASTE)
    terminal.read_until(ALTERNATE_SCREEN_OFF)
    terminal.read_until(ALTERNATE_SCREEN_ON)
    terminal.has("The screen was started again")
    terminal.has("half a thought")
    assert "Traceback" not in terminal.text and SECRET not in terminal.text
    [report] = (tmp_path / "node" / fault_report.FOLDER).iterdir()
    check_report(report)
    assert terminal.port == port
    other = Stranger(port)
    stranger.says(b"still here")
    other.hears(b"still here")


WITHOUT_A_SCREEN = b"Press Enter to start the screen again"


@pytest.mark.slow
def test_after_a_second_fault_soon_the_server_goes_on_and_the_person_decides(start):
    terminal = start(PASTE_FAILS)
    look_around(terminal)
    port = terminal.port
    stranger = Stranger(port)
    terminal.type(PASTE)
    terminal.has("The screen was started again")
    for _ in range(2):
        terminal.forget()
        terminal.type(PASTE)
        terminal.read_until(WITHOUT_A_SCREEN)
        after = terminal.output[terminal.output.rindex(ALTERNATE_SCREEN_OFF) :]
        assert CURSOR_ON in after and ALTERNATE_SCREEN_ON not in after
        assert b"Traceback" not in after and SECRET.encode() not in after
        check_report(report_of(terminal))
        other = Stranger(port)
        stranger.says(b"nobody looks")
        other.hears(b"nobody looks")
        terminal.forget()
        terminal.type(b"\r")
        terminal.read_until(ALTERNATE_SCREEN_ON)
        terminal.has("was started again")
    terminal.forget()
    terminal.type(PASTE)
    terminal.read_until(WITHOUT_A_SCREEN)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.wait() == 1
    assert terminal.is_as_it_was()
    assert "leaves the network in order" in terminal.text
    stranger.is_let_go()


@pytest.mark.slow
def test_a_server_whose_screen_has_failed_twice_leaves_when_its_terminal_closes(start):
    terminal = start(PASTE_FAILS)
    look_around(terminal)
    stranger = Stranger(terminal.port)
    terminal.type(PASTE)
    terminal.has("The screen was started again")
    terminal.type(PASTE)
    terminal.read_until(WITHOUT_A_SCREEN)
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.wait() == 1
    stranger.is_let_go()


FAULTS = {
    "painting": """
from textual.screen import Screen
def fails(self): raise ValueError("a fault")
from tui.widgets.feed_view import FeedView
FeedView.render_line = lambda self, y: fails(self)
""",
    "a timer": """
from tui.application.app import ActivityApp
def fails(self): raise ValueError("a fault")
ActivityApp._look = fails
""",
    "the first frame": """
from tui.application.app import ActivityApp
def fails(self): raise ValueError("a fault")
ActivityApp.on_ready = fails
""",
    "composing": """
from tui.screens.main_screen import MainScreen
def fails(self): raise ValueError("a fault")
MainScreen.compose = fails
""",
    "the styles": """
from tui.application.app import ActivityApp
ActivityApp.CSS = "Screen { nonsense: 1 "
""",
    "the driver": """
from tui.terminal.local import LocalDriver
def fails(self): raise ValueError("a fault")
LocalDriver.start_application_mode = fails
""",
    "giving the terminal back": """
from tui.terminal.local import LocalDriver
from tui.terminal.terminal_driver import TerminalDriver
def fails(self): raise ValueError("a fault")
LocalDriver._give = TerminalDriver.stop_application_mode
LocalDriver.disable_input = fails
from tui.widgets.feed_view import FeedView
FeedView.render_line = lambda self, y: fails(self)
""",
    "taking the screen down": """
from tui.application.app import ActivityApp
def fails(self): raise ValueError("a fault")
ActivityApp.on_ready = fails
ActivityApp.on_unmount = fails
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("patch", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_is_there_from_the_beginning_leaves_a_server_that_ends_in_order(start, patch):
    terminal = start(patch, welcome=False)
    terminal.read_until(WITHOUT_A_SCREEN)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.wait() == 1
    assert terminal.is_as_it_was()
    if ALTERNATE_SCREEN_ON in terminal.output:
        assert terminal.output.count(ALTERNATE_SCREEN_OFF) >= terminal.output.count(ALTERNATE_SCREEN_ON)
        assert terminal.output.rindex(CURSOR_ON) > terminal.output.rindex(ALTERNATE_SCREEN_ON)
    assert "leaves the network in order" in terminal.text
    assert "Traceback" not in terminal.text
    assert report_of(terminal).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("function", ["read", "write"])
def test_a_thread_of_the_terminal_that_fails_takes_the_server_out_in_order(start, function):
    terminal = start(
        f"""
import os
real = os.{function}
def fails(fd, argument):
    import threading
    if threading.current_thread().name == "terminal {"input" if function == "read" else "output"}":
        raise MemoryError
    return real(fd, argument)
os.{function} = fails
""",
        welcome=False,
    )
    if function == "read":
        terminal.read_until(b"Welcome")
        terminal.type(b"x")
    assert terminal.wait() == 0
    assert terminal.is_as_it_was()
    assert "Traceback" not in terminal.text
    if function == "read":
        assert terminal.output.rindex(CURSOR_ON) > terminal.output.rindex(ALTERNATE_SCREEN_ON)


@pytest.mark.slow
def test_a_screen_that_does_not_answer_is_left_behind_by_a_server_that_is_told_to_leave(start):
    terminal = start(
        """
import asyncio
import tui.application.screen_supervisor
tui.application.screen_supervisor.ANSWER_LIMIT = tui.application.screen_supervisor.END_LIMIT = 0.5
from tui.application.app import ActivityApp
async def hangs(self):
    await asyncio.Event().wait()
ActivityApp.action_show_help = hangs
"""
    )
    look_around(terminal)
    terminal.type(b"\x1bOP", pause=0.5)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 1
    assert terminal.is_as_it_was()
    assert "leaves the network in order" in terminal.text


def test_a_report_that_cannot_be_written_is_said_and_nothing_else(start):
    terminal = start(
        PASTE_FAILS
        + """
from tui.application import fault_report
def full(*arguments): raise OSError(28, "No space left on device")
fault_report.write = full
"""
    )
    look_around(terminal)
    terminal.type(PASTE)
    terminal.has("no report of it could")
    terminal.type(b"a word")
    terminal.has("a word")


@pytest.mark.slow
def test_a_client_without_a_server_ends_with_a_sentence(start, tmp_path):
    server = start("pass")
    client = Terminal(tmp_path, "join", f"127.0.0.1:{server.port}", "--user", "anonymous", patch=PASTE_FAILS)
    try:
        client.has("anonymous")
        client.type(b"i" + PASTE)
        client.has("The screen was started again")
        client.type(PASTE)
        assert client.wait() == 1
        assert "network in order" not in client.text and "Traceback" not in client.text
        assert report_of(client).is_file()
    finally:
        client.close()


def test_reports_are_few_and_old_ones_give_way(tmp_path, monkeypatch):
    for number in range(fault_report.KEPT + 5):
        monkeypatch.setattr(time, "time", lambda number=number: 1_800_000_000 + number)
        last = fault_report.write(tmp_path, ValueError(f"fault {number}"))
    files = sorted((tmp_path / fault_report.FOLDER).iterdir())
    assert len(files) == fault_report.KEPT and files[-1] == last
    assert fault_report.write(tmp_path, ValueError("x" * 1_000_000)).stat().st_size <= fault_report.REPORT_MAX
