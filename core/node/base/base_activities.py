"""Activities from base servers and to them, which recognise nothing twice and give nothing a name."""

from __future__ import annotations

from typing import Final

import msgspec

from core.node.base.base_servers import BaseServers
from core.node.base.base_side import base_side
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.log.entry_messages import entry_of_activity, frame_of
from core.node.log.intake import Intake
from core.node.log.replication import Replication
from core.wire.activity import unique_members
from core.wire.codec import Frame
from core.wire.entries import Entry
from core.wire.limits import ACTIVITY_BYTES_MAX
from core.wire.messages import ActivityBroadcast
from core.wire.names import name_problem

BACKLOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""Bytes of activities that wait for one base server that is listened to. They are sent all at once then, and who reads
from a network takes no more than that in time."""
HELD_MAX: Final = 256
"""Activities of a base server that wait until it is known that no other server of ours speaks to it."""

SAID_MAX: Final = 1_024
"""Activities of servers of ours that a base server has passed on, of which it is remembered that it has them."""


class BaseActivities:
    """Takes in what people at base servers say, and tells them what others say."""

    def __init__(self, context: Context, base_servers: BaseServers, replication: Replication, intake: Intake) -> None:
        self._context = context
        self._already_told = base_servers.already_told
        self._replication = replication
        self._intake = intake

    # --- to them ------------------------------------------------------------------------------------------------------

    def is_anybody_told(self) -> bool:
        """Whether there is a base server that activities go to, now or later."""
        return bool(self._links())

    def _links(self) -> list[Link]:
        return self._context.connections.links(ConnectionState.BASE, ConnectionState.QUIET, ConnectionState.LISTENING)

    def hand_out(self, entry: Entry, frame: Frame, source: int | None) -> None:
        """Tell base servers of an activity, or keep it back for those that must not be spoken to yet; `source` is the
        connection that it came over."""
        context = self._context
        links = [
            link
            for link in self._links()
            if link.conn != source
            and entry.id not in base_side(link).said
            and not self._already_told.may_include(link, entry)
        ]
        if not links:
            return
        body = unique_members(entry.body)
        told = frame if body is entry.body else frame_of(msgspec.structs.replace(entry, body=body))
        for link in links:
            if link.state is ConnectionState.BASE:
                context.send(link, told)
                continue
            side = base_side(link)
            side.backlog.append(told)
            side.backlog_bytes += len(entry.body)
            if link.state is ConnectionState.LISTENING and side.backlog_bytes > BACKLOG_BYTES_MAX:
                context.close(link, f"{len(side.backlog)} activities came before it said anything")

    def send_backlog(self, link: Link) -> None:
        """Tell a base server what was kept back for it."""
        side = base_side(link)
        backlog, side.backlog = side.backlog, []
        for frame in backlog:
            self._context.send(link, frame)

    @property
    def backlog(self) -> int:
        """Activities that are kept back for base servers that are listened to."""
        return sum(len(base_side(link).backlog) for link in self._context.connections.links(ConnectionState.LISTENING))

    # --- from them ----------------------------------------------------------------------------------------------------

    @takes(Handler.OVERHEARD_ACTIVITY)
    def _overheard_activity(self, link: Link, message: ActivityBroadcast) -> None:
        side = base_side(link)
        if self._takes_as_entry(link, message) or self._context.now.monotonic < side.shared_until:
            return
        self._keep_back(link, message)

    @takes(Handler.BASE_ACTIVITY)
    def _base_activity(self, link: Link, message: ActivityBroadcast) -> None:
        side = base_side(link)
        if self._takes_as_entry(link, message) or self._context.now.monotonic < side.shared_until:
            return
        if self._context.now.monotonic < side.suspect_until:
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
                side.last_nameless = None

        entry = self._replication.own.originate(
            "activity",
            body,
            sender=sender,
            # Who is anonymous there cannot be told from others who are: they are taken for one.
            previous=self._replication.last_activities.of(sender) if sender else side.last_nameless,
            # By its writer's name for it a copy is recognised that comes another way.
            ref=message.ref,
            source=link.conn,
            then=kept,
        )
        if not sender:
            side.last_nameless = entry.id

    def _takes_as_entry(self, link: Link, message: ActivityBroadcast) -> bool:
        """Whether what a base server says is what one of ours has said, or nonsense: it passes on what it was sent.

        What is said in the name of one that has a key cannot be believed here, and counts as the base server's own.
        """
        try:
            entry = entry_of_activity(message)
        except ValueError as error:
            self._context.invalid(link, f"ACTIVITY_BROADCAST: {error}")
            return True
        if entry is None:
            return False
        if self._intake.take(link, entry):
            return True
        said = base_side(link).said
        said[entry.id] = None
        if len(said) > SAID_MAX:
            del said[next(iter(said))]
        return False

    def _keep_back(self, link: Link, message: ActivityBroadcast) -> None:
        """Keep what would be two activities if two of ours took it in."""
        side = base_side(link)
        side.held.append(message)
        if len(side.held) > HELD_MAX:
            self._context.close(link, f"said {HELD_MAX} things before it could be spoken to")

    def take_held(self, link: Link) -> None:
        """No other server of ours has taken in what the base server has said."""
        side = base_side(link)
        held, side.held = side.held, []
        if link.state is ConnectionState.BASE:
            side.suspect_until = float("-inf")
            for message in held:
                self._base_activity(link, message)


def _authenticated_user(body: bytes) -> str:
    try:
        user = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("authenticated_user")
        name = msgspec.json.decode(bytes(user), type=str) if user is not None else ""
    except (msgspec.DecodeError, ValueError):
        return ""
    return "" if name_problem(name) is not None else name
