"""Sockets to listen with, and under which address others reach them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import Final

from core.engine.errors import CannotBind
from core.wire.address import Address

BACKLOG: Final = 1024
EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "*"})
PORT_ATTEMPTS: Final = 20
_UNUSABLE_FAMILY: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


async def bind(host: str, port: int) -> list[socket.socket]:
    """Bound sockets, not listening yet, that all have the same port.

    Raises CannotBind.
    """
    places = await _places(host)
    for last in [False] * (PORT_ATTEMPTS - 1) + [True]:
        try:
            return _bind_all(places, port)
        except OSError as error:
            # A free port of one family may be taken in the other: try another one.
            if port != 0 or error.errno != errno.EADDRINUSE or last:
                raise CannotBind(explain(host, port, error)) from error
    raise AssertionError("unreachable")


def explain(host: str, port: int, error: OSError) -> str:
    """Why listening failed, for a person."""
    where = f"port {port}" if host in EVERYWHERE else str(Address(host, port))
    match error.errno:
        case errno.EADDRINUSE:
            return f"Cannot listen on {where}: another program does already. Choose another port, or stop that program."
        case errno.EACCES:
            return f"Cannot listen on {where}: not permitted. Ports below 1024 need privileges; choose a higher one."
        case errno.EADDRNOTAVAIL:
            return f"Cannot listen on {where}: this machine does not have that address. Leave the host out to use all."
        case _:
            return f"Cannot listen on {where}: {error.strerror or error}."


async def _places(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host in EVERYWHERE:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise CannotBind(f"Cannot listen on {host}: the name cannot be found ({reason}).") from error
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))


def _bind_all(places: list[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, host in places:
            try:
                listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            except OSError as error:
                if error.errno not in _UNUSABLE_FAMILY:
                    raise
                missing = error
                continue
            try:
                listener.setblocking(False)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind((host, port))
            except OSError as error:
                listener.close()
                if error.errno not in _UNUSABLE_FAMILY:
                    raise
                missing = error
                continue
            bound.append(listener)
            port = listener.getsockname()[1]
        if not bound:
            raise missing or OSError(errno.EADDRNOTAVAIL, "no address")
    except OSError:
        for listener in bound:
            listener.close()
        raise
    return bound


def advertised_address(host: str, bound: Address, wanted: Address | None) -> Address:
    """Where others reach a server that was told to listen on `host` and does on `bound`: `wanted`, or a good guess."""
    if wanted is not None:
        return Address(wanted.host, wanted.port or bound.port)
    if host not in EVERYWHERE:
        return Address(host, bound.port)
    return Address(_outgoing_host(), bound.port)


def _outgoing_host() -> str:
    """The address that this machine would use towards the world. Nothing is sent: a UDP connect only picks a route."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737)
        host = str(probe.getsockname()[0])
        if host != "0.0.0.0":
            return host
    return "127.0.0.1"
