"""The screen is a process beside the server's: whichever of the two ends, the terminal comes back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.pseudo import ALTERNATE_SCREEN_OFF, ALTERNATE_SCREEN_ON, Stranger, Terminal
from tests.terminal.test_own_terminal import SERVE, look_around, state, writes
from tests.terminal.test_screen_faults import WITHOUT_A_SCREEN

SECRET = "of-the-network-alone"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path, *SERVE, str(tmp_path / "node"))
    found.read_until(b"Welcome")
    yield found
    found.close()


def screen_of(terminal: Terminal) -> int:
    """The process with the screen: the only one that the server's has started."""
    [child] = children_of(terminal.process.pid)
    return child


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may have ended since it was listed.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_screen_that_is_killed_leaves_the_server_running_and_the_person_decides(terminal):
    look_around(terminal)
    stranger = Stranger(terminal.port)
    for _ in range(2):
        terminal.forget()
        os.kill(screen_of(terminal), signal.SIGKILL)
        terminal.read_until(WITHOUT_A_SCREEN)
        assert terminal.is_as_it_was()
        assert ALTERNATE_SCREEN_OFF in terminal.output and b"SIGKILL" in terminal.output
        assert not children_of(terminal.process.pid)
        other = Stranger(terminal_port(stranger))
        stranger.says(b"nobody looks")
        other.hears(b"nobody looks")
        terminal.forget()
        terminal.type(b"\r")
        terminal.read_until(ALTERNATE_SCREEN_ON)
        # Nobody had logged in, so the person is asked again.
        terminal.has("Welcome")
        terminal.has("was started again")
    os.kill(screen_of(terminal), signal.SIGKILL)
    terminal.read_until(WITHOUT_A_SCREEN)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.wait() == 1
    assert "leaves the network in order" in terminal.text
    stranger.is_let_go()


def terminal_port(stranger: Stranger) -> int:
    port: int = stranger._socket.getpeername()[1]
    return port


@pytest.mark.slow
def test_who_was_logged_in_is_so_again_when_the_screen_has_been_killed(tmp_path):
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), "--user", "anonymous")
    try:
        terminal.has("you are anonymous")
        writes(terminal, "said before")
        terminal.type(b"\r")
        terminal.has("anonymous    said before")
        terminal.forget()
        os.kill(screen_of(terminal), signal.SIGKILL)
        terminal.read_until(WITHOUT_A_SCREEN)
        terminal.type(b"\r")
        terminal.has("you are anonymous")
        terminal.has("said before")
    finally:
        terminal.close()


def test_a_server_that_is_killed_takes_its_screen_with_it_and_the_terminal_comes_back(terminal):
    look_around(terminal)
    screen = screen_of(terminal)
    terminal.forget()
    terminal.process.send_signal(signal.SIGKILL)
    terminal.read_until(ALTERNATE_SCREEN_OFF)
    terminal.has("process has ended")
    terminal.has("starts it again")
    terminal.until(lambda: not is_there(screen), "the end of the screen's process")
    assert terminal.is_as_it_was()


def test_a_server_that_leaves_leaves_no_process_behind(terminal):
    look_around(terminal)
    screen = screen_of(terminal)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 0
    assert not is_there(screen)


def test_a_screen_that_is_started_again_reads_no_module_that_lies_where_the_server_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"))
    try:
        terminal.read_until(b"Welcome")
        look_around(terminal)
        (tmp_path / "msgspec.py").write_text("raise SystemExit('this is not what was asked for')\n")
        terminal.forget()
        os.kill(screen_of(terminal), signal.SIGKILL)
        terminal.read_until(WITHOUT_A_SCREEN)
        terminal.type(b"\r")
        terminal.has("Welcome")
    finally:
        terminal.close()


@pytest.mark.slow
def test_a_screen_that_hangs_is_ended_by_a_server_that_is_told_to_leave(tmp_path):
    patch = "import tui.own_screen.screen_keeper\ntui.own_screen.screen_keeper.ANSWER_LIMIT = 0.5"
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), patch=patch)
    try:
        terminal.read_until(b"Welcome")
        look_around(terminal)
        stranger = Stranger(terminal.port)
        screen = screen_of(terminal)
        os.kill(screen, signal.SIGSTOP)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 1
        assert not is_there(screen)
        assert terminal.is_as_it_was()
        assert "leaves the network in order" in terminal.text
        stranger.is_let_go()
    finally:
        terminal.close()


@pytest.mark.slow
def test_a_signal_to_the_whole_job_is_one_wish_to_leave(terminal):
    look_around(terminal)
    stranger = Stranger(terminal.port)
    for pid in (screen_of(terminal), terminal.process.pid):
        os.kill(pid, signal.SIGTERM)
    assert terminal.wait() == 0
    stranger.is_let_go()


@pytest.mark.slow
def test_server_and_screen_are_stopped_and_go_on_together(terminal):
    look_around(terminal)
    screen = screen_of(terminal)
    for _ in range(2):
        terminal.forget()
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(lambda: state(terminal) == "T", "being stopped")
        assert terminal.is_as_it_was()
        # A size that nobody paints for now.
        terminal.resize(90, 30)
        os.kill(screen, signal.SIGWINCH)
        terminal.forget()
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(ALTERNATE_SCREEN_ON)
        terminal.has("F1 Help")


def has_shell_do(terminal: Terminal, command: bytes) -> None:
    """Whoever types this fast may be too fast for a shell that has only just got its terminal back."""
    for last in (False, False, True):
        terminal.forget()
        terminal.type(command + b"\n")
        try:
            terminal.read_until(b"shell> ", 30.0 if last else 5.0)
        except AssertionError:
            if last:
                raise
        else:
            return


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["sh -i", "bash --norc -i"])
def test_a_server_that_was_sent_to_the_background_has_its_screen_again_in_the_foreground(tmp_path, shell):
    """A shell like bash has a job continue that is stopped, and says nothing to one that goes on in the background."""
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"{shell} is not here")
    terminal = Terminal(tmp_path, *SERVE, str(tmp_path / "node"), interactive=shell, environment={"PS1": "shell> "})
    try:
        terminal.read_until(b"shell> ")
        terminal.type(terminal.command.encode() + b"\n")
        terminal.has("Welcome")
        stranger = Stranger(terminal.port)
        [server] = children_of(terminal.process.pid)
        for _ in range(2):
            terminal.forget()
            os.kill(server, signal.SIGTSTP)
            terminal.read_until(b"shell> ")
            has_shell_do(terminal, b"bg")
            other = Stranger(terminal_port(stranger))
            stranger.says(b"served in the background")
            other.hears(b"served in the background")
            has_shell_do(terminal, b"")
            terminal.forget()
            terminal.type(b"fg\n")
            terminal.read_until(ALTERNATE_SCREEN_ON)
            terminal.has("Register and come in")
    finally:
        terminal.close()


def test_a_server_that_cannot_start_says_so_on_a_terminal_that_nobody_has_touched(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = ("serve", "--host", "127.0.0.1", "--port", str(taken.getsockname()[1]))
        terminal = Terminal(tmp_path, *arguments, "--data-dir", str(tmp_path / "node"))
        try:
            assert terminal.wait() == 5
            assert "already" in terminal.text
            assert b"\x1b" not in terminal.output
        finally:
            terminal.close()


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_is_stopped_leaves_no_screen_behind(terminal):
    look_around(terminal)
    screen = screen_of(terminal)
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until(lambda: state(terminal) == "T", "being stopped")
    terminal.process.send_signal(signal.SIGKILL)
    terminal.until(lambda: not is_there(screen), "the end of the screen's process")
    assert terminal.is_as_it_was()


@pytest.mark.parametrize("arguments", [("--port", "x"), ("--nonsense",), ("--help",)])
def test_what_is_no_start_leaves_no_process(tmp_path, arguments):
    # The process group is the session's own, so whoever is left would be found in it.
    terminal = Terminal(tmp_path, "serve", *arguments)
    try:
        assert terminal.wait() == (0 if arguments == ("--help",) else 2)
        with pytest.raises(ProcessLookupError):
            os.killpg(terminal.process.pid, 0)
        assert b"\x1b" not in terminal.output
    finally:
        terminal.close()


@pytest.mark.slow
def test_no_secret_is_on_a_command_line_or_in_the_environment_of_a_screen_that_is_started_again(tmp_path):
    terminal = Terminal(
        tmp_path, *SERVE, str(tmp_path / "node"), "--secret", SECRET, environment={"ACTIVITY_TUI_USER_SECRET": SECRET}
    )
    try:
        terminal.read_until(b"Welcome")
        assert SECRET.encode() not in Path(f"/proc/{screen_of(terminal)}/cmdline").read_bytes()
        os.kill(screen_of(terminal), signal.SIGKILL)
        terminal.read_until(WITHOUT_A_SCREEN)
        terminal.forget()
        terminal.type(b"\r")
        terminal.read_until(b"Welcome")
        screen = screen_of(terminal)
        for file in ("cmdline", "environ"):
            assert SECRET.encode() not in Path(f"/proc/{screen}/{file}").read_bytes()
        # It knows the network's secret all the same: its operator may invite others.
        terminal.type(b"\x1b[27u\x1b[19~")
        terminal.has("How others join")
        terminal.type(b"w")
        terminal.has(SECRET)
    finally:
        terminal.close()
