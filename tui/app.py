"""The application: one Textual app a person, over a session.

Several of these may run in one process and event loop (one for each SSH session), so nothing here is global: no
signal handlers, no output but through the app's own driver, no state outside the session. What the network says comes
in through the session, and is painted at most `FRAMES_PER_SECOND` times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, get_args

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.widgets import Input

from core.wire.names import ANONYMOUS
from tui import credentials, overview, resizing
from tui.actions import BY_ID, bindings, key_name, palette
from tui.appearance import CSS, DEFAULT_THEME, counterpart
from tui.safe_text import neutralise, neutralise_name
from tui.screens.asking import ConfirmScreen, CopyScreen
from tui.screens.leaving import LeavingScreen
from tui.screens.main import MainScreen
from tui.screens.reading import help_screen
from tui.screens.welcome import WelcomeScreen
from tui.session import Happening, Identity, Session, Way
from tui.widgets.composer import Composer
from tui.widgets.line_pool import LinePool

FRAMES_PER_SECOND: Final = 20
LOOK_INTERVAL: Final = 1.0
"""Seconds between two pictures of the node while nothing is heard of it."""
LOOK_INTERVAL_MIN: Final = 0.25
"""The same while something is."""
AFAR_INTERVAL: Final = 3.0
BELL_INTERVAL: Final = 1.0

BellPolicy = Literal["off", "mention", "all"]
BELL_POLICIES: Final[tuple[BellPolicy, ...]] = get_args(BellPolicy)

Leave = Callable[[], Awaitable[int]]
Run = Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose before the start. Each application has its own, whatever the process's environment says."""

    theme: str = DEFAULT_THEME
    bell: BellPolicy = "mention"
    no_color: bool | None = None
    """None: as the environment says (NO_COLOR)."""
    keymap: Mapping[str, str] | None = None
    """Keys by action id."""
    zone: tzinfo | None = None
    """The person's time zone; None: the machine's."""
    anonymous: bool = True
    """Whether one may come in without a name."""


class ActivityApp(App[int]):
    """The panes, and everything a person can do there. Its return value is an exit status."""

    TITLE = "activity-tui"
    CSS = CSS
    BINDINGS: ClassVar = bindings("application")
    COMMAND_PALETTE_BINDING = BY_ID["application.palette"].keys
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        session: Session,
        *,
        first: Identity | None = None,
        suggestion: str = "",
        leave: Leave | None = None,
        person_dir: Path | None = None,
        preferences: Preferences | None = None,
        **app_options: Any,
    ) -> None:
        """
        `first`: who to be at the start; None asks, with the name `suggestion` filled in. `leave`: takes the node out of
        the network and returns the exit status; None when leaving concerns nobody but this session. `person_dir`: where
        to remember the person. `app_options` are Textual's, such as `driver_class`.
        """
        super().__init__(**app_options)
        resizing.install()
        self.session = session
        self.preferences = preferences or Preferences()
        self.bell_policy: BellPolicy = self.preferences.bell
        self.line_pool = LinePool()
        """What has been painted and may be painted again."""
        self._first = first
        self._suggestion = suggestion
        self._leave = leave
        self._person_dir = person_dir
        self.leaving = False
        self._armed = False
        self._painted = 0.0
        self._looked = 0.0
        self._rung = 0.0
        self._heard = (0, 0)
        self._tasks: set[asyncio.Task[None]] = set()
        if self.preferences.no_color is not None and self.preferences.no_color != self.no_color:
            self.no_color = self.preferences.no_color
            self._filters = [one for one in self._filters if not isinstance(one, (NoColor, Monochrome))]
            if self.no_color:
                self._filters.append(Monochrome())
        self.theme = self.preferences.theme if self.preferences.theme in self.available_themes else DEFAULT_THEME
        if self.preferences.keymap:
            self.set_keymap(dict(self.preferences.keymap))

    # --- life ------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        return self._fitting(MainScreen(self.session, zone=self.preferences.zone))

    def _fitting(self, screen: MainScreen) -> MainScreen:
        screen.fit(self.size)
        return screen

    @property
    def main(self) -> MainScreen:
        """The screen with the panes, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    def on_mount(self) -> None:
        self.session.on_change = self._touched
        self.keep_looking()
        if self.session.node is None:
            self.set_interval(AFAR_INTERVAL, self._look_from_afar)

    def keep_looking(self) -> None:
        """Have `_look` called from here on, again and again, while nothing is heard of the node."""
        self.set_interval(LOOK_INTERVAL, self._look)

    def on_ready(self) -> None:
        """Everything has its place on the screen, and nothing is painted yet."""
        self._begin()

    def _begin(self) -> None:
        self._look()
        self.main.show_news()
        if self._first is not None:
            self._enter(self._first)
        else:
            self.action_identity()

    def on_unmount(self) -> None:
        self.session.on_change = lambda: None

    def _enter(self, identity: Identity) -> None:
        self._spawn(self.session.enter(identity))

    def _spawn(self, work: Any) -> None:
        """Do something beside, and keep hold of it until it is done."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- painting --------------------------------------------------------------------------------------------------

    def _touched(self) -> None:
        """The session has changed. Called from the engine's side: nothing of the screen is touched here."""
        if self._armed:
            return
        self._armed = True
        self.schedule_frame(self._painted + 1 / FRAMES_PER_SECOND)

    def schedule_frame(self, due: float) -> None:
        """Have `paint_frame` called by this application's own task, at `due` (the event loop's time) or soon after."""
        asyncio.get_running_loop().call_at(due, self.call_later, self.paint_frame)

    def paint_frame(self) -> None:
        """Show what has changed since the last frame."""
        self._flush_changes()

    def _flush_changes(self) -> None:
        self._armed = False
        if not self.main.painted:
            return
        self._painted = asyncio.get_running_loop().time()
        while self.session.happenings:
            self._tell(self.session.happenings.popleft())
        if self._painted - self._looked >= LOOK_INTERVAL_MIN:
            self._look()
        self.main.show_news()
        if isinstance(self.screen, LeavingScreen):
            self.screen.refresh_story()
        self._ring_if_wanted()

    def refresh_now(self) -> None:
        """Show everything at once, without waiting for the next frame."""
        self._flush_changes()
        self._look()

    def _look(self) -> None:
        """Take a new picture of the network and show it."""
        self._looked = asyncio.get_running_loop().time()
        if self.main.painted:
            self.session.look()
            self.main.show_snapshot()

    def _look_from_afar(self) -> None:
        if not self.session.looking:
            self._spawn(self.session.look_from_afar())

    # --- what the network says -------------------------------------------------------------------------------------

    def _tell(self, happening: Happening) -> None:
        welcome = self.screen if isinstance(self.screen, WelcomeScreen) else None
        text = neutralise(happening.text, 400)
        match happening.kind:
            case "logged in":
                if welcome is not None:
                    welcome.dismiss(None)
                    self.main.composer.focus()
                self._remember()
                if self.session.node is None:
                    self._look_from_afar()
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
                    self._ask_identity(problem=text)
            case "gone":
                self._offer_again(text)
            case "renamed":
                self._remember()
                self.notify(text, title="Your name has changed", severity="warning", timeout=20, markup=False)
            case "disconnected" | "redirected":
                if welcome is not None:
                    welcome.delayed(f"{text}; trying again")
                elif not self.leaving:
                    self.notify(text, severity="warning", timeout=5, markup=False)

    def _remember(self, secret: str | None = None) -> None:
        session, directory = self.session, self._person_dir
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
                self.call_later(
                    self.notify, f"Who you are could not be remembered: {error}", severity="warning", markup=False
                )

        self._spawn(keep())

    def _show_secret(self, username: str, secret: str) -> None:
        self.push_screen(
            CopyScreen(
                f"You are {neutralise_name(username)}".replace("[", r"\["),
                "This secret was made for you. With it you log in as this name, anywhere in the network.\n"
                "It is shown this once; keep it where you keep your passwords.",
                secret,
                "y copies it."
                + (
                    ""
                    if self.session.identity is None or not self.session.identity.remember
                    else " It is also remembered here, as you asked."
                ),
            )
        )

    def _offer_again(self, text: str) -> None:
        def answered(again: bool | None) -> None:
            identity = self.session.identity
            if again and identity is not None:
                self._enter(identity)
            elif not again and self.session.node is None:
                self.exit(3)

        self.push_screen(
            ConfirmScreen(
                "No connection",
                f"{text}\n\nTry again?",
                yes="Try again",
                no="Quit" if self.session.node is None else "Not now",
            ),
            answered,
        )

    def _ring_if_wanted(self) -> None:
        mentions, others = self.session.mentions, self.session.others_live
        before_mentions, before_others = self._heard
        self._heard = (mentions, others)
        wanted = (self.bell_policy == "mention" and mentions > before_mentions) or (
            self.bell_policy == "all" and others > before_others
        )
        if wanted and self._painted - self._rung >= BELL_INTERVAL:
            self._rung = self._painted
            self.bell()

    # --- who one is ------------------------------------------------------------------------------------------------

    def action_identity(self) -> None:
        self._ask_identity()

    def _ask_identity(self, problem: str = "") -> None:
        if isinstance(self.screen, WelcomeScreen):
            return
        session = self.session
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
            anonymous=self.preferences.anonymous,
            remembers=self._person_dir is not None,
        )
        self.push_screen(screen)
        if problem:
            self.call_after_refresh(screen.refused, problem)

    @on(WelcomeScreen.Chosen)
    def _identity_chosen(self, event: WelcomeScreen.Chosen) -> None:
        self._enter(event.identity)

    # --- the application -------------------------------------------------------------------------------------------

    def action_show_help(self) -> None:
        keys = {
            binding.id: key
            for _, binding, _, _ in self.main.active_bindings.values()
            if binding.id and (key := (self.preferences.keymap or {}).get(binding.id))
        }
        self.push_screen(help_screen(keys))

    def action_toggle_theme(self) -> None:
        self.theme = counterpart(self.theme, dark=self.current_theme.dark)

    def action_command(self, name: str, argument: str) -> None:
        """What was typed after a slash and concerns the application. Raises ValueError."""
        match name:
            case "help":
                self.action_show_help()
            case "login":
                self.action_identity()
            case "bell":
                self._set_bell(argument)
            case "theme":
                self._set_theme(argument)
            case "quit":
                self._quit()

    def _set_theme(self, name: str) -> None:
        if not name:
            self.action_toggle_theme()
        elif name in self.available_themes:
            self.theme = name
        else:
            raise ValueError(f"there is no theme {name[:40]!r}; there are {', '.join(sorted(self.available_themes))}")

    def action_cycle_bell(self) -> None:
        place = BELL_POLICIES.index(self.bell_policy)
        self._set_bell(BELL_POLICIES[(place + 1) % len(BELL_POLICIES)])

    def _set_bell(self, policy: str) -> None:
        for known in BELL_POLICIES:
            if known == policy.lower():
                self.bell_policy = known
                words_of = {"off": "never", "mention": "when somebody names you", "all": "at every activity of others"}
                self.notify(f"The bell rings {words_of[known]}.", markup=False, timeout=3)
                return
        raise ValueError(f"the bell is {', '.join(BELL_POLICIES[:-1])} or {BELL_POLICIES[-1]}")

    def get_key_display(self, binding: Binding) -> str:
        return binding.key_display or key_name(binding.key)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for action in palette(node=self.session.owns_node):
            yield SystemCommand(action.title, action.help, lambda call=action.call: self._from_palette(call))
        yield SystemCommand("Theme\N{HORIZONTAL ELLIPSIS}", "Choose the colours.", self.action_change_theme)

    def _from_palette(self, call: str) -> None:
        name = call.partition("(")[0]
        namespace = self if hasattr(self, f"action_{name}") else self.main
        self.run_worker(self.run_action(call, default_namespace=namespace), exclusive=False)

    # --- leaving ---------------------------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Ctrl+C: empty the line; on an empty line, offer to quit."""
        composer = self.main.composer
        if self.leaving:
            self._leave_at_once()
        elif isinstance(self.focused, Input) and self.focused.value:
            if isinstance(self.focused, Composer):
                composer.remember(composer.value)
            self.focused.value = ""
        elif isinstance(self.screen, ConfirmScreen):
            self.screen.dismiss(True)
        else:
            self._ask_to_leave()

    async def action_quit(self) -> None:
        self._quit()

    def _quit(self) -> None:
        if self.leaving:
            self._leave_at_once()
        elif isinstance(self.screen, ConfirmScreen) and self.screen.id == "leave":
            self.screen.dismiss(True)
        elif self._others():
            self._ask_to_leave()
        else:
            self.leave()

    def _others(self) -> str:
        """Who would be handed over if this application were left; empty if nobody."""
        return overview.others_here(self.session.snapshot) if self._leave is not None else ""

    def _ask_to_leave(self) -> None:
        others = self._others()
        if self._leave is None:
            text = "Leave the application?"
        elif others:
            text = (
                f"Connected here: {others}.\nThis server hands them over to a neighbour and leaves; nothing that was "
                "accepted is lost."
            )
        else:
            text = "Stop this server? Nobody else is connected here; its data is kept."

        def answered(yes: bool | None) -> None:
            if yes:
                self.leave()

        screen = ConfirmScreen("Quit", text, yes="Leave", no="Stay")
        screen.id = "leave"
        self.push_screen(screen, answered)

    def leave(self, words_of: str = "") -> None:
        """Leave: hand everybody over first if the node is ours, then end. A second call ends at once."""
        if self.leaving:
            self._leave_at_once()
            return
        self.leaving = True
        if self._leave is not None:
            others = self._others()
            self.push_screen(
                LeavingScreen(self.session, words_of or f"Handing over {others}\u2026" if others else "Stopping\u2026")
            )
        self._spawn(self._leave_in_order())

    async def _leave_in_order(self) -> None:
        status = 0
        with contextlib.suppress(Exception):
            await self.session.stop()
        if self._leave is not None:
            try:
                status = await self._leave()
            except Exception:
                status = 1
        self.call_later(self.exit, status)

    def _leave_at_once(self) -> None:
        self.exit(130)


def run_application(options: Any) -> int:
    """Run the application as the command line asks (`ServeOptions`, `JoinOptions`); the exit status.

    Raises EngineError if the node cannot start, CommandFailed if the network cannot be joined.
    """
    from tui.running import run

    return run(options)
