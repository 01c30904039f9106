"""This machine's addresses, as its interfaces have them, in the order in which others are likely to reach it."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import sys
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from core.wire.address import Address
from core.wire.scope import Scope, literal, scope_of

_UP: Final = 0x1
_LOOPBACK: Final = 0x8
_RUNNING: Final = 0x40
"""Flags of interfaces, the same on Linux, the BSDs and macOS."""

_TEMPORARY: Final = 0x01
_DEPRECATED: Final = 0x20
"""Flags of IPv6 addresses in Linux' /proc/net/if_inet6: they change, or are about to go (RFC 8981)."""

_WITHIN: Final = re.compile(
    r"(docker|virbr|vboxnet|vmnet|lxcbr|lxdbr|podman|cni|flannel|bridge|awdl|llw|anpi|ap)\d|br-[0-9a-f]{12}|veth|cali"
)
"""Interfaces that lead to guests of this machine, which have the same addresses on many machines, or to no network."""

_TOWARDS_THE_WORLD: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses (RFC 5737, 3849). A UDP connect sends nothing: it only picks a route."""


class Found(NamedTuple):
    """An address of an interface."""

    host: str
    interface: str
    flags: int


def endpoint(name: Any) -> Address:
    """A socket's name as an address: a link-local one with its zone, IPv4 in IPv6 clothes as IPv4.

    Raises TypeError, IndexError if it is no internet socket's.
    """
    host, port = str(name[0]), int(name[1])
    if len(name) > 3 and name[3] and "%" not in host and scope_of(host) is Scope.LINK:
        with contextlib.suppress(OSError):
            host = f"{host}%{socket.if_indextoname(name[3])}"
    if host.startswith("::ffff:"):
        plain = literal(host)
        if plain is not None and plain.version == 4:
            host = str(plain)
    # One text for all who come from there: it is kept for each of them.
    return Address(sys.intern(host), port)


def hosts_for_others(families: Collection[int]) -> tuple[str, ...]:
    """The addresses of these families at which other machines may reach this one, the best guess first.

    Loopback, alone, if there is none.
    """
    found = [one for one in addresses() if one.flags & _UP and one.flags & _RUNNING and _family(one.host) in families]
    usable = [one for one in found if scope_of(one.host) in (Scope.ANYWHERE, Scope.LINK)]
    # Addresses that an operator has put on the loopback interface are for others, but seldom the first choice.
    inner = [one for one in usable if one.flags & _LOOPBACK or _WITHIN.match(one.interface)]
    outer = [one for one in usable if one not in inner]
    passing, routed = _passing(), _routed()

    def rank(one: Found) -> tuple[bool, bool, bool, bool]:
        plain = one.host.partition("%")[0]
        return (
            scope_of(one.host) is Scope.LINK,
            plain in passing,
            plain not in routed,
            _family(one.host) == socket.AF_INET6,
        )

    hosts = dict.fromkeys(one.host for one in sorted(outer or inner, key=rank))
    if not hosts:
        # Systems that do not tell their interfaces still know a route.
        hosts = dict.fromkeys(host for host in routed if _family(host) in families)
    return tuple(hosts) or (("127.0.0.1",) if socket.AF_INET in families else ("::1",))


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _routed() -> list[str]:
    """The addresses that this machine would use towards the world."""
    hosts = []
    for family, target in _TOWARDS_THE_WORLD:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            host = str(probe.getsockname()[0])
            if scope_of(host) is Scope.ANYWHERE:
                hosts.append(host)
    return hosts


def _passing() -> frozenset[str]:
    """IPv6 addresses that will not stay, where the system tells."""
    passing = set()
    with contextlib.suppress(OSError, ValueError), open("/proc/net/if_inet6", encoding="ascii") as table:
        for line in table:
            digits, _, _, _, flags, _ = line.split()
            if int(flags, 16) & (_TEMPORARY | _DEPRECATED):
                passing.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)))
    return frozenset(passing)


def addresses() -> list[Found]:
    """All addresses of all interfaces; none where the system does not tell."""
    import ctypes  # Here and below: who is told where to listen does not ask for it.

    try:
        library = ctypes.CDLL(None, use_errno=True)
        first = ctypes.POINTER(_entry_type())()
        if library.getifaddrs(ctypes.byref(first)) != 0:
            return []
    except (OSError, AttributeError, TypeError):
        return []
    try:
        return list(_walk(first))
    finally:
        library.freeifaddrs(first)


@functools.cache
def _entry_type() -> Any:
    """The system's `struct ifaddrs` (getifaddrs(3))."""
    import ctypes

    class IfAddrs(ctypes.Structure):
        pass

    IfAddrs._fields_ = [
        ("next", ctypes.POINTER(IfAddrs)),
        ("name", ctypes.c_char_p),
        ("flags", ctypes.c_uint),
        ("address", ctypes.c_void_p),
        # More follows, which nobody here looks at.
    ]
    return IfAddrs


def _walk(entry: Any) -> Iterator[Found]:
    while entry:
        one = entry.contents
        if one.address:
            host = _host(one.address)
            if host is not None:
                name = one.name.decode(errors="replace")
                if scope_of(host) is Scope.LINK and ":" in host:
                    host = f"{host}%{name}"
                yield Found(host, name, one.flags)
        entry = one.next


def _host(address: int) -> str | None:
    import ctypes

    head = ctypes.string_at(address, 2)
    family = int.from_bytes(head, sys.byteorder) if sys.platform.startswith("linux") else head[1]
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, ctypes.string_at(address + 4, 4))
    if family == socket.AF_INET6:
        packed = bytearray(ctypes.string_at(address + 8, 16))
        if packed[:2] == b"\xfe\x80":
            # The BSDs keep the zone's number in here (KAME).
            packed[2:4] = b"\0\0"
        return socket.inet_ntop(socket.AF_INET6, bytes(packed))
    return None
