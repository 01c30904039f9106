"""`post`, `tail` and `status` on the command line: clients of the server that is named."""

from __future__ import annotations

import argparse

from core.client import ClientSettings
from tui.cli.command_client import script_client
from tui.cli.console import put_utf8
from tui.cli.console_streams import ConsoleStreams
from tui.cli.inputs import address_of, choices_of, credentials, network_secret
from tui.cli.loading import loading
from tui.cli.loop import run_until_interrupted
from tui.cli.trusting import trust_of
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
    settings = ClientSettings(
        username=who.user,
        secret=who.secret,
        history=command.history,
        follow_redirects=command.stays,
        reconnect=command.stays,
    )
    trust = trust_of(choices, address)
    return run_until_interrupted(
        lambda: command.run(
            lambda heard: script_client(settings, address, heard, trust, hint=who.hint), ConsoleStreams()
        )
    )
