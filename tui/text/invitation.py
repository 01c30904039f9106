"""How others join: commands to copy, none of which puts a secret where other people of a machine can read it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Final

from core.wire import Address, Scope, scope_of

SECRET_VARIABLE = "ACTIVITY_TUI_SECRET"
SSH_PORT: Final = 22
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


def ssh_command(host: str, port: int, name: str) -> str:
    """With which a person comes in over SSH."""
    return f"ssh -p {port} {shlex.quote(f'{name}@{host}')}"


def known_hosts_line(places: Iterable[tuple[str, int]], authority: str) -> str:
    """The line of `known_hosts` by which OpenSSH knows servers by the key that certifies them (sshd(8)).

    `places`: hosts and ports, and nothing is trusted beyond them; `authority`: that key, its kind and its base 64.
    """
    names = ",".join(dict.fromkeys(_known_host(host, port) for host, port in places))
    return f"@cert-authority {names} {authority}"


def _known_host(host: str, port: int) -> str:
    """A place as `known_hosts` has it; a name there may be a pattern, so one that would be is refused."""
    host = host.lower()
    if not host or not PATTERNS.isdisjoint(host):
        raise ValueError(f"{host!r} is no host that could be known")
    return host if port == SSH_PORT else f"[{host}]:{port}"


def masked(address: Address) -> str:
    """The server's command as it can stand on a screen that others see."""
    return f"{SECRET_VARIABLE}=\u2022\u2022\u2022\u2022 {client_command(address)}"
