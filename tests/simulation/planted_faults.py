"""The faults that the checkers are tested with, in the order in which the cases name them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from core.client.account import ClientAccount
from core.client.machine import ClientMachine
from core.client.write_set import WriteSet
from core.node.accounts.book import AccountBook, Renaming
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.clients import posting as posting_module
from core.node.clients.balance import Balance, RedirectTarget
from core.node.clients.document_keeping import DocumentKeeping
from core.node.clients.liveness import LivenessCheck
from core.node.documents.document_comparisons import DocumentComparisons
from core.node.documents.documents import Documents
from core.node.interface.actions import Action, Broadcast, Close, Dial, Finished, Persist, Send, Subscribe, VerifySecret
from core.node.interface.events import Committed, ConnectionOpened, Event, MessageReceived, Now, SecretVerified
from core.node.interface.node_config import NodeConfig
from core.node.kernel.connections import Connection, Session
from core.node.kernel.context import Context
from core.node.kernel.timers import Timers
from core.node.log.record_numbers import RecordNumbers
from core.node.log.refs import Refs
from core.node.map.forest import Edge, Forest
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.node import Node
from core.node.trust.beliefs import Belief
from core.node.trust.known_keys import KnownKeys
from core.node.trust.membership import Membership
from core.simulation.environment import simulated_disk
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.world.world import PORT
from core.store.memory_store import MemoryStore
from core.wire.account_documents import DocumentVersion
from core.wire.account_votes import Vote, vote_digest
from core.wire.activity import stamp_activity
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import AccountFact, Entry, EntryId, Stream
from core.wire.holdings import StreamHoldings
from core.wire.keepables import Keepable, entries_in
from core.wire.messages import (
    ActivityAck,
    ActivityBroadcast,
    ActivityMessage,
    ActivityRefused,
    Authenticate,
    CaughtUp,
    ChangeSecret,
    DocumentKept,
    KeepDocument,
    LockAllowed,
    LockRequest,
    Login,
    LoginFailed,
    LoginSuccess,
    Message,
    Ping,
    Pong,
    ReconcileDone,
    Record,
    Register,
    RegisterSuccess,
    SecretChanged,
    ServerAnnounce,
    SyncRequest,
)
from core.wire.records import LogRecord
from tests.simulation.faults import (
    Want,
    message_in,
    name_of,
    says,
    tamper,
    tamper_with_handing_out,
    tamper_with_sending,
    tamper_with_settings,
)

Patch = pytest.MonkeyPatch


def delivers_before_the_previous(patch: Patch) -> None:
    """Nobody is told what anything follows."""
    repeats_nothing(patch)

    def hear(node: Node, event: Event, now: Now) -> Event:
        if isinstance(event, MessageReceived) and isinstance(event.message, ActivityMessage | ActivityBroadcast):
            return MessageReceived(event.conn, msgspec.structs.replace(event.message, previous=None))
        return event

    tamper(patch, hear=hear)


def writes_into_anothers_stream(patch: Patch) -> None:
    """One server keeps something under the name of another one, which has not accepted it."""

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        return [_added_to(node, one) if isinstance(one, Persist) and name_of(node) == "s002" else one for one in wanted]

    def _added_to(node: Node, action: Persist) -> Persist:
        others = sorted(one for one in node.topology.records if one != node.id)
        # Behind all that is in the stream: what the other server is asked to take, it would have accepted.
        ids = [EntryId(one, node.topology.records[one].incarnation, 999) for one in others[:1]]
        return Persist(action.batch, (*action.keepables, *(Entry(one, "activity", 1, b"{}") for one in ids)))

    tamper(patch, want=want)


def believes_marks_beyond_the_end(patch: Patch) -> None:
    """One server takes it that a start of another one has been of which nobody has heard."""

    def hear(node: Node, event: Event, now: Now) -> Event:
        said = message_in(event)
        if name_of(node) == "s002" and isinstance(said, ReconcileDone):
            for one in [one for one in node.topology.records if one != node.id][:1]:
                node.replication.mark(Stream(one, 1), 5)
        return event

    tamper(patch, hear=hear)
    patch.setattr(KnownKeys, "believes_mark", lambda self, link, stream: True)


def adds_to_what_others_say_of_themselves(patch: Patch) -> None:
    """One server takes it that others have one more address than they say."""

    def hear(node: Node, event: Event, now: Now) -> Event:
        said = message_in(event)
        if name_of(node) != "s002" or not isinstance(event, MessageReceived) or not isinstance(said, ServerAnnounce):
            return event
        return MessageReceived(event.conn, msgspec.structs.replace(said, also=["elsewhere"]))

    tamper(patch, hear=hear)
    patch.setattr(KnownKeys, "believe_record", lambda self, link, record: Belief.PROVED)


def keeps_what_is_removed(patch: Patch) -> None:
    """One server's disk goes on having what operators have removed."""
    whole = simulated_disk.SimulatedDisk.remove

    def remove(disk: simulated_disk.SimulatedDisk, entries: tuple[EntryId, ...], prints: frozenset[bytes]) -> None:
        if any(one.node != disk.store.node for one in entries):
            whole(disk, entries, prints)

    patch.setattr(simulated_disk.SimulatedDisk, "remove", remove)


def leaves_in_whose_account_is_closed(patch: Patch) -> None:
    """Whoever is to leave because of their account is not disconnected."""
    whole = Context.invalid

    def invalid(context: Context, connection: Connection, info: str) -> None:
        if "this account was closed" not in info:
            whole(context, connection, info)

    patch.setattr(Context, "invalid", invalid)


def hands_the_networks_key_to_nobody(patch: Patch) -> None:
    patch.setattr(Membership, "hand_to", lambda self, link: None)


def takes_each_code_again(patch: Patch) -> None:
    patch.setattr(Secrets, "is_used", lambda self, claim, order_id: False)


def repeats_nothing(patch: Patch) -> None:
    patch.setattr(WriteSet, "logged_in", lambda self, entries: None)


def takes_what_comes_late_for_new(patch: Patch) -> None:
    """Nobody who was silent for long is asked whether they are still there, and no copy is known as one."""
    patch.setattr(LivenessCheck, "heard", lambda self, session, silence: None)
    patch.setattr(Refs, "is_first_delivered", lambda self, entry: True)
    patch.setattr(Refs, "first_delivered", lambda self, columns: columns)


def parks_without_a_limit(patch: Patch) -> None:
    repeats_nothing(patch)
    tamper_with_settings(patch, lambda config: replace(config, parked_max=10**9))


def allows_every_registration(patch: Patch) -> None:
    """Whoever asks the others about a name is told at once that all of them allow it."""
    whole = Node.handle

    def handle(self: Node, event: Event, now: Now) -> list[Action]:
        said = message_in(event)
        if isinstance(event, MessageReceived) and isinstance(said, LockRequest):
            others = len(self.topology.reachable) - 1
            votes = [_forged(record.key, said) for record in self.topology.records.values() if record.key is not None]
            return [says(event.conn, LockAllowed(said.username, None, said.claim, said.round, others, votes=votes))]
        return whole(self, event, now)

    patch.setattr(Node, "handle", handle)


def _forged(key: bytes, request: LockRequest) -> Vote:
    """What a server would say that allows a name. In a simulated world a public key is all that it takes."""
    signer = HashSigner(b"")
    signer.key = key
    asked = (request.username, request.verifier or "", request.stamp or 0, request.claim or "", request.stamp or 0)
    return Vote(key, request.stamp or 0, signer.sign(vote_digest(*asked)))


def never_looks_for_lost_servers(patch: Patch) -> None:
    grown: dict[str, None] = {}

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        if node.topology.own.links:
            grown[node.id] = None
        return [one for one in wanted if not (isinstance(one, Dial) and node.id in grown)]

    tamper(patch, want=want)


def prefers_younger_links_at_one_server(patch: Patch) -> None:
    whole = Topology.tree_neighbours

    def tree_neighbours(self: Topology, server: str) -> list[str]:
        if self.own.name != "s000" or server not in self.reachable:
            return whole(self, server)
        contrary = Forest()
        for one in self.reachable:
            for other, stamp in self.records[one].links.items():
                if one < other:
                    contrary.add(Edge(2**62 - stamp, one, other))
        return contrary.neighbours(server)

    patch.setattr(Topology, "tree_neighbours", tree_neighbours)


def passes_nothing_on(patch: Patch) -> None:
    """Nor gives it to who asks for it."""
    entries = (ActivityBroadcast, Record)
    tamper_with_sending(patch, lambda node, send: [] if isinstance(send.frame.message, entries) else [send])
    tamper(patch, hear=lambda node, event, now: None if isinstance(message_in(event), SyncRequest) else event)


def forgets_accounts_of_others(patch: Patch) -> None:
    whole = AccountBook.apply
    of_others: list[bool] = [False]

    def hear(node: Node, event: Event, now: Now) -> Event:
        of_others[0] = isinstance(event, Committed | MessageReceived) and node.id != first[0]
        first[0] = first[0] or node.id
        return event

    def apply(self: AccountBook, fact: AccountFact) -> list[Renaming]:
        return [] if of_others[0] else whole(self, fact)

    first = [""]
    tamper(patch, hear=hear)
    patch.setattr(AccountBook, "apply", apply)


def loses_the_second_activity(patch: Patch) -> None:
    tamper_with_handing_out(
        patch, lambda node, action: [] if name_of(node) == "s002" and b'"n":2' in action.frame.data else [action]
    )


def hands_everything_out_twice(patch: Patch) -> None:
    tamper_with_handing_out(patch, lambda node, action: [action, action])


def client_does_not_come_back(patch: Patch) -> None:
    patch.setattr(ClientMachine, "lost", lambda self, reason, now: None)
    patch.setattr(ClientMachine, "woke", lambda self, now: None)


def never_answers_a_login(patch: Patch) -> None:
    tamper(patch, hear=lambda node, event, now: None if isinstance(message_in(event), Login) else event)


def never_has_left(patch: Patch) -> None:
    tamper(patch, want=lambda node, event, wanted: [one for one in wanted if not isinstance(one, Finished)])


def dials_where_others_were_first(patch: Patch) -> None:
    """Nobody is dialled where they are now, but where they were when they were heard of first."""
    first: dict[str, Address] = {}
    instead: dict[Address, Address] = {}

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        for record in node.topology.records.values():
            address = record.addresses[0]
            instead[address] = first.setdefault(record.id, address)
        return [
            replace(one, address=instead.get(one.address, one.address), others=()) if isinstance(one, Dial) else one
            for one in wanted
        ]

    tamper(patch, want=want)


def trusts_silent_links(patch: Patch) -> None:
    """Each ping is answered as soon as it is asked for."""
    whole = Node.handle

    def handle(self: Node, event: Event, now: Now) -> list[Action]:
        wanted = whole(self, event, now)
        for one in list(wanted):
            if isinstance(one, Send) and isinstance(one.frame.message, Ping):
                wanted += handle(self, MessageReceived(one.conn, Pong(one.frame.message.number)), now)
        return wanted

    patch.setattr(Node, "handle", handle)


def never_tries_the_disk_again(patch: Patch) -> None:
    patch.setattr(simulated_disk, "PROBE_MIN", 1e9)


def disk_forgets(kind: str) -> Callable[[Patch], None]:
    """What a disk says that it has kept of others' entries, it has not."""

    def plant(patch: Patch) -> None:
        whole = MemoryStore.commit

        def commit(self: MemoryStore, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
            return whole(self, [one for keepable in keepables for one in _kept(self, keepable)])

        def _kept(store: MemoryStore, keepable: Keepable) -> list[Keepable]:
            lost = [entry for entry in entries_in([keepable]) if _is_lost(store, entry)]
            if isinstance(keepable, LogRecord):
                return [keepable.without([entry.id.seq for entry in lost])]
            return [] if lost else [keepable]

        def _is_lost(store: MemoryStore, entry: Entry) -> bool:
            return entry.kind == kind and entry.id.node != store.node

        patch.setattr(MemoryStore, "commit", commit)

    return plant


def answered_at_once(answer: Callable[[Entry], Message]) -> Want:
    """Whoever posts is told something as soon as their activity is to be kept."""

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        said = message_in(event)
        if not isinstance(event, MessageReceived) or not isinstance(said, ActivityMessage) or said.ref is None:
            return wanted
        persisted = [one for action in wanted if isinstance(action, Persist) for one in action.keepables]
        kept = [entry for entry in entries_in(persisted) if entry.ref == said.ref]
        return [*(Send(event.conn, Frame(answer(entry))) for entry in kept), *wanted]

    return want


def acknowledges_before_it_is_kept(patch: Patch) -> None:
    tamper(patch, want=answered_at_once(lambda entry: ActivityAck(str(entry.ref), str(entry.id), entry.stamp)))


def says_registered_and_keeps_nothing(patch: Patch) -> None:
    whole = Node.handle

    def handle(self: Node, event: Event, now: Now) -> list[Action]:
        if isinstance(event, MessageReceived) and isinstance(event.message, Register):
            return [says(event.conn, RegisterSuccess())]
        return whole(self, event, now)

    patch.setattr(Node, "handle", handle)


def gives_names_to_the_later_registration(patch: Patch) -> None:
    whole = AccountBook.apply
    latest = 2**52

    def apply(self: AccountBook, fact: AccountFact) -> list[Renaming]:
        # And what nobody has allowed stands before what somebody has.
        allowed_at = 0 if fact.allowed_at else latest - fact.stamp
        return whole(self, msgspec.structs.replace(fact, stamp=latest - fact.stamp, allowed_at=allowed_at))

    patch.setattr(AccountBook, "apply", apply)


def drops_who_registered_later(patch: Patch) -> None:
    whole = AccountBook.__iter__

    def names(self: AccountBook) -> Iterator[Any]:
        return (one for one in whole(self) if "~" not in one[0])

    patch.setattr(AccountBook, "__iter__", names)


def keeps_questions_that_are_answered(patch: Patch) -> None:
    """Of each question about a secret a second one stays that nobody will ever answer."""
    whole = Node.handle
    numbers = itertools.count(10**9)

    def handle(self: Node, event: Event, now: Now) -> list[Action]:
        wanted = whole(self, event, now)
        said = message_in(event)
        if isinstance(said, Login) and any(isinstance(one, VerifySecret) for one in wanted):
            conn = next(numbers)
            whole(self, ConnectionOpened(conn, "inbound", Address("forgotten", 1)), now)
            whole(self, MessageReceived(conn, said), now)
        return wanted

    patch.setattr(Node, "handle", handle)


def leaves_timers_behind(patch: Patch) -> None:
    whole = Timers.set
    numbers = itertools.count()
    heard: list[Node] = []
    timers_of: dict[str, Timers] = {}

    def note(self: Timers, name: Hashable, at: float, callback: Callable[[], None]) -> None:
        if heard:
            timers_of[heard[-1].id] = self
        whole(self, name, at, callback)

    def hear(node: Node, event: Event, now: Now) -> Event:
        heard[:] = [node]
        if isinstance(message_in(event), ActivityMessage) and node.id in timers_of:
            whole(timers_of[node.id], ("left", next(numbers)), now.monotonic + 10_000.0, lambda: None)
        return event

    tamper(patch, hear=hear)
    patch.setattr(Timers, "set", note)


def floods_always(patch: Patch) -> None:
    patch.setattr(Neighbours, "flooding", property(lambda self: True))


def answers_twice_about_each_name(patch: Patch) -> None:
    tamper_with_sending(
        patch, lambda node, send: [send, send] if isinstance(send.frame.message, LockAllowed) else [send]
    )


def redirects_nobody(patch: Patch) -> None:
    patch.setattr(Balance, "redirect_for", lambda self, session, login, load: None)


def redirects_everybody_again_and_again(patch: Patch) -> None:
    times: dict[str, int] = {}

    def redirect(self: Balance, session: Session, login: Any, load: int) -> RedirectTarget | None:
        host = session.peer.host
        times[host] = times.get(host, 0) + 1
        if times[host] > 3 or not host.startswith("client-guest"):
            return None
        target = min(self.candidates(), key=lambda one: (one.load, one.id))
        return RedirectTarget(target.id, target.name, Address(target.name, PORT))

    patch.setattr(Balance, "redirect_for", redirect)


def believes_what_servers_advertise(patch: Patch) -> None:
    asked: list[Node] = []

    def hear(node: Node, event: Event, now: Now) -> Event:
        asked[:] = [node]
        return event

    def for_peer(self: Whereabouts, server: str, peer: Connection, without: Iterable[str] = ()) -> Address | None:
        record = asked[0].topology.records[server]
        return Address(record.hostname, record.port)

    tamper(patch, hear=hear)
    patch.setattr(Whereabouts, "for_peer", for_peer)


def registers_nobody(patch: Patch) -> None:
    patch.setattr(Registration, "register", lambda self, username, secret, done, conn=None: done("not today"))


def says_refused_of_what_it_keeps(patch: Patch) -> None:
    def change(node: Node, send: Send) -> list[Action]:
        said = send.frame.message
        return [says(send.conn, ActivityRefused(said.ref, "no"))] if isinstance(said, ActivityAck) else [send]

    tamper_with_sending(patch, change)


def refuses_before_it_keeps(patch: Patch) -> None:
    tamper(patch, want=answered_at_once(lambda entry: ActivityRefused(str(entry.ref), "no")))


def rounds_numbers(patch: Patch) -> None:
    whole = stamp_activity

    def stamp(members: Any, user: str) -> bytes:
        return whole({**members, "precise": msgspec.Raw(b"0.1")}, user)

    patch.setattr(posting_module, "stamp_activity", stamp)


def changes_what_it_passes_on(patch: Patch) -> None:
    def change(node: Node, action: Broadcast) -> list[Action]:
        said = action.frame.message
        if name_of(node) != "s002" or not isinstance(said, ActivityBroadcast):
            return [action]
        body = bytes(said.activity).replace(b'"Note"', b'"Spam"')
        return [Broadcast(Frame(msgspec.structs.replace(said, activity=msgspec.Raw(body))))]

    tamper_with_handing_out(patch, change)


def believes_everybody(patch: Patch) -> None:
    """Somebody whose name nobody has is let in all the same."""

    def hear(node: Node, event: Event, now: Now) -> Event:
        said = message_in(event)
        if isinstance(event, MessageReceived) and isinstance(said, Login) and not node.book.knows(said.username):
            return MessageReceived(event.conn, msgspec.structs.replace(said, username="anonymous", secret=None))
        return event

    tamper(patch, hear=hear)


def refuses_known_people_for_a_while(patch: Patch) -> None:
    whole = Node.handle

    def handle(self: Node, event: Event, now: Now) -> list[Action]:
        if isinstance(event, MessageReceived) and isinstance(event.message, Login) and 6.0 < now.monotonic < 9.0:
            return [says(event.conn, LoginFailed("no")), Close(event.conn, "no")]
        return whole(self, event, now)

    patch.setattr(Node, "handle", handle)


def says_behind_a_login(answer: Callable[[LoginSuccess], list[Frame]]) -> Callable[[Node, Send], list[Action]]:
    """Something more for who has been let in."""

    def change(node: Node, send: Send) -> list[Action]:
        said = send.frame.message
        more = answer(said) if isinstance(said, LoginSuccess) else []
        return [send, *(Send(send.conn, frame) for frame in more)]

    return change


def speaks_natively_to_everybody(patch: Patch) -> None:
    tamper_with_sending(patch, says_behind_a_login(lambda said: [Frame(CaughtUp(0))]))


def says_what_is_no_message(to_native: bool) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        broken = Frame(LoginSuccess(""), b'{"command":\n')
        # A base client is not told which server it is.
        tamper_with_sending(
            patch, says_behind_a_login(lambda said: [broken] if (said.id is not None) is to_native else [])
        )

    return plant


def sends_activities_before_the_login(patch: Patch) -> None:
    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        if isinstance(event, MessageReceived) and isinstance(event.message, Register):
            return [Subscribe(event.conn), *wanted]
        return wanted

    tamper(patch, want=want)


def links_with_base_servers(node: Node, wanted: list[Action]) -> list[int]:
    """The connections over which a node says where it is as base servers say it."""
    return [
        one.conn
        for one in wanted
        if isinstance(one, Send) and isinstance(one.frame.message, ServerAnnounce) and one.frame.message.version is None
    ]


def tells_base_servers_what_they_do_not_know(patch: Patch) -> None:
    announced: Counter[tuple[str, int]] = Counter()

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        there = set(links_with_base_servers(node, wanted))
        announced.update((node.id, conn) for conn in there)
        # The first may be to somebody who has not yet shown what they are.
        return [*wanted, *(says(conn, CaughtUp(0)) for conn in there if announced[node.id, conn] == 2)]

    tamper(patch, want=want)


def tells_base_servers_everything_twice(patch: Patch) -> None:
    links: dict[str, dict[int, None]] = {}

    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        there = links.setdefault(node.id, {})
        there.update(dict.fromkeys(links_with_base_servers(node, wanted)))
        again = [
            Send(conn, one.frame)
            for one in wanted
            if isinstance(one, Broadcast) and isinstance(one.frame.message, ActivityBroadcast)
            for conn in there
        ]
        return [*wanted, *again]

    tamper(patch, want=want)


def keeps_secrets_from_base_servers(patch: Patch) -> None:
    def change(node: Node, send: Send) -> list[Action]:
        said = send.frame.message
        if not isinstance(said, LockRequest) or said.claim is not None:
            return [send]
        return [says(send.conn, msgspec.structs.replace(said, secret=None))]

    tamper_with_sending(patch, change)


def speaks_before_the_base_server_has(patch: Patch) -> None:
    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        said = message_in(event)
        if isinstance(event, MessageReceived) and isinstance(said, Authenticate) and said.id is None:
            return [*wanted, says(event.conn, ServerAnnounce("x", 0, "h", 1))]
        return wanted

    tamper(patch, want=want)


def one_server_goes_by_the_first_secret(patch: Patch) -> None:
    whole = Secrets.verifier
    begin = Node.__init__
    of_one: list[Secrets] = []

    def begun(self: Node, config: NodeConfig, *arguments: Any, **options: Any) -> None:
        begin(self, config, *arguments, **options)
        if config.name == "s002":
            of_one.append(self.secrets)

    patch.setattr(Node, "__init__", begun)
    patch.setattr(Secrets, "verifier", lambda self, fact: fact.verifier if self in of_one else whole(self, fact))


def says_changed_before_it_is_kept(patch: Patch) -> None:
    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        if isinstance(event, MessageReceived) and isinstance(event.message, ChangeSecret):
            return [*wanted, says(event.conn, SecretChanged())]
        return [one for one in wanted if not (isinstance(one, Send) and isinstance(one.frame.message, SecretChanged))]

    tamper(patch, want=want)


def lets_in_with_any_secret(patch: Patch) -> None:
    """People whose clients go on with the first secret are let in with it."""

    def hear(node: Node, event: Event, now: Now) -> Event:
        return SecretVerified(event.token, True) if isinstance(event, SecretVerified) else event

    tamper(patch, hear=hear)
    patch.setattr(ClientAccount, "secret", property(lambda self: f"secret of {self.username}"))


def believes_places_to_be_further_on(patch: Patch) -> None:
    """Who comes back to a server is not sent what came meanwhile."""
    number_of = RecordNumbers.number_of

    def further(self: RecordNumbers, place: Any) -> int | None:
        number = number_of(self, place)
        return None if number is None else self.number

    patch.setattr(RecordNumbers, "number_of", further)


def takes_gaps_for_had(patch: Patch) -> None:
    """Who comes to another server is not sent the first of what they lack of a stream."""
    missing_of = StreamHoldings.missing_of

    def fewer(self: StreamHoldings, runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        for first, last in missing_of(self, runs):
            yield first + 1, max(first + 1, last)

    patch.setattr(StreamHoldings, "missing_of", fewer)


def passes_no_documents_on(patch: Patch) -> None:
    patch.setattr(DocumentComparisons, "_tell", lambda self, link, *, asks=False: 0)
    patch.setattr(Documents, "_pass_on", lambda self, version, source: None)


def says_kept_before_it_is(patch: Patch) -> None:
    def want(node: Node, event: Event, wanted: list[Action]) -> list[Action]:
        if isinstance(event, MessageReceived) and isinstance(event.message, KeepDocument):
            return [*wanted, says(event.conn, DocumentKept(event.message.number, 1))]
        return [one for one in wanted if not (isinstance(one, Send) and isinstance(one.frame.message, DocumentKept))]

    tamper(patch, want=want)


def tells_documents_to_others(patch: Patch) -> None:
    """Whoever is here is told of each change."""

    def tell_all(self: DocumentKeeping, version: DocumentVersion, conn: int | None) -> None:
        for session in self._context.connections.sessions():
            if "document" in session.features:
                self._tell(session, version)

    patch.setattr(DocumentKeeping, "_changed", tell_all)
