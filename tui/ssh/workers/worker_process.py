"""A worker's process, as the node's process sees it: started, shown the node, watched, replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from core.engine import NotRunning
from core.node import NodeSnapshot, Notice
from tui.processes.child_process import dump_signals_kept_back, environment
from tui.processes.message_pipe import MessagePipe, hand_off, hand_off_pair, take_hand_off
from tui.processes.node_picture import NodeNotice, NodePicture
from tui.ssh.workers import worker_protocol

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer

PICTURE_INTERVAL: Final = 1.0
"""Seconds between two pictures of the node, while it changes, for a worker that has sessions."""
STILL_INTERVAL: Final = 5.0
"""Seconds after which such a worker is asked whether it is there, if there was no picture to send."""
SILENCE_MAX: Final = 30.0
"""Seconds for which a worker may leave pictures unanswered before it is taken for stuck, and replaced."""
END_LIMIT: Final = 3.0
RESTART_DELAY: Final = 0.5
RESTART_DELAY_MAX: Final = 60.0
STEADY: Final = 60.0
"""Seconds after which a worker that has lived so long is replaced without delay again."""

log = logging.getLogger(__name__)


class HostedSession(Protocol):
    """A session's application in a worker, as far as the worker's end and its handing over of sockets concern it."""

    def hung_up(self) -> None:
        """The worker has ended."""
        ...

    def attach(self, sock: socket.socket, name: str) -> None:
        """The session's client wants a connection to the node, which is to serve this socket."""
        ...


class WorkerProcess:
    """A worker's process, and the one that takes its place when it dies."""

    def __init__(self, server: SSHServer, number: int) -> None:
        self.server = server
        self.number = number
        self.sessions: dict[int, HostedSession] = {}
        self.pid = 0
        self._process: asyncio.subprocess.Process | None = None
        self._control: MessagePipe[worker_protocol.FromWorker] | None = None
        self._hand_off: socket.socket | None = None
        self._shown: NodeSnapshot | None = None
        self._told_at = 0.0
        self._unanswered = 0.0
        self._applications = 0
        self._closing = asyncio.Event()
        self._unsubscribe: Callable[[], None] = _nothing

    @property
    def up(self) -> bool:
        return self._hand_off is not None

    @property
    def applications(self) -> int:
        return max(self._applications, len(self.sessions)) if self.up else 0

    async def start(self) -> None:
        control, their_control = socket.socketpair()
        hand_off, their_hand_off = hand_off_pair()
        with their_control, their_hand_off:
            try:
                with dump_signals_kept_back():
                    self._process = await asyncio.create_subprocess_exec(
                        sys.executable,
                        "-P",  # Or else it would look for modules where the server was started, too.
                        "-m",
                        "tui.ssh.workers.worker_main",
                        str(their_control.fileno()),
                        str(their_hand_off.fileno()),
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=asyncio.subprocess.DEVNULL,
                        stderr=asyncio.subprocess.DEVNULL,
                        pass_fds=(their_control.fileno(), their_hand_off.fileno()),
                        start_new_session=True,
                        env=environment(),
                    )
            except OSError:
                control.close()
                hand_off.close()
                raise
        self.pid = self._process.pid
        self._control = MessagePipe(worker_protocol.FromWorker, self._told, self._hung_up)
        await self._control.open(control)
        self._hand_off = hand_off
        self._shown = None
        self._unanswered = 0.0
        self._applications = 0
        asyncio.get_running_loop().add_reader(hand_off, self._take)
        node, settings = self.server.node, self.server.settings
        self._control.send(
            worker_protocol.WorkerSettings(
                settings.anonymous,
                settings.message_rate,
                settings.input_rate,
                settings.collect_after,
                (node.address.host, node.address.port),
                (node.advertised.host, node.advertised.port),
                list(self.server.notices),
                str(settings.data_dir),
            )
        )
        self._show()
        self._unsubscribe = self.server.subscribe(self._news)

    async def keep(self) -> None:
        """Show the worker the node, and replace it when it dies; until `close`."""
        delay = RESTART_DELAY
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            await self._watch()
            if self._closing.is_set():
                return
            if loop.time() - begun > STEADY:
                delay = RESTART_DELAY
            log.error("an SSH worker (process %d) ended; another one is started", self.pid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay)
            delay = min(delay * 2, RESTART_DELAY_MAX)
            while not self.up:
                if self._closing.is_set():
                    return
                try:
                    await self.start()
                except OSError as error:
                    log.error("an SSH worker cannot be started: %s", error)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._closing.wait(), delay)

    async def _watch(self) -> None:
        """Until the process has ended."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        closing = asyncio.create_task(self._closing.wait())
        try:
            while not ended.done() and not closing.done():
                await asyncio.wait((ended, closing), timeout=PICTURE_INTERVAL, return_when=asyncio.FIRST_COMPLETED)
                if self.up and (self.sessions or self.applications):
                    self._show()
                if not self.up or (
                    self._unanswered and asyncio.get_running_loop().time() - self._unanswered > SILENCE_MAX
                ):
                    self._kill()
            self._let_go()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), END_LIMIT)
            self._kill()
            await ended
        finally:
            ended.cancel()
            closing.cancel()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def close(self) -> None:
        self._closing.set()

    def _let_go(self) -> None:
        """Close our ends: a worker that still lives ends by that."""
        self._unsubscribe()
        self._unsubscribe = _nothing
        if self._hand_off is not None:
            asyncio.get_running_loop().remove_reader(self._hand_off)
            self._hand_off.close()
            self._hand_off = None
        if self._control is not None:
            self._control.close()
            self._control = None
        for session in list(self.sessions.values()):
            session.hung_up()

    # --- what it is told, and tells -----------------------------------------------------------------------------------

    def _show(self) -> None:
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(NotRunning):
            snapshot, traffic = self.server.node_view.snapshot(), self.server.node_view.traffic()
            if self._control is None or (snapshot is self._shown and now - self._told_at < STILL_INTERVAL):
                return
            if snapshot is self._shown:
                self._control.send(worker_protocol.Probe())
            else:
                conns = {each.conn for each in snapshot.connections}
                flows = {
                    conn: (one.bytes_in, one.bytes_out, one.queued_bytes)
                    for conn, one in traffic.items()
                    if conn in conns
                }
                self._control.send(NodePicture(snapshot, flows))
            self._shown, self._told_at = snapshot, now
            self._unanswered = self._unanswered or now

    def _news(self, notice: Notice) -> None:
        if self._control is not None:
            self._control.send(NodeNotice(notice))

    def _told(self, message: worker_protocol.FromWorker) -> None:
        match message:
            case worker_protocol.ProbeAnswer(applications=applications):
                self._unanswered = 0.0
                self._applications = applications
            case worker_protocol.WorkerFault(text=text):
                log.error("an SSH worker (process %d): %s", self.pid, text)

    def _hung_up(self) -> None:
        self._let_go()

    def hand_over(self, opened: worker_protocol.OpenSession, sock: socket.socket) -> None:
        """Give the worker a session. Raises OSError."""
        if self._hand_off is None:
            raise OSError("the worker has ended")
        hand_off(self._hand_off, opened, sock)

    def _take(self) -> None:
        assert self._hand_off is not None
        try:
            taken = take_hand_off(self._hand_off, worker_protocol.AttachClient)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.error("an SSH worker (process %d) is not understood: %s", self.pid, error)
            taken = None
        if taken is None:
            self._let_go()
            return
        attach, sock = taken
        session = self.sessions.get(attach.number)
        if session is None:
            sock.close()
        else:
            session.attach(sock, attach.name)


def _nothing() -> None:
    pass
