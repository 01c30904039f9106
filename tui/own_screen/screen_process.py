"""The screen's process, as the node's process sees it: told what to show, obeyed, and watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from core.engine import NotRunning, Server
from core.node import Notice
from core.wire import Address
from tui.model.visitors import Visitors
from tui.own_screen import screen_protocol
from tui.own_screen.screen_child import ScreenChild
from tui.processes.message_pipe import MessagePipe, take_hand_off
from tui.processes.node_picture import NodeNotice

PICTURE_SHARE: Final = 0.005
"""Of a processor, what pictures of the node may take: of one with thousands of connections there are fewer."""
PICTURE_PAUSE_MAX: Final = 5.0
"""Seconds between two of them at most, whatever the one before has cost."""
NOTICES_WAITING_MAX: Final = 1_000
"""Notices that wait for a screen that takes nothing, one that is stopped, say: the oldest give way."""
GIVE_BACK_LIMIT: Final = 3.0
"""Seconds that the screen has to give the terminal back before the node's process stops."""
END_LIMIT: Final = 5.0
"""Seconds that the process has to end after its last word."""

log = logging.getLogger(__name__)


def operator_picture(server: Server, visitors: Visitors | None) -> screen_protocol.OperatorPicture:
    """The node as it is now. Raises NotRunning."""
    snapshot, traffic = server.snapshot(), server.traffic()
    flows = {
        one.conn: (flow.bytes_in, flow.bytes_out, flow.queued_bytes)
        for one in snapshot.connections
        if (flow := traffic.get(one.conn)) is not None
    }
    advertised = server.advertised
    sessions = list(visitors.sessions()) if visitors is not None else []
    return screen_protocol.OperatorPicture(snapshot, flows, (advertised.host, advertised.port), sessions, server.secret)


class ScreenProcess:
    """One process with a screen, from its beginning to its end."""

    def __init__(self, child: ScreenChild, server: Server, visitors: Visitors | None) -> None:
        self.child = child
        self.is_leaving = False
        """Whether the person has had the node leave."""
        self._server = server
        self._visitors = visitors
        self._pipe: MessagePipe[screen_protocol.FromScreen] = MessagePipe(
            screen_protocol.FromScreen, self._told, self._hung_up, full=self._full, drained=self._drained
        )
        self._is_full = True
        self._waiting: deque[Notice] = deque(maxlen=NOTICES_WAITING_MAX)
        self._free_at = 0.0
        self._looking: asyncio.TimerHandle | None = None
        self._given_back = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._ended: screen_protocol.ScreenEnded | None = None

    async def run(
        self, plan: screen_protocol.ScreenPlan, started: screen_protocol.NodeStarted
    ) -> tuple[screen_protocol.ScreenEnded | None, int]:
        """Show the node until the process has ended: its last word, if it had one, and its exit status."""
        loop = asyncio.get_running_loop()
        unsubscribe = self._server.subscribe(self.tell_of)
        try:
            await self._pipe.open(self.child.control)
            self.child.homes.setblocking(False)
            loop.add_reader(self.child.homes, self._take)
            if not self.child.planned:
                self._pipe.send(plan)
            self._pipe.send(started)
            self._drained()
            await self._over.wait()
        finally:
            unsubscribe()
            loop.remove_reader(self.child.homes)
            if self._looking is not None:
                self._looking.cancel()
            for task in self._tasks:
                task.cancel()
            self._pipe.close()
            self.child.homes.close()
        return self._ended, await self._reaped()

    async def _reaped(self) -> int:
        waiting = asyncio.create_task(asyncio.to_thread(self.child.wait))
        await asyncio.wait([waiting], timeout=END_LIMIT if self._ended is not None else 0.5)
        if not waiting.done():
            self.kill()
        return await waiting

    def kill(self) -> None:
        """End it at once."""
        self.child.signal(signal.SIGKILL)

    # --- what it is told ----------------------------------------------------------------------------------------------

    def tell_of(self, notice: Notice) -> None:
        """Something happened."""
        if self._is_full:
            self._waiting.append(notice)
        else:
            self._pipe.send(NodeNotice(notice))

    def want_leave(self, words: str, *, insist: bool) -> None:
        """Somebody wants the application to leave."""
        self._pipe.send(screen_protocol.LeaveWanted(words, insist))

    def node_closed(self, undone: Sequence[str]) -> None:
        """The node has ended."""
        self._pipe.send(screen_protocol.NodeClosed(list(undone)))

    async def give_terminal_back(self) -> None:
        """Return when the terminal is as it was found, or the screen does not answer."""
        self._given_back.clear()
        self._pipe.send(screen_protocol.GiveTerminalBack())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._given_back.wait(), GIVE_BACK_LIMIT)

    def _full(self) -> None:
        self._is_full = True

    def _drained(self) -> None:
        self._is_full = False
        while self._waiting and not self._is_full:
            self._pipe.send(NodeNotice(self._waiting.popleft()))

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if self._looking is None:
            self._looking = loop.call_at(max(self._free_at, loop.time()), self._show)

    def _show(self) -> None:
        self._looking = None
        begun = time.thread_time()
        with contextlib.suppress(NotRunning):
            self._pipe.send(operator_picture(self._server, self._visitors))
        spent = time.thread_time() - begun
        self._free_at = asyncio.get_running_loop().time() + min(spent / PICTURE_SHARE, PICTURE_PAUSE_MAX)

    # --- what it tells ------------------------------------------------------------------------------------------------

    def _hung_up(self) -> None:
        self._over.set()

    def _take(self) -> None:
        try:
            taken = take_hand_off(self.child.homes, screen_protocol.ConnectHome)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.error("the screen's process is not understood: %s", error)
            taken = None
        if taken is None:
            asyncio.get_running_loop().remove_reader(self.child.homes)
            return
        sock = taken[1]
        try:
            self._server.serve_local(sock)
        except NotRunning:
            sock.close()

    def _told(self, message: screen_protocol.FromScreen) -> None:
        try:
            self._do(message)
        except NotRunning:
            # It has ended meanwhile, which the screen is told as well.
            log.info("the screen asks for something of a server that has ended")

    def _do(self, message: screen_protocol.FromScreen) -> None:
        match message:
            case screen_protocol.LookAtNode():
                self._look()
            case screen_protocol.JoinNetwork(address=address, invited=invited):
                self._server.join(Address(*address), invited)
            case screen_protocol.EndConnection(conn=conn, reason=reason):
                self._server.disconnect(conn, reason)
            case screen_protocol.EndVisitor(number=number, reason=reason):
                if self._visitors is not None:
                    self._visitors.end(number, reason)
            case screen_protocol.LeaveNetwork(reason=reason):
                self.is_leaving = True
                self._server.request_drain(reason)
            case screen_protocol.MakeBackup(call=call):
                self._answer(self._back_up(call))
            case screen_protocol.InviteServer():
                self._answer(self._invite(message))
            case screen_protocol.TerminalGivenBack():
                self._given_back.set()
            case screen_protocol.ScreenFault(text=text):
                log.warning("%s", text)
            case screen_protocol.ScreenEnded():
                self._ended = message

    def _answer(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _back_up(self, call: int) -> None:
        path, problem = None, None
        try:
            path = str(await self._server.backup_now())
        except Exception as error:
            problem = str(error) or type(error).__name__
        self._pipe.send(screen_protocol.BackupMade(call, path, problem))

    async def _invite(self, asked: screen_protocol.InviteServer) -> None:
        invited, problem = None, None
        try:
            invited = await self._server.invite(asked.uses, asked.seconds)
        except Exception as error:
            problem = str(getattr(error, "strerror", None) or error) or type(error).__name__
        self._pipe.send(screen_protocol.ServerInvited(asked.call, invited, problem))
