"""Links with base servers: how this node begins to speak to one, what that says, and when it is taken for dead.

Who has dialled a base server is silent for a while and listens (`ConnectionState.LISTENING`): another server of ours
may have dialled it as well, and what both take in would be there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.base.announcing import BaseAnnouncing
from core.node.base.base_activities import BaseActivities
from core.node.base.base_servers import BaseServers
from core.node.base.base_side import base_side
from core.node.interface.actions import Trust
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.map.announcements import Announcements
from core.wire.messages import Message, ServerAnnounce

SILENT_BEATS: Final = 4
"""Announcements that a base server may miss, by the longest time that there was between two, before its link is taken
for dead: as long as it is not, every registration waits for answers in vain."""


class BaseLinks:
    """This node's links with base servers."""

    def __init__(
        self,
        context: Context,
        base_servers: BaseServers,
        announcements: Announcements,
        announcing: BaseAnnouncing,
        activities: BaseActivities,
    ) -> None:
        self._context = context
        self._base_servers = base_servers
        self._announcements = announcements
        self._announcing = announcing
        self._activities = activities
        self.on_taken_up: Callable[[Link], None] = lambda link: None
        """Told of each base server that is spoken to from now on."""
        self.on_left_to_another: Callable[[Link], None] = lambda link: None
        """Told of each link that is given up because another server of ours speaks to the other side."""

    # --- listening, then speaking -------------------------------------------------------------------------------------

    def take_up(self, link: Link) -> None:
        """The other side speaks only the base protocol. Who has dialled it listens first: another server of ours may
        have dialled it as well."""
        context = self._context
        context.timers.cancel(("quiet", link.conn))
        link.name = link.name or str(link.peer)
        if link.state is ConnectionState.WAITING:
            context.actions.append(Trust(link.conn))
            self._base_servers.taking_up(link)
        if link.state is not ConnectionState.WAITING or self._base_servers.speakers.is_alone:
            self._speak(link)
            return
        link.enter(Outcome.HEARD_BASE)
        self._listen(link, context.now.monotonic)

    def _listen(self, link: Link, since: float) -> None:
        """Speak once the other side has been heard for long enough: as long as nothing has come nobody can know."""
        context = self._context
        config = context.config
        now = context.now.monotonic
        if link.first_heard_at is not None and now >= link.first_heard_at + config.listen:
            if self._base_servers.is_reached_otherwise(link):
                # It has not said so here, but the map shows it by now.
                self._leave_to_another(link)
            else:
                self._speak(link)
        elif link.first_heard_at is None and now >= since + config.base_silence_limit:
            context.close(link, f"silent for {config.base_silence_limit:g} s")
        else:
            at = context.after(config.listen) if link.first_heard_at is None else link.first_heard_at + config.listen
            context.timers.set(("quiet", link.conn), at, lambda: self._listen(link, since))

    def _speak(self, link: Link) -> None:
        context = self._context
        link.enter(Outcome.BASE_TAKEN_UP)
        base_side(link).is_taken_up = True
        context.trace("base", conn=link.conn, step="up", peer=link.peer, dial=link.dial)
        context.notify("linked", f"linked with base server {link.peer}", "good")
        context.notify(
            "security",
            "a base server is linked: while it is, registrations tell it the secret in clear",
            "warning",
        )
        self._announcing.start(link)
        self._activities.send_backlog(link)
        self.on_taken_up(link)
        self._base_servers.linked(link)
        self._watch_silence(link)
        self._activities.take_held(link)

    def _leave_to_another(self, link: Link) -> None:
        """Another server of ours speaks to a base server: what this one heard of it, that one has heard as well."""
        self.on_left_to_another(link)
        self._base_servers.dialling.left_to_another(link)
        link.clean = True
        self._context.close(link, "another server of this network speaks to you")

    def _watch_silence(self, link: Link) -> None:
        config = self._context.config
        side = base_side(link)

        def check() -> None:
            if link.state is not ConnectionState.BASE:
                return
            limit = max(config.base_silence_limit, 6 * config.announce_interval)
            if side.rhythm is not None:
                limit = min(limit, max(SILENT_BEATS * side.rhythm, 3 * config.announce_interval))
            # Not a difference of times: rounded, it could stay below the limit at the very time that is set below.
            if link.heard_at + limit <= self._context.now.monotonic:
                self._context.close(link, f"silent for {limit:g} s")
            else:
                at = min(link.heard_at + limit, self._context.after(config.announce_interval))
                self._context.timers.set(("silence", link.conn), at, check)

        check()

    def introduced(self, link: Link, server: str) -> None:
        """This node has told the other side who it is, which may be a base server."""
        base_side(link).announced[server] = None

    def ended(self, link: Link) -> bool:
        """A link is gone, with what was behind it; whether it was one with a base server. Harmless when repeated."""
        for timer in ("silence", "sign", "doubt"):
            self._context.timers.cancel((timer, link.conn))
        side = base_side(link)
        was_base, side.is_taken_up = side.is_taken_up, False
        for server in side.attached:
            self._context.timers.cancel(("attached", link.conn, server))
        if side.attached:
            side.attached = {}
            self._announcements.structure_changed()
        return was_base

    # --- what they say ------------------------------------------------------------------------------------------------

    @takes(Handler.SPEAKS_BASE)
    def _speaks_base(self, link: Link, message: Message) -> None:
        self.take_up(link)
        self._context.dispatch(link, message)

    @takes(Handler.OVERHEARD_ANNOUNCEMENT)
    def _overheard_announcement(self, link: Link, message: ServerAnnounce) -> None:
        if self._announcing.shows_another_way(link, message):
            self._leave_to_another(link)
        else:
            self._announcing.receive(link, message)
