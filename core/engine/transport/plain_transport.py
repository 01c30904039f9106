"""Connections that others open and that are not encrypted: a small transport for each, and one poller for all of them.

What asyncio makes for a connection (a transport with a dictionary, a task and two futures to open it, and for the
descriptor that the loop watches a handle, a bound method and two tuples) is half of what an idle one takes. Ten
thousand strangers can have it made within seconds, and the memory stays in pieces after them.

What is said of a transport in asyncio holds here: `connection_made` first, `connection_lost` last and once, in a pass
of the loop of its own, and after that nothing. Its protocol is paused as soon as anything waits to be written, and
resumed when nothing does.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any, Final

AT_ONCE: Final = 256
"""Connections that are looked at before the loop does something else."""
KEYS_AT_ONCE: Final = 4
"""Of them, those that take a step towards keys: the other side's is looked at, and something is signed."""


class Poller:
    """Watches the sockets of plain transports. The loop keeps several objects for each descriptor that it watches; here
    it watches one, and that one all others."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._transports: dict[int, PlainTransport] = {}
        self._room_for_keys = KEYS_AT_ONCE
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._look)

    @staticmethod
    def possible() -> bool:
        """Whether this system has what it takes."""
        return hasattr(select, "epoll")

    def open(self, connected: socket.socket, protocol: asyncio.BufferedProtocol) -> None:
        """Serve a connected socket, which does not block, with a protocol. Raises what its `connection_made` does; the
        socket is closed then."""
        transport = PlainTransport(self, connected, protocol)
        try:
            protocol.connection_made(transport)
        except BaseException:
            transport.abort()
            raise

    def close(self) -> None:
        """Watch nothing any more."""
        if not self._epoll.closed:
            self.loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._transports.clear()

    def watch(self, transport: PlainTransport, descriptor: int, before: int, events: int) -> None:
        """Watch a socket for other events than before; for none: a hang-up would be told without end."""
        if self._epoll.closed:
            return
        if not before:
            self._epoll.register(descriptor, events)
            self._transports[descriptor] = transport
        elif events:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.unregister(descriptor)
            del self._transports[descriptor]

    def has_room_for_keys(self) -> bool:
        """Whether this pass of the loop may take one more step towards keys; it has taken it then."""
        self._room_for_keys -= 1
        return self._room_for_keys >= 0

    def _look(self) -> None:
        self._room_for_keys = KEYS_AT_ONCE
        for descriptor, events in self._epoll.poll(0, AT_ONCE):
            transport = self._transports.get(descriptor)
            if transport is None:
                # Its turn was in this pass, and another one's has ended it.
                continue
            try:
                transport.happened(events)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as fault:
                self.loop.call_exception_handler(
                    {"message": "a fault in a connection", "exception": fault, "transport": transport}
                )
                transport.abort()


class PlainTransport(asyncio.Transport):
    """One socket."""

    __slots__ = (
        "_closing",
        "_descriptor",
        "_ended",
        "_finished",
        "_lost",
        "_paused",
        "_poller",
        "_protocol",
        "_socket",
        "_waiting",
        "_watched",
        "send",
    )

    def __init__(self, poller: Poller, connected: socket.socket, protocol: asyncio.BufferedProtocol | None) -> None:
        # Not the base class's: it makes a dictionary.
        self._poller = poller
        self._socket = connected
        self._descriptor = connected.fileno()
        self._protocol = protocol
        self.send: Callable[[bytes | bytearray | memoryview], int] = connected.send
        """Hands bytes to the kernel past everything here: for who knows that nothing waits."""
        self._waiting: memoryview | None = None
        """What the kernel has not taken: a part of what was handed in, not a copy of it."""
        self._watched = 0
        self._paused = False
        self._ended = False
        """Whether the peer has said that nothing more comes."""
        self._finished = False
        """Whether nothing more is to be sent."""
        self._closing = False
        self._lost = False
        """Whether `connection_lost` has been called, or is about to be."""
        self._watch()

    # --- what is asked of it ----------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self._socket
        if name not in ("peername", "sockname"):
            return default
        try:
            return self._socket.getpeername() if name == "peername" else self._socket.getsockname()
        except OSError:
            return default

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not (self._paused or self._ended or self._closing)

    def get_write_buffer_size(self) -> int:
        return len(self._waiting) if self._waiting is not None else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high or low:
            raise ValueError("nothing may wait in a plain transport without its protocol being paused")

    def can_write_eof(self) -> bool:
        return True

    # --- what it is told --------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        self._paused = True
        self._watch()

    def resume_reading(self) -> None:
        self._paused = False
        self._watch()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._finished or self._lost or self._waiting is not None:
            self._write_behind(data)
            return
        try:
            sent = self.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose(error)
            return
        if sent < len(data):
            self.sent_in_part(bytes(data) if isinstance(data, bytearray) else data, sent)

    def sent_in_part(self, data: bytes | memoryview, taken: int | OSError) -> None:
        """Whoever has used `send` could not send all: the rest goes out when it can, or the connection is lost."""
        if isinstance(taken, OSError):
            self._lose(taken)
        elif not self._lost:
            self._waiting = memoryview(data)[taken:]
            self._watch()
            if self._protocol is not None:
                self._protocol.pause_writing()

    def _write_behind(self, data: bytes | bytearray | memoryview) -> None:
        """Behind what waits, or in vain."""
        if self._finished:
            raise RuntimeError("nothing can be written behind the end")
        if self._waiting is not None:
            self._waiting = memoryview(b"".join((self._waiting, data)))

    def write_eof(self) -> None:
        if self._closing or self._finished:
            return
        self._finished = True
        if self._waiting is None:
            self._shut()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._waiting is None:
            self._part()
        else:
            self._watch()

    def abort(self) -> None:
        self._lose(None)

    # --- what happens to it -----------------------------------------------------------------------------------------

    def happened(self, events: int) -> None:
        """The poller has found something: an error or a hang-up shows in whatever is tried."""
        if events & ~select.EPOLLOUT and self.is_reading():
            self._read()
        if events & ~select.EPOLLIN and self._waiting is not None:
            self._write_on()

    def _read(self) -> None:
        protocol = self._protocol
        assert protocol is not None, "nothing is read from a connection that is lost"
        try:
            size = self._socket.recv_into(protocol.get_buffer(-1))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if size:
            protocol.buffer_updated(size)
        else:
            self._end()

    def _end(self) -> None:
        """The peer says nothing more."""
        protocol = self._protocol
        assert protocol is not None, "nothing is read from a connection that is lost"
        self._ended = True
        if protocol.eof_received():
            self._watch()
        else:
            self.close()

    def _write_on(self) -> None:
        waiting, protocol = self._waiting, self._protocol
        assert waiting is not None and protocol is not None, "whatever waits, waits for a socket"
        try:
            sent = self.send(waiting)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if sent < len(waiting):
            self._waiting = waiting[sent:]
            return
        self._waiting = None
        end_waits = self._finished
        protocol.resume_writing()
        if self.get_write_buffer_size() or self._lost:
            return
        self._watch()
        if self._closing:
            self._part()
        elif end_waits:
            # Otherwise the protocol has just said it, and it went out at once.
            try:
                self._shut()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError | None) -> None:
        """The connection is over; its protocol hears of it in the next pass of the loop."""
        if not self._lost:
            self._lost = self._closing = True
            self._waiting = None
            self._watch()
            self._poller.loop.call_soon(self._over, error)

    def _over(self, error: OSError | None) -> None:
        protocol, self._protocol = self._protocol, None
        try:
            if protocol is not None:
                protocol.connection_lost(error)
        finally:
            self._socket.close()

    def _part(self) -> None:
        """All is written, and nothing more is read."""
        self._lose(None)

    def _shut(self) -> None:
        """Say that nothing more comes. Raises OSError."""
        self._socket.shutdown(socket.SHUT_WR)

    @property
    def _events(self) -> int:
        """What is of use now."""
        return (select.EPOLLIN if self.is_reading() else 0) | (select.EPOLLOUT if self._waiting is not None else 0)

    def _watch(self) -> None:
        """Have the socket watched for what is of use now."""
        events = self._events
        if events != self._watched:
            before, self._watched = self._watched, events
            self._poller.watch(self, self._descriptor, before, events)
