"""What is asked of a socket and its transport beside bytes."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import sys
import termios


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
