"""What has to hold, checked against what really happened.

Each checker is a function of the world that yields problems. Those of `ALWAYS` hold in every history, those of
`SETTLED` once faults have stopped and the bound is over. What can be seen only in the moment (something delivered
twice, a login before its registration) the ledger notes as it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from core.node.accounts.book import AccountBook
from core.node.interface.node_config import NodeConfig
from core.node.node import Node
from core.simulation.checking.answer_checks import answers_agree
from core.simulation.checking.story_checks import stories_are_true
from core.simulation.environment.verifiers import matches
from core.simulation.ledger import NumberedPost
from core.simulation.parties.agent import Agent
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.world.world import QUEUE_MAX, World
from core.wire.account_votes import ANSWERED_WITHIN
from core.wire.entries import AccountFact, Entry, EntryId, Stream
from core.wire.entry_runs import ids_in
from core.wire.server_keys import certified_id

Findings = Iterator[tuple[str, str]]
"""(guarantee, what is wrong)."""


def nodes(world: World) -> list[tuple[SimulatedServer, Node]]:
    """The servers that run, but for those that are expelled: the network has to go on without them."""
    expelled = world.expelled()
    return [
        (server, server.node)
        for server in world.servers.values()
        if server.node is not None and server.id not in expelled
    ]


# --- in every history -------------------------------------------------------------------------------------------------


def order(world: World) -> Findings:
    """No sender's activities reach anybody in another order than that in which they were sent.

    Eleven things make that impossible, and are left out:

    - Base servers keep nothing, and what they broadcast has no identity. Who comes to one gets what is new there, and
      what had been missed before only at the next server that has a past: behind it, and nobody could tell. (To hear
      nothing at a base server until then would be the other choice, against availability.)
    - Nor does a base server know what somebody has seen who comes from another one, or who had not come to the network
      yet when something was accepted. What it hears late of that comes to them behind what they saw elsewhere.
    - An activity may have been accepted by a server that can no longer be reached, and be refused by the one where it
      is repeated, whose disk is full, or which is a base server and could not recognise it. Its client says that nobody
      knows what became of it and goes on; if it was accepted, it comes when that server is back: behind what was
      written since. (To write nothing more until then would be the other choice.)
    - What had been accepted before somebody came is not sent to them. But its writer may have to go on where nobody
      reaches the server that had accepted it, and repeats it there first, as something new: no server there knows that
      it is a copy, and of what. Somebody who comes there as well gets it, behind what they saw of that writer before.
    - Something is damaged at a server that reaches nobody who has it, or from which another one, whose data is lost,
      has all that it has. Who comes there is sent the rest, after five seconds at most, and what was damaged when it
      has come again. (To send nothing until then would be the other choice, against availability.) Where the disk takes
      no writes as well, damage cannot be set aside, and nothing of the past is sent until it does.
    - What somebody writes at a base server names nothing that it follows, and cannot be held back for it. What they had
      written at a server of ours before, and had not come to the base server by then (that server could not be
      reached, and may have left since), or to whoever speaks to it now, comes behind it. (Nor can their client repeat
      it there: everybody else would get it twice. To write nothing at a base server until then would be the other
      choice.)
    - A member that lies says that somebody wrote what they did not, behind something that nobody has. What that person
      writes next follows upon it, and waits for it as long as servers wait.
    - The other way round: what they had written at a base server, and was still held up between it and the server where
      they wrote next, comes behind that. Nobody there had heard of it: base servers confirm nothing.
    - Members that lie are all that a server is linked with, and keep back what was lost on its way to the others, for
      longer than what comes behind it waits (`order_wait`).
    - An operator has removed what was in between: that alone named what it followed, and what follows it does not wait
      for that where it comes first.
    - An operator has removed it, or hidden it with the server that has accepted it. Who was where that order had come,
      and goes to where it has not yet, or was undone, is shown it there, behind what they were shown before. (Never to
      show it would be the other choice.)
    """
    if world.may_be_surrounded:
        return
    ledger = world.ledger
    for receiver, lives in ledger.lives.items():
        if receiver in ledger.misled:
            continue
        before: dict[NumberedPost, float] = {}
        at_base_servers = ledger.at_base_servers.get(receiver, {})
        copies = ledger.copies_of_the_past.get(receiver, {})
        damaged = ledger.damaged_where_it_came.get(receiver, {})
        for seen in lives:
            last: dict[tuple[str, int], int] = {}
            last_with_past: dict[tuple[str, int], int] = {}
            for number, post in enumerate(seen):
                if post in before or post.by in ledger.strangers or ledger.is_spoken_for(post):
                    # A client started afresh may be shown again what the one before it had shown; and what base
                    # servers pass on names no previous one.
                    continue
                line = (post.by, ledger.line(post))
                earlier = last if post in at_base_servers else last_with_past
                impossible = post in ledger.unknown or post in copies or post in damaged
                if post.number < earlier.get(line, 0) and not impossible and not ledger.may_be_hidden(post):
                    written_with = [
                        other.number
                        for other in islice(seen, number)
                        if (other.by, ledger.line(other)) == line and other.number > post.number
                        if post in at_base_servers or other not in at_base_servers
                        if other not in before and post not in ledger.written_without.get(other, ())
                        if not ledger.may_be_parted(post, other)
                        if not ledger.came_late_to_base(receiver, post, other)
                    ]
                    if written_with:
                        yield "order", f"{receiver} got {post.by}'s activity {post.number} after {max(written_with)}"
                last[line] = max(post.number, last.get(line, 0))
                if post not in at_base_servers:
                    last_with_past[line] = max(post.number, last_with_past.get(line, 0))
            before.update(seen)


def bounded(world: World) -> Findings:
    """No queue of a node grows beyond what its settings allow."""
    config = world.config
    for name, size in world.largest.items():
        limit = queue_limit(name, config)
        if limit is not None and size > limit:
            yield "bounded queues", f"{size} {name}; the limit is {limit}"


def queue_limit(name: str, config: NodeConfig) -> int | None:
    """The most that a node's queue may hold."""
    limits = {
        "messages in the longest inbox": config.inbox_max,
        "activities parked": config.parked_max,
        "activities behind the longest catching up": QUEUE_MAX,
        "dials": 64,
    }
    return limits.get(name)


def _is_kept_as(server: SimulatedServer, entry: Entry, accepted: Entry) -> bool:
    """Whether a server has an entry as it was accepted. One of the version before reads no votes, and what it got then
    may stay without when nobody has any after its upgrade. One whose data was lost or put back may know of no keys, and
    gets what a neighbour of the version before has, until somebody proves it."""
    if entry.body == accepted.body:
        return True
    reads_no_votes = not server.keyed or server.was_keyless or server.disk.was_replaced
    return reads_no_votes and entry.kind == "account" and entry.body == _without_vote(accepted.body)


def _without_vote(body: bytes) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(msgspec.json.decode(body, type=AccountFact), vote=None))


def in_nobody_elses_name(world: World) -> Findings:
    """What stands on a server under another one's name is what that one accepted, and no more of it than there is."""
    ledger = world.ledger
    tops: dict[Stream, int] = {}
    for entry_id in ledger.accepted:
        tops[entry_id.stream] = max(entry_id.seq, tops.get(entry_id.stream, 0))
    ids = {server.id for server in world.servers.values()}
    for server in world.servers.values():
        for entry in entries_of(server):
            accepted = ledger.accepted.get(entry.id)
            if entry.id.node in ids and (accepted is None or not _is_kept_as(server, entry, accepted)):
                what = "another body of" if accepted is not None else "what nobody accepted as"
                yield "authorship", f"{server.name} has {what} {entry.id}"
    for server, node in nodes(world):
        for stream, upto in received_from(node, ids).items():
            if upto > tops.get(stream, 0):
                yield "authorship", f"{server.name} has got all of {stream} up to {upto}, which is beyond its end"


def unique_registrations(world: World) -> Findings:
    """In a network that has grown and is whole, of several registrations of one name at most one succeeds."""
    winners: dict[str, str] = {}
    for at, agent in world.ledger.registrations:
        if not world.grown_at <= at < world.first_fault:
            continue
        if agent.username in winners:
            yield "unique names", f"{winners[agent.username]} and {agent.name} both registered {agent.username}"
        winners[agent.username] = agent.name


# --- once faults have stopped -----------------------------------------------------------------------------------------


def received_from(node: Node, servers: Container[str]) -> dict[Stream, int]:
    """What a node has of what these servers accepted. What a liar made up is passed on, but not looked for."""
    return {stream: upto for stream, upto in node.replication.vector.contiguous.items() if stream.node in servers}


def honest_accounts(node: Node, servers: Container[str]) -> list[tuple[str, str, str]]:
    """Names, claims and verifiers of the accounts in a node's book that these servers have registered. Of those that a
    liar made up it may have told each of its neighbours something else."""
    return [(name, fact.claim, fact.verifier) for name, fact in node.book if fact.claim.split(".")[0] in servers]


def one_network(world: World) -> Findings:
    """Every running server reaches every other, over the same tree, and knows the same.

    While a member lies, it and what it makes up may stand on the map, and with two maps it makes two trees; so trees
    are compared when it is gone. Of what an operator removes servers may have a copy, or hear that it was undone, when
    others have dropped it already: as with what is dropped for its age, some never get it, and that is right.
    """
    running = nodes(world)
    everybody = sorted(server.id for server, _ in running)
    honest = {server.id for server in world.servers.values()}
    lied_to = any(liar.is_there for liar in world.liars.values())
    first: tuple[SimulatedServer, Node] | None = None
    for server, node in running:
        reachable = [one for one in node.topology.reachable if not lied_to or one in honest]
        if reachable != everybody:
            yield "liveness", f"{server.name} reaches {len(reachable)} of {len(everybody)} servers"
            continue
        if first is None:
            first = server, node
            continue
        other, other_node = first
        if not lied_to and any(
            node.topology.tree_neighbours(one) != other_node.topology.tree_neighbours(one) for one in everybody
        ):
            yield "agreement", f"{server.name} and {other.name} have different trees"
        ours, theirs = received_from(node, honest), received_from(other_node, honest)
        unlike = {one for one, _ in ours.items() ^ theirs.items()}
        if not unlike <= {one.stream for one in world.ledger.removed()} or (
            unlike and _missing(world, node, honest) != _missing(world, other_node, honest)
        ):
            yield "agreement", f"{server.name} and {other.name} do not have the same entries"
        if server.keyed == other.keyed and honest_accounts(node, honest) != honest_accounts(other_node, honest):
            yield "agreement", f"{server.name} and {other.name} do not have the same accounts"


def _missing(world: World, node: Node, servers: Container[str]) -> set[EntryId]:
    """What a node has not got of what these servers have accepted, but for what an operator has tried to remove: behind
    that it has all else."""
    removed, vector = world.ledger.removed(), node.replication.vector
    return {one for one in world.ledger.accepted if one.node in servers and one not in removed and one not in vector}


def orders_agree(world: World) -> Findings:
    """Every server with a key knows all that operators were told to be kept, heeds the same, and has nothing of what is
    removed."""
    ledger = world.ledger
    running = [(server, node) for server, node in nodes(world) if server.keyed]
    first: tuple[SimulatedServer, Node] | None = None
    for server, node in running if ledger.orders or ledger.removals else ():
        for order in ledger.orders_to_be_known():
            if node.orders.book.get(order) is None:
                yield "orders", f"{server.name} does not know the order {order}"
        removed = node.orders.effects.removed
        for entry in entries_of(server) if removed else ():
            if entry.id in removed:
                yield "orders", f"{server.name} has {entry.id}, which an operator has removed"
        if first is None:
            first = server, node
        elif node.orders.book.standing != first[1].orders.book.standing:
            yield "orders", f"{server.name} and {first[0].name} do not heed the same orders"
        elif node.orders.effects != first[1].orders.effects:
            yield "orders", f"at {server.name} and {first[0].name} not the same is in force"


def one_key(world: World) -> Findings:
    """All servers whose links are encrypted are of the network under one key, that of the latest order about it; nobody
    has it whom that order left out because they were expelled before. While a network is being upgraded those that are
    of today make one as soon as a way leads from one to the other that is encrypted: until then nobody has told either
    that the other one is."""
    there = [(server, node) for server, node in nodes(world) if node.membership.is_there]
    if not there or world.liars:
        return
    first, chosen = there[0]
    ways = encrypted_ways(there) if len(there) < len(nodes(world)) else {}
    for index, (server, node) in enumerate(there):
        # The first one to which such a way leads; where all are of today they need none.
        other, other_node = next(one for one in there[: index + 1] if ways.get(one[0].name) == ways.get(server.name))
        if node.membership.network.key != other_node.membership.network.key:
            yield "agreement", f"{server.name} and {other.name} do not have the same network's key"
    changes = chosen.orders.effects.key_changes
    if not changes:
        return
    change = changes[-1][1]
    if chosen.membership.network.key != change.key:
        yield "orders", f"{first.name} has not the key that an operator has given the network last"
    for server in world.servers.values():
        left_out = server.id in change.expelled and server.id in world.expelled()
        if left_out and server.node is not None and server.node.membership.network.key == change.key:
            yield "orders", f"{server.name} is expelled, and has the key that the network has been given since"


def encrypted_ways(servers: Sequence[tuple[SimulatedServer, Node]]) -> dict[str, str]:
    """Of each of these servers the first to which encrypted links lead from it, by way of others of these."""
    found: dict[str, str] = {}
    names = [server.name for server, _ in servers]
    linked = {
        server.name: [end.peer for end in server.ends.values() if end.encrypted and end.is_open and end.peer in names]
        for server, _ in servers
    }
    for name in names:
        frontier = [name] if name not in found else []
        while frontier:
            one = frontier.pop()
            if one not in found:
                found[one] = name
                frontier += linked[one]
    return found


def documents_agree(world: World) -> Findings:
    """Every server with a key has the same document of each account, and none older than what anybody was told to be
    kept: unless an operator has tried to close the account, or to expel the server that has kept it. All have let go of
    it then, and it does not come back with that order undone."""
    running = [(server, node) for server, node in nodes(world) if node.documents.enabled]
    owed = world.ledger.documents_owed
    for server, node in running:
        table, other = node.documents.table, running[0][1].documents.table
        for claim, version in owed.items():
            if claim in world.ledger.closings or version.node in world.ledger.expulsions:
                continue
            found = table.get(claim)
            is_later = found is not None and (found.stamp, found.node) >= (version.stamp, version.node)
            if is_later or (found is not None and claim in world.ledger.documents_misdated):
                continue
            if not node.documents.comes_too_early(claim, version.stamp):
                yield "documents", f"{server.name} has not the document that was kept last for {claim}"
        if table.whole != other.whole and _lacks_documents(node, running[0][1]):
            yield "documents", f"{server.name} and {running[0][0].name} do not have the same documents"


def _lacks_documents(one: Node, other: Node) -> bool:
    """Whether one of two has a document that the other one would take: not what is from a time that has not come there,
    as where clocks are hours apart."""
    claims = dict.fromkeys([*one.documents.table.claims(), *other.documents.table.claims()])
    for claim in claims:
        here, there = one.documents.table.held(claim), other.documents.table.held(claim)
        for has, lacks, node in ((here, there, other), (there, here, one)):
            is_later = has is not None and (lacks is None or has.rank > lacks.rank)
            if has is not None and is_later and not node.documents.comes_too_early(claim, has.version.stamp):
                return True
    return False


def own_words(world: World) -> Findings:
    """What each server's map has of another one that runs is what that one says of itself."""
    running = nodes(world)
    for server, node in running:
        for _, other in running:
            own, record = other.topology.own, node.topology.records.get(other.id)
            if record is not None and (record.addresses, record.left) != (own.addresses, own.left):
                yield "authorship", f"{server.name} believes of {own.name} what it does not say"


def complete(world: World) -> Findings:
    """Whoever was logged in when something was accepted has got it."""
    for name, post in owed(world):
        yield "exactly once", f"{name} never got {post.by}'s activity {post.number}"


def owed(world: World) -> Iterator[tuple[str, NumberedPost]]:
    """(agent, activity) for everything that has to reach somebody and has not yet: nobody whom operators keep out, or
    who is at a server that they have expelled."""
    for name, post in world.ledger.owed():
        agent = world.agents[name]
        if not is_at_expelled(world, agent) and (agent.logged_in or not is_kept_out(world, agent)):
            yield name, post


def is_at_expelled(world: World, agent: Agent) -> bool:
    """Whether somebody is connected with a server that is expelled, where they hear of nothing."""
    expelled = world.expelled()
    return agent.end is not None and any(
        server.name == agent.end.peer and server.id in expelled for server in world.servers.values()
    )


def is_kept_out(world: World, agent: Agent) -> bool:
    """Whether operators have closed all accounts of somebody, or suspended them: those too of which only a server knows
    that is expelled."""
    claims = world.ledger.claims_of(agent) if world.ledger.may_be_kept_out(agent) else []
    keyed = [node for server, node in nodes(world) if server.keyed]
    if not claims or not keyed:
        return False
    expelled, node = world.expelled(), keyed[0]
    return all(
        node.orders.kept_out(claim) is not None
        or (claim.partition(".")[0] in expelled and node.book.fact(claim) is None)
        for claim in claims
    )


def nobody_is_in_who_is_kept_out(world: World) -> Findings:
    """Whoever has no account but closed or suspended ones is at no server that heeds orders."""
    for agent in world.agents.values():
        if agent.logged_in and agent.end is not None and is_kept_out(world, agent):
            for server, _ in nodes(world):
                if server.keyed and server.name == agent.end.peer:
                    yield "orders", f"{agent.name} is at {server.name}, with an account that is closed or suspended"


def everybody_is_back(world: World) -> Findings:
    """Whoever wants to be logged in is, unless nobody could set their name free."""
    veto = any(liar.is_there and liar.refuses_names for liar in world.liars.values())
    for agent in world.agents.values():
        if agent.username in world.ledger.robbed or (veto and not world.ledger.has_account(agent)):
            continue
        if world.ledger.is_at_liar(agent) or is_kept_out(world, agent):
            continue
        if agent.wanted and not agent.logged_in and (agent.registers or world.ledger.has_account(agent)):
            if not _is_kept_for_nobody(world, agent):
                yield "liveness", f"{agent.name} is not logged in"


def _is_kept_for_nobody(world: World, agent: Agent) -> bool:
    """Whether a base server keeps a name with another secret, of a registration that came to nothing, and all that knew
    of it have died since, or speak to other base servers.

    It drops the pair only when it is told name and secret, and secrets are on no disk, nor told to who did not ask.
    """
    name = agent.username
    if world.ledger.has_account(agent) or world.ledger.is_taken(agent):
        return False
    running = [node for _, node in nodes(world)]
    return any(
        name in base.asked_by
        and all(node is not base.asked_by[name] for node in running)
        and not any(node.base.registrations.remembers(name, base.users[name]) for node in speakers_of(running, base.id))
        for base in world.base_servers.values()
        if base.up and base.users.get(name, agent.secret) != agent.secret
    )


def speakers_of(running: Iterable[Node], base_server: str) -> list[Node]:
    """Who speaks to a base server."""
    return [
        node
        for node in running
        if any(attached.id == base_server and attached.direct for attached in node.topology.own.attached)
    ]


def nobody_is_leaving(world: World) -> Findings:
    """Who was told to leave has left."""
    for server, node in nodes(world):
        if node.topology.own.draining:
            yield "liveness", f"{server.name} is still leaving"


def no_dead_links(world: World) -> Findings:
    """No server holds on to a connection that has long been dead."""
    for end in world.network.ends():
        between_servers = end.host in world.servers and end.peer in world.servers and end.host != end.peer
        # Where the handshake got lost, there is nobody yet who could notice.
        if end.lane.dead and end.is_open and end.party is not None and between_servers:
            yield "liveness", f"{end.host} has not noticed that its connection with {end.peer} is dead"


def disks_work(world: World) -> Findings:
    """Every disk takes writes, everything that was to be written has been, and nothing on it is damaged but what nobody
    has any more: copies of what an operator has removed."""
    removed = world.ledger.removed()
    for server, node in nodes(world):
        if server.disk.broken or server.disk.waiting or node.replication.busy:
            yield "liveness", f"the disk of {server.name} is not up to date"
        if server.disk.is_unread or node.replication.damaged.count > _gone_for_good(node, removed):
            yield "liveness", f"what was damaged on the disk of {server.name} has not come again"


def _gone_for_good(node: Node, removed: Container[EntryId]) -> int:
    """How much of what is damaged at a node is removed elsewhere."""
    return sum(one in removed for one in ids_in(node.replication.damaged.missing))


def granted_names_are_known(world: World) -> Findings:
    """Every server of ours knows the names that base servers have given to their people and could tell of."""
    granted = {username for (_, username), told in world.ledger.granted.items() if told}
    for _, agent in world.ledger.registrations:
        if agent.username in granted:
            for server, node in nodes(world):
                if not node.book.knows(agent.username):
                    yield "liveness", f"{server.name} has not heard that {agent.username} was registered"


def durable(world: World) -> Findings:
    """Nothing that was acknowledged is missing on any server's disk."""
    ledger = world.ledger
    accounts = {
        entry_id
        for entry_id, fact in ledger.accounts.items()
        if entry_id.node not in ledger.expulsions and _was_promised(world, fact.username, fact.verifier)
    }
    for server, node in nodes(world):
        kept = {entry.id for entry in entries_of(server)}
        held = {post for entry_id in kept if (post := ledger.post_of(entry_id)) is not None}
        for post in ledger.acks:
            if post not in held and not ledger.may_be_removed(post):
                yield "durability", f"{server.name} has not got {post.by}'s acknowledged activity {post.number}"
        for entry_id in sorted(accounts - kept):
            yield "durability", f"{server.name} has not got the account {ledger.accounts[entry_id].username}"
        for at, agent in ledger.registrations:
            names = [name for name, fact in node.book if matches(agent.secret, fact.verifier)]
            if not names and not ledger.may_be_kept_out(agent):
                yield "durability", f"{server.name} does not know {agent.name}, who registered at {at:.3f}"


def _was_promised(world: World, username: str, verifier: str) -> bool:
    return any(
        agent.username == username and matches(agent.secret, verifier) for _, agent in world.ledger.registrations
    )


def entries_of(server: SimulatedServer) -> Iterator[Entry]:
    """Everything on a server's disk."""
    return server.disk.entries()


def unique_names(world: World) -> Findings:
    """Every name belongs to one account, the earlier registration, of those that another server has allowed if there
    are such; the other is kept under another name. Servers of the version before know nothing of who has allowed it.
    A member that lies may date back what nobody else has allowed, and with a second server, that it makes up, all.
    Where it is distrusted all names are whose they were."""
    ledger = world.ledger
    for server, node in nodes(world):
        unknown = {fact.username for entry_id, fact in ledger.accounts.items() if entry_id.node in ledger.expulsions}
        facts = [fact for fact in ledger.accounts.values() if fact.username not in unknown]
        given_back = AccountBook((fact for _, fact in node.book), distrusted=_who_lies(world))
        for name, holder in node.book:
            rivals = [fact for fact in facts if fact.username == name]
            order = _order_by_votes if server.keyed else _order_before_votes
            first = min(rivals, key=order, default=holder)
            can_be_taken = name in ledger.outdated or _order_by_votes(first)[0]
            if holder.claim != first.claim and not (can_be_taken and holder.claim in ledger.invented_claims):
                yield "unique names", f"at {server.name}, {name} is not the earliest registration's"
            elif rivals and (back := given_back.holder(name)) is not None and back.claim != first.claim:
                yield "unique names", f"at {server.name}, {name} is not given back where liars are distrusted"
        known = {fact.claim for _, fact in node.book}
        for fact in facts:
            if fact.claim not in known:
                yield "unique names", f"{server.name} has dropped the account {fact.username} of {fact.claim}"


def _who_lies(world: World) -> frozenset[str]:
    """The ids of members that lie, and of servers that they have made up."""
    honest = {server.id for server in world.servers.values()}
    origins = {claim.partition(".")[0] for claim in world.ledger.invented_claims}
    return frozenset({liar.id for liar in world.liars.values()} | origins - honest)


def _order_before_votes(fact: AccountFact) -> tuple[int, str]:
    return (fact.stamp, fact.claim)


def _order_by_votes(fact: AccountFact) -> tuple[bool, int, str]:
    vote = fact.vote
    if vote is None or fact.claim.startswith(f"{certified_id(vote.key)}."):
        return (True, fact.stamp, fact.claim)
    return (False, vote.stamp if vote.stamp - fact.stamp > ANSWERED_WITHIN else fact.stamp, fact.claim)


def newest_secrets(world: World) -> Findings:
    """Of an account's secrets exactly the newest opens it, at every server.

    Somebody who registered in two parts of the network has two accounts, each with its own.
    """
    for agent in world.agents.values():
        if not world.ledger.changes_of(agent) or agent.username in world.ledger.robbed:
            continue
        if world.ledger.may_be_changed_at_expelled(agent):
            continue
        for server, node in nodes(world):
            facts = [fact for _, fact in node.book if matches(agent.secret, fact.verifier)]
            for fact in facts:
                changes = world.ledger.changes_of(agent, claim=fact.claim)
                if not changes:
                    continue
                verifier = node.secrets.verifier(fact)
                if verifier != changes[-1].verifier:
                    yield "secrets", f"{server.name} does not let {agent.name} in with the newest secret"
                if matches(agent.secret, verifier):
                    yield "secrets", f"{server.name} still lets {agent.name} in with the first secret"


def nothing_left(world: World) -> Findings:
    """Nothing waits any more that should not. Somebody of whom a member has said that their secret is another one goes
    on trying theirs, and so does somebody whose account is closed."""
    removed = world.ledger.removed()
    for server, node in nodes(world):
        trying = sum(
            (agent.username in world.ledger.robbed or is_kept_out(world, agent))
            and agent.end is not None
            and agent.end.peer == server.name
            for agent in world.agents.values()
        )
        for name, size in node.queues().items():
            may_wait = trying if name in ("logins being checked", "attempts at secrets") else 0
            if name == "damaged entries":
                may_wait = _gone_for_good(node, removed)
            if size > may_wait and name not in ("timers", "dials"):
                yield "bounded queues", f"at {server.name}, long after everything was over: {size} {name}"
        timers = node.queues()["timers"]
        if timers > 30 + 4 * len(world.network.ends_of(server.name)):
            yield "bounded queues", f"at {server.name}, long after everything was over: {timers} timers"


ALWAYS: Final[tuple[Callable[[World], Findings], ...]] = (
    order,
    bounded,
    unique_registrations,
    in_nobody_elses_name,
    stories_are_true,
)
CONVERGED: Final[tuple[Callable[[World], Findings], ...]] = (
    one_network,
    everybody_is_back,
    disks_work,
    nobody_is_leaving,
    no_dead_links,
    granted_names_are_known,
    own_words,
    complete,
    orders_agree,
    nobody_is_in_who_is_kept_out,
    one_key,
    documents_agree,
)
"""What the network has to arrive at within the bound."""
SETTLED: Final[tuple[Callable[[World], Findings], ...]] = (durable, unique_names, newest_secrets, answers_agree)
