"""Whether a server that a command names is on this machine, where a person's own one has its data."""

from __future__ import annotations

import socket


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine: only there can a socket be bound to its address. It looks the name up."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
        for family, kind, protocol, _, where in found:
            with socket.socket(family, kind, protocol) as tried:
                tried.bind(where)
    except OSError:
        return False
    return True
