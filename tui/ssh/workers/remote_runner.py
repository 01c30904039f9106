"""An application that runs in a worker, as its session in the node's process sees it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Final

from core.engine import NotRunning
from core.wire import Address
from tui.processes.message_pipe import SOCKET_BUFFER, MessagePipe
from tui.ssh.applications.application_runner import ApplicationFailed
from tui.ssh.remote_people.keyring import CannotChangeKeys
from tui.ssh.workers import worker_protocol
from tui.ssh.workers.worker_process import WorkerProcess
from tui.terminal.modes import RESTORE

if TYPE_CHECKING:
    from tui.ssh.ssh_connection import SSHConnection
    from tui.ssh.ssh_session import SSHSession

LEAVE_LIMIT: Final = 10.0
"""Seconds that an application has to end once it was asked to."""
DIED: Final = "The process of this application ended; that has been logged. The server goes on: come in again."

log = logging.getLogger(__name__)


class RemoteRunner:
    """An application in a worker; a `tui.ssh.applications.application_runner.ApplicationRunner`."""

    def __init__(self, process: WorkerProcess, session: SSHSession, connection: SSHConnection, query: str) -> None:
        self._process = process
        self._session = session
        self._connection = connection
        self._query = query
        self._pipe: MessagePipe[worker_protocol.FromSession] = MessagePipe(
            worker_protocol.FromSession, self._told, self.hung_up, drained=session.has_read
        )
        self._before: list[worker_protocol.ToSession] = []
        self._begun = False
        self._painted = False
        self._held = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[worker_protocol.ApplicationEnded | None] = asyncio.get_running_loop().create_future()

    @property
    def unread(self) -> int:
        return self._pipe.waiting

    async def run(self) -> int:
        session, remote_user = self._session, self._connection.remote_user
        assert remote_user is not None
        key = remote_user.key
        opened = worker_protocol.OpenSession(
            session.number,
            remote_user.name,
            remote_user.claim,
            remote_user.secret,
            (key.text, key.comment, key.added_at) if key is not None else None,
            session.terminal,
            dict(session.environment),
            session.size,
            self._query,
        )
        self._process.sessions[session.number] = self
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
                    self._process.hand_over(opened, theirs)
                except OSError as error:
                    ours.close()
                    log.error("an SSH worker (process %d) takes no session: %s", self._process.pid, error)
                    raise ApplicationFailed(DIED) from None
            await self._pipe.open(ours)
            self._begun = True
            if self._held:
                self._pipe.pause()
            for message in self._before:
                self._pipe.send(message)
            self._before.clear()
            ended = await self._over
            if ended is None:
                raise ApplicationFailed(DIED)
            self._painted = False
            if ended.problem is not None:
                raise ApplicationFailed(ended.problem)
            return ended.status
        finally:
            self._process.sessions.pop(session.number, None)
            if self._leaving is not None:
                self._leaving.cancel()
            self._pipe.close()
            for task in self._tasks:
                task.cancel()

    def _send(self, message: worker_protocol.ToSession) -> None:
        if self._begun:
            self._pipe.send(message)
        else:
            self._before.append(message)

    def feed(self, data: bytes) -> None:
        if data:
            self._send(worker_protocol.Typed(data))

    def resized(self, width: int, height: int) -> None:
        self._send(worker_protocol.Resized((width, height)))

    def full(self) -> None:
        self._held = True
        if self._begun:
            self._pipe.pause()

    def drained(self) -> None:
        self._held = False
        if self._begun:
            self._pipe.resume()

    def leave(self, status: int) -> None:
        # Whoever is leaving is painted for whether they read or not: the end of what is painted is the goodbye.
        self.drained()
        self._send(worker_protocol.LeaveApplication(status))
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().call_later(LEAVE_LIMIT, self.hung_up)

    def give_back(self) -> None:
        if self._painted:
            self._painted = False
            self._session.write(RESTORE.encode())

    # --- what the worker tells ----------------------------------------------------------------------------------------

    def hung_up(self) -> None:
        """The worker has ended, or its end of this session has."""
        if not self._over.done():
            self._over.set_result(None)

    def attach(self, sock: socket.socket, name: str) -> None:
        """Let the session's client in at the node: whom to vouch for is decided here."""
        try:
            self._connection.attach(sock, name)
        except NotRunning:
            sock.close()

    def _told(self, message: worker_protocol.FromSession) -> None:
        match message:
            case worker_protocol.Painted(data=data):
                self._painted = True
                self._session.write(data)
            case worker_protocol.SessionEnded(reason=reason, successor=successor):
                self._session.farewell(reason, Address(*successor) if successor is not None else None)
            case worker_protocol.TakeAccount(username=username, secret=secret):
                self._answer(self._take_account(username, secret))
            case worker_protocol.BindKey(claim=claim):
                self._answer(self._bind_key(claim))
            case worker_protocol.SecretChanging(begins=begins):
                self._connection.changes_secret(begins)
                self._send(worker_protocol.SecretChangingNoted())
            case worker_protocol.ApplicationEnded():
                if not self._over.done():
                    self._over.set_result(message)

    def _answer(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_account(self, username: str, secret: str) -> None:
        self._send(worker_protocol.AccountTaken(await self._connection.take_account(username, secret)))

    async def _bind_key(self, claim: str) -> None:
        problem = None
        try:
            remote_user = self._connection.remote_user
            if remote_user is None or remote_user.claim != claim:
                raise CannotChangeKeys("the account is somebody else's")
            await self._connection.bind_key(claim)
        except CannotChangeKeys as error:
            problem = str(error)
        self._send(worker_protocol.KeyBound(problem))
