"""`secret`: the network's secret, which lets servers in: told on a server's own machine, or changed everywhere."""

from __future__ import annotations

import argparse

from tui.cli import order_command
from tui.cli.console import put, say
from tui.cli.inputs import address_of, choices_of, network_secret
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.text.order_words import OrderWords, check_words


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "show":
        return _show(arguments)
    words = OrderWords("secret", because=arguments.because, holds=arguments.holds)
    try:
        check_words(words)
    except ValueError as error:
        raise usage_error(str(error), hint="`activity-tui secret --help` tells more.") from None
    status = order_command.carry_out(words, arguments)
    say("Every server has it at once, or when it comes back; `activity-tui secret show`, on its machine, tells it.")
    say("Servers of 2018 know only what they were started with: start them again with the new one while both hold.")
    return status


def _show(arguments: argparse.Namespace) -> int:
    address = address_of(arguments)
    secret = network_secret(choices_of(arguments), address)
    if secret is None:
        raise CommandFailed(
            ExitStatus.DATA_DIRECTORY,
            f"no server on this machine keeps the secret of {address}",
            hint="Type it on the machine of a server of the network; --data-dir names the directory of its data.",
        )
    put(secret)
    return ExitStatus.DONE
