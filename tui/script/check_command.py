"""`check`: whether servers drop, double or reorder what is posted while readers leave and come back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import ClassVar, Final, NamedTuple, Protocol

import msgspec

from core.client import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    Connected,
    Disconnected,
    LoggedIn,
    PostAccepted,
    PostRefused,
    PostUnknown,
    Redirected,
)
from core.wire import EntryId, Stream, parse_entry_id
from tui.script.check_plan import CheckPlan
from tui.script.check_report import CheckReport
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import OnEvent, ScriptClient
from tui.script.seam_check import judged
from tui.script.sightings import Fate, Mark, ReaderKind, ReaderRecord, Sighting, Visit, WrittenRecord
from tui.script.streams import Streams

LOOK_INTERVAL: Final = 0.02
"""Seconds between two looks at whether everything has come; longer where a look takes long."""
RETRY_INTERVAL: Final = 0.3
"""Seconds after which a reader that finds nobody tries again: the server may be starting again."""


class CheckedParty(NamedTuple):
    """One connection that a check needs. `turn` says which of several servers it goes to."""

    turn: int
    reads: bool
    history: int = 0
    seen: Mapping[Stream, int] | None = None


class ConnectChecked(Protocol):
    """Makes the client of one party, which tells it what it hears."""

    def __call__(self, party: CheckedParty, heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]: ...


class CheckCommand:
    """Posts, reads, leaves and comes back as planned, and tells what of it came as it should."""

    stays: ClassVar[bool] = True

    def __init__(self, plan: CheckPlan, servers: str, user: str, *, as_json: bool, only_say: bool = False) -> None:
        """`servers` and `user` are for people. `only_say`: nothing is posted, it is said what would be."""
        self.plan = plan
        self._servers = servers
        self._user = user
        self._as_json = as_json
        self._only_say = only_say

    async def run(self, connect: ConnectChecked, streams: Streams) -> ExitStatus:
        """Say what will be done, do it, and write what came of it. Raises CommandFailed, OutputClosed."""
        for sentence in self.plan.sentences(self._servers, self._user):
            streams.say(sentence)
        if self._only_say:
            return ExitStatus.DONE
        report = await _CheckRun(self.plan, self._servers, connect).report()
        if report.ended_early:
            streams.say(report.ended_early)
        if self._as_json:
            # Escaped to ASCII: what servers say of themselves comes from strangers.
            await streams.put(json.dumps(report.as_json(), ensure_ascii=True))
        else:
            for line in report.lines():
                await streams.put(line)
        if not report.holds:
            return ExitStatus.CHECK_FAILED
        if report.failure is not None:
            raise report.failure
        if not report.written.count("accepted"):
            raise CommandFailed(ExitStatus.REFUSED, "nothing was accepted, so nothing could be checked")
        return ExitStatus.DONE


class _CheckRun:
    """One run of a plan."""

    def __init__(self, plan: CheckPlan, servers: str, connect: ConnectChecked) -> None:
        self._plan = plan
        self._servers = servers
        self._connect = connect
        self._written = WrittenRecord([[] for _ in range(plan.writers)])
        self._writers = [_Writer(self, number) for number in range(1, plan.writers + 1)]
        self._readers = [_Reader(self, "the one who stays", "stays", 0)]
        self._readers += [_Reader(self, f"reader {number}", "returns", number) for number in range(1, plan.readers + 1)]
        self._posted = 0
        self._unanswered = 0
        self._answered = asyncio.Event()
        self._progress = 0
        self._room = float(plan.in_flight)
        self._room_at = time.monotonic()
        self._ended_early = ""
        self._failure: CommandFailed | None = None
        self._over = False
        self._lost = self._redirected = 0
        self.foreign = 0

    @property
    def plan(self) -> CheckPlan:
        return self._plan

    @property
    def written(self) -> WrittenRecord:
        return self._written

    async def report(self) -> CheckReport:
        """Do it all. Raises CommandFailed if it cannot even begin."""
        began = time.monotonic()
        async with AsyncExitStack() as everybody:
            for reader in self._readers:
                await everybody.enter_async_context(reader.leaving_at_the_end())
            await asyncio.gather(*(reader.come_in() for reader in self._readers))
            for writer in self._writers:
                await everybody.enter_async_context(writer.logged_in())
            try:
                await self._turns(everybody)
            except CommandFailed as failure:
                # What was seen until then is told all the same. Of the rest nobody can tell.
                self._failure = failure
                self._written.give_up()
            records = [reader.record for reader in self._readers]
            # Before the connections are closed, which says of posts that wait that nobody can tell.
            verdicts = judged(self._written, records, self.foreign)
            self._over = True
            return CheckReport(
                *(self._plan, self._servers, self._written, records, verdicts, time.monotonic() - began),
                *(self._lost, self._redirected, self._ended_early, self._failure),
            )

    async def _turns(self, everybody: AsyncExitStack) -> None:
        for turn, (staying, away, back) in enumerate(self._plan.shares()):
            newcomer = await self._turn(turn, staying, away, back, everybody)
            if not await self._settled():
                return
            if newcomer is not None and turn + 1 < self._plan.returns:
                await newcomer.leave()

    async def _turn(self, turn: int, staying: int, away: int, back: int, everybody: AsyncExitStack) -> _Reader | None:
        """Readers leave in the midst of what is posted, and come back in the midst of it."""
        returning = [reader for reader in self._readers if reader.record.kind == "returns"]
        await self._post(staying)
        await asyncio.gather(*(reader.leave(vanish=bool((turn + place) % 2)) for place, reader in enumerate(returning)))
        await self._post(away)
        coming = list(returning)
        newcomer = None
        if self._plan.newcomers:
            newcomer = _Reader(self, f"newcomer {turn + 1}", "new", turn, self._plan.history)
            self._readers.append(newcomer)
            await everybody.enter_async_context(newcomer.leaving_at_the_end())
            coming.append(newcomer)
        tasks: list[asyncio.Task[None]] = []
        try:
            for place, reader in enumerate(coming):
                share = back * (place + 1) // len(coming) - back * place // len(coming)
                tasks.append(asyncio.create_task(reader.come_in()))
                # Some meet the login on its way, some what it brings of the past; what comes with the next is live.
                await asyncio.sleep(0)
                await self._post(share - share // 3)
                await tasks[-1]
                await self._post(share // 3)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return newcomer

    # --- writing ------------------------------------------------------------------------------------------------------

    async def _post(self, count: int) -> None:
        """Post so many, as fast as the plan allows and the servers answer."""
        for left in range(count, 0, -1):
            while self._unanswered >= self._plan.in_flight:
                self._answered.clear()
                if not await self._within_limit(self._answered):
                    return
            await self._wait_for_room(left)
            self._room -= 1
            await self._writers[self._posted % len(self._writers)].post()
            self._posted += 1
            self._unanswered += 1

    async def _within_limit(self, event: asyncio.Event) -> bool:
        """Wait for an event; False, and a word of it, if it does not come in time."""
        try:
            await asyncio.wait_for(event.wait(), self._plan.seconds)
        except TimeoutError:
            self._end_early(f"posts were not answered within {self._plan.seconds:g} seconds")
        return not self._ended_early

    async def _wait_for_room(self, left: int) -> None:
        """What may be posted at once is not spread: a burst is what meets a login."""
        rate, most = self._plan.rate, float(self._plan.in_flight)
        now = time.monotonic()
        self._room = min(most, self._room + (now - self._room_at) * rate)
        self._room_at = now
        if self._room < 1:
            wanted = min(most, float(left))
            await asyncio.sleep((wanted - self._room) / rate)
            self._room = wanted
            self._room_at = time.monotonic()

    def answered(self, mark: Mark, fate: Fate, reason: str = "") -> None:
        """A writer heard what became of an activity."""
        fates = self._written.fates[mark.writer - 1]
        if fates[mark.number - 1] == "waiting" and not self._over:
            fates[mark.number - 1] = fate
            if fate == "refused":
                self._written.refusals[reason] = self._written.refusals.get(reason, 0) + 1
            self._unanswered -= 1
            self._progress += 1
            self._answered.set()

    def arrived(self) -> None:
        """A reader was sent something."""
        self._progress += 1

    # --- waiting until everything has come ----------------------------------------------------------------------------

    async def _settled(self) -> bool:
        """Whether all posts are answered and all who are there have got everything, or would have: it is waited for as
        long as anything comes within the limit."""
        progress, since = self._progress, time.monotonic()
        while not self._ended_early and not (complete := self._is_complete()):
            now = time.monotonic()
            if progress != self._progress:
                progress, since = self._progress, now
            elif now - since > self._plan.seconds:
                self._end_early(f"not everything came within {self._plan.seconds:g} seconds")
            for reader in self._readers:
                reader.go_on()
            for writer in self._writers:
                writer.go_on()
            await asyncio.sleep(max(LOOK_INTERVAL, 5 * (time.monotonic() - now)))
        for reader in self._readers:
            reader.had_time(self._written.sent)
        return not self._ended_early and complete

    def _is_complete(self) -> bool:
        if self._unanswered:
            return False
        sent = self._written.sent
        return not any(
            scope.missing
            for reader in self._readers
            if reader.is_in
            for scope in self._written.scopes(reader.record, sent)[-1:]
        )

    def _end_early(self, why: str) -> None:
        self._ended_early = f"The check ends after {self._posted:,} of {self._plan.posts:,} posts: {why}."

    def connected(self, party: CheckedParty, heard: OnEvent) -> AbstractAsyncContextManager[ScriptClient]:
        """The client of one party, whose losses and redirects are counted."""

        def counted(event: ClientEvent) -> None:
            self._lost += isinstance(event, Disconnected)
            self._redirected += isinstance(event, Redirected)
            heard(event)

        return self._connect(party, counted)


class _Writer:
    """One connection that posts."""

    def __init__(self, run: _CheckRun, number: int) -> None:
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


class _Reader:
    """One who reads, and notes what comes."""

    def __init__(self, run: _CheckRun, name: str, kind: ReaderKind, turn: int, history: int = 0) -> None:
        self.record = ReaderRecord(name, kind)
        self._run = run
        self._turn = turn
        self._history = history
        self._seen: Mapping[Stream, int] | None = None
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

    async def come_in(self) -> None:
        """Log in, and go on from what came before. Raises CommandFailed.

        Whoever was in before tries again when nobody is there: servers may be started again meanwhile.
        """
        limit = time.monotonic() + self._run.plan.seconds
        while True:
            try:
                await self._log_in()
                return
            except CommandFailed as failure:
                await self.leave(vanish=True)
                if failure.status is not ExitStatus.UNREACHABLE or not self.record.visits or time.monotonic() > limit:
                    raise
                await asyncio.sleep(RETRY_INTERVAL)

    async def _log_in(self) -> None:
        party = CheckedParty(self._turn, reads=True, history=self._history, seen=self._seen)
        self._turn += 1
        entered = self._run.connected(party, self._heard)
        self._client = await self._stack.enter_async_context(entered)
        await self._client.wait_logged_in(self._run.plan.seconds)

    async def leave(self, *, vanish: bool = False) -> None:
        """Log out. `vanish`: without a word, as when a network fails. Base servers would count such a one for ever."""
        client = self._client
        if client is None:
            return
        self._seen = client.client.seen
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
                self._said = self._seen if client is None else client.client.seen
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
            self._run.foreign += 1
            return
        if mark is None:
            return
        activity.pop("authenticated_user", None)
        altered = activity != plan.activity(mark)
        self._visit.sightings.append(Sighting(mark, event.live, _readable(event.id), altered))


def _readable(identity: str | None) -> EntryId | None:
    try:
        return None if identity is None else parse_entry_id(identity)
    except ValueError:
        return None
