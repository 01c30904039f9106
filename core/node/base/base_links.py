"""Links with base servers: how this node begins to speak to one, what that says, and when it is taken for dead.

Who has dialled a base server is silent for a while and listens (`ConnectionState.LISTENING`): another server of ours
may have dialled it as well, and what both take in would be there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from core.node.base.announcing import BaseAnnouncing
from core.node.base.base_servers import BaseServers
from core.node.interface.actions import Trust
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.log.entry_messages import entry_of_activity
from core.node.log.intake import Intake
from core.node.log.replication import Replication
from core.wire.limits import ACTIVITY_BYTES_MAX
from core.wire.messages import ActivityBroadcast, Message, ServerAnnounce
from core.wire.names import name_problem

SILENT_BEATS: Final = 4
"""Announcements that a base server may miss, by the longest time that there was between two, before its link is taken
for dead: as long as it is not, every registration waits for answers in vain."""
HELD_MAX: Final = 256
"""Activities of a base server that wait until it is known that no other server of ours speaks to it."""


class BaseLinks:
    """This node's links with base servers."""

    def __init__(
        self,
        context: Context,
        base_servers: BaseServers,
        announcing: BaseAnnouncing,
        replication: Replication,
        intake: Intake,
    ) -> None:
        self._context = context
        self._base_servers = base_servers
        self._announcing = announcing
        announcing.on_doubt_over = self._take_held
        self._replication = replication
        self._intake = intake
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
        link.is_base = True
        context.trace("base", conn=link.conn, step="up", peer=link.peer, dial=link.dial)
        context.notify("linked", f"linked with base server {link.peer}", "good")
        context.notify(
            "security",
            "a base server is linked: while it is, registrations tell it the secret in clear",
            "warning",
        )
        self._announcing.start(link)
        self.on_taken_up(link)
        self._base_servers.linked(link)
        self._watch_silence(link)
        self._take_held(link)

    def _leave_to_another(self, link: Link) -> None:
        """Another server of ours speaks to a base server: what this one heard of it, that one has heard as well."""
        self.on_left_to_another(link)
        self._base_servers.dialling.left_to_another(link)
        link.clean = True
        self._context.close(link, "another server of this network speaks to you")

    def _watch_silence(self, link: Link) -> None:
        config = self._context.config

        def check() -> None:
            if link.state is not ConnectionState.BASE:
                return
            limit = max(config.base_silence_limit, 6 * config.announce_interval)
            if link.rhythm is not None:
                limit = min(limit, max(SILENT_BEATS * link.rhythm, 3 * config.announce_interval))
            # Not a difference of times: rounded, it could stay below the limit at the very time that is set below.
            if link.heard_at + limit <= self._context.now.monotonic:
                self._context.close(link, f"silent for {limit:g} s")
            else:
                at = min(link.heard_at + limit, self._context.after(config.announce_interval))
                self._context.timers.set(("silence", link.conn), at, check)

        check()

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

    @takes(Handler.OVERHEARD_ACTIVITY)
    def _overheard_activity(self, link: Link, message: ActivityBroadcast) -> None:
        if self._takes_as_entry(link, message) or self._context.now.monotonic < link.shared_until:
            return
        self._keep_back(link, message)

    @takes(Handler.BASE_ACTIVITY)
    def _base_activity(self, link: Link, message: ActivityBroadcast) -> None:
        if self._takes_as_entry(link, message) or self._context.now.monotonic < link.shared_until:
            return
        if self._context.now.monotonic < link.suspect_until:
            self._keep_back(link, message)
            return
        if self._context.storage_error is not None:
            # It would take a number that is never kept, and every other node would ask for that for ever.
            text = f"an activity from base server {link.peer} is lost: the disk does not take writes"
            self._context.notify("storage", text, "error", server=link.remote_id)
            return
        body = bytes(message.activity)
        if len(body) > ACTIVITY_BYTES_MAX:
            self._context.invalid(link, f"ACTIVITY_BROADCAST: the activity is longer than {ACTIVITY_BYTES_MAX} bytes")
            return
        sender = _authenticated_user(body)

        def kept(problem: str | None) -> None:
            if problem is not None and not sender:
                link.last_nameless = None

        entry = self._replication.originate(
            "activity",
            body,
            sender=sender,
            # Who is anonymous there cannot be told from others who are: they are taken for one.
            previous=self._replication.last_of(sender) if sender else link.last_nameless,
            source=link.conn,
            then=kept,
        )
        if not sender:
            link.last_nameless = entry.id

    def _takes_as_entry(self, link: Link, message: ActivityBroadcast) -> bool:
        """Whether what a base server says is what one of ours has said, or nonsense: it passes on what it was sent."""
        try:
            entry = entry_of_activity(message)
        except ValueError as error:
            self._context.invalid(link, f"ACTIVITY_BROADCAST: {error}")
            return True
        if entry is not None:
            self._intake.take(link, entry)
        return entry is not None

    def _keep_back(self, link: Link, message: ActivityBroadcast) -> None:
        """Keep what would be two activities if two of ours took it in."""
        link.held.append(message)
        if len(link.held) > HELD_MAX:
            self._context.close(link, f"said {HELD_MAX} things before it could be spoken to")

    def _take_held(self, link: Link) -> None:
        """No other server of ours has taken in what the base server has said."""
        held, link.held = link.held, []
        if link.state is ConnectionState.BASE:
            link.suspect_until = float("-inf")
            for message in held:
                self._base_activity(link, message)


def _authenticated_user(body: bytes) -> str:
    try:
        user = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("authenticated_user")
        name = msgspec.json.decode(bytes(user), type=str) if user is not None else ""
    except (msgspec.DecodeError, ValueError):
        return ""
    return "" if name_problem(name) is not None else name
