"""A client for a command: a connection that ends with the command, and what its failures mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

from core.client import (
    Client,
    ClientEvent,
    Connected,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    PastPage,
    PastPlace,
    Redirected,
    RegisterRefused,
    Renamed,
    StrangeServer,
)
from core.wire import Address
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.text.safe_text import neutralise

CLOSE_LIMIT: Final = 2.0
"""Seconds that a client has to say good-bye."""

OnEvent = Callable[[ClientEvent], None]


class Failures(Protocol):
    """What the failures of a connection mean to whoever called the command."""

    @property
    def server(self) -> str:
        """What the server is called in a sentence."""
        ...

    def refused(self, info: str) -> CommandFailed:
        """The server refused the login, for this reason."""
        ...

    def unreachable(self, reason: str) -> CommandFailed:
        """There is no server, or it does not answer; `reason` is a clause."""
        ...

    def strange(self, address: Address, known: str, shown: str | None) -> CommandFailed:
        """Whoever listens at an address is no server of the network that is `known`; see `StrangeServer`."""
        ...


class ScriptClient:
    """A client that runs beside the command, and what became of it.

    `failure` is set, and `over` with it, when there is no hope left.
    """

    def __init__(
        self,
        make_client: Callable[[OnEvent], Client],
        on_event: OnEvent,
        failures: Failures,
        say: Callable[[str], None],
        may_post: Callable[[float], float] = lambda now: 0.0,
    ) -> None:
        """`may_post`: takes the time, and returns for how many seconds a post has to wait; then it is asked again."""
        self._failures = failures
        self._on_event = on_event
        self._say = say
        self._may_post = may_post
        self.logged_in = asyncio.Event()
        self.over = asyncio.Event()
        self.failure: CommandFailed | None = None
        self.connected = False
        """Whether there ever was a connection."""
        self.vanishes = False
        """Whether the connection ends without a word when the command is through with it, as when a network fails."""
        self.client = make_client(self._note)

    def _note(self, event: ClientEvent) -> None:
        match event:
            case LoggedIn():
                self.logged_in.set()
            case Connected():
                self.connected = True
            case LoginRefused(info=info):
                self._fail(self._failures.refused(neutralise(info, 200)))
            case RegisterRefused(info=info):
                self._fail(CommandFailed(ExitStatus.REFUSED, f"the registration was refused: {info}"))
            case StrangeServer(address=address, known=known, shown=shown):
                failure = self._failures.strange(address, known, shown)
                if self.logged_in.is_set():
                    self._say(str(failure))
                else:
                    self._fail(failure)
            case GaveUp(reason=reason):
                self._fail(self.unreachable(reason))
            case Disconnected(reason=reason, retry_in=retry_in):
                if not self.logged_in.is_set():
                    self._fail(self.unreachable(reason))
                elif retry_in is not None:
                    self._say(f"disconnected: {reason}; trying again in {retry_in:.1f} s")
            case Redirected(address=address):
                self._say(f"sent to {address}")
            case Renamed(username=old, renamed=new):
                self._say(f"the name {old} is another account's, registered earlier elsewhere; this one is now {new}")
        self._on_event(event)

    @property
    def server(self) -> str:
        """What the server is called in a sentence."""
        return self._failures.server

    def unreachable(self, reason: str) -> CommandFailed:
        """What it means that the server is not there, or does not answer; `reason` is a clause."""
        return self._failures.unreachable(reason)

    def _fail(self, failure: CommandFailed) -> None:
        if self.failure is None:
            self.failure = failure
        self.over.set()

    async def wait_logged_in(self, seconds: float) -> None:
        """Return once the login has succeeded. Raises CommandFailed if it does not within the time."""
        if not await self.until(self.logged_in, seconds):
            raise self.unreachable(f"no answer within {seconds:g} seconds")

    async def until(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait for `event`; False if the time is up. Raises what made the client fail, if that comes first."""
        await first_of(event, self.over, seconds=seconds)
        if self.failure is not None and not event.is_set():
            raise self.failure
        return event.is_set()

    async def post(self, body: bytes | Mapping[str, Any]) -> str:
        """Post as soon as one may; the reference under which the answer comes."""
        while wait := self._may_post(time.monotonic()):  # noqa: ASYNC110 - the event is the time itself
            await asyncio.sleep(wait)
        return self.client.post(body)

    async def ask_past(self, place: PastPlace | None, query: str, most: int) -> PastPage:
        """A page of what stands before a place and matches a query, of at most so many. Raises as reading the past
        does."""
        return await self.client.read_past(place, backward=True, most=most, query=query)


async def first_of(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until one of some events is set, or the time is up."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


ConnectClient = Callable[[OnEvent], AbstractAsyncContextManager[ScriptClient]]
"""Makes the client of a command, which tells it what it hears."""


@asynccontextmanager
async def running(client: ScriptClient) -> AsyncIterator[ScriptClient]:
    """Run a client, and close it, politely but not at length, when the block ends."""
    task = asyncio.create_task(client.client.run())
    task.add_done_callback(lambda _: client.over.set())
    try:
        yield client
    finally:
        if client.vanishes:
            task.cancel()
        else:
            await client.client.close()
        _, pending = await asyncio.wait([task], timeout=CLOSE_LIMIT)
        for each in pending:
            each.cancel()
        error = task.exception() if task.done() and not task.cancelled() else None
    if error is not None:
        raise error
