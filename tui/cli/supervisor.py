"""What a supervisor that started the process is told: that the server is ready, and that it leaves (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"


def tell_supervisor(*assignments: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send assignments such as `READY=1` in one datagram, where a supervisor waits for them; never waits itself.

    The protocol is a datagram of lines to the socket that the variable names, an abstract one after an @.
    """
    address = environment.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return
    # A supervisor that has gone, or reads nothing, is no reason not to serve.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        name = "\0" + address[1:] if address.startswith("@") else address
        sender.sendto("\n".join(assignments).encode(), name)
