"""Connections are taken as the system has room for them, on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.engine.arrivals import accepting
from core.engine.arrivals.accepting import AT_ONCE, Acceptor
from tests.engine.harness import LIMIT, until


class Listener(socket.socket):
    """A listening socket whose system refuses some attempts."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.setblocking(False)
        self.bind(("127.0.0.1", 0))
        self.listen(1024)
        self.errors: list[int] = []
        self.attempts = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.attempts += 1
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, "as the test wants it")
        return super().accept()


class Opened(asyncio.BufferedProtocol):
    """Counts the connections that were made."""

    made: list[asyncio.BaseTransport]

    def __init__(self, made: list[asyncio.BaseTransport]) -> None:
        self.made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(transport)


class Place:
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.listener = Listener()
        self.made: list[asyncio.BaseTransport] = []
        self.exhausted: list[int | None] = []
        self.acceptor = Acceptor(
            asyncio.get_running_loop(),
            self.listener,
            lambda: Opened(self.made),
            tls=None if tls is None else lambda: tls,
            on_exhausted=lambda error: self.exhausted.append(error.errno),
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname(), timeout=LIMIT)


@asynccontextmanager
async def place(tls: ssl.SSLContext | None = None) -> AsyncIterator[Place]:
    made = Place(tls)
    try:
        yield made
    finally:
        made.acceptor.close()
        await made.acceptor.wait_closed()
        for transport in made.made:
            transport.close()


async def test_without_descriptors_it_waits_and_goes_on_once_there_are_some() -> None:
    async with place() as here:
        here.listener.errors = [errno.EMFILE, errno.EMFILE, errno.ENFILE]
        here.acceptor.start()
        with contextlib.closing(here.connect()):
            await until(lambda: len(here.made) == 1)
        assert here.exhausted == [errno.EMFILE, errno.EMFILE, errno.ENFILE]


async def test_an_attempt_that_fails_plans_one_more_and_not_one_for_each_that_waits() -> None:
    async with place() as here:
        here.listener.errors = [errno.EMFILE]
        waiting = [here.connect() for _ in range(20)]
        here.acceptor.start()
        await until(lambda: here.exhausted != [])
        assert here.listener.attempts == 1
        await until(lambda: len(here.made) == 20)
        assert here.listener.attempts in (21, 22), "one that failed, twenty, and perhaps one that found nobody"
        for each in waiting:
            each.close()


async def test_a_connection_that_ended_in_the_queue_does_not_hold_up_the_next() -> None:
    async with place() as here:
        here.listener.errors = [errno.ECONNABORTED, errno.EPROTO]
        here.acceptor.start()
        with contextlib.closing(here.connect()):
            await until(lambda: len(here.made) == 1)
        assert here.exhausted == []


async def test_those_who_never_begin_to_encrypt_give_way_to_those_who_come_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting, "AGREEING_MAX", 10)
    async with place(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as here:
        here.acceptor.start()
        silent = [here.connect() for _ in range(30)]
        silent[0].setblocking(False)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(silent[0], 1), LIMIT) == b""
        await until(lambda: len(here.acceptor._opening) == 10)
        for each in silent:
            each.close()


async def test_the_loop_gets_a_turn_between_so_many_connections() -> None:
    async with place() as here:
        waiting = [here.connect() for _ in range(AT_ONCE + 10)]
        here.acceptor._accept()
        assert here.listener.attempts == AT_ONCE
        here.acceptor.start()
        await until(lambda: len(here.made) == AT_ONCE + 10)
        for each in waiting:
            each.close()


async def test_who_connects_after_the_end_is_refused() -> None:
    async with place() as here:
        here.acceptor.start()
        address = here.listener.getsockname()
        here.acceptor.close()
        with contextlib.suppress(OSError):
            socket.create_connection(address, timeout=LIMIT).close()
            raise AssertionError("somebody still listens")
        assert here.made == []
