"""A server that has the network's secret, speaks the native protocol well enough to be a neighbour, and lies.

It keeps nothing and runs no node. What it has heard it can say again, changed or not, and it can make up the rest. One
with a key proves it, signs what it says of itself, and tries it on what it says of others; one without is like a server
of the version before.
Between its lies (`core.simulation.parties.lies`) it does what a neighbour does: it says who it is and whom it is linked
with, answers pings, allows registrations, and passes on what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from core.certificates.leaf import ShownLeaf
from core.node.kernel.context import RECONCILE, RECORDS
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.environment.randomness import number_of, seeded
from core.simulation.environment.schedule import EPOCH
from core.simulation.environment.simulated_network import DialFailure, Encryption
from core.simulation.parties.liar_memory import EntryMessage, LiarMemory, entry_in, line_of, message_of
from core.store.identity import node_id
from core.wire import messages as wire
from core.wire.account_votes import Vote, vote_digest
from core.wire.address import Address
from core.wire.codec import decode, encode
from core.wire.entries import Entry
from core.wire.messages import LinkEnd, Message
from core.wire.records import read
from core.wire.server_keys import NONCE_BYTES, ShownEnd, certified_id, link_digest

DIAL_LIMIT: Final = 3.0
REDIAL: Final = 1.0
"""Seconds after which it dials again where it was sent away."""
REDIALS_MAX: Final = 40
MANY: Final = 1500
FEATURES: Final = ("sync", "quit", "user_info")


@dataclass(eq=False)
class LiarLink:
    """One link of a lying server with an honest one."""

    end: End
    stamp: int
    remote: str | None = None
    """The id of the server at the other end, once it has said it."""
    nonce: bytes = b""
    """What was drawn for it at this end."""
    incarnation: int = 0
    """Of which start of itself it has said that it is."""


class LiarObserver(Protocol):
    """Who watches a member that lies, and keeps account of what is true."""

    def took_in(self, liar: LyingServer, host: str) -> None:
        """It has let a client in."""

    def said(self, liar: LyingServer, entry: Entry) -> None:
        """It has said that there is this entry."""


class LyingServer:
    """One member that lies, with its links and what it has heard over them."""

    def __init__(
        self,
        environment: Environment,
        observer: LiarObserver,
        name: str,
        port: int,
        *,
        secret: str,
        old_links: bool,
        keyed: bool,
        compares: bool = False,
    ) -> None:
        """`old_links`: it says that its links are older than all others, so that the spanning tree leads through it.
        `keyed`: it has a key, and takes and sends records. `compares`: it compares sums, not vectors."""
        self.environment = environment
        self.name = name
        self.host = f"liar-{name}"
        self.address = Address(self.host, port)
        entropy = number_of(environment.seed, "liar", name).to_bytes(8, "big")
        self.signer = HashSigner(entropy) if keyed else None
        self.id = certified_id(self.signer.key) if self.signer is not None else node_id(entropy)
        self.incarnation = int(EPOCH)
        self.rng = seeded(environment.seed, "lies", name)
        self.ways: set[str] = set()
        """Kinds of lies by which it does everything from now on."""
        self.many = MANY
        """How many of something it makes up at a time."""
        self.moves = 0
        """Microseconds by which it dates anew what others have written, once it does so."""
        self.load = 3
        self.hostname = self.host
        """What it advertises."""
        self.named_links: dict[str, int] = {}
        """Links that it announces beside those that it has."""
        self.links: dict[int, LiarLink] = {}
        self.memory = LiarMemory(self.id)
        self.sent_away: list[str] = []
        """The reasons that it was given for the end of a link."""
        self.told: dict[str, int] = {}
        """The lies that it has told, and how often each."""
        self._secret = secret
        self._network = b""
        self._old_links = old_links
        self.compares = compares and keyed
        self._observer = observer
        self._version = 0
        self._seq = 0
        self._opened = 0
        self._numbers = 0
        self._there = False
        self._clients: dict[int, End] = {}
        self._redials: dict[int, tuple[Address, int]] = {}
        """Connections that it has dialled: where to, and how often it dials again."""

    # --- coming and going ---------------------------------------------------------------------------------------------

    def come(self, target: Address) -> None:
        """Link with an honest server, again and again if it does not want that."""
        if not self._there:
            self._there = True
            self.environment.network.listen(self.address, self.host, self)
        self._dial(target, (self.id, self.incarnation), REDIALS_MAX)

    def leave(self) -> None:
        """Be gone, without a word."""
        self._there = False
        self.environment.network.unlisten(self.address)
        for end in [*(link.end for link in self.links.values()), *self._clients.values()]:
            end.vanish(told=True)
        self.links.clear()
        self._clients.clear()

    @property
    def is_there(self) -> bool:
        """Whether it takes part."""
        return self._there

    @property
    def refuses_names(self) -> bool:
        """Whether it makes use of its veto on names that nobody has yet, or has made up others who do not answer."""
        return bool(self.ways & {"refused names", "silent voters"}) or bool(self.memory.invented)

    @property
    def keeps_back(self) -> bool:
        """Whether it keeps entries from others: it does not pass them on, or so that nobody believes them."""
        return bool(self.ways & {"withheld entries", "another body"})

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something in a while, if it is still there."""
        self.environment.schedule.after(seconds, lambda: do() if self._there else None)

    def come_as(self, server: str, incarnation: int, target: Address) -> None:
        """Link with an honest server in the name of another one."""
        self._dial(target, (server, incarnation), 1)

    def _dial(self, target: Address, identity: tuple[str, int], attempts: int) -> None:
        def then(outcome: End | DialFailure) -> None:
            if isinstance(outcome, DialFailure):
                if attempts > 1:
                    self.later(REDIAL, lambda: self._dial(target, identity, attempts - 1))
            elif not self._there:
                outcome.vanish(told=True)
            else:
                self._redials[outcome.conn] = (target, attempts - 1)
                self._introduce(outcome, *identity)

        encryption = Encryption(self._show) if self.signer is not None else None
        self.environment.network.dial(self.host, target, DIAL_LIMIT, then, encryption)

    @property
    def leaf(self) -> ShownLeaf | None:
        """The certificate that it shows who dials it: it is a member of the network that it has met last."""
        return ShownLeaf(self._network, self.signer.key) if self.signer is not None and self._network else None

    def _show(self, there: ShownLeaf) -> ShownLeaf | None:
        """It has the network's key, as each member has."""
        self._network = there.network
        return self.leaf

    def _introduce(self, end: End, server: str, incarnation: int) -> None:
        end.party = self
        link = self.links[end.conn] = LiarLink(end, self._birth(), nonce=self._nonce(), incarnation=incarnation)
        self.say_over(
            link,
            wire.Authenticate(
                self._secret if self.signer is None else "",
                id=server,
                incarnation=incarnation,
                hostname=self.hostname,
                port=self.address.port,
                name=self.name,
                features=self._features,
                link="join",
                stamp=link.stamp,
                key=self.signer.key if self.signer is not None else None,
                nonce=link.nonce or None,
            ),
        )

    @property
    def _features(self) -> list[str]:
        compares = [RECONCILE] if self.compares else []
        return [*FEATURES, RECORDS, *compares] if self.signer is not None else list(FEATURES)

    def _nonce(self) -> bytes:
        if self.signer is None:
            return b""
        return number_of(self.environment.seed, "nonce", self.name, self._opened).to_bytes(NONCE_BYTES, "big")

    def _birth(self) -> int:
        self._opened += 1
        return self._opened if self._old_links else self.stamp()

    # --- what lies are made of ----------------------------------------------------------------------------------------

    def stamp(self) -> int:
        """The time, in microseconds since 1970."""
        return int(self.environment.schedule.wall * 1_000_000)

    def next_id(self) -> str:
        """The identity of the next entry of its own."""
        self._seq += 1
        return f"{self.id}.{self.incarnation}.{self._seq}"

    def next_number(self) -> int:
        """A number that it has not used yet."""
        self._numbers += 1
        return self._numbers

    def next_numbers(self) -> range:
        """As many of them as it makes up things at a time."""
        first, self._numbers = self._numbers + 1, self._numbers + self.many
        return range(first, first + self.many)

    def say(self, message: Message) -> None:
        """Say something over every link."""
        for link in list(self.links.values()):
            if link.remote is not None:
                self.say_over(link, message)

    def repeat(self, message: Message) -> None:
        """Say over every link what somebody has said, as it was."""
        for link in self.linked:
            link.end.send(encode(message)[:-1])

    def say_over(self, link: LiarLink, message: Message) -> None:
        """Say something over one link: with its own signature, if it has a key and that kind of thing is signed."""
        entry = entry_in(message)
        if entry is not None:
            self._observer.said(self, entry)
        link.end.send(line_of(message, self.signer))

    def tell(self, kind: str, times: int = 1) -> None:
        """Note that a lie was told, so many times."""
        self.told[kind] = self.told.get(kind, 0) + times

    @property
    def linked(self) -> list[LiarLink]:
        """The links that are up."""
        return [link for link in self.links.values() if link.remote is not None]

    # --- its own record -----------------------------------------------------------------------------------------------

    def record(self) -> wire.ServerAnnounce:
        """What it says of itself now."""
        self._version += 1
        ends = {link.remote: link.stamp for link in self.linked if link.remote is not None} | self.named_links
        return wire.ServerAnnounce(
            self.id,
            self.load,
            self.hostname,
            self.address.port,
            incarnation=self.incarnation,
            version=self._version,
            name=self.name,
            links=[LinkEnd(remote, stamp) for remote, stamp in sorted(ends.items())],
        )

    def announce(self) -> None:
        """Tell everybody of itself anew."""
        self.say(self.record())

    # --- what it hears ------------------------------------------------------------------------------------------------

    def accepted(self, end: End, peer: Address) -> LyingServer:
        """Somebody has connected."""
        self._clients[end.conn] = end
        return self

    def closed(self, conn: int, reason: str) -> None:
        """A connection is over."""
        link = self.links.pop(conn, None)
        self._clients.pop(conn, None)
        target, attempts = self._redials.pop(conn, (self.address, 0))
        if link is not None and self._there:
            if link.remote is not None:
                self.announce()
            if attempts > 0:
                self.later(REDIAL, lambda: self._dial(target, (self.id, self.incarnation), attempts))

    def garbled(self, conn: int, info: str) -> None:
        """What it hears from an honest server is a message, always."""

    def received(self, conn: int, message: Message) -> None:
        """Somebody says something."""
        link = self.links.get(conn)
        if link is not None:
            self._of_server(link, message)
        elif conn in self._clients:
            self._of_stranger(self._clients[conn], message)

    def _of_server(self, link: LiarLink, message: Message) -> None:
        self.memory.hear(message)
        match message:
            case wire.ServerHello(id=remote):
                self._prove(link, message)
                self._linked(link, remote)
            case wire.Ping(number=number):
                now = self.stamp()
                self.say_over(link, wire.Pong(number, stamp=now, wall=now))
            case wire.ServerAnnounce():
                self.memory.records[str(message.id)] = message
                self._pass_on(link, encode(message)[:-1])
            case wire.MapSummary():
                self.say_over(link, self.record())
            case wire.SyncRequest():
                self._answer(link)
            case wire.SyncDone(more=True):
                self.say_over(link, wire.SyncRequest(dict(message.upto)))
            case wire.ActivityBroadcast() | wire.Account():
                self._entries(link, message, [message])
            case wire.Record():
                self._entries(link, message, [message_of(entry) for entry in read(message).entries])
            case wire.Reconcile() | wire.ReconcileWant() | wire.ReconcileGaps():
                self._compare(link, message)
            case wire.LockRequest():
                self._vote(link, message)
            case wire.InvalidMessage(info=info) | wire.ServerRefused(info=info) | wire.AuthenticationFail(info=info):
                self.sent_away.append(info)
            case _:
                pass

    def _linked(self, link: LiarLink, remote: str) -> None:
        link.remote = remote
        self.announce()
        self.say_over(link, wire.SyncRequest({}))

    def _prove(self, link: LiarLink, hello: wire.ServerHello) -> None:
        """Show that it has the key that it has shown."""
        if self.signer is not None and hello.key is not None and hello.nonce is not None:
            own = ShownEnd(self.id, link.incarnation, self.signer.key, link.nonce)
            other = ShownEnd(hello.id, hello.incarnation, hello.key, hello.nonce)
            self.say_over(link, wire.ServerProof(self.signer.sign(link_digest(own, other, dialled=True))))

    def _pass_on(self, source: LiarLink, line: bytes) -> None:
        for link in self.linked:
            if link is not source:
                link.end.send(line)

    def _entries(self, link: LiarLink, message: Message, entries: Sequence[EntryMessage]) -> None:
        """Entries have come, one by one or as a record."""
        new = self.memory.learn(entries, message)
        if not new:
            return
        if self._is_way("withheld entries"):
            return
        if isinstance(message, wire.Record) and self._is_way("moved dates"):
            message = msgspec.structs.replace(message, dated=self.moves)
        line = encode(message)[:-1]
        if any(isinstance(entry, wire.ActivityBroadcast) for entry in new) and self._is_way("another body"):
            line = line.replace(b'"precise"', b'"changed"').replace(b'"text"', b'"lies"')
            changed = decode(line)
            said = read(changed).entries if isinstance(changed, wire.Record) else [entry_in(changed)]
            for entry in said:
                if entry is not None:
                    self._observer.said(self, entry)
        self._pass_on(link, line)

    def _is_way(self, kind: str) -> bool:
        """Whether it does something by a lie; if so it has told it now."""
        if kind not in self.ways:
            return False
        self.tell(kind)
        return True

    def _answer(self, link: LiarLink) -> None:
        """A server asks for what it misses."""
        if self._is_way("no answer at all"):
            return
        if self._is_way("endless answers"):
            self.say_over(link, wire.SyncDone(more=True))
        elif self._is_way("marks over gaps"):
            for _, message in self.memory.newest.values():
                link.end.send(encode(message)[:-1])
            self.say_over(
                link, wire.SyncDone(upto={stream: number for stream, (number, _) in self.memory.newest.items()})
            )
        elif self._is_way("marks beyond the end"):
            marks = {f"{node}.{incarnation}": 2**52 for node, incarnation in self.memory.ends_of_streams()}
            self.say_over(link, wire.SyncDone(upto=marks, vector=marks))
        else:
            self.say_over(link, wire.SyncDone())

    def _compare(self, link: LiarLink, message: wire.Reconcile | wire.ReconcileWant | wire.ReconcileGaps) -> None:
        """A server compares what both have; it has nothing else, unless it lies."""
        if self._is_way("no answer at all"):
            return
        number = message.number
        match message:
            case wire.Reconcile(ranges=ranges):
                lists = []
                if self._is_way("lists of nothing"):
                    ends = self.memory.ends_of_streams().items()
                    entries = {f"{node}.{start}": [top + 1, top + 50] for (node, start), top in ends}
                    lists = [(first, cuts[-1][0], entries) for first, cuts in ranges if cuts]
                self.say_over(link, wire.ReconcileAnswer(number, upto=ranges[-1][1][-1][0], lists=lists))
            case wire.ReconcileWant():
                self.say_over(link, wire.ReconcileSent(number))
            case wire.ReconcileGaps(entries=entries):
                dropped = entries if self._is_way("everything dropped") else {}
                self.say_over(link, wire.ReconcileDropped(number, dropped))

    def _vote(self, link: LiarLink, request: wire.LockRequest) -> None:
        """A server asks whether a name is free."""
        username, claim, number = request.username, request.claim, request.round
        if self._is_way("silent voters"):
            return
        if self._is_way("refused names"):
            self.say_over(link, wire.LockDenied(username, claim=claim, round=number, info="I know that name"))
            return
        count = 1000 if self._is_way("too many allow") else 1
        self.say_over(
            link, wire.LockAllowed(username, claim=claim, round=number, count=count, votes=self._own_vote(request))
        )

    def _own_vote(self, request: wire.LockRequest) -> list[Vote]:
        """Its word that it allows a name, for which no other server's stands."""
        if self.signer is None:
            return []
        stamp = self.stamp()
        digest = vote_digest(request.username, request.verifier or "", request.stamp or 0, request.claim or "", stamp)
        return [Vote(self.signer.key, stamp, self.signer.sign(digest))]

    # --- who comes to it ----------------------------------------------------------------------------------------------

    def _of_stranger(self, end: End, message: Message) -> None:
        match message:
            case wire.Authenticate(id=remote) if remote is not None:
                del self._clients[end.conn]
                if any(link.remote == remote for link in self.linked):
                    end.send(encode(wire.ServerRefused("duplicate", "there is a link already"))[:-1])
                    end.close("duplicate")
                    return
                self._answer_dial(end, remote, message)
            case wire.Login() | wire.Register():
                self._of_client(end, message)
            case wire.ActivityMessage(ref=ref) if ref is not None and "takes clients in" in self.ways:
                end.send(encode(wire.ActivityAck(ref, self.next_id(), self.stamp()))[:-1])
            case wire.Ping(number=number):
                end.send(encode(wire.Pong(number))[:-1])
            case _:
                pass

    def _answer_dial(self, end: End, remote: str, message: wire.Authenticate) -> None:
        """A server has dialled."""
        self._opened += 1
        link = self.links[end.conn] = LiarLink(end, message.stamp or 0)
        hello = wire.ServerHello(
            self.id,
            self.incarnation,
            self.hostname,
            self.address.port,
            name=self.name,
            features=self._features,
            stamp=self.stamp(),
        )
        if self.signer is not None and message.key is not None and message.nonce is not None:
            link.nonce = self._nonce()
            own = ShownEnd(self.id, self.incarnation, self.signer.key, link.nonce)
            other = ShownEnd(remote, message.incarnation or 0, message.key, message.nonce)
            proof = self.signer.sign(link_digest(own, other, dialled=False))
            hello = msgspec.structs.replace(hello, key=self.signer.key, nonce=link.nonce, proof=proof)
        self.say_over(link, hello)
        self._linked(link, remote)

    def _of_client(self, end: End, message: wire.Login | wire.Register) -> None:
        if self._is_way("redirects to nowhere"):
            end.send(encode(wire.Redirect("nowhere", self.address.port))[:-1])
            end.close("redirected")
        elif self._is_way("takes clients in"):
            self._observer.took_in(self, end.peer)
            if isinstance(message, wire.Register):
                end.send(encode(wire.RegisterSuccess())[:-1])
            else:
                end.send(encode(wire.LoginSuccess())[:-1])
        elif not self._is_way("never answers clients"):
            end.close("no clients here")
