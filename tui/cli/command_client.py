"""The client of a command on the command line: where it connects to, and what to do when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from core.client import Client, ClientSettings, NetworkTrust, SpeaksInClear, Unreachable, ask, reach
from core.wire import Address
from tui.cli.console import say
from tui.remembered import known_networks
from tui.remembered.known_networks import KnownNetworks
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import OnEvent, ScriptClient, running

ADDRESS_HINT: Final = "Check the address, and that a server runs there: its log and its F8 tell how it is reached."
SOMETHING_HINT: Final = "Something listens there, but no server of such a network answers."
ANSWERED: Final = ("closed the connection", "reset", "nonsense")
"""Words for what goes wrong when somebody is there and does not understand."""
FIND_LIMIT: Final = 10.0
PATIENCE: Final = 1.0
"""Seconds after which it is said that one waits."""


async def find(address: Address, *, serves: bool = False) -> None:
    """Return if somebody listens there. `serves`: whether a server here wants to join there. Raises CommandFailed."""
    patience = asyncio.get_running_loop().call_later(PATIENCE, say, f"waiting for {address}")
    try:
        await reach(address, FIND_LIMIT)
    except Unreachable as error:
        failure = unreachable(address, str(error))
        if serves:
            failure.hint += " `activity-tui serve` starts a server that is part of the network already."
        raise failure from None
    finally:
        patience.cancel()


async def meet(address: Address, trust: NetworkTrust | None) -> None:
    """Return if a server of the network listens there; of whoever does, where no network is named. Raises
    CommandFailed."""
    if trust is None:
        await find(address)
        return
    try:
        leaf = await ask(address, FIND_LIMIT)
    except SpeaksInClear:
        raise strange(address, trust.fingerprint, None) from None
    except Unreachable as error:
        raise unreachable(address, str(error)) from None
    if not leaf.is_of(trust.fingerprint, trust.approved):
        raise strange(address, trust.fingerprint, leaf.fingerprint, says_it_is=leaf.is_of(trust.fingerprint))


def unreachable(address: Address, reason: str) -> CommandFailed:
    """What to say when nobody, or nobody of ours, answers at an address; `reason` is a clause."""
    # A client's own words name the address, too.
    clause = reason.removeprefix(f"{address} ")
    sentence = f"{address} cannot be reached: {reason}" if clause == reason else f"{address} {clause}"
    return CommandFailed(
        ExitStatus.UNREACHABLE,
        sentence,
        hint=SOMETHING_HINT if any(word in reason for word in ANSWERED) else ADDRESS_HINT,
    )


def strange(address: Address, known: str, shown: str | None, *, says_it_is: bool = False) -> CommandFailed:
    """What to say when whoever listens at an address is no server of the network that is known there. `says_it_is`: by
    another key, of which the operator who is known has not approved."""
    if says_it_is:
        return CommandFailed(
            ExitStatus.REFUSED,
            f"{address} shows another key, {shown}, for the network {known}, and the operator whom you know has not"
            " approved of it. Nothing was said to it.",
            hint="A server that was expelled could show this. Ask the operator: if the key is right, `activity-tui"
            f" known-networks --remove {known}` forgets what was known, and the next command asks anew.",
        )
    what = f"it shows another network, {shown}" if shown else "whoever listens there does not encrypt, or is no server"
    if shown and not _is_remembered(known):
        return CommandFailed(
            ExitStatus.REFUSED,
            f"{address} is not of the network {known} that you named: it shows another network, {shown}. Nothing"
            " was said to it.",
            hint="Compare what you typed with what you were told: an invitation names the network, and so do F8, the"
            " log and `activity-tui status` of any of its servers.",
        )
    file = known_networks.path()
    way = f"`activity-tui known-networks --remove {shlex.quote(str(address))}`" if file is not None else "--network"
    return CommandFailed(
        ExitStatus.REFUSED,
        f"{address} is not of the network {known} that is expected there: {what}. Nothing was said to it.",
        hint="Somebody else may listen in the place of a server that has ended. If it is another network on purpose, "
        f"{way} forgets the one that was known, and the next command asks anew."
        + ("" if shown else " --plain talks to it in clear."),
    )


def _is_remembered(network: str) -> bool:
    """Whether a network is known from somewhere; else it was only named."""
    file = known_networks.path()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file is not None and any(network == one for _, one in KnownNetworks(file).entries())
    return False


class AddressFailures:
    """What the failures of a connection to an address mean, and what to do. `hint`: if the login is refused."""

    def __init__(self, address: Address, user: str, hint: str = "") -> None:
        self.address = address
        self.user = user
        self.hint = hint

    @property
    def server(self) -> str:
        return str(self.address)

    def refused(self, info: str) -> CommandFailed:
        hint = self.hint
        if info.startswith("there is no "):
            hint = f"`activity-tui register {self.address} -u {shlex.quote(self.user)}` registers the name."
        return CommandFailed(ExitStatus.REFUSED, f"the login was refused: {info}", hint=hint)

    def strange(self, address: Address, known: str, shown: str | None) -> CommandFailed:
        return strange(address, known, shown)

    def unreachable(self, reason: str) -> CommandFailed:
        return unreachable(self.address, reason)


def script_client(
    settings: ClientSettings,
    address: Address,
    on_event: OnEvent,
    trust: NetworkTrust | None,
    *,
    hint: str = "",
    narrate: Callable[[str], None] = say,
) -> AbstractAsyncContextManager[ScriptClient]:
    """A client of the server at an address, and of others of the network that is trusted; without one, in clear.
    `hint`: what to do if the login is refused. `narrate` is told of lost connections and redirects."""
    failures = AddressFailures(address, settings.username, hint)
    return running(
        ScriptClient(lambda heard: Client(settings, [address], heard, trust=trust), on_event, failures, narrate)
    )
