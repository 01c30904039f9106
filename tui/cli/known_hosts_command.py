"""`known-hosts`: the line by which ssh knows the servers of a network."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from core.client import ClientSettings
from core.node import NodeSnapshot
from tui.cli.command_client import script_client
from tui.cli.console_streams import ConsoleStreams
from tui.cli.inputs import address_of, choices_of, credentials
from tui.cli.loading import loading
from tui.cli.loop import run_until_interrupted
from tui.cli.trusting import trust_of
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import ConnectClient
from tui.script.script_grammar import seconds_of
from tui.script.streams import Streams
from tui.text import invitation
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from tui.script.status_command import StatusCommand

ASKED_AT_ONCE: Final = 16
"""Servers that are asked over SSH at a time."""
PLACES_A_LINE: Final = 20

HostPort = tuple[str, int]


def run(arguments: argparse.Namespace) -> int:
    address, choices = address_of(arguments), choices_of(arguments)
    who = credentials(choices, address)
    trust = trust_of(choices, address)
    settings = ClientSettings(username=who.user, secret=who.secret, history=0, follow_redirects=False, reconnect=False)
    with loading():
        from tui.script.status_command import StatusCommand
    command = KnownHosts(StatusCommand(True, seconds_of(arguments)), address.host)
    return run_until_interrupted(
        lambda: command.run(
            lambda heard: script_client(settings, address, heard, trust, hint=who.hint), ConsoleStreams()
        )
    )


class KnownHosts:
    """Asks a server which servers there are, and each of those for what it proves itself with."""

    def __init__(self, status: StatusCommand, host: str) -> None:
        """`host`: by which name the person knows the server that they ask."""
        self._status = status
        self._host = host

    async def run(self, connect: ConnectClient, streams: Streams) -> ExitStatus:
        """Write the line, or several where there are many servers. Raises CommandFailed, OutputClosed."""
        snapshot = await self._status.picture(connect)
        if not snapshot.ssh_authority:
            raise CommandFailed(ExitStatus.FAILURE, "that server serves no SSH", hint=_others(snapshot))
        # It takes a while to load, and no script pays for it that asks for nothing of the kind.
        with loading():
            from tui.ssh.certified_hosts import NotCertified, prove

        turn = asyncio.Semaphore(ASKED_AT_ONCE)

        async def is_proved(place: HostPort) -> bool:
            async with turn:
                try:
                    await prove(*place, snapshot.ssh_authority, self._status.seconds)
                except NotCertified as error:
                    streams.say(f"{neutralise(place[0], 255)} port {place[1]} is left out: {error}")
                    return False
            return True

        places = list(dict.fromkeys(_places(snapshot, self._host)))
        fate = await asyncio.gather(*(is_proved(place) for place in places))
        proved = [place for place, good in zip(places, fate, strict=True) if good]
        if not proved:
            raise CommandFailed(ExitStatus.FAILURE, "no server has proved over SSH that it is of this network")
        for first in range(0, len(proved), PLACES_A_LINE):
            some = proved[first : first + PLACES_A_LINE]
            await streams.put(invitation.known_hosts_line(some, snapshot.ssh_authority))
            for former in snapshot.ssh_revoked:
                if former != snapshot.ssh_authority:
                    await streams.put(invitation.revoked_line(some, neutralise(former, 200)))
        return ExitStatus.DONE


def _places(snapshot: NodeSnapshot, host: str) -> Iterable[HostPort]:
    """Where SSH is said to be served: a server may say so of any host, so each is asked."""
    here, *others = snapshot.servers
    yield host, here.ssh
    for server in (here, *others):
        if server.ssh and server.state in ("here", "reachable"):
            yield server.hostname, server.ssh


def _others(snapshot: NodeSnapshot) -> str:
    serving = [f"{neutralise(one.hostname, 255)}:{one.port}" for one in snapshot.servers if one.ssh]
    return f"These do: {', '.join(serving[:5])}." if serving else "`activity-tui serve --ssh PORT` does."
