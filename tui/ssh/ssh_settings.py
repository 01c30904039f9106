"""What the SSH server allows. Times in seconds; every limit is a setting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

WORKERS_USUAL_MAX = 4


def usual_workers() -> int:
    """Processes for the sessions: one for each two processors.

    Measured on two processors: one worker paints fifty people who come at once within 2.4 s, two within 1.4 s, but two
    leave the node too little of the machine, and each keeps some megabytes that its first sessions have warmed up.
    """
    processors = os.cpu_count() or 1
    return min(processors // 2, WORKERS_USUAL_MAX)


class SSHSettings(NamedTuple):
    """Where to listen, and how much anybody may have."""

    host: str
    """Empty for all of this machine's addresses."""
    port: int
    data_dir: Path
    """Where the host key is kept."""
    anonymous: bool = True
    """Whether `ssh anonymous@host` comes in without a key or secret."""
    registration: bool = True
    """Whether somebody with a new name may register it inside the session."""
    workers: int = 0
    """Processes that run the sessions' applications; 0: they run in the node's process, on its event loop."""
    connections_max: int = 500
    connections_per_host_max: int = 250
    """Of one address: whoever takes all that one address can have leaves room for others."""
    unauthenticated_max: int = 100
    """Connections that have not logged in yet: each more costs one of them its place. With the next two it is what
    sshd calls MaxStartups, `start:rate:full`; see `tui.ssh.door` for whose place it is."""
    unauthenticated_start: int = 50
    """From so many on a new connection may cost one its place,"""
    unauthenticated_rate: float = 30.0
    """so likely at first (per cent), and the likelier the more there are."""
    unauthenticated_per_host_max: int = 60
    attempts_max: int = 6
    """Failed attempts to authenticate on one connection (sshd's MaxAuthTries)."""
    failure_delay: float = 1.0
    """How long a wrong secret's answer is kept back; doubles with each failure of one host, up to `delay_max`."""
    delay_max: float = 8.0
    checks_max: int = 2
    """Secrets that are checked at a time for people who come by SSH: the node's own logins go first."""
    checks_per_host_max: int = 8
    """Secrets of one host that guesses, checked or waiting for it; more are refused as they come."""
    sessions_per_connection_max: int = 8
    sessions_per_user_max: int = 32
    sessions_per_host_max: int = 250
    sessions_max: int = 400
    login_limit: float = 120.0
    """As OpenSSH has it: whoever comes for the first time compares a fingerprint, and looks for a secret."""
    empty_limit: float = 60.0
    """Close a connection on which there has been no session for so long."""
    idle_limit: float = 0.0
    """Close a session in which nothing was typed for so long; 0: never."""
    keepalive_interval: float = 60.0
    """How often a silent client is asked whether it is there. What the network has lost, the system notices earlier."""
    keepalive_misses: int = 3
    keys_max: int = 32
    """Keys of one account, above which none is bound here."""
    message_rate: float = 20.0
    """Activities a second that one session may post, on average; some seconds' worth of them may come at once."""
    input_rate: int = 64 * 1024
    """Bytes a second that one session may type or paste, on average; above it the session is read more slowly."""
    leave_limit: float = 3.0
    """How long sessions have to say good-bye when the server ends."""
    collect_after: float = 20.0
    """How long the memory of a session that has ended may be kept; see `tui.ssh.sharing.cyclic_collection`."""
