"""Keeps a screen before a node's operator, in a process of its own, and what becomes of that process from the node.

A fault of the application is mended where the application is (`tui.application.screen_supervisor`). Here it is the
process that ends: killed, or out of memory. The node goes on, for others are there; the person reads how to look again,
and how to have it leave, and decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from core.engine import Server
from core.node import Notice
from tui.model.visitors import Visitors
from tui.own_screen import screen_protocol
from tui.own_screen.screen_child import ScreenChild, spawned
from tui.own_screen.screen_process import ScreenProcess
from tui.terminal.kept_modes import KeptModes
from tui.text.narration import CHOICE, say

if TYPE_CHECKING:
    from tui.terminal.tty import Tty

FAILED: Final = 1
"""Exit status after the end of a screen that nobody wanted."""
LEAVE_LIMIT: Final = 15.0
"""Seconds in which a node has to have left; the engine's own limits are shorter."""
ANSWER_LIMIT: Final = 20.0
"""Seconds that a screen has to begin leaving when it is told to, and to end when the node has. It has limits of its
own, which are shorter; one that does not answer is ended."""

TellOfNode = Callable[[str], screen_protocol.NodeStarted]
"""What a screen is told of the node; the argument says what became of the screen before."""


class ScreenKeeper:
    """Runs screens until the person, a signal, or the node itself ends it."""

    def __init__(
        self, server: Server, visitors: Visitors | None, plan: screen_protocol.ScreenPlan, tell_of_node: TellOfNode
    ) -> None:
        self.report: list[str] = []
        """What the person is to be told when the terminal is theirs again."""
        self._server = server
        self._visitors = visitors
        self._plan = plan
        self._tell_of_node = tell_of_node
        self._screen: ScreenProcess | None = None
        self._modes = KeptModes()
        self._wanted = False
        self._ended = False
        self._choice: asyncio.Future[bool] | None = None
        """Whether the person wants a screen again, while they are asked."""
        self._stopping: asyncio.Task[None] | None = None

    async def run(self, child: ScreenChild | None) -> int:
        """The exit status of what was run. `child`: a process that waits already."""
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTSTP: self._suspend,
            signal.SIGCONT: functools.partial(self._pass_on, signal.SIGCONT),
            signal.SIGWINCH: functools.partial(self._pass_on, signal.SIGWINCH),
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        watching = asyncio.create_task(self._tell_of_end())
        try:
            return await self._run(child)
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
            watching.cancel()

    async def _run(self, child: ScreenChild | None) -> int:
        before = ""
        while True:
            words, ended = await self._show(child, before)
            child = None
            if ended is not None:
                self.report.extend(ended.report)
                if ended.status == 0 or self._wanted or self._ended:
                    return ended.status
            await asyncio.to_thread(self._modes.restore)
            if not (self._wanted or self._ended) and await self._wanted_again(words):
                before = f"{words} Everything else went on."
                continue
            await self._leave_without_screen(words)
            return FAILED

    async def _show(self, child: ScreenChild | None, before: str) -> tuple[str, screen_protocol.ScreenEnded | None]:
        """Run one screen; what became of its process, and its last word."""
        if child is None:
            try:
                child = await asyncio.to_thread(spawned)
            except OSError as error:
                return f"The screen's process could not be started ({error.strerror or error}).", None
            if self._wanted or self._ended:
                # Nobody told it so: while it was started there was no screen to tell.
                await asyncio.to_thread(child.end)
                return before, None
        screen = self._screen = ScreenProcess(child, self._server, self._visitors)
        try:
            ended, status = await screen.run(self._plan, self._tell_of_node(before))
        finally:
            self._screen = None
            self._wanted = self._wanted or screen.is_leaving
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return f"The screen's process ended ({how}).", ended

    # --- from outside -------------------------------------------------------------------------------------------------

    def want_leave(self, words: str, *, insist: bool = True) -> None:
        """Have the application leave in order. Once more, and it leaves at once, unless nobody insists by that."""
        if self._wanted and not insist:
            return
        self._wanted = True
        self._choose(False)
        screen = self._screen
        if screen is not None:
            screen.want_leave(words, insist=insist)
            asyncio.get_running_loop().call_later(ANSWER_LIMIT, self._look_whether_leaving, screen)

    def _look_whether_leaving(self, screen: ScreenProcess) -> None:
        if screen is self._screen and not screen.is_leaving:
            screen.kill()

    async def _tell_of_end(self) -> None:
        undone = await self._server.wait_closed()
        self._ended = True
        self._choose(False)
        screen = self._screen
        if screen is not None:
            screen.node_closed(undone)
            await asyncio.sleep(ANSWER_LIMIT)
            if screen is self._screen:
                screen.kill()

    def fault(self, text: str) -> None:
        """Something went wrong in this process that nobody else speaks of."""
        if self._screen is not None:
            self._screen.tell_of(Notice(time.time(), "storage", f"a fault in this program: {text}", "error"))

    def _pass_on(self, number: signal.Signals) -> None:
        if self._screen is not None:
            self._screen.child.signal(number)

    def _suspend(self) -> None:
        if self._stopping is None or self._stopping.done():
            self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        """Stop this process, the terminal given back before. The screen's waits to be told that this one goes on:
        it hears of its end as well."""
        if self._screen is not None:
            await self._screen.give_terminal_back()
        os.kill(os.getpid(), signal.SIGSTOP)

    # --- without a screen ---------------------------------------------------------------------------------------------

    async def _wanted_again(self, words: str) -> bool:
        """Whether the person wants the screen once more; they may take their time."""
        choice: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._choice = choice
        try:
            tty = await self._own_tty()
            tty.open(
                on_input=lambda data: self._choose(True) if b"\n" in data else None,
                unread=lambda: 0,
                on_full=lambda: None,
                on_drained=lambda: None,
                on_gone=lambda: self.want_leave("The terminal is gone.", insist=False),
            )
        except (OSError, ImportError):
            # It may not be there any more, after an upgrade.
            self._choice = None
            return False
        say(f"{words} {CHOICE}")
        try:
            return await choice
        finally:
            self._choice = None
            tty.close()

    @staticmethod
    async def _own_tty() -> Tty:
        # It takes Textual, which the node's process has no other use for.
        await asyncio.to_thread(importlib.import_module, "tui.terminal.tty")
        from tui.terminal.tty import own_tty

        return own_tty()

    def _choose(self, again: bool) -> None:
        if self._choice is not None and not self._choice.done():
            self._choice.set_result(again)

    async def _leave_without_screen(self, words: str) -> None:
        self._wanted = True
        if self._ended:
            say(f"{words} The server had ended.")
            return
        say(f"{words} The server leaves the network in order\N{HORIZONTAL ELLIPSIS}")
        with contextlib.suppress(Exception):
            self._server.request_drain("it was told to")
            async with asyncio.timeout(LEAVE_LIMIT):
                undone = await self._server.wait_closed()
            self.report.extend(f"left undone: {each}" for each in undone)
