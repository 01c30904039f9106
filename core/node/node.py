"""The node: a pure state machine that speaks all three layers of the protocol.

`handle(event, now)` takes one input and returns what is to be done, in order. Nothing here waits, reads a clock,
draws a random number that was not handed in, or touches a socket or a disk: the same node runs on asyncio and in a
simulator.
"""

from __future__ import annotations

import random
from typing import Final

import msgspec

from core.node.accounts.attempts import Attempts
from core.node.accounts.book import AccountBook
from core.node.accounts.keys import Keys
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.base.announcing import BaseAnnouncing
from core.node.base.base_links import BaseLinks
from core.node.base.base_registrations import BaseRegistrations
from core.node.base.base_servers import BaseServers
from core.node.base.user_table import UserTable
from core.node.clients.absence import Absences
from core.node.clients.balance import Balance
from core.node.clients.catching_up import CatchingUp
from core.node.clients.sessions import Sessions
from core.node.interface.actions import Action, SecretChangeAnswered, SecretReplaced, WakeAt
from core.node.interface.events import (
    AddressesFound,
    CommitFailed,
    Committed,
    ConnectionClosed,
    ConnectionOpened,
    DialFailed,
    DisconnectRequested,
    DrainRequested,
    Event,
    Fetched,
    JoinRequested,
    KeyChangeRequested,
    MalformedReceived,
    MessageReceived,
    Now,
    SecretChangeRequested,
    SecretHashed,
    SecretVerified,
    SshServed,
    StoreRecovered,
    Woke,
)
from core.node.interface.node_config import NodeConfig
from core.node.interface.snapshot import NodeSnapshot
from core.node.kernel.connections import Connection, Link, Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Dispatcher
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takers_of
from core.node.kernel.throttle import Throttle
from core.node.log.intake import Intake
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.map.announcements import USERS_SHOWN, Announcements
from core.node.map.own_address import OwnAddress
from core.node.map.own_links import OwnLinks
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.drift import Drift
from core.node.neighbours.heartbeat import Heartbeat
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.drain import Drain
from core.node.servers.handshake import Handshake
from core.node.servers.healing import Healing
from core.node.servers.leavers import Leavers
from core.node.servers.links import Links
from core.node.servers.successor import Successor
from core.node.views import view_of
from core.wire.address import Address
from core.wire.entries import AccountFact, KeyChange, Recovered, change_in_key
from core.wire.messages import (
    InvalidMessage,
    Message,
)

MAP_BURST: Final = 16
MAP_PERIOD: Final = 1.0
MAP_GAP: Final = 0.25
"""After so many changes of the map within the period, conclusions are drawn from it only every `MAP_GAP` seconds. A
crash is acted upon at once: a server has at most a dozen links, each of which is one change. When half of 1,000 servers
crash together there are a thousand changes within a second, and computing the tree after each of them took half of all
the time."""
LATE: Final = 0.1
"""Seconds after which a timer that was due is told to have run late, when the node is being debugged."""


class Node:
    """One server of the network."""

    def __init__(self, config: NodeConfig, recovered: Recovered, rng: random.Random, now: Now) -> None:
        context = Context(config, recovered, rng, now)
        self._context = context
        self.book = AccountBook(fact for fact in recovered.accounts if fact.key is None)
        own = ServerRecord(
            id=context.id,
            incarnation=context.incarnation,
            version=0,
            hostname=config.hostname,
            port=config.port,
            load=0,
            name=context.name,
            seen_at=now.wall,
        )
        self.topology = Topology(own)
        self.neighbours = Neighbours(context)
        drift = Drift(context)
        self.replication = Replication(context, self.neighbours, recovered, self._apply_account)
        self.keys = Keys(context, self.book, self.replication, recovered.accounts)
        self.secrets = Secrets(context, self.book, self.replication, recovered.accounts)
        self.registration = Registration(context, self.neighbours, self.book, self.topology, self.replication)
        self.base_registrations = BaseRegistrations(context, self.topology, self.book, self.registration)
        self.registration.bridge = self.base_registrations
        self.whereabouts = Whereabouts(context, self.neighbours, self.topology)
        self.base_servers = BaseServers(
            context, self.neighbours, self.topology, self.whereabouts, self.replication.keep, recovered.peers
        )
        self.base_servers.time_elsewhere = drift.latest
        self.replication.delivery.may_have_been_told = self.base_servers.may_have_been_told
        self.announcements = Announcements(context, self.neighbours, self.topology, self._users)
        self.base_announcing = BaseAnnouncing(
            context,
            self.topology,
            self.base_servers,
            self.whereabouts,
            self.announcements,
            lambda: self.sessions.people.load,
        )
        self.own_address = OwnAddress(context, self.topology, self.announcements)
        self.balance = Balance(context, self.topology, self.whereabouts)
        self.synchronisation = Synchronisation(context, self.neighbours, self.replication)
        self.healing = Healing(
            context,
            self.neighbours,
            self.topology,
            self.replication,
            self.base_servers,
            self.whereabouts,
            recovered.peers,
        )
        self.heartbeat = Heartbeat(context, self.neighbours, drift)
        intake = Intake(context, self.neighbours, drift, self.replication, self.synchronisation)
        own_links = OwnLinks(self.neighbours, self.topology, self.announcements)
        self.user_table = UserTable(context, self.book, self.secrets, self.registration)
        base_links = BaseLinks(context, self.base_servers, self.base_announcing, self.replication, intake)
        base_links.on_taken_up = self.healing.linked
        base_links.on_left_to_another = self.healing.dial_was_needless
        self.absences = Absences(context, self.topology, self.replication)
        self.catching_up = CatchingUp(context, self.replication)
        self.attempts = Attempts(context)
        self.sessions = Sessions(
            context,
            self.book,
            self.secrets,
            self.replication,
            self.catching_up,
            self.absences,
            self.registration,
            self.balance,
            self.attempts,
            self.announcements.load_changed,
            self.announcements.redirected,
            self.snapshot,
        )
        self.leavers = Leavers(
            context,
            self.neighbours,
            self.topology,
            self.replication,
            self.synchronisation,
            self.healing,
            self.base_servers,
            self.whereabouts,
        )
        self.drain = Drain(
            context,
            self.neighbours,
            self.topology,
            self.registration,
            self.replication,
            self.announcements,
            self.leavers,
            Successor(context, self.neighbours, self.replication, self.base_servers, self.whereabouts, self.leavers),
            self._dismiss,
            self.sessions.note_dismissed,
        )
        self.synchronisation.on_requested = self.drain.peer_has
        self.synchronisation.on_done = self.leavers.synchronised
        self.handshake = Handshake(
            context,
            self.neighbours,
            drift,
            self.heartbeat,
            self.topology,
            self.own_address,
            own_links,
            self.whereabouts,
            self.synchronisation,
            self.attempts,
            self.user_table,
            base_links,
            self.healing,
            self.leavers,
        )
        self.links = Links(context, own_links, self.synchronisation, self.registration, self.healing, self.drain)
        self.announcements.on_record.append(self._record_merged)
        self.announcements.on_record.append(self.absences.record_merged)
        self.announcements.on_record.append(self.base_servers.record_merged)
        self.announcements.on_record.append(self.base_announcing.record_merged)
        self.takers = takers_of(
            self.sessions,
            self.handshake,
            self.links,
            self.heartbeat,
            self.leavers,
            self.synchronisation,
            intake,
            self.announcements,
            self.registration,
            self.base_registrations,
            base_links,
            self.base_announcing,
            self.user_table,
        )
        self._dispatcher = context.dispatch = Dispatcher(self.takers, context.invalid)
        self._map_throttle = Throttle(MAP_BURST, MAP_PERIOD, MAP_GAP)
        self._wake_at: float | None = None

    @property
    def id(self) -> str:
        return self._context.id

    # --- the machine --------------------------------------------------------------------------------------------------

    def start(self, now: Now) -> list[Action]:
        """Begin; call once, before the first event."""
        context = self._context
        context.pass_to(now)
        self.announcements.start()
        self.synchronisation.start()
        self.healing.start()
        self.base_servers.start()
        where = Address(context.config.hostname, context.config.port)
        context.notify("listening", f"server {context.name} ({context.id}) takes connections at {where}", "good")
        return self._outcome()

    def handle(self, event: Event, now: Now) -> list[Action]:
        """Take one event; what is to be done about it, in order.

        `now.monotonic` never goes backwards from call to call; `now.wall` may.
        """
        self._context.pass_to(now)
        match event:
            case MessageReceived():
                self._message(event.conn, event.message)
            case Committed():
                self.replication.committed(event.batch)
            case Woke():
                timers = self._context.timers
                if self._context.tracing:
                    self._trace_lateness()
                serial = timers.serial
                while (callback := timers.pop_due(now.monotonic, serial)) is not None:
                    callback()
                self._wake_at = None
            case ConnectionOpened():
                self._opened(event)
            case ConnectionClosed():
                self._closed(event.conn, event.reason, event.unsent)
            case MalformedReceived():
                self._malformed(event.conn, event.info)
            case SecretVerified():
                if not self.secrets.verified(event.token, event.matches):
                    self.sessions.verified(event.token, event.matches)
            case SecretHashed():
                token, verifier = event.token, event.verifier
                if not self.secrets.hashed(token, verifier) and not self.user_table.hashed(token, verifier):
                    self.registration.hashed(token, verifier)
            case Fetched():
                if not self.catching_up.fetched(event.token, event.page):
                    self.synchronisation.fetched(event.token, event.page)
            case DialFailed():
                self.healing.failed(event.dial, event.reason, refused=event.refused)
            case CommitFailed():
                self._storage_failed(event)
            case StoreRecovered():
                self._storage_recovered()
            case JoinRequested():
                self.healing.join(event.address)
            case DrainRequested():
                self.drain.begin(event.reason)
            case DisconnectRequested():
                self._disconnect(event)
            case AddressesFound():
                self.own_address.found(event)
            case SshServed():
                self.topology.own.ssh = event.port
                self.announcements.structure_changed()
            case KeyChangeRequested():
                self.keys.change(event)
            case SecretChangeRequested():
                self._change_secret(event)
        return self._outcome()

    def _outcome(self) -> list[Action]:
        """Settle what follows from the event, and hand out the actions."""
        context = self._context
        while context.ended:
            self.links.ended(*context.ended.pop(0))
        if self.topology.losses != self._losses:
            self._losses = self.topology.losses
            self.neighbours.flood()
        if self._may_look_at_the_map():
            self.healing.observe()
            self.absences.look()
            self._steer_links()
        self.announcements.flush()
        self.replication.flush()
        if context.draining:
            self.drain.advance()
            self.replication.flush()
        actions, context.actions = context.actions, []
        wake_at = context.timers.next_at()
        if wake_at is not None and wake_at != self._wake_at:
            self._wake_at = wake_at
            actions.append(WakeAt(wake_at))
        return actions

    def _trace_lateness(self) -> None:
        """The loop did not come round in time, or the machine slept."""
        context = self._context
        earliest = context.timers.earliest()
        if earliest is None or context.now.monotonic - earliest[0] < LATE:
            return
        at, name = earliest
        # The rest of a name may be anything: an address, a claim.
        kind = name[0] if isinstance(name, tuple) else name
        context.trace("timer", name=kind, late=round(context.now.monotonic - at, 3), timers=len(context.timers))

    def _may_look_at_the_map(self) -> bool:
        """Whether it is time to draw conclusions from the map: always, unless it changes all the time."""
        if self.topology.is_settled:
            return True
        context = self._context
        now = context.now.monotonic
        next_at = self._map_throttle.next_at(now)
        if next_at > now:
            if "map" not in context.timers:
                context.timers.set("map", next_at, lambda: None)
            return False
        self._map_throttle.take(now)
        return True

    def _steer_links(self) -> None:
        """Make each native link eager or lazy as the spanning tree now says."""
        tree = self.topology.tree_neighbours(self._context.id)
        # A link in place of one that has just gone leaves the tree as it is.
        if tree is self._tree and self.handshake.established == self._steered:
            return
        self._tree = tree
        self._steered = self.handshake.established
        for link in self.neighbours.steer(tree):
            self.synchronisation.request(link)
        self.base_announcing.cut_second_ways()
        for base in self._context.connections.links(ConnectionState.BASE):
            self.base_announcing.tell_all(base, only_new=True)

    _tree: list[str] | None = None
    _steered = 0
    _losses = 0

    # --- connections --------------------------------------------------------------------------------------------------

    def _opened(self, event: ConnectionOpened) -> None:
        context = self._context
        now = context.now
        connection = Connection(event.conn, event.origin, event.peer, now.wall, now.monotonic, event.at)
        connection.vouched = event.vouched if event.origin == "local" else None
        connection.dial = event.dial
        connection.watch = context.watch
        context.trace("opened", conn=event.conn, origin=event.origin, peer=event.peer, dial=event.dial)
        if event.origin == "outbound":
            link = Link(connection)
            context.connections.add(link)
            self.healing.dialling.opened(link)
            self.handshake.dialled(link)
            return
        context.connections.add(connection)
        self.own_address.reached(connection)
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

    def _closed(self, conn: int, reason: str, unsent: int) -> None:
        connection = self._context.connections.get(conn)
        if connection is None:
            return
        self._context.trace("closed", conn=conn, peer=connection.peer, unsent=unsent, reason=reason)
        self._context.timers.cancel(("first", conn))
        self.attempts.closed(connection)
        if isinstance(connection, Session):
            self.sessions.closed(connection, reason, unsent)
        self._context.lost(connection, reason)
        self._context.connections.remove(conn)

    def _malformed(self, conn: int, info: str) -> None:
        connection = self._context.connections.get(conn)
        if connection is not None:
            self._context.invalid(connection, info)

    def _message(self, conn: int, message: Message) -> None:
        connection = self._context.connections.get(conn)
        if connection is None:
            return
        take = self._dispatcher.taker(connection, message)
        if take is None:
            return
        if isinstance(connection, Link):
            self.links.heard(connection)
        elif isinstance(connection, Session):
            self.sessions.heard(connection)
        else:
            connection.heard_at = self._context.now.monotonic
            self._context.timers.cancel(("first", conn))
        take(connection, message)

    def _dismiss(self, session: Session, reason: str) -> None:
        self._context.close(session, reason)

    def _disconnect(self, event: DisconnectRequested) -> None:
        connection = self._context.connections.get(event.conn)
        if connection is not None and connection.state is not ConnectionState.CLOSING:
            self._context.notify("refused", f"{connection.peer} was disconnected: {event.reason}", "warning")
            self._context.refuse(connection, InvalidMessage(event.reason), event.reason)

    # --- accounts, records, storage -----------------------------------------------------------------------------------

    def _apply_account(self, fact: AccountFact) -> None:
        if fact.key is not None:
            change = change_in_key(fact.key)
            if change is None:
                self.keys.apply(fact.claim, fact.key)
            elif self.secrets.apply(fact.claim, change):
                self.sessions.secret_changed(fact.claim, change.verifier)
                self._context.actions.append(SecretReplaced(fact.claim, change.verifier))
            fact = msgspec.structs.replace(fact, key=None)
            if self.book.fact(fact.claim) == fact:
                return
        renamings = self.book.apply(fact)
        for renaming in renamings:
            self._context.notify(
                "renamed",
                f"{renaming.before} was registered twice while the network was parted: the later account is now"
                f" {renaming.after}",
                "warning",
                user=renaming.after,
            )
            self.sessions.renamed(renaming)
        name = self.book.name_of(fact.claim)
        if name is not None and name != fact.username and not any(one.claim == fact.claim for one in renamings):
            self._context.notify(
                "renamed",
                f"{fact.username} was registered twice while the network was parted: the later account is now {name}",
                "warning",
                user=name,
            )
        self.base_registrations.account_known(fact.username)
        self.registration.account_known(fact)

    def _change_secret(self, event: SecretChangeRequested) -> None:
        def done(problem: str | None) -> None:
            self._context.actions.append(SecretChangeAnswered(event.token, problem))

        self.secrets.change(event.claim, event.secret, event.new_secret, done)

    def _record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        if before is None or before.left:
            self.healing.known.heard_of(record.id)
        if before is not None:
            self.balance.load_announced(record.id, before.load, record.load)
            self.balance.sent_announced(before.sent, record.sent)
            if before.addresses != record.addresses:
                self.healing.known.moved(record.id)
        self.balance.record_merged(before, record)
        if record.left and (before is None or not before.left):
            self._context.notify("quit", f"{record.name} has left the network", server=record.id)
            self.healing.departed(record.id)

    def _storage_failed(self, event: CommitFailed) -> None:
        if self._context.storage_error is None:
            self._context.storage_error = event.reason
            self._context.notify(
                "storage",
                f"the disk does not take writes ({event.reason}): new activities and registrations are refused",
                "error",
            )
        self.replication.commit_failed(event.batch, event.reason)

    def _storage_recovered(self) -> None:
        if self._context.storage_error is not None:
            self._context.storage_error = None
            self._context.notify("storage", "the disk takes writes again", "good")
            self.replication.storage_recovered()

    # --- views --------------------------------------------------------------------------------------------------------

    def snapshot(self, now: Now) -> NodeSnapshot:
        """What the node knows at this moment."""
        return view_of(
            self._context,
            self.book,
            self.topology,
            self.replication,
            self.healing,
            self.sessions.people,
            self.whereabouts,
            self.registration.lock_messages,
            now,
        )

    def queues(self) -> dict[str, int]:
        """How much waits, by what it waits for: what a monitor watches, and what must be bounded."""
        sessions = self._context.connections.sessions()
        return {
            "timers": len(self._context.timers),
            "messages in the longest inbox": max((len(session.inbox) for session in sessions), default=0),
            "activities behind the longest catching up": max(
                (len(session.backlog) for session in sessions if session.backlog is not None), default=0
            ),
            "sessions catching up": len(self._context.connections.catching_up),
            "messages held up for base servers": sum(
                len(link.backlog) for link in self._context.connections.links(ConnectionState.LISTENING)
            ),
            "logins being checked": self.sessions.checking,
            "secrets being changed": self.secrets.under_way,
            "attempts at secrets": len(self.attempts),
            "registrations": self.registration.open_claims + self.user_table.hashing,
            "lock answers being gathered": self.registration.open_echoes,
            "entries not durable": self.replication.unsynced,
            "activities parked": self.replication.parked,
            "pages being read": self.catching_up.reading + self.synchronisation.reading,
            "dials": len(self.healing.dialling),
        }

    def account(self, name: str) -> AccountFact | None:
        """The account that has the name now, with the verifier of its present secret."""
        fact = self.book.holder(name)
        return msgspec.structs.replace(fact, verifier=self.secrets.verifier(fact)) if fact is not None else None

    def account_name(self, claim: str) -> str | None:
        """The name that an account has now; it differs from its first one after a conflict."""
        return self.book.name_of(claim)

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]:
        """The public keys that open an account, the one that was bound first at the front."""
        return self.keys.of(claim)

    def _users(self) -> tuple[int, list[str]]:
        people = self.sessions.people
        return people.load, people.names(USERS_SHOWN)
