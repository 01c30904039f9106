"""A machine that is carried out by hand, and a server on a real socket that says what a test tells it to.

The server is written from the protocol's text with plain JSON: it shares no code with the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from core.client import ClientEvent, ClientMachine, ClientSettings
from core.client.outputs import ClientOutput, Connect, Disconnect, SendMessage, SetTimer, Tell
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.codec import encode

LIMIT = 5.0
"""Seconds that anything in these tests may take."""
HERE = Address("one.example", 1)
THERE = Address("two.example", 2)

Json = dict[str, Any]
_Event = TypeVar("_Event", bound=ClientEvent)
_Message = TypeVar("_Message", bound=wire.Message)


class Driven:
    """A machine, what it wanted so far, and a clock that stands still unless a test moves it."""

    def __init__(
        self,
        settings: ClientSettings | None = None,
        addresses: Sequence[Address] = (HERE,),
        *,
        home: bool = False,
        wall_ahead: float = 0.0,
        seed: int = 1,
    ) -> None:
        self.machine = ClientMachine(
            settings or ClientSettings(), addresses, random.Random(seed), wall_ahead=wall_ahead, home=home
        )
        self.now = 100.0
        self.wake_at: float | None = None
        self.events: list[ClientEvent] = []
        self.sent: list[wire.Message] = []
        self.dialled: list[Address | None] = []
        self.disconnects = 0

    def take(self) -> list[ClientOutput]:
        outputs = self.machine.take_outputs()
        for output in outputs:
            match output:
                case Connect(address=address):
                    self.dialled.append(address)
                case SendMessage(message=message):
                    self.sent.append(message)
                case Tell(event=event):
                    self.events.append(event)
                case SetTimer(at=at):
                    self.wake_at = at
                case Disconnect():
                    self.disconnects += 1
        return outputs

    def start(self) -> None:
        self.machine.start(self.now)
        self.take()

    def connected(self) -> None:
        self.machine.connected(self.now)
        self.take()

    def say(self, *messages: wire.Message) -> None:
        for message in messages:
            self.machine.received(message, self.now)
            self.take()

    def lose(self, reason: str = "gone") -> None:
        self.machine.lost(reason, self.now)
        self.take()

    def post(self, activity: object, ref: str | None = None) -> str:
        ref = self.machine.post(activity, ref, self.now)
        self.take()
        return ref

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the machine whenever it asked for it."""
        end = self.now + seconds
        while self.wake_at is not None and self.wake_at <= end:
            self.now, self.wake_at = max(self.now, self.wake_at), None
            self.machine.woke(self.now)
            self.take()
        self.now = end

    def until_dialled(self) -> Address | None:
        """Let time pass until the machine dials again; where to."""
        before = len(self.dialled)
        for _ in range(100):
            if len(self.dialled) > before:
                return self.dialled[-1]
            assert self.wake_at is not None
            self.wait(self.wake_at - self.now)
        raise AssertionError("the machine does not dial again")

    def online(self, *, native: bool = True, vector: dict[str, int] | None = None) -> None:
        """Connect if that is still to be done, log in, and be settled there."""
        if not self.dialled:
            self.start()
        self.connected()
        if native:
            self.say(wire.LoginSuccess("welcome", id="aa", vector=vector or {}), wire.CaughtUp(0))
        else:
            self.say(wire.LoginSuccess("welcome"))
            self.wait(1)

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def said(self, kind: type[_Message]) -> list[_Message]:
        return [message for message in self.sent if isinstance(message, kind)]

    def lines(self) -> list[bytes]:
        """What was sent, as bytes on the wire."""
        return [encode(message) for message in self.sent]


class ScriptedServer:
    """Takes one client after another; a test reads what they say and answers by hand."""

    def __init__(self) -> None:
        self._accepted: asyncio.Queue[Peer] = asyncio.Queue()
        self._peers: list[Peer] = []
        self.address = Address("127.0.0.1", 0)

    async def __aenter__(self) -> ScriptedServer:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=4 * 1024 * 1024)
        self.address = Address("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._peers.append(peer)
        await self._accepted.put(peer)

    async def accept(self) -> Peer:
        async with asyncio.timeout(LIMIT):
            return await self._accepted.get()

    async def login(self, *, native: bool = True, vector: dict[str, int] | None = None) -> Peer:
        """Take a client and log it in."""
        peer = await self.accept()
        await peer.welcome(native=native, vector=vector)
        return peer

    async def __aexit__(self, *problem: object) -> None:
        self._server.close()
        for peer in self._peers:
            peer.writer.transport.abort()
        await self._server.wait_closed()


class Peer:
    """A client, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read(self) -> Json:
        async with asyncio.timeout(LIMIT):
            line = await self.reader.readline()
        message: Json = json.loads(line)
        return message

    async def expect(self, command: str) -> Json:
        """The next message with this command."""
        while True:
            message = await self.read()
            if message["command"] == command:
                return message

    async def ended(self) -> bool:
        """Wait until the client has closed; whatever it still says is read."""
        async with asyncio.timeout(LIMIT):
            with contextlib.suppress(ConnectionResetError):
                while await self.reader.read(65536):
                    pass
        return True

    def say(self, **fields: Any) -> None:
        self.writer.write(json.dumps(fields).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def welcome(self, *, native: bool = True, vector: dict[str, int] | None = None) -> Json:
        login = await self.expect("LOGIN")
        if native:
            self.say(command="LOGIN_SUCCESS", info="", id="aa", vector=vector or {})
            self.say(command="CAUGHT_UP", count=0)
        else:
            self.say(command="LOGIN_SUCCESS", info="")
        return login

    def drop(self) -> None:
        """End as a killed process does."""
        self.writer.transport.abort()


class Told:
    """The events of a client on asyncio, to wait for."""

    def __init__(self) -> None:
        self.events: list[ClientEvent] = []
        self._news = asyncio.Event()

    def __call__(self, event: ClientEvent) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind: type[_Event], count: int = 1) -> list[_Event]:
        async with asyncio.timeout(LIMIT):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


def broadcast(
    seq: int, *, node: str = "n", sender: str = "bob", ref: str | None = None, stamp: int | None = None
) -> wire.ActivityBroadcast:
    """An activity as a native server sends it."""
    return wire.ActivityBroadcast(
        msgspec.Raw(b'{"n":%d,"authenticated_user":"%s"}' % (seq, sender.encode())),
        id=f"{node}.1.{seq}",
        stamp=1_000_000 + seq if stamp is None else stamp,
        sender=sender,
        ref=ref,
    )
