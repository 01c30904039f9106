"""The application as it runs in an SSH session."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from rich.color import ColorSystem
from textual import events
from textual.filter import ANSIToTruecolor, Monochrome, NoColor
from textual.screen import Screen
from textual.widgets import Input

from core.client import Client, ClientEvent, ClientSettings, ServerQuits
from core.node.notices import Notice
from core.wire.names import ANONYMOUS
from tui.app import ActivityApp, Preferences
from tui.client_events import tell
from tui.running import HISTORY, NetworkClient
from tui.safe_text import neutralise_name
from tui.screens.asking import ConfirmScreen
from tui.screens.main import MainScreen
from tui.session import ActivityInput, ClientFace, Happening, Identity, Session
from tui.ssh.guest import for_guests
from tui.ssh.keyring import CannotChangeKeys
from tui.ssh.limits import Rate
from tui.ssh.styles import SharedStylesheet
from tui.ssh.terminals import color_system

if TYPE_CHECKING:
    from tui.ssh.connection import SSHConnection
    from tui.ssh.server import SSHServer
    from tui.ssh.session import SSHSession

log = logging.getLogger(__name__)

QUIET_LOOK_INTERVAL: Final = 10.0
"""Seconds between two looks at the node while nothing happens: ages and counts of bytes are not worth a frame."""


class OutsideClient(NetworkClient):
    """A client whose timers and tasks do not belong to the application.

    What is started in an application's context keeps the application alive for as long as it might still run; a timer
    of the event loop does so even when it has been cancelled.
    """

    def __init__(self, client: Client, context: Context, message_rate: float) -> None:
        super().__init__(client)
        self._context = context
        self._rate = Rate(message_rate)

    async def run(self) -> None:
        task = asyncio.create_task(super().run(), name="SSH session's client", context=self._context.copy())
        try:
            await task
        finally:
            task.cancel()

    def post(self, activity: ActivityInput) -> str:
        if self._rate.wait(time.monotonic()):
            raise ConnectionError("this server takes no more of you at once; wait a moment, then send it again")
        return self._context.copy().run(super().post, activity)

    async def close(self) -> None:
        await asyncio.create_task(super().close(), context=self._context.copy())


class SSHMainScreen(MainScreen):
    """The panes, not painted before all of them are there: each half of them costs as much as the whole."""

    def _compositor_refresh(self) -> None:
        if isinstance(self.app, SSHApp) and self.app.shown:
            super()._compositor_refresh()


class SSHApp(ActivityApp):
    """One person's application. What goes wrong in it is logged here and concerns nobody else."""

    def __init__(self, server: SSHServer, connection: SSHConnection, query: str, **options: Any) -> None:
        super().__init__(**options)
        # Styles here have no colours out of a palette that would have to be looked up on every line.
        self._filters = [one for one in self._filters if not isinstance(one, ANSIToTruecolor)]
        own, self.stylesheet = self.stylesheet, SharedStylesheet(self, variables=self.stylesheet._variables)
        self.stylesheet.source = own.source
        self._ssh = server
        self.line_pool = server.line_pool
        self._connection = connection
        self._query = query
        self._endings: list[Callable[[], None]] = []
        self.failure = False
        self._news = True
        self.shown = False
        """Whether the first whole frame has been made; what is half made is not painted."""

    def get_default_screen(self) -> Screen[None]:
        return self._fitting(SSHMainScreen(self.session, zone=self.preferences.zone))

    def schedule_frame(self, due: float) -> None:
        self._news = True
        self._ssh.painter.want(self, due)

    def paint_now(self) -> None:
        """Show what has changed, and paint it here and now: Textual would wait for a sixtieth of a second."""
        self.paint_frame()
        self._update_now()

    def _update_now(self) -> None:
        if self.is_running and not self._exit and self.screen_stack:
            screen = self.screen
            with screen._context():
                screen._on_timer_update()

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._news and now - self._looked < QUIET_LOOK_INTERVAL:
            return
        self._news = False
        self._looked = now
        before = self.session.snapshot
        self.session.look()
        if self.session.snapshot is not before and self.main.painted:
            self.main.show_snapshot()

    def at_end(self, callback: Callable[[], None]) -> None:
        """Have something called when the application has ended, however it did."""
        self._endings.append(callback)

    def release(self) -> None:
        """Let go of everything outside; the session's owner calls it when the application has ended."""
        while self._endings:
            self._endings.pop()()

    def _begin(self) -> None:
        super()._begin()
        self.shown = True
        main = self.main
        # A layout paints everything by itself.
        main._repaint_required = not main._layout_required
        self._update_now()
        self.call_after_refresh(self._ssh.collector.began)
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
        # The default prints a traceback, with the values of variables, to the server's own terminal.
        self._exit_renderables.clear()
        error: BaseException | None = getattr(self, "_exception", None)
        if error is not None:
            self.failure = True
            log.error("an application over SSH failed: %s", where(error), exc_info=error)

    def _tell(self, happening: Happening) -> None:
        super()._tell(happening)
        if happening.kind == "registered":
            identity = self.session.identity
            secret = happening.secret or (identity.secret if identity is not None else None)
            if secret is not None:
                self._spawn(self._registered(happening.username, secret))

    async def _registered(self, username: str, secret: str) -> None:
        """Take the connection for the new account's owner's, if the name is still that of the account."""
        if await self._ssh.node.verify(username, secret) and (fact := self._ssh.account(username)) is not None:
            self._connection.registered(fact.claim)
            self.call_later(self._offer_key, username, fact.claim)

    def _offer_key(self, username: str, claim: str) -> None:
        """Trust on first use: the key that a newcomer came in with can open the account that they have just made."""
        person = self._connection.person
        if person is None or person.key is None:
            return
        key = person.key

        def answered(yes: bool | None) -> None:
            if yes:
                self._spawn(self._bind(claim))

        self.push_screen(
            ConfirmScreen(
                "Your key",
                f"You came in with the key {key.fingerprint}.\n\nShall it open the account "
                f"{neutralise_name(username)} from now on, without the secret?",
                yes="Bind this key",
                no="Not now",
            ),
            answered,
        )

    async def _bind(self, claim: str) -> None:
        person = self._connection.person
        if person is None:
            return
        try:
            await self._ssh.bind_key(person, claim)
        except CannotChangeKeys as error:
            self.call_later(self.notify, f"The key could not be bound: {error}", severity="error", markup=False)
        else:
            self.call_later(self.notify, "The key opens this account from now on.", markup=False)


def where(error: BaseException) -> str:
    """An error and the place it comes from, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def make_application(server: SSHServer, connection: SSHConnection, terminal: SSHSession, query: str) -> SSHApp:
    """The application for the person at the other end of a connection."""
    person = connection.person
    assert person is not None
    colors = color_system(terminal.terminal, terminal.environment)
    person_name, newcomer = person.name, person.newcomer

    def make_client(session: Session, identity: Identity) -> ClientFace:
        anonymous = identity.way == "anonymous"
        name = ANONYMOUS if anonymous else identity.username
        vouched = name if connection.person is not None and _vouched(server, connection, name) else None
        settings = ClientSettings(
            username=name,
            secret=None if anonymous or (vouched and not identity.secret) else identity.secret,
            register=identity.way == "register",
            history=HISTORY if not session.feed.arrived else 0,
            follow_redirects=False,
        )

        def heard(event: ClientEvent) -> None:
            tell(session, event)
            if isinstance(event, ServerQuits):
                terminal.farewell("This server has left the network.", event.address)

        return OutsideClient(
            Client(settings, (), heard, home=lambda: server.node.connect_local(vouched)),
            server.context,
            server.settings.message_rate,
        )

    session = Session(make_client, node=server.guest, owns_node=False)

    def noticed(notice: Notice) -> None:
        told = for_guests(notice)
        if told is not None:
            session.noticed(told)

    for notice in server.node.notices:
        noticed(notice)
    if newcomer:
        session.identity = Identity("register", person_name, person.secret)
        first = None
    elif person_name == ANONYMOUS:
        first = Identity("anonymous")
    else:
        first = Identity("login", person_name, None)
    app = SSHApp(
        server,
        connection,
        query,
        session=session,
        first=first,
        preferences=Preferences(no_color=colors is None, anonymous=server.settings.anonymous),
    )
    # Textual takes both from the environment of the process, which is the server's and not the person's.
    app.console._color_system = colors or ColorSystem.STANDARD
    if colors is None:
        app._filters = [one for one in app._filters if not isinstance(one, Monochrome)] + [NoColor()]
    unsubscribe = server.node.subscribe(noticed)
    app.at_end(unsubscribe)
    app.at_end(lambda: server.painter.forget(app))
    return app


def _vouched(server: SSHServer, connection: SSHConnection, name: str) -> bool:
    """Whether the person has proved to own the account that has this name now."""
    person = connection.person
    fact = server.account(name)
    return person is not None and person.claim is not None and fact is not None and fact.claim == person.claim
