"""What a command was given, read: its settings, the server that it names, who calls it."""

from __future__ import annotations

import argparse

from core.wire.address import Address
from core.wire.names import ANONYMOUS
from tui.cli import values
from tui.cli.console import ask_secret, usage_error
from tui.cli.settings import BY_NAME, Choices, load


def given_settings(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings among the arguments, as they were written."""
    return {name: value for name, value in vars(arguments).items() if name in BY_NAME}


def choices_of(arguments: argparse.Namespace) -> Choices:
    """The settings as they hold for a command. Raises CommandFailed."""
    return load(given_settings(arguments), getattr(arguments, "config", None))


def address_of(arguments: argparse.Namespace) -> Address:
    """The server that a command names. Raises CommandFailed."""
    try:
        return values.address(arguments.address)
    except ValueError as error:
        raise usage_error(str(error)) from None


def seconds_of(arguments: argparse.Namespace) -> float:
    """`--timeout`. Raises CommandFailed."""
    try:
        return values.duration_between(0.1, 86400)(arguments.timeout)
    except ValueError as error:
        raise usage_error(f"--timeout: {error}") from None


def credentials(choices: Choices) -> tuple[str, str | None]:
    """Who the command is. Asks for a secret if there is somebody to ask. Raises CommandFailed."""
    user = str(choices.value("user") or ANONYMOUS)
    if user == ANONYMOUS:
        return ANONYMOUS, None
    secret = choices.secret("user_secret") or ask_secret(f"secret of {user}: ")
    if not secret:
        raise usage_error(
            f"logging in as {user} needs a secret",
            hint="ACTIVITY_TUI_USER_SECRET or --user-secret-file gives it.",
        )
    return user, secret
