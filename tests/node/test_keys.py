"""Public keys that open accounts: the same everywhere, whatever order their changes arrive in."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.accounts.keys import CHANGES_MAX, KeyBook
from core.node.interface import events
from core.simulation.testing import ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from core.wire.codec import MalformedLine, decode
from core.wire.entries import AccountFact, KeyChange
from core.wire.messages import OrderTaken
from core.wire.packed_facts import PackedFacts
from tests.node.operators import founded, gives

KEY, OTHER = "ssh-ed25519 AAAAkey", "ssh-ed25519 AAAAother"

changes = st.lists(
    st.builds(KeyChange, st.sampled_from([KEY, OTHER]), st.integers(0, 4), st.booleans(), st.sampled_from(["", "x"]))
)


# --- the set ----------------------------------------------------------------------------------------------------------


def keys_after(made: list[KeyChange]) -> tuple[KeyChange, ...]:
    book = KeyBook(PackedFacts())
    for change in made:
        book.apply("claim", change)
    return book.of("claim")


@given(changes, st.randoms())
def test_the_order_of_changes_does_not_matter_nor_how_often_they_come(made: list[KeyChange], order: random.Random):
    shuffled = [*made, *made]
    order.shuffle(shuffled)
    assert keys_after(made) == keys_after(shuffled)


@given(changes, changes)
def test_changes_from_before_a_start_count_as_if_they_had_been_read_at_once(
    before: list[KeyChange], after: list[KeyChange]
):
    late = KeyBook(PackedFacts.of(AccountFact("ann", "v", 1, "claim", change) for change in before))
    assert [late.latest("other", KEY), late.changes("other")] == [None, 0]
    for change in after:
        late.apply("claim", change)
    assert (late.of("claim"), late.changes("claim")) == (keys_after([*before, *after]), len(before) + len(after))


@given(changes)
def test_a_key_that_was_taken_away_last_opens_nothing(made: list[KeyChange]):
    assert KEY not in [change.text for change in keys_after([*made, KeyChange(KEY, 5, False)])]


def test_of_a_binding_and_a_removal_at_the_same_time_the_removal_counts():
    assert keys_after([KeyChange(KEY, 1, False), KeyChange(KEY, 1, True)]) == ()


def test_keys_are_listed_in_the_order_in_which_they_were_bound():
    assert [key.text for key in keys_after([KeyChange(OTHER, 2, True), KeyChange(KEY, 1, True)])] == [KEY, OTHER]


# --- in the network ---------------------------------------------------------------------------------------------------


def claim_of(server: WatchedServer, name: str = "grace") -> str:
    account = server.node.account(name)
    assert account is not None
    return account.claim


def change(server: WatchedServer, text: str, *, bound: bool, comment: str = "", name: str = "grace") -> int:
    """Ask for a change; the request's token."""
    token = len(server.key_answers) + 1
    server.key_answers[token] = "no answer yet"
    server.handle(events.KeyChangeRequested(token, claim_of(server, name), text, comment, bound))
    return token


def keys_at(server: WatchedServer, name: str = "grace") -> list[str]:
    return [key.text for key in server.node.account_keys(claim_of(server, name))]


def with_account(count: int = 3) -> tuple[ScriptedNetwork, list[WatchedServer]]:
    network = ScriptedNetwork()
    servers = network.build(chain(count))
    network.registered(servers[0], "grace")
    network.run(0.5)
    return network, servers


def test_a_key_that_is_bound_at_one_server_opens_the_account_at_all():
    network, servers = with_account()
    token = change(servers[0], KEY, bound=True, comment="laptop")
    network.run(0.5)
    assert servers[0].key_answers[token] is None
    for server in servers:
        assert [(key.text, key.comment) for key in server.node.account_keys(claim_of(server))] == [(KEY, "laptop")]


def test_a_server_that_hears_that_it_is_expelled_binds_no_key_and_takes_none_away():
    """It would count at no server that heeds the order, nor at this one."""
    network, servers, ada = founded(2)
    network.registered(servers[1], "grace")
    change(servers[1], KEY, bound=True)
    network.run(1.0)
    stamp = str(int(servers[1].now.wall * 1_000_000))
    assert isinstance(gives(network, ada, "ada", "expel", servers[1].id, stamp, "keep"), OrderTaken)
    network.run(1.0)
    for token in (change(servers[1], KEY, bound=False), change(servers[1], OTHER, bound=True)):
        why = "this server was expelled from the network by ada; try again at another one"
        assert servers[1].key_answers[token] == why
    assert [keys_at(server) for server in servers] == [[KEY]] * 2


def test_a_key_that_is_taken_away_at_one_server_opens_the_account_at_none():
    network, servers = with_account()
    change(servers[0], KEY, bound=True)
    change(servers[2], OTHER, bound=True)
    network.run(0.5)
    change(servers[2], KEY, bound=False)
    network.run(0.5)
    assert [keys_at(server) for server in servers] == [[OTHER]] * 3


def test_every_server_says_once_that_a_key_opens_an_account_no_longer():
    network, servers = with_account()
    change(servers[0], KEY, bound=True)
    change(servers[0], OTHER, bound=False)
    network.run(0.5)
    assert [server.keys_removed for server in servers] == [[]] * 3, "a key that never opened it was not taken away"
    change(servers[2], KEY, bound=False)
    change(servers[2], KEY, bound=False)
    network.run(0.5)
    assert [server.keys_removed for server in servers] == [[(claim_of(servers[0]), KEY)]] * 3


def test_a_change_is_answered_when_it_is_durable_and_not_before():
    network, servers = with_account(1)
    servers[0].disk.delay = (0.2, 0.2)
    token = change(servers[0], KEY, bound=True)
    network.run(0.1)
    assert servers[0].key_answers[token] == "no answer yet" and keys_at(servers[0]) == []
    network.run(0.2)
    assert servers[0].key_answers[token] is None and keys_at(servers[0]) == [KEY]


def test_keys_survive_a_crash_and_reach_a_server_that_joins_later():
    network, servers = with_account(2)
    change(servers[0], KEY, bound=True)
    change(servers[0], OTHER, bound=True)
    network.run(0.5)
    change(servers[0], OTHER, bound=False)
    network.run(0.5)
    servers[0].crash()
    again = network.start("n000", servers[1])
    late = network.start("late", servers[1])
    network.run(3.0)
    assert [keys_at(server) for server in (again, servers[1], late)] == [[KEY]] * 3


def test_what_both_sides_of_a_parted_network_did_to_a_key_is_decided_by_who_did_it_last():
    network, servers = with_account(2)
    change(servers[0], KEY, bound=True)
    change(servers[0], OTHER, bound=True)
    network.run(0.5)
    network.part(servers[:1], servers[1:])
    change(servers[0], KEY, bound=False)
    change(servers[1], OTHER, bound=False)
    network.run(1.0)
    change(servers[0], OTHER, bound=True)
    network.mend()
    servers[1].join(servers[0])
    network.run(20.0)
    assert [keys_at(server) for server in servers] == [[OTHER]] * 2


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_meanwhile_all_servers_agree_on_the_keys_in_the_end(seed: int):
    rng = random.Random(seed)
    network, servers = with_account(4)
    names = [server.config.name for server in servers]
    texts = [f"ssh-ed25519 AAAA{number}" for number in range(4)]
    for _ in range(60):
        living = network.living
        match rng.randrange(8):
            case 0:
                some = rng.sample(living, len(living) // 2)
                network.part(some, [server for server in living if server not in some])
            case 1:
                network.mend()
            case 2 if len(living) > 1:
                rng.choice(living).crash()
            case 3:
                for name in names:
                    if not network.servers[name].alive:
                        network.start(name, rng.choice(living))
            case _:
                change(rng.choice(living), rng.choice(texts), bound=rng.random() < 0.6)
        network.run(rng.random())
    network.mend()
    for name in names:
        if not network.servers[name].alive:
            network.start(name, network.living[0])
    network.living[1].join(network.living[0])
    network.run(90.0)
    assert len(network.living) == 4 and network.is_one()
    shown = [keys_at(server) for server in network.living]
    assert all(keys == shown[0] for keys in shown)
    every = [
        msgspec.json.decode(entry.body, type=AccountFact).key
        for entry in network.living[0].disk.entries()
        if entry.kind == "account"
    ]
    assert shown[0] == [key.text for key in keys_after([made for made in every if made is not None])]


def test_a_removal_outdoes_a_binding_that_a_clock_far_ahead_has_dated():
    network, servers = with_account(2)
    account = servers[0].node.account("grace")
    assert account is not None
    ahead = 10**15 * 4
    peer = network.peer(servers[0])
    peer.say(wire.Authenticate("network secret", id="far", incarnation=1, features=["sync"]))
    network.run(0.1)
    peer.say(
        wire.Account(
            "far.1.1",
            1,
            account.username,
            account.verifier,
            account.stamp,
            account.claim,
            KeyChange(KEY, ahead, True),
        )
    )
    network.run(0.5)
    assert [keys_at(server) for server in servers] == [[KEY]] * 2
    change(servers[1], KEY, bound=False)
    network.run(0.5)
    assert [keys_at(server) for server in servers] == [[]] * 2


def test_keys_follow_the_account_when_its_name_passes_to_another():
    network = ScriptedNetwork()
    first, second = network.start("one"), network.start("two")
    network.registered(first, "grace", "first")
    network.run(1.0)
    network.registered(second, "grace", "second")
    change(first, KEY, bound=True)
    later = claim_of(second)
    change(second, OTHER, bound=True)
    network.run(0.5)
    second.join(first)
    network.run(5.0)
    for server in (first, second):
        assert keys_at(server) == [KEY]
        assert [key.text for key in server.node.account_keys(later)] == [OTHER]
        assert server.node.account_name(later) != "grace"
    assert len(first.told("renamed")) == 1


def test_base_servers_hear_nothing_of_keys():
    network, servers = with_account(1)
    base = network.base_server(servers[0])
    before = len(base.log)
    change(servers[0], KEY, bound=True)
    network.run(0.5)
    assert "ACCOUNT" not in base.commands and not [one for one in base.log[before:] if "AAAAkey" in repr(one)]


def test_a_change_that_cannot_be_kept_is_refused_and_made_nowhere():
    network, servers = with_account(2)
    servers[0].disk.full = True
    first = change(servers[0], KEY, bound=True)
    network.run(0.5)
    second = change(servers[0], KEY, bound=True)
    network.run(0.5)
    assert "no space left" in (servers[0].key_answers[first] or "")
    assert "no space left" in (servers[0].key_answers[second] or "")
    assert [keys_at(server) for server in servers] == [[]] * 2


def test_a_server_that_leaves_changes_no_keys_any_more():
    _, servers = with_account(2)
    servers[0].drain()
    token = change(servers[0], KEY, bound=True)
    assert servers[0].key_answers[token] == "this server is leaving the network"


def test_what_other_servers_could_not_read_is_not_accepted():
    _, servers = with_account(1)
    token = change(servers[0], "ssh-rsa " + "A" * 5000, bound=True)
    assert servers[0].key_answers[token] == "no other server could read this key"


def test_an_account_that_is_not_known_has_no_keys():
    _, servers = with_account(1)
    servers[0].handle(events.KeyChangeRequested(9, "nobody.1.1", KEY, "", True))
    assert servers[0].key_answers[9] == "the account is not known here"


def test_an_account_s_keys_can_be_changed_only_so_often():
    network, servers = with_account(1)
    for number in range(CHANGES_MAX):
        change(servers[0], KEY, bound=number % 2 == 0)
    network.run(1.0)
    token = change(servers[0], KEY, bound=True)
    assert f"changed {CHANGES_MAX} times" in (servers[0].key_answers[token] or "")


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "ssh-ed25519 \n", "x y z", "ssh-ed25519 " + "A" * 5000, KEY + "\n"]
)
def test_what_is_no_public_key_is_not_read_from_the_wire(text: str):
    good = wire.Account("far.1.1", 1, "grace", "v", 1, "far.1.1", KeyChange(KEY, 1, True))
    line = msgspec.json.encode(good)
    assert decode(line) == good
    bad = msgspec.structs.replace(good, key=KeyChange(text, 1, True))
    with pytest.raises(MalformedLine):
        decode(msgspec.json.encode(bad))
