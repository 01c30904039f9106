"""Who is at the keyboard: asked, told what the network says of it, and remembered for the next time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from core.wire.names import ANONYMOUS
from tui import credentials
from tui.safe_text import neutralise, neutralise_name
from tui.screens.asking import ConfirmScreen, CopyScreen
from tui.screens.welcome import WelcomeScreen
from tui.session import Happening, Way

if TYPE_CHECKING:
    from tui.app import ActivityApp

NO_CONNECTION = 3
"""Exit status of a client that gave up."""


class Person:
    """The application's part that knows who one is. Whatever it does appears on the application's screens."""

    def __init__(self, app: ActivityApp, *, suggestion: str, directory: Path | None) -> None:
        """`suggestion`: a name to fill in. `directory`: where to remember the person; None for nowhere."""
        self._app = app
        self._session = app.session
        self._suggestion = suggestion
        self._directory = directory
        self._told_of_loss = False

    def ask(self, problem: str = "") -> None:
        """Ask who somebody is; `problem` says what was wrong with the last answer."""
        app, session = self._app, self._session
        if isinstance(app.screen, WelcomeScreen):
            return
        known = session.identity
        where = (
            f"{'Your' if session.owns_node else 'The'} server {neutralise_name(session.snapshot.name)} runs at "
            f"{session.node.advertised}. Who are you?"
            if session.node is not None and session.snapshot is not None
            else f"You join at {session.server}. Who are you?"
        )
        name = known.username if known is not None and known.username != ANONYMOUS else self._suggestion
        way: Way = "register"
        if (known is None and name) or (problem and known is not None and known.way != "register"):
            way = "login"
        screen = WelcomeScreen(
            where,
            username=name,
            way=way,
            anonymous=app.preferences.anonymous,
            remembers=self._directory is not None,
        )
        app.push_screen(screen)
        if problem:
            app.call_after_refresh(screen.refused, problem)

    def tell(self, happening: Happening) -> None:
        """Something was said of this person that they have to know at once."""
        app = self._app
        welcome = app.screen if isinstance(app.screen, WelcomeScreen) else None
        text = neutralise(happening.text, 400)
        match happening.kind:
            case "logged in":
                self._told_of_loss = False
                if welcome is not None:
                    welcome.dismiss(None)
                    app.main.composer.focus()
                self._remember()
            case "registered":
                if welcome is not None:
                    welcome.dismiss(None)
                self._remember(happening.secret)
                if happening.secret is not None:
                    self._show_secret(happening.username, happening.secret)
            case "login refused" | "register refused":
                if welcome is not None:
                    welcome.refused(text)
                else:
                    self.ask(problem=text)
            case "gone":
                self._offer_again(text)
            case "renamed":
                self._remember()
                app.notify(text, title="Your name has changed", severity="warning", timeout=20, markup=False)
            case "disconnected" | "redirected":
                if welcome is not None:
                    welcome.delayed(f"{text}; trying again")
                elif not app.leaving and not self._told_of_loss:
                    # Once until it is over: what is tried meanwhile stands in the top line and among the events.
                    self._told_of_loss = happening.kind == "disconnected"
                    app.notify(text, severity="warning", timeout=5, markup=False)

    def _remember(self, secret: str | None = None) -> None:
        app, session, directory = self._app, self._session, self._directory
        identity = session.identity
        if directory is None or identity is None:
            return
        secret = secret or identity.secret
        name = session.username or identity.username
        kept = credentials.Remembered(name, secret if identity.remember and name != ANONYMOUS else None)

        async def keep() -> None:
            try:
                await asyncio.to_thread(credentials.save, directory, kept)
            except OSError as error:
                app.call_later(
                    app.notify, f"Who you are could not be remembered: {error}", severity="warning", markup=False
                )

        app.spawn(keep())

    def _show_secret(self, username: str, secret: str) -> None:
        identity = self._session.identity
        kept = identity is not None and identity.remember
        self._app.push_screen(
            CopyScreen(
                f"You are {neutralise_name(username)}".replace("[", r"\["),
                "This secret was made for you. With it you log in as this name, anywhere in the network.\n"
                "It is shown this once; keep it where you keep your passwords.",
                secret,
                "y copies it." + (" It is also remembered here, as you asked." if kept else ""),
            )
        )

    def _offer_again(self, text: str) -> None:
        app, session = self._app, self._session

        def answered(enough: bool | None) -> None:
            identity = session.identity
            if enough is False and identity is not None:
                app.enter(identity)
            elif enough and session.node is None:
                app.exit(NO_CONNECTION)

        app.push_screen(
            ConfirmScreen(
                "No connection", text, yes="Quit" if session.node is None else "Stay logged out", no="Try again"
            ),
            answered,
        )
