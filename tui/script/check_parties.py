"""Those who post and read for a check: one connection each, and a note of what it hears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple, Protocol

import msgspec

from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Connected,
    LoggedIn,
    PostAccepted,
    PostRefused,
    PostUnknown,
    ResumePoint,
)
from core.wire import EntryId, PostReference, Stream, parse_entry_id, read_reference
from tui.script.check_plan import CheckPlan
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import OnEvent, ScriptClient
from tui.script.sightings import Fate, Mark, ReaderKind, ReaderRecord, Sighting, Visit, WrittenRecord

RETRY_INTERVAL: Final = 0.3
"""Seconds after which a reader that finds nobody tries again: the server may be starting again."""


class CheckedParty(NamedTuple):
    """One connection that a check needs. `turn` says which of several servers it goes to."""

    turn: int
    reads: bool
    history: int = 0
    resume: ResumePoint | None = None


class ConnectChecked(Protocol):
    """Makes the client of one party, which tells it what it hears."""

    def __call__(self, party: CheckedParty, heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]: ...


class CheckHost(Protocol):
    """The run of a check, as its parties see it."""

    @property
    def plan(self) -> CheckPlan: ...

    @property
    def written(self) -> WrittenRecord: ...

    def connected(self, party: CheckedParty, heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]:
        """The client of one party."""
        ...

    def answered(self, mark: Mark, fate: Fate, reason: str = "") -> None:
        """A writer heard what became of an activity."""

    def arrived(self) -> None:
        """A reader was sent something."""

    def came_unwritten(self) -> None:
        """A reader was sent something that bears the check's name, and cannot be of it."""


class CheckWriter:
    """One connection that posts."""

    def __init__(self, run: CheckHost, number: int) -> None:
        self._run = run
        self._number = number
        self._marks: dict[str, Mark] = {}
        self._client: ScriptClient | None = None

    @asynccontextmanager
    async def logged_in(self) -> AsyncIterator[None]:
        async with self._run.connected(CheckedParty(self._number, reads=False), self._heard) as self._client:
            await self._client.wait_logged_in(self._run.plan.seconds)
            yield

    def go_on(self) -> None:
        """Raise CommandFailed when there is no connection and there will be none."""
        if self._client is not None and self._client.failure is not None:
            raise self._client.failure

    async def post(self) -> None:
        """Post the next one. Raises CommandFailed."""
        self.go_on()
        assert self._client is not None
        fates = self._run.written.fates[self._number - 1]
        fates.append("waiting")
        mark = Mark(self._number, len(fates))
        self._marks[await self._client.post(self._run.plan.activity(mark))] = mark

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case PostAccepted(ref=ref):
                self._settle(ref, "accepted")
            case PostRefused(ref=ref, info=info):
                self._settle(ref, "refused", info)
            case PostUnknown(ref=ref):
                self._settle(ref, "unknown")

    def _settle(self, ref: str, fate: Fate, reason: str = "") -> None:
        if (mark := self._marks.pop(ref, None)) is not None:
            self._run.answered(mark, fate, reason)


class CheckReader:
    """One who reads, and notes what comes."""

    def __init__(self, run: CheckHost, name: str, kind: ReaderKind, turn: int, history: int = 0) -> None:
        self.record = ReaderRecord(name, kind)
        self._run = run
        self._turn = turn
        self._history = history
        self._resume: ResumePoint | None = None
        self._said: Mapping[Stream, int] | None = None
        self._visit: Visit | None = None
        self._client: ScriptClient | None = None
        self._stack = AsyncExitStack()

    @property
    def is_in(self) -> bool:
        """Whether it means to be logged in now."""
        return self._client is not None

    @asynccontextmanager
    async def leaving_at_the_end(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.leave()

    async def come_in(self, *, patient: bool = False) -> None:
        """Log in, and go on from what came before. Raises CommandFailed.

        `patient`: it tries again when nobody is there, for servers may be started again while a check goes on.
        """
        limit = time.monotonic() + self._run.plan.seconds
        while True:
            try:
                await self._log_in()
                return
            except CommandFailed as failure:
                await self.leave(vanish=True)
                again = patient and failure.status is ExitStatus.UNREACHABLE
                if not again or time.monotonic() > limit:
                    raise
                await asyncio.sleep(RETRY_INTERVAL)

    async def _log_in(self) -> None:
        party = CheckedParty(self._turn, reads=True, history=self._history, resume=self._resume)
        self._turn += 1
        entered = self._run.connected(party, self._heard)
        self._client = await self._stack.enter_async_context(entered)
        await self._client.wait_logged_in(self._run.plan.seconds)

    async def leave(self, *, vanish: bool = False) -> None:
        """Log out. `vanish`: without a word, as when a network fails. Base servers would count such a one for ever."""
        client = self._client
        if client is None:
            return
        self._resume = client.client.resume_point
        client.vanishes = vanish and client.client.native
        self._client = self._visit = None
        await self._stack.aclose()

    def go_on(self) -> None:
        """Raise CommandFailed when it is to be logged in, and cannot be any more."""
        if self._client is not None and self._client.failure is not None:
            raise self._client.failure

    def had_time(self, sent: tuple[int, ...]) -> None:
        """Everything that was sent so far had time to come."""
        if self._visit is not None:
            self._visit.ceiling = sent

    def _heard(self, event: ClientEvent) -> None:
        client = self._client
        match event:
            case Connected():
                self._visit = None
                point = self._resume if client is None else client.client.resume_point
                self._said = None if point is None else point.vector
            case LoggedIn():
                native = event.stamp is not None
                asked = self._said is not None or self._history > 0
                self._visit = Visit(native, self._run.written.sent, self._said, asked and native)
                self.record.visits.append(self._visit)
            case CatchUpDone():
                if self._visit is not None:
                    self._visit.caught_up = True
            case ActivityArrived():
                self._note(event)

    def _note(self, event: ActivityArrived) -> None:
        """What comes for a check; all else is other people's."""
        self._run.arrived()
        plan = self._run.plan
        if self._visit is None or plan.run.encode() not in event.body:
            return
        try:
            activity = msgspec.json.decode(event.body)
            mark = plan.mark_of(activity)
        except (msgspec.DecodeError, ValueError, RecursionError):
            self._run.came_unwritten()
            return
        if mark is None:
            return
        activity.pop("authenticated_user", None)
        # Who is logged in with a name calls what they post by a reference, which the server has checked.
        if isinstance(read_reference(activity.get("id")), PostReference):
            del activity["id"]
        altered = activity != plan.activity(mark)
        self._visit.sightings.append(Sighting(mark, event.live, _readable(event.id), altered))


def _readable(identity: str | None) -> EntryId | None:
    try:
        return None if identity is None else parse_entry_id(identity)
    except ValueError:
        return None
