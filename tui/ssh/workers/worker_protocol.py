"""What the node's process and a worker tell each other, and how it gets across.

Both ends run the same version of this program, so nothing here has to be compatible with anything. A worker is as
trustworthy as what people type into it: the node's side decides who somebody is and what they may.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar, cast

import msgspec

from core.node import NodeSnapshot, Notice

DUMP_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
"""Have the node's process write what goes on in it; to a worker they mean nothing. See `tui.cli.dumps`."""


@contextlib.contextmanager
def dump_signals_kept_back() -> Iterator[None]:
    """A process that is started meanwhile is not ended by these signals before it can say that it ignores them: until
    then it has them kept back as well."""
    if not DUMP_SIGNALS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, DUMP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
SOCKET_BUFFER: Final = 64 * 1024
"""Bytes that the system may keep on the way: old frames, when a client does not read."""
WAITING_HIGH: Final = 32 * 1024


# --- once for a worker ------------------------------------------------------------------------------------------------


class WorkerSettings(msgspec.Struct, frozen=True, tag=True):
    """What the sessions are allowed, and where the node is."""

    anonymous: bool
    message_rate: float
    input_rate: int
    collect_after: float
    address: tuple[str, int]
    advertised: tuple[str, int]
    notices: list[Notice]
    data_dir: str = ""


class NodePicture(msgspec.Struct, frozen=True, tag=True):
    """The node as people over SSH see it."""

    snapshot: NodeSnapshot
    # By connection: bytes in, bytes out, bytes that wait.
    traffic: dict[int, tuple[int, int, int]]


class NodeNotice(msgspec.Struct, frozen=True, tag=True):
    """Something happened at the node."""

    notice: Notice


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Nothing has changed that is worth a picture. Is the worker there?"""


class ProbeAnswer(msgspec.Struct, frozen=True, tag=True):
    """The worker's answer to either, and how many applications take memory there."""

    applications: int


class WorkerFault(msgspec.Struct, frozen=True, tag=True):
    """Something for the node's log."""

    text: str


ToWorker = WorkerSettings | NodePicture | NodeNotice | Probe
FromWorker = ProbeAnswer | WorkerFault


# --- on the hand-off socket, each with a socket -----------------------------------------------------------------------


class OpenSession(msgspec.Struct, frozen=True, tag=True):
    """A session; with the socket for its messages."""

    number: int
    name: str
    claim: str | None
    secret: str | None
    key: tuple[str, str, float] | None
    terminal: str
    environment: dict[str, str]
    size: tuple[int, int]
    query: str


class AttachClient(msgspec.Struct, frozen=True, tag=True):
    """A session's client wants a connection to the node; with the socket that the node is to serve."""

    number: int
    name: str


# --- for each session -------------------------------------------------------------------------------------------------


class Typed(msgspec.Struct, frozen=True, tag=True):
    data: bytes


class Resized(msgspec.Struct, frozen=True, tag=True):
    size: tuple[int, int]


class LeaveApplication(msgspec.Struct, frozen=True, tag=True):
    status: int


class AccountTaken(msgspec.Struct, frozen=True, tag=True):
    """The answer to `TakeAccount`."""

    claim: str | None


class KeyBound(msgspec.Struct, frozen=True, tag=True):
    """The answer to `BindKey`."""

    problem: str | None


class SecretChangingNoted(msgspec.Struct, frozen=True, tag=True):
    """The answer to `SecretChanging`."""


class Painted(msgspec.Struct, frozen=True, tag=True):
    data: bytes


class SessionEnded(msgspec.Struct, frozen=True, tag=True):
    reason: str
    successor: tuple[str, int] | None


class TakeAccount(msgspec.Struct, frozen=True, tag=True):
    username: str
    secret: str


class BindKey(msgspec.Struct, frozen=True, tag=True):
    claim: str


class SecretChanging(msgspec.Struct, frozen=True, tag=True):
    """The person is about to change their secret (`begins`), or has."""

    begins: bool


class ApplicationEnded(msgspec.Struct, frozen=True, tag=True):
    """The application has ended, and given the terminal back. `problem`: what the person is told when it failed."""

    status: int
    problem: str | None


ToSession = Typed | Resized | LeaveApplication | AccountTaken | KeyBound | SecretChangingNoted
FromSession = Painted | SessionEnded | TakeAccount | BindKey | SecretChanging | ApplicationEnded

T = TypeVar("T")
_encode: Final = msgspec.msgpack.Encoder().encode


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
            data = _encode(message)
            self._transport.write(len(data).to_bytes(4, "big") + data)

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
