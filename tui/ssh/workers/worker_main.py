"""A worker's process: runs the applications of several sessions, so that the node's event loop never paints.

`tui.ssh.workers.worker_process` starts it with two sockets. It ends when they close: when the node's process dies,
however it does, no worker stays behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from core.node import Notice
from core.wire import Address
from tui.application.frame_scheduler import FrameScheduler
from tui.processes.child_process import ignore_dump_signals
from tui.processes.message_pipe import MessagePipe, hand_off, take_hand_off
from tui.processes.node_picture import NodeNotice, NodePicture, NodeReplica
from tui.ssh.applications.application_runner import prepare
from tui.ssh.applications.read_only_node import ReadOnlyNode
from tui.ssh.applications.ssh_application import SSHApp
from tui.ssh.sharing.cyclic_collection import CyclicCollector
from tui.ssh.sharing.ticker import Ticker
from tui.ssh.workers import worker_protocol
from tui.ssh.workers.worker_session import WorkerSession
from tui.widgets.line_pool import SHARED_MAX, LinePool

NICENESS: Final = 7
"""How much the node's process goes before. Beside fifty busy sessions on two processors a broadcast took 3.4 to 3.7
times as long with 2, and 1.2 times with 7; with 10, sessions starved where others computed as well."""
NOTICES_KEPT: Final = 2_000

log = logging.getLogger(__name__)


class Worker:
    """What the sessions in this process share; a `tui.ssh.applications.application_host.ApplicationHost`."""

    def __init__(self, control: socket.socket, hand_off: socket.socket) -> None:
        self._socket = control
        self._hand_off = hand_off
        self._over = asyncio.Event()
        self._control: MessagePipe[worker_protocol.ToWorker] = MessagePipe(
            worker_protocol.ToWorker, self._told, self._over.set
        )
        self._node: NodeReplica | None = None
        self._subscribers: dict[object, Callable[[Notice], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[tuple[worker_protocol.OpenSession, socket.socket]] = []
        self._ready = False
        self.frame_scheduler = FrameScheduler()
        self.line_pool = LinePool(SHARED_MAX)
        self.context = contextvars.copy_context()
        self.ticker = Ticker(self.context)
        self.notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self.settings: worker_protocol.WorkerSettings
        self.node_view: ReadOnlyNode
        self.collector: CyclicCollector

    async def run(self) -> None:
        """Until the node's process closes its end, or has ended."""
        prepare()
        await self._control.open(self._socket)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._hand_off, self._take)
        await self._over.wait()

    # --- the node -----------------------------------------------------------------------------------------------------

    def _told(self, message: worker_protocol.ToWorker) -> None:
        match message:
            case worker_protocol.WorkerSettings():
                self.settings = message
                self.notices.extend(message.notices)
                self._node = NodeReplica(Address(*message.address), Address(*message.advertised))
                # Every look is at the latest picture: the node's process sends one when it is worth it.
                self.node_view = ReadOnlyNode(cast(Any, self._node), age_max=0, figures_age_max=0)
                self.collector = CyclicCollector(message.collect_after)
                self.collector.start()
            case NodePicture():
                if self._node is not None:
                    self._node.show(message)
                    self._begin()
                self._answer()
            case worker_protocol.Probe():
                self._answer()
            case NodeNotice(notice=notice):
                self.notices.append(notice)
                for callback in list(self._subscribers.values()):
                    callback(notice)

    def _answer(self) -> None:
        self._control.send(worker_protocol.ProbeAnswer(len(SSHApp.alive)))

    def fault(self, text: str) -> None:
        """Have the node's process log something."""
        self._control.send(worker_protocol.WorkerFault(text))

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        key = object()
        self._subscribers[key] = callback
        return lambda: self._subscribers.pop(key, None) and None

    def attach(self, number: int, name: str) -> socket.socket:
        """A connection to the node for a session's client."""
        theirs, ours = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            hand_off(self._hand_off, worker_protocol.AttachClient(number, name), theirs)
        return ours

    # --- the sessions -------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        try:
            taken = take_hand_off(self._hand_off, worker_protocol.OpenSession)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            taken = None
        if taken is None:
            self._over.set()
            return
        self._early.append(taken)
        if self._ready:
            self._begin()

    def _begin(self) -> None:
        self._ready = True
        while self._early:
            task = asyncio.create_task(self._serve(*self._early.pop(0)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, opened: worker_protocol.OpenSession, sock: socket.socket) -> None:
        session = WorkerSession(self, opened)
        try:
            await session.run(sock)
        except Exception:
            log.exception("an SSH session failed")
        finally:
            self.collector.ended()


class _ToNode(logging.Handler):
    """What goes wrong here is logged by the node's process."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.WARNING)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self._worker.fault(self.format(record))


async def _main(control: int, hand_off: int) -> None:
    worker = Worker(socket.socket(fileno=control), socket.socket(fileno=hand_off))
    logging.getLogger().addHandler(_ToNode(worker))
    await worker.run()


def main() -> None:
    """The arguments are the numbers of the two sockets."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The node's process says when it is over, and gives the terminals back before.
        signal.signal(number, signal.SIG_IGN)
    # The node's process answers them (`tui.cli.dumps`). It has kept them back from this one until now.
    ignore_dump_signals()
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    control, hand_off = (int(number) for number in sys.argv[1:3])
    with asyncio.Runner() as runner:
        runner.get_loop().run_until_complete(_main(control, hand_off))
        # Nobody is left to see anything: what still runs would only hold the end up.
        os._exit(0)


if __name__ == "__main__":
    main()
