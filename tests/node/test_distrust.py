"""A server that lies about people: who is told what it did, and how it is undone by not trusting it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.accounts.book import AccountBook
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.environment.verifiers import verifier_of
from core.simulation.testing import ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from core.wire.account_votes import Vote, digest_for
from core.wire.entries import AccountFact, KeyChange, SecretChange, change_as_key
from core.wire.packed_facts import PackedFacts
from core.wire.server_keys import certified_id
from tests.node.liars import Liar

LONG_AGO = 1_000_000
MADE_UP = HashSigner(b"a server that there is not")
THEIR_KEY = "ssh-ed25519 AAAAliar"


def lied_to() -> tuple[ScriptedNetwork, list[WatchedServer], Liar]:
    """A network of three in which ann is registered, and a liar beside the second."""
    network = ScriptedNetwork()
    servers = network.build(chain(3), redirects=False)
    network.registered(servers[0], "ann", "ann's")
    network.run(1.0)
    return network, servers, Liar(network, servers[1])


def taking(username: str, number: int) -> wire.Account:
    """A registration at the liar's server, dated back, and allowed by one that it has made up."""
    fact = AccountFact(username, verifier_of("liar's", "00"), LONG_AGO, f"liar.1.{number}")
    vote = Vote(MADE_UP.key, LONG_AGO, b"")
    vote = msgspec.structs.replace(vote, signature=MADE_UP.sign(digest_for(fact, vote)))
    return wire.Account(f"liar.1.{number}", LONG_AGO, username, fact.verifier, LONG_AGO, fact.claim, vote=vote)


def changing(known: AccountFact, number: int, key: KeyChange) -> wire.Account:
    """The liar says that an account has another secret or key."""
    return wire.Account(f"liar.1.{number}", LONG_AGO, known.username, known.verifier, known.stamp, known.claim, key=key)


def restarted(network: ScriptedNetwork, servers: list[WatchedServer], **settings: Any) -> list[WatchedServer]:
    """Each with other settings, one after the other."""
    again: list[WatchedServer] = []
    for server in servers:
        server.crash()
        join = again[-1] if again else servers[1]
        again.append(network.start(server.host, join, redirects=False, **settings))
        network.run(5.0)
    assert network.until(network.is_one, 30.0)
    return again


def claim_of(server: WatchedServer, username: str) -> str:
    holder = server.node.book.holder(username)
    return holder.claim if holder is not None else ""


def test_operators_are_told_where_both_registrations_of_a_name_were_accepted_and_who_has_allowed_them() -> None:
    network, servers, liar = lied_to()
    first = claim_of(servers[2], "ann")
    liar.peer.say(taking("ann", 1))
    network.run(1.0)
    (text,) = servers[2].told("renamed")
    after = servers[2].node.book.name_of(first)
    assert text.startswith("ann was registered twice: at liar (liar) 19,675 days ago, allowed by")
    assert f" {certified_id(MADE_UP.key)} (not on the map), and at {servers[0].host} ({servers[0].id}) " in text
    assert re.search(r" \d+ seconds ago, allowed by another server\. The first has the name, ", text)
    assert f"the second is {after} now" in text


def test_of_a_changed_secret_or_key_operators_are_told_which_server_says_so() -> None:
    network, servers, liar = lied_to()
    known = servers[1].node.book.holder("ann")
    assert known is not None
    later = known.stamp + 1
    liar.peer.say(changing(known, 1, change_as_key(SecretChange(later, "liar.1.1", "another"))))
    liar.peer.say(changing(known, 2, KeyChange(THEIR_KEY, later, True, "")))
    network.run(1.0)
    assert servers[2].told("security") == [
        "the secret of ann was changed, says liar (liar)",
        "a public key was bound to ann, says liar (liar)",
    ]


@pytest.mark.parametrize("is_known_before", [True, False])
def test_what_a_server_took_is_given_back_where_it_is_distrusted(is_known_before: bool) -> None:
    network, servers, liar = lied_to()
    known = servers[1].node.book.holder("ann")
    assert known is not None
    if not is_known_before:
        servers = restarted(network, servers, distrusted=frozenset({"liar"}))
        liar = Liar(network, servers[1])
    change = change_as_key(SecretChange(known.stamp + 1, "liar.1.1", verifier_of("liar's", "00")))
    liar.peer.say(changing(known, 1, change))
    liar.peer.say(changing(known, 2, KeyChange(THEIR_KEY, known.stamp + 1, True, "")))
    liar.peer.say(taking("ann", 3))
    network.run(1.0)
    if is_known_before:
        assert {claim_of(server, "ann") for server in servers} == {"liar.1.3"}
        servers = restarted(network, servers, distrusted=frozenset({"liar"}))
    for server in servers:
        assert claim_of(server, "ann") == known.claim
        assert server.node.book.name_of("liar.1.3") not in (None, "ann")
        assert server.node.account_keys(known.claim) == ()
        client = network.logged_in(server, "ann", "ann's")
        client.hang_up()


def test_a_name_that_a_distrusted_server_gave_first_goes_to_whoever_registers_it_elsewhere_in_a_parted_network() -> (
    None
):
    facts = [AccountFact("ann", "v", 1, "liar.1.1", allowed_at=1), AccountFact("ann", "w", 2, "here.1.1")]
    for order in (facts, facts[::-1]):
        book = AccountBook(order, distrusted={"liar"})
        assert book.holder("ann") == facts[1]
        assert book.name_of("liar.1.1") not in (None, "ann")


stamps = st.integers(0, 5)
registrations = st.builds(
    AccountFact,
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["v", "w"]),
    stamps,
    st.sampled_from(["a.1.1", "a.1.2", "b.1.1", "c.1.1"]),
    allowed_at=stamps,
    told_by=st.sampled_from(["", "a", "b"]),
)


@given(st.lists(registrations, max_size=8), st.randoms(), st.frozensets(st.sampled_from("abc")))
def test_the_book_follows_from_the_facts_and_from_who_is_distrusted(
    known: list[AccountFact], random: Any, distrusted: frozenset[str]
) -> None:
    shuffled = [*known, *known]
    random.shuffle(shuffled)
    one, other = AccountBook(known, distrusted=distrusted), AccountBook(shuffled, distrusted=distrusted)
    read = AccountBook(before=PackedFacts.of(known), distrusted=distrusted)
    assert list(one) == list(other) == list(read)
    counting = [fact for claim in {fact.claim for fact in known} if (fact := one.fact(claim)) is not None]
    for name in {fact.username for fact in counting if not {fact.told_by, fact.claim[0]} & distrusted}:
        holder = one.holder(name)
        assert holder is not None and not {holder.told_by, holder.claim[0]} & distrusted
