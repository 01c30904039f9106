"""The client of a command on the command line: where it connects to, and what to do when that fails."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from core.client import Client, ClientSettings, Unreachable, reach
from core.wire import Address
from tui.cli.console import say
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
        await reach(address, None, FIND_LIMIT)
    except Unreachable as error:
        failure = unreachable(address, str(error))
        if serves:
            failure.hint += " `activity-tui serve` starts a server that is part of the network already."
        raise failure from None
    finally:
        patience.cancel()


def unreachable(address: Address, reason: str) -> CommandFailed:
    """What to say when nobody, or nobody of ours, answers at an address; `reason` is a clause."""
    return CommandFailed(
        ExitStatus.UNREACHABLE,
        f"{address} cannot be reached: {reason}",
        hint=SOMETHING_HINT if any(word in reason for word in ANSWERED) else ADDRESS_HINT,
    )


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

    def unreachable(self, reason: str) -> CommandFailed:
        # The client's own reason names the address too, if it did not even get there.
        return unreachable(self.address, reason.removeprefix(f"{self.address} cannot be reached: "))


def script_client(
    settings: ClientSettings,
    address: Address,
    on_event: OnEvent,
    *,
    hint: str = "",
    narrate: Callable[[str], None] = say,
) -> AbstractAsyncContextManager[ScriptClient]:
    """A client of the server at an address. `hint`: what to do if the login is refused. `narrate` is told of lost
    connections and redirects."""
    failures = AddressFailures(address, settings.username, hint)
    return running(ScriptClient(lambda heard: Client(settings, [address], heard), on_event, failures, narrate))
