"""The workers, as the node's process sees them: which of them there are, and which gets a session.

The SSH connections, who people are, every limit and every list stay in the node's process; a worker gets a terminal to
paint on and the keys that are typed. So when a worker dies, its people get their terminals back and a line that says
why; when the node's process dies, the workers end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui.ssh.workers.remote_runner import RemoteRunner
from tui.ssh.workers.worker_process import WorkerProcess

if TYPE_CHECKING:
    from tui.ssh.ssh_connection import SSHConnection
    from tui.ssh.ssh_server import SSHServer
    from tui.ssh.ssh_session import SSHSession


class WorkerPool:
    """Some workers. `start` it once, `close` it before the node ends."""

    def __init__(self, server: SSHServer, size: int) -> None:
        self._server = server
        self._processes = [WorkerProcess(server, number) for number in range(1, size + 1)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the workers; they take sessions before they are up. Raises OSError."""
        for process in self._processes:
            await process.start()
            self._tasks.append(asyncio.create_task(process.keep(), name=f"ssh worker {process.number}"))

    async def close(self) -> None:
        """End the workers, and their sessions if there still are any."""
        for process in self._processes:
            process.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def runner_for(self, session: SSHSession, connection: SSHConnection, query: str) -> RemoteRunner | None:
        """A place for a session's application in the worker that has fewest; None while there is none at all."""
        up = [process for process in self._processes if process.up]
        if not up:
            return None
        return RemoteRunner(min(up, key=lambda process: len(process.sessions)), session, connection, query)

    @property
    def applications(self) -> int:
        """Applications that take memory in the workers, whether they still run or not; as of some seconds ago."""
        return sum(process.applications for process in self._processes)

    def pids(self) -> list[int]:
        """The workers' processes."""
        return [process.pid for process in self._processes if process.up]
