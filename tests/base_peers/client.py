"""A client that speaks only the base protocol."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from tests.base_peers.lines import CLIENT_COMMANDS, Json, Record, encode, read_lines


class UnexpectedMessage(AssertionError):
    """The server answered something else, or hung up."""


class BaseClient:
    """One person's base client.

    Broadcasts are collected apart from answers, so a test can expect an answer while the network is talking. With
    `follow`, a `REDIRECT` is followed as existing clients do: at once, without counting, with a fresh `LOGIN`.
    """

    def __init__(self, *, follow: bool = False) -> None:
        self.follow = follow
        self.record = Record()
        self.broadcasts: list[Any] = []
        """The activities that arrived, in order."""
        self.broadcast_lines: list[bytes] = []
        self.redirects: list[tuple[str, int]] = []
        self.closed = asyncio.Event()
        self.peer: tuple[str, int] = ("", 0)
        self._answers: asyncio.Queue[Json | None] = asyncio.Queue()
        self._login: Json | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, host: str, port: int, *, follow: bool = False) -> Self:
        client = cls(follow=follow)
        await client._open(host, port)
        return client

    async def _open(self, host: str, port: int) -> None:
        reader, self._writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
        self.peer = (host, port)
        self._task = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for line in read_lines(reader):
            self.record.note_received(line)
            message = self.record.received[-1]
            if message["command"] == "ACTIVITY_BROADCAST":
                self.broadcasts.append(message.get("activity"))
                self.broadcast_lines.append(line)
                continue
            if message["command"] == "REDIRECT":
                self.redirects.append((message["hostname"], int(message["port"])))
                if self.follow and self._login is not None:
                    await self._move(*self.redirects[-1])
                    return
            self._answers.put_nowait(message)
        self.closed.set()
        self._answers.put_nowait(None)
        if self._writer is not None:
            self._writer.close()

    async def _move(self, host: str, port: int) -> None:
        assert self._writer is not None and self._login is not None
        self._writer.close()
        await self._open(host, port)
        self.send(self._login)

    def send(self, message: Json) -> None:
        """Send a message."""
        self.send_raw(encode(message))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, terminator included or not."""
        assert self._writer is not None
        for line in data.splitlines():
            self.record.note_sent(line)
        self._writer.write(data)

    async def next(self, timeout: float = 5.0) -> Json | None:
        """The next message that is no broadcast; None when the server hung up."""
        try:
            return await asyncio.wait_for(self._answers.get(), timeout)
        except TimeoutError:
            raise UnexpectedMessage(f"nothing came within {timeout} s; received: {self.record.received[-5:]}") from None

    async def expect(self, command: str, timeout: float = 5.0) -> Json:
        """The next message that is no broadcast, which must be this one."""
        message = await self.next(timeout)
        if message is None:
            raise UnexpectedMessage(f"expected {command}, but it hung up; received: {self.record.received[-5:]}")
        if message["command"] != command:
            raise UnexpectedMessage(f"expected {command}, got {message}")
        return message

    async def expect_close(self, timeout: float = 5.0) -> None:
        """The server hangs up, and says nothing more before it does."""
        message = await self.next(timeout)
        if message is not None:
            raise UnexpectedMessage(f"expected the end of the connection, got {message}")

    async def expect_refusal(self, command: str, timeout: float = 5.0) -> str:
        """The answer `command` with a reason, then the end of the connection. Returns the reason."""
        message = await self.expect(command, timeout)
        assert isinstance(message.get("info"), str) and message["info"], f"{command} without a reason: {message}"
        await self.expect_close(timeout)
        return str(message["info"])

    async def silent(self, period: float = 0.3) -> None:
        """Nothing but broadcasts comes for a while, and the connection stays."""
        try:
            message = await asyncio.wait_for(self._answers.get(), period)
        except TimeoutError:
            return
        raise UnexpectedMessage(f"expected nothing, got {message or 'the end of the connection'}")

    async def settle(self, period: float = 0.3) -> None:
        """Follow redirects until none has come for a while; anything but another LOGIN_SUCCESS is unexpected."""
        while True:
            try:
                message = await asyncio.wait_for(self._answers.get(), period)
            except TimeoutError:
                return
            if message is None or message["command"] != "LOGIN_SUCCESS":
                raise UnexpectedMessage(f"expected LOGIN_SUCCESS, got {message or 'the end of the connection'}")

    async def register(self, username: str, secret: str, timeout: float = 15.0) -> Json:
        """Register; the connection stays open."""
        self.send({"command": "REGISTER", "username": username, "secret": secret})
        return await self.expect("REGISTER_SUCCESS", timeout)

    async def login(self, username: str = "anonymous", secret: str | None = None, timeout: float = 5.0) -> Json:
        """Log in; `anonymous` needs no secret."""
        message = {"command": "LOGIN", "username": username}
        if secret is not None:
            message["secret"] = secret
        self._login = message
        self.send(message)
        return await self.expect("LOGIN_SUCCESS", timeout)

    def post(self, activity: Json, username: str | None = None, secret: str | None = None) -> None:
        """Post an activity, by default as the one who logged in."""
        if username is None:
            assert self._login is not None
            username, secret = self._login["username"], self._login.get("secret")
        message: Json = {"command": "ACTIVITY_MESSAGE", "username": username, "activity": activity}
        if secret is not None:
            message["secret"] = secret
        self.send(message)

    def texts(self, key: str = "text") -> list[Any]:
        """What the activities that arrived have in one field, in order."""
        return [activity[key] for activity in self.broadcasts if isinstance(activity, dict) and key in activity]

    @property
    def unknown(self) -> list[Json]:
        """What arrived that a base client does not know."""
        return [message for message in self.record.received if message["command"] not in CLIENT_COMMANDS]

    def logout(self) -> None:
        self.send({"command": "LOGOUT"})

    async def close(self) -> None:
        """Drop the connection without a word."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
