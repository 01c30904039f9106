"""A worker's process: runs the applications of several sessions, so that the node's event loop never paints.

It is started by `tui.ssh.member` with two sockets, and ends when they close: when the node's process dies, however it
does, no worker stays behind.
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from core.node.interface.notices import Notice
from core.node.interface.snapshot import NodeSnapshot
from core.wire.address import Address
from tui.cli.console import ExitStatus
from tui.session import Traffic
from tui.ssh import parcels
from tui.ssh.connection import Person
from tui.ssh.garbage import Collector
from tui.ssh.guest import GuestNode
from tui.ssh.keyring import CannotChangeKeys, Key
from tui.ssh.pace import Painter
from tui.ssh.parcels import Pipe
from tui.ssh.stage import FAILED, Failed, OwnStage, prepare
from tui.ssh.terminals import kitty_keys
from tui.ssh.ticker import Ticker
from tui.widgets.line_pool import LinePool

NICENESS: Final = 7
"""How much the node's process goes before. Beside fifty busy sessions on two processors a broadcast took 3.4 to 3.7
times as long with 2, and 1.2 times with 7; with 10, sessions starved where others computed as well."""
INPUT_HIGH: Final = 64 * 1024
NOTICES_KEPT: Final = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Flow:
    """What went over one connection of the node's."""

    bytes_in: int
    bytes_out: int
    queued_bytes: int


class DistantNode:
    """The node as it was last told of."""

    def __init__(self, address: Address, advertised: Address) -> None:
        self.address = address
        self.advertised = advertised
        self._picture: parcels.Picture | None = None

    def show(self, picture: parcels.Picture) -> None:
        self._picture = picture

    def snapshot(self) -> NodeSnapshot:
        assert self._picture is not None
        return self._picture.snapshot

    def traffic(self) -> Mapping[int, Traffic]:
        assert self._picture is not None
        return {conn: Flow(*values) for conn, values in self._picture.traffic.items()}


class Worker:
    """What the sessions in this process share; a `tui.ssh.home.Home`."""

    def __init__(self, house: socket.socket, beside: socket.socket) -> None:
        self._socket = house
        self._beside = beside
        self._house: Pipe[parcels.ToWorker] = Pipe(parcels.ToWorker, self._told, self._gone)
        self._over = asyncio.Event()
        self._node: DistantNode | None = None
        self._subscribers: dict[object, Callable[[Notice], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[tuple[parcels.Open, socket.socket]] = []
        self._ready = False
        self.painter = Painter()
        self.line_pool = LinePool()
        self.context = contextvars.copy_context()
        self.ticker = Ticker(self.context)
        self.notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self.settings: parcels.Settings
        self.guest: GuestNode
        self.collector: Collector

    async def run(self) -> None:
        """Until the node's process closes its end, or has ended."""
        prepare()
        await self._house.open(self._socket)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._beside, self._take)
        await self._over.wait()

    # --- the node -----------------------------------------------------------------------------------------------------

    def _told(self, message: parcels.ToWorker) -> None:
        match message:
            case parcels.Settings():
                self.settings = message
                self.notices.extend(message.notices)
                self._node = DistantNode(Address(*message.address), Address(*message.advertised))
                # Every look is at the latest picture: the node's process sends one when it is worth it.
                self.guest = GuestNode(cast(Any, self._node), age_max=0, figures_age_max=0)
                self.collector = Collector(message.collect_after)
                self.collector.start()
            case parcels.Picture():
                if self._node is not None:
                    self._node.show(message)
                    self._begin()
                self._answer()
            case parcels.Still():
                self._answer()
            case parcels.News(notice=notice):
                self.notices.append(notice)
                for callback in list(self._subscribers.values()):
                    callback(notice)

    def _answer(self) -> None:
        from tui.ssh.application import SSHApp

        self._house.send(parcels.Alive(len(SSHApp.alive)))

    def _gone(self) -> None:
        self._over.set()

    def fault(self, text: str) -> None:
        """Have the node's process log something."""
        self._house.send(parcels.Fault(text))

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        key = object()
        self._subscribers[key] = callback
        return lambda: self._subscribers.pop(key, None) and None

    def attach(self, number: int, name: str) -> socket.socket:
        """A connection to the node for a session's client."""
        theirs, ours = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            parcels.send_with_socket(self._beside, parcels.Attach(number, name), theirs)
        return ours

    # --- the sessions -------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        try:
            taken = parcels.take_with_socket(self._beside, parcels.Open)
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

    async def _serve(self, opened: parcels.Open, sock: socket.socket) -> None:
        guest = Guest(self, opened)
        try:
            await guest.run(sock)
        except Exception:
            log.exception("an SSH session failed")
        finally:
            self.collector.ended()


class Guest:
    """A session: the person (`tui.ssh.home.Visit`) and their terminal (`tui.ssh.home.Seat`)."""

    def __init__(self, worker: Worker, opened: parcels.Open) -> None:
        self._worker = worker
        self._number = opened.number
        key = Key(*opened.key) if opened.key is not None else None
        self.person: Person | None = Person(opened.name, opened.claim, opened.secret, key)
        self.terminal = opened.terminal
        self.environment = opened.environment
        self.size = opened.size
        self.kitty = kitty_keys(opened.terminal)
        self._held = False
        self._answer: asyncio.Future[Any] | None = None
        self._asking = asyncio.Lock()
        self._stage = OwnStage(worker, self, self, opened.query, self._has_read)
        self._pipe: Pipe[parcels.ToSession] = Pipe(
            parcels.ToSession, self._told, self._hung_up, full=self._stage.full, drained=self._stage.drained
        )

    async def run(self, sock: socket.socket) -> None:
        await self._pipe.open(sock)
        status, problem = int(ExitStatus.FAILURE), None
        try:
            status = await self._stage.run()
        except Failed as failed:
            problem = str(failed)
        except Exception:
            log.exception("an SSH session failed")
            problem = FAILED
        finally:
            self._stage.give_back()
            self._pipe.send(parcels.Ended(status, problem))
            self._pipe.close()

    def _told(self, message: parcels.ToSession) -> None:
        match message:
            case parcels.Typed(data=data):
                self._stage.feed(data)
                self._has_read()
            case parcels.Resized(size=size):
                self.size = size
                self._stage.resized(*size)
            case parcels.Leave(status=status):
                self._stage.leave(status)
            case parcels.Noted():
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(None)
            case parcels.Taken(claim=answer) | parcels.Bound(problem=answer):
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(answer)

    def _hung_up(self) -> None:
        self._stage.leave(int(ExitStatus.FAILURE))
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _has_read(self) -> None:
        waiting = self._stage.unread
        if waiting > INPUT_HIGH and not self._held:
            self._held = True
            self._pipe.pause()
        elif waiting < INPUT_HIGH // 2 and self._held:
            self._held = False
            self._pipe.resume()

    async def _ask(self, question: parcels.FromSession) -> Any:
        async with self._asking:
            self._answer = asyncio.get_running_loop().create_future()
            self._pipe.send(question)
            try:
                return await self._answer
            finally:
                self._answer = None

    # --- the terminal -------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._pipe.send(parcels.Painted(data))

    def farewell(self, reason: str, successor: Address | None) -> None:
        where = (successor.host, successor.port) if successor is not None else None
        self._pipe.send(parcels.Farewell(reason, where))

    # --- the person ---------------------------------------------------------------------------------------------------

    def connect(self, name: str) -> socket.socket:
        return self._worker.attach(self._number, name)

    async def take_account(self, username: str, secret: str) -> str | None:
        claim: str | None = await self._ask(parcels.TakeAccount(username, secret))
        return claim

    async def tell_of_change(self, begins: bool) -> None:
        await self._ask(parcels.Changing(begins))

    async def bind_key(self, claim: str) -> None:
        problem = await self._ask(parcels.BindKey(claim))
        if problem is not None:
            raise CannotChangeKeys(problem)


class _ToNode(logging.Handler):
    """What goes wrong here is logged by the node's process."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.WARNING)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self._worker.fault(self.format(record))


async def _main(house: int, beside: int) -> None:
    worker = Worker(socket.socket(fileno=house), socket.socket(fileno=beside))
    logging.getLogger().addHandler(_ToNode(worker))
    await worker.run()


def main() -> None:
    """The arguments are the numbers of the two sockets."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The node's process says when it is over, and gives the terminals back before.
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    house, beside = (int(number) for number in sys.argv[1:3])
    with asyncio.Runner() as runner:
        runner.get_loop().run_until_complete(_main(house, beside))
        # Nobody is left to see anything: what still runs would only hold the end up.
        os._exit(0)


if __name__ == "__main__":
    main()
