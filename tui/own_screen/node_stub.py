"""The node as the screen's process has it: what it was last told of, and calls that go to the node's process.

The model has it in the place of the node itself (a stub, as of Birrell and Nelson, Implementing Remote Procedure Calls,
1984). A picture is asked for by looking: who looks sees the latest, and is told when there is a newer one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core.node import NodeSnapshot, Notice
from core.wire import Address, Invited
from tui.model.network_faces import LinkTraffic
from tui.model.visitors import SessionView
from tui.own_screen import screen_protocol
from tui.processes.message_pipe import MessagePipe, hand_off
from tui.processes.node_picture import NodeNotice, ReportedTraffic

ENDED: Final = "the server's process has ended"


class NodeStub:
    """A `NodeFace` and a `Visitors`: one connection to the node's process."""

    def __init__(self, control: socket.socket, homes: socket.socket) -> None:
        """`control`: for the messages; `homes`: over which the client's connections are handed."""
        loop = asyncio.get_running_loop()
        self._socket = control
        self._homes = homes
        self._pipe: MessagePipe[screen_protocol.ToScreen] = MessagePipe(
            screen_protocol.ToScreen, self._told, self._hung_up
        )
        self.plan: asyncio.Future[screen_protocol.ScreenPlan | None] = loop.create_future()
        """What is to be shown; None when the node's process has ended before it said so."""
        self.started: asyncio.Future[screen_protocol.NodeStarted] = loop.create_future()
        """Whether there is a node. What it is cannot be asked before."""
        self.on_notice: Callable[[Notice], None] = lambda notice: None
        self.on_picture: Callable[[], None] = lambda: None
        self.on_leave_wanted: Callable[[str, bool], None] = lambda words, insist: None
        self.on_give_back: Callable[[], None] = lambda: None
        self.on_gone: Callable[[], None] = lambda: None
        """The node's process has ended, without a word before."""
        self._address = Address("", 0)
        self._picture: screen_protocol.OperatorPicture | None = None
        self._is_new = False
        """Whether nobody has looked at the picture yet."""
        self._asked = False
        self._closed: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._lost: asyncio.Future[None] = loop.create_future()

    async def open(self) -> None:
        await self._pipe.open(self._socket)

    def _told(self, message: screen_protocol.ToScreen) -> None:
        match message:
            case screen_protocol.ScreenPlan():
                if not self.plan.done():
                    self.plan.set_result(message)
            case screen_protocol.NodeStarted():
                self._address = Address(*message.address)
                self._picture = message.picture
                self._is_new = True
                if not self.started.done():
                    self.started.set_result(message)
            case screen_protocol.OperatorPicture():
                self._picture, self._is_new, self._asked = message, True, False
                self.on_picture()
            case NodeNotice(notice=notice):
                self.on_notice(notice)
            case screen_protocol.NodeClosed(undone=undone):
                self._end(tuple(undone))
            case screen_protocol.LeaveWanted(words=words, insist=insist):
                self.on_leave_wanted(words, insist)
            case screen_protocol.GiveTerminalBack():
                self.on_give_back()
                self._pipe.send(screen_protocol.TerminalGivenBack())
            case screen_protocol.BackupMade(call=call, path=path, problem=problem):
                self._answered(call, path, problem)
            case screen_protocol.ServerInvited(call=call, invited=invited, problem=problem):
                self._answered(call, invited, problem)

    def _end(self, undone: tuple[str, ...]) -> None:
        if not self._closed.done():
            self._closed.set_result(undone)

    def _hung_up(self) -> None:
        unexpected = not self._closed.done()
        if not self._lost.done():
            self._lost.set_result(None)
        if not self.plan.done():
            self.plan.set_result(None)
            return
        self._end((ENDED,))
        for call in list(self._calls):
            self._answered(call, None, ENDED)
        if unexpected:
            self.on_gone()

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        return self._address

    @property
    def advertised(self) -> Address:
        return Address(*self._picture.advertised) if self._picture is not None else self._address

    @property
    def secret(self) -> str:
        return self._picture.secret if self._picture is not None else ""

    @property
    def network(self) -> str:
        """The fingerprint of the network that the node is of, as far as it is known; no new picture is asked for."""
        return self._picture.snapshot.network if self._picture is not None else ""

    def snapshot(self) -> NodeSnapshot:
        assert self._picture is not None
        if not self._is_new and not self._asked:
            self._asked = True
            self._pipe.send(screen_protocol.LookAtNode())
        self._is_new = False
        return self._picture.snapshot

    def traffic(self) -> Mapping[int, LinkTraffic]:
        assert self._picture is not None
        return {conn: ReportedTraffic(*values) for conn, values in self._picture.traffic.items()}

    def sessions(self) -> Sequence[SessionView]:
        return self._picture.sessions if self._picture is not None else ()

    # --- what it can be told ------------------------------------------------------------------------------------------

    def connect(self) -> socket.socket:
        """A connection to the node for the person's client. Raises OSError."""
        theirs, ours = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                hand_off(self._homes, screen_protocol.ConnectHome(), theirs)
            except OSError:
                ours.close()
                raise
        return ours

    def join(self, address: Address, invited: Invited | None = None) -> None:
        self._pipe.send(screen_protocol.JoinNetwork((address.host, address.port), invited))

    def disconnect(self, conn: int, reason: str) -> None:
        self._pipe.send(screen_protocol.EndConnection(conn, reason))

    def end(self, number: int, reason: str) -> bool:
        there = any(one.number == number for one in self.sessions())
        self._pipe.send(screen_protocol.EndVisitor(number, reason))
        return there

    def request_drain(self, reason: str = "") -> None:
        self._pipe.send(screen_protocol.LeaveNetwork(reason))

    async def wait_closed(self) -> tuple[str, ...]:
        return await asyncio.shield(self._closed)

    async def backup_now(self) -> Path:
        return Path(await self._call(screen_protocol.MakeBackup))

    async def invite(self, uses: int, seconds: float) -> Invited:
        found: Invited = await self._call(lambda call: screen_protocol.InviteServer(call, uses, seconds))
        return found

    async def _call(self, make: Callable[[int], screen_protocol.FromScreen]) -> Any:
        """Raises ConnectionError with what went wrong there, in words."""
        if self._lost.done():
            raise ConnectionError(ENDED)
        number = max(self._calls, default=0) + 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        try:
            self._pipe.send(make(number))
            return await answer
        finally:
            self._calls.pop(number, None)

    def _answered(self, call: int, value: Any, problem: str | None) -> None:
        answer = self._calls.get(call)
        if answer is None or answer.done():
            return
        if problem is None:
            answer.set_result(value)
        else:
            answer.set_exception(ConnectionError(problem))

    def fault(self, text: str) -> None:
        """Have the node's process log something."""
        self._pipe.send(screen_protocol.ScreenFault(text))

    async def tell_end(self, status: int, report: Sequence[str], limit: float) -> bool:
        """Tell what became of the screen; whether the node's process was there to hear it."""
        if self._lost.done():
            return False
        # It hangs up because this side does, whether it has told of the node's end or not.
        self.on_gone = lambda: None
        self._pipe.send(screen_protocol.ScreenEnded(status, list(report)))
        self._pipe.close()
        await asyncio.wait([self._lost], timeout=limit)
        return True
