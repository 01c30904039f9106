"""What a command was given, read: its settings, the server that it names, who calls it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, NamedTuple

from core.wire import ANONYMOUS, Address
from tui.cli import values
from tui.cli.chosen_settings import ChosenSettings, default_data_dir, load
from tui.cli.console import ask_secret, say
from tui.cli.setting_table import BY_NAME
from tui.script.exit_status import usage_error
from tui.text.safe_text import neutralise_name

_DATABASE: Final = "node.db"
NAMES_SHOWN: Final = 10
"""So many accounts are named of which a person has to say one."""


def given_settings(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings among the arguments, as they were written."""
    return {name: value for name, value in vars(arguments).items() if name in BY_NAME}


def choices_of(arguments: argparse.Namespace) -> ChosenSettings:
    """The settings as they hold for a command. Raises CommandFailed."""
    return load(given_settings(arguments), getattr(arguments, "config", None))


def address_of(arguments: argparse.Namespace) -> Address:
    """The server that a command names. Raises CommandFailed."""
    try:
        return values.address(arguments.address)
    except ValueError as error:
        raise usage_error(str(error)) from None


def own_data_dir(choices: ChosenSettings) -> Path:
    """Where the server has its data that a command is about: as the settings say, else of the usual port, else of the
    only one that somebody runs here. Raises CommandFailed where there are several."""
    chosen = choices.value("data_dir")
    if isinstance(chosen, Path):
        return chosen
    usual = default_data_dir(int(str(choices.value("port"))))
    if usual.exists() or not choices.is_default("port"):
        return usual
    found = sorted(one for one in usual.parent.glob("node-*") if (one / _DATABASE).exists())
    if len(found) > 1:
        raise usage_error(
            f"which server's? There are several here: {', '.join(one.name for one in found[:20])}",
            hint="--port PORT says which, or --data-dir DIR.",
        )
    return found[0] if found else usual


class Who(NamedTuple):
    """Who a command is. `hint` says what to do if that is refused."""

    user: str
    secret: str | None
    hint: str = ""


def named(choices: ChosenSettings) -> str:
    """The name of the account that a command is about. Raises CommandFailed."""
    user = choices.value("user")
    if user is None:
        raise usage_error("whose account? Say it with -u NAME.")
    if user == ANONYMOUS:
        raise usage_error("'anonymous' is nobody's name: say another one with -u NAME")
    return str(user)


def operator_at(choices: ChosenSettings, address: Address) -> str:
    """Who gives an order: who is said to, else whose orders were taken there before, else whose account alone is
    remembered there. Raises CommandFailed."""
    if choices.value("user") is not None:
        return named(choices)
    from tui.cli.remembering import accounts_at, operator_before

    before = operator_before(choices, address)
    names = accounts_at(choices, address)
    user = before if before in names else names[0] if len(names) == 1 else None
    if user is None:
        shown = ", ".join(neutralise_name(one) for one in names[:NAMES_SHOWN])
        several = f"Several accounts are remembered there: {shown}." if names else "No account is remembered there."
        raise usage_error("who gives the order? Say it with -u NAME.", hint=several)
    say(f"as {neutralise_name(user)}; -u NAME says another one")
    return user


def network_secret(choices: ChosenSettings, address: Address) -> str | None:
    """The secret of the network that a server is part of: the one that is given, else what a server on this machine
    keeps in its data directory. Raises CommandFailed."""
    given = choices.secret("secret")
    if given is not None:
        return given
    from tui.cli.starting import SECRET_FILE, kept_secret
    from tui.cli.this_machine import is_this_machine

    data_dir = choices.value("data_dir")
    if isinstance(data_dir, Path):
        secret = kept_secret(data_dir)
        if secret is None:
            wrong = _why_no_secret(data_dir, SECRET_FILE)
            raise usage_error(
                f"{choices['data_dir'].origin}: {wrong}",
                hint="Name the one that the server itself was given; elsewhere --secret-file FILE gives the secret.",
            )
        return secret
    return kept_secret(default_data_dir(address.port)) if is_this_machine(address.host) else None


def _why_no_secret(data_dir: Path, file: str) -> str:
    """Why a data directory does not tell the network's secret, as a clause for a person."""
    try:
        if not data_dir.is_dir():
            return f"{data_dir} is not a directory" if data_dir.exists() else f"there is no directory {data_dir}"
        (data_dir / file).read_bytes()
    except FileNotFoundError:
        return f"no server keeps its data in {data_dir}: there is no file {file}"
    except OSError as error:
        return f"{data_dir} cannot be read: {error.strerror}"
    return f"{data_dir / file} holds no secret"


def credentials(choices: ChosenSettings, address: Address, user: str | None = None) -> Who:
    """Who the command is, `user` or as the settings say: with the secret that is given, else the one that is remembered
    for this server, else one that is typed, if there is somebody to ask. Raises CommandFailed."""
    user = user or str(choices.value("user") or ANONYMOUS)
    if user == ANONYMOUS:
        return Who(ANONYMOUS, None, "Say who you are with -u NAME.")
    secret = choices.secret("user_secret")
    if secret:
        return Who(user, secret)
    # Commands that log in nowhere need none of it.
    from tui.cli.remembering import known
    from tui.remembered.credentials import path_of

    found = known(choices, user, address)
    if found is not None and found.account.secrets:
        account = found.account
        hint = f"The secret is the one that is remembered in {path_of(found.place)}."
        if account.expected is not None:
            hint += f" It was to be changed: `activity-tui passwd {address} -u {user}` finds out whether it has been."
        return Who(user, account.secrets[0], hint)
    secret = ask_secret(f"secret of {user}: ")
    if not secret:
        raise usage_error(
            f"logging in as {user} needs a secret",
            hint="ACTIVITY_TUI_USER_SECRET or --user-secret-file gives it; `activity-tui register` makes an account.",
        )
    return Who(user, secret)
