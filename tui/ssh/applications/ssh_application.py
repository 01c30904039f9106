"""The application as it runs in an SSH session."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final
from weakref import WeakSet

from textual import events
from textual.widgets import Input

from core.client import Client, ClientEvent, ClientSettings, ServerQuits
from core.wire import ANONYMOUS
from tui.application import fault_report
from tui.application.app import ActivityApp
from tui.application.painted_app import LOOK_INTERVAL_MIN
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel, Happening
from tui.model.model_updates import tell
from tui.model.network_client import HISTORY, NetworkClient
from tui.model.network_faces import ActivityInput, ClientFace, SignIn
from tui.screens.asking import ConfirmScreen
from tui.screens.main_screen import MainScreen
from tui.ssh.applications.application_host import ApplicationHost, NodeAccess, RemoteTerminal
from tui.ssh.applications.terminals import color_system
from tui.ssh.remote_people.keyring import CannotChangeKeys
from tui.ssh.remote_people.posting_rate import posting
from tui.text.safe_text import neutralise_name
from tui.textual_workarounds import terminal_colours

log = logging.getLogger(__name__)

PING_INTERVAL: Final = 300.0
"""Seconds between two questions whether the node is there: it is in this process, or the socket says when it ends."""


class OutsideClient(NetworkClient):
    """A client whose timers and tasks do not belong to the application.

    What is started in an application's context keeps the application alive for as long as it might still run; a timer
    of the event loop does so even when it has been cancelled.
    """

    def __init__(
        self, client: Client, model: ClientModel, context: Context, message_rate: float, node_access: NodeAccess
    ) -> None:
        super().__init__(client, model)
        self._node_access = node_access
        self._context = context
        self._rate = posting(message_rate, time.monotonic())

    async def run(self) -> None:
        task = asyncio.create_task(super().run(), name="SSH session's client", context=self._context.copy())
        try:
            await task
        finally:
            task.cancel()

    def post(self, activity: ActivityInput) -> str:
        if self._rate.take(time.monotonic()):
            raise ConnectionError("this server takes no more of you at once; wait a moment, then send it again")
        return self._context.copy().run(super().post, activity)

    def keep_document(self, document: bytes) -> None:
        self._context.copy().run(super().keep_document, document)

    async def change_secret(self, secret: str, new_secret: str) -> None:
        await self._node_access.tell_of_change(True)
        work = asyncio.create_task(super().change_secret(secret, new_secret), context=self._context.copy())
        try:
            await work
        finally:
            await self._node_access.tell_of_change(False)

    async def close(self) -> None:
        await asyncio.create_task(super().close(), context=self._context.copy())


class SSHApp(ActivityApp):
    """One person's application. What goes wrong in it is logged here and concerns nobody else."""

    alive: ClassVar[WeakSet[SSHApp]] = WeakSet()
    """All that take memory in this process, whether they still run or not."""

    def __init__(self, host: ApplicationHost, node_access: NodeAccess, query: str, **options: Any) -> None:
        super().__init__(frame_scheduler=host.frame_scheduler, has_shown=host.collector.began, **options)
        self.alive.add(self)
        self._host = host
        self.line_pool = host.line_pool
        self._node_access = node_access
        self._query = query
        self._endings: list[Callable[[], None]] = []
        self.failure = False
        self._news = True
        self._version = -1

    def schedule_frame(self, due: float) -> None:
        self._news = True
        super().schedule_frame(due)

    def keep_looking(self) -> None:
        self._host.ticker.add(self)
        self.at_end(lambda: self._host.ticker.remove(self))

    def is_behind(self) -> bool:
        """Whether there is something at the node that is not on the screen."""
        node_view = self._host.node_view
        if self._news or self._version != node_view.version():
            return True
        snapshot = node_view.snapshot()
        if snapshot is self.model.snapshot or not snapshot.connections:
            return False
        # Ages, round trips and counts of bytes have changed.
        screen = self.screen_stack[0] if self.screen_stack else None
        return isinstance(screen, MainScreen) and "connections" in screen.visible_panes()

    def look_soon(self) -> None:
        self.call_later(self._look)

    def _look(self) -> None:
        self._news = False
        self._look_due = asyncio.get_running_loop().time() + LOOK_INTERVAL_MIN
        self._version = self._host.node_view.version()
        before = self.model.snapshot
        self.model.look()
        if self.model.snapshot is not before and self.main.painted:
            self.main.show_snapshot()

    def at_end(self, callback: Callable[[], None]) -> None:
        """Have something called when the application has ended, however it did."""
        self._endings.append(callback)

    def release(self) -> None:
        """Let go of everything outside; the session's owner calls it when the application has ended."""
        while self._endings:
            self._endings.pop()()

    def has_begun(self) -> None:
        super().has_begun()
        if self._query:
            try:
                self.main._set_filter(self._query)
            except ValueError as error:
                self.notify(str(error), severity="warning", markup=False)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        # A blinking cursor would paint every idle session twice a second.
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    def _print_error_renderables(self) -> None:
        super()._print_error_renderables()
        error: BaseException | None = getattr(self, "_exception", None)
        if error is not None:
            self.failure = True
            directory = Path(self._host.settings.data_dir)
            written = asyncio.get_running_loop().run_in_executor(None, fault_report.write, directory, error)
            written.add_done_callback(partial(_log_fault, where(error)))

    def tell(self, happening: Happening) -> None:
        super().tell(happening)
        if happening.kind == "registered":
            identity = self.model.identity
            secret = happening.secret or (identity.secret if identity is not None else None)
            if secret is not None:
                self.spawn(self._registered(happening.username, secret))

    async def _registered(self, username: str, secret: str) -> None:
        """Take the connection for the new account's owner's, if the name is still that of the account."""
        claim = await self._node_access.take_account(username, secret)
        if claim is not None:
            self.call_later(self._offer_key, username, claim)

    def _offer_key(self, username: str, claim: str) -> None:
        """Trust on first use: the key that a newcomer came in with can open the account that they have just made."""
        remote_user = self._node_access.remote_user
        if remote_user is None or remote_user.key is None:
            return
        key = remote_user.key

        def answered(yes: bool | None) -> None:
            if yes:
                self.spawn(self._bind(claim))

        self.push_screen(
            ConfirmScreen(
                "Your key",
                f"You came in with the key {key.fingerprint}.\n\nShall it open the account "
                f"{neutralise_name(username)} from now on, without the secret?",
                yes="Bind this key",
                no="Not now",
                comes_by_itself=True,
            ),
            answered,
        )

    async def _bind(self, claim: str) -> None:
        try:
            await self._node_access.bind_key(claim)
        except CannotChangeKeys as error:
            self.call_later(self.notify, f"The key could not be bound: {error}", severity="error", markup=False)
        else:
            self.call_later(self.notify, "The key opens this account from now on.", markup=False)


def _log_fault(error: str, written: asyncio.Future[Path]) -> None:
    place = f"a report is in {written.result()}" if written.exception() is None else "no report could be written"
    log.error("an application over SSH failed: %s; %s", error, place)


def where(error: BaseException) -> str:
    """An error and the place it comes from, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def make_application(host: ApplicationHost, node_access: NodeAccess, terminal: RemoteTerminal, query: str) -> SSHApp:
    """The application for the person at the other end of a connection."""
    remote_user = node_access.remote_user
    assert remote_user is not None
    colors = color_system(terminal.terminal, terminal.environment)
    person_name, newcomer = remote_user.name, remote_user.newcomer

    def make_client(model: ClientModel, identity: SignIn) -> ClientFace:
        anonymous = identity.way == "anonymous"
        name = ANONYMOUS if anonymous else identity.username
        settings = ClientSettings(
            username=name,
            secret=None if anonymous else identity.secret or None,
            register=identity.way == "register",
            history=HISTORY if not model.feed.arrived else 0,
            resume=model.resume,
            follow_redirects=False,
            ping_interval=PING_INTERVAL,
        )

        def heard(event: ClientEvent) -> None:
            tell(model, event)
            if isinstance(event, ServerQuits):
                terminal.farewell("This server has left the network.", event.address)

        return OutsideClient(
            Client(settings, (), heard, home=lambda: node_access.connect(name)),
            model,
            host.context,
            host.settings.message_rate,
            node_access,
        )

    model = ClientModel(make_client, node=host.node_view, owns_node=False)
    for notice in host.notices:
        model.noticed(notice)
    if newcomer:
        model.identity = SignIn("register", person_name, remote_user.secret, brought=True)
        first = None
    elif person_name == ANONYMOUS:
        first = SignIn("anonymous")
    else:
        first = SignIn("login", person_name, None)
    app = SSHApp(
        host,
        node_access,
        query,
        model=model,
        first=first,
        preferences=Preferences(no_color=colors is None, anonymous=host.settings.anonymous),
    )
    terminal_colours.has_colours(app, colors)
    unsubscribe = host.subscribe(model.noticed)
    app.at_end(unsubscribe)
    app.at_end(lambda: host.frame_scheduler.ended(app))
    host.frame_scheduler.starting(app)
    return app
