"""Who is at the keyboard: asked, told what the network says of it, and remembered for the next time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from core.wire import ANONYMOUS
from tui.model.client_model import Happening
from tui.model.network_faces import SecretUnchanged, SecretUnknown, SignIn, Way
from tui.remembered import credentials
from tui.screens.asking import ConfirmScreen
from tui.screens.secret_dialogs import ChangeSecretScreen, SecretScreen, SecretWish
from tui.screens.welcome import WelcomeScreen
from tui.text.fitting import fit
from tui.text.safe_text import neutralise, neutralise_name
from tui.text.shown_paths import shown_path

if TYPE_CHECKING:
    from tui.application.app import ActivityApp


def _made_secret() -> str:
    # The client is not needed for the first frame.
    from core.client import make_secret

    return make_secret(random.SystemRandom())


NAME_CELLS_MAX = 20
NAMES_MAX = 5
"""So many accounts are named to somebody who is asked who they are."""
NO_CONNECTION = 3
"""Exit status of a client that gave up."""


class Identity:
    """The application's part that knows who one is. Whatever it does appears on the application's screens."""

    def __init__(
        self,
        app: ActivityApp,
        *,
        suggestion: str,
        new_name: str = "",
        directory: Path | None,
        remembered: credentials.Remembered | None = None,
    ) -> None:
        """`suggestion`: a name to fill in, which may be one to register if it is `new_name`. `directory`: where to
        remember the person, and `remembered` what is there; None for nowhere."""
        self._remembered = remembered
        self._app = app
        self._model = app.model
        self._suggestion = suggestion
        self._new_name = new_name
        self._directory = directory
        self._asked: tuple[str, str | None] = ("", None)
        """Why it is asked who somebody is, if nobody wanted to be, and who they were then."""
        self._told_of_loss = False
        self._unconfirmed: dict[str, str] = {}
        """Names and secrets that were made for them, are kept nowhere, and were not confirmed yet."""

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """What a person must not leave without, a line each."""
        return tuple(
            f"the secret of {name}, which is kept nowhere else: {secret}" for name, secret in self._unconfirmed.items()
        )

    @property
    def _place(self) -> str:
        """Where the account is, as it is remembered."""
        model = self._model
        return credentials.HERE if model.node is not None else str(model.server or model.target)

    async def enter(self, identity: SignIn) -> None:
        """Log in or register. A secret is made if there has to be one, and put down before the network has it."""
        if identity.way == "register" and not identity.secret:
            identity = replace(identity, secret=_made_secret(), made=True)
        if identity.way == "register" and identity.secret and identity.remember and self._directory is not None:
            # Whether that could be done is told with the secret itself.
            await self._put_down(credentials.expect, identity.username, identity.secret)
        await self._model.enter(identity)

    async def _put_down(self, change: Callable[[Path, str, str, str], None], username: str, secret: str) -> str | None:
        """Change what is remembered; what kept it from being done, as a clause for a person."""
        if self._directory is None:
            return "there is no place for it here"
        try:
            await asyncio.to_thread(change, self._directory, username, secret, self._place)
            self._remembered = await asyncio.to_thread(credentials.load, self._directory)
        except OSError as error:
            return str(error.strerror or error)
        return None

    def ask(self, problem: str = "", *, occasion: str = "") -> None:
        """Ask who somebody is; `problem` says what was wrong with the last answer, `occasion` why it is asked now if
        nobody wanted to be."""
        app, model = self._app, self._model
        if isinstance(app.screen, WelcomeScreen):
            return
        if self._directory is not None:
            # A command may have changed something meanwhile.
            app.spawn(self._look_up(self._directory))
        known = model.identity
        name = known.username if known is not None and known.username != ANONYMOUS else self._suggestion
        way = self._way_before(name)
        unasked = bool(problem or occasion)
        if known is None and not unasked and (others := self._names_remembered()):
            occasion = others
        elif known is None and name and name == self._new_name and not unasked:
            occasion = f"{neutralise_name(name)} is not remembered here: register it if it is new, or log in with it."
        before, name_before = (known, model.username) if model.online else (None, None)
        if name_before is not None:
            name, way = "", "register"
        self._asked = occasion, name_before
        screen = WelcomeScreen(
            self._where(),
            title="Welcome to the activity network" if name_before is None else "Log in as somebody else",
            later=self._later(name_before),
            unasked=unasked,
            username=name,
            secret=self._chosen_before(way),
            way=way,
            anonymous=app.preferences.anonymous,
            remembers=self._directory is not None,
            known=self._known,
        )

        def closed(_: None) -> None:
            if before is not None and model.stage == "nobody":
                # Whoever they wanted to be was refused: they are who they were.
                app.enter(replace(before, way="login") if before.way == "register" else before)

        app.push_screen(screen, closed)
        if problem:
            app.call_after_refresh(screen.refused, problem, known.secret if known is not None else None)

    def _where(self) -> str:
        """Where somebody is, and who, as far as that is known now: what is asked above the fields."""
        model, (occasion, name) = self._model, self._asked
        if name is not None:
            shown = neutralise_name(model.username or name)
            now = f"You are {shown} here now" if model.online else f"You were {shown}, and no server is reached now"
            asked = f"{now}. Who do you want to be?"
        elif model.node is not None and model.snapshot is not None:
            whose = "Your" if model.owns_node else "The"
            server = f"{whose} server {neutralise_name(model.snapshot.name)} runs at {model.node.advertised}"
            asked = f"{server}. Who are you?"
        else:
            asked = f"You join at {model.server}. Who are you?"
        return f"{occasion}\n{asked}" if occasion else asked

    def _way_before(self, name: str) -> Way:
        """How they last tried to come in; the first time, a `name` that is filled in is one to log in with."""
        known = self._model.identity
        if known is not None and (known.way != "anonymous" or self._app.preferences.anonymous):
            return known.way
        return "login" if name and name != self._new_name else "register"

    def _chosen_before(self, way: Way) -> str:
        """The secret that somebody new has chosen for their name, over SSH with the password that they came with.

        What was typed into this dialog is not filled in again: nobody can read there what it is.
        """
        known = self._model.identity
        if way != "register" or known is None or not known.brought or self._model.online:
            return ""
        return known.secret or ""

    def _later(self, name: str | None) -> str:
        """What it means to close the dialog; `name` is who they are now."""
        if name is not None:
            return "Stay " + fit(neutralise_name(name), min(cell_len(name), NAME_CELLS_MAX))
        return "Look around first" if self._model.node is not None else "Not now"

    async def _look_up(self, directory: Path) -> None:
        self._remembered = await asyncio.to_thread(credentials.load, directory)

    def _names_remembered(self) -> str:
        """Whose accounts are remembered here, by commands, for somebody who was never in the application here; "" if
        nobody's, or they have said who they are."""
        remembered = self._remembered
        if remembered is None or self._new_name or remembered.last_at(self._place) is not None:
            return ""
        names = [neutralise_name(one) for one in remembered.names_at(self._place)[:NAMES_MAX]]
        return f"Remembered here: {', '.join(names)}." if names else ""

    def _known(self, name: str) -> str | None:
        """The secret of a name that is remembered here: of the account at this place, else of one elsewhere."""
        remembered = self._remembered
        if remembered is None:
            return None
        account = remembered.account(name, self._place) or remembered.anywhere(name)
        return account.secrets[0] if account is not None and account.secrets else None

    def tell(self, happening: Happening) -> None:
        """Something was said of this person that they have to know at once."""
        app = self._app
        welcome = app.screen if isinstance(app.screen, WelcomeScreen) else None
        text = neutralise(happening.text, 400)
        if welcome is not None:
            welcome.say_where(self._where())
        match happening.kind:
            case "logged in":
                self._told_of_loss = False
                if welcome is not None and not welcome.is_answered:
                    welcome.delayed("")
                elif welcome is not None:
                    welcome.dismiss(None)
                    app.main.composer.focus()
                self._remember()
            case "registered":
                if welcome is not None:
                    welcome.dismiss(None)
                app.spawn(self._registered(happening.username, happening.secret))
            case "login refused" | "register refused":
                tried = self._model.identity.secret if self._model.identity is not None else None
                self._not_taken(happening.kind == "register refused")
                if welcome is not None:
                    welcome.refused(text, tried)
                else:
                    self.ask(problem=text)
            case "gone":
                self._offer_again(text)
            case "renamed":
                self._remember()
                app.notify(text, title="Your name has changed", severity="warning", timeout=20, markup=False)
            case "disconnected" | "redirected":
                if welcome is not None:
                    welcome.delayed(f"{text}; trying again" if happening.kind == "disconnected" else text)
                elif not app.leaving and not self._told_of_loss:
                    # Once until it is over: what is tried meanwhile stands in the top line and among the events.
                    self._told_of_loss = happening.kind == "disconnected"
                    app.notify(text, severity="warning", timeout=5, markup=False)

    def _remember(self) -> None:
        """Who is logged in wants to be so the next time."""
        app, model, directory = self._app, self._model, self._directory
        identity = model.identity
        if directory is None or identity is None:
            return
        name = model.username or identity.username
        secret = identity.secret if identity.remember and name != ANONYMOUS else None
        place = self._place
        # Who names a server that sends them on is asked about nothing there the next time.
        named = credentials.HERE if model.node is not None or model.target is None else str(model.target)
        places = (place,) if named in (place, credentials.HERE) else (place, named)

        async def keep() -> None:
            try:
                await asyncio.to_thread(credentials.enter, directory, name, secret, *places)
                self._remembered = await asyncio.to_thread(credentials.load, directory)
            except OSError as error:
                app.call_later(
                    app.notify, f"Who you are could not be remembered: {error}", severity="warning", markup=False
                )

        app.spawn(keep())

    def _not_taken(self, registering: bool) -> None:
        """A secret that was put down for a registration is nobody's."""
        identity = self._model.identity
        if registering and identity is not None and identity.secret and self._directory is not None:
            self._app.spawn(self._forget(identity.username, identity.secret))

    async def _forget(self, username: str, secret: str) -> None:
        await self._put_down(credentials.refuse, username, secret)

    async def _registered(self, username: str, secret: str | None) -> None:
        """A name is registered. `secret` is the one that was made for it."""
        identity = self._model.identity
        wanted = identity is not None and identity.remember
        problem = None
        taken = secret or (identity.secret if identity is not None else None)
        if wanted and taken:
            problem = await self._put_down(credentials.confirm, username, taken)
        if secret is not None:
            before = (
                "This secret was made for you. With it you log in as this name, anywhere in the network, over SSH too."
            )
            self._app.call_later(self._show_secret, f"You are {username}", username, secret, before, wanted, problem)

    def _show_secret(
        self, title: str, username: str, secret: str, before: str, wanted: bool, problem: str | None
    ) -> None:
        """Show a secret that was made, until its owner says that they have it."""
        directory = self._directory
        kept = wanted and problem is None and directory is not None
        if kept and directory is not None:
            after = f"It is remembered in {shown_path(credentials.path_of(directory))}, which only you can read."
        else:
            why = "It is not remembered here, as you chose."
            if directory is None:
                why = "Nothing of it is kept on this side."
            elif wanted:
                why = f"It could not be remembered in {shown_path(credentials.path_of(directory))}: {problem}."
            after = f"{why}\nNote it now, where you keep your passwords: nobody can tell it to you again."
            self._unconfirmed[username] = secret

        def confirmed(_: None) -> None:
            if self._unconfirmed.get(username) == secret:
                del self._unconfirmed[username]
            if not self._app.leaving:
                self._app.notify(
                    f"The secret is in {shown_path(credentials.path_of(directory))}."
                    if kept and directory is not None
                    else "Good that you have noted the secret: it is kept nowhere here.",
                    markup=False,
                )

        shown = neutralise_name(title).replace("[", r"\[")
        self._app.push_screen(SecretScreen(shown, before, secret, after, kept=kept), confirmed)

    # --- another secret -----------------------------------------------------------------------------------------------

    def ask_for_another_secret(self) -> None:
        """Ask for a new secret of the account that is logged in."""
        app, model = self._app, self._model
        if not model.online or model.username in (None, ANONYMOUS):
            app.notify("Log in with a name first: only accounts have a secret.", severity="warning", markup=False)
            return
        identity = model.identity
        screen = ChangeSecretScreen(
            f"The new secret of {neutralise_name(model.username or '')} counts in the whole network, over SSH too. "
            "Whoever is logged in with the old one has to log in again.",
            asks=identity is None or identity.secret is None,
            remembers=self._directory is not None,
            chosen=lambda wish: app.spawn(self._change_secret(screen, wish)),
        )
        app.push_screen(screen)

    async def _change_secret(self, screen: ChangeSecretScreen, wish: SecretWish) -> None:
        app, model = self._app, self._model
        identity, name = model.identity, model.username or ""
        present = wish.present or (identity.secret if identity is not None else None) or ""
        new = wish.new or _made_secret()
        problem = await self._put_down(credentials.expect, name, new) if wish.remember else None
        doubt = None
        try:
            await model.change_secret(present, new)
        except SecretUnchanged as error:
            if wish.remember:
                await self._put_down(credentials.refuse, name, new)
            app.call_later(screen.refused, str(error))
            return
        except SecretUnknown as error:
            doubt = str(error)
        if doubt is None:
            if model.identity is not None:
                model.identity = replace(model.identity, remember=wish.remember or model.identity.remember)
            if wish.remember:
                problem = await self._put_down(credentials.confirm, name, new)
        app.call_later(self._secret_changed, screen, name, new, wish, problem, doubt)

    def _secret_changed(
        self, screen: ChangeSecretScreen, name: str, new: str, wish: SecretWish, problem: str | None, doubt: str | None
    ) -> None:
        app = self._app
        screen.dismiss(None)
        if doubt is not None:
            before = (
                f"Nobody can tell whether this is the secret of {name} now, or still the one before: {doubt}.\n"
                "Keep both until you have logged in with one of them."
            )
            self._show_secret("Is it changed?", name, new, before, wish.remember, problem)
        elif wish.new is None:
            before = "This secret was made for you. It counts from now on; the one before opens nothing any more."
            self._show_secret(f"The secret of {name} is changed", name, new, before, wish.remember, problem)
        else:
            text = "Your secret is changed."
            if wish.remember and problem is None and self._directory is not None:
                text += f" It is remembered in {shown_path(credentials.path_of(self._directory))}."
            elif wish.remember:
                text += f" It could not be remembered: {problem}."
            app.notify(text, severity="information" if problem is None else "warning", markup=False, timeout=10)

    def _offer_again(self, text: str) -> None:
        app, model = self._app, self._model

        def answered(enough: bool | None) -> None:
            identity = model.identity
            if enough is False and identity is not None:
                app.enter(identity)
            elif enough and model.node is None:
                app.exit(NO_CONNECTION)

        app.push_screen(
            ConfirmScreen(
                "No connection",
                text,
                yes="Quit" if model.node is None else "Stay logged out",
                no="Try again",
                comes_by_itself=True,
            ),
            answered,
        )
