"""How far an address carries (its scope, RFC 4007), and what it means in the mouth of somebody on another machine.

An address that a peer names is a claim. `127.0.0.1` from another machine means that machine to it and this one here;
`0.0.0.0` is where somebody listens and no place to go to; `fe80::1` is another host on each cable.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
import unicodedata
from typing import Final

from core.wire.address import HOST_CHARACTERS_MAX, Address

IPLiteral = ipaddress.IPv4Address | ipaddress.IPv6Address

SAME_NETWORK_BITS: Final = {4: 24, 6: 64}
"""By IP version: addresses that have so much in common are taken to be on one network, as they mostly are."""
_LOCAL_NAMES: Final = frozenset(
    {"localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"}
)
_SITE: Final = tuple(
    ipaddress.ip_network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_PREPARED: Final = {
    0x3002: ".",
    **dict.fromkeys((0xAD, 0x34F, 0x1806, 0x180B, 0x180C, 0x180D, 0x2060, 0xFEFF, *range(0x200B, 0x200E))),
    **dict.fromkeys(range(0xFE00, 0xFE10)),
}
"""What Nameprep makes of characters, beside NFKC: a full stop, or nothing (RFC 3490, 3.1, and RFC 3454, B.1)."""
_ITSELF: Final = ipaddress.ip_network("0.0.0.0/8")
_RESERVED: Final = ipaddress.ip_network("240.0.0.0/4")
_EMBEDDED: Final = ipaddress.ip_network("::/96")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class Scope(enum.Enum):
    """Who may use an address."""

    NOWHERE = "nobody"
    """Multicast, broadcast, reserved, or none at all."""
    UNSPECIFIED = "whoever says it"
    """`0.0.0.0` and `::`: all addresses of the machine that says so."""
    MACHINE = "this machine"
    """Loopback, and names that always mean it (RFC 6761)."""
    LINK = "this link"
    """Link-local: hosts on the same cable, each by a zone of its own."""
    ANYWHERE = "anybody"
    """All others, and names, which mean what the resolver says."""


def plain_host(host: str) -> str:
    """A host without what some programs write around it: `[::1]`, and Java's `name/10.0.0.1` and `/10.0.0.1`."""
    host = host.rpartition("/")[2].strip()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


@functools.lru_cache(maxsize=4096)
def literal(host: str) -> IPLiteral | None:
    """The IP address that a host is, in any spelling that a resolver takes for one; None if it is a name."""
    host = _as_resolved(plain_host(host))
    found: IPLiteral | None
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        found = _numbers_and_dots(host)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        plain = ipaddress.IPv6Address(int(found))
        if plain in _NAT64:
            return ipaddress.IPv4Address(int(plain) & 0xFFFF_FFFF)
    return found


def _as_resolved(host: str) -> str:
    """A host as it is looked up: what means ASCII is that (Nameprep, RFC 3491), as in a full-width `127.0.0.1`."""
    if host.isascii() or len(host) > HOST_CHARACTERS_MAX:
        return host
    # Not by Python's codec for names, which takes 14 ms for the worst of them.
    plain = unicodedata.normalize("NFKC", host).translate(_PREPARED)
    return plain if plain.isascii() else host


def _numbers_and_dots(host: str) -> ipaddress.IPv4Address | None:
    """The older spellings of IPv4 (`127.1`, `0x7f.0.0.1`, `2130706433`), which resolvers take too (inet_aton)."""
    parts = host.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    value = 0
    for place, part in enumerate(parts):
        number = _number(part)
        room = 8 if place < len(parts) - 1 else 8 * (5 - len(parts))
        if number is None or number >= 1 << room:
            return None
        value = value << room | number
    return ipaddress.IPv4Address(value)


def _number(text: str) -> int | None:
    if not text.isascii() or not text.isalnum():
        return None
    try:
        if text[:2] in ("0x", "0X"):
            return int(text[2:] or "0", 16)
        return int(text, 8 if text.startswith("0") else 10)
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def scope_of(host: str) -> Scope:
    """Who may use a host name or address."""
    host = plain_host(host)
    address = literal(host)
    if address is None:
        name = _as_resolved(host).rstrip(".").lower()
        if not name:
            return Scope.NOWHERE
        return Scope.MACHINE if name in _LOCAL_NAMES or name.endswith(".localhost") else Scope.ANYWHERE
    if address.is_unspecified or (address.version == 4 and address in _ITSELF):
        return Scope.UNSPECIFIED
    if address.is_loopback:
        return Scope.MACHINE
    if address.is_link_local:
        return Scope.LINK
    if address.is_multicast or address in (_RESERVED if address.version == 4 else _EMBEDDED):
        return Scope.NOWHERE
    return Scope.ANYWHERE


def why_not_advertised(host: str) -> str | None:
    """Why nobody could reach a server at a host, as a sentence for who wants to advertise it; None if it may be."""
    match scope_of(host):
        case Scope.UNSPECIFIED:
            return f"{host} stands for all addresses of a machine and is none that others can go to"
        case Scope.LINK:
            return f"{host} is link-local: beyond one cable it means another machine, or none"
        case Scope.NOWHERE:
            return f"{host or 'that'} is no address of a machine"
        case _:
            return None


def why_not_reached(host: str) -> str | None:
    """Why nobody can connect to a host, as a sentence for who has written it; None if one may try."""
    match scope_of(host):
        case Scope.LINK if ":" in host and not zone_of(host):
            return f"{host} is link-local: name the interface of this machine too, as in {host}%eth0"
        case Scope.NOWHERE:
            return f"{host or 'that'} is no address of a machine"
        case _:
            return None


def zone_of(host: str) -> str:
    """The zone of an IPv6 address (`eth0` of `fe80::1%eth0`), which has a meaning on its own machine only."""
    return plain_host(host).partition("%")[2]


def is_site_local(address: IPLiteral) -> bool:
    """Whether an address is of a private network (RFC 1918, 4193, 6598), which the Internet does not carry to."""
    return any(address.version == network.version and address in network for network in _SITE)


def on_one_machine(peer: str, own: str) -> bool:
    """Whether both ends of a connection are on one machine: over loopback, or an address of it with itself."""
    return scope_of(peer) is Scope.MACHINE or (peer == own and literal(peer) is not None)


def on_one_network(one: str, other: str) -> bool:
    """Whether two hosts look as if they were on one network."""
    a, b = literal(one), literal(other)
    if a is None or b is None or a.version != b.version:
        return False
    return (int(a) ^ int(b)) >> (a.max_prefixlen - SAME_NETWORK_BITS[a.version]) == 0


def meant(named: Address, seen: str, *, near: bool, itself: bool) -> Address | None:
    """The address that a peer means by one that it names; None when it leads nowhere from here.

    `seen` is the host at which the peer is reached (empty: not known), `near` whether it is on this machine, and
    `itself` whether it names itself rather than a third. What has no meaning beyond the peer's machine is taken to be
    on that machine: the peer's host with the port that it named.
    """
    if not named.port:
        return None
    host, there = plain_host(named.host), Address(seen, named.port) if seen else None
    match scope_of(host):
        case Scope.ANYWHERE:
            return Address(host, named.port)
        case Scope.MACHINE:
            return Address(host, named.port) if near else there
        case Scope.UNSPECIFIED:
            return there
        case Scope.LINK:
            if near and (zone_of(host) or ":" not in host):
                return Address(host, named.port)
            if itself:
                return there
            if scope_of(seen) is not Scope.LINK or (":" in host) != (":" in seen):
                return None
            # A third one on the cable on which the peer is: the zone is this machine's name for it.
            zone = zone_of(seen)
            return Address(host.partition("%")[0] + (f"%{zone}" if zone else ""), named.port)
        case _:
            return there if itself else None
