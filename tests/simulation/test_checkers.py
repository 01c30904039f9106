"""Each checker sees the fault that it is for: one is planted, and exactly that guarantee fails.

A fault is planted in the real node, client or disk by putting a broken method in a whole one's place. The same history
without it passes, which is tested as well: so it is the fault that a checker sees.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from core.client.account import ClientAccount
from core.client.client_events import SecretChangeDone
from core.client.machine import ClientMachine
from core.client.write_set import WriteSet
from core.node.accounts.book import AccountBook
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.base.base_links import BaseLinks
from core.node.clients import sessions as sessions_module
from core.node.clients.account_entries import AccountEntries
from core.node.clients.balance import Balance, RedirectTarget
from core.node.clients.sessions import Sessions
from core.node.interface.node_config import NodeConfig, lan
from core.node.kernel.connections import Connection, Connections, Session
from core.node.kernel.states import ConnectionState
from core.node.log.delivery import Delivery
from core.node.log.entry_messages import frame_of
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.map.forest import Edge, Forest
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.heartbeat import Heartbeat
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.drain import Drain
from core.node.servers.handshake import Handshake
from core.node.servers.search import Search
from core.simulation.environment.simulated_disk import SimulatedDisk
from core.simulation.ledger import Violation
from core.simulation.plans.plan import Operation, Person, Plan
from core.simulation.runs.runner import run
from core.simulation.world.world import PORT, SECRET
from core.store.memory_store import MemoryStore
from core.wire.activity import stamp_activity
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import AccountFact, Entry, Record
from core.wire.messages import (
    ActivityAck,
    ActivityRefused,
    CaughtUp,
    LoginFailed,
    LoginSuccess,
    Message,
    ServerAnnounce,
    command_of,
)
from tests.simulation.plans import BASE, NATIVE, NOBODY, arrive, plan, posts

Patch = pytest.MonkeyPatch


# --- faults -----------------------------------------------------------------------------------------------------------


def delivers_before_the_previous(patch: Patch) -> None:
    repeats_nothing(patch)
    patch.setattr(Delivery, "_is_delivered", lambda self, entry_id: True)


def repeats_nothing(patch: Patch) -> None:
    patch.setattr(WriteSet, "logged_in", lambda self, entries: None)


def parks_without_a_limit(patch: Patch) -> None:
    repeats_nothing(patch)
    whole = Delivery._park

    def park(self: Delivery, parked: Any, previous: Any) -> None:
        context = self._context
        config = context.config
        context.config = replace(config, parked_max=10**9)
        whole(self, parked, previous)
        context.config = config

    patch.setattr(Delivery, "_park", park)


def allows_every_registration(patch: Patch) -> None:
    patch.setattr(Registration, "_objection", lambda self, claim: None)


def never_looks_for_lost_servers(patch: Patch) -> None:
    patch.setattr(Search, "_heal", lambda self: None)


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
    whole = Replication._spread
    links = Connections.links
    silent = False

    def spread(self: Replication, entry: Entry, source: int | None) -> None:
        nonlocal silent
        silent = entry.kind == "activity"
        whole(self, entry, source)
        silent = False

    patch.setattr(Replication, "_spread", spread)
    patch.setattr(Connections, "links", lambda self, *states: [] if silent else links(self, *states))
    patch.setattr(Synchronisation, "request", lambda self, link: None)
    patch.setattr(Synchronisation, "_answer", lambda self, link, message: None)


def forgets_accounts_of_others(patch: Patch) -> None:
    whole = AccountEntries.apply

    def apply(self: AccountEntries, fact: Any) -> None:
        if fact.claim.startswith(self._context.id):
            whole(self, fact)

    patch.setattr(AccountEntries, "apply", apply)


def loses_the_second_activity(patch: Patch) -> None:
    whole = Delivery._hand_out

    def hand_out(self: Delivery, entry: Entry, frame: Frame, source: int | None) -> None:
        if self._context.name != "s002" or b'"n":2' not in entry.body:
            whole(self, entry, frame, source)

    patch.setattr(Delivery, "_hand_out", hand_out)


def hands_everything_out_twice(patch: Patch) -> None:
    whole = Delivery._hand_out

    def hand_out(self: Delivery, entry: Entry, frame: Frame, source: int | None) -> None:
        whole(self, entry, frame, source)
        whole(self, entry, frame, source)

    patch.setattr(Delivery, "_hand_out", hand_out)


def client_does_not_come_back(patch: Patch) -> None:
    patch.setattr(ClientMachine, "lost", lambda self, reason, now: None)
    patch.setattr(ClientMachine, "woke", lambda self, now: None)


def never_answers_a_login(patch: Patch) -> None:
    patch.setattr(Sessions, "_login", lambda self, session, message: None)


def never_has_left(patch: Patch) -> None:
    patch.setattr(Drain, "advance", lambda self: None)
    patch.setattr(Drain, "_out_of_time", lambda self: None)


def trusts_silent_links(patch: Patch) -> None:
    patch.setattr(Heartbeat, "_ping", lambda self, link: None)


def never_tries_the_disk_again(patch: Patch) -> None:
    patch.setattr(SimulatedDisk, "_probe", lambda self, life, pause: None)


def disk_forgets(kind: str) -> Callable[[Patch], None]:
    """What a disk says that it has kept of others' entries, it has not."""

    def plant(patch: Patch) -> None:
        whole = MemoryStore.commit

        def commit(self: MemoryStore, records: Sequence[Record]) -> None:
            whole(self, [one for one in records if not (isinstance(one, Entry) and _is_lost(self, one))])

        def _is_lost(store: MemoryStore, entry: Entry) -> bool:
            return entry.kind == kind and entry.id.node != store.node

        patch.setattr(MemoryStore, "commit", commit)

    return plant


def acknowledges_before_it_is_kept(patch: Patch) -> None:
    whole = Replication.originate

    def originate(self: Replication, kind: Any, body: bytes, **members: Any) -> Entry:
        entry = whole(self, kind, body, **members)
        for session in self._context.connections.sessions():
            if entry.ref is not None and session.user == entry.sender:
                self._context.send(session, ActivityAck(entry.ref, str(entry.id), entry.stamp))
        return entry

    patch.setattr(Replication, "originate", originate)


def says_registered_and_keeps_nothing(patch: Patch) -> None:
    def make(self: Registration, claim: Any) -> None:
        self._close(claim)
        if claim.done is not None:
            claim.done(None)

    patch.setattr(Registration, "make_account", make)


def gives_names_to_the_later_registration(patch: Patch) -> None:
    patch.setattr("core.node.accounts.book._age", lambda fact: (-fact.stamp, fact.claim))


def drops_who_registered_later(patch: Patch) -> None:
    whole = AccountBook.__iter__

    def names(self: AccountBook) -> Iterator[Any]:
        return (one for one in whole(self) if "~" not in one[0])

    patch.setattr(AccountBook, "__iter__", names)


def keeps_questions_that_are_answered(patch: Patch) -> None:
    whole = Sessions.verified

    def verified(self: Sessions, token: int, matches: bool) -> None:
        callback = self._verifying[token]
        whole(self, token, matches)
        self._verifying[token] = callback

    patch.setattr(Sessions, "verified", verified)


def leaves_timers_behind(patch: Patch) -> None:
    whole = Sessions._post
    numbers = itertools.count()

    def post(self: Sessions, session: Session, message: Any) -> None:
        self._context.timers.set(("left", next(numbers)), self._context.after(10_000.0), lambda: None)
        whole(self, session, message)

    patch.setattr(Sessions, "_post", post)


def floods_always(patch: Patch) -> None:
    patch.setattr(Neighbours, "flooding", property(lambda self: True))


def asks_twice_about_each_name(patch: Patch) -> None:
    whole = Registration._ask

    def ask(self: Registration, claim: Any) -> None:
        whole(self, claim)
        whole(self, claim)

    patch.setattr(Registration, "_ask", ask)


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
        address = self._whereabouts.for_peer(target.id, session)
        return RedirectTarget(target.id, target.name, address) if address is not None else None

    patch.setattr(Balance, "redirect_for", redirect)


def believes_what_servers_advertise(patch: Patch) -> None:
    def for_peer(self: Whereabouts, server: str, peer: Connection, without: Iterable[str] = ()) -> Address | None:
        record = self._topology.records[server]
        return Address(record.hostname, record.port)

    patch.setattr(Whereabouts, "for_peer", for_peer)


def registers_nobody(patch: Patch) -> None:
    patch.setattr(Registration, "register", lambda self, username, secret, done, conn=None: done("not today"))


def says_refused_of_what_it_keeps(patch: Patch) -> None:
    whole = Sessions._kept

    def kept(self: Sessions, session: Session, entry: Entry, problem: str | None) -> None:
        if entry.ref is not None and problem is None:
            self._context.send(session, ActivityRefused(entry.ref, "no"))
        else:
            whole(self, session, entry, problem)

    patch.setattr(Sessions, "_kept", kept)


def refuses_before_it_keeps(patch: Patch) -> None:
    whole = Sessions._post

    def post(self: Sessions, session: Session, message: Any) -> None:
        if message.ref is not None and session.state is ConnectionState.LOGGED_IN:
            self._context.send(session, ActivityRefused(message.ref, "no"))
        whole(self, session, message)

    patch.setattr(Sessions, "_post", post)


def rounds_numbers(patch: Patch) -> None:
    whole = stamp_activity

    def stamp(members: Any, user: str) -> bytes:
        return whole({**members, "precise": msgspec.Raw(b"0.1")}, user)

    patch.setattr(sessions_module, "stamp_activity", stamp)


def changes_what_it_passes_on(patch: Patch) -> None:
    whole = Delivery._hand_out

    def hand_out(self: Delivery, entry: Entry, frame: Frame, source: int | None) -> None:
        if self._context.name == "s002":
            entry = msgspec.structs.replace(entry, body=entry.body.replace(b'"Note"', b'"Spam"'))
            frame = frame_of(entry)
        whole(self, entry, frame, source)

    patch.setattr(Delivery, "_hand_out", hand_out)


def believes_everybody(patch: Patch) -> None:
    def login(self: Sessions, session: Session, message: Any) -> None:
        self._logged_in(session, message, message.username, None)

    patch.setattr(Sessions, "_login", login)


def refuses_known_people_for_a_while(patch: Patch) -> None:
    whole = Sessions._verify

    def verify(self: Sessions, session: Session, message: Any, tried: tuple[str, ...]) -> None:
        if 6.0 < self._context.now.monotonic < 9.0:
            self._context.refuse(session, LoginFailed("no"), "no")
        else:
            whole(self, session, message, tried)

    patch.setattr(Sessions, "_verify", verify)


def speaks_natively_to_everybody(patch: Patch) -> None:
    whole = Sessions._logged_in

    def logged_in(self: Sessions, session: Session, *arguments: Any) -> None:
        whole(self, session, *arguments)
        self._context.send(session, CaughtUp(0))

    patch.setattr(Sessions, "_logged_in", logged_in)


def says_what_is_no_message(to_native: bool) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        whole = Sessions._logged_in

        def logged_in(self: Sessions, session: Session, *arguments: Any) -> None:
            whole(self, session, *arguments)
            if session.native is to_native:
                self._context.send(session, Frame(LoginSuccess(""), b'{"command":\n'))

        patch.setattr(Sessions, "_logged_in", logged_in)

    return plant


def sends_activities_before_the_login(patch: Patch) -> None:
    from core.node.interface.actions import Subscribe

    whole = Sessions._register

    def register(self: Sessions, session: Session, message: Any) -> None:
        self._context.actions.append(Subscribe(session.conn))
        whole(self, session, message)

    patch.setattr(Sessions, "_register", register)


def tells_base_servers_what_they_do_not_know(patch: Patch) -> None:
    whole = BaseLinks.take_up

    def become(self: BaseLinks, link: Any) -> None:
        whole(self, link)
        self._context.send(link, CaughtUp(0))

    patch.setattr(BaseLinks, "take_up", become)


def tells_base_servers_everything_twice(patch: Patch) -> None:
    whole = Delivery._hand_out

    def hand_out(self: Delivery, entry: Entry, frame: Frame, source: int | None) -> None:
        whole(self, entry, frame, source)
        for link in self._context.connections.links(ConnectionState.BASE):
            self._context.send(link, frame)

    patch.setattr(Delivery, "_hand_out", hand_out)


def keeps_secrets_from_base_servers(patch: Patch) -> None:
    whole = Registration.send

    def count(self: Registration, link: Any, message: Message) -> None:
        if link.state is ConnectionState.BASE and command_of(message) == "LOCK_REQUEST":
            message = msgspec.structs.replace(message, secret=None)
        whole(self, link, message)  # type: ignore[arg-type]

    patch.setattr(Registration, "send", count)


def speaks_before_the_base_server_has(patch: Patch) -> None:
    whole = Handshake.authenticate

    def authenticate(self: Handshake, connection: Any, message: Any) -> None:
        whole(self, connection, message)
        link = self._context.connections.link(connection.conn)
        if link is not None and link.state is ConnectionState.QUIET:
            self._context.send(link, ServerAnnounce("x", 0, "h", 1))

    patch.setattr(Handshake, "authenticate", authenticate)


def one_server_goes_by_the_first_secret(patch: Patch) -> None:
    whole = Secrets.verifier

    def verifier(self: Secrets, fact: AccountFact) -> str:
        return fact.verifier if self._context.name == "s002" else whole(self, fact)

    patch.setattr(Secrets, "verifier", verifier)


def says_changed_before_it_is_kept(patch: Patch) -> None:
    whole = Secrets._make

    def make(self: Secrets, request: Any, fact: AccountFact, verifier: str) -> None:
        request.done(None)
        request.done = lambda problem: None
        whole(self, request, fact, verifier)

    patch.setattr(Secrets, "_make", make)


def lets_in_with_any_secret(patch: Patch) -> None:
    """People whose clients go on with the first secret are let in with it."""

    def verify(self: Sessions, session: Session, message: Any, tried: tuple[str, ...]) -> None:
        fact = self._book.holder(message.username)
        assert fact is not None
        self._attempts.succeeded(session)
        session.verifier = self._secrets.verifier(fact)
        self._logged_in(session, message, message.username, fact.claim)

    def changed(self: ClientAccount) -> SecretChangeDone:
        wanted, self._wanted = self._wanted, None
        return SecretChangeDone(self.name, wanted or "")

    patch.setattr(Sessions, "_verify", verify)
    patch.setattr(ClientAccount, "changed", changed)


# --- histories --------------------------------------------------------------------------------------------------------

ARRIVALS = [arrive(1.0, "nat", "s000"), arrive(2.0, "bas", "s002")]
CHANGED = plan(
    arrive(1.0, "nat", "s000"),
    Operation(5.0, "secret", "nat"),
    Operation(8.0, "reset", "s000", "client-nat"),
    people=(NATIVE,),
)
CHANGED_SLOWLY = plan(
    arrive(1.0, "nat", "s000"),
    Operation(3.5, "disk slow", "s000", amount=0.5),
    Operation(4.0, "secret", "nat"),
    people=(NATIVE,),
)
TALK = plan(*ARRIVALS, *posts("nat", 4.0, 5), *posts("bas", 4.05, 5))
MOVING = plan(
    arrive(1.0, "nat", "s000"),
    arrive(1.0, "bas", "s002"),
    Operation(4.0, "part", "s000,client-nat"),
    *posts("nat", 4.5, 1),
    Operation(4.9, "part", "s000"),
    Operation(4.95, "unite", "s000,client-nat"),
    Operation(5.0, "cut both", "s000", "client-nat"),
    Operation(5.0, "reset", "s000", "client-nat"),
    *posts("nat", 12.0, 20),
    Operation(16.0, "unite", "s000"),
    Operation(16.0, "mend", "s000", "client-nat"),
    duration=18.0,
)
RIVALS = plan(
    arrive(4.0, "nat", "s000"),
    arrive(4.0, "rival", "s002"),
    people=(NATIVE, Person("rival", registers=True, username="nat")),
)
PARTED_RIVALS = plan(
    Operation(3.5, "part", "s000,client-nat"),
    arrive(14.0, "nat", "s000"),
    arrive(15.0, "rival", "s002"),
    Operation(20.0, "unite", "s000,client-nat"),
    people=(NATIVE, Person("rival", registers=True, username="nat")),
    duration=22.0,
)
PARTED = plan(Operation(4.0, "part", "s000"), Operation(12.0, "unite", "s000"), duration=13.0, people=(), lazy_links=0)
ALONE = plan(arrive(1.0, "ano", "s000"), *posts("ano", 4.0, 3), people=(NOBODY,))
CUT_OFF = plan(*ARRIVALS, Operation(5.0, "reset", "s000", "client-nat"))
SOMEWHERE = plan(
    arrive(1.0, "nat", "s000"), Operation(5.0, "quit", "s000"), people=(NATIVE,), advertised={"s001": "127.0.0.1"}
)
LEAVING = plan(Operation(5.0, "quit", "s001"), people=(), bound=12.0)
HALF_OPEN = plan(Operation(5.0, "half-open", "s000", "s001"), people=(), servers=2, lazy_links=0, duration=20.0)
FULL = plan(
    arrive(1.0, "ano", "s000"),
    Operation(4.0, "disk full", "s000"),
    *posts("ano", 4.5, 1),
    Operation(8.0, "disk free", "s000"),
    people=(NOBODY,),
)
GONE = plan(arrive(4.0, "bas", "s000"), Operation(5.0, "leave", "bas"), people=(BASE,))
BUSY = plan(arrive(1.0, "ano", "s000"), *posts("ano", 4.0, 60, 0.05), people=(NOBODY,), epilogue=True)
EXAMINED = plan(*ARRIVALS, epilogue=True, lazy_links=2, seed=2)
BALANCED = plan(people=(), epilogue=True, seed=4)
UNREGISTERED = plan(arrive(1.0, "ano", "s000"), people=(NOBODY,), epilogue=True)
HASTY = plan(
    arrive(2.0, "nat", "s000"),
    arrive(1.0, "haste", "s001"),
    people=(
        NATIVE,
        Person("haste", native=False, registers=True, username="nat", impatient=True),
    ),
)
RETURNING = plan(
    arrive(1.0, "bas", "s000"),
    Operation(4.0, "leave", "bas"),
    arrive(7.5, "bas", "s000"),
    people=(BASE,),
    duration=20.0,
)
SLOW_DISK = plan(
    arrive(1.0, "nat", "s000"), Operation(3.5, "disk slow", "s000", amount=0.5), *posts("nat", 4.0, 1), people=(NATIVE,)
)
WITH_BASE = plan(*ARRIVALS, *posts("nat", 6.0, 3), base_servers=1)
EARLY = plan(arrive(1.0, "nat", "s000"), *posts("nat", 4.0, 100, 0.01), arrive(4.2, "bas", "s002"))
REGISTERING_WITH_BASE = plan(arrive(8.0, "bas", "s002"), Operation(9.0, "leave", "bas"), people=(BASE,), base_servers=1)


@dataclass(frozen=True)
class Case:
    """A fault, a history that brings it to light, and what the checker says."""

    plant: Callable[[Patch], None]
    history: Plan
    guarantee: str
    says: str
    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """Settings under which the fault shows."""
    also: frozenset[str] = frozenset()
    """Guarantees that are broken with it."""

    def settings(self) -> NodeConfig | None:
        return replace(lan("", PORT, SECRET), liveness_after=2.75, **self.config) if self.config else None

    def __str__(self) -> str:
        return self.name or self.plant.__name__


CASES = (
    Case(delivers_before_the_previous, MOVING, "order", "after"),
    Case(repeats_nothing, MOVING, "order", "after", config={"order_wait": 3.0}),
    Case(parks_without_a_limit, MOVING, "bounded queues", "the limit is 10", config={"parked_max": 10}),
    Case(allows_every_registration, RIVALS, "unique names", "both registered nat"),
    Case(never_looks_for_lost_servers, PARTED, "liveness", "reaches 1 of 3"),
    Case(prefers_younger_links_at_one_server, plan(people=()), "agreement", "have different trees"),
    Case(passes_nothing_on, ALONE, "agreement", "do not have the same entries"),
    Case(forgets_accounts_of_others, GONE, "agreement", "do not have the same accounts"),
    Case(loses_the_second_activity, TALK, "exactly once", "bas never got nat's activity 2"),
    Case(hands_everything_out_twice, TALK, "exactly once", "activity 1 twice"),
    Case(client_does_not_come_back, CUT_OFF, "liveness", "nat is not logged in"),
    Case(never_answers_a_login, ALONE, "liveness", "ano is not logged in"),
    Case(never_has_left, LEAVING, "liveness", "s001 is still leaving"),
    Case(trusts_silent_links, HALF_OPEN, "liveness", "has not noticed that its connection"),
    Case(never_tries_the_disk_again, FULL, "liveness", "the disk of s000 is not up to date"),
    Case(disk_forgets("activity"), TALK, "durability", "acknowledged activity", "disk_forgets_activities"),
    Case(disk_forgets("account"), TALK, "durability", "has not got the account", "disk_forgets_accounts"),
    Case(acknowledges_before_it_is_kept, SLOW_DISK, "durability", "before it was kept"),
    Case(says_registered_and_keeps_nothing, GONE, "durability", "does not know bas"),
    Case(gives_names_to_the_later_registration, PARTED_RIVALS, "unique names", "is not the earliest registration's"),
    Case(
        drops_who_registered_later,
        PARTED_RIVALS,
        "unique names",
        "has dropped the account",
        also=frozenset({"durability"}),
    ),
    Case(keeps_questions_that_are_answered, EXAMINED, "bounded queues", "logins being checked"),
    Case(leaves_timers_behind, BUSY, "bounded queues", "timers"),
    Case(floods_always, EXAMINED, "cost", "one ACTIVITY_BROADCAST among 3 servers"),
    Case(asks_twice_about_each_name, UNREGISTERED, "cost", "a registration among 3 servers"),
    Case(redirects_nobody, BALANCED, "balance", "the loads are"),
    Case(redirects_everybody_again_and_again, BALANCED, "balance", "was redirected 3 times"),
    Case(believes_what_servers_advertise, SOMEWHERE, "addresses", "sends client-nat to 127.0.0.1"),
    Case(registers_nobody, UNREGISTERED, "liveness", "nobody can register"),
    Case(says_refused_of_what_it_keeps, ALONE, "outcome", "was refused (no); it was kept"),
    Case(refuses_before_it_keeps, SLOW_DISK, "outcome", "was accepted after it was refused"),
    Case(rounds_numbers, ALONE, "content", "was accepted as"),
    Case(changes_what_it_passes_on, TALK, "content", "bas got nat's activity"),
    Case(believes_everybody, HASTY, "login", "before the registration had succeeded"),
    Case(refuses_known_people_for_a_while, RETURNING, "login", "and refused its login"),
    Case(lets_in_with_any_secret, CHANGED, "login", "with a secret that was another one by then"),
    Case(one_server_goes_by_the_first_secret, CHANGED, "secrets", "s002 does not let nat in with the newest secret"),
    Case(says_changed_before_it_is_kept, CHANGED_SLOWLY, "durability", "told of another secret before it was kept"),
    Case(speaks_natively_to_everybody, TALK, "base protocol", "bas was sent CAUGHT_UP"),
    Case(says_what_is_no_message(False), TALK, "base protocol", "what is no message", "garbles_for_base_clients"),
    Case(says_what_is_no_message(True), TALK, "protocol", "what is no message", "garbles_for_native_clients"),
    Case(sends_activities_before_the_login, EARLY, "base protocol", "an activity before its login"),
    Case(tells_base_servers_what_they_do_not_know, WITH_BASE, "base protocol", "b0: was sent CAUGHT_UP"),
    Case(tells_base_servers_everything_twice, WITH_BASE, "base protocol", "b0: was sent an activity twice"),
    Case(keeps_secrets_from_base_servers, REGISTERING_WITH_BASE, "base protocol", "without a secret"),
    Case(speaks_before_the_base_server_has, WITH_BASE, "base protocol", "before its first announcement"),
)


def guarantees(problems: list[Violation]) -> set[str]:
    return {problem.guarantee for problem in problems}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_planted_fault_breaks_exactly_its_guarantee(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.plant(monkeypatch)
    problems = run(case.history, config=case.settings()).problems
    assert guarantees(problems) == {case.guarantee} | case.also, problems
    assert any(case.says in problem.text for problem in problems), problems


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_history_without_the_fault_passes(case: Case) -> None:
    assert run(case.history, config=case.settings()).problems == []
