"""The application on the terminal of this process, over a model of its own, until the person leaves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.wire import Address
from tui.application.app import ActivityApp
from tui.application.beginning import Before
from tui.application.first_visit import NOT_KNOWN
from tui.application.screen_supervisor import ScreenSupervisor
from tui.model.client_model import ClientFactory, ClientModel
from tui.model.network_faces import NodeFace
from tui.model.visitors import Visitors
from tui.own_screen.browser import open_in_browser
from tui.own_screen.editor import Editor, EditorFailed, editor_command, interrupts_for_children
from tui.own_screen.first_choices import first_identity, first_preferences, new_name, suggested_name
from tui.own_screen.person_options import PersonOptions
from tui.own_screen.personal_keeper import PersonalFileKeeper
from tui.remembered import credentials, look_settings
from tui.terminal.local import LocalDriver, local_driver
from tui.terminal.tty import own_tty
from tui.text.narration import heard_by_somebody

LEAVE_LIMIT: Final = 15.0
"""Seconds in which a node has to have left; the engine's own limits are shorter."""


class TerminalScreen:
    """What is on this terminal. `run` it once."""

    def __init__(
        self,
        make_client: ClientFactory,
        person: PersonOptions,
        *,
        directory: Path | None,
        node: NodeFace | None = None,
        visitors: Visitors | None = None,
        target: Address | None = None,
        network: str = "",
        network_is_new: bool = False,
        anonymous: bool = True,
        stops: bool = True,
    ) -> None:
        """`directory`: where the person is remembered, and reports are written. `node`: the one that is shown, and
        leaves with the person; None for a client that joins at `target`, of the `network` that it trusts, once the
        person does, too, if `network_is_new`. `stops`: whether this process is stopped by itself (see `LocalDriver`).
        Nothing is shown, and the terminal is left alone, until `begin`.
        """
        self.model = ClientModel(make_client, node=node, target=target, network=network)
        self.model.network_is_new = network_is_new
        self.model.visitors = visitors
        self.report: list[str] = []
        """What the person is to be told when the terminal is theirs again."""
        self._person = person
        self._directory = directory
        self._node = node
        self._place = credentials.HERE if node is not None else str(target)
        self._anonymous = anonymous
        self._before: Before | None = None
        self._begun = asyncio.Event()
        self._stops = stops
        self._remembered: credentials.Remembered | None = None
        self._chosen = look_settings.LookSettings()
        self._apps: list[ActivityApp] = []
        self._editor = Editor()
        self._tty = own_tty()
        leave = self._leave if node is not None else None
        self._supervisor = ScreenSupervisor(
            self._make_app,
            directory=directory,
            leave=leave,
            restore=self._tty.restore,
            await_enter=self._await_enter,
            begun=self._begun,
        )

    async def run(self) -> int:
        """Until the person leaves; the exit status."""
        if self._directory is not None:
            self._remembered = await asyncio.to_thread(credentials.load, self._directory)
            self._chosen = await asyncio.to_thread(look_settings.load, self._directory)
            keeping = await self._keep_personal(self._directory)
        else:
            keeping = None
        watching = asyncio.create_task(self._end_with(self._node)) if self._node is not None else None
        try:
            status = await self._supervisor.run()
            if status == NOT_KNOWN and self.model.network_is_new:
                network, target = self.model.network, self.model.target
                self.report.append(f"you do not know the network {network}: nothing was said to {target}")
            return status
        finally:
            self._editor.hang_up()
            app = self._app
            if app is not None and app._exit_procedure.left_words and heard_by_somebody():
                self.report.insert(0, app._exit_procedure.left_words)
            self.report.extend(self.unconfirmed())
            for task in (watching, keeping):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
            await self.model.stop()

    async def _keep_personal(self, directory: Path) -> asyncio.Task[None]:
        keeper = PersonalFileKeeper(directory)
        await keeper.read()
        self.model.concerns.keeper = keeper
        return asyncio.create_task(keeper.keep_up(self.model.concerns))

    def begin(self, before: Before | None = None) -> None:
        """Show it from here on. `before`: what became of a screen before."""
        self._before = before
        self._begun.set()
        app = self._app
        if app is not None and isinstance(app._driver, LocalDriver):
            app._driver.release()

    def unconfirmed(self) -> list[str]:
        """What a person must not leave without, a line each."""
        return [*(line for app in self._apps for line in app.unconfirmed), *self._editor.left]

    def want_leave(self, words: str, insist: bool = True) -> None:
        """Have the application leave in order. Once more, and it leaves at once, unless nobody insists by that."""
        self._editor.hang_up()
        self._supervisor.want_leave(words, insist=insist)

    def look(self) -> None:
        """Show the node as it is now."""
        app = self._app
        if app is not None and app.shown:
            app.call_later(app._look)

    def give_back(self) -> None:
        """Leave the terminal as it was found, until this process is told to continue."""
        app = self._app
        if app is not None and isinstance(app._driver, LocalDriver):
            app._driver.give_back()

    def abandon(self) -> None:
        """The same for good, in the middle of everything."""
        self._editor.give_back()
        self._tty.abandon()

    @property
    def _app(self) -> ActivityApp | None:
        return self._apps[-1] if self._apps else None

    def _make_app(self, before: Before | None) -> ActivityApp:
        made = ActivityApp(
            self.model,
            first=first_identity(self._person, self._remembered, self._place),
            suggestion=suggested_name(self._person, self._remembered, self._place),
            new_name=new_name(self._person, self._remembered),
            leave=self._leave if self._node is not None else None,
            person_dir=self._directory,
            open_link=open_in_browser,
            edit_elsewhere=self._edit,
            remembered=self._remembered,
            preferences=first_preferences(self._person, self._chosen, anonymous=self._anonymous),
            before=before,
            begun=self._begin_with,
            # What an application consists of is there to stay, and as much as all else together: a full collection that
            # looked at it as well took 60 ms, in the middle of everything.
            has_shown=gc.freeze,
            driver_class=local_driver(
                self._tty,
                lambda: self.want_leave("The terminal is gone.", False),
                stops=self._stops,
                held=lambda: not self._begun.is_set(),
            ),
        )
        self._apps.append(made)
        return made

    async def _edit(self, text: str) -> str:
        """Have a text written in the person's editor. Raises EditorFailed."""
        command = editor_command(os.environ)
        driver = self._app._driver if self._app is not None else None
        if not isinstance(driver, LocalDriver) or driver.away:
            raise EditorFailed("The terminal is not this program's now.")
        driver.give_back()
        try:
            with interrupts_for_children():
                return await asyncio.to_thread(self._editor.edit, text, command, self._tty.descriptor)
        finally:
            driver.take_back()

    async def _begin_with(self) -> Before | None:
        await self._begun.wait()
        before, self._before = self._before, None
        return before

    def _await_enter(self, pressed: Callable[[], None]) -> Callable[[], None]:
        self._tty.open(
            on_input=lambda data: pressed() if b"\n" in data else None,
            unread=lambda: 0,
            on_full=lambda: None,
            on_drained=lambda: None,
            on_gone=lambda: self.want_leave("The terminal is gone.", False),
        )
        return self._tty.close

    async def _leave(self) -> int:
        assert self._node is not None
        self._node.request_drain("the person at the application quits")
        try:
            async with asyncio.timeout(LEAVE_LIMIT):
                undone = await self._node.wait_closed()
        except TimeoutError:
            undone = ("the node did not finish leaving in time",)
        self.report.extend(f"left undone: {each}" for each in undone)
        return 0

    async def _end_with(self, node: NodeFace) -> None:
        """The application ends when its node has ended by itself."""
        undone = await node.wait_closed()
        if not self._supervisor.leaving:
            self.report.append("the server here has ended" + "".join(f"; {each}" for each in undone))
            self._supervisor.node_ended()
