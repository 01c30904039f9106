"""A session in a worker's process: its application runs here, its SSH channel is in the node's process."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Final, Protocol

from core.wire import Address
from tui.processes.message_pipe import MessagePipe
from tui.script.exit_status import ExitStatus
from tui.ssh.applications.application_host import ApplicationHost
from tui.ssh.applications.application_runner import FAILED, ApplicationFailed, LocalRunner
from tui.ssh.applications.terminals import kitty_keys
from tui.ssh.remote_people.keyring import CannotChangeKeys, Key
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.ssh.workers import worker_protocol

INPUT_HIGH: Final = 64 * 1024
"""Bytes of input that wait to be read before no more is taken from the node's process."""

log = logging.getLogger(__name__)


class SessionWorker(ApplicationHost, Protocol):
    """The worker that the session is in."""

    def attach(self, number: int, name: str) -> socket.socket:
        """A connection to the node for a session's client."""
        ...


class WorkerSession:
    """A session: its way to the node, and its terminal.

    It is a `tui.ssh.applications.application_host.NodeAccess` and a `RemoteTerminal`.
    """

    def __init__(self, worker: SessionWorker, opened: worker_protocol.OpenSession) -> None:
        self._worker = worker
        self._number = opened.number
        key = Key(*opened.key) if opened.key is not None else None
        self.remote_user: RemoteUser | None = RemoteUser(opened.name, opened.claim, opened.secret, key)
        self.terminal = opened.terminal
        self.environment = opened.environment
        self.size = opened.size
        self.kitty = kitty_keys(opened.terminal)
        self.term = opened.terminal
        self._held = False
        self._answer: asyncio.Future[Any] | None = None
        self._asking = asyncio.Lock()
        self._runner = LocalRunner(worker, self, self, opened.query, self._has_read)
        self._pipe: MessagePipe[worker_protocol.ToSession] = MessagePipe(
            worker_protocol.ToSession, self._told, self._hung_up, full=self._runner.full, drained=self._runner.drained
        )

    async def run(self, sock: socket.socket) -> None:
        await self._pipe.open(sock)
        status, problem = int(ExitStatus.FAILURE), None
        try:
            status = await self._runner.run()
        except ApplicationFailed as failed:
            problem = str(failed)
        except Exception:
            log.exception("an SSH session failed")
            problem = FAILED
        finally:
            self._runner.give_back()
            self._pipe.send(worker_protocol.ApplicationEnded(status, problem))
            self._pipe.close()

    def _told(self, message: worker_protocol.ToSession) -> None:
        match message:
            case worker_protocol.Typed(data=data):
                self._runner.feed(data)
                self._has_read()
            case worker_protocol.Resized(size=size):
                self.size = size
                self._runner.resized(*size)
            case worker_protocol.LeaveApplication(status=status):
                self._runner.leave(status)
            case worker_protocol.SecretChangingNoted():
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(None)
            case worker_protocol.AccountTaken(claim=answer) | worker_protocol.KeyBound(problem=answer):
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(answer)

    def _hung_up(self) -> None:
        self._runner.leave(int(ExitStatus.FAILURE))
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _has_read(self) -> None:
        waiting = self._runner.unread
        if waiting > INPUT_HIGH and not self._held:
            self._held = True
            self._pipe.pause()
        elif waiting < INPUT_HIGH // 2 and self._held:
            self._held = False
            self._pipe.resume()

    async def _ask(self, question: worker_protocol.FromSession) -> Any:
        async with self._asking:
            self._answer = asyncio.get_running_loop().create_future()
            self._pipe.send(question)
            try:
                return await self._answer
            finally:
                self._answer = None

    # --- the terminal -------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._pipe.send(worker_protocol.Painted(data))

    def farewell(self, reason: str, successor: Address | None) -> None:
        where = (successor.host, successor.port) if successor is not None else None
        self._pipe.send(worker_protocol.SessionEnded(reason, where))

    # --- the person ---------------------------------------------------------------------------------------------------

    def connect(self, name: str) -> socket.socket:
        return self._worker.attach(self._number, name)

    async def take_account(self, username: str, secret: str) -> str | None:
        claim: str | None = await self._ask(worker_protocol.TakeAccount(username, secret))
        return claim

    async def tell_of_change(self, begins: bool) -> None:
        await self._ask(worker_protocol.SecretChanging(begins))

    async def bind_key(self, claim: str) -> None:
        problem = await self._ask(worker_protocol.BindKey(claim))
        if problem is not None:
            raise CannotChangeKeys(problem)
