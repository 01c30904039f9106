"""The handshake: how two servers get acquainted, and which of two links between them stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.accounts.attempts import Attempts
from core.node.base.base_links import BaseLinks
from core.node.base.user_table import UserTable
from core.node.interface.actions import Trust
from core.node.interface.events import Origin
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.log.synchronisation import Synchronisation
from core.node.map.own_address import OwnAddress
from core.node.map.own_links import OwnLinks
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.drift import Drift
from core.node.neighbours.heartbeat import Heartbeat
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.admitting import JUST_CHANGED
from core.node.servers.healing import Healing
from core.node.servers.leavers import Leavers
from core.node.trust.known_keys import KnownKeys
from core.node.trust.membership import Membership
from core.wire.address import Address
from core.wire.limits import LINKS_TOLD_MAX
from core.wire.messages import Authenticate, AuthenticationFail, ServerAnnounce, ServerHello, ServerProof, ServerRefused
from core.wire.server_keys import ShownEnd, link_digest

TRIED_MAX: Final = 1024
"""Addresses of which it is remembered which secret is shown there."""


class Handshake:
    """Finds out what the other side of a server link speaks, and whether there is to be a link."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        drift: Drift,
        heartbeat: Heartbeat,
        topology: Topology,
        own_address: OwnAddress,
        own_links: OwnLinks,
        whereabouts: Whereabouts,
        synchronisation: Synchronisation,
        attempts: Attempts,
        user_table: UserTable,
        base_links: BaseLinks,
        healing: Healing,
        leavers: Leavers,
        known_keys: KnownKeys,
        membership: Membership,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._drift = drift
        self._heartbeat = heartbeat
        self._topology = topology
        self._own_address = own_address
        self._own_links = own_links
        self._whereabouts = whereabouts
        self._synchronisation = synchronisation
        self._attempts = attempts
        self._user_table = user_table
        self._base_links = base_links
        self._healing = healing
        self._leavers = leavers
        self._known_keys = known_keys
        self.on_native: list[Callable[[Link], None]] = []
        """Told of each native link when it is up."""
        self._membership = membership
        self._tries_in_clear: dict[Address, int] = {}
        """Which of the secrets a server of 2018 is shown, by address."""
        self.established = 0
        """How many native links there have been."""

    def introduce(self, link: Link) -> None:
        """A link that this node dialled is up: say who this is, in a way that base servers understand too. Where both
        have shown certificates of one network, no secret is told."""
        context = self._context
        link.enter(Outcome.DIALLED)
        link.stamp = context.stamp()
        if self._known_keys.own is not None:
            link.nonce = context.nonce()
        config = context.config
        own = self._topology.own
        context.send(
            link,
            Authenticate(
                secret="" if link.encrypted else self._secret_in_clear(link),
                id=context.id,
                incarnation=context.incarnation,
                hostname=own.hostname,
                port=own.port,
                name=context.name,
                features=[one for one in context.features if one != "user_info" or self._healing.is_first_link()],
                link=self._healing.purpose_of(link),
                stamp=link.stamp,
                key=self._known_keys.own,
                nonce=link.nonce or None,
            ),
        )
        if not link.encrypted:
            self._base_links.introduced(link, own.id)
            here = self._whereabouts.own_for(link)
            context.send(link, ServerAnnounce(id=own.id, load=own.load, hostname=here.host, port=here.port))
        # A base server answers nothing: its first announcement, at most some seconds later, shows what it is.
        context.timers.set(("quiet", link.conn), context.after(config.quiet_limit), lambda: self._take_for_base(link))

    def _secret_in_clear(self, link: Link) -> str:
        """What a server of 2018 is shown, which knows what it was started with: each secret that holds in its turn."""
        holding = self._context.holding_secrets or [self._context.config.secret]
        where = link.dialled or link.peer
        tries = self._tries_in_clear.pop(where, len(holding) - 1)
        self._tries_in_clear[where] = tries
        if len(self._tries_in_clear) > TRIED_MAX:
            del self._tries_in_clear[next(iter(self._tries_in_clear))]
        return holding[tries % len(holding)]

    def refused_in_clear(self, link: Link) -> bool:
        """A server of 2018 does not know the secret that it was shown: the next time it is shown another one; whether
        there is one that it has not been shown in this round."""
        where, holding = link.dialled or link.peer, len(self._context.holding_secrets)
        if holding < 2 or where not in self._tries_in_clear:
            return False
        self._tries_in_clear[where] += 1
        return self._tries_in_clear[where] % holding != holding - 1

    @takes(Handler.AUTHENTICATE)
    def authenticate(self, connection: Connection, message: Authenticate) -> None:
        """The first message of a server that dialled this one."""
        if connection.shown is not None:
            if not self._membership.is_of_it(connection.shown):
                # This server was of that one when it was dialled.
                self._context.refuse(connection, ServerRefused("busy", JUST_CHANGED), "it is of another network")
                return
            connection.enter(Outcome.SECRET_SHOWN)
            self._introduced(connection, message)
            return
        if self._is_turned_away(connection, message):
            return
        connection.enter(Outcome.SECRET_SHOWN)
        waits = False

        def look() -> None:
            if waits:
                self._attempts.hold(connection, False)
            if connection.state is ConnectionState.AUTHENTICATING:
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
        if not context.knows_secret(message.secret):
            context.notify("refused", f"a server link from {connection.peer} was refused: wrong secret", "warning")
            self._attempts.hold(connection, True)
            self._attempts.failed(connection, lambda: self._wrong_secret(connection))
            return
        self._attempts.succeeded(connection)
        self._introduced(connection, message)

    def _is_turned_away(self, connection: Connection, message: Authenticate) -> bool:
        """Turn away who shows a secret where none is to be shown; whether it was so. It is not looked at."""
        links = self._context.config.links
        if not self._membership.is_there or links == "mixed" or (links == "base" and not _is_native(message)):
            return False
        text = (
            "servers of this network show each other certificates, not the secret: a server of the version before is"
            " let in where they are started with --links mixed"
            if _is_native(message)
            else "this server has no links in clear"
        )
        self._context.tell_refused(connection, f"a server link from {connection.peer} was refused: it is in clear")
        answer = ServerRefused("clear", text) if _is_native(message) else AuthenticationFail(text)
        self._context.refuse(connection, answer, "a link in clear")
        return True

    def _introduced(self, connection: Connection, message: Authenticate) -> None:
        """A server that may link says who it is."""
        context = self._context
        link = Link(connection)
        link.features = frozenset(message.features)
        context.connections.add(link)
        native = _is_native(message)
        if context.draining:
            text = "this server is leaving the network"
            context.refuse(link, ServerRefused("leaving", text) if native else AuthenticationFail(text), "leaving")
            return
        if link.shown is not None and not (native and link.shown.server == message.key and message.nonce is not None):
            # So that who is inside is who is outside: nobody passes on what two others say to each other.
            self._refused(link, self._not_the_server(link, "shows another key than with its certificate"))
            return
        context.actions.append(Trust(link.conn))
        if not native:
            if link.features:
                self._base_links.take_up(link)
                if "user_info" in link.features:
                    self._user_table.send(link)
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
        link.lazy = message.link == "lazy"
        # A key that nothing is drawn for cannot be proved.
        link.key = message.key if message.nonce is not None else None
        if self._refused(link, self._refusal(link)):
            return
        self._answer(link, message.nonce)
        self._drift.heard(link, message.stamp)
        if link.state is not ConnectionState.PROVING:
            self._accept(link)

    def _answer(self, link: Link, nonce: bytes | None) -> None:
        """Say who this is, to one of ours; where both have keys, show and prove this node's, and ask the other side to
        prove its own."""
        context = self._context
        proof = None
        if link.key is not None and nonce is not None and self._known_keys.own is not None:
            link.nonce, link.nonce_there = context.nonce(), nonce
            proof = self._known_keys.sign(link_digest(self._own_end(link), _other_end(link), dialled=False))
            link.enter(Outcome.KEY_SHOWN)
            context.timers.set(
                ("quiet", link.conn),
                context.after(context.config.quiet_limit),
                lambda: context.close(link, "it has not proved its key"),
            )
        context.send(
            link,
            ServerHello(
                context.id,
                context.incarnation,
                *self._own_address.address,
                name=context.name,
                features=list(context.features),
                stamp=self._drift.time(),
                seen=link.peer.host or None,
                key=self._known_keys.own if proof is not None else None,
                nonce=link.nonce or None,
                proof=proof,
            ),
        )

    @takes(Handler.PROOF)
    def _proof(self, link: Link, message: ServerProof) -> None:
        """The server that has dialled proves its key."""
        self._context.timers.cancel(("quiet", link.conn))
        digest = link_digest(_other_end(link), self._own_end(link), dialled=True)
        if not self._known_keys.proved(link, digest, message.proof):
            self._refused(link, self._not_the_server(link, "does not have the key that it shows"))
        elif not self._refused(link, self._refusal(link)):
            self._accept(link)

    @takes(Handler.SAID_TO_A_BASE_SERVER)
    def _announcement_to_a_base_server(self, link: Link, message: ServerAnnounce) -> None:
        """Its link-state record comes once it knows that one of ours is here."""

    def _accept(self, link: Link) -> None:
        """A server that has dialled is who it says, and welcome."""
        existing = self._neighbours.find(link.remote_id or "")
        if existing is not None:
            # Whoever dials knows of no link: the older one is dead on its side.
            self._replace(existing)
        if "user_info" in link.features:
            self._user_table.send(link)
        self._become_native(link)

    def _own_end(self, link: Link) -> ShownEnd:
        return ShownEnd(self._context.id, self._context.incarnation, self._known_keys.own or b"", link.nonce)

    def _wrong_secret(self, connection: Connection) -> None:
        text = "the secret is not this network's"
        self._context.refuse(connection, AuthenticationFail(text), "wrong network secret")

    @takes(Handler.HELLO)
    def _hello(self, link: Link, message: ServerHello) -> None:
        """The dialled server is one of ours."""
        context = self._context
        link.remote_id = message.id
        link.incarnation = message.incarnation
        link.features = frozenset(message.features)
        link.name = message.name or message.id[:6]
        link.hostname, link.port = message.hostname, int(message.port)
        link.key, link.nonce_there = message.key, message.nonce or b""
        context.timers.cancel(("quiet", link.conn))
        barred = self._barred(message.id)
        if barred is not None:
            link.clean = True
            self._healing.dialling.suspend(message.id, context.barred_for(message.id))
            self._healing.dial_was_needless(link)
            context.refuse(link, barred, "it had this server keep too much")
            return
        problem = self._problem_of(link, message)
        if problem is not None:
            link.clean = True
            self._healing.refused(link, problem.reason)
            self._refused(link, problem)
            return
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
        if link.proved and message.nonce is not None:
            proof = self._known_keys.sign(link_digest(self._own_end(link), _other_end(link), dialled=True))
            context.send(link, ServerProof(proof or b""))
        self._drift.heard(link, message.stamp)
        if message.seen is not None:
            self._own_address.seen(link, message.seen)
        self._become_native(link)

    def _problem_of(self, link: Link, message: ServerHello) -> ServerRefused | None:
        """Why the server that answered is not who it says."""
        if self._known_keys.belongs(message.id, message.key) is False:
            return self._not_the_server(link, "shows another key" if message.key else "shows no key")
        if link.shown is not None and message.key != link.shown.server:
            return self._not_the_server(link, "shows another key than with its certificate")
        if message.key is None or self._known_keys.own is None:
            return None
        digest = link_digest(_other_end(link), self._own_end(link), dialled=False)
        if not self._known_keys.proved(link, digest, message.proof):
            return self._not_the_server(link, "does not have the key that it shows")
        return None

    def _become_native(self, link: Link) -> None:
        context = self._context
        link.enter(Outcome.NATIVE_TAKEN_UP)
        context.trace("link", conn=link.conn, step="up", server=link.remote_id, name=link.name, dial=link.dial)
        self._whereabouts.linked(link)
        self.established += 1
        remote = link.remote_id or ""
        self._own_links.up(link)
        self._synchronisation.request(link)
        self._heartbeat.start(link)
        where = self._whereabouts.announced_by(link, Address(link.hostname, link.port))
        context.note("linked", context.party(remote, link.name))
        context.notify(
            "linked", f"linked with {link.name} ({where or link.peer})", "good", server=remote, in_story=True
        )
        self._healing.linked(link)
        self._leavers.linked(link)
        for told in self.on_native:
            told(link)

    def _take_for_base(self, link: Link) -> None:
        if link.state is ConnectionState.WAITING and (link.encrypted or self._healing.knows_for_native(link)):
            # One of ours takes connections but does not answer: it hangs.
            self._context.close(link, "no answer")
        elif link.state in (ConnectionState.QUIET, ConnectionState.WAITING):
            self._base_links.take_up(link)

    # --- whether there is to be a link --------------------------------------------------------------------------------

    def _refusal(self, link: Link) -> ServerRefused | None:
        """Whether an inbound native link is not wanted, and why."""
        context = self._context
        remote = link.remote_id or ""
        if remote == context.id:
            return ServerRefused("self", "this is the server that you are")
        if self._known_keys.belongs(remote, link.key) is False:
            return self._not_the_server(link, "shows another key" if link.key else "shows no key")
        barred = self._barred(remote)
        if barred is not None:
            return barred
        existing = self._neighbours.find(remote)
        if existing is not None:
            if self._is_crossing(existing, link, "outbound") and context.id < remote:
                return ServerRefused("duplicate", "there is a link already")
            twin = self._twin_of(existing, link)
            if twin is not None:
                return twin
        natives = len(self._neighbours) - (existing is not None)
        if natives >= (context.config.links_max if link.lazy else LINKS_TOLD_MAX):
            return ServerRefused("busy", f"this server has {natives} links already")
        return None

    def _refused(self, link: Link, refusal: ServerRefused | None) -> bool:
        """Refuse a link, if there is a reason; whether there was."""
        if refusal is None:
            return False
        self._context.refuse(link, refusal, f"link refused: {refusal.reason}")
        return True

    def _not_the_server(self, link: Link, what: str) -> ServerRefused:
        """Somebody comes as a server that has a key, and is not known to be it: people are told."""
        text = f"{link.peer} comes as the server {link.remote_id} and {what}: it was refused"
        self._context.tell_refused(link, text)
        return ServerRefused(
            "key",
            f"who comes as the server {link.remote_id} has to prove that server's key, and this one {what}; a server"
            " that was put back to a version before keys is let in by servers with --accept-unsigned",
        )

    def _barred(self, server: str) -> ServerRefused | None:
        """Why a server is not let in that has made this one keep too much."""
        if server in self._context.expelled:
            return ServerRefused("barred", self._context.expelled[server])
        wait = self._context.barred_for(server)
        if not wait:
            return None
        text = f"your server had this one keep more than it may; it is let in again in {wait / 60:.0f} minutes"
        return ServerRefused("barred", text)

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
        self._own_links.down(existing)


def _is_native(message: Authenticate) -> bool:
    """Whether somebody shows that it is a server of ours."""
    return "sync" in message.features and message.id is not None and message.incarnation is not None


def _other_end(link: Link) -> ShownEnd:
    return ShownEnd(link.remote_id or "", link.incarnation, link.key or b"", link.nonce_there)
