"""The screen with the panes: side by side where there is room, one at a time where there is not."""

from __future__ import annotations

import asyncio
from datetime import tzinfo
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from core.wire.address import parse_address
from tui import commands, invitation, overview
from tui.actions import bindings
from tui.activities import raw_activity
from tui.feed import Filter, parse_filter
from tui.panes.connections import ConnectionsView
from tui.panes.events import EventsView
from tui.panes.network import NetworkView
from tui.panes.users import UsersView
from tui.safe_text import neutralise
from tui.screens.asking import AskScreen, ConfirmScreen, CopyScreen
from tui.screens.reading import inspector_of
from tui.session import NodeFace, Session
from tui.widgets.bars import ShareBar, TabBar, TopBar
from tui.widgets.composer import Composer
from tui.widgets.feed_view import FeedView
from tui.widgets.key_bar import KeyBar
from tui.widgets.rows import RowView

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


class MainScreen(Screen[None]):
    """The panes of one session, and what a person does in them."""

    AUTO_FOCUS = "#composer"
    BINDINGS: ClassVar = bindings("panes")

    def __init__(self, session: Session, *, zone: tzinfo | None) -> None:
        super().__init__(id="main")
        self.session = session
        self._zone = zone
        self._current = PANES[0]
        self._bars: tuple[object, ...] = ()
        self._parts: tuple[Widget, ...] = ()
        self._filter_problem = ""
        self._looking_back = False
        self._tasks: set[asyncio.Task[None]] = set()

    def compose(self) -> ComposeResult:
        yield TopBar(markup=False, id="top")
        yield ShareBar()
        yield TabBar()
        waiting = "Waiting for the first look at the network\N{HORIZONTAL ELLIPSIS}"
        with Container(id="panes"):
            yield Pane(
                "feed",
                Horizontal(
                    Label("Filter", id="filter-label"),
                    Input(placeholder="words, from:NAME, type:TYPE", id="filter", compact=True),
                    Static("", id="filter-words", markup=False),
                    id="filter-bar",
                ),
                FeedView(
                    self.session.feed,
                    zone=self._zone,
                    clock=self.session.clock,
                    empty=lambda: overview.empty_feed(self.session),
                    older=self._more_above,
                    widget_id="feed",
                ),
                Static("", id="composer-problem", classes="problem", markup=False),
                Horizontal(
                    Label("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", id="prompt"),
                    Composer(widget_id="composer"),
                    id="composer-line",
                ),
            )
            yield Pane("connections", ConnectionsView(empty=waiting, widget_id="connections"))
            yield Pane("users", UsersView(zone=self._zone, empty=waiting, widget_id="users"))
            yield Pane("events", EventsView(self.session, zone=self._zone, widget_id="events"))
            yield Pane("network", NetworkView(empty=waiting, widget_id="network"))
        yield KeyBar()

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

    def show_news(self) -> None:
        """The feed and the events have grown."""
        self.feed.changed()
        self.events_view.changed()
        self.show_bars()

    def show_snapshot(self) -> None:
        """The session has a new picture of the network: show it in the panes that are visible."""
        snapshot = self.session.snapshot
        if snapshot is None:
            return
        visible = self.visible_panes()
        if "connections" in visible:
            visitors = self.session.visitors.sessions() if self.session.visitors is not None else ()
            self.connections.show_snapshot(snapshot, self.session.traffic, visitors)
        if "users" in visible:
            self.users.show_snapshot(snapshot, self.session.username)
        if "network" in visible:
            self.network.show_snapshot(snapshot)
        self.show_bars()

    def show_bars(self) -> None:
        """The lines above the panes and the panes' titles, if they have something new to say."""
        session, feed, snapshot = self.session, self.feed, self.session.snapshot
        found = self._filter_problem
        if feed.filter and not found:
            found = f"{feed.matches} found" + ("\N{HORIZONTAL ELLIPSIS}" if feed.searching else "")
            found += " \u00b7 among the rest (m)" if feed.showing_rest else ""
        notes = ("", "", "")
        if snapshot is not None:
            notes = (
                overview.connections_note(snapshot),
                overview.users_note(snapshot),
                overview.network_note(snapshot),
            )
        top, invite = overview.top_line(session), overview.invite_line(session, self.size.width - 2)
        said = (top, invite, self._current, self.size, feed.unseen, feed.following, found, notes)
        if said == self._bars:
            return
        self._bars = said
        self.query_one("#top", TopBar).show(top, "activity-tui")
        self.query_one(ShareBar).say([(invite, "")])
        self.query_one(TabBar).show(self._current, {"feed": f"+{feed.unseen}"} if feed.unseen else {})
        words = self.query_one("#filter-words", Static)
        if words.content != found:
            words.update(found)
        self.pane("feed").say("" if feed.following else "reading \u00b7 End follows")
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

    def visible_panes(self) -> tuple[str, ...]:
        return (self._current,) if self.tabbed or self.zoomed else PANES

    def make_current(self, name: str) -> None:
        self._current = name
        for other in PANES:
            self.pane(other).set_class(other == name, "-current")

    def action_show_pane(self, name: str) -> None:
        """Show a pane and put the keys there; in the feed, the line where one writes."""
        self.make_current(name)
        (self.composer if name == "feed" else self.current_list).focus()
        self.show_snapshot()
        self.show_news()

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        self.show_snapshot()
        self.call_after_refresh(self.show_news)

    def action_write(self) -> None:
        self.action_show_pane("feed")

    def action_leave_field(self) -> None:
        if self.focused is self.filter_input or (self.focused is self.feed and self.feed.filter):
            self._close_filter()
        elif self.zoomed and not isinstance(self.focused, Input):
            self.action_zoom()
        self.current_list.focus()

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

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for node in event.widget.ancestors_with_self:
            if isinstance(node, Pane) and node.pane != self._current:
                self.make_current(node.pane)

    @on(TabBar.Chosen)
    def _tab_chosen(self, event: TabBar.Chosen) -> None:
        self.action_show_pane(event.pane)

    @on(RowView.Inspected)
    def _inspect(self, event: RowView.Inspected) -> None:
        screen = inspector_of(event.view, event.index, self.session, self._zone)
        if screen is not None:
            self.app.push_screen(screen)

    # --- writing ---------------------------------------------------------------------------------------------------

    @on(Input.Submitted, "#composer")
    async def _submitted(self, event: Input.Submitted) -> None:
        text = event.value
        if not text.strip():
            return
        try:
            await self._carry_out(text)
        except (ValueError, ConnectionError) as error:
            self.composer.give_back(text)
            self._composer_problem(str(error))
            if self.session.stage == "nobody":
                # The line stays in the composer, to be sent once it is known who sends it.
                await self.app.run_action("identity")
            return
        self.composer.remember(text)
        self._composer_problem("")

    @on(Input.Changed, "#composer")
    def _typing(self) -> None:
        self._composer_problem("")

    def _composer_problem(self, problem: str) -> None:
        label = self.query_one("#composer-problem", Static)
        label.display = bool(problem)
        label.update(f"\N{BALLOT X} {neutralise(problem, 300)}" if problem else "")

    async def _carry_out(self, text: str) -> None:
        """Send a line or do a command. Raises ValueError or ConnectionError with a sentence for a person."""
        line = commands.parse(text, node=self.session.owns_node)
        if line.command is None:
            self.session.write(line.text)
            self.feed.action_end()
            return
        match line.command.name:
            case "who":
                self.action_show_pane("users")
            case "filter":
                self._set_filter(line.text)
            case "json":
                self.session.post(raw_activity(line.text))
                self.feed.action_end()
            case "invite":
                self.action_share()
            case "join":
                self._join(line.text)
            case "backup":
                self.action_backup()
            case other:
                await self.app.run_action(f"command({other!r}, {line.text!r})")

    # --- the filter ------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.action_show_pane("feed")
        self.query_one("#filter-bar").add_class("-open")
        self.filter_input.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        try:
            wanted = parse_filter(event.value)
        except ValueError as error:
            self._filter_problem = f"\N{BALLOT X} {error}"
        else:
            self._filter_problem = ""
            self.feed.apply_filter(wanted)
        self.show_bars()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        if not self.filter_input.value.strip():
            self._close_filter()
        self.feed.focus()

    @on(FeedView.FilterProgress)
    @on(FeedView.PositionChanged)
    def _feed_moved(self) -> None:
        self.show_bars()

    def _more_above(self) -> bool:
        return self.session.past is not None and self.session.past.state == "more"

    @on(FeedView.OlderWanted)
    def _older_wanted(self) -> None:
        if self._more_above() and not self._looking_back:
            self._looking_back = True
            self.run_worker(self._look_back(), group="older")

    async def _look_back(self) -> None:
        """Have the feed grow at its top: by a page, and while a filter hides all of it, by another one."""
        feed = self.feed
        shown = feed.row_count()
        try:
            while await self.session.look_back():
                self.show_news()
                if feed.row_count() > shown:
                    return
        finally:
            self._looking_back = False
        self.show_news()

    def _set_filter(self, text: str) -> None:
        parse_filter(text)
        self.query_one("#filter-bar").set_class(bool(text), "-open")
        self.filter_input.value = text

    def _close_filter(self) -> None:
        self.filter_input.value = ""
        self.query_one("#filter-bar").remove_class("-open")
        self.feed.apply_filter(Filter())

    def action_next_match(self) -> None:
        self._move_match(1)

    def action_previous_match(self) -> None:
        self._move_match(-1)

    def _move_match(self, step: int) -> None:
        if not self.feed.filter:
            self.notify("There is no filter: / sets one.", markup=False, timeout=3)
        elif not self.feed.move_match(step):
            self.notify("No more matches this way.", markup=False, timeout=2)

    def action_toggle_rest(self) -> None:
        if self.feed.filter:
            self.feed.toggle_rest()
            self.show_bars()

    # --- the network -----------------------------------------------------------------------------------------------

    @property
    def _own_node(self) -> NodeFace | None:
        """The node here, for its operator; a guest's session (over SSH) may look at it and no more."""
        return self.session.node if self.session.owns_node else None

    @on(ShareBar.Clicked)
    def _share_clicked(self) -> None:
        self.action_share()

    def action_share(self) -> None:
        session, node = self.session, self.session.node
        if node is not None and session.owns_node:
            address = node.advertised
            command = invitation.server_command(address, node.secret)
            before = "With this command a server joins, with its own application. It has been copied:"
            after = (
                "The secret lets servers into the network: give it to those who may run one.\n"
                f"A person without a server joins with: {invitation.client_command(address)}"
            )
        else:
            known = node.advertised if node is not None else session.server
            if known is None:
                return
            address = known
            command = invitation.client_command(address)
            before = "With this command others join as clients. It has been copied:"
            after = "Whoever knows the network's secret can join with a server as well."
        here = session.snapshot.servers[0] if session.snapshot is not None and session.snapshot.servers else None
        if here is not None and here.ssh:
            after += f"\nWith nothing installed: {invitation.ssh_command(address.host, here.ssh, 'NAME')}"
        self.app.copy_to_clipboard(command)
        self.app.push_screen(CopyScreen("How others join", before, command, after))

    def action_ask_join(self) -> None:
        def problem(text: str) -> str | None:
            try:
                parse_address(text)
            except ValueError as error:
                return str(error)
            return None

        def answered(text: str | None) -> None:
            if text:
                self._join(text)

        self.app.push_screen(
            AskScreen(
                "Join a network",
                "A server of the other network. Both networks need the same secret.",
                placeholder="HOST:PORT",
                go="Join",
                problem=problem,
            ),
            answered,
        )

    def _join(self, text: str) -> None:
        address = parse_address(text)
        node = self._own_node
        if node is not None:
            node.join(address)
            self.notify(f"Dialling {neutralise(str(address), 200)}; the events tell what comes of it.", markup=False)

    def action_disconnect(self) -> None:
        node, view = self._own_node, self.connections
        selected = view.selected
        if node is None:
            return
        if selected is None:
            self.notify("Nobody is connected.", markup=False, timeout=3)
            return
        conn, who = view.connection_at(selected), view.rows[selected].cells[0]
        visitor, visitors = view.visitor_at(selected), self.session.visitors

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            if conn is not None:
                node.disconnect(conn, "the operator ended the connection")
            elif visitor is not None and visitors is not None:
                visitors.end(visitor, "The operator of this server has ended your session.")

        question = f"End the connection of {who}?" if conn is not None else f"End the session of {who}?"
        self.app.push_screen(ConfirmScreen("Disconnect", question, yes="Disconnect", no="Keep"), answered)

    def action_backup(self) -> None:
        node = self._own_node
        if node is None:
            return

        async def back_up() -> None:
            try:
                path = await node.backup_now()
            except Exception as error:
                self.notify(f"No backup was written: {error}", severity="error", markup=False)
            else:
                self.notify(f"A backup was written to {path}", markup=False)

        task = asyncio.create_task(back_up(), name="backup")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
