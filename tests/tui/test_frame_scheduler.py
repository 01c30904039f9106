"""Frames are given out in turn, one at a time, and leave the event loop time for everything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from tui.application.frame_scheduler import ANSWER_LIMIT, FrameScheduler


class Canvas:
    """An application whose frames cost what they are told to; none of it is spent."""

    spent = 0.0

    def __init__(
        self, scheduler: FrameScheduler, log: list[tuple[str, float]], name: str, cost: float = 0.0, steps: int = 0
    ) -> None:
        self._scheduler = scheduler
        self._log = log
        self._name = name
        self._cost = cost
        self._steps = steps

    def call_later(self, callback: Callable[..., Any], *args: Any) -> bool:
        asyncio.get_running_loop().call_soon(callback, *args)
        return True

    def frame_steps(self) -> Iterator[None]:
        for number in range(self._steps):
            self._log.append((f"{self._name}.{number}", time.perf_counter()))
            self._compute()
            yield
        self._log.append((self._name, time.perf_counter()))
        self._compute()

    def _compute(self) -> None:
        Canvas.spent += self._cost


def new_scheduler() -> FrameScheduler:
    return FrameScheduler(cost=lambda: Canvas.spent)


async def painted(log: list[tuple[str, float]], count: int) -> None:
    async with asyncio.timeout(5):
        while len(log) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_whoever_asked_first_is_painted_first_and_each_once():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    for name in ("one", "two", "three"):
        scheduler.request(Canvas(scheduler, log, name), 0.0)
    await painted(log, 3)
    await asyncio.sleep(0.02)
    assert [name for name, _ in log] == ["one", "two", "three"]


async def test_after_a_frame_the_loop_is_left_alone_for_as_long_as_it_took():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    for name in ("one", "two"):
        scheduler.request(Canvas(scheduler, log, name, cost=0.03), 0.0)
    await painted(log, 2)
    assert log[1][1] - log[0][1] >= 0.03


async def test_after_a_frame_that_cost_very_much_the_next_one_comes_within_a_second():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    for name in ("one", "two"):
        scheduler.request(Canvas(scheduler, log, name, cost=100.0), 0.0)
    await painted(log, 2)
    assert log[1][1] - log[0][1] >= 0.9


async def test_news_are_painted_rarely_while_somebody_waits_for_a_first_frame():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    newcomer = Canvas(scheduler, log, "newcomer")
    scheduler.starting(newcomer)
    for name in ("one", "two"):
        scheduler.request(Canvas(scheduler, log, name, cost=0.05), 0.0)
    await painted(log, 2)
    assert log[1][1] - log[0][1] >= 0.45
    scheduler.started(newcomer)
    for name in ("three", "four"):
        scheduler.request(Canvas(scheduler, log, name, cost=0.05), 0.0)
    await painted(log, 4)
    assert log[3][1] - log[2][1] < 0.45


async def test_whoever_leaves_before_their_first_frame_holds_nobody_up():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    newcomer = Canvas(scheduler, log, "newcomer")
    scheduler.starting(newcomer)
    scheduler.ended(newcomer)
    for name in ("one", "two"):
        scheduler.request(Canvas(scheduler, log, name, cost=0.05), 0.0)
    await painted(log, 2)
    assert log[1][1] - log[0][1] < 0.45


async def test_something_else_is_done_between_the_steps_of_a_frame_and_no_other_frame_is():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    scheduler.request(Canvas(scheduler, log, "one", cost=0.002, steps=3), 0.0)
    scheduler.request(Canvas(scheduler, log, "two"), 0.0)

    def else_done() -> None:
        log.append(("else", time.perf_counter()))
        if len(log) < 12:
            asyncio.get_running_loop().call_soon(else_done)

    else_done()
    await painted(log, 12)
    names = [name for name, _ in log]
    between = names[names.index("one.0") : names.index("one") + 1]
    assert [name for name in between if name != "else"] == ["one.0", "one.1", "one.2", "one"]
    for place, name in enumerate(between[:-1]):
        assert name == "else" or between[place + 1] == "else", names


async def test_a_frame_that_was_begun_and_is_never_gone_on_with_holds_nobody_up():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()

    class Ending(Canvas):
        """Ends in the middle of a frame."""

        def call_later(self, callback: Callable[..., Any], *args: Any) -> bool:
            return not log and super().call_later(callback, *args)

    scheduler.request(Ending(scheduler, log, "one", cost=0.002, steps=3), 0.0)
    scheduler.request(Canvas(scheduler, log, "two"), 0.0)
    await painted(log, 2)
    assert [name for name, _ in log] == ["one.0", "two"]


async def test_an_application_that_comes_back_too_late_and_ends_then_holds_nobody_up():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()
    loop = asyncio.get_running_loop()

    class Late(Canvas):
        """Begins when others may have had their turns, and ends in the middle of its frame."""

        def call_later(self, callback: Callable[..., Any], *args: Any) -> bool:
            if not log:
                loop.call_later(ANSWER_LIMIT + 0.05, callback, *args)
            return not log

    scheduler.request(Late(scheduler, log, "one", cost=0.002, steps=3), 0.0)
    scheduler.request(Canvas(scheduler, log, "two"), loop.time() + ANSWER_LIMIT + 0.2)
    await painted(log, 2)
    assert [name for name, _ in log] == ["one.0", "two"]


async def test_a_fault_in_a_frame_holds_nobody_up():
    scheduler, log = new_scheduler(), list[tuple[str, float]]()

    class Faulty(Canvas):
        def frame_steps(self) -> Iterator[None]:
            yield
            raise LookupError("a fault in a test")

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, fault: faults.append(fault))
    scheduler.request(Faulty(scheduler, log, "one"), 0.0)
    scheduler.request(Canvas(scheduler, log, "two"), 0.0)
    await painted(log, 1)
    assert [name for name, _ in log] == ["two"] and len(faults) == 1
