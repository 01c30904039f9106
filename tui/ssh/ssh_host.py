"""The host that a person names to come in over SSH."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from core.wire import Scope, literal, scope_of

_ANY: Final = {"0.0.0.0": 4, "::": 6}


def ssh_host(listens: Collection[str], advertised: str, *, asked_for: bool) -> str:
    """Where SSH that listens at some addresses is found: at the host that the node is known by, if that leads there.

    `asked_for`: a person said what is advertised. It may lead to other addresses than its own then, as through NAT, but
    not to the loopback.
    """
    address, local = literal(advertised), scope_of(advertised) is Scope.MACHINE
    certain = [host for host in listens if host not in _ANY]
    if all(scope_of(host) is Scope.MACHINE for host in listens) and not local:
        return certain[0] if certain else advertised
    if asked_for and not local:
        return advertised
    if address is None:
        fits = not local or len(certain) < len(listens) or any(scope_of(host) is Scope.MACHINE for host in certain)
        return advertised if fits else certain[0]
    versions = {_ANY[host] for host in listens if host in _ANY}
    if address.version in versions or address in map(literal, certain):
        return advertised
    if certain:
        return certain[0]
    return "::1" if 6 in versions else "127.0.0.1"


def port_of(host: str, ports: Mapping[str, int]) -> int:
    """The port at which SSH is found at a host. Any free port is another one for IPv4 than for IPv6."""
    address = literal(host)
    version = 4 if address is None else address.version
    fitting = (port for each, port in ports.items() if (found := literal(each)) and found.version == version)
    return next(fitting, next(iter(ports.values())))
