"""Reception: connections as they come, speak and go. Who takes what they say depends on what they have shown to be."""

from __future__ import annotations

from collections.abc import Sequence

from core.node.accounts.attempts import Attempts
from core.node.clients.sessions import Sessions
from core.node.interface.events import ConnectionOpened
from core.node.kernel.connections import Connection, Link, Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Dispatcher
from core.node.kernel.states import ConnectionState
from core.node.map.own_address import OwnAddress
from core.node.orders.ordering import Orders
from core.node.servers.admitting import Admission
from core.node.servers.dialled_ways import DialledWays
from core.node.servers.healing import Healing
from core.node.servers.links import Links
from core.wire.messages import ActivityMessage, InvalidMessage, Message


class Reception:
    """Where connections begin and end."""

    def __init__(
        self,
        context: Context,
        dispatcher: Dispatcher,
        own_address: OwnAddress,
        attempts: Attempts,
        sessions: Sessions,
        admission: Admission,
        ways: DialledWays,
        links: Links,
        healing: Healing,
        orders: Orders,
    ) -> None:
        self._context = context
        self._dispatcher = dispatcher
        self._own_address = own_address
        self._attempts = attempts
        self._sessions = sessions
        self._admission = admission
        self._ways = ways
        self._links = links
        self._healing = healing
        self._orders = orders

    def opened(self, event: ConnectionOpened) -> None:
        """Somebody has connected, or this node has got through to somebody."""
        context = self._context
        now = context.now
        connection = Connection(event.conn, event.origin, event.peer, now.wall, now.monotonic, event.at)
        connection.vouched = event.vouched if event.origin == "local" else None
        connection.dial = event.dial
        connection.watch = context.watch
        context.trace("opened", conn=event.conn, origin=event.origin, peer=event.peer, dial=event.dial)
        connection.shown, connection.encrypted = event.shown, event.encrypted
        if event.origin == "outbound":
            link = Link(connection)
            context.connections.add(link)
            self._healing.dialling.opened(link)
            self._ways.opened(link)
            return
        context.connections.add(connection)
        reason = self._orders.effects.kept_out(None, event.peer.host) if event.origin == "inbound" else None
        if reason is not None:
            context.invalid(connection, reason)
            return
        self._own_address.reached(connection)
        if event.origin == "inbound":
            context.timers.set(
                ("first", event.conn),
                context.after(context.config.first_message_limit),
                lambda: self._said_nothing(event.conn),
            )

    def _said_nothing(self, conn: int) -> None:
        connection = self._context.connections.get(conn)
        if connection is not None and connection.state is ConnectionState.FRESH:
            limit = self._context.config.first_message_limit
            self._context.invalid(connection, f"nothing valid was said within {limit:g} seconds")

    def message(self, conn: int, message: Message) -> None:
        """Hand a message to who takes it."""
        connection = self._context.connections.get(conn)
        if connection is None:
            return
        take = self._dispatcher.taker(connection, message)
        if take is None:
            return
        if isinstance(connection, Link):
            self._links.heard(connection)
        elif isinstance(connection, Session):
            self._sessions.heard(connection)
        else:
            connection.heard_at = self._context.now.monotonic
            self._context.timers.cancel(("first", conn))
        take(connection, message)

    def posts(self, conn: int, messages: Sequence[ActivityMessage]) -> None:
        """Hand over activities that were read at once."""
        connection = self._context.connections.get(conn)
        if isinstance(connection, Session) and connection.state is ConnectionState.LOGGED_IN:
            self._sessions.heard(connection)
            self._sessions.posting.take(connection, messages)
            return
        for message in messages:
            self.message(conn, message)

    def malformed(self, conn: int, info: str) -> None:
        """Somebody has said what is no message."""
        connection = self._context.connections.get(conn)
        if connection is not None:
            self._context.invalid(connection, info)

    def disconnect(self, conn: int, reason: str) -> None:
        """A person, or the engine, wants somebody gone."""
        connection = self._context.connections.get(conn)
        if connection is not None and connection.state is not ConnectionState.CLOSING:
            self._context.notify("refused", f"{connection.peer} was disconnected: {reason}", "warning")
            self._context.refuse(connection, InvalidMessage(reason), reason)

    def closed(self, conn: int, reason: str, unsent: int) -> None:
        """A connection is gone, with so many bytes that were not sent."""
        connection = self._context.connections.get(conn)
        if connection is None:
            return
        self._context.trace("closed", conn=conn, peer=connection.peer, unsent=unsent, reason=reason)
        self._context.timers.cancel(("first", conn))
        self._admission.closed(connection)
        self._attempts.closed(connection)
        if isinstance(connection, Session):
            self._sessions.closed(connection, reason, unsent)
        self._context.lost(connection, reason)
        self._context.connections.remove(conn)
