"""Shares the event loop's time among screens and everything else: one frame at a time, in turn, never more than a part.

A frame of a busy screen costs some milliseconds during which nothing else happens. A screen that painted whenever it
liked would be in the way of the node that it shows; many of them, together, would leave it and the keys of everybody no
time at all. Here each waits for its turn, and after each frame the loop is left alone in proportion to what it cost:
where frames cost more, or there are more sessions, each is painted less often, and what a key or an activity waits for
stays one frame. (The order is round robin; the proportion is that of a proportional-share scheduler such as Waldspurger
and Weihl's, 1995, with two parties.)
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

SHARE: Final = 0.4
"""Of the event loop's time, what all frames together may take when everybody is busy."""
SHARE_ALONE: Final = 0.04
"""The same of one person's application in a process of its own: the event loop is its own, the machine is not. Thirteen
frames of 3 ms a second."""
SHARE_MEANWHILE: Final = 0.1
"""The same while somebody comes in: news can wait a little, and who waits for the first frame sees nothing at all."""
PAUSE_MAX: Final = 1.0
"""Seconds without a frame at most, whatever the one before has cost: a person who sees nothing new for longer takes the
network for quiet, and one frame for all connections of a large server may cost what fifty others do."""
STEP: Final = 0.001
"""Seconds that a frame may hold the loop at a time: everything else has a turn between its steps."""
ANSWER_LIMIT: Final = 0.25
"""Seconds in which an application that has its turn begins to paint, before the next one has its."""


class ScheduledApplication(Protocol):
    """An application, as the scheduler sees it."""

    def call_later(self, callback: Callable[..., Any], *args: Any) -> bool: ...
    def frame_steps(self) -> Iterator[None]:
        """Paint, in steps after each of which something else may be done."""
        ...


class FrameScheduler:
    """Gives out turns. Not thread-safe; belongs to the event loop in which it is first used."""

    def __init__(self, share: float = SHARE, cost: Callable[[], float] = time.perf_counter) -> None:
        """`share`: of the event loop's time, what all frames together may take. `cost`: the clock by which they take
        it, in seconds; by that of the thread a frame costs no more where others have the processor meanwhile.
        """
        self._share = share
        self._cost = cost
        self._waiting: deque[tuple[float, ScheduledApplication]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._free_at = 0.0
        self._turn = 0
        self._painting = False
        self._starting: set[ScheduledApplication] = set()

    def starting(self, app: ScheduledApplication) -> None:
        """An application begins."""
        self._starting.add(app)

    def started(self, app: ScheduledApplication) -> None:
        """An application has its first frame."""
        self._starting.discard(app)

    def request(self, app: ScheduledApplication, due: float) -> None:
        """Have a frame of it painted in the application's own task, at `due` (the loop's time) or at its turn."""
        self._waiting.append((due, app))
        self._arm()

    def ended(self, app: ScheduledApplication) -> None:
        """The application has ended."""
        self._starting.discard(app)
        self._waiting = deque(each for each in self._waiting if each[1] is not app)

    def _arm(self) -> None:
        if self._timer is None and not self._painting and self._waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._free_at, min(due for due, _ in self._waiting)), self._next)

    def _next(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for place, (due, app) in enumerate(self._waiting):
            if due <= now + 0.001:
                del self._waiting[place]
                self._turn += 1
                self._painting = True
                self._hand_to(app, self._begin, app, self._turn)
                return
        self._arm()

    def _hand_to(self, app: ScheduledApplication, step: Callable[..., None], *args: Any) -> None:
        """Have a step done in the application's own task; one that does not answer keeps nobody waiting for long."""
        self._timer = asyncio.get_running_loop().call_later(ANSWER_LIMIT, self._no_answer)
        app.call_later(step, *args)

    def _no_answer(self) -> None:
        self._timer = None
        self._painting = False
        self._arm()

    def _begin(self, app: ScheduledApplication, turn: int) -> None:
        self._go_on(app, turn, app.frame_steps(), 0.0)

    def _go_on(self, app: ScheduledApplication, turn: int, steps: Iterator[None], cost: float) -> None:
        if turn == self._turn and self._painting and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        begun = self._cost()
        over = True
        try:
            for _ in steps:
                if self._cost() - begun >= STEP:
                    over = False
                    break
        finally:
            cost += self._cost() - begun
            if over:
                self._painted(turn, cost)
            else:
                # Not at once: an application whose queue is never empty gives nobody else a turn.
                asyncio.get_running_loop().call_soon(self._next_step, app, turn, steps, cost)

    def _next_step(self, app: ScheduledApplication, turn: int, steps: Iterator[None], cost: float) -> None:
        if turn == self._turn and self._painting:
            self._hand_to(app, self._go_on, app, turn, steps, cost)
        else:
            # It was too long in coming back, and others have had their turns: it paints the rest as soon as it can.
            app.call_later(self._go_on, app, turn, steps, cost)

    def _painted(self, turn: int, cost: float) -> None:
        if turn == self._turn:
            self._painting = False
            share = min(SHARE_MEANWHILE, self._share) if self._starting else self._share
            self._free_at = asyncio.get_running_loop().time() + min(cost * (1 / share - 1), PAUSE_MAX)
            self._arm()
