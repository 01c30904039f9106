"""`post`, `tail`, `search` and `status` on the command line: clients of the server that is named."""

from __future__ import annotations

import argparse
from contextlib import AbstractAsyncContextManager

from core.client import ClientSettings
from tui.cli.command_client import script_client
from tui.cli.console import put_utf8
from tui.cli.console_streams import ConsoleStreams
from tui.cli.inputs import address_of, choices_of, credentials, network_secret
from tui.cli.loading import loading
from tui.cli.loop import run_until_interrupted
from tui.cli.trusting import trust_of
from tui.script.script_client import OnEvent, ScriptClient
from tui.script.script_commands import command_of


def run(arguments: argparse.Namespace) -> int:
    address, choices = address_of(arguments), choices_of(arguments)
    if getattr(arguments, "queues", False):
        arguments.network_secret = network_secret(choices, address)
    with loading():
        command = command_of(arguments.command, arguments)
    if arguments.json is True:
        put_utf8()
    who = credentials(choices, address)
    trust = trust_of(choices, address)

    def connect(heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]:
        settings = ClientSettings(
            username=who.user,
            secret=who.secret,
            history=command.history,
            follow_redirects=command.stays,
            reconnect=command.stays,
        )
        return script_client(settings, address, heard, trust, hint=who.hint)

    return run_until_interrupted(lambda: command.run(connect, ConsoleStreams()))
