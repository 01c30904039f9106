"""Keeps a screen before a person, and its faults from everybody else.

A screen that fails is taken down, a report is written, and the screen is started again over the same model: the node
and the person's connection go on meanwhile. When it fails again soon, something is wrong that a new screen does not
mend. The node goes on all the same, for others are there: the person reads how to look again, and how to have it leave,
and decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tui.application import fault_report
from tui.application.app import ActivityApp
from tui.application.application_exit import Leave
from tui.application.beginning import Before
from tui.text.narration import CHOICE, say

STEADY: Final = 60.0
"""Seconds after which a screen that failed is started again; before, it is the same fault once more."""
ANSWER_LIMIT: Final = 10.0
"""Seconds that a screen has to begin leaving when it is told to."""
END_LIMIT: Final = 3.0
"""Seconds that a screen that failed has to end by itself, and once more when it is cancelled."""
FAILED: Final = 1
"""Exit status after a fault of the screen that was not mended."""

AwaitEnter = Callable[[Callable[[], None]], Callable[[], None]]
"""Has something called when Enter is pressed at a terminal without a screen; returns what ends that."""
MakeApp = Callable[[Before | None], ActivityApp]
"""Makes an application, over the model that there is; the argument is given after a fault."""


class NoAnswer(Exception):
    """A screen did not do what it was told, or ended by itself."""


class ScreenSupervisor:
    """Runs an application until the person, a signal, or the node itself ends it."""

    def __init__(
        self,
        make_app: MakeApp,
        *,
        directory: Path | None,
        leave: Leave | None,
        restore: Callable[[], None] = lambda: None,
        await_enter: AwaitEnter | None = None,
        begun: asyncio.Event | None = None,
    ) -> None:
        """`directory`: for reports; None: one for temporary files. `leave`: None if there is no node here. `restore`:
        called when an application has ended, to give the terminal back where it has not done that itself.
        `await_enter`: None where nobody can be asked; a node without a screen then leaves. `begun`: set when
        what is to be shown is there; of a fault before that nothing is said before it either.
        """
        self._begun = begun
        self._await_enter = await_enter
        self._choice: asyncio.Future[bool] | None = None
        """Whether the person wants the screen again, while they are asked."""
        self._make_app = make_app
        self._restore = restore
        self._directory = directory
        self._leave = leave
        self._app: ActivityApp | None = None
        self._overdue = asyncio.Event()
        self._wanted = False
        self._ended = False

    async def run(self) -> int:
        """The exit status of what was run."""
        loop = asyncio.get_running_loop()
        before: Before | None = None
        last = -STEADY
        while True:
            app = self._app = self._make_app(before)
            status, fault = await self._show(app)
            if fault is None:
                assert status is not None
                return status
            if self._begun is not None:
                await self._begun.wait()
            words = await self._report(fault)
            again = loop.time() - last < STEADY
            last = loop.time()
            if not (again or app.leaving or self._wanted or self._ended):
                app.model.fault(words)
                before = replace(app.middle, words=f"{words} Everything else went on.")
                continue
            if not (app.leaving or self._wanted or self._ended) and await self._wanted_again(words):
                app.model.fault(words)
                before = replace(app.middle, words=f"{words} Everything else went on.")
                last = loop.time()
                continue
            await self._leave_without_screen(words, again=again)
            return FAILED

    async def _wanted_again(self, words: str) -> bool:
        """Whether the person wants the screen once more; they may take their time."""
        if self._leave is None or self._await_enter is None:
            return False
        say(f"{words} It had failed a moment ago. {CHOICE}")
        choice: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._choice = choice
        try:
            end = self._await_enter(lambda: self._choose(True))
        except OSError:
            return False
        try:
            return await choice
        finally:
            self._choice = None
            end()

    def _choose(self, again: bool) -> None:
        if self._choice is not None and not self._choice.done():
            self._choice.set_result(again)

    # --- from outside -------------------------------------------------------------------------------------------------

    def want_leave(self, words: str, *, insist: bool = True) -> None:
        """Have the application leave in order. Once more, and it leaves at once, unless nobody insists by that."""
        app = self._app
        if app is None or (self._wanted and not insist):
            return
        self._wanted = True
        if self._choice is not None:
            self._choose(False)
            return
        app.call_later(app.leave, words)
        asyncio.get_running_loop().call_later(ANSWER_LIMIT, self._look_whether_leaving, app)

    def node_ended(self) -> None:
        """The node has ended by itself: there is nothing to show any more."""
        self._ended = True
        self._choose(False)
        app = self._app
        if app is not None:
            app.call_later(app.exit, FAILED)
            asyncio.get_running_loop().call_later(ANSWER_LIMIT, self._overdue.set)

    @property
    def leaving(self) -> bool:
        return self._wanted or (self._app is not None and self._app.leaving)

    def _look_whether_leaving(self, app: ActivityApp) -> None:
        if not app.leaving:
            self._overdue.set()

    # --- one screen ---------------------------------------------------------------------------------------------------

    async def _show(self, app: ActivityApp) -> tuple[int | None, BaseException | None]:
        """Run one application to its end; its return value, or what went wrong."""
        streams = sys.stdout, sys.stderr
        running = asyncio.create_task(app.run_async(), name="screen")
        signs = [asyncio.create_task(app.failed.wait()), asyncio.create_task(self._overdue.wait())]
        try:
            await asyncio.wait((running, *signs), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await asyncio.wait((running,), timeout=END_LIMIT)
            if not running.done():
                running.cancel()
                await asyncio.wait((running,), timeout=END_LIMIT)
        finally:
            running.cancel()
            for sign in signs:
                sign.cancel()
            app.model.on_change = lambda: None
            give_back(app)
            self._restore()
            sys.stdout, sys.stderr = streams
        if not running.done() or running.cancelled():
            return None, app.fault or NoAnswer("the screen did not end when it was told to")
        if (error := running.exception()) is not None:
            return None, error
        status = running.result()
        if status is None and app.fault is None:
            return None, NoAnswer("the screen ended without having been asked to, or did not answer")
        return status, app.fault

    async def _report(self, fault: BaseException) -> str:
        """Write a report; the sentence that says where it is."""
        what = f"The screen failed ({type(fault).__name__})"
        for directory in (self._directory, None):
            try:
                file = await asyncio.to_thread(self._write_report, directory, fault)
            except Exception:
                continue
            return f"{what}; a report is in {file}."
        return f"{what}, and no report of it could be written."

    @staticmethod
    def _write_report(directory: Path | None, fault: BaseException) -> Path:
        place = directory or Path(tempfile.mkdtemp(prefix="activity-tui-"))
        return fault_report.write(place, fault)

    async def _leave_without_screen(self, words: str, *, again: bool) -> None:
        why = " It had failed a moment ago, and is not started again." if again else ""
        self._wanted = True
        if self._leave is None:
            say(f"{words}{why}")
            return
        if self._ended:
            say(f"{words}{why} The server had ended.")
            return
        say(f"{words}{why} The server leaves the network in order\N{HORIZONTAL ELLIPSIS}")
        with contextlib.suppress(Exception):
            await self._leave()


def give_back(app: ActivityApp) -> None:
    """Have the terminal as it was, however the application ended. Harmless when repeated."""
    driver = app._driver
    if driver is not None:
        for step in (driver.stop_application_mode, driver.close):
            with contextlib.suppress(Exception):
                step()
