"""The node: a pure state machine that speaks all three layers of the protocol.

`handle(event, now)` takes one input and returns what is to be done, in order. Nothing here waits, reads a clock,
draws a random number that was not handed in, or touches a socket or a disk: the same node runs on asyncio and in a
simulator.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import msgspec

from core.node.accounts.account_notices import AccountNotices
from core.node.accounts.attempts import Attempts
from core.node.accounts.book import AccountBook
from core.node.accounts.keys import Keys
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.base.base_room import BaseRoom
from core.node.clients.absence import Absences
from core.node.clients.account_entries import AccountEntries
from core.node.clients.balance import Balance
from core.node.clients.catching_up import CatchingUp
from core.node.clients.reached_places import ReachedPlaces
from core.node.clients.sessions import Sessions
from core.node.documents.document_comparisons import DocumentComparisons
from core.node.documents.documents import Documents
from core.node.interface.actions import Action, WakeAt
from core.node.interface.events import (
    AddressesFound,
    CommitFailed,
    Committed,
    ConnectionClosed,
    ConnectionOpened,
    DataReadThrough,
    DialFailed,
    DisconnectRequested,
    DrainRequested,
    EntriesDamaged,
    Event,
    Fetched,
    InvitationUsed,
    JoinRequested,
    KeyAgreed,
    KeyChangeRequested,
    MalformedReceived,
    MessageReceived,
    NetworkAdopted,
    Now,
    PostsReceived,
    QueuesCounted,
    RecordsFetched,
    SearchIndexed,
    SecretChangeRequested,
    SecretHashed,
    SecretsDrawn,
    SecretVerified,
    SshServed,
    StoreRecovered,
    SummaryAnswered,
    Woke,
)
from core.node.interface.node_config import NodeConfig
from core.node.interface.snapshot import NodeSnapshot
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.invariants import Invariants
from core.node.kernel.rules import Dispatcher
from core.node.kernel.takers import takers_of_node
from core.node.log.intake import Intake
from core.node.log.pages_read import PagesRead
from core.node.log.proving import Proving
from core.node.log.reconciling import Reconciliation
from core.node.log.repair import Repair
from core.node.log.replication import Replication
from core.node.log.storage import Storage
from core.node.log.synchronisation import Synchronisation
from core.node.map.announcements import USERS_SHOWN, Announcements
from core.node.map.chronicle import Chronicle
from core.node.map.forest import Forest
from core.node.map.own_address import OwnAddress
from core.node.map.own_links import OwnLinks
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.drift import Drift
from core.node.neighbours.heartbeat import Heartbeat
from core.node.neighbours.neighbours import Neighbours
from core.node.orders.network_changes import NetworkChanges
from core.node.orders.ordering import Orders
from core.node.reception import Reception
from core.node.servers.admitting import Admission
from core.node.servers.dialled_ways import DialledWays
from core.node.servers.drain import Drain
from core.node.servers.expulsions import Expulsions
from core.node.servers.handshake import Handshake
from core.node.servers.healing import Healing
from core.node.servers.leavers import Leavers
from core.node.servers.links import Links
from core.node.servers.same_start import SameStart
from core.node.servers.steering import Steering
from core.node.servers.successor import Successor
from core.node.trust.known_keys import KnownKeys
from core.node.trust.membership import Membership
from core.node.views import view_of
from core.wire.address import Address
from core.wire.entries import AccountFact, KeyChange, PeerRecord
from core.wire.recovered import Recovered


class Node:
    """One server of the network."""

    def __init__(
        self, config: NodeConfig, recovered: Recovered, rng: random.Random, now: Now, *, checked_every: int = 0
    ) -> None:
        """`checked_every`: after so many events, or more where there are many connections, the node looks whether what
        must hold of it does, and raises BrokenInvariant if not; 0: never."""
        context = Context(config, recovered, rng, now)
        self._context = context
        self.book = AccountBook(before=recovered.accounts, distrusted=config.distrusted)
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
        self.known_keys = KnownKeys(
            context,
            self.neighbours,
            recovered.signer,
            recovered.verifier,
            recovered.signs_from,
            recovered.server_keys,
            lambda key: self.replication.keep(key),
        )
        own.key = self.known_keys.own
        self.membership = Membership(context, self.neighbours, recovered.signer_of)
        drift = Drift(context)
        self.replication = Replication(
            context,
            self.neighbours,
            self.topology,
            recovered,
            lambda fact, voter: self.account_entries.apply(fact, voter),
        )
        self.keys = Keys(context, self.book, self.replication, recovered.account_changes)
        self.secrets = Secrets(context, self.book, self.replication, recovered.account_changes)
        self.registration = Registration(
            context, self.neighbours, self.book, self.topology, self.replication, self.known_keys
        )
        self.whereabouts = Whereabouts(context, self.neighbours, self.topology)
        self.chronicle = Chronicle(context, self.topology, (peer.id for peer in recovered.peers), self._has_all)
        self.announcements = Announcements(context, self.neighbours, self.topology, self.known_keys, self._users)
        self.own_address = OwnAddress(context, self.topology, self.announcements)
        self.balance = Balance(context, self.topology, self.whereabouts)
        self.orders = Orders(context, self.neighbours, self.book, self.replication, recovered)
        self.documents = Documents(
            context, self.neighbours, drift, self.known_keys, self.replication, self.book, self.orders, recovered
        )
        self.document_comparisons = DocumentComparisons(context, self.neighbours, self.documents)
        self.reconciliation = Reconciliation(context, self.neighbours, self.replication)
        self.synchronisation = Synchronisation(
            context, self.neighbours, self.replication, self.reconciliation, self.known_keys
        )
        self.heartbeat = Heartbeat(context, self.neighbours, drift)
        self.intake = Intake(context, drift, self.replication, self.synchronisation, self.known_keys)
        own_links = OwnLinks(self.neighbours, self.topology, self.announcements)
        self.base = BaseRoom(
            context,
            self.neighbours,
            drift,
            self.topology,
            self.whereabouts,
            self.announcements,
            self.replication,
            self.intake,
            self.book,
            self.secrets,
            self.registration,
            lambda: self.sessions.people.load,
            recovered.peers,
        )
        self.healing = Healing(
            context,
            self.neighbours,
            self.topology,
            self.announcements.room,
            self.replication,
            self.base.servers,
            self.whereabouts,
            recovered.peers,
        )
        self.healing.on_reach = self.chronicle.observe
        self.healing.on_nobody_there = self.chronicle.nobody_there
        context.name_of = self.healing.known.name
        drift.announced = self.announcements.ahead_of_here
        self.announcements.room.forget = self.healing.known.let_go
        self.base.links.on_taken_up = self.healing.linked
        self.base.links.on_left_to_another = self.healing.dial_was_needless
        self.absences = Absences(context, self.topology, self.replication)
        self.reached = ReachedPlaces(
            context, self.replication, self.topology, drift, recovered.stamp, recovered.recent_streams
        )
        self.repair = Repair(context, self.neighbours, self.replication, self.synchronisation)
        self.catching_up = CatchingUp(context, self.replication, self.repair)
        self.pages = PagesRead(self.replication.removed)
        self.attempts = Attempts(context)
        self.sessions = Sessions(
            context,
            self.book,
            self.secrets,
            self.replication,
            self.catching_up,
            self.absences,
            self.reached,
            self.registration,
            self.orders,
            self.documents,
            self.topology,
            self.balance,
            self.attempts,
            self.announcements.load_changed,
            self.announcements.redirected,
            self.snapshot,
            self.queues,
        )
        self.sessions.on_login = self.chronicle.logged_in
        answering = self.reconciliation.answering
        self.pages.for_servers = (
            self.sessions.operator_desk.fetched,
            answering.fetched,
            self.synchronisation.fetched,
        )
        self.pages.for_people = (self.catching_up.fetched,)
        self.pages.as_they_are = (self.sessions.past_reading.fetched,)
        self.pages.records_for_servers = (answering.records_fetched, self.synchronisation.records_fetched)
        self.leavers = Leavers(
            context,
            self.neighbours,
            self.topology,
            self.replication,
            self.synchronisation,
            self.healing,
            self.base.servers,
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
            Successor(
                context,
                self.neighbours,
                self.replication,
                self.base.servers.handing_over,
                self.whereabouts,
                self.leavers,
                self.reconciliation,
                self.document_comparisons,
            ),
            context.close,
            self.sessions.note_dismissed,
            self.reached.begins,
        )
        same_start = SameStart(context, self.topology, self.drain.give_way)
        self.announcements.on_same_start = same_start.met
        self.announcements.on_another_start = same_start.met_another_start
        self.synchronisation.on_requested = self.drain.peer_has
        self.synchronisation.on_done += (self.leavers.synchronised, self.repair.answered)
        self.reconciliation.answering.on_asked = self.drain.peer_has
        self.document_comparisons.on_all_there = lambda link: self.drain.advance()
        proving = Proving(
            context, self.neighbours, self.replication, self.reconciliation, self.known_keys, recovered.starts
        )
        self.reconciliation.comparisons.on_done += (
            self.leavers.reconciled,
            lambda link, complete: self.repair.answered(link),
            proving.compared,
        )
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
            self.base.user_table,
            self.base.links,
            self.healing,
            self.leavers,
            self.known_keys,
            self.membership,
        )
        self.network_changes = NetworkChanges(
            *(context, self.neighbours, self.known_keys, self.membership, self.orders, recovered, self._has_known)
        )
        self.sessions.operator_desk.changes = self.network_changes
        self.orders.problem_with = self.network_changes.problem_with
        self.expulsions = Expulsions(context, self.neighbours, self.healing, self.orders)
        self.handshake.on_native.append(self.orders.founding.linked)
        self.admission = Admission(context, self.known_keys, self.membership, self.network_changes, self.attempts)
        self.admission.on_refused = self.healing.refused
        self._ways = DialledWays(
            context,
            self.known_keys,
            self.membership,
            self.healing.dialling,
            self.healing.seeds,
            self.healing.known,
            self.admission,
            self.network_changes,
            self.handshake.introduce,
            self.healing.turned_away,
        )
        self.handshake.on_native += (self._ways.linked, self.document_comparisons.linked)
        self.links = Links(
            context, own_links, self.base.links, self.synchronisation, self.registration, self.healing, self.drain
        )
        self.links.on_wrong_secret = lambda link: self._ways.wrong_secret(link, self.handshake.refused_in_clear)
        self._look_at_own_clock = drift.look_at_own
        self.announcements.on_refresh.append(drift.look_at_own)
        self.announcements.on_record += (
            self.chronicle.record_merged,
            self.healing.record_merged,
            self.balance.record_merged,
            self.absences.record_merged,
            self.base.record_merged,
        )
        # Parts of parts are named; the node's own are all asked.
        self.takers = takers_of_node(
            *vars(self).values(),
            self.sessions.posting,
            self.sessions.secret_changes,
            self.sessions.operator_desk,
            self.sessions.past_reading,
            self.sessions.document_keeping,
            self.sessions.code_redeeming,
            self.orders.founding,
            self.registration.echoes,
            self.reconciliation.comparisons,
            self.reconciliation.answering,
            *self.base.takers,
        )
        context.dispatch = dispatcher = Dispatcher(self.takers, context.invalid)
        self.reception = Reception(
            context,
            dispatcher,
            self.own_address,
            self.attempts,
            self.sessions,
            self.admission,
            self._ways,
            self.links,
            self.healing,
            self.orders,
        )
        self.storage = Storage(context, self.replication)
        self.steering = Steering(
            context, self.neighbours, self.topology, self.synchronisation, self.base, self.handshake
        )
        self.account_entries = AccountEntries(
            context,
            self.book,
            self.keys,
            self.secrets,
            self.registration,
            AccountNotices(context, self.book, self.topology, self.known_keys),
            self.sessions,
            self.orders,
        )
        rooms = (
            self.sessions,
            self.neighbours,
            own_links,
            self.synchronisation,
            self.reconciliation,
            self.intake,
            self.leavers,
            self.drain,
            self.steering,
            self.documents,
            self.document_comparisons,
        )
        self._invariants = Invariants(context, *rooms, every=checked_every) if checked_every else None
        self._wake_at: float | None = None

    @property
    def id(self) -> str:
        return self._context.id

    def _has_known(self, server: str) -> bool:
        """Whether a server has been part of this network, as far as is known here."""
        known = (self.healing.peers, self.topology.records, self.known_keys.bound)
        return self.replication.room.knows(server) or any(server in one for one in known)

    def _has_all(self) -> bool:
        """Whether nothing is missing here that is known to be somewhere, and all that is here is durable."""
        return not (self.neighbours.is_any_asked or self.replication.parked or self.replication.busy)

    # --- the machine --------------------------------------------------------------------------------------------------

    def start(self, now: Now) -> list[Action]:
        """Begin; call once, before the first event."""
        context = self._context
        context.pass_to(now)
        self.announcements.start()
        self.synchronisation.start()
        self.healing.start()
        self.base.servers.start()
        self.repair.start()
        self.orders.start()
        self.documents.start()
        self.document_comparisons.start()
        self.expulsions.start()
        self.network_changes.start()
        where = Address(context.config.hostname, context.config.port)
        self._look_at_own_clock()
        self.chronicle.start(self.replication.activities)
        context.notify("listening", f"server {context.name} ({context.id}) takes connections at {where}", "good")
        return self._outcome()

    def handle(self, event: Event, now: Now) -> list[Action]:
        """Take one event; what is to be done about it, in order.

        `now.monotonic` never goes backwards from call to call; `now.wall` may.
        """
        self._context.pass_to(now)
        match event:
            case MessageReceived():
                self.reception.message(event.conn, event.message)
            case PostsReceived():
                self.reception.posts(event.conn, event.messages)
            case Committed():
                self.replication.committed(event.batch, event.records, event.arrived)
            case Woke():
                timers = self._context.timers
                self._context.look_at_lateness()
                serial = timers.serial
                while (callback := timers.pop_due(now.monotonic, serial)) is not None:
                    callback()
                self._wake_at = None
            case ConnectionOpened():
                self.reception.opened(event)
            case ConnectionClosed():
                self.reception.closed(event.conn, event.reason, event.unsent)
            case MalformedReceived():
                self.reception.malformed(event.conn, event.info)
            case SecretVerified():
                if not self.secrets.verified(event.token, event.matches):
                    self.sessions.verified(event.token, event.matches)
            case SecretHashed():
                token, verifier = event.token, event.verifier
                if not self.secrets.hashed(token, verifier) and not self.base.user_table.hashed(token, verifier):
                    self.registration.hashed(token, verifier)
            case Fetched():
                self.pages.fetched(event.token, event.page)
            case RecordsFetched():
                self.pages.records_fetched(event.token, event.page)
            case SummaryAnswered():
                self.reconciliation.answered(event.token, event.answer)
            case EntriesDamaged():
                self.repair.found(event.entries)
            case SearchIndexed():
                self.sessions.past_reading.indexed = event
            case DataReadThrough():
                self.repair.read_through_at, self.repair.damaged_then = event.at, event.damaged
            case DialFailed():
                if not event.clear:
                    self.healing.failed(event.dial, event.reason, refused=event.refused)
                elif not self._ways.speaks_in_clear(event.dial):
                    self.healing.speaks_in_clear(event.dial, self._ways.why_not_in_clear())
            case NetworkAdopted():
                self.membership.adopted(event.network)
            case KeyAgreed():
                self.admission.computed(event)
            case InvitationUsed():
                self.admission.used(event)
            case CommitFailed():
                self.storage.failed(event.batch, event.reason)
            case StoreRecovered():
                self.storage.recovered()
                self.catching_up.readable_again()
            case JoinRequested():
                self.orders.founding.joins()
                self.healing.join(event.address, base=event.base, invited=event.invited)
            case DrainRequested():
                self.sessions.document_keeping.hurry()
                self.drain.begin(event.reason)
            case DisconnectRequested():
                self.reception.disconnect(event.conn, event.reason)
            case AddressesFound():
                self.own_address.found(event)
            case SshServed():
                self.topology.own.ssh, self.topology.own.ssh_authority = event.port, event.authority
                self.announcements.structure_changed()
            case KeyChangeRequested():
                self.keys.change(event)
            case SecretsDrawn():
                self.sessions.operator_desk.drawn(event)
            case QueuesCounted():
                self.sessions.queue_answers.counted(event)
            case SecretChangeRequested():
                self.secrets.change_requested(event)
        return self._outcome()

    def _outcome(self) -> list[Action]:
        """Settle what follows from the event, and hand out the actions."""
        context = self._context
        while context.ended:
            link, reason = context.ended.pop(0)
            self.links.ended(link, reason)
            self.announcements.room.ended(link)
            self.replication.room.ended(link)
            self.replication.under_way.ended(link.conn)
            self.document_comparisons.link_closed(link.conn)
        self.steering.look_for_losses()
        if self.steering.may_look_at_the_map():
            self.healing.observe()
            self.absences.look()
            self.steering.steer()
            self.chronicle.look_at_tree()
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
        if self._invariants is not None:
            self._invariants.after_event()
        return actions

    # --- views --------------------------------------------------------------------------------------------------------

    def begin_amid(
        self,
        records: Mapping[str, ServerRecord],
        links: Mapping[str, int],
        forest: Forest,
        peers: Iterable[PeerRecord],
    ) -> None:
        """Be one of a network that has long settled: simulations of large ones begin so, instead of growing them."""
        self.topology.begin_amid(records, links, forest)
        self.healing.begin_amid(peers)

    def begin_linked(self, link: Link) -> None:
        """Have had an established link, to a server that `begin_amid` has told of."""
        self._context.connections.add(link)
        self.heartbeat.schedule(link)

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
            self.base.servers.attached(),
            self.registration.echoes.lock_messages,
            self.repair,
            lambda server: self.known_keys.standing(server).signs_from,
            self._ways.secret_shown,
            self.orders.founding.awaited,
            self.network_changes.ssh_revoked,
            self.sessions.past_reading.indexed,
            now,
        )

    def queues(self) -> dict[str, int]:
        """How much waits, by what it waits for: what a monitor watches, and what must be bounded."""
        return {
            "timers": len(self._context.timers),
            **self._context.connections.waiting(),
            "messages held up for base servers": self.base.activities.backlog,
            "logins being checked": self.sessions.checking,
            "secrets being changed": self.secrets.under_way,
            "orders being kept": self.orders.waiting,
            "attempts at secrets": len(self.attempts),
            "admissions": len(self.admission),
            "registrations": self.registration.open_claims + self.base.user_table.hashing,
            "lock answers being gathered": len(self.registration.echoes),
            "entries not durable": self.replication.unsynced,
            "activities parked": self.replication.parked,
            "damaged entries": self.replication.damaged.count,
            "records to be taken in": self.intake.waiting,
            "links held up for what came over them": self.replication.under_way.held,
            "comparisons with neighbours": len(self.reconciliation.comparisons),
            "documents being kept": self.documents.being_kept,
            "documents that wait": self.sessions.document_keeping.waiting,
            "comparisons of documents": len(self.document_comparisons),
            "questions about the past": self.sessions.past_reading.open,
            "pages being read": self.catching_up.reading
            + self.catching_up.asking
            + self.synchronisation.reading
            + self.reconciliation.reading,
            "dials": len(self.healing.dialling),
        }

    def account(self, name: str) -> AccountFact | None:
        """The account that has the name now, with the verifier of its present secret."""
        fact = self.book.holder(name)
        return msgspec.structs.replace(fact, verifier=self.secrets.verifier(fact)) if fact is not None else None

    def accounts_called(self, name: str) -> tuple[AccountFact, ...]:
        """The accounts that somebody giving a name may mean, in the order in which they are tried, each with the
        verifier of its present secret."""
        meant = self.sessions.accounts_called(name)
        return tuple(msgspec.structs.replace(fact, verifier=self.secrets.verifier(fact)) for fact in meant)

    def account_name(self, claim: str) -> str | None:
        """The name that an account has now; it differs from its first one after a conflict."""
        return self.book.name_of(claim)

    def kept_out(self, claim: str | None, host: str) -> str | None:
        """Why operators have kept an account, or an address, out of the network, as a clause; None: they have not."""
        return self.orders.kept_out(claim, host)

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]:
        """The public keys that open an account, the one that was bound first at the front."""
        return self.keys.of(claim)

    def _users(self) -> tuple[int, list[str]]:
        people = self.sessions.people
        return people.load, people.names(USERS_SHOWN)
