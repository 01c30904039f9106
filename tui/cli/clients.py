"""A client for a command: a connection that ends with the command, and what its failures mean."""

from __future__ import annotations

import asyncio
import shlex
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from core.client import (
    Client,
    ClientEvent,
    ClientSettings,
    Connected,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    Redirected,
    RegisterRefused,
    Renamed,
    Unreachable,
    reach,
)
from core.wire import Address
from tui.cli.console import say
from tui.script.exit_status import CommandFailed, ExitStatus

ADDRESS_HINT: Final = "Check the address, and that a server runs there: its log and its F8 tell how it is reached."
ENCRYPTION_HINT: Final = (
    "Something listens there. If it is a server: all servers and clients of a network encrypt (--tls, "
    "--tls-authority), or none does."
)
ANSWERED: Final = ("certificate", "encrypt", "closed the connection", "reset", "nonsense")
"""Words for what goes wrong when somebody is there and does not understand."""
FIND_LIMIT: Final = 10.0
PATIENCE: Final = 1.0
"""Seconds after which it is said that one waits."""


async def find(address: Address, tls: ssl.SSLContext | None, *, serves: bool = False) -> None:
    """Returns if somebody listens there. `serves`: whether a server here wants to join there. Raises CommandFailed."""
    patience = asyncio.get_running_loop().call_later(PATIENCE, say, f"waiting for {address}")
    try:
        await reach(address, tls, FIND_LIMIT)
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
        hint=ENCRYPTION_HINT if any(word in reason for word in ANSWERED) else ADDRESS_HINT,
    )


class Session:
    """A client that runs beside the command, and what became of it.

    `failure` is set, and `over` with it, when there is no hope left.
    """

    def __init__(
        self,
        settings: ClientSettings,
        address: Address,
        on_event: Callable[[ClientEvent], None],
        tls: ssl.SSLContext | None,
        hint: str,
    ) -> None:
        self._address = address
        self._user = settings.username
        self._hint = hint
        self._on_event = on_event
        self.logged_in = asyncio.Event()
        self.over = asyncio.Event()
        self.failure: CommandFailed | None = None
        self.connected = False
        """Whether there ever was a connection."""
        self.client = Client(settings, [address], self._note, tls=tls)

    def _note(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn():
                self.logged_in.set()
            case Connected():
                self.connected = True
            case LoginRefused(info=info):
                hint = self._hint
                if info.startswith("there is no "):
                    hint = f"`activity-tui register {self._address} -u {shlex.quote(self._user)}` registers the name."
                self._fail(CommandFailed(ExitStatus.REFUSED, f"the login was refused: {info}", hint=hint))
            case RegisterRefused(info=info):
                self._fail(CommandFailed(ExitStatus.REFUSED, f"the registration was refused: {info}"))
            case GaveUp(reason=reason):
                self._fail(self.unreachable(reason))
            case Disconnected(reason=reason, retry_in=retry_in):
                if not self.logged_in.is_set():
                    self._fail(self.unreachable(reason))
                elif retry_in is not None:
                    say(f"disconnected: {reason}; trying again in {retry_in:.1f} s")
            case Redirected(address=address):
                say(f"sent to {address}")
            case Renamed(username=old, renamed=new):
                say(f"the name {old} is another account's, registered earlier elsewhere; this one is now {new}")
        self._on_event(event)

    def unreachable(self, reason: str) -> CommandFailed:
        # The client's own reason names the address too, if it did not even get there.
        return unreachable(self._address, reason.removeprefix(f"{self._address} cannot be reached: "))

    def _fail(self, failure: CommandFailed) -> None:
        if self.failure is None:
            self.failure = failure
        self.over.set()

    async def wait_logged_in(self, seconds: float) -> None:
        """Returns once the login has succeeded. Raises CommandFailed if it does not within the time."""
        if not await self.until(self.logged_in, seconds):
            raise self.unreachable(f"no answer within {seconds:g} seconds")

    async def until(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait for `event`; False if the time is up. Raises what made the session fail, if that comes first."""
        waits = [asyncio.ensure_future(each.wait()) for each in (event, self.over)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.failure is not None and not event.is_set():
            raise self.failure
        return event.is_set()


@asynccontextmanager
async def session(
    settings: ClientSettings,
    address: Address,
    on_event: Callable[[ClientEvent], None],
    tls: ssl.SSLContext | None = None,
    *,
    hint: str = "",
) -> AsyncIterator[Session]:
    """A session that is closed, politely but not at length, when the block ends.

    `hint`: what to do if the login is refused.
    """
    found = Session(settings, address, on_event, tls, hint)
    running = asyncio.create_task(found.client.run())
    running.add_done_callback(lambda _: found.over.set())
    try:
        yield found
    finally:
        await found.client.close()
        _, pending = await asyncio.wait([running], timeout=2)
        for task in pending:
            task.cancel()
        error = running.exception() if running.done() and not running.cancelled() else None
    if error is not None:
        raise error
