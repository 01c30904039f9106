"""How others join: commands to copy, none of which puts a secret where other people of a machine can read it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from typing import Final

from core.wire import Address, Invited, Scope, invitation_line, scope_of
from tui.text.quantities import count_between, duration_between

SECRET_VARIABLE = "ACTIVITY_TUI_SECRET"
SSH_PORT: Final = 22
USES: Final = count_between(1, 1000)
"""Reads how often an invitation is to be good."""
USES_USUAL: Final = "1"
GOOD_FOR: Final = duration_between(60, 90 * 86400)
"""Reads how long it is to be good, in seconds."""
GOOD_FOR_USUAL: Final = "24h"
PATTERNS: Final = frozenset("*?!,|# \t\r\n\0")
"""What means something in a name of `known_hosts`."""


def caution(address: Address) -> str:
    """Why a command with the address does not serve everybody, for who hands it out; empty if it does."""
    match scope_of(address.host):
        case Scope.ANYWHERE:
            return ""
        case Scope.LINK:
            return "That address holds on one cable only, and behind its % stands the interface of who uses it."
        case _:
            return (
                "That address means this machine only: nobody elsewhere can use it. A server that runs with"
                " --advertise HOST tells others that one."
            )


def client_command(address: Address, network: str = "") -> str:
    """With which a person joins as a client. With the network's fingerprint nobody is asked whether it is the right
    one, and no other server that listens there is taken for it."""
    known = f" --network {shlex.quote(network)}" if network else ""
    return f"activity-tui join {shlex.quote(str(address))}{known}"


def server_command(address: Address, secret: str) -> str:
    """With which a server joins. The secret is in the environment of the command, which only its owner can read."""
    return f"{SECRET_VARIABLE}={shlex.quote(secret)} {client_command(address)}"


def invited_command(address: Address, invited: Invited) -> str:
    """With which a server joins that has been invited. Who has this line can use it, as often as it is good."""
    return f"activity-tui join {shlex.quote(invitation_line(str(address), invited))}"


def how_good(uses: int, expires: float) -> str:
    """How often an invitation is good, and until when (`expires`: seconds since 1970), as a clause."""
    often = "once" if uses == 1 else f"{uses} times"
    return f"good {often}, until {time.strftime('%Y-%m-%d %H:%M', time.localtime(expires))}"


def ssh_command(host: str, port: int, name: str) -> str:
    """With which a person comes in over SSH."""
    return f"ssh -p {port} {shlex.quote(f'{name}@{host}')}"


def known_hosts_line(places: Iterable[tuple[str, int]], authority: str) -> str:
    """The line of `known_hosts` by which OpenSSH knows servers by the key that certifies them (sshd(8)).

    `places`: hosts and ports, and nothing is trusted beyond them; `authority`: that key, its kind and its base 64.
    """
    names = ",".join(dict.fromkeys(_known_host(host, port) for host, port in places))
    return f"@cert-authority {names} {authority}"


def revoked_line(places: Iterable[tuple[str, int]], authority: str) -> str:
    """The line by which OpenSSH takes none of these for one that this key has certified, whatever other lines say."""
    return known_hosts_line(places, authority).replace("@cert-authority", "@revoked", 1)


def _known_host(host: str, port: int) -> str:
    """A place as `known_hosts` has it; a name there may be a pattern, so one that would be is refused."""
    host = host.lower()
    if not host or not PATTERNS.isdisjoint(host):
        raise ValueError(f"{host!r} is no host that could be known")
    return host if port == SSH_PORT else f"[{host}]:{port}"
