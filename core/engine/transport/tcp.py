"""What is asked of a socket and its transport beside bytes."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import sys
import termios
from typing import Final

UNSENT_BYTES: Final = 64 * 1024
"""What may be in the kernel of what has not been sent."""
UNREAD_BYTES: Final = 128 * 1024
"""What may be there of what has not been read: it is read in the order in which it was written, whoever waits behind
it. Left to itself Linux lets 20 MB come together, 70,000 activities."""
NEAR: Final = 0.005
"""Seconds there and back, as within a building: so far away `UNREAD_BYTES` let 25 MB a second through. Further away the
system finds out how much it takes."""
_ROUND_TRIP_AT: Final = 68
"""Where Linux's `struct tcp_info` has `tcpi_rtt`, in microseconds."""


def unacknowledged(connected: socket.socket) -> int:
    """Bytes that the kernel has taken and no ACK has covered; 0 where it does not tell."""
    if hasattr(termios, "TIOCOUTQ"):
        # Linux: on a socket this asks for what tcp(7) calls SIOCOUTQ.
        with contextlib.suppress(OSError, ValueError):
            return int.from_bytes(fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


def untie(transport: object) -> None:
    """Let go of a transport that has lost its connection.

    asyncio's holds a method of its own (`_read_ready_cb`, 3.11 to 3.14), a cycle: ten thousand of them would be kept
    until the collector looks at everything, and the memory between them with them.
    """
    if hasattr(transport, "_read_ready_cb"):
        transport._read_ready_cb = None


def set_tcp_options(connected: socket.socket) -> None:
    """No waiting for more to send, and a probe when nothing has been heard for long.

    asyncio sets TCP_NODELAY only on sockets that name their protocol, which accepted ones of a listener made without it
    do not.
    """
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def keep_little_in_kernel(connected: socket.socket) -> None:
    """Bound what waits in the kernel of a connection with another server: what has turns waits before that."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError):
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        if _round_trip(connected) <= NEAR:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)


def _round_trip(connected: socket.socket) -> float:
    """Seconds there and back, as the kernel has measured it; much where it does not tell."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, struct.error):
            info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROUND_TRIP_AT + 4)
            return int(struct.unpack_from("=I", info, _ROUND_TRIP_AT)[0]) / 1_000_000
    return 1.0
