"""The application: one Textual app a person, over their model.

Several of these may run in one process and event loop (one for each SSH session), so nothing here is global: no
signal handlers, no output but through the app's own driver, no state outside the model. What the network says comes
in through the model, and is painted at most `FRAMES_PER_SECOND` times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
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
from tui.application.draft_keeping import DraftKeeping
from tui.application.first_visit import ask_about_network
from tui.application.frame_scheduler import SHARE_ALONE, FrameScheduler
from tui.application.giving_orders import GivingOrders
from tui.application.own_identity import Identity
from tui.application.reading_cursor import ReadingCursor
from tui.look import bell, contrast
from tui.look.appearance import CSS, DEFAULT_THEME, counterpart
from tui.look.bell import Bell, BellPolicy, Occasion
from tui.look.hues import hues
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel, Happening
from tui.model.network_faces import SignIn
from tui.panes import overview
from tui.remembered import directories, look_settings, operator_key
from tui.remembered.credentials import Remembered
from tui.screens.asking import ConfirmScreen
from tui.screens.dialog import UnhurriedScreen
from tui.screens.leaving_screen import LeavingScreen
from tui.screens.main_screen import MainScreen
from tui.screens.reading import help_screen
from tui.screens.reading_on import ConcernsScreen
from tui.screens.welcome import WelcomeScreen
from tui.terminal.terminal_driver import TerminalDriver
from tui.text.safe_text import neutralise, neutralise_name
from tui.textual_workarounds import (
    cursor_at_end,
    nearest_colours,
    partial_updates,
    resizing,
    screen_dismissal,
    strip_cycles,
    terminal_colours,
    toast_placement,
)
from tui.textual_workarounds.shared_stylesheets import SharedStylesheet
from tui.textual_workarounds.type_ahead import TypeAheadApp
from tui.textual_workarounds.unprinted_faults import UnprintedFaultsApp
from tui.user_actions.action_registry import bindings, key_name
from tui.user_actions.action_table import BY_ID
from tui.widgets.composer import Composer
from tui.widgets.line_pool import LinePool

FRAMES_PER_SECOND: Final = 20
LOOK_INTERVAL: Final = 1.0
"""Seconds between two pictures of the node while nothing is heard of it."""
LOOK_INTERVAL_MIN: Final = 0.25
"""The same while something is."""
LOOK_SHARE: Final = 0.005
"""Of a processor, what pictures of the node may take: of one with thousands of connections there are fewer."""
AFAR_INTERVAL: Final = 3.0
SILENCE_INTERVAL: Final = 0.5
TITLE_INTERVAL: Final = 1.0


@dataclass(frozen=True, slots=True)
class Before:
    """What a person was in the middle of when their screen failed."""

    draft: str = ""
    """What was being written."""
    asked: bool = False
    """Whether they were being asked who they are."""
    words: str = ""
    """What is to be said of it."""
    is_new: bool = False
    """Whether its process ended with it, so that who they were has to be found out anew."""


class PaintedOnceScreen(MainScreen):
    """The panes, not painted before all of them are there: each half of them costs as much as the whole."""

    def _compositor_refresh(self) -> None:
        if isinstance(self.app, ActivityApp) and self.app.shown:
            super()._compositor_refresh()


class ActivityApp(TypeAheadApp, UnprintedFaultsApp):
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
        open_link: Callable[[str], Awaitable[bool]] | None = None,
        edit_elsewhere: Callable[[str], Awaitable[str]] | None = None,
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
        where they sit elsewhere.
        `app_options` are Textual's, such as
        `driver_class`.
        """
        self.preferences = preferences or Preferences()
        keymap = dict(self.preferences.keymap or {})
        if palette_keys := keymap.get("application.palette"):
            # Textual binds it itself, under no id, while an application is made.
            self.COMMAND_PALETTE_BINDING = palette_keys.partition(",")[0]  # type: ignore[misc]
        super().__init__(**app_options)
        # Styles here have no colours out of a palette that would have to be looked up on every line.
        self._filters = [one for one in self._filters if not isinstance(one, ANSIToTruecolor)]
        own, self.stylesheet = self.stylesheet, SharedStylesheet(self, variables=self.stylesheet._variables)
        self.stylesheet.source = own.source
        cursor_at_end.install()
        partial_updates.install()
        strip_cycles.install()
        resizing.install()
        screen_dismissal.install()
        nearest_colours.install()
        self.model = model
        self.line_pool = LinePool()
        """What has been painted and may be painted again."""
        self.shown = False
        """Whether the first whole frame has been made; what is half made is not painted."""
        self._begun = begun
        self._has_shown = has_shown
        self._frame_scheduler = frame_scheduler or FrameScheduler(SHARE_ALONE, time.thread_time)
        self._bell = Bell(self.preferences.bell)
        self._first = first
        self._before = before
        self.failed = asyncio.Event()
        """Whether something went wrong that ends this application."""
        self.middle = Before()
        """What the person was in the middle of then."""
        self._identity = Identity(
            self, suggestion=suggestion, new_name=new_name, directory=person_dir, remembered=remembered
        )
        self._exit_procedure = ApplicationExit(self, leave)
        self._look_dir = person_dir
        self._drafts = DraftKeeping(self, person_dir) if person_dir is not None else None
        key_dir = directories.data_dir() if person_dir is not None else None
        self.palette = ActionPalette(self, self.preferences.used_actions, self._keep_look)
        self._orders = GivingOrders(self, model, operator_key.usual_path(key_dir))
        self._key_shown_by = ""
        """Who has been asked for the key of the network's first operator."""
        self._reading_cursor = ReadingCursor()
        self._armed = False
        self._telling = False
        self._painted = 0.0
        self._look_due = 0.0
        self._open_link = open_link
        self._edit_elsewhere = edit_elsewhere
        self._bell_waits = False
        self._title_due = 0.0
        self._title_waits = False
        self._tasks: set[asyncio.Task[None]] = set()
        if self.preferences.no_color is not None and self.preferences.no_color != self.no_color:
            terminal_colours.without_colour(self, self.preferences.no_color)
        self.theme = self.preferences.theme if self.preferences.theme in self.available_themes else DEFAULT_THEME
        if keymap:
            self.set_keymap(keymap)

    # --- life ------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        screen = PaintedOnceScreen(self.model, zone=self.preferences.zone)
        if self._open_link is not None:
            screen.open_link = self._opens
        if self._edit_elsewhere is not None:
            screen.edit_elsewhere = self._edits
        screen.fit(self.size)
        return screen

    def _opens(self, link: str) -> None:
        self.notify(f"Opening {neutralise(link, 200)}", markup=False, timeout=3)
        self.spawn(self._open(link))

    async def _open(self, link: str) -> None:
        assert self._open_link is not None
        if not await self._open_link(link):
            self.call_later(self.copy_to_clipboard, link)
            words = "No browser could be started here; the link is copied."
            self.call_later(self.notify, words, severity="warning", markup=False)

    def _edits(self, text: str) -> None:
        self.spawn(self._edit(text))

    async def _edit(self, text: str) -> None:
        assert self._edit_elsewhere is not None
        try:
            written = await self._edit_elsewhere(text)
        except Exception as error:
            self.call_later(self.main.edited, None, str(error))
        else:
            self.call_later(self.main.edited, written, "")

    @property
    def shows_links(self) -> bool:
        """Whether the terminal is told where links lead (OSC 8)."""
        return isinstance(self._driver, TerminalDriver) and self._driver.takes_osc

    @property
    def main(self) -> MainScreen:
        """The screen with the panes, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

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
        self.model.on_change = self._touched
        if self.model.node is None:
            self.set_interval(AFAR_INTERVAL, self._look_from_afar)
            self.set_interval(SILENCE_INTERVAL, self.model.listen_for_silence)

    def keep_looking(self) -> None:
        """Have the node looked at from here on, again and again, while nothing is heard of it."""
        self.set_interval(LOOK_INTERVAL, self._look_around)

    def on_ready(self) -> None:
        """Everything has its place on the screen, and nothing is painted yet."""
        if self._begun is None:
            self._begin()
        else:
            self.spawn(self._begin_when(self._begun))

    async def _begin_when(self, begun: Callable[[], Awaitable[Before | None]]) -> None:
        self._before = await begun() or self._before
        self.call_later(self._begin)

    def _begin(self) -> None:
        self.keep_looking()
        self._look()
        self.main.show_news()
        if self._before is not None:
            self._go_on(self._before)
        is_new = self._before is None or self._before.is_new
        first = self._first if is_new else None
        waits = self.model.network_is_new
        if waits:
            ask_about_network(self, lambda: self.action_identity() if first is None else self.enter(first))
        elif first is None and is_new:
            self.action_identity()
        self.shown = True
        # A layout paints everything by itself.
        self.main._repaint_required = not self.main._layout_required
        self._update_now()
        if first is not None and not waits:
            # Behind the first frame: a client has to be read, too.
            self.enter(first)
        self._frame_scheduler.started(self)
        self.call_after_refresh(self._has_shown)

    def _go_on(self, before: Before) -> None:
        """Take over from an application that failed: the model has gone on."""
        self.main.composer.value = before.draft
        self.main.composer.focus()
        if self._drafts is not None:
            self._drafts.logged_in(self.model.concerns.account)
        self.notify(before.words, title="The screen was started again", severity="error", timeout=30, markup=False)
        if before.asked:
            self.action_identity()

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
        self.middle = self._what_is_being_done()

    def _what_is_being_done(self) -> Before:
        with contextlib.suppress(Exception):
            asked = any(isinstance(screen, WelcomeScreen) for screen in self.screen_stack)
            return Before(self.main.composer.value, asked)
        return Before()

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
    def _written(self) -> None:
        if self._drafts is not None:
            self._drafts.changed(self.main.unsent)

    def on_unmount(self) -> None:
        if self._drafts is not None:
            self._drafts.keep()
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

    def _touched(self) -> None:
        """The model has changed. Called from the engine's side: nothing of the screen is touched here."""
        if self.model.happenings and not self._telling:
            # A person waits for it, and not for a turn to paint what others write.
            self._telling = True
            self.call_later(self._tell_what_happened)
        if self._armed:
            return
        self._armed = True
        self.schedule_frame(self._painted + 1 / FRAMES_PER_SECOND)

    def schedule_frame(self, due: float) -> None:
        """Have a frame painted by this application's own task, at `due` (the event loop's time) or at its turn."""
        self._frame_scheduler.request(self, due)

    def frame_steps(self) -> Iterator[None]:
        """Show what has changed, and paint it here and now: Textual would wait for a sixtieth of a second.

        After each step something else may be done: rows that are new are laid out one by one.
        """
        self._armed = False
        if self.main.painted:
            self._painted = asyncio.get_running_loop().time()
            yield from self.main.prepare_news()
            if self.main.painted:
                self._show_changes()
                yield
                if self._painted >= self._look_due:
                    self._look()
                    yield
                self._update_now()

    def _update_now(self) -> None:
        if self.is_running and not self._exit and self.screen_stack:
            screen = self.screen
            with screen._context():
                screen._on_timer_update()

    def _tell_what_happened(self) -> None:
        self._telling = False
        while self.screen_stack and self.main.painted and self.model.happenings:
            self._tell(self.model.happenings.popleft())

    def _show_changes(self) -> None:
        self._tell_what_happened()
        self.main.show_news()
        if isinstance(self.screen, LeavingScreen):
            self.screen.refresh_story()
        self._show_title()
        self._ring()

    def _ring(self) -> None:
        """Ring for what is new; what it is too early for is rung for later."""
        occasion = self._bell.rings(self.model, asyncio.get_running_loop().time())
        if occasion is not None:
            self.bell()
            if not self.model.concerns.attending:
                self._tell_desktop(occasion)
        if self._bell.waits and not self._bell_waits:
            self._bell_waits = True
            self.set_timer(bell.INTERVAL, self._ring_again)

    def _ring_again(self) -> None:
        self._bell_waits = False
        self._ring()

    def _tell_desktop(self, occasion: Occasion) -> None:
        if isinstance(self._driver, TerminalDriver):
            more = f" (and {occasion.more} more)" if occasion.more else ""
            words = self.model.feed.read(occasion.entry).text
            self._driver.show_notice(neutralise_name(occasion.entry.sender) or "activity-tui", words + more)

    @on(ConcernsScreen.ReadOn)
    def _show_title(self) -> None:
        """Have the terminal's title say what is new, at most once a second."""
        driver, now = self._driver, asyncio.get_running_loop().time()
        if not isinstance(driver, TerminalDriver) or self._title_waits:
            return
        if now < self._title_due:
            self._title_waits = True
            self.set_timer(self._title_due - now, self._show_title_now)
        else:
            self._title_due = now + TITLE_INTERVAL
            driver.show_title(overview.title(self.model))

    def _show_title_now(self) -> None:
        self._title_waits = False
        self._show_title()

    def watch_app_focus(self) -> None:
        if self.screen_stack and self.main.painted:
            self.main.show_news()
            self._show_title()

    def _refresh_notifications(self) -> None:
        super()._refresh_notifications()
        if self.screen_stack:
            toast_placement.place(self.screen)
            toast_placement.reconsider(self.screen)

    def refresh_now(self) -> None:
        """Show everything at once, without waiting for the next frame."""
        for _ in self.frame_steps():
            pass
        self._look()

    def _look_around(self) -> None:
        """Take a new picture of the network now and then, though nothing is heard of it."""
        if self.screen_stack and asyncio.get_running_loop().time() >= self._look_due:
            self._look()

    def _look(self) -> None:
        """Take a new picture of the network and show it."""
        begun, spent = asyncio.get_running_loop().time(), time.thread_time()
        if self.main.painted:
            self.model.look()
            self.main.show_snapshot()
            self._look_whether_operator()
        if isinstance(self.screen, ConfirmScreen):
            self.screen.refresh_question()
        self._look_due = begun + max(LOOK_INTERVAL_MIN, (time.thread_time() - spent) / LOOK_SHARE)

    def _look_from_afar(self) -> None:
        if not self.model.looking:
            self.spawn(self.model.look_from_afar())

    # --- who one is ------------------------------------------------------------------------------------------------

    def _tell(self, happening: Happening) -> None:
        self._identity.tell(happening)
        if happening.kind == "logged in" and self._drafts is not None:
            self._drafts.logged_in(self.model.concerns.account)
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
        return self._bell.policy

    def action_cycle_bell(self) -> None:
        self._set_bell(self._bell.next_policy())

    def _set_bell(self, word: str) -> None:
        self._bell.policy = policy = bell.policy_of(word)
        self._keep_look()
        self.notify(f"You are told {bell.IN_WORDS[policy]}.", markup=False, timeout=3)

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
