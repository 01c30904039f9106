"""The client of a command over SSH: it is at home on the node of this process, which vouches for the person."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from core.client import Client, ClientEvent, ClientSettings, ServerQuits
from core.wire import ANONYMOUS, Address
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import OnEvent, ScriptClient, running
from tui.script.streams import Streams
from tui.ssh.remote_people.posting_rate import posting
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.text.safe_text import neutralise

if TYPE_CHECKING:
    from tui.ssh.ssh_server import SSHServer


class LocalFailures:
    """What the failures of a connection to the node of this process mean."""

    server = "this server"

    def __init__(self) -> None:
        self.way_on = ""
        """Where to go on when the server leaves; a sentence."""

    def refused(self, info: str) -> CommandFailed:
        return CommandFailed(ExitStatus.REFUSED, f"the login was refused: {info}")

    def strange(self, address: Address, known: str, shown: str | None) -> CommandFailed:
        return self.unreachable(f"{address} is no server of the network")

    def unreachable(self, reason: str) -> CommandFailed:
        if self.way_on:
            return CommandFailed(ExitStatus.UNREACHABLE, f"this server has left the network. {self.way_on}")
        return CommandFailed(ExitStatus.UNREACHABLE, f"the server ended: {neutralise(reason, 200)}")


def client_of(
    remote_user: RemoteUser, server: SSHServer, streams: Streams, on_event: OnEvent, history: int = 0
) -> AbstractAsyncContextManager[ScriptClient]:
    """The client of a person who came in over SSH; it ends when the node leaves."""
    name = server.node.account_name(remote_user.claim) if remote_user.claim is not None else ANONYMOUS
    user = name or remote_user.name
    failures = LocalFailures()
    settings = ClientSettings(username=user, history=history, reconnect=False, follow_redirects=False)

    def heard(event: ClientEvent) -> None:
        if isinstance(event, ServerQuits) and event.address is not None:
            failures.way_on = server.way_on(event.address, user)
        on_event(event)

    def make(note: OnEvent) -> Client:
        return Client(settings, (), note, home=lambda: server.node.connect_local(name))

    rate = posting(server.settings.message_rate, time.monotonic())
    return running(ScriptClient(make, heard, failures, streams.say, rate.take))
