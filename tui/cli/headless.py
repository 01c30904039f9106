"""A server without a screen: logs to a stream or a file; leaves on SIGTERM, Ctrl+C, or when its terminal closes."""

from __future__ import annotations

import asyncio
import shlex
import signal
import time
from typing import Final

from core.engine import Server
from tui.cli.console import leave_at_once
from tui.cli.dumps import dumping
from tui.cli.loading import loading
from tui.cli.log_output import Log, LogFile
from tui.cli.options import NodeOptions
from tui.cli.starting import keep_secret_file, serving_ssh, start_server
from tui.cli.supervisor import tell_supervisor
from tui.script.exit_status import ExitStatus
from tui.text.invitation import caution, client_command

SAME_SIGNAL: Final = 0.1
"""Seconds in which signals count as one: supervisors signal a process and then its whole group (`timeout` does)."""
LEAVE_LIMIT: Final = 30.0
"""Seconds after a signal until the process ends, whatever still goes on in it. The engine's own limits are shorter."""
ANY: Final = frozenset({"0.0.0.0", "::"})
"""Hosts that mean all addresses of a machine, and are none of them."""


def serve_headless(options: NodeOptions) -> int:
    """Run a server until it is told to end. Raises EngineError if it cannot start."""
    return asyncio.run(_Headless(options).run())


class _Headless:
    def __init__(self, options: NodeOptions) -> None:
        self._options = options
        self._log = Log(level=options.log_level, form=options.log_format)
        self._server: Server | None = None
        self._told_to_stop = asyncio.Event()
        self._told_at = 0.0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` has SIGHUP ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._signalled, number)
        if self._options.log_file is None:
            self._log.into_stream()
        else:
            self._log.into_file(await asyncio.to_thread(LogFile, self._options.log_file))
        async with self._log:
            self._log.listen()
            with loading():
                server = self._server = await self._start()
            if server is None:
                return ExitStatus.DONE
            try:
                async with dumping(server, self._options.shown):
                    await self._tell_of(server)
                    async with serving_ssh(server, self._options):
                        undone = await self._ended(server)
            finally:
                await server.abort()
            for each in undone:
                self._log.write(f"left undone: {each}", level="warning")
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
        return starting.result()

    async def _tell_of(self, server: Server) -> None:
        """Log what there is and what happens, from here on; it leaves if it was told to before."""
        await self._introduce(server)
        for notice in list(server.notices):
            self._log.note(notice)
        server.subscribe(self._log.note)
        tell_supervisor("READY=1", f"STATUS=serving at {server.advertised}")
        if self._told_to_stop.is_set():
            server.request_drain("it was told to")

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
        everywhere = " (all addresses of this machine)" if server.address.host in ANY else ""
        self._log.write(f"listening on {server.address}{everywhere}, reached at {server.advertised}")
        data_dir = server.settings.data_dir
        self._log.write(f"data is kept in {data_dir}")
        self._log.write(f"network {server.network}")
        self._log.write(f"join as a client with: {client_command(server.advertised, server.network)}")
        if caution(server.advertised):
            self._log.write(caution(server.advertised), level="warning")
        where = f" --data-dir {shlex.quote(str(data_dir))}"
        self._log.write(f"invite a server with: activity-tui invite server{where}")
        try:
            secret_file = await asyncio.to_thread(keep_secret_file, data_dir, server.secret)
        except OSError as error:
            self._log.write(f"the network's secret could not be written to a file: {error}", level="warning")
        else:
            flag = f"--secret-file {shlex.quote(str(secret_file))}"
            self._log.write(f"join as a server with: {client_command(server.advertised)} {flag}")

    def _signalled(self, number: signal.Signals) -> None:
        now = time.monotonic()
        if self._told_to_stop.is_set():
            if now - self._told_at < SAME_SIGNAL:
                return
            # What was accepted is on disk, and everything else goes with the process.
            leave_at_once(ExitStatus.INTERRUPTED if number == signal.SIGINT else ExitStatus.FAILURE)
        self._told_to_stop.set()
        self._told_at = now
        tell_supervisor("STOPPING=1")
        self._log.write(f"leaving after {signal.Signals(number).name}; one more ends it at once")
        if self._server is not None:
            self._server.request_drain("it was told to")
