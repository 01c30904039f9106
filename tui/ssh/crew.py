"""The workers, as the node's process sees them: started, given sessions, watched, replaced, and ended with it.

The SSH connections, who people are, every limit and every list stay in the node's process; a worker gets a terminal to
paint on and the keys that are typed. So when a worker dies, its people get their terminals back and a line that says
why; when the node's process dies, the workers end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.engine import NotRunning
from core.node.notices import Notice
from core.node.snapshot import NodeSnapshot
from core.wire.address import Address
from tui.ssh import parcels
from tui.ssh.keyring import CannotChangeKeys
from tui.ssh.parcels import Pipe
from tui.ssh.stage import Failed

if TYPE_CHECKING:
    from tui.ssh.connection import SSHConnection
    from tui.ssh.server import SSHServer
    from tui.ssh.session import SSHSession

PICTURE_INTERVAL: Final = 1.0
"""Seconds between two pictures of the node, while it changes, for a worker that has sessions."""
STILL_INTERVAL: Final = 5.0
"""Seconds after which such a worker is asked whether it is there, if there was no picture to send."""
SILENCE_MAX: Final = 30.0
"""Seconds for which a worker may leave pictures unanswered before it is taken for stuck, and replaced."""
END_LIMIT: Final = 3.0
LEAVE_LIMIT: Final = 10.0
"""Seconds that an application has to end once it was asked to."""
RESTART_DELAY: Final = 0.5
RESTART_DELAY_MAX: Final = 60.0
STEADY: Final = 60.0
"""Seconds after which a worker that has lived so long is replaced without delay again."""
DIED: Final = "The process of this application ended; that has been logged. The server goes on: come in again."

log = logging.getLogger(__name__)


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


class Member:
    """A worker's process, and the one that takes its place when it dies."""

    def __init__(self, server: SSHServer, number: int) -> None:
        self.server = server
        self.number = number
        self.stages: dict[int, DistantStage] = {}
        self.pid = 0
        self._process: asyncio.subprocess.Process | None = None
        self._house: Pipe[parcels.FromWorker] | None = None
        self._beside: socket.socket | None = None
        self._shown: NodeSnapshot | None = None
        self._told_at = 0.0
        self._unanswered = 0.0
        self._applications = 0
        self._closing = asyncio.Event()
        self._unsubscribe: Callable[[], None] = _nothing

    @property
    def up(self) -> bool:
        return self._beside is not None

    @property
    def applications(self) -> int:
        return max(self._applications, len(self.stages)) if self.up else 0

    async def start(self) -> None:
        house, their_house = socket.socketpair()
        beside, their_beside = parcels.pair_beside()
        with their_house, their_beside:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "tui.ssh.worker",
                    str(their_house.fileno()),
                    str(their_beside.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    pass_fds=(their_house.fileno(), their_beside.fileno()),
                    start_new_session=True,
                    env=_environment(),
                )
            except OSError:
                house.close()
                beside.close()
                raise
        self.pid = self._process.pid
        self._house = Pipe(parcels.FromWorker, self._told, self._hung_up)
        await self._house.open(house)
        self._beside = beside
        self._shown = None
        self._unanswered = 0.0
        self._applications = 0
        asyncio.get_running_loop().add_reader(beside, self._take)
        node, settings = self.server.node, self.server.settings
        self._house.send(
            parcels.Settings(
                settings.anonymous,
                settings.message_rate,
                settings.input_rate,
                settings.collect_after,
                (node.address.host, node.address.port),
                (node.advertised.host, node.advertised.port),
                list(self.server.notices),
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
                if self.up and (self.stages or self.applications):
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
        if self._beside is not None:
            asyncio.get_running_loop().remove_reader(self._beside)
            self._beside.close()
            self._beside = None
        if self._house is not None:
            self._house.close()
            self._house = None
        for stage in list(self.stages.values()):
            stage.hung_up()

    # --- what it is told, and tells -----------------------------------------------------------------------------------

    def _show(self) -> None:
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(NotRunning):
            snapshot, traffic = self.server.guest.snapshot(), self.server.guest.traffic()
            if self._house is None or (snapshot is self._shown and now - self._told_at < STILL_INTERVAL):
                return
            if snapshot is self._shown:
                self._house.send(parcels.Still())
            else:
                conns = {each.conn for each in snapshot.connections}
                flows = {
                    conn: (one.bytes_in, one.bytes_out, one.queued_bytes)
                    for conn, one in traffic.items()
                    if conn in conns
                }
                self._house.send(parcels.Picture(snapshot, flows))
            self._shown, self._told_at = snapshot, now
            self._unanswered = self._unanswered or now

    def _news(self, notice: Notice) -> None:
        if self._house is not None:
            self._house.send(parcels.News(notice))

    def _told(self, message: parcels.FromWorker) -> None:
        match message:
            case parcels.Alive(applications=applications):
                self._unanswered = 0.0
                self._applications = applications
            case parcels.Fault(text=text):
                log.error("an SSH worker (process %d): %s", self.pid, text)

    def _hung_up(self) -> None:
        self._let_go()

    def hand_over(self, opened: parcels.Open, sock: socket.socket) -> None:
        """Give the worker a session. Raises OSError."""
        if self._beside is None:
            raise OSError("the worker has ended")
        parcels.send_with_socket(self._beside, opened, sock)

    def _take(self) -> None:
        assert self._beside is not None
        try:
            taken = parcels.take_with_socket(self._beside, parcels.Attach)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.error("an SSH worker (process %d) is not understood: %s", self.pid, error)
            taken = None
        if taken is None:
            self._let_go()
            return
        attach, sock = taken
        stage = self.stages.get(attach.number)
        if stage is None:
            sock.close()
        else:
            stage.attach(sock, attach.name)


class DistantStage:
    """An application in a worker; a `tui.ssh.stage.Stage`."""

    def __init__(self, member: Member, session: SSHSession, connection: SSHConnection, query: str) -> None:
        self._member = member
        self._session = session
        self._connection = connection
        self._query = query
        self._pipe: Pipe[parcels.FromSession] = Pipe(
            parcels.FromSession, self._told, self.hung_up, drained=session.has_read
        )
        self._before: list[parcels.ToSession] = []
        self._begun = False
        self._painted = False
        self._held = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[parcels.Ended | None] = asyncio.get_running_loop().create_future()

    @property
    def unread(self) -> int:
        return self._pipe.waiting

    async def run(self) -> int:
        session, person = self._session, self._connection.person
        assert person is not None
        key = (person.key.text, person.key.comment, person.key.added_at) if person.key is not None else None
        opened = parcels.Open(
            session.number,
            person.name,
            person.claim,
            person.secret,
            key,
            session.terminal,
            dict(session.environment),
            session.size,
            self._query,
        )
        self._member.stages[session.number] = self
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, parcels.SOCKET_BUFFER)
                    self._member.hand_over(opened, theirs)
                except OSError as error:
                    ours.close()
                    log.error("an SSH worker (process %d) takes no session: %s", self._member.pid, error)
                    raise Failed(DIED) from None
            await self._pipe.open(ours)
            self._begun = True
            if self._held:
                self._pipe.pause()
            for message in self._before:
                self._pipe.send(message)
            self._before.clear()
            ended = await self._over
            if ended is None:
                raise Failed(DIED)
            self._painted = False
            if ended.problem is not None:
                raise Failed(ended.problem)
            return ended.status
        finally:
            self._member.stages.pop(session.number, None)
            if self._leaving is not None:
                self._leaving.cancel()
            self._pipe.close()
            for task in self._tasks:
                task.cancel()

    def _send(self, message: parcels.ToSession) -> None:
        if self._begun:
            self._pipe.send(message)
        else:
            self._before.append(message)

    def feed(self, data: bytes) -> None:
        if data:
            self._send(parcels.Typed(data))

    def resized(self, width: int, height: int) -> None:
        self._send(parcels.Resized((width, height)))

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
        self._send(parcels.Leave(status))
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().call_later(LEAVE_LIMIT, self.hung_up)

    def give_back(self) -> None:
        if self._painted:
            from tui.ssh.driver import RESTORE

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

    def _told(self, message: parcels.FromSession) -> None:
        match message:
            case parcels.Painted(data=data):
                self._painted = True
                self._session.write(data)
            case parcels.Farewell(reason=reason, successor=successor):
                self._session.farewell(reason, Address(*successor) if successor is not None else None)
            case parcels.TakeAccount(username=username, secret=secret):
                self._answer(self._take_account(username, secret))
            case parcels.BindKey(claim=claim):
                self._answer(self._bind_key(claim))
            case parcels.Ended():
                if not self._over.done():
                    self._over.set_result(message)

    def _answer(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_account(self, username: str, secret: str) -> None:
        self._send(parcels.Taken(await self._connection.take_account(username, secret)))

    async def _bind_key(self, claim: str) -> None:
        problem = None
        try:
            person = self._connection.person
            if person is None or person.claim != claim:
                raise CannotChangeKeys("the account is somebody else's")
            await self._connection.bind_key(claim)
        except CannotChangeKeys as error:
            problem = str(error)
        self._send(parcels.Bound(problem))


def _nothing() -> None:
    pass


def _environment() -> dict[str, str]:
    """Ours, with the modules where they are here."""
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
