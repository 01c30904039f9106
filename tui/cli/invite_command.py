"""`invite`: the command by which a server joins, by a code that is good once or so often, or by which a person does."""

from __future__ import annotations

import argparse
import secrets
import shlex
import socket
import time
from pathlib import Path
from typing import Final

from core.wire import CODE_BYTES, DEFAULT_PORT, Address, Invited, code_id, code_of, parse_address
from tui.cli import values
from tui.cli.chosen_settings import ChosenSettings, default_data_dir
from tui.cli.console import put, say
from tui.cli.inputs import choices_of, own_data_dir
from tui.remembered.told_address import told_address
from tui.script.exit_status import CommandFailed, ExitStatus, usage_error
from tui.text.invitation import (
    GOOD_FOR,
    GOOD_FOR_USUAL,
    USES,
    USES_USUAL,
    caution,
    client_command,
    how_good,
    invited_command,
    ssh_command,
)

SHORT: Final = 8
"""Characters of an invitation's id that people are shown; as many as are needed name it."""


def run(arguments: argparse.Namespace) -> int:
    choices = choices_of(arguments)
    if arguments.whom in ("list", "revoke"):
        return _look_after(choices, arguments)
    try:
        uses, expires = USES(arguments.uses or USES_USUAL), GOOD_FOR(arguments.expires or GOOD_FOR_USUAL)
        address = values.address(arguments.address) if arguments.address is not None else None
    except ValueError as error:
        raise usage_error(str(error)) from None
    if arguments.whom == "person" and (arguments.uses is not None or arguments.expires is not None):
        raise usage_error("what a person is told has no code in it, and is good for everybody and for ever")
    data_dir = _data_dir(choices, address)
    # Only now: what is wrong with the arguments is said without waiting for the store to be loaded.
    from core.store import network_of

    network = network_of(data_dir)
    if network is None:
        raise _no_server(data_dir)
    where = address or _own_address(choices, data_dir)
    if address is not None and not parse_address(arguments.address, default_port=0).port:
        where = Address(address.host, _own_address(choices, data_dir).port)
    if arguments.whom == "person":
        put(client_command(where, network))
        ssh = choices.value("ssh")
        if isinstance(ssh, Address):
            say(f"with nothing installed: {ssh_command(where.host, ssh.port, 'NAME')}")
            say(f"`activity-tui known-hosts {where}` prints the line by which ssh knows every server of this network")
    else:
        _invite_server(data_dir, where, network, uses, expires)
    if caution(where):
        say(caution(where))
    return ExitStatus.DONE


def _no_server(data_dir: Path) -> CommandFailed:
    return CommandFailed(
        ExitStatus.DATA_DIRECTORY,
        f"{data_dir} is no data of a server that is of a network",
        hint="Who runs a server invites, on its machine; --data-dir names the directory of one that has run.",
    )


def _look_after(choices: ChosenSettings, arguments: argparse.Namespace) -> int:
    """Tell which invitations for servers are open, or take some back."""
    which = arguments.address
    if arguments.uses is not None or arguments.expires is not None:
        raise usage_error(f"{arguments.whom} makes no invitation: leave out --uses and --expires")
    if arguments.whom == "list" and which is not None:
        raise usage_error("list tells all that are open at a server: --port or --data-dir says at which")
    if arguments.whom == "revoke" and not which:
        raise usage_error("which one? `activity-tui invite list` has them; all takes every one back")
    data_dir = own_data_dir(choices)
    from core.store import network_of, open_invitations, revoke

    if network_of(data_dir) is None:
        raise _no_server(data_dir)
    try:
        if arguments.whom == "list":
            found = open_invitations(data_dir, time.time())
            for one in found:
                put(f"{code_id(one.code)[:SHORT]}  {how_good(one.uses, one.expires)}")
            if not found:
                say("no invitation for a server is open here; what a person is told has no code in it")
            return ExitStatus.DONE
        named = [one for one in open_invitations(data_dir, time.time()) if code_id(one.code).startswith(which or "")]
        if which != "all" and len(named) > 1:
            hint = "Write more of it, or all: `activity-tui invite list` has them."
            raise CommandFailed(ExitStatus.FAILURE, f"{len(named)} invitations begin with {which}", hint=hint)
        gone = revoke(data_dir, "" if which == "all" else which, time.time())
    except (OSError, ValueError) as error:
        raise CommandFailed(ExitStatus.DATA_DIRECTORY, f"the invitations cannot be read: {error}") from None
    if not gone and which != "all":
        hint = "It may have been used, or be too old: `activity-tui invite list` has those that are open."
        raise CommandFailed(ExitStatus.FAILURE, f"no invitation that is open here begins with {which}", hint=hint)
    say(f"{'one invitation was' if gone == 1 else f'{gone} invitations were'} taken back")
    return ExitStatus.DONE


def _invite_server(data_dir: Path, where: Address, network: str, uses: int, expires: float) -> None:
    from core.store import GivenInvitation, give_invitation

    invited = Invited(network, code_of(secrets.token_bytes(CODE_BYTES)))
    now = time.time()
    try:
        give_invitation(data_dir, GivenInvitation(invited.code, uses, now + expires), now)
    except (OSError, ValueError) as error:
        raise CommandFailed(ExitStatus.DATA_DIRECTORY, f"the invitation was not kept: {error}") from None
    put(invited_command(where, invited))
    say(f"{how_good(uses, now + expires)}, at this server alone")
    # Without one it may be found by the address that was named.
    at = "" if data_dir == default_data_dir(DEFAULT_PORT) else f" --data-dir {shlex.quote(str(data_dir))}"
    say(f"`activity-tui invite revoke {code_id(invited.code)[:SHORT]}{at}` takes it back")


def _data_dir(choices: ChosenSettings, address: Address | None) -> Path:
    """Where the server has its data: as the settings say, else by the port at which it is reached."""
    if address is not None and choices.is_default("port") and choices.is_default("data_dir"):
        reached = default_data_dir(address.port)
        if reached.exists():
            return reached
    return own_data_dir(choices)


def _own_address(choices: ChosenSettings, data_dir: Path) -> Address:
    """Where others reach the server: as it is said now, as it has told others itself, or this machine's first
    address."""
    port = int(str(choices.value("port")))
    advertised = choices.value("advertise")
    if isinstance(advertised, Address):
        return Address(advertised.host, advertised.port or port)
    told = told_address(data_dir)
    if told is not None:
        return told
    from core.engine import hosts_for_others

    return Address(hosts_for_others({socket.AF_INET, socket.AF_INET6})[0], port)
