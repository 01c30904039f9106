"""Whoever is on the way of a server's links, or where one is expected: they note every byte, and may pass it on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from core.certificates.network_key import NetworkKey
from core.engine.sockets.network_tls import NetworkTls
from core.wire.kept_network import KeptNetwork


@dataclass
class Noted:
    """What somebody has been sent, connection by connection, and where they listen."""

    port: int = 0
    heard: list[bytearray] = field(default_factory=list)

    @property
    def everything(self) -> bytes:
        return b"\n".join(bytes(one) for one in self.heard)


def strangers_keys() -> NetworkTls:
    """A server's of a network of its own, founded long ago, that lets everybody in."""
    seed = secrets.token_bytes(32)
    keys = NetworkTls(secrets.token_bytes(32), KeptNetwork(seed, NetworkKey(seed).public, 1.0))
    keys.listening.verify_mode = ssl.CERT_NONE
    return keys


@contextlib.asynccontextmanager
async def listening(port: int = 0, tls: ssl.SSLContext | None = None, answer: bytes = b"") -> AsyncIterator[Noted]:
    """Somebody who listens, notes, and answers everything with the same."""
    noted = Noted()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        noted.heard.append(heard)
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                heard += data
                if answer:
                    writer.write(answer)
                    await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    noted.port = server.sockets[0].getsockname()[1]
    try:
        yield noted
    finally:
        server.close()


@contextlib.asynccontextmanager
async def passing_on(
    to: int, outer: ssl.SSLContext | None = None, inner: ssl.SSLContext | None = None
) -> AsyncIterator[Noted]:
    """Somebody who passes on, and notes, what is said to them to whoever listens at a port, and back; with contexts of
    their own for both if they break up encryption."""
    noted = Noted()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        noted.heard.append(heard)
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                heard += data
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", to, ssl=inner)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=outer)
    noted.port = server.sockets[0].getsockname()[1]
    try:
        yield noted
    finally:
        server.close()
