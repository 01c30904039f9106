"""Server links: authentication, finding out what the other side speaks, and what it says afterwards."""

from __future__ import annotations

import hmac
from typing import Final

import msgspec

from core.node.accounts.attempts import Attempts
from core.node.accounts.book import AccountBook
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.base.announcing import BaseAnnouncing
from core.node.base.base_servers import BaseServers
from core.node.interface.actions import Trust
from core.node.interface.events import Origin
from core.node.interface.traces import TraceKind
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import FEATURES, Context
from core.node.kernel.rules import Handler, Take
from core.node.kernel.states import ConnectionState, Outcome
from core.node.log.entry_messages import entry_of_account, entry_of_activity
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.map.announcements import Announcements
from core.node.map.own_address import OwnAddress
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.drain import Drain
from core.node.servers.drift import Drift
from core.node.servers.healing import Healing
from core.node.servers.leavers import Leavers
from core.wire.address import Address
from core.wire.entries import Entry
from core.wire.limits import ACTIVITY_BYTES_MAX, USER_INFO_CHUNK_BYTES
from core.wire.messages import (
    Account,
    ActivityBroadcast,
    Authenticate,
    AuthenticationFail,
    InvalidMessage,
    Message,
    Ping,
    Pong,
    ServerAnnounce,
    ServerHello,
    ServerRefused,
    SyncDone,
    SyncRequest,
    UserInfo,
    command_of,
)
from core.wire.names import name_problem

VERIFIER_PREFIXES: Final = ("$argon2", "$scrypt$", "$2b$")
"""How a salted hash in the PHC string format begins; anything else in a USER_INFO is a secret in clear."""

_IN_WORDS: Final = {
    "duplicate": "there is another one",
    "busy": "it has as many as it takes",
    "leaving": "it is leaving",
}
"""Reasons of `SERVER_REFUSED`, for a person who reads why a link has ended."""

SILENT_BEATS: Final = 4
"""Announcements that a base server may miss, by the longest time that there was between two, before its link is taken
for dead: as long as it is not, every registration waits for answers in vain."""
HELD_MAX: Final = 256
"""Activities of a base server that wait until it is known that no other server of ours speaks to it."""

MEASURE_INTERVAL: Final = 30.0
"""Seconds after which a link's round trip is measured again although its other side has just been heard."""


class Links:
    """The servers' half of the node."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        book: AccountBook,
        secrets: Secrets,
        replication: Replication,
        registration: Registration,
        announcements: Announcements,
        synchronisation: Synchronisation,
        healing: Healing,
        base_servers: BaseServers,
        base_announcing: BaseAnnouncing,
        leavers: Leavers,
        drain: Drain,
        attempts: Attempts,
        whereabouts: Whereabouts,
        own_address: OwnAddress,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._book = book
        self._secrets = secrets
        self._replication = replication
        self._registration = registration
        self._announcements = announcements
        self._synchronisation = synchronisation
        self._healing = healing
        self._base_servers = base_servers
        self._base_announcing = base_announcing
        base_announcing.on_doubt_over = self._take_held
        self._leavers = leavers
        self._drain = drain
        self._attempts = attempts
        self._drift = Drift(context)
        base_servers.time_elsewhere = self._drift.latest
        self._whereabouts = whereabouts
        self._own_address = own_address
        self.established = 0
        """How many native links there have been."""

    # --- getting acquainted -------------------------------------------------------------------------------------------

    def dialled(self, link: Link) -> None:
        """A link that this node dialled is up: say who this is, in a way that base servers understand too."""
        context = self._context
        link.enter(Outcome.DIALLED)
        link.stamp = context.stamp()
        config = context.config
        own = self._topology.own
        context.send(
            link,
            Authenticate(
                secret=config.secret,
                id=context.id,
                incarnation=context.incarnation,
                hostname=own.hostname,
                port=own.port,
                name=context.name,
                features=list(FEATURES) if self._healing.is_first_link() else ["quit", "sync"],
                link=self._healing.purpose_of(link),
                stamp=link.stamp,
            ),
        )
        link.announced[own.id] = None
        here = self._whereabouts.own_for(link)
        context.send(link, ServerAnnounce(id=own.id, load=own.load, hostname=here.host, port=here.port))
        # A base server answers nothing: its first announcement, at most some seconds later, shows what it is.
        context.timers.set(("quiet", link.conn), context.after(config.quiet_limit), lambda: self._take_for_base(link))

    def authenticate(self, connection: Connection, message: Authenticate) -> None:
        """The first message of a server that dialled this one."""
        if connection.conn in self._attempts:
            return
        waits = False

        def look() -> None:
            if waits:
                self._attempts.hold(connection, False)
            if connection.state is ConnectionState.FRESH:
                self._check_secret(connection, message)
            else:
                self._attempts.over(connection)

        def refused(problem: str) -> None:
            self._context.refuse(connection, AuthenticationFail(problem), "too many wrong network secrets")

        self._attempts.begin(connection, f"server {message.id or ''}", look, refused)
        waits = connection.conn in self._attempts
        if waits:
            self._attempts.hold(connection, True)

    def _check_secret(self, connection: Connection, message: Authenticate) -> None:
        context = self._context
        if not hmac.compare_digest(
            message.secret.encode(errors="replace"), context.config.secret.encode(errors="replace")
        ):
            context.notify("refused", f"a server link from {connection.peer} was refused: wrong secret", "warning")
            self._attempts.hold(connection, True)
            self._attempts.failed(connection, lambda: self._wrong_secret(connection))
            return
        self._attempts.succeeded(connection)
        link = Link(connection)
        link.features = frozenset(message.features)
        context.connections.add(link)
        native = "sync" in link.features and message.id is not None and message.incarnation is not None
        if context.draining:
            text = "this server is leaving the network"
            context.refuse(link, ServerRefused("leaving", text) if native else AuthenticationFail(text), "leaving")
            return
        context.actions.append(Trust(link.conn))
        if not native:
            if link.features:
                self._become_base(link)
                if "user_info" in link.features:
                    self._send_user_info(link)
                return
            link.enter(Outcome.SHOWED_NOTHING)
            context.timers.set(
                ("quiet", link.conn), context.after(context.config.quiet_limit), lambda: self._take_for_base(link)
            )
            return
        link.remote_id = message.id
        link.incarnation = message.incarnation or 0
        link.name = message.name or (message.id or "")[:6]
        link.hostname = message.hostname or link.peer.host
        link.port = int(message.port) if message.port is not None else link.peer.port
        link.stamp = message.stamp or context.stamp()
        refusal = self._refusal(link, lazy=message.link == "lazy")
        if refusal is not None:
            context.refuse(link, refusal, f"link refused: {refusal.reason}")
            return
        context.send(
            link,
            ServerHello(
                context.id,
                context.incarnation,
                *self._own_address.address,
                name=context.name,
                features=list(FEATURES),
                stamp=self._drift.time(),
                seen=link.peer.host or None,
            ),
        )
        self._drift.heard(link, message.stamp)
        if "user_info" in link.features:
            self._send_user_info(link)
        self._become_native(link)

    def _wrong_secret(self, connection: Connection) -> None:
        text = "the secret is not this network's"
        self._context.refuse(connection, AuthenticationFail(text), "wrong network secret")

    def _refusal(self, link: Link, *, lazy: bool) -> ServerRefused | None:
        """Whether an inbound native link is not wanted, and why. May close an older link that it replaces."""
        context = self._context
        remote = link.remote_id or ""
        if remote == context.id:
            return ServerRefused("self", "this is the server that you are")
        existing = self._neighbours.find(remote)
        if existing is not None:
            if self._is_crossing(existing, link, "outbound") and context.id < remote:
                return ServerRefused("duplicate", "there is a link already")
            twin = self._twin_of(existing, link)
            if twin is not None:
                return twin
            # Whoever dials knows of no link: the older one is dead on its side.
            self._replace(existing)
        natives = len(self._neighbours)
        if lazy and natives >= context.config.links_max:
            return ServerRefused("busy", f"this server has {natives} links already")
        return None

    def _twin_of(self, existing: Link, link: Link) -> ServerRefused | None:
        """Why not to exchange a neighbour's link for one with an earlier start of the same server, elsewhere.

        Two servers with one identity (data restored while the original runs) would push each other out for ever; so the
        later start stays, and the other is told why.
        """
        address = Address(existing.hostname, existing.port)
        if existing.incarnation <= link.incarnation or address == Address(link.hostname, link.port):
            return None
        return ServerRefused(
            "twin",
            f"a server with this one's identity was started later at {address}: two cannot run from one server's data;"
            " end one of them, and start it with a data directory of its own",
        )

    def _is_crossing(self, existing: Link, link: Link, origin: Origin) -> bool:
        """Whether both servers dialled each other, rather than one of them again."""
        return existing.origin == origin and existing.incarnation == link.incarnation

    def _replace(self, existing: Link) -> None:
        existing.clean = True
        # Should the other side still listen there, it must not take this for a loss.
        text = "replaced by another link"
        self._context.refuse(existing, ServerRefused("duplicate", text), text)
        self._unlink(existing)

    def _hello(self, link: Link, message: ServerHello) -> None:
        """The dialled server is one of ours."""
        context = self._context
        link.remote_id = message.id
        link.incarnation = message.incarnation
        link.features = frozenset(message.features)
        link.name = message.name or message.id[:6]
        link.hostname, link.port = message.hostname, int(message.port)
        context.timers.cancel(("quiet", link.conn))
        existing = self._neighbours.find(message.id)
        twin = self._twin_of(existing, link) if existing is not None else None
        if twin is not None:
            link.clean = True
            self._healing.dial_was_needless(link)
            context.refuse(link, twin, "its identity is that of another server, started later")
            return
        if existing is not None and not (self._is_crossing(existing, link, "inbound") and message.id < context.id):
            # The other side has replaced the older link. Only when both have dialled at once, and neither knew of the
            # other, the link stays that the server with the smaller id dialled.
            self._replace(existing)
            existing = None
        if message.id == context.id or existing is not None:
            link.clean = True
            self._healing.dial_was_needless(link)
            context.close(link, "there is a link already" if existing is not None else "that is this server itself")
            return
        context.actions.append(Trust(link.conn))
        self._drift.heard(link, message.stamp)
        if message.seen is not None:
            self._own_address.seen(link, message.seen)
        self._become_native(link)

    def _become_native(self, link: Link) -> None:
        context = self._context
        link.enter(Outcome.NATIVE_TAKEN_UP)
        self._whereabouts.linked(link)
        self.established += 1
        context.trace("link", conn=link.conn, step="up", server=link.remote_id, name=link.name, dial=link.dial)
        remote = link.remote_id or ""
        self._topology.link_up(remote, link.stamp)
        self._announcements.introduce(link)
        self._announcements.structure_changed()
        self._synchronisation.request(link)
        link.heard_at = context.now.monotonic
        self._schedule_ping(link)
        where = self._whereabouts.announced_by(link, Address(link.hostname, link.port))
        context.notify("linked", f"linked with {link.name} ({where or link.peer})", "good", server=remote)
        self._healing.linked(link)
        self._leavers.linked(link)

    def _take_for_base(self, link: Link) -> None:
        if link.state is ConnectionState.WAITING and self._healing.knows_for_native(link):
            # One of ours takes connections but does not answer: it hangs.
            self._context.close(link, "no answer")
        elif link.state in (ConnectionState.QUIET, ConnectionState.WAITING):
            self._become_base(link)

    def _become_base(self, link: Link) -> None:
        """The other side speaks only the base protocol. Who has dialled it listens first: another server of ours may
        have dialled it as well."""
        context = self._context
        context.timers.cancel(("quiet", link.conn))
        link.name = link.name or str(link.peer)
        if link.state is ConnectionState.WAITING:
            context.actions.append(Trust(link.conn))
            self._base_servers.taking_up(link)
        if link.state is not ConnectionState.WAITING or self._base_servers.is_alone:
            self._speak_to_base(link)
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
                self._speak_to_base(link)
        elif link.first_heard_at is None and now >= since + config.base_silence_limit:
            context.close(link, f"silent for {config.base_silence_limit:g} s")
        else:
            at = context.after(config.listen) if link.first_heard_at is None else link.first_heard_at + config.listen
            context.timers.set(("quiet", link.conn), at, lambda: self._listen(link, since))

    def _speak_to_base(self, link: Link) -> None:
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
        self._base_announcing.start(link)
        self._healing.linked(link)
        self._base_servers.linked(link)
        self._watch_silence(link)
        self._take_held(link)

    def _take_held(self, link: Link) -> None:
        """No other server of ours has taken in what the base server has said."""
        held, link.held = link.held, []
        if link.state is ConnectionState.BASE:
            link.suspect_until = float("-inf")
            for message in held:
                self._base_activity(link, message)

    def _leave_to_another(self, link: Link) -> None:
        """Another server of ours speaks to a base server: what this one heard of it, that one has heard as well."""
        self._context.trace("base", conn=link.conn, step="left to another", peer=link.peer)
        self._healing.dial_was_needless(link)
        self._base_servers.left_to_another(link)
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

    def _send_user_info(self, link: Link) -> None:
        """Every registered user, with a verifier in place of the secret."""
        chunk: dict[str, str] = {}
        size = 0
        sent = False
        for name, fact in self._book:
            verifier = self._secrets.verifier(fact)
            size += len(name.encode()) * 2 + len(verifier) + 8
            chunk[name] = verifier
            if size > USER_INFO_CHUNK_BYTES:
                self._context.send(link, UserInfo(chunk))
                chunk, size, sent = {}, 0, True
        if chunk or not sent:
            self._context.send(link, UserInfo(chunk))

    # --- half-open links ----------------------------------------------------------------------------------------------

    def _schedule_ping(self, link: Link) -> None:
        interval = self._context.config.ping_interval
        self._context.timers.set(("ping", link.conn), self._context.after(interval), lambda: self._ping(link))

    def _ping(self, link: Link) -> None:
        if not self._neighbours.is_neighbour(link):
            return
        now = self._context.now.monotonic
        config = self._context.config
        silence = now - link.heard_at
        if now < link.heard_at + config.ping_interval and now < link.pinged_at + MEASURE_INTERVAL:
            # It lives: there is no need to ask.
            self._context.timers.set(
                ("ping", link.conn), link.heard_at + config.ping_interval, lambda: self._ping(link)
            )
            return
        if link.unanswered >= config.ping_misses:
            self._context.notify(
                "unlinked", f"{link.name} does not answer any more ({silence:.0f} s)", "warning", server=link.remote_id
            )
            self._context.close(link, f"no answer for {silence:.1f} s", told="no answer")
            return
        link.unanswered += 1
        link.ping_number += 1
        link.pinged_at = now
        self._context.send(link, Ping(link.ping_number))
        self._schedule_ping(link)

    # --- messages -----------------------------------------------------------------------------------------------------

    def takers(self) -> dict[Handler, Take]:
        """Who takes a server's messages."""
        return {
            Handler.AUTHENTICATE: self.authenticate,
            Handler.HELLO: self._hello,
            Handler.REFUSED: self._link_refused,
            Handler.SERVER_OBJECTS: self._objects,
            Handler.SPEAKS_BASE: self._speaks_base,
            Handler.USERS_BEFORE_HELLO: self._users_before_hello,
            Handler.USERS: self._users,
            Handler.USERS_KNOWN_OTHERWISE: self._users_known_otherwise,
            Handler.BASE_ACTIVITY: self._base_activity,
            Handler.OVERHEARD_ACTIVITY: self._overheard_activity,
            Handler.ENTRY: self._native_activity,
            Handler.ACCOUNT: self._account,
            Handler.BASE_ANNOUNCEMENT: self._base_announcing.receive,
            Handler.OVERHEARD_ANNOUNCEMENT: self._overheard_announcement,
            Handler.RECORD: self._announcements.receive_native,
            Handler.LOCK_REQUEST: self._registration.requested,
            Handler.LOCK_ALLOWED: self._registration.allowed,
            Handler.LOCK_DENIED: self._registration.denied,
            Handler.LOCK_RELEASE: self._registration.released,
            Handler.SYNC_DIGEST: self._synchronisation.digest_received,
            Handler.SYNC_REQUEST: self._sync_requested,
            Handler.SYNC_DONE: self._sync_done,
            Handler.MAP_SUMMARY: self._announcements.compare,
            Handler.SERVER_ASKS: self._asks_whether_alive,
            Handler.SERVER_ANSWERS: self._answers,
            Handler.QUIT: self._leavers.quit_received,
        }

    def heard(self, link: Link) -> None:
        """A server has said something."""
        link.heard_at = self._context.now.monotonic
        if link.first_heard_at is None:
            link.first_heard_at = link.heard_at
        link.unanswered = 0

    def _speaks_base(self, link: Link, message: Message) -> None:
        self._become_base(link)
        self._context.dispatch(link, message)

    def _overheard_announcement(self, link: Link, message: ServerAnnounce) -> None:
        if self._base_announcing.shows_another_way(link, message):
            self._leave_to_another(link)
        else:
            self._base_announcing.receive(link, message)

    def _sync_requested(self, link: Link, message: SyncRequest) -> None:
        self._synchronisation.requested(link, message)
        self._drain.peer_has(link)

    def _sync_done(self, link: Link, message: SyncDone) -> None:
        self._synchronisation.done(link, message)
        self._leavers.synchronised(link)

    def _asks_whether_alive(self, link: Link, message: Ping) -> None:
        wall = max(0, int(self._context.now.wall * MICROSECONDS))
        self._context.send(link, Pong(message.number, self._drift.time(), wall))

    def _answers(self, link: Link, message: Pong) -> None:
        if message.number == link.ping_number:
            link.round_trip = self._context.now.monotonic - link.pinged_at
            self._drift.answered(link, message.stamp, message.wall)

    def _native_activity(self, link: Link, message: ActivityBroadcast) -> None:
        try:
            entry = entry_of_activity(message)
        except ValueError as error:
            self._context.invalid(link, f"ACTIVITY_BROADCAST: {error}")
            return
        if entry is None:
            self._context.invalid(link, "ACTIVITY_BROADCAST between native servers needs id and stamp")
        else:
            self._take_entry(link, entry)

    def _overheard_activity(self, link: Link, message: ActivityBroadcast) -> None:
        if self._takes_as_entry(link, message) or self._context.now.monotonic < link.shared_until:
            return
        self._keep_back(link, message)

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
            self._take_entry(link, entry)
        return entry is not None

    def _keep_back(self, link: Link, message: ActivityBroadcast) -> None:
        """Keep what would be two activities if two of ours took it in."""
        link.held.append(message)
        if len(link.held) > HELD_MAX:
            self._context.close(link, f"said {HELD_MAX} things before it could be spoken to")

    def _account(self, link: Link, message: Account) -> None:
        try:
            entry = entry_of_account(message)
        except ValueError as error:
            self._context.invalid(link, f"ACCOUNT: {error}")
            return
        self._take_entry(link, entry)

    def _take_entry(self, link: Link, entry: Entry) -> None:
        if not self._replication.receive(self._drift.dated(link, entry), link.conn):
            return
        self._synchronisation.entry_received(link)
        if self._neighbours.is_neighbour(link) and self._replication.vector.has_gap(entry.id.stream):
            self._synchronisation.request(link)

    def _users_before_hello(self, link: Link, message: UserInfo) -> None:
        if "sync" not in link.features:
            link.features |= {"user_info", "quit"}
        self._users(link, message)

    def _users(self, link: Link, message: UserInfo) -> None:
        """Users of a peer that is not ours are taken in."""
        for name, value in message.user_info.items():
            self._registration.import_account(name, value, value.startswith(VERIFIER_PREFIXES))

    def _users_known_otherwise(self, link: Link, message: UserInfo) -> None:
        """One of ours tells the same by synchronisation, with more detail."""

    def _link_refused(self, link: Link, message: ServerRefused) -> None:
        self._refused(link, message.reason, message.info)

    def _objects(self, link: Link, message: InvalidMessage | AuthenticationFail) -> None:
        self._refused(link, command_of(message), message.info)

    def _refused(self, link: Link, why: str, info: str) -> None:
        """The other side wants no link, or objects to something."""
        link.clean = why in ("duplicate", "self", "busy", "leaving")
        if why not in ("duplicate", "self", "busy"):
            text = f"{link.peer} refused the link: {info[:200] or why}"
            self._context.notify("refused", text, "error", server=link.remote_id)
        self._healing.refused(link, why)
        self._context.close(link, f"the server says {why}: {info[:200]}", told=why)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def ended(self, link: Link, reason: str) -> None:
        """The link is gone, or given up: everything that relied on it must know. Called once for each."""
        context = self._context
        was_native = self._is_in_topology(link)
        was_base, link.is_base = link.is_base, False
        for timer in ("quiet", "ping", "silence", "sign", "doubt"):
            context.timers.cancel((timer, link.conn))
        self._unlink(link)
        self._registration.link_closed(link.conn)
        self._synchronisation.link_closed(link.conn)
        if was_native or was_base:
            kind: TraceKind = "link" if was_native else "base"
            context.trace(kind, conn=link.conn, step="down", server=link.remote_id, expected=link.clean, reason=reason)
        if was_native or was_base:
            name = link.name or str(link.peer)
            context.notify(
                "unlinked",
                f"the link with {name} is gone{f': {_IN_WORDS.get(reason, reason)}' if reason else ''}",
                "info" if link.clean else "warning",
                server=link.remote_id,
            )
        self._healing.unlinked(link, was_native=was_native, was_base=was_base)
        self._drain.unlinked(link)

    def _unlink(self, link: Link) -> None:
        if link.guests:
            link.guests = {}
            self._announcements.structure_changed()
        if self._is_in_topology(link):
            self._topology.link_down(link.remote_id or "")
            self._announcements.structure_changed()

    def _is_in_topology(self, link: Link) -> bool:
        """Whether it is this link that this node announces: not one that was refused, or replaced."""
        remote = link.remote_id
        if remote is None or link.established_at is None or self._topology.own.links.get(remote) != link.stamp:
            return False
        return self._neighbours.find(remote) in (None, link)


def _authenticated_user(body: bytes) -> str:
    try:
        user = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("authenticated_user")
        name = msgspec.json.decode(bytes(user), type=str) if user is not None else ""
    except (msgspec.DecodeError, ValueError):
        return ""
    return "" if name_problem(name) is not None else name
