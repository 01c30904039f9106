"""A registration is dated by another server's word: nobody takes a name over with a date that they made up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.accounts.book import AccountBook
from core.node.interface import events
from core.node.interface.actions import Noted
from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.simulation.testing import ScriptedNetwork, chain
from core.stories.lines import StoryLine
from core.wire import messages as wire
from core.wire.account_votes import ANSWERED_WITHIN, Vote, counted, digest_for, latest
from core.wire.entries import AccountFact
from core.wire.link_state import signed_digest
from core.wire.packed_facts import PackedFacts
from core.wire.server_keys import certified_id
from tests.node import one_node
from tests.node.one_node import OneNode

NOW = 1_700_000_000_000_000
ELSEWHERE = HashSigner(b"elsewhere")
VOTER, OTHER = HashSigner(b"a voter"), HashSigner(b"another")
ANN = AccountFact("ann", "$argon2id$ann", NOW, "here.1.1")


def allowed(fact: AccountFact, stamp: int = NOW + 1000, signer: HashSigner = VOTER) -> AccountFact:
    """A registration with the vote of a server."""
    unsigned = Vote(signer.key, stamp, b"?")
    vote = msgspec.structs.replace(unsigned, signature=signer.sign(digest_for(fact, unsigned)))
    return msgspec.structs.replace(fact, vote=vote)


# --- what counts ------------------------------------------------------------------------------------------------------

stamps = st.integers(0, 10)
claims = st.sampled_from(["a.1.1", "b.1.1", "c.1.1"])
registrations = st.builds(
    AccountFact, st.just("ann"), st.sampled_from(["v", "w"]), stamps, claims, allowed_at=stamps, retold=st.booleans()
)


@given(st.lists(registrations, min_size=1, max_size=8), st.sampled_from(["v", "w"]), stamps, claims)
def test_what_nobody_has_allowed_takes_no_name_from_what_somebody_has(
    known: list[AccountFact], verifier: str, stamp: int, claim: str
) -> None:
    book = AccountBook(known)
    before = book.holder("ann")
    assert before is not None
    book.apply(AccountFact("ann", verifier, stamp, claim))
    after = book.holder("ann")
    if before.allowed_at and not before.retold:
        assert after == before


@given(st.lists(registrations, max_size=8))
def test_of_what_was_allowed_the_earliest_has_the_name(known: list[AccountFact]) -> None:
    book = AccountBook(known)
    holder = book.holder("ann")
    of_claims = [book.fact(claim) for claim in {fact.claim for fact in known}]
    dates = [fact.allowed_at for fact in of_claims if fact is not None and fact.allowed_at]
    if dates:
        assert holder is not None and holder.allowed_at == min(dates)


def test_what_nobody_has_allowed_and_another_server_tells_anew_stays_as_its_own_server_has_told_it() -> None:
    own_server = ANN.claim.partition(".")[0]
    told = counted(ANN, own_server)
    anew = counted(msgspec.structs.replace(ANN, verifier="another", stamp=ANN.stamp - 1), "somebody-else")
    for facts in ([told, anew], [anew, told]):
        book = AccountBook(facts)
        assert book.fact(ANN.claim) == told and book.holder(ANN.username) == told


def test_what_is_from_before_votes_stands_in_the_order_that_it_had() -> None:
    early, late = AccountFact("ann", "v", 1, "z.1.1"), AccountFact("ann", "w", 2, "a.1.1")
    for facts in ([early, late], [late, early]):
        assert AccountBook(facts).holder("ann") == early


def test_a_claim_that_is_told_anew_with_another_secret_stays_with_the_secret_that_was_allowed() -> None:
    book = AccountBook([counted(allowed(ANN))])
    for verifier in ("$", "~"):
        book.apply(msgspec.structs.replace(ANN, verifier=verifier, stamp=0))
        holder = book.holder("ann")
        assert holder is not None and holder.verifier == ANN.verifier


@pytest.mark.parametrize(
    ("answered", "counts"),
    [(0, NOW), (ANSWERED_WITHIN, NOW), (ANSWERED_WITHIN + 1, NOW + ANSWERED_WITHIN + 1)],
)
def test_a_claim_is_dated_by_its_last_answer_if_that_came_late(answered: int, counts: int) -> None:
    fact = counted(allowed(ANN, NOW + answered))
    assert fact.allowed_at == counts and fact.vote is None


def test_what_a_server_allows_itself_was_allowed_by_nobody() -> None:
    own = msgspec.structs.replace(ANN, claim=f"{certified_id(VOTER.key)}.1.1")
    assert counted(allowed(own)).allowed_at == 0
    assert counted(allowed(own, signer=OTHER)).allowed_at == NOW


def test_what_another_server_tells_of_than_that_where_it_was_registered_was_allowed_by_nobody() -> None:
    """Who makes a registration up at somebody else's server, or at one that there is not, allows it themselves."""
    fact = allowed(ANN, signer=OTHER)
    assert counted(fact, "here").allowed_at == NOW
    assert counted(fact, certified_id(OTHER.key)).allowed_at == 0
    assert counted(fact, "somebody-else").allowed_at == 0


def test_what_a_version_before_kept_as_allowed_by_another_servers_word_was_allowed_by_nobody() -> None:
    kept = msgspec.structs.replace(ANN, allowed_at=1, retold=True)
    honest = counted(allowed(msgspec.structs.replace(ANN, claim="n.1.7", verifier="honest")), "n")
    for facts in ([kept, honest], [honest, kept]):
        assert AccountBook(facts).holder("ann") == AccountBook(before=PackedFacts.of(facts)).holder("ann") == honest


def test_nobody_says_themselves_when_they_were_allowed() -> None:
    assert counted(msgspec.structs.replace(ANN, allowed_at=1)).allowed_at == 0


@given(
    st.lists(st.builds(Vote, st.sampled_from([VOTER.key, OTHER.key]), stamps, st.just(b"s")), max_size=5), st.randoms()
)
def test_of_votes_the_last_is_kept_in_whatever_order_they_come(votes: list[Vote], random: Any) -> None:
    shuffled = list(votes)
    random.shuffle(shuffled)
    assert latest(shuffled) == latest(votes) == latest([*votes, *votes])


@pytest.mark.parametrize("field", ["username", "verifier", "stamp", "claim"])
def test_a_vote_is_for_one_registration_as_it_is(field: str) -> None:
    fact = allowed(ANN)
    vote = fact.vote
    assert vote is not None
    other = msgspec.structs.replace(fact, **{field: 7 if field == "stamp" else "other.1.1"})
    assert HashVerifier().fits(vote.signature, vote.key, digest_for(fact, vote))
    assert not HashVerifier().fits(vote.signature, vote.key, digest_for(other, vote))


# --- on links ---------------------------------------------------------------------------------------------------------


def account(fact: AccountFact, number: int = 1) -> wire.Account:
    return wire.Account(
        f"liar.1.{number}", fact.stamp, fact.username, fact.verifier, fact.stamp, fact.claim, vote=fact.vote
    )


def test_a_registration_in_a_network_comes_with_the_word_of_another_server() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(4), redirects=False)
    network.registered(servers[0], "ann")
    network.run(2.0)
    facts = [server.node.book.holder("ann") for server in servers]
    assert facts[0] is not None and facts[0].allowed_at
    assert facts == [facts[0]] * 4


def test_it_is_known_after_a_restart_too() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False)
    network.registered(servers[0], "ann")
    network.run(2.0)
    before = servers[1].node.book.holder("ann")
    servers[1].crash()
    again = network.start(servers[1].host, redirects=False)
    assert again.node.book.holder("ann") == before
    assert before is not None and before.allowed_at


def test_votes_cost_no_message_more() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(5), redirects=False)
    before = network.lock_messages().total()
    network.registered(servers[2], "ann")
    network.run(2.0)
    assert network.lock_messages().total() - before == 2 * 4


@pytest.mark.parametrize("count", [1, 1000])
def test_nobody_answers_in_another_servers_place(count: int) -> None:
    """A member between two servers does not ask the one, and says that it allows."""
    one = OneNode()
    conn = one_node.native_neighbour_with_key(one)
    ends = [wire.LinkEnd("here", 1), wire.LinkEnd("behind", 1)]
    behind = HashSigner(b"behind")
    for server, signer, links in (("elsewhere", ELSEWHERE, ends), ("behind", behind, [wire.LinkEnd("elsewhere", 1)])):
        record = wire.ServerAnnounce(server, 0, "other.example", 3780, incarnation=1, version=2, links=links)
        record = msgspec.structs.replace(record, key=signer.key)
        one.say(conn, msgspec.structs.replace(record, signature=signer.sign(signed_digest(record))))
    one.run(0.5)
    assert set(one.node.topology.reachable) == {"here", "elsewhere", "behind"}
    one_node.registering(one)
    one.answer()
    for signers, registered in (((ELSEWHERE,), False), ((ELSEWHERE, behind), True)):
        requests = [message for to, message in one.said if to == conn and isinstance(message, wire.LockRequest)]
        request = requests[-1]
        fact = AccountFact("newcomer", request.verifier or "", request.stamp or 0, request.claim or "")
        votes = [vote for signer in signers if (vote := allowed(fact, request.stamp or 0, signer).vote) is not None]
        one.say(
            conn, wire.LockAllowed("newcomer", claim=request.claim, round=request.round, count=1 + count, votes=votes)
        )
        one.run(0.5)
        assert one.node.book.knows("newcomer") is registered


def test_a_thousand_votes_are_looked_at_in_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures that are verified at once would keep everybody else waiting."""
    one = OneNode()
    conn = one_node.native_asked(one)
    (request,) = (message for to, message in one.said if to == conn and isinstance(message, wire.LockRequest))
    fact = AccountFact("newcomer", request.verifier or "", request.stamp or 0, request.claim or "")
    signers = [HashSigner(b"%d" % number) for number in range(1000)]
    votes = [vote for signer in signers if (vote := allowed(fact, request.stamp or 0, signer).vote) is not None]
    looked_at, fits = 0, HashVerifier.fits

    def counting(verifier: HashVerifier, signature: bytes, key: bytes, data: bytes) -> bool:
        nonlocal looked_at
        looked_at += 1
        return fits(verifier, signature, key, data)

    monkeypatch.setattr(HashVerifier, "fits", counting)
    at_once = []
    handle = one.handle

    def watched(event: events.Event) -> list[Any]:
        nonlocal looked_at
        looked_at = 0
        done = handle(event)
        at_once.append(looked_at)
        return done

    monkeypatch.setattr(one, "handle", watched)
    one.say(conn, wire.LockAllowed("newcomer", claim=request.claim, round=request.round, count=1000, votes=votes))
    assert not one.node.book.knows("newcomer")
    one.run(0.5)
    assert one.node.book.knows("newcomer")
    assert sum(at_once) >= 1000 and max(at_once) <= 100


@pytest.mark.parametrize(("said", "told"), [(1, 2), (1000, 0)])
def test_how_many_servers_have_allowed_a_name_is_told_where_no_more_say_so_than_there_are(
    said: int, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that lies says how many are behind it; over a tree that changes some are counted twice."""
    one = OneNode()
    conn = one_node.native_asked(one)
    (request,) = (message for to, message in one.said if to == conn and isinstance(message, wire.LockRequest))
    lines: list[StoryLine] = []
    handle = one.handle

    def watched(event: events.Event) -> list[Any]:
        done = handle(event)
        lines.extend(action.line for action in done if isinstance(action, Noted))
        return done

    monkeypatch.setattr(one, "handle", watched)
    one.say(conn, wire.LockAllowed("newcomer", claim=request.claim, round=request.round, count=said))
    one.run(0.5)
    assert [(line.count, line.messages) for line in lines if line.kind == "registered"] == [(told, told)]


def test_a_registration_with_a_vote_that_nobody_gave_is_dropped() -> None:
    one = OneNode()
    liar = one_node.native_neighbour(one, "liar")
    fact = allowed(msgspec.structs.replace(ANN, username="bob"))
    assert fact.vote is not None
    forged = msgspec.structs.replace(fact, vote=msgspec.structs.replace(fact.vote, stamp=1))
    one.say(liar, account(forged))
    one.run(0.1)
    assert not one.node.book.knows("bob") and one.node.known_keys.refused == 1
    one.say(liar, account(fact))
    one.run(0.1)
    assert one.node.book.knows("bob")


@pytest.mark.parametrize("claim", ["here.1.99", "nowhere.1.1", "elsewhere.1.1", f"{certified_id(ELSEWHERE.key)}.1.1"])
def test_a_member_with_one_key_takes_no_name_from_what_was_allowed_wherever_it_says_that_it_was_registered(
    claim: str,
) -> None:
    """Its own id is one from before keys, so that its key is not seen from it."""
    one = OneNode()
    honest = one_node.native_neighbour(one, "honest")
    bob = allowed(AccountFact("bob", "$argon2id$bob", NOW, "honest.1.1"), signer=OTHER)
    one.say(honest, msgspec.structs.replace(account(bob), id="honest.1.1"))
    liar = one_node.native_neighbour_with_key(one)
    made_up = allowed(AccountFact("bob", "$argon2id$liar", 1, claim), 1, ELSEWHERE)
    one.say(liar, msgspec.structs.replace(account(made_up), id="elsewhere.1.1"))
    one.run(0.5)
    holder = one.node.book.holder("bob")
    assert holder is not None and holder.claim == bob.claim and holder.allowed_at


def test_the_word_of_a_copy_of_ones_own_data_is_no_other_servers() -> None:
    one = OneNode()
    conn = one_node.native_asked(one)
    own = one.node.known_keys
    (request,) = (message for to, message in one.said if to == conn and isinstance(message, wire.LockRequest))
    fact = AccountFact("newcomer", request.verifier or "", request.stamp or 0, request.claim or "")
    later = (request.stamp or 0) + 5
    unsigned = Vote(own.own or b"", later, b"?")
    signature = own.sign(digest_for(fact, unsigned))
    assert signature is not None
    votes = [msgspec.structs.replace(unsigned, signature=signature), allowed(fact, later - 1).vote]
    answer = wire.LockAllowed("newcomer", claim=request.claim, round=request.round, count=1)
    one.say(conn, msgspec.structs.replace(answer, votes=[vote for vote in votes if vote is not None]))
    one.run(0.5)
    (told,) = (message for to, message in one.said if to == conn and isinstance(message, wire.Account))
    assert told.vote is not None and told.vote.key == VOTER.key


def test_an_answer_with_a_vote_for_something_else_counts_without_it() -> None:
    one, conn = OneNode(), 0
    conn = one_node.native_asked(one)
    (request,) = (message for to, message in one.said if to == conn and isinstance(message, wire.LockRequest))
    vote = allowed(ANN).vote
    assert vote is not None
    one.say(conn, wire.LockAllowed("newcomer", claim=request.claim, round=request.round, count=1, votes=[vote]))
    one.run(0.5)
    holder = one.node.book.holder("newcomer")
    assert holder is not None and holder.allowed_at == 0


def test_a_public_key_that_is_bound_later_leaves_the_date_as_it_is() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(2), redirects=False)
    network.registered(servers[0], "ann")
    network.run(2.0)
    before = servers[1].node.book.holder("ann")
    assert before is not None
    servers[1].handle(events.KeyChangeRequested(1, before.claim, "ssh-ed25519 AAAA", "", True))
    network.run(2.0)
    for server in servers:
        assert server.node.book.holder("ann") == before
        assert server.node.account_keys(before.claim)
