"""Accounts as a replicated map: whatever order facts arrive in, all nodes agree on who has which name."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.accounts.book import AccountBook, Renaming, name_after_conflict
from core.simulation.testing import ScriptedNetwork, chain
from core.wire import messages as wire
from core.wire.entries import AccountFact
from core.wire.names import name_problem, registrable_problem
from core.wire.packed_facts import PackedFacts

facts = st.builds(
    AccountFact,
    username=st.one_of(st.sampled_from(["ann", "bob", "x" * 64, "a~b", "~"]), st.text(max_size=70)),
    verifier=st.sampled_from(["v1", "v2"]),
    stamp=st.integers(0, 5),
    claim=st.sampled_from([f"n{number}.1.1" for number in range(8)]),
    allowed_at=st.integers(0, 3),
    retold=st.booleans(),
)
fact_lists = st.lists(facts, max_size=12)


def state(book: AccountBook) -> tuple[Any, ...]:
    claims = sorted({fact.claim for _, fact in book})
    names = {claim: book.name_of(claim) for claim in (f"n{number}.1.1" for number in range(8))}
    return (list(book), names, claims, len(book))


@given(fact_lists, st.randoms())
def test_the_order_of_facts_does_not_matter(known: list[AccountFact], random: Any) -> None:
    shuffled = list(known)
    random.shuffle(shuffled)
    assert state(AccountBook(known)) == state(AccountBook(shuffled))


@given(fact_lists)
def test_facts_may_arrive_any_number_of_times(known: list[AccountFact]) -> None:
    once = AccountBook(known)
    twice = AccountBook([*known, *known])
    assert state(once) == state(twice)
    assert [once.apply(fact) for fact in known] == [[] for _ in known]


@given(fact_lists, fact_lists, fact_lists)
def test_it_does_not_matter_how_parts_of_the_network_meet(
    first: list[AccountFact], second: list[AccountFact], third: list[AccountFact]
) -> None:
    met_early = AccountBook([*first, *second])
    for fact in third:
        met_early.apply(fact)
    met_late = AccountBook(second)
    for fact in [*third, *first]:
        met_late.apply(fact)
    assert state(met_early) == state(met_late)


@given(fact_lists, fact_lists, st.lists(st.sampled_from(["ann", "bob", "x" * 64, "nobody"]), max_size=3), st.booleans())
def test_what_was_known_before_a_start_counts_as_if_it_had_been_read_at_once(
    before: list[AccountFact], after: list[AccountFact], asked: list[str], shown: bool
) -> None:
    at_once, late = AccountBook(before), AccountBook(before=PackedFacts.of(before))
    names = {fact.username for fact in [*before, *after]} | {name_after_conflict(fact) for fact in [*before, *after]}
    for book in (at_once, late):
        for name in asked:
            book.candidates(name)
        if shown:
            book.first_names(3)
    assert (len(at_once), at_once.first_names(5)) == (len(late), late.first_names(5))
    assert [at_once.apply(fact) for fact in after] == [late.apply(fact) for fact in after]
    assert [at_once.holder(name) for name in names] == [late.holder(name) for name in names]
    assert (at_once.names, at_once.first_names(50)) == (late.names, late.first_names(50))
    assert state(at_once) == state(late)


@given(fact_lists)
def test_an_account_from_before_a_start_is_found_by_its_claim_alone(before: list[AccountFact]) -> None:
    for claim in {fact.claim for fact in before}:
        at_once, late = AccountBook(before), AccountBook(before=PackedFacts.of(before))
        assert (late.fact(claim), late.name_of(claim)) == (at_once.fact(claim), at_once.name_of(claim))


@given(fact_lists)
def test_every_account_has_one_name_and_every_name_one_account(known: list[AccountFact]) -> None:
    book = AccountBook(known)
    claims = {fact.claim for fact in known}
    assert len(book) == len(claims)
    names = [book.name_of(claim) for claim in claims]
    assert len(set(names)) == len(claims)
    for claim in claims:
        name = book.name_of(claim)
        assert name is not None
        assert book.knows(name)
        holder = book.holder(name)
        assert holder is not None
        assert holder.claim == claim


@given(fact_lists)
def test_of_accounts_with_one_name_the_earliest_registration_has_it(known: list[AccountFact]) -> None:
    book = AccountBook(known)
    merged = [fact for fact in (book.fact(claim) for claim in {fact.claim for fact in known}) if fact is not None]
    for name in {fact.username for fact in merged if registrable_problem(fact.username) is None}:
        rivals = [fact for fact in merged if fact.username == name]
        allowed = [fact for fact in rivals if fact.allowed_at]
        first = (
            min(allowed, key=lambda fact: (fact.allowed_at, fact.claim))
            if allowed
            else min(rivals, key=lambda fact: (fact.stamp, fact.claim))
        )
        assert book.holder(name) == first
        for fact in rivals:
            if fact is not first:
                assert book.name_of(fact.claim) == name_after_conflict(fact)
                assert fact in book.candidates(name)


@given(fact_lists)
def test_the_renamings_that_are_told_lead_to_the_names_that_are_held(known: list[AccountFact]) -> None:
    book = AccountBook()
    told: dict[str, str] = {}
    for fact in known:
        new = book.fact(fact.claim) is None
        for renaming in book.apply(fact):
            assert told[renaming.claim] == renaming.before
            told[renaming.claim] = renaming.after
        if new:
            name = book.name_of(fact.claim)
            assert name is not None
            told[fact.claim] = name
    assert told == {claim: book.name_of(claim) for claim in told}


@given(facts)
def test_a_name_after_a_conflict_is_a_legal_name_that_nobody_can_register(fact: AccountFact) -> None:
    if name_problem(fact.username) is None:
        name = name_after_conflict(fact)
        assert name_problem(name) is None
        assert registrable_problem(name) is not None
        assert len(name) <= 64


def test_three_registrations_of_one_name_in_every_order() -> None:
    rivals = [AccountFact("ann", f"v{number}", 10 - number, f"n{number}.1.1") for number in range(3)]
    states = {str(state(AccountBook(order))) for order in permutations(rivals)}
    assert len(states) == 1
    book = AccountBook(rivals[:2])
    assert book.apply(rivals[2]) == [Renaming("n1.1.1", "ann", name_after_conflict(rivals[1]))]


# --- in the network ---------------------------------------------------------------------------------------------------


def parted_registrations() -> tuple[ScriptedNetwork, Any, Any, Any, Any]:
    """`ann` registered in both halves of a parted network, first in the first; both are logged in."""
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    network.part([first], [second])
    network.run(5.0)
    network.registered(first, "ann", "first")
    network.run(1.0)
    network.registered(second, "ann", "second")
    early = network.logged_in(first, "ann", "first")
    late = network.logged_in(second, "ann", "second")
    return network, first, second, early, late


def test_when_a_parted_network_meets_again_the_earlier_registration_keeps_the_name() -> None:
    network, first, second, early, late = parted_registrations()
    network.mend()
    assert network.until(network.is_one)
    network.run(3.0)
    assert list(first.node.book) == list(second.node.book)
    (renamed,) = late.of(wire.AccountRenamed)
    assert renamed.username == "ann"
    assert early.of(wire.AccountRenamed) == []
    assert early.closed is late.closed is None
    assert any(renamed.renamed in text for text in second.told("renamed"))
    assert any(renamed.renamed in text for text in first.told("renamed"))
    assert set(dict(iter(first.node.book))) == {"ann", renamed.renamed}


def test_whoever_is_renamed_goes_on_under_either_name_with_the_same_secret() -> None:
    network, first, second, _, late = parted_registrations()
    network.mend()
    assert network.until(network.is_one)
    network.run(3.0)
    (renamed,) = late.of(wire.AccountRenamed)
    late.post("still here", "ann", "second")
    network.run(1.0)
    posted = late.of(wire.ActivityBroadcast)[-1]
    assert msgspec.json.decode(bytes(posted.activity))["authenticated_user"] == renamed.renamed
    for server in (first, second):
        for name in ("ann", renamed.renamed):
            client = network.logged_in(server, name, "second")
            assert client.of(wire.LoginSuccess)[0].username == renamed.renamed
            client.post("again", name, "second")
            network.run(0.5)
            assert client.texts() == ["again"]
            client.hang_up()
        owner = network.logged_in(server, "ann", "first")
        assert owner.of(wire.LoginSuccess)[0].username == "ann"
        owner.hang_up()


def test_a_base_client_that_is_renamed_sees_no_command_that_it_does_not_know() -> None:
    network, _, second, _, _ = parted_registrations()
    client = network.base_client(second)
    client.login("ann", "second")
    network.run(0.5)
    network.mend()
    assert network.until(network.is_one)
    network.run(3.0)
    client.post("still here", "ann", "second")
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "ACTIVITY_BROADCAST"]


def test_a_renamed_account_survives_restarts() -> None:
    network, first, second, *_ = parted_registrations()
    network.mend()
    assert network.until(network.is_one)
    network.run(3.0)
    names = set(dict(iter(first.node.book)))
    for server in (first, second):
        server.crash()
    network.run(1.0)
    again = [network.start(server.config.name, redirects=False) for server in (first, second)]
    network.run(3.0)
    assert [set(dict(iter(server.node.book))) for server in again] == [names, names]


@pytest.mark.parametrize(
    "username", ["", "anonymous", "ann~abc234", "x" * 65, "a\nb", " ann", "x" * 100_000], ids=lambda name: name[:12]
)
def test_an_account_that_nobody_could_have_registered_ends_the_link_that_brings_it(username: str) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    far = network.peer(server)
    far.say(wire.Authenticate("network secret", id="far", incarnation=1, features=["sync"]))
    network.run(0.1)
    far.say(wire.Account("far.1.1", 1, username, "$argon2id$x", 1, "far.1.1"))
    network.run(1.0)
    assert far.of(wire.InvalidMessage)
    assert far.closed is not None
    assert len(server.node.book) == 0


def test_a_registration_names_few_accounts_anew_however_many_have_registered_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named: list[str] = []

    def counted(fact: AccountFact) -> str:
        named.append(fact.claim)
        return name_after_conflict(fact)

    monkeypatch.setattr("core.node.accounts.book.name_after_conflict", counted)
    known = AccountBook()
    for number in range(200):
        # Each says that it was earlier than all before.
        known.apply(AccountFact("ann", "v", 1000 - number, f"liar.1.{number}"))
        assert len(named) <= 2
        named.clear()
