"""One SSH session: a terminal with the application in it, or a command without one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import asyncssh

from core.wire import ANONYMOUS, Address
from tui.model.visitors import SessionView
from tui.script.exit_status import ExitStatus
from tui.script.script_commands import split
from tui.ssh.applications.application_runner import FAILED, ApplicationFailed, ApplicationRunner
from tui.ssh.applications.terminals import SIZE_MAX, SIZE_MIN, kitty_keys, plausible_size
from tui.ssh.commands import ssh_commands
from tui.ssh.commands.command_channel import CommandChannel
from tui.ssh.commands.line_input import LineInput
from tui.terminal.terminal_kinds import has_screen
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from tui.ssh.ssh_connection import SSHConnection
    from tui.ssh.ssh_server import SSHServer

log = logging.getLogger(__name__)

OUTPUT_HIGH: Final = 128 * 1024
"""Bytes that wait for a client before its screen is painted no more, until it has read a good part of them."""
INPUT_HIGH: Final = 64 * 1024
"""Bytes of input that wait to be read before the client has to."""
END_OF_WRITE: Final = "_process_eow_at_openssh_dot_com_request"
NO_SCREEN: Final = (
    "activity-tui: the application needs a terminal in which it can place the cursor, and yours says that it is {}.\n"
    "`ssh HOST help` tells what works without; a TERM that says what your terminal is, such as xterm, opens it.\n"
)
NO_TERMINAL: Final = (
    "activity-tui: the application needs a terminal, and this session has none. `ssh -t` asks for one;\n"
    "`ssh HOST help` tells what works without.\n"
)


class SSHSession(asyncssh.SSHServerSession[bytes]):
    """What asyncssh tells about a session's channel. It is the terminal of the application that runs in it."""

    def __init__(self, server: SSHServer, connection: SSHConnection) -> None:
        self._server = server
        self._connection = connection
        self._chan: asyncssh.SSHServerChannel[bytes] | None = None
        self._runner: ApplicationRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self._command = ""
        self._has_terminal = False
        self._size = (80, 24)
        self._farewell = ""
        self._ended = False
        self._idle: asyncio.TimerHandle | None = None
        self._held = False
        self._full: set[str] = set()
        self._typed_at: float | None = None
        self._since = time.time()
        self._bytes_in = self._bytes_out = 0
        self._lag = 0.0
        self.number = 0
        self.terminal = ""
        self.environment: dict[str, str] = {}
        self.io = CommandChannel(self._write_lines, self._pause_reading)
        self._lines = LineInput(self.io.received, self.write, self.io.ended, self.io.interrupted)
        self.over = asyncio.Event()

    # --- the channel --------------------------------------------------------------------------------------------------

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan
        chan.set_write_buffer_limits(OUTPUT_HIGH)
        # asyncssh finds what answers a request by its name.
        setattr(chan, END_OF_WRITE, self._end_of_write)
        self._connection.session_opened(self)
        self.number = self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._chan = None
        self._connection.session_closed(self)
        self.io.closed()
        if self._idle is not None:
            self._idle.cancel()
        if self._runner is not None:
            self._runner.leave(int(ExitStatus.FAILURE))
        elif self._task is not None:
            self._task.cancel()
        if self._task is None:
            self._finished()

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        self._has_terminal = True
        self.terminal = neutralise(term_type, 40)
        self._size = plausible_size(term_size[0], term_size[1])
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        if self._chan is None:
            return
        self.environment = {
            str(name): str(value)[:200] for name, value in list(self._chan.get_environment().items())[:64]
        }
        self._heard()
        self._task = asyncio.create_task(self._run(), name=f"ssh session {self.number}")

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._bytes_in += len(data)
        self._heard()
        if self._runner is not None:
            if self._typed_at is None:
                self._typed_at = time.perf_counter()
            self._runner.feed(data)
            self.has_read()
        elif self._has_terminal and self._is_command:
            self._lines.typed(data)
        else:
            self.io.received(data)

    def eof_received(self) -> bool:
        self.io.ended()
        if self._runner is not None:
            self.farewell("", None)
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self._size = plausible_size(width, height)
        if self._runner is not None:
            self._runner.resized(*self._size)

    def _end_of_write(self, packet: object) -> bool:
        """OpenSSH can write no more of what we send: who read it has gone. Without a word it would be read for ever."""
        self.io.unread()
        if self._runner is not None:
            self.farewell("", None)
        return True

    def break_received(self, msec: int) -> bool:
        return False

    def signal_received(self, signal: str) -> None:
        if signal in ("INT", "TERM", "HUP", "QUIT"):
            self.io.interrupted()
            self.farewell("", None)

    def pause_writing(self) -> None:
        self.full("channel")

    def resume_writing(self) -> None:
        self.drained("channel")

    def full(self, where: str) -> None:
        """The channel or the connection's socket takes no more."""
        if not self._full:
            self.io.pause()
            if self._runner is not None:
                self._runner.full()
        self._full.add(where)

    def drained(self, where: str) -> None:
        """The channel or the connection's socket takes more again."""
        if where in self._full:
            self._full.discard(where)
            if not self._full:
                self.io.resume()
                if self._runner is not None:
                    self._runner.drained()

    def has_read(self) -> None:
        """Take no more from the client than the application reads."""
        waiting = self._runner.unread if self._runner is not None else 0
        if waiting > INPUT_HIGH and not self._held:
            self._held = True
            self._pause_reading(True)
        elif waiting < INPUT_HIGH // 2 and self._held:
            self._held = False
            self._pause_reading(False)

    def _pause_reading(self, paused: bool) -> None:
        if self._chan is not None:
            if paused:
                self._chan.pause_reading()
            else:
                self._chan.resume_reading()

    def _heard(self) -> None:
        limit = self._server.settings.idle_limit
        if limit > 0:
            if self._idle is not None:
                self._idle.cancel()
            text = f"Nothing was typed for {limit:g} seconds."
            self._idle = asyncio.get_running_loop().call_later(limit, self.farewell, text, None)

    # --- the terminal -------------------------------------------------------------------------------------------------

    def write(self, data: bytes, *, error: bool = False) -> None:
        """Send to the person's terminal, or to their standard output or error."""
        if self._chan is None:
            return
        self._bytes_out += len(data)
        if self._typed_at is not None:
            self._lag = time.perf_counter() - self._typed_at
            self._typed_at = None
        with contextlib.suppress(BrokenPipeError, OSError):
            self._chan.write(data, asyncssh.EXTENDED_DATA_STDERR if error else None)

    def _write_lines(self, data: bytes, *, error: bool = False) -> None:
        """The output of a command: on a terminal, which is in raw mode, lines end with a carriage return too."""
        self.write(data.replace(b"\n", b"\r\n") if self._has_terminal else data, error=error)

    @property
    def _is_command(self) -> bool:
        """Whether a command runs, and not the application."""
        words = split(self._command)
        return bool(words) and not (self._has_terminal and words[0] == "feed")

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def kitty(self) -> bool:
        return kitty_keys(self.terminal)

    @property
    def term(self) -> str:
        return self.terminal

    # --- what runs in it ----------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The address that the person comes from."""
        return self._connection.host

    @property
    def user(self) -> str:
        remote_user = self._connection.remote_user
        return remote_user.name if remote_user is not None else ANONYMOUS

    async def _run(self) -> None:
        status: int = ExitStatus.FAILURE
        try:
            words = split(self._command)
            if self._has_terminal and not self._is_command and not has_screen(self.terminal):
                self._write_lines(NO_SCREEN.format(self.terminal).encode())
            elif self._has_terminal and not self._is_command:
                status = await self._run_application(" ".join(words[1:]))
            elif not words:
                self.write(NO_TERMINAL.encode(), error=True)
            else:
                remote_user = self._connection.remote_user
                assert remote_user is not None
                self.io.host = self.host
                self.io.terminal_size = lambda: self._size if self._has_terminal else None
                self.io.hide = self._hide
                status = await ssh_commands.run(self._command, self.io, self._server, remote_user)
        except asyncio.CancelledError:
            status = ExitStatus.INTERRUPTED
        except Exception:
            log.exception("an SSH session failed")
            self._farewell = FAILED
        finally:
            self._finish(status)

    def _hide(self, hidden: bool) -> None:
        self._lines.hidden = hidden

    async def _run_application(self, query: str) -> int:
        runner = self._runner = self._server.runner_for(self, self._connection, query)
        runner.feed(self.io.take())
        if self._ended:
            runner.leave(ExitStatus.DONE)
        elif self._full:
            runner.full()
        try:
            status = await runner.run()
            if not self._farewell and status == ExitStatus.DONE:
                self._farewell = self._server.left_words(self.user)
            return status
        except ApplicationFailed as failed:
            self._farewell = str(failed)
            return ExitStatus.FAILURE

    def farewell(self, reason: str, successor: Address | None) -> None:
        """End the session; `reason` is the line that the person is left with."""
        if self._ended:
            return
        self._ended = True
        self._farewell = reason
        if successor is not None:
            self._farewell += f" {self._server.way_on(successor, self.user)}"
        self.io.interrupted()
        if self._runner is not None:
            self._runner.leave(int(ExitStatus.DONE))

    def _finish(self, status: int) -> None:
        """Give the terminal back as it was, with one line that says what happened."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.give_back()
        self.io.flush()
        if self._chan is not None:
            if self._farewell:
                line = f"activity-tui: {neutralise(self._farewell, 500)}"
                end = "\r\n" if self._has_terminal else "\n"
                self.write((line + end).encode(), error=not self._has_terminal)
            with contextlib.suppress(OSError):
                self._chan.exit(int(status))
        self._finished()

    def _finished(self) -> None:
        self._server.closed(self.number)
        self.over.set()

    def view(self) -> SessionView:
        return SessionView(
            self.number,
            self.user,
            self._connection.host,
            self._connection.client,
            self.terminal,
            self._size if self._has_terminal else (0, 0),
            self._since,
            self._bytes_in,
            self._bytes_out,
            self._lag,
            neutralise(self._command, 60),
        )


__all__ = ["SIZE_MAX", "SIZE_MIN", "SSHSession"]
