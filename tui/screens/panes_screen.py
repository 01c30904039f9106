"""The panes: side by side where there is room, one at a time where there is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from itertools import chain
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from core.wire import ANONYMOUS
from tui.model.client_model import ClientModel
from tui.model.thread_searching import thread_search
from tui.model.words_at_hand import names_at_hand, tags_at_hand
from tui.panes import overview
from tui.panes.connections_pane import ConnectionsView
from tui.panes.events_pane import EventsView
from tui.panes.network_pane import NetworkView
from tui.panes.network_strip import network_strip
from tui.panes.top_line import top_line
from tui.panes.users_pane import UsersView
from tui.screens.reading import inspector_of
from tui.textual_workarounds import toast_placement
from tui.user_actions.line_completion import query_completions
from tui.widgets.bars import ShareBar, StripBar, TabBar, TopBar
from tui.widgets.composer import Composer
from tui.widgets.feed_view import FeedView
from tui.widgets.filter_input import FilterInput
from tui.widgets.key_bar import KeyBar
from tui.widgets.offer_list import OfferList
from tui.widgets.row_view import RowView

PANES: Final = ("feed", "connections", "users", "events", "network")
TITLES: Final = {
    "feed": "F2 Feed",
    "connections": "F3 Connections",
    "users": "F4 Users",
    "events": "F5 Events",
    "network": "F6 Network",
}

WIDE_COLUMNS: Final = 110
WIDE_ROWS: Final = 30
HUGE_COLUMNS: Final = 180
HUGE_ROWS: Final = 36
SHORT_ROWS: Final = 20


class Pane(Vertical):
    """A titled frame around one list."""

    def __init__(self, name: str, *children: Widget) -> None:
        super().__init__(*children, id=f"pane-{name}", classes="-current" if name == PANES[0] else None)
        self.pane = name
        self.border_title = TITLES[name]
        self._note = ""

    def say(self, note: str) -> None:
        """Put a few words into the lower border."""
        if note != self._note:
            self._note = note
            self.border_subtitle = note


class PanesScreen(Screen[None]):
    """The panes over one model: how they stand, and what they and the lines around them show."""

    def __init__(self, model: ClientModel, *, zone: tzinfo | None) -> None:
        super().__init__(id="main")
        self.model = model
        self._zone = zone
        self._inviting: bool | None = None
        """Whether it is shown how others join; None: it is not known yet whether somebody has."""
        self._current = PANES[0]
        self._bars: tuple[object, ...] = ()
        self._notices_shown = 0
        self._parts: tuple[Widget, ...] = ()
        self.looked_back = ""
        """How far back a filter has looked at the server, in words; empty when it does not."""
        self._filter_problem = ""
        """What is wrong with the filter, in words."""
        self.past_problem = ""
        """Why no more of the past can be read now."""

    def compose(self) -> ComposeResult:
        yield TopBar(markup=False, id="top")
        yield ShareBar()
        yield TabBar()
        yield StripBar()
        with Container(id="panes"):
            yield Pane(
                "feed",
                Horizontal(
                    Label("Filter", id="filter-label"),
                    FilterInput(
                        query_completions,
                        lambda: chain(names_at_hand(self.model), filter(None, [self.model.username, ANONYMOUS])),
                        lambda: tags_at_hand(self.model),
                        placeholder="words, from:NAME, #TAG, after:2d, -not",
                        id="filter",
                        compact=True,
                    ),
                    Static("", id="filter-words", markup=False),
                    id="filter-bar",
                ),
                FeedView(
                    self.model.feed,
                    zone=self._zone,
                    clock=self.model.clock,
                    empty=lambda: overview.empty_feed(self.model),
                    older=self._more_above,
                    reader=lambda: self.model.known_name,
                    answers_reader=self.model.is_answered_by,
                    new_from=lambda: self.model.concerns.line,
                    muted=lambda: self.model.concerns.muted,
                    muted_thread=self.model.muted_threads.words,
                    muted_threads=lambda: self.model.muted_threads.stand,
                    beginning=lambda: self.model.past.beginning,
                    answers_to=lambda item: thread_search(self.model, item, beneath=True),
                    widget_id="feed",
                ),
                # Over the feed's last rows, and over nothing that is said of what is being written.
                OfferList(),
                Static("", id="answering", markup=False),
                Static("", id="composer-problem", classes="problem", markup=False),
                Horizontal(
                    Label("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", id="prompt"),
                    Composer(
                        widget_id="composer",
                        names=lambda: names_at_hand(self.model),
                        tags=lambda: tags_at_hand(self.model),
                    ),
                    id="composer-line",
                ),
            )
            yield Pane("connections", ConnectionsView(widget_id="connections"))
            yield Pane("users", UsersView(zone=self._zone, widget_id="users"))
            yield Pane("events", EventsView(self.model, zone=self._zone, widget_id="events"))
            yield Pane("network", NetworkView(widget_id="network"))
        yield KeyBar()

    def _more_above(self) -> bool:
        """Whether the feed may grow at its top."""
        return self.model.past.above == "more"

    # --- parts -----------------------------------------------------------------------------------------------------

    @property
    def feed(self) -> FeedView:
        return self.query_one("#feed", FeedView)

    @property
    def events_view(self) -> EventsView:
        return self.query_one("#events", EventsView)

    @property
    def connections(self) -> ConnectionsView:
        return self.query_one("#connections", ConnectionsView)

    @property
    def users(self) -> UsersView:
        return self.query_one("#users", UsersView)

    @property
    def network(self) -> NetworkView:
        return self.query_one("#network", NetworkView)

    @property
    def composer(self) -> Composer:
        return self.query_one("#composer", Composer)

    @property
    def filter_input(self) -> Input:
        return self.query_one("#filter", Input)

    @property
    def painted(self) -> bool:
        """Whether the panes are there, each with all of its parts: not at the start, nor while the application ends."""
        if not self.is_mounted or not self.is_attached or self.app._exit:
            return False
        if not self._parts:
            found = tuple(self.query("#top, #feed, #filter-words, #network"))
            self._parts = found if len(found) == 4 else ()
        # Asked before each frame, and a query looks at every widget.
        return bool(self._parts) and all(part.is_attached for part in self._parts)

    def pane(self, name: str) -> Pane:
        return self.query_one(f"#pane-{name}", Pane)

    # --- painting --------------------------------------------------------------------------------------------------

    def prepare_news(self) -> Iterator[None]:
        """Lay out what will be shown of the feed, row by row; `show_news` then has little left to do."""
        return self.feed.prepare()

    def show_news(self) -> None:
        """The feed and the events may have grown."""
        self.feed.changed()
        if self._notices_shown != self.model.notices_version:
            self._notices_shown = self.model.notices_version
            self.events_view.changed()
        self.show_bars()

    def show_snapshot(self) -> None:
        """The model has a new picture of the network: show it in the panes that are visible."""
        model, snapshot, visible = self.model, self.model.snapshot, self.visible_panes()
        if "connections" in visible:
            visitors = model.visitors.sessions() if model.visitors is not None else ()
            own = None if model.owns_node else model
            self.connections.show_snapshot(snapshot, model.traffic, visitors, own)
        if snapshot is None:
            words = overview.unseen(model)
            for view in (self.connections, self.users, self.network):
                view.say_when_empty(words)
            self.show_bars()
            return
        if "users" in visible:
            self.users.show_snapshot(snapshot, self.model.username)
        if "network" in visible:
            self.network.show_snapshot(snapshot)
        self.show_bars()

    def show_bars(self) -> None:
        """The lines above the panes and the panes' titles, if they have something new to say."""
        model, feed, snapshot = self.model, self.feed, self.model.snapshot
        found = self._filter_problem
        note = overview.feed_note(model, feed.reading_at, feed.share, self._zone, self.past_problem)
        if feed.filter and not found:
            found = f"{feed.matches} found" + ("\N{HORIZONTAL ELLIPSIS}" if feed.searching else "")
            found += " \u00b7 among the rest (m)" if feed.showing_rest else ""
            found += overview.looked_back(model, self._zone)
            found = self.looked_back or found
        notes = (overview.unseen(model), "", "")
        if snapshot is not None:
            notes = (
                overview.connections_note(snapshot, own=model.owns_node),
                overview.users_note(snapshot),
                overview.network_note(snapshot),
            )
            if model.node is None and not model.online:
                notes = (overview.STALE,) * 3
        if snapshot is not None:
            # Once somebody has come, it is known how; F8 tells it for ever.
            self._inviting = self._inviting is not False and overview.is_alone(snapshot)
        invite = overview.invite_line(model, self.size.width - 2) if self._inviting else ""
        strip = network_strip(snapshot, self.size.width - 2) if snapshot is not None and self._needs_strip else []
        top = top_line(model, TopBar.room(self.size.width), self._zone)
        unread = overview.unread(model)
        said = (top, invite, strip, self._current, self.size, unread, note, found, notes)
        if said == self._bars:
            return
        self._bars = said
        self.query_one("#top", TopBar).show(top, "activity-tui")
        share = self.query_one(ShareBar)
        share.display = bool(invite)
        share.say([(invite, "")])
        servers = self.query_one(StripBar)
        servers.display = bool(strip)
        servers.say(strip)
        self.query_one(TabBar).show(self._current, {"feed": unread})
        words = self.query_one("#filter-words", Static)
        if words.content != found:
            words.update(found)
        self.pane("feed").say(note)
        for name, note in zip(("connections", "users", "network"), notes, strict=True):
            self.pane(name).say(note)

    # --- which pane ------------------------------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The pane that was used last; where only one has room, the one that is shown."""
        return self._current

    @property
    def current_list(self) -> RowView:
        """The rows of the pane that was used last."""
        return self.query_one(f"#{self._current}", RowView)

    @property
    def tabbed(self) -> bool:
        """Whether there is room for one pane only."""
        return self.has_class("-tabs")

    @property
    def zoomed(self) -> bool:
        return self.has_class("-zoomed")

    @property
    def _needs_strip(self) -> bool:
        """Whether the network is not in sight, and nothing more urgent stands where its strip would."""
        return (self.tabbed or self.zoomed) and not self._inviting

    def visible_panes(self) -> tuple[str, ...]:
        return (self._current,) if self.tabbed or self.zoomed else PANES

    def make_current(self, name: str) -> None:
        self._current = name
        for other in PANES:
            self.pane(other).set_class(other == name, "-current")

    def action_show_pane(self, name: str) -> None:
        """Show a pane and put the keys there."""
        self._show_pane(name, self.query_one(f"#{name}", RowView))

    def _show_pane(self, name: str, focused: Widget) -> None:
        self.make_current(name)
        focused.focus()
        self.show_snapshot()
        self.show_news()

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        self.show_bars()
        self.show_snapshot()
        self.call_after_refresh(self.show_news)

    def action_write(self) -> None:
        self._show_pane("feed", self.composer)

    def action_page_feed(self, pages: int) -> None:
        self.feed.scroll_lines(pages * max(1, self.feed.size.height - 1))
        self.show_bars()

    def fit(self, size: Size) -> None:
        """Choose how the panes stand for a terminal of this size. Before the screen is shown it costs nothing."""
        columns, rows = size
        self.update_classes(
            {
                "-tabs": columns < WIDE_COLUMNS or rows < WIDE_ROWS,
                "-huge": columns >= HUGE_COLUMNS and rows >= HUGE_ROWS,
                "-short": rows < SHORT_ROWS,
            },
            update=self.is_attached,
        )

    def on_resize(self) -> None:
        self.fit(self.app.size)
        self.call_after_refresh(self.show_bars)
        self.call_after_refresh(self.show_snapshot)
        toast_placement.reconsider(self)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        toast_placement.reconsider(self)
        for node in event.widget.ancestors_with_self:
            if isinstance(node, Pane) and node.pane != self._current:
                self.make_current(node.pane)

    @on(StripBar.Clicked)
    def _strip_clicked(self) -> None:
        self.action_show_pane("network")

    @on(TabBar.Chosen)
    def _tab_chosen(self, event: TabBar.Chosen) -> None:
        self.action_show_pane(event.pane)

    @on(RowView.Inspected)
    def _inspect(self, event: RowView.Inspected) -> None:
        screen = inspector_of(event.view, event.index, self.model, self._zone)
        if screen is not None:
            self.app.push_screen(screen)
        else:
            self.notify("There is nothing more to say of this line.", markup=False, timeout=3)
