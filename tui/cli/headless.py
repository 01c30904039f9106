"""A server without a screen: logs to standard error, leaves on SIGTERM, Ctrl+C, or when its terminal closes."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import threading
import time
from collections import deque
from typing import Final, Self

from core.engine import Server
from core.node import Notice
from tui.cli.console import leave_at_once
from tui.cli.loop import narrate_log
from tui.cli.options import NodeOptions
from tui.cli.starting import keep_secret_file, serving_ssh, start_server
from tui.script.exit_status import ExitStatus
from tui.text.invitation import caution, client_command
from tui.text.safe_text import neutralise

LOG_LINES_MAX: Final = 10_000
"""Lines that wait for a slow reader of the log; more are counted, not kept."""
SAME_SIGNAL: Final = 0.1
"""Seconds in which signals count as one: supervisors signal a process and then its whole group (`timeout` does)."""
FLUSH_LIMIT: Final = 2.0
LEAVE_LIMIT: Final = 30.0
"""Seconds after a signal until the process ends, whatever still goes on in it. The engine's own limits are shorter."""


def serve_headless(options: NodeOptions) -> int:
    """Run a server until it is told to end. Raises EngineError if it cannot start."""
    return asyncio.run(_Headless(options).run())


class _Headless:
    def __init__(self, options: NodeOptions) -> None:
        self._options = options
        self._log = Log()
        self._server: Server | None = None
        self._told_to_stop = asyncio.Event()
        self._told_at = 0.0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` has SIGHUP ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._signalled, number)
        async with self._log:
            narrate_log(lambda text: self._log.write(f"fault {text}"))
            server = self._server = await self._start()
            if server is None:
                return ExitStatus.DONE
            try:
                async with serving_ssh(server, self._options):
                    undone = await self._ended(server)
            finally:
                await server.abort()
            for each in undone:
                self._log.write(f"undone {each}")
            self._log.write("ended")
        return ExitStatus.DONE if self._told_to_stop.is_set() else ExitStatus.FAILURE

    async def _start(self) -> Server | None:
        """The running server; None if it was told to end before it ran."""
        starting = asyncio.create_task(start_server(self._options))
        stopping = asyncio.create_task(self._told_to_stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting], timeout=LEAVE_LIMIT)
            return None
        server = starting.result()
        await self._introduce(server)
        for notice in list(server.notices):
            self._note(notice)
        server.subscribe(self._note)
        if self._told_to_stop.is_set():
            server.request_drain("it was told to")
        return server

    async def _ended(self, server: Server) -> tuple[str, ...]:
        """What was left undone, when the server has ended by itself or as long after the signal as it may take."""
        ending = asyncio.create_task(server.wait_closed())
        stopping = asyncio.create_task(self._told_to_stop.wait())
        await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.wait([ending], timeout=LEAVE_LIMIT)
        if not ending.done():
            # The engine has limits of its own; a process that was told to end must not depend on them.
            await self._log.flush()
            leave_at_once(ExitStatus.FAILURE)
        return ending.result()

    async def _introduce(self, server: Server) -> None:
        self._log.write(f"listening on {server.address}, reached at {server.advertised}")
        data_dir = server.settings.data_dir
        self._log.write(f"data is kept in {data_dir}")
        if self._options.tls is not None:
            self._log.write(
                "connections are encrypted: who joins names what signed the certificate (--tls-authority FILE)"
            )
        self._log.write(f"join as a client with: {client_command(server.advertised)}")
        if caution(server.advertised):
            self._log.write(f"warning {caution(server.advertised)}")
        try:
            secret_file = await asyncio.to_thread(keep_secret_file, data_dir, server.secret)
        except OSError as error:
            self._log.write(f"warning the network's secret could not be written to a file: {error}")
        else:
            flag = f"--secret-file {shlex.quote(str(secret_file))}"
            self._log.write(f"join as a server with: {client_command(server.advertised)} {flag}")

    def _note(self, notice: Notice) -> None:
        mark = "" if notice.severity in ("info", "good") else f"{notice.severity}: "
        self._log.write(f"{notice.kind} {mark}{notice.text}", notice.at)

    def _signalled(self, number: signal.Signals) -> None:
        now = time.monotonic()
        if self._told_to_stop.is_set():
            if now - self._told_at < SAME_SIGNAL:
                return
            # What was accepted is on disk, and everything else goes with the process.
            leave_at_once(ExitStatus.INTERRUPTED if number == signal.SIGINT else ExitStatus.FAILURE)
        self._told_to_stop.set()
        self._told_at = now
        self._log.write(f"leaving after {signal.Signals(number).name}; one more ends it at once")
        if self._server is not None:
            self._server.request_drain("it was told to")


class Log:
    """Lines on standard error, written by a thread: a slow reader of the log never holds up the server.

    An asynchronous context manager; what waits at its end is written if that takes no longer than `FLUSH_LIMIT`.
    """

    def __init__(self, descriptor: int = 2, lines_max: int = LOG_LINES_MAX) -> None:
        self._descriptor = descriptor
        self._lines_max = lines_max
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._writing = False
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def write(self, text: str, at: float | None = None) -> None:
        """Log a line. `at` is in seconds since 1970; None is now. Dropped, and counted, when too many wait."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
        with self._changed:
            if len(self._lines) >= self._lines_max:
                self._dropped += 1
            else:
                self._lines.append(f"{moment} {neutralise(text)}\n")
            self._changed.notify_all()

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
                self._changed.wait_for(lambda: self._lines or self._ended)
                if not self._lines:
                    return
                lines = list(self._lines)
                if self._dropped:
                    lines.append(f"({self._dropped} lines were left out: the log is read too slowly)\n")
                self._lines.clear()
                self._dropped = 0
                self._writing = True
            self._put("".join(lines).encode("utf-8", "backslashreplace"))

    def _put(self, data: bytes) -> None:
        # Not through sys.stderr: a thread inside its lock would make the interpreter abort at its end.
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except OSError:
                return  # nobody listens

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.flush()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
