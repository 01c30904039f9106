"""`check` on the command line: whether servers drop, double or reorder what is posted while readers come and go."""

from __future__ import annotations

import argparse
from contextlib import AbstractAsyncContextManager

from core.client import ClientSettings
from core.wire import Address
from tui.cli import values
from tui.cli.command_client import script_client
from tui.cli.console import put_utf8
from tui.cli.console_streams import ConsoleStreams
from tui.cli.inputs import choices_of, credentials
from tui.cli.loop import run_until_interrupted
from tui.cli.trusting import trust_of
from tui.script.check_command import CheckCommand
from tui.script.check_parties import CheckedParty
from tui.script.check_plan import CheckPlan
from tui.script.exit_status import usage_error
from tui.script.script_client import OnEvent, ScriptClient


def run(arguments: argparse.Namespace) -> int:
    addresses = [_address(one) for one in arguments.addresses]
    choices = choices_of(arguments)
    plan = CheckPlan.of(arguments)
    put_utf8()
    who = credentials(choices, addresses[0])
    trust = trust_of(choices, addresses[0]) if not arguments.dry_run else None

    def connect(party: CheckedParty, heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]:
        settings = ClientSettings(
            username=who.user,
            secret=who.secret,
            history=party.history,
            resume=party.resume,
            tell_repetitions=party.reads,
            posts_max=plan.in_flight + 1,
        )
        address = addresses[party.turn % len(addresses)]
        # Of many connections the command counts what becomes of each.
        return script_client(settings, address, heard, trust, hint=who.hint, narrate=lambda sentence: None)

    servers = ", ".join(map(str, addresses))
    command = CheckCommand(plan, servers, who.user, as_json=arguments.json, only_say=arguments.dry_run)
    return run_until_interrupted(lambda: command.run(connect, ConsoleStreams()))


def _address(text: str) -> Address:
    try:
        return values.address(text)
    except ValueError as error:
        raise usage_error(str(error)) from None
