"""Asks a host over SSH whether it is certified by a network, as a person's ssh will. Nobody logs in."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncssh

from tui.ssh.algorithms import algorithms
from tui.text.invitation import known_hosts_line
from tui.text.safe_text import neutralise

NOBODY: Final = " "
"""A name that nobody can have: whoever is asked has proved itself before it hears one."""


class NotCertified(Exception):
    """A host has not proved that it belongs to the network; the text is a clause that says why."""


async def prove(host: str, port: int, authority: str, seconds: float) -> None:
    """Return when a host has proved within so many seconds that the network has certified it, under that name.

    `authority` is the network's key as `known_hosts` has it. Raises NotCertified.
    """
    try:
        known_hosts_line([(host, port)], authority)
        trusted = asyncssh.import_public_key(authority)
    except (ValueError, asyncssh.KeyImportError) as error:
        raise NotCertified(neutralise(str(error), 200)) from None
    try:
        async with asyncio.timeout(seconds):
            connection = await asyncssh.connect(
                host,
                port,
                username=NOBODY,
                known_hosts=([], [trusted], []),
                server_host_key_algs=["ssh-ed25519-cert-v01@openssh.com"],
                client_keys=None,
                agent_path=None,
                config=None,
                **algorithms(),
            )
    except asyncssh.PermissionDenied:
        return
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        raise NotCertified("who answers there is not certified by this network under that name") from None
    except TimeoutError:
        raise NotCertified(f"nobody answered within {seconds:g} seconds") from None
    except (OSError, asyncssh.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise NotCertified(neutralise(f"it cannot be reached: {reason}", 200)) from None
    connection.abort()
