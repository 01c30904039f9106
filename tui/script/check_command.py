"""`check`: whether servers drop, double or reorder what is posted while readers leave and come back."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import ClassVar, Final

from core.client import ClientEvent, Disconnected, Redirected
from tui.script.check_parties import CheckedParty, CheckReader, CheckWriter, ConnectChecked
from tui.script.check_plan import CheckPlan
from tui.script.check_report import CheckReport
from tui.script.exit_status import CommandFailed, ExitStatus
from tui.script.script_client import OnEvent, ScriptClient
from tui.script.seam_check import judged
from tui.script.sightings import Fate, Mark, WrittenRecord
from tui.script.streams import Streams

LOOK_INTERVAL: Final = 0.02
"""Seconds between two looks at whether everything has come; longer where a look takes long."""


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
        self._writers = [CheckWriter(self, number) for number in range(1, plan.writers + 1)]
        self._readers = [CheckReader(self, "the one who stays", "stays", 0)]
        self._readers += [
            CheckReader(self, f"reader {number}", "returns", number) for number in range(1, plan.readers + 1)
        ]
        self._posted = 0
        self._unanswered = 0
        self._answered = asyncio.Event()
        self._progress = 0
        self._room = float(plan.in_flight)
        self._room_at = time.monotonic()
        self._ended_early = ""
        self._failure: CommandFailed | None = None
        self._over = False
        self._lost = self._redirected = self._foreign = 0

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
            verdicts = judged(self._written, records, self._foreign)
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

    async def _turn(
        self, turn: int, staying: int, away: int, back: int, everybody: AsyncExitStack
    ) -> CheckReader | None:
        """Readers leave in the midst of what is posted, and come back in the midst of it."""
        returning = [reader for reader in self._readers if reader.record.kind == "returns"]
        await self._post(staying)
        await asyncio.gather(*(reader.leave(vanish=bool((turn + place) % 2)) for place, reader in enumerate(returning)))
        await self._post(away)
        coming = list(returning)
        newcomer = None
        if self._plan.newcomers:
            newcomer = CheckReader(self, f"newcomer {turn + 1}", "new", turn, self._plan.history)
            self._readers.append(newcomer)
            await everybody.enter_async_context(newcomer.leaving_at_the_end())
            coming.append(newcomer)
        tasks: list[asyncio.Task[None]] = []
        try:
            for place, reader in enumerate(coming):
                share = back * (place + 1) // len(coming) - back * place // len(coming)
                tasks.append(asyncio.create_task(reader.come_in(patient=True)))
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
            if self._ended_early:
                return
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

    def came_unwritten(self) -> None:
        """A reader was sent something that bears the check's name, and cannot be of it."""
        self._foreign += 1

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
