"""A server in a stranger's terminal: nothing that it sends, and nothing that becomes of it, ends the server."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.pseudo import ALTERNATE_SCREEN_OFF, ALTERNATE_SCREEN_ON, CURSOR_ON, Stranger, Terminal
from tests.terminal.test_answers import ANSWERS

SERVE = ("serve", "--host", "127.0.0.1", "--port", "0", "--name", "ada", "--data-dir")
COMPOSER = "Write to everybody"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path, *SERVE, str(tmp_path / "node"))
    found.read_until(b"Welcome")
    yield found
    found.close()


def look_around(terminal: Terminal) -> None:
    """Close the dialog that asks who one is, and begin to write."""
    terminal.type(b"\x1b[27u")
    terminal.has(COMPOSER)
    terminal.until(lambda: "Welcome" not in terminal.screen.text, "the end of the dialog")


CLEARED = b"\x15"
"""Ctrl+U: the line is empty again."""


def writes(terminal: Terminal, words: str) -> None:
    """Type some words and see them in the line, alone."""
    terminal.type(words.encode())
    terminal.has(words)
    terminal.until(lambda: line(terminal) == words, f"a line that is {words!r}", 5)


def line(terminal: Terminal) -> str:
    """What stands in the line where one writes."""
    rows = [row for row in terminal.screen.text.splitlines() if "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}" in row]
    assert rows, terminal.screen.text
    return (
        rows[-1]
        .strip("\N{BOX DRAWINGS LIGHT VERTICAL} ")
        .removeprefix("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}")
        .strip()
    )


def test_what_is_typed_while_the_server_starts_is_the_name_that_the_first_dialog_asks_for(tmp_path: Path):
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"))
    try:
        terminal.read_until(ALTERNATE_SCREEN_ON)
        terminal.type(b"grace")
        terminal.has("Welcome")
        terminal.has("grace")
        terminal.has(COMPOSER)
    finally:
        terminal.close()


def test_bytes_that_are_no_text_are_nothing(terminal):
    look_around(terminal)
    for data in (b"\xff", b"\xfc", b"\xe2\x82", b"\x80\x81\xfe"):
        terminal.type(data)
        writes(terminal, f"after {data.hex()}")
        terminal.type(CLEARED)
    Stranger(terminal.port).close()


@pytest.mark.slow
def test_what_a_terminal_answers_is_nothing_whole_and_in_pieces(terminal):
    look_around(terminal)
    for number, answer in enumerate(ANSWERS.values()):
        if answer != ANSWERS["a string without end"]:
            terminal.type(answer)
        if number % 6 == 0:
            terminal.type(answer, pieces=1, pause=0.01)
    writes(terminal, "then a word")
    terminal.type(b"\x1b", pause=0.4)
    terminal.type(b"]11;rgb:1e1e/1e1e", pause=0.4)
    terminal.type(b"/2e2e\x1b", pause=0.4)
    terminal.type(b"\\", pause=0.4)
    # The Escape key, which is what it began with, leads to the feed, and a key there back to the line.
    terminal.type(b"i", pause=1.0)
    terminal.type(b"!")
    terminal.has("then a word!")
    assert line(terminal) == "then a word!"
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 0


MEANINGLESS = (
    b"\x1b[1114112u",
    b"\x1b[97:65;2;65u\x15",
    b"\x1b[97;1:1:1u",
    b"\x1b[<0;0;0M",
    b"\x1b[48;0;0;0;0t\x1b[<35;1;1M\x1b[<35;2;2M",
    b"\x1b[?2048;2$y\x1b[48;50000;50000;1;1t\x1b[<35;9;9M",
    b"\x1b[<35;" + b"9" * 5000 + b";1M",
)


def test_keys_and_mouse_reports_whose_numbers_mean_nothing_are_nothing(terminal):
    look_around(terminal)
    for number, data in enumerate(MEANINGLESS):
        terminal.type(data)
        writes(terminal, f"after {number}")
        terminal.type(CLEARED)


@pytest.mark.slow
def test_the_server_goes_on_while_the_terminal_takes_nothing(terminal):
    look_around(terminal)
    port = terminal.port
    # Each size is a whole frame, and nobody reads any.
    for width in range(100, 160):
        terminal.resize(width, 50)
        time.sleep(0.1)
        if width % 10 == 0:
            Stranger(port).close()
    terminal.resize(80, 24)
    writes(terminal, "a word")


@pytest.mark.slow
def test_a_terminal_that_takes_nothing_any_more_does_not_keep_a_server_from_leaving(terminal):
    look_around(terminal)
    for width in range(100, 200):
        terminal.resize(width, 50)
        time.sleep(0.02)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(30) == 0


def test_a_terminal_that_goes_without_a_word_takes_the_server_out_in_order(terminal):
    look_around(terminal)
    terminal.vanish()
    assert terminal.process.wait(30) == 0


def test_a_window_that_is_closed_tells_it_again_and_again_and_everybody_is_handed_over_all_the_same(terminal):
    look_around(terminal)
    terminal.process.send_signal(signal.SIGCONT)
    while terminal.process.poll() is None:
        terminal.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    assert terminal.process.returncode == 0


@pytest.mark.slow
def test_being_stopped_gives_the_terminal_back_and_going_on_takes_it_again(terminal):
    look_around(terminal)
    writes(terminal, "a word")
    terminal.forget()
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.read_until(ALTERNATE_SCREEN_OFF)
    terminal.until(lambda: state(terminal) == "T", "being stopped")
    assert terminal.is_as_it_was()
    terminal.forget()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read_until(ALTERNATE_SCREEN_ON)
    terminal.has("a word")
    assert not terminal.is_as_it_was()
    # Stopped without having been asked, and the terminal changed meanwhile.
    terminal.process.send_signal(signal.SIGSTOP)
    terminal.until(lambda: state(terminal) == "T", "being stopped")
    terminal.forget()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read_until(ALTERNATE_SCREEN_ON)
    terminal.has("a word")


def state(terminal: Terminal) -> str:
    return Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


SIZES = ((1, 1), (2, 1), (1, 30), (200, 1), (0, 0), (3, 3), (10, 4), (65535, 65535))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (0, 0), (65535, 65535)])
def test_a_window_of_any_size_is_lived_with(tmp_path, size):
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), size=size)
    try:
        terminal.read_until(ALTERNATE_SCREEN_ON)
        terminal.type(b"\x1b[27u\x1b[<0;1;1M\x1b[<0;1;1m\x1bOQ\t\t\x1b[A")
        time.sleep(0.5)
        terminal.resize(80, 24)
        terminal.has("F1 Help")
        for other in SIZES:
            terminal.resize(*other)
            time.sleep(0.3)
            assert b"failed" not in terminal.output
            terminal.forget()
            terminal.resize(80, 24)
            terminal.has("F1 Help")
        terminal.forget()
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
        assert b"failed" not in terminal.output
    finally:
        terminal.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "unknown-9000", "linux", "vt100", "xterm"])
def test_a_terminal_of_any_name_is_lived_with(tmp_path, name):
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), environment={"TERM": name})
    try:
        terminal.read_until(b"Welcome")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
    finally:
        terminal.close()


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "</dev/null", "</dev/zero", ">/dev/null", "<&- >&-"])
def test_without_a_keyboard_or_a_screen_it_says_so_in_one_sentence(tmp_path, redirection):
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), redirection=redirection)
    try:
        assert terminal.wait() == 2
        assert "needs a terminal for its screen" in terminal.text
        assert "Traceback" not in terminal.text and ALTERNATE_SCREEN_ON not in terminal.output
    finally:
        terminal.close()


def test_narration_may_go_into_a_file_while_the_screen_is_on_the_terminal(tmp_path):
    file = tmp_path / "narration"
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), redirection=f"2>{file}")
    try:
        terminal.has("Welcome")
        look_around(terminal)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
        assert CURSOR_ON in terminal.output
        assert b"\x1b" not in file.read_bytes()
    finally:
        terminal.close()
