"""The application: one Textual app a person, over their model.

Several of these may run in one process and event loop (one for each SSH session), so nothing here is global: no
signal handlers, no output but through the app's own driver, no state outside the model. What the network says comes
in through the model, and is painted at most `FRAMES_PER_SECOND` times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from textual import events, on
from textual.binding import Binding
from textual.dom import DOMNode
from textual.filter import ANSIToTruecolor
from textual.geometry import Offset
from textual.screen import Screen
from textual.widgets import Input

from tui.application.action_palette import ActionPalette, ActionProvider
from tui.application.application_exit import ApplicationExit, Leave
from tui.application.beginning import Before, Beginning, what_is_being_done
from tui.application.draft_keeping import DraftKeeping
from tui.application.frame_scheduler import FrameScheduler
from tui.application.giving_orders import GivingOrders
from tui.application.own_identity import Identity
from tui.application.painted_app import PaintedApp, PaintedOnceScreen
from tui.application.persons_programs import EditElsewhere, OpenLink, PersonsPrograms
from tui.application.reading_cursor import ReadingCursor
from tui.application.telling_outside import TellingOutside
from tui.look import bell, contrast
from tui.look.appearance import CSS, DEFAULT_THEME, counterpart
from tui.look.bell import BellPolicy
from tui.look.hues import hues
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel, Happening
from tui.model.network_faces import SignIn
from tui.remembered import directories, look_settings, operator_key
from tui.remembered.credentials import Remembered
from tui.screens.asking import ConfirmScreen
from tui.screens.dialog import UnhurriedScreen
from tui.screens.help import HelpScreen
from tui.screens.main_screen import MainScreen
from tui.screens.reading_on import ConcernsScreen
from tui.screens.welcome import WelcomeScreen
from tui.terminal.terminal_driver import TerminalDriver
from tui.textual_workarounds import (
    cursor_at_end,
    nearest_colours,
    no_width,
    partial_updates,
    resizing,
    screen_dismissal,
    strip_cycles,
    terminal_colours,
    toast_placement,
)
from tui.textual_workarounds.shared_stylesheets import SharedStylesheet
from tui.user_actions.action_registry import bindings, key_name
from tui.user_actions.action_table import BY_ID
from tui.widgets.composer import Composer

AFAR_INTERVAL: Final = 3.0
SILENCE_INTERVAL: Final = 0.5


class ActivityApp(PaintedApp):
    """The panes, and everything a person can do there. Its return value is an exit status."""

    TITLE = "activity-tui"
    CSS = CSS + toast_placement.CSS
    BINDINGS: ClassVar = bindings("application")
    COMMAND_PALETTE_BINDING = BY_ID["application.palette"].keys
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar = {ActionProvider}

    def __init__(
        self,
        model: ClientModel,
        *,
        first: SignIn | None = None,
        suggestion: str = "",
        new_name: str = "",
        leave: Leave | None = None,
        person_dir: Path | None = None,
        remembered: Remembered | None = None,
        preferences: Preferences | None = None,
        before: Before | None = None,
        frame_scheduler: FrameScheduler | None = None,
        begun: Callable[[], Awaitable[Before | None]] | None = None,
        has_shown: Callable[[], object] = lambda: None,
        open_link: OpenLink | None = None,
        edit_elsewhere: EditElsewhere | None = None,
        **app_options: Any,
    ) -> None:
        """
        `first`: who to be at the start; None asks, with the name `suggestion` filled in. `new_name`: that name, if it
        may be one to register. `leave`: takes the node out of the network and returns the exit status; None when
        leaving concerns nobody but this session. `person_dir`: where to remember the person, and what they chose here;
        `remembered`: what is there already. `before`: what an application was in the middle of that failed over the
        same model. `frame_scheduler`: gives out the turns to be painted; None where there is no other application in
        the process. `begun`: comes back when what is to be shown is there, with what became of a screen before; None
        where it is. `has_shown` is called after the first frame.
        `open_link` opens a link in the person's browser, and says whether it could; None where they sit elsewhere.
        `edit_elsewhere` has a text written in the person's editor, and raises an error that says why it cannot; None
        where they sit elsewhere. `app_options` are Textual's, such as `driver_class`.
        """
        self.preferences = preferences or Preferences()
        keymap = dict(self.preferences.keymap or {})
        if palette_keys := keymap.get("application.palette"):
            # Textual binds it itself, under no id, while an application is made.
            self.COMMAND_PALETTE_BINDING = palette_keys.partition(",")[0]  # type: ignore[misc]
        super().__init__(model, frame_scheduler, **app_options)
        # Styles here have no colours out of a palette that would have to be looked up on every line.
        self._filters = [one for one in self._filters if not isinstance(one, ANSIToTruecolor)]
        own, self.stylesheet = self.stylesheet, SharedStylesheet(self, variables=self.stylesheet._variables)
        self.stylesheet.source = own.source
        cursor_at_end.install()
        partial_updates.install()
        strip_cycles.install()
        no_width.install()
        resizing.install()
        screen_dismissal.install()
        nearest_colours.install()
        self._beginning = Beginning(self, first=first, before=before, begun=begun, has_shown=has_shown)
        self._programs = PersonsPrograms(self, open_link, edit_elsewhere)
        self._outside = TellingOutside(self, self.preferences.bell)
        self.failed = asyncio.Event()
        """Whether something went wrong that ends this application."""
        self.middle = Before()
        """What the person was in the middle of then."""
        self._identity = Identity(
            self, suggestion=suggestion, new_name=new_name, directory=person_dir, remembered=remembered
        )
        self._exit_procedure = ApplicationExit(self, leave)
        self._look_dir = person_dir
        self.drafts = DraftKeeping(self, person_dir) if person_dir is not None else None
        key_dir = directories.data_dir() if person_dir is not None else None
        self.palette = ActionPalette(self, self.preferences.used_actions, self._keep_look)
        self._orders = GivingOrders(self, model, operator_key.usual_path(key_dir))
        self._key_shown_by = ""
        """Who has been asked for the key of the network's first operator."""
        self._reading_cursor = ReadingCursor()
        self._tasks: set[asyncio.Task[None]] = set()
        if self.preferences.no_color is not None and self.preferences.no_color != self.no_color:
            terminal_colours.without_colour(self, self.preferences.no_color)
        self.theme = self.preferences.theme if self.preferences.theme in self.available_themes else DEFAULT_THEME
        if keymap:
            self.set_keymap(keymap)

    # --- life ------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        screen = PaintedOnceScreen(self.model, zone=self.preferences.zone)
        self._programs.offer_to(screen)
        screen.fit(self.size)
        return screen

    @property
    def shows_links(self) -> bool:
        """Whether the terminal is told where links lead (OSC 8)."""
        return isinstance(self._driver, TerminalDriver) and self._driver.takes_osc

    @property
    def cursor_position(self) -> Offset:
        """Where the terminal's own cursor is put behind each frame."""
        if not self._running or not self.screen_stack:
            return self._writing_at
        if isinstance(self.focused, Composer):
            return self.main.writing_at
        return self._reading_cursor.place(self.screen, self.focused, self._writing_at)

    @cursor_position.setter
    def cursor_position(self, place: Offset) -> None:
        self._writing_at = place

    def on_mount(self) -> None:
        self.model.on_change = self.model_changed
        if self.model.node is None:
            self.set_interval(AFAR_INTERVAL, self._look_from_afar)
            self.set_interval(SILENCE_INTERVAL, self.model.listen_for_silence)

    def on_ready(self) -> None:
        self._beginning.begin()

    @property
    def is_begun(self) -> bool:
        # What is typed while the program starts is for the dialog with which it begins, if there is one.
        return self.shown

    def comes_too_soon(self, event: events.Key | events.Paste) -> bool:
        screen = self.screen
        return isinstance(screen, UnhurriedScreen) and screen.comes_too_soon(event)

    def goes_on_after_enter(self, receiver: DOMNode) -> bool:
        # The line where one writes takes the next line at once.
        return isinstance(receiver, Composer)

    def _handle_exception(self, error: Exception) -> None:
        if screen_dismissal.is_harmless(self, error):
            return
        super()._handle_exception(error)

    def on_fault(self) -> None:
        self.failed.set()
        self.middle = what_is_being_done(self)

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return contrast.readable(variables) | hues(variables)

    def watch_theme(self) -> None:
        self._keep_look()

    def _keep_look(self) -> None:
        """Remember how somebody likes it: they have changed something."""
        directory = self._look_dir
        chosen = look_settings.LookSettings(self.theme, self.bell_policy, self.palette.used)
        if directory is None or not self.is_running:
            return

        async def keep() -> None:
            try:
                await asyncio.to_thread(look_settings.save, directory, chosen)
            except OSError as error:
                self.call_later(self.notify, f"This could not be remembered: {error}", severity="warning", markup=False)

        self.spawn(keep())

    @on(Composer.Changed, "#composer")
    @on(MainScreen.AnsweringChanged)
    def _written(self) -> None:
        if self.drafts is not None:
            self.drafts.changed()

    def on_unmount(self) -> None:
        if self.drafts is not None:
            self.drafts.keep()
        self._frame_scheduler.ended(self)
        self.model.on_change = lambda: None

    def enter(self, identity: SignIn) -> None:
        """Log in or register, ending what there was before."""
        self.spawn(self._identity.enter(identity))

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """What a person must not leave without, a line each: a secret that was made for them and is kept nowhere."""
        return self._identity.unconfirmed

    def spawn(self, work: Any) -> None:
        """Do something beside, and keep hold of it until it is done."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- painting --------------------------------------------------------------------------------------------------

    def has_begun(self) -> None:
        """The first frame is there: from here on it is painted at its turns."""
        self._frame_scheduler.started(self)

    def frame_shown(self) -> None:
        self._outside.show_title()
        self._outside.ring()

    def picture_shown(self) -> None:
        self._look_whether_operator()

    @on(ConcernsScreen.ReadOn)
    def _read_on(self) -> None:
        self._outside.show_title()

    def watch_app_focus(self) -> None:
        if self.screen_stack and self.main.painted:
            self.main.show_news()
            self._outside.show_title()

    def _refresh_notifications(self) -> None:
        super()._refresh_notifications()
        if self.screen_stack:
            toast_placement.place(self.screen)
            toast_placement.reconsider(self.screen)

    def _look_from_afar(self) -> None:
        if not self.model.looking:
            self.spawn(self.model.look_from_afar())

    # --- who one is ------------------------------------------------------------------------------------------------

    def tell(self, happening: Happening) -> None:
        self._identity.tell(happening)
        if happening.kind == "logged in" and self.drafts is not None:
            self.drafts.logged_in(self.model.concerns.account)
        if happening.kind == "logged in" and self.model.node is None:
            self._look_from_afar()

    def _look_whether_operator(self) -> None:
        """Whoever registers first in a network shows their key as soon as a picture says that it is awaited: with the
        registration itself it may not be there yet."""
        model, name = self.model, self.model.username or ""
        if model.online and model.snapshot is not None and name == model.snapshot.awaits_key_of != self._key_shown_by:
            self._key_shown_by = name
            self._orders.show_key()

    def action_identity(self, occasion: str = "") -> None:
        self._identity.ask(occasion=occasion)

    def action_begin_order(self, text: str) -> None:
        """Have an operator go on writing an order; tell anybody else why they cannot give one."""
        self._orders.begin(text)

    def action_change_secret(self) -> None:
        self._identity.ask_for_another_secret()

    @on(WelcomeScreen.Chosen)
    def _identity_chosen(self, event: WelcomeScreen.Chosen) -> None:
        self.enter(event.identity)

    # --- the application -------------------------------------------------------------------------------------------

    def action_show_help(self) -> None:
        self.push_screen(HelpScreen(self.preferences.keymap or {}))

    def action_toggle_theme(self) -> None:
        self.theme = counterpart(self.theme, dark=self.current_theme.dark)

    def action_command(self, name: str, argument: str) -> None:
        """What was typed after a slash and concerns the application. Raises ValueError."""
        match name:
            case "help":
                self.action_show_help()
            case "login":
                self.action_identity()
            case "passwd":
                self.action_change_secret()
            case "order":
                self._orders.give(argument)
            case "bell":
                self._set_bell(argument)
            case "theme":
                self._set_theme(argument)
            case "quit":
                self._exit_procedure.want()

    def _set_theme(self, name: str) -> None:
        if not name:
            self.action_toggle_theme()
        elif name in self.available_themes:
            self.theme = name
        else:
            raise ValueError(f"there is no theme {name[:40]!r}; there are {', '.join(sorted(self.available_themes))}")

    @property
    def bell_policy(self) -> BellPolicy:
        return self._outside.policy

    def action_cycle_bell(self) -> None:
        self._set_bell(self._outside.next_policy)

    def _set_bell(self, word: str) -> None:
        policy = self._outside.set_policy(word)
        self._keep_look()
        self.notify(f"You are told {bell.IN_WORDS[policy]}.", markup=False, timeout=3)

    def action_repaint(self) -> None:
        if isinstance(self._driver, TerminalDriver):
            self._driver.paint_anew()

    def get_key_display(self, binding: Binding) -> str:
        return binding.key_display or key_name(binding.key)

    # --- leaving ---------------------------------------------------------------------------------------------------

    @property
    def leaving(self) -> bool:
        return self._exit_procedure.begun

    def action_interrupt(self) -> None:
        """Ctrl+C: empty the line; on an empty line, offer to quit."""
        if self.leaving:
            self._exit_procedure.want()
        elif isinstance(self.focused, Input | Composer) and self.focused.value:
            if isinstance(self.focused, Composer):
                self.focused.remember(self.focused.value)
            self.focused.value = ""
        elif isinstance(self.screen, ConfirmScreen):
            # No answer to a question, least of all to the one that the same key brings up.
            self.bell()
        else:
            self._exit_procedure.ask()

    async def action_quit(self) -> None:
        self._exit_procedure.want()

    def leave(self, words_of: str = "") -> None:
        """Leave: hand everybody over first if the node is ours, then end. A second call ends at once."""
        self._exit_procedure.begin(words_of)
