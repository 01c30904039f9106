"""What really happened: the truth that the checkers compare with what nodes and clients believe.

Nothing here is known to any node. An activity is *accepted* when it is synced to the disk of the server that took it;
an account exists from the moment at which its entry is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

import msgspec

from core.node.accounts.book import name_after_conflict
from core.node.accounts.secrets import CODE_MARK
from core.node.kernel.clock import AHEAD_MAX, MICROSECONDS
from core.simulation.environment.connection_ends import End
from core.simulation.environment.schedule import Schedule
from core.simulation.environment.verifiers import matches
from core.wire.account_documents import DocumentVersion
from core.wire.activity import stamp_activity
from core.wire.entries import AccountFact, Entry, EntryId, SecretChange, change_in_key
from core.wire.keepables import Keepable, entries_in
from core.wire.names import ANONYMOUS, original_name
from core.wire.references import reference_in, with_reference

DISK_SECONDS: Final = 5.0
"""Longest that a slow disk takes to keep what a server has decided upon what it knew."""
LOGIN_SECONDS: Final = 1.0
"""Longest that a server may think about a login before it answers: what it learns meanwhile comes too late."""


class Writer(Protocol):
    """What is to be known of somebody with a client."""

    native: bool
    name: str
    username: str
    secret: str
    """What the account was registered with."""
    secrets: list[str]
    """Those that it may have by now, the likeliest first."""
    line: int
    """Counts what an activity's order is guaranteed within."""
    end: End | None
    """The connection, if there is one."""

    def body(self, number: int) -> dict[str, msgspec.Raw]:
        """The members of the activity with a number, as they were sent."""

    def ref(self, number: int) -> str:
        """The ref of the activity with a number, where the client gives it one."""

    @property
    def tried(self) -> str:
        """The secret with which its client logs in now."""


class EntryKeeper(Protocol):
    """What is to be known of a server."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    def has(self, entry_id: EntryId) -> bool:
        """Whether an entry has come to it, as long as it runs."""


class NumberedPost(NamedTuple):
    """A person's activity, by who wrote it and its number."""

    by: str
    number: int


class TriedExpulsion(NamedTuple):
    """A server that an operator has tried to expel; whether the order was kept nobody may know. Stamps are microseconds
    since 1970."""

    void_from: int
    """What it has said of accounts from this stamp on may count for nothing."""
    hidden_from: int
    """Its activities from this stamp on may be hidden."""


class BaseDelivery(NamedTuple):
    """How somebody got an activity at a base server."""

    conn: int
    """Over which of their connections."""
    is_past: bool
    """Whether it had been accepted before they first came to the network."""


class Violation(NamedTuple):
    """A guarantee that did not hold."""

    guarantee: str
    at: float
    text: str


class _Mark(msgspec.Struct):
    by: str
    n: int


class Ledger:
    """Everything that was accepted, promised and delivered."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.problems: list[Violation] = []
        self.accepted: dict[EntryId, Entry] = {}
        self.accepted_at: dict[NumberedPost, float] = {}
        self.posted_at: dict[NumberedPost, float] = {}
        self.ids: dict[NumberedPost, list[EntryId]] = {}
        self.accounts: dict[EntryId, AccountFact] = {}
        self.account_at: dict[EntryId, float] = {}
        self.acks: dict[NumberedPost, EntryId] = {}
        self.acked_at: dict[NumberedPost, float] = {}
        self.seen: dict[str, dict[NumberedPost, float]] = {}
        """Agent to the activities that reached it, and when first."""
        self.lives: dict[str, list[dict[NumberedPost, float]]] = {}
        """Agent to the same in the order in which they arrived, for each client that it had."""
        self.at_base_servers: dict[str, dict[NumberedPost, BaseDelivery]] = {}
        """Agent to those of them that it got from a base server, and how."""
        self.copies_of_the_past: dict[str, dict[NumberedPost, None]] = {}
        """Agent to those of them that had been accepted before it came, and were accepted again at another server."""
        self.damaged_where_it_came: dict[str, dict[NumberedPost, None]] = {}
        """Agent to what was damaged at a server that sent it what it had missed, and that no other server brought."""
        self.refusals: dict[NumberedPost, str] = {}
        self.unknown: dict[NumberedPost, None] = {}
        """Of what clients said that nobody knows whether it was accepted."""
        self.since: dict[str, float] = {}
        """Agent to the time from which on everything accepted has to reach it."""
        self.stays: dict[str, list[tuple[float, str]]] = {}
        """When people were let in, and at which hosts, by the names under which they were."""
        self.registrations: list[tuple[float, Writer]] = []
        self.redirects: dict[str, int] = {}
        self.renamings: dict[str, str] = {}
        self.orders: dict[str, str] = {}
        """Those that operators were told to be kept, to the server that said so."""
        self.removals: dict[str, None] = {}
        """Activities that an operator has tried to remove; whether the order was kept nobody may know."""
        self.expulsions: dict[str, TriedExpulsion] = {}
        """Servers that an operator has tried to expel, by id: what they have accepted may be theirs alone for a while,
        or may be hidden from people. Of several tries the earliest stamps."""
        self.restricted: dict[str, None] = {}
        """Accounts, by their claims, that an operator has tried to close or silence."""
        self.closings: dict[str, None] = {}
        """Those that one has tried to close."""
        self.strangers: dict[str, None] = {}
        """Base servers whose own people write: nobody is owed that, but nobody may get it twice."""
        self.stamped_elsewhere: dict[bytes, None] = {}
        """What base servers took from their clients and have passed on: they keep nothing."""
        self.written_without: dict[NumberedPost, frozenset[NumberedPost]] = {}
        """What people wrote, to what they had written before that had not come there yet, one of the two at a base
        server."""
        self.liars: dict[str, None] = {}
        """Hosts of members that lie: whatever somebody is told there is worth nothing."""
        self.misled: dict[str, None] = {}
        """Agents that such a member has taken in: it may have told them anything of what they have."""
        self.robbed: dict[str, None] = {}
        """Names of accounts of which such a member has said that they have another secret."""
        self.invented_claims: dict[str, None] = {}
        """Registrations of which only such a member tells."""
        self.outdated: dict[str, None] = {}
        """Names that such a member says to have been registered before, and allowed by a server that it has made up."""
        self.spoken_for: dict[str, None] = {}
        """Names of people of whom such a member has said that they wrote something."""
        self.documents: dict[tuple[bytes, int], DocumentVersion] = {}
        """Versions of accounts' documents that are on the disk of the server that took them, by body and stamp."""
        self.documents_owed: dict[str, DocumentVersion] = {}
        """Of accounts the latest that somebody was told to be kept."""
        self.documents_misdated: dict[str, None] = {}
        """Of accounts whose document was taken by a server whose clock was far ahead, unknown to it."""
        self.granted: dict[tuple[str, str], bool] = {}
        """Base servers and names that each has given one of its people, and whether any of ours could hear of it: they
        keep what they have allowed, or hear of, a moment later."""
        self.locked_at_base: dict[tuple[str, str], None] = {}
        """Base servers and names that each was asked to lock: whoever asked is let in there, whatever comes of it. If
        the server that asked dies, nobody takes that back."""
        self._came_to_base: dict[str, set[NumberedPost]] = {}
        """Base server to what has come there over a link, or was written there."""
        self._written_at_base: set[NumberedPost] = set()
        self._account_kept: dict[str, dict[EntryId, float]] = {}
        self._agents: dict[str, Writer] = {}
        self._posts: dict[EntryId, NumberedPost] = {}
        self._made_up: set[tuple[EntryId, bytes]] = set()
        """Entries in anybody's name that are nothing but a liar's word."""
        self._line: dict[NumberedPost, int] = {}
        """The part of its writer's activities within which an activity's order is guaranteed."""

    def problem(self, guarantee: str, text: str) -> None:
        self.problems.append(Violation(guarantee, self._schedule.time, text))

    def join(self, agent: Writer) -> None:
        self._agents[agent.name] = agent
        self.seen[agent.name] = {}
        self.lives[agent.name] = [{}]

    # --- servers ------------------------------------------------------------------------------------------------------

    def kept(self, server: EntryKeeper, keepables: tuple[Keepable, ...]) -> None:
        """Keepables are synced to a server's disk."""
        for keepable in keepables:
            if isinstance(keepable, DocumentVersion) and keepable.node == server.id:
                self.documents[keepable.body, keepable.stamp] = keepable
        for entry in entries_in(keepables):
            if entry.kind == "account":
                self._account_kept.setdefault(server.name, {}).setdefault(entry.id, self._schedule.time)
            if (entry.id, entry.body) in self._made_up:
                continue
            if entry.id.node == server.id and entry.id not in self.accepted:
                self.accepted[entry.id] = entry
                if entry.kind == "account":
                    self.accounts[entry.id] = fact = msgspec.json.decode(entry.body, type=AccountFact)
                    self._note_code(server, fact)
                    self.account_at[entry.id] = self._schedule.time
                else:
                    self._accepted(entry, server)

    def said_by_liar(self, entry: Entry) -> None:
        """A member that lies says that there is an entry. It may be true: it says again what it has heard."""
        accepted = self.accepted.get(entry.id)
        if accepted is None or accepted.body != entry.body:
            if entry.sender:
                self.spoken_for[original_name(entry.sender)] = None
            self._made_up.add((entry.id, entry.body))
            if entry.kind == "account":
                try:
                    fact = msgspec.json.decode(entry.body, type=AccountFact)
                except msgspec.DecodeError:
                    # What is no account is nobody's.
                    return
                if all(fact.claim != accepted.claim for accepted in self.accounts.values()):
                    self.invented_claims[fact.claim] = None

    def put_back(self, server: EntryKeeper, entries: Iterable[Entry]) -> None:
        """A server's disk is that of an earlier moment: it has these entries, and not every account any more."""
        left = {entry.id for entry in entries}
        kept = self._account_kept.get(server.name, {})
        self._account_kept[server.name] = {entry_id: at for entry_id, at in kept.items() if entry_id in left}

    def _named_in(self, body: bytes) -> NumberedPost | None:
        """Which person's activity it is that bears these bytes."""
        try:
            mark = msgspec.json.decode(body, type=_Mark)
        except msgspec.DecodeError:
            return None
        return NumberedPost(mark.by, mark.n) if mark.by in self._agents else None

    def _accepted(self, entry: Entry, server: EntryKeeper) -> None:
        post = self._named_in(entry.body)
        if post is None:
            return
        agent = self._agents[post.by]
        if post not in self.accepted_at:
            self._note_what_is_missing(post, server)
        self.accepted_at.setdefault(post, self._schedule.time)
        self.ids.setdefault(post, []).append(entry.id)
        self._posts[entry.id] = post
        if post in self.refusals:
            self.problem("outcome", f"{post.by}'s activity {post.number} was accepted after it was refused for good")
        if entry.body not in self._may_be_accepted_as(agent, post.number):
            self.problem("content", f"{post.by}'s activity {post.number} was accepted as {entry.body!r}")
        called = {reference_in(self.accepted[one].body) for one in self.ids[post]}
        foreign = [one for one in called if one is not None and one.claim not in self.claims_of(agent)]
        if foreign and agent.native and post not in self._written_at_base:
            self.problem("answers", f"{post.by}'s activity {post.number} was accepted as another's: {foreign[0]}")
        if len(called) > 1:
            self.problem("content", f"copies of {post.by}'s activity {post.number} are called {called}")

    def _may_be_accepted_as(self, agent: Writer, number: int) -> Iterator[bytes]:
        """An activity under each name that its writer's account may have, and as what a client of ours calls it."""
        body = agent.body(number)
        called = [with_reference(body, claim, agent.ref(number)) for claim in self.claims_of(agent)]
        for name in self.names_of(agent):
            for members in (body, *(called if agent.native else ())):
                yield stamp_activity(members, name)

    def _note_what_is_missing(self, post: NumberedPost, server: EntryKeeper) -> None:
        """A server of ours takes an activity in: what its writer had written before and that server knows nothing of,
        the one or the other at a base server."""
        before = (NumberedPost(post.by, number) for number in range(1, post.number))
        if post not in self._written_at_base:
            before = (earlier for earlier in before if earlier in self._written_at_base)
        self.written_without[post] = self.written_without.get(post, frozenset()).union(
            earlier for earlier in before if not self._has(server, earlier)
        )

    def _has(self, server: EntryKeeper, post: NumberedPost) -> bool:
        """Whether an activity has come to a server."""
        return any(server.has(entry_id) for entry_id in self.ids.get(post, ()))

    def names_of(self, agent: Writer) -> Iterator[str]:
        """The names under which an agent's activities may appear."""
        yield agent.username
        if agent.name in self.renamings:
            yield self.renamings[agent.name]
        for fact in self.accounts.values():
            if fact.username == agent.username and matches(agent.secret, fact.verifier):
                yield name_after_conflict(fact)

    # --- agents -------------------------------------------------------------------------------------------------------

    def posted(self, agent: Writer, number: int) -> None:
        """An activity was written, and will be sent."""
        self._line[NumberedPost(agent.name, number)] = agent.line
        self.posted_at[NumberedPost(agent.name, number)] = self._schedule.time

    def is_spoken_for(self, post: NumberedPost) -> bool:
        """Whether a liar has said of an activity's writer that they wrote something."""
        agent = self._agents.get(post.by)
        return agent is not None and agent.username in self.spoken_for

    def line(self, post: NumberedPost) -> int:
        return self._line.get(post, 0)

    def acknowledged(self, agent: Writer, number: int, entry_id: EntryId) -> None:
        post = NumberedPost(agent.name, number)
        if self.is_at_liar(agent):
            return
        self.acks[post] = entry_id
        self.acked_at[post] = self._schedule.time
        if entry_id not in self.accepted:
            self.problem(
                "durability", f"{post.by}'s activity {number} was acknowledged as {entry_id} before it was kept"
            )

    def refused(self, agent: Writer, number: int, info: str) -> None:
        """The client said that the activity was certainly not accepted, by nobody."""
        post = NumberedPost(agent.name, number)
        self.refusals[post] = info
        if post in self.accepted_at:
            self.problem("outcome", f"{post.by} was told that its activity {number} was refused ({info}); it was kept")

    def outcome_unknown(self, agent: Writer, number: int) -> None:
        """The client said that the activity was given up, and that a server may have accepted it."""
        self.unknown[NumberedPost(agent.name, number)] = None

    def new_client(self, agent: Writer) -> None:
        """A person starts a client afresh: it may be shown again what the one before had shown."""
        self.lives.setdefault(agent.name, []).append({})

    def delivered(self, agent: Writer, body: bytes) -> None:
        try:
            mark = msgspec.json.decode(body, type=_Mark)
        except msgspec.DecodeError:
            return
        post = NumberedPost(mark.by, mark.n)
        if post.by not in self._agents and post.by not in self.strangers:
            return
        life = self.lives[agent.name][-1]
        if post in life:
            nameless = post.by in self.strangers or body in self.stamped_elsewhere
            if nameless and post in self.at_base_servers.get(agent.name, {}):
                # It had no identity where it was first shown: nobody can know it again.
                return
            self.problem("exactly once", f"{agent.name} got {post.by}'s activity {post.number} twice")
            return
        life[post] = self._schedule.time
        if agent.end is not None and agent.end.peer in self.strangers:
            is_past = self.accepted_at.get(post, self._schedule.time) <= self.since.get(agent.name, 0.0)
            self.at_base_servers.setdefault(agent.name, {}).setdefault(post, BaseDelivery(agent.end.conn, is_past))
        if post.by in self.strangers:
            return
        if len(self.ids.get(post, ())) > 1 and self.accepted_at[post] <= self.since.get(agent.name, 0.0):
            self.copies_of_the_past.setdefault(agent.name, {}).setdefault(post)
        self.seen[agent.name].setdefault(post, self._schedule.time)
        known = any(body == self.accepted[entry_id].body for entry_id in self.ids.get(post, ()))
        if not known and body not in self.stamped_elsewhere:
            self.problem("content", f"{agent.name} got {post.by}'s activity {post.number} as {body!r}")

    def logged_in(self, agent: Writer, name: str | None) -> None:
        self.since.setdefault(agent.name, self._schedule.time)
        if agent.end is not None:
            stays = self.stays.setdefault(name or agent.username, [])
            stays.append((self._schedule.time, agent.end.peer))
        if agent.username == "anonymous" or self.is_at_liar(agent):
            return
        if name is not None and name != agent.username:
            self.renamings[agent.name] = name
        is_in_vain = self._granted_where_it_is(agent) is None and not self._is_locked_where_it_is(agent)
        if is_in_vain and not self.has_account(agent):
            self.problem("login", f"{agent.name} logged in as {agent.username} before the registration had succeeded")

    def sent_without(self, agent: Writer, damaged: Iterable[EntryId]) -> None:
        """A server has sent somebody what they had missed, but for entries that are damaged there."""
        for entry in filter(None, map(self.accepted.get, damaged)):
            post = self._named_in(entry.body)
            if post is not None:
                self.damaged_where_it_came.setdefault(agent.name, {}).setdefault(post)

    def refused_login(self, server: EntryKeeper, agent: Writer) -> None:
        """A server refuses a login just now. One that has just come back may not know the account yet."""
        known = self._account_kept.get(server.name, {})
        if agent.username in self.robbed or self.may_be_kept_out(agent):
            return
        for entry_id, fact in self.accounts.items():
            tries_it = matches(agent.secret, fact.verifier) and agent.tried == agent.secret
            if fact.username == agent.username and tries_it and not self.changes_of(agent):
                if known.get(entry_id, self._schedule.time) < self._schedule.time - LOGIN_SECONDS:
                    self.problem("login", f"{server.name} has {agent.name}'s account, and refused its login")

    # --- secrets ------------------------------------------------------------------------------------------------------

    def changes_of(
        self, agent: Writer, kept_by: str | None = None, before: float = float("inf"), claim: str | None = None
    ) -> list[SecretChange]:
        """The changes of an agent's secret that are on some disk, in the order in which they count.

        With `kept_by`, those that this server had kept before a time; with `claim`, those of one account.
        """
        kept = self._account_kept.get(kept_by, {}) if kept_by is not None else self.account_at
        found = [
            change
            for entry_id, fact in self.accounts.items()
            if fact.key is not None and fact.username == agent.username and matches(agent.secret, fact.verifier)
            if claim in (None, fact.claim)
            if kept.get(entry_id, float("inf")) < before and (change := change_in_key(fact.key)) is not None
        ]
        return sorted(found)

    def may_be_changed_at_expelled(self, agent: Writer) -> bool:
        """Whether a server that may be expelled has changed a secret of an agent's: then that may count for nothing."""
        return any(change.id.partition(".")[0] in self.expulsions for change in self.changes_of(agent))

    def _note_code(self, server: EntryKeeper, fact: AccountFact) -> None:
        """A server has changed a secret by a code: nobody may have used it before, as far as that server knew when it
        began to keep that."""
        change = change_in_key(fact.key) if fact.key is not None else None
        code = change.id.partition(CODE_MARK)[2] if change is not None else ""
        kept = self._account_kept.get(server.name, {}) if code else {}
        known = (one for one, at in kept.items() if at < self._schedule.time - DISK_SECONDS and one in self.accounts)
        for earlier in map(self.accounts.__getitem__, known):
            other = change_in_key(earlier.key) if earlier.key is not None else None
            if other is None or self._may_be_void(other):
                # Then nobody has used the code.
                continue
            if other.id.endswith(f"{CODE_MARK}{code}"):
                self.problem("orders", f"{server.name} has taken the code of {code} again, for {fact.username}")

    def secret_acknowledged(self, agent: Writer, secret: str) -> None:
        """A client was told that its account has another secret."""
        if not any(matches(secret, change.verifier) for change in self.changes_of(agent)):
            self.problem("durability", f"{agent.name} was told of another secret before it was kept")

    def logged_in_with(self, agent: Writer, secret: str | None, server: str) -> None:
        """A server has let somebody in with a secret. It may have begun to think before it heard of the latest; it may
        know a later one than its disk, which is full, has kept; and one of an expelled server may count for nothing."""
        claims = {
            fact.claim
            for fact in self.accounts.values()
            if fact.username == agent.username and matches(agent.secret, fact.verifier)
        }
        # Somebody who registered in two parts of the network has two accounts, and which one it was is not told.
        kept = {claim: self.changes_of(agent, server, self._schedule.time - LOGIN_SECONDS, claim) for claim in claims}
        known = {claim: [one for one in changes if not self._may_be_void(one)] for claim, changes in kept.items()}
        if secret is None or not known or not all(known.values()):
            return
        allowed = [one for claim in claims for one in self.changes_of(agent, claim=claim) if one >= known[claim][-1]]
        if not any(matches(secret, change.verifier) for change in allowed):
            self.problem("login", f"{server} let {agent.name} in with a secret that was another one by then")

    # --- documents ----------------------------------------------------------------------------------------------------

    def document_acknowledged(self, agent: Writer, body: bytes, stamp: int) -> None:
        """A client was told that its account's document is kept."""
        if self.is_at_liar(agent):
            return
        version = self.documents.get((body, stamp))
        if version is None:
            self.problem("documents", f"{agent.name} was told that its document is kept before it was")
            return
        if stamp > self._schedule.wall * MICROSECONDS + AHEAD_MAX:
            # It is dated anew once its server hears what time it is, and may come behind what was written meanwhile.
            self.documents_misdated[version.claim] = None
        known = self.documents_owed.get(version.claim)
        if known is None or (known.stamp, known.node) < (version.stamp, version.node):
            self.documents_owed[version.claim] = version

    def document_told(self, agent: Writer, body: bytes) -> None:
        """A client was told its account's document."""
        writer = self._agents.get(msgspec.json.decode(body)["by"])
        own = writer is not None and (writer.username, writer.secret) == (agent.username, agent.secret)
        if not own and not self.is_at_liar(agent):
            self.problem("documents", f"{agent.name} was told a document that is not its account's: {body!r}")

    def registered(self, agent: Writer) -> None:
        seems_so = self._granted_where_it_is(agent) is None and self._is_locked_where_it_is(agent)
        if seems_so and not self.has_account(agent):
            return
        if self._granted_where_it_is(agent) is not False and not self.is_at_liar(agent):
            self.registrations.append((self._schedule.time, agent))

    def _granted_where_it_is(self, agent: Writer) -> bool | None:
        """Whether others could hear that the base server at which an agent is gave it its name; None: it did not."""
        return self.granted.get((agent.end.peer, agent.username)) if agent.end is not None else None

    def _is_locked_where_it_is(self, agent: Writer) -> bool:
        """Whether an agent is at a base server that somebody asked to lock its name."""
        return agent.end is not None and (agent.end.peer, agent.username) in self.locked_at_base

    def is_at_liar(self, agent: Writer) -> bool:
        """Whether an agent is connected with a member that lies."""
        return agent.end is not None and agent.end.peer in self.liars

    def was_registered(self, agent: Writer) -> bool:
        return any(one is agent for _, one in self.registrations)

    def has_account(self, agent: Writer) -> bool:
        """Whether the agent's name and secret are an account's."""
        return any(
            fact.username == agent.username and matches(agent.secret, fact.verifier) for fact in self.accounts.values()
        )

    def is_taken(self, agent: Writer) -> bool:
        """Whether somebody else has the name."""
        facts = [fact for fact in self.accounts.values() if fact.username == agent.username]
        return bool(facts) and not any(matches(agent.secret, fact.verifier) for fact in facts)

    def redirected(self, agent: Writer) -> None:
        self.redirects[agent.name] = self.redirects.get(agent.name, 0) + 1

    def renamed(self, agent: Writer, name: str) -> None:
        self.renamings[agent.name] = name

    # --- orders -------------------------------------------------------------------------------------------------------

    def removal_begun(self, activity: str) -> None:
        """An operator orders an activity, by its id, to be removed."""
        self.removals[activity] = None

    def expulsion_begun(self, server: str, expulsion: TriedExpulsion) -> None:
        """An operator orders a server, by its id, to be expelled."""
        before = self.expulsions.get(server, expulsion)
        self.expulsions[server] = TriedExpulsion(*map(min, before, expulsion))

    def _may_be_void(self, change: SecretChange) -> bool:
        """Whether a change of a secret may count for nothing, as the server may be expelled that made it."""
        expulsion = self.expulsions.get(change.id.partition(".")[0])
        return expulsion is not None and change.stamp >= expulsion.void_from

    def restriction_begun(self, claim: str, *, closes: bool) -> None:
        """An operator orders an account to be closed, or to be silenced."""
        self.restricted[claim] = None
        if closes:
            self.closings[claim] = None

    def ordered(self, order: str, server: EntryKeeper) -> None:
        """An operator was told that their order is kept."""
        self.orders.setdefault(order, server.id)

    def orders_to_be_known(self) -> Iterator[str]:
        """What all servers have to know in the end: all that was not kept by one that may be expelled."""
        return (order for order, server in self.orders.items() if server not in self.expulsions)

    def may_be_kept_out(self, agent: Writer) -> bool:
        """Whether an operator has tried to keep an agent's account out, or the server at which it was registered."""
        claims = [fact.claim for fact in self._accounts_of(agent)]
        return any(one in self.restricted or one.partition(".")[0] in self.expulsions for one in claims)

    def claims_of(self, agent: Writer) -> list[str]:
        """The claims of an agent's accounts: it may have registered in two parts of the network."""
        return [fact.claim for fact in self._accounts_of(agent)]

    def _accounts_of(self, agent: Writer) -> list[AccountFact]:
        return [
            fact
            for fact in self.accounts.values()
            if fact.username == agent.username and matches(agent.secret, fact.verifier)
        ]

    def may_be_removed(self, post: NumberedPost) -> bool:
        """Whether an operator has tried to remove an activity, or to expel the server that has accepted it: then nobody
        is owed it."""
        return any(str(one) in self.removals or one.node in self.expulsions for one in self.ids.get(post, ()))

    def may_be_hidden(self, post: NumberedPost) -> bool:
        """Whether an operator has tried to remove an activity, or to hide it with the server that has accepted it:
        it is not shown where that order has come, and is where it has not, or was undone."""
        return any(
            str(one) in self.removals
            or (one.node in self.expulsions and self.accepted[one].stamp >= self.expulsions[one.node].hidden_from)
            for one in self.ids.get(post, ())
        )

    def removed(self) -> set[EntryId]:
        """The entries that may be removed, and their copies; all of servers that may be expelled."""
        if not self.removals and not self.expulsions:
            return set()
        removed = (ids for post, ids in self.ids.items() if self.may_be_removed(post))
        theirs = {one for one in self.accepted if one.node in self.expulsions}
        return theirs.union(one for ids in removed for one in ids)

    def may_be_parted(self, post: NumberedPost, later: NumberedPost) -> bool:
        """Whether an operator has tried to remove something that stood between two activities of one writer."""
        between = range(post.number + 1, later.number) if self.removals or self.expulsions else ()
        return any(self.may_be_removed(NumberedPost(post.by, number)) for number in between)

    # --- base servers -------------------------------------------------------------------------------------------------

    def came_late_to_base(self, receiver: str, post: NumberedPost, other: NumberedPost) -> bool:
        """Whether somebody got an activity at a base server that nothing can put before another one, which they had
        seen elsewhere: that was at another base server, or it had been accepted before they came to the network."""
        here = self.at_base_servers.get(receiver, {})
        if post not in here:
            return False
        return here[post].conn != here[other].conn if other in here else here[post].is_past

    def came_to_base(self, name: str, body: bytes) -> None:
        """An activity has come to a base server over a link."""
        post = self._named_in(body)
        if post is not None:
            self._came_to_base.setdefault(name, set()).add(post)

    def taken_by_base(self, name: str, body: bytes) -> None:
        """A base server has taken what one of its clients wrote, and passes it on."""
        self.stamped_elsewhere[body] = None
        post = self._named_in(body)
        if post is None:
            return
        before = (NumberedPost(post.by, number) for number in range(1, post.number))
        came = self._came_to_base.setdefault(name, set())
        self.written_without[post] = frozenset(
            earlier
            for earlier in before
            if (earlier in self.accepted_at or earlier in self._written_at_base) and earlier not in came
        )
        came.add(post)
        self._written_at_base.add(post)

    def disconnected(self, agent: Writer, *, noticed: bool = True) -> None:
        """A native client that is back says what it has. Of a base client with an account the network remembers it, if
        it `noticed` the loss and its servers hear of each other. Any other is somebody new."""
        alone = sum(other.username == agent.username for other in self._agents.values()) == 1
        if not agent.native and not (agent.username != ANONYMOUS and alone and noticed):
            self.since.pop(agent.name, None)

    def left(self, agent: Writer) -> None:
        self.since.pop(agent.name, None)

    def post_of(self, entry_id: EntryId) -> NumberedPost | None:
        """Which person's activity an entry is."""
        return self._posts.get(entry_id)

    def owed(self) -> Iterator[tuple[str, NumberedPost]]:
        """(agent, activity) for everything that has to reach somebody and has not yet."""
        for name, since in self.since.items():
            agent = self._agents[name]
            end = agent.end
            if end is not None and (end.peer in self.strangers or end.peer in self.liars):
                # Base servers do not know what somebody missed, and liars do not tell; elsewhere it comes.
                continue
            if name in self.misled or agent.username in self.robbed:
                continue
            seen = self.seen[name]
            for post, at in self.accepted_at.items():
                if at > since and post not in seen and not self.may_be_removed(post):
                    yield name, post
