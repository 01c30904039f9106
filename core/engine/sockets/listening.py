"""Sockets to listen with, and under which address others reach them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from typing import Final

from core.engine.engine_errors import CannotBind
from core.engine.sockets.interfaces import endpoint, hosts_for_others
from core.wire.address import Address
from core.wire.scope import Scope, literal, scope_of, zone_of

BACKLOG: Final = 1024
EVERYWHERE: Final = {
    "": ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")),
    "*": ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")),
    "0.0.0.0": ((socket.AF_INET, "0.0.0.0"),),
    "::": ((socket.AF_INET6, "::"),),
}
"""What stands for all addresses of the machine: of both families, of IPv4, or of IPv6."""
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
        return list(EVERYWHERE[host])
    plain = literal(host)
    if ":" in host and plain is not None:
        # As it was given: what a resolver makes of it may have lost the zone.
        return [(socket.AF_INET6, host)]
    if plain is not None and str(plain) == host:
        # Nobody has to be asked, and no thread to be started for it.
        return [(socket.AF_INET, host)]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise CannotBind(f"Cannot listen on {host}: the name cannot be found ({reason}).") from error
    return list(dict.fromkeys((family, endpoint(where).host) for family, _, _, _, where in found))


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
                listener.bind(_bindable(host, port))
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


def _bindable(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    zone = zone_of(host)
    return (host.partition("%")[0], port, 0, socket.if_nametoindex(zone)) if zone else (host, port)


def advertised_address(host: str, bound: Sequence[Address], wanted: Address | None) -> Address:
    """Where others reach a server that was told to listen on `host` and does on `bound`: `wanted`, or a good guess."""
    port = bound[0].port
    if wanted is not None:
        return Address(wanted.host, wanted.port or port)
    if host in EVERYWHERE:
        return Address(machine_hosts(bound)[0], port)
    if literal(host) is not None or scope_of(host) is Scope.MACHINE:
        return Address(host, port)
    # What a name means here it need not mean elsewhere: many systems have their own name stand for loopback.
    return next((one for one in bound if scope_of(one.host) is Scope.ANYWHERE), bound[0])


def machine_hosts(bound: Sequence[Address]) -> tuple[str, ...]:
    """The machine's addresses at which others may reach a server that listens on all of them, the best guess first."""
    return hosts_for_others({socket.AF_INET6 if ":" in one.host else socket.AF_INET for one in bound})
