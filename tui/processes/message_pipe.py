"""How two processes of this program tell each other something: messages over a socket, and sockets themselves.

Both ends run the same version of this program, so nothing here has to be compatible with anything.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Generic, TypeVar, cast

import msgspec

MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
SOCKET_BUFFER: Final = 64 * 1024
"""Bytes that the system may keep on the way: old frames, when a client does not read."""
WAITING_HIGH: Final = 32 * 1024

T = TypeVar("T")
_encode: Final = msgspec.msgpack.Encoder().encode


def framed(message: msgspec.Struct) -> bytes:
    """A message with its length before it."""
    data = _encode(message)
    return len(data).to_bytes(4, "big") + data


class MessagePipe(asyncio.Protocol, Generic[T]):
    """Messages over a stream socket, each with its length before it."""

    def __init__(
        self,
        kind: object,
        received: Callable[[T], None],
        ended: Callable[[], None],
        *,
        full: Callable[[], None] = lambda: None,
        drained: Callable[[], None] = lambda: None,
    ) -> None:
        """`kind`: what the other side sends. `full`, `drained`: too much waits for it to read, and does no more."""
        self._decode = msgspec.msgpack.Decoder(cast("type[T]", kind)).decode
        self._received = received
        self._ended = ended
        self._full = full
        self._drained = drained
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    async def open(self, sock: socket.socket) -> None:
        """Begin. The socket is the pipe's from here on."""
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WAITING_HIGH)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._ended()

    def pause_writing(self) -> None:
        self._full()

    def resume_writing(self) -> None:
        self._drained()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        begin = 0
        while len(buffer) - begin >= 4:
            length = int.from_bytes(buffer[begin : begin + 4], "big")
            if length > MESSAGE_BYTES_MAX:
                self.close()
                return
            if len(buffer) - begin - 4 < length:
                break
            body = bytes(buffer[begin + 4 : begin + 4 + length])
            begin += 4 + length
            try:
                message = self._decode(body)
            except msgspec.MsgspecError:
                self.close()
                return
            self._received(message)
        del buffer[:begin]

    def send(self, message: msgspec.Struct) -> None:
        if self._transport is not None:
            self._transport.write(framed(message))

    @property
    def waiting(self) -> int:
        """Bytes that the other side has yet to read."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pause(self) -> None:
        """Take no more for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Send what waits, then close."""
        if self._transport is not None:
            self._transport.close()


def hand_off(channel: socket.socket, message: msgspec.Struct, sock: socket.socket) -> None:
    """Hand a socket over together with what it is for. Raises OSError when it cannot be taken now."""
    socket.send_fds(channel, [_encode(message)], [sock.fileno()])


def take_hand_off(channel: socket.socket, kind: type[T]) -> tuple[T, socket.socket] | None:
    """What was handed over; None at the end. Raises BlockingIOError when there is nothing, OSError, or ValueError."""
    data, sockets, _, _ = socket.recv_fds(channel, 256 * 1024, 1)
    if not data:
        return None
    if not sockets:
        raise ValueError("something came without its socket")
    sock = socket.socket(fileno=sockets[0])
    sock.setblocking(False)
    try:
        return msgspec.msgpack.decode(data, type=kind), sock
    except msgspec.MsgspecError as error:
        sock.close()
        raise ValueError(str(error)) from None


def hand_off_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends over which sockets are handed; what is sent stays whole."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs
