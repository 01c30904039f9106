"""The workers, as the node's process sees them: which of them there are, and which gets a session.

The SSH connections, who people are, every limit and every list stay in the node's process; a worker gets a terminal to
paint on and the keys that are typed. So when a worker dies, its people get their terminals back and a line that says
why; when the node's process dies, the workers end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui.ssh.distant import DistantStage
from tui.ssh.member import Member

if TYPE_CHECKING:
    from tui.ssh.connection import SSHConnection
    from tui.ssh.server import SSHServer
    from tui.ssh.session import SSHSession


class Crew:
    """Some workers. `start` it once, `close` it before the node ends."""

    def __init__(self, server: SSHServer, size: int) -> None:
        self._server = server
        self._members = [Member(server, number) for number in range(1, size + 1)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the workers; they take sessions before they are up. Raises OSError."""
        for member in self._members:
            await member.start()
            self._tasks.append(asyncio.create_task(member.keep(), name=f"ssh worker {member.number}"))

    async def close(self) -> None:
        """End the workers, and their sessions if there still are any."""
        for member in self._members:
            member.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stage(self, session: SSHSession, connection: SSHConnection, query: str) -> DistantStage | None:
        """A place for a session's application in the worker that has fewest; None while there is none at all."""
        up = [member for member in self._members if member.up]
        if not up:
            return None
        return DistantStage(min(up, key=lambda member: len(member.stages)), session, connection, query)

    @property
    def applications(self) -> int:
        """Applications that take memory in the workers, whether they still run or not; as of some seconds ago."""
        return sum(member.applications for member in self._members)

    def pids(self) -> list[int]:
        """The workers' processes."""
        return [member.pid for member in self._members if member.up]
