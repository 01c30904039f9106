"""Secrets of accounts: changed by whoever knows the present one, at any server, and the same everywhere."""

from __future__ import annotations

import random
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.accounts.secrets import CHANGES_AN_HOUR_MAX, CHANGES_MAX, WRONG, SecretBook
from core.node.clients.secret_changes import WRONG_SECRETS_MAX
from core.node.interface import events
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain, star
from core.wire import messages as wire
from core.wire.codec import decode
from core.wire.entries import AccountFact, KeyChange, SecretChange, change_as_key, change_in_key
from core.wire.messages import LoginFailed, LoginSuccess, SecretChanged, SecretNotChanged
from core.wire.packed_facts import PackedFacts

changes = st.lists(
    st.builds(SecretChange, st.integers(0, 4), st.sampled_from(["a.1.1", "b.1.1", ""]), st.sampled_from("vwx"))
)


# --- the register -----------------------------------------------------------------------------------------------------


def counted(made: list[SecretChange]) -> tuple[SecretChange | None, int]:
    book = SecretBook(PackedFacts())
    for change in made:
        book.apply("claim", change)
    return book.latest("claim"), book.changes("claim")


@given(changes, st.randoms())
def test_the_order_of_changes_does_not_matter_nor_how_often_they_come(made: list[SecretChange], order: random.Random):
    shuffled = [*made, *made]
    order.shuffle(shuffled)
    assert counted(made) == counted(shuffled)


@given(changes, changes, changes)
def test_it_does_not_matter_how_parts_of_the_network_meet(
    one: list[SecretChange], two: list[SecretChange], three: list[SecretChange]
):
    assert counted(one + (two + three)) == counted((three + one) + two)


@given(changes, changes)
def test_changes_from_before_a_start_count_as_if_they_had_been_read_at_once(
    before: list[SecretChange], after: list[SecretChange]
):
    kept = [AccountFact("ann", "v", 1, "claim", change_as_key(change)) for change in before]
    late = SecretBook(
        PackedFacts.of([AccountFact("bob", "v", 1, "other", change_as_key(SecretChange(9, "x", "y"))), *kept])
    )
    for change in after:
        late.apply("claim", change)
    assert (late.latest("claim"), late.changes("claim")) == counted([*before, *after])


@given(changes)
def test_the_latest_change_counts_and_of_two_at_once_the_one_with_the_larger_id(made: list[SecretChange]):
    last = SecretChange(5, "b.1.1", "last")
    assert counted([*made, last, SecretChange(5, "a.1.1", "other")])[0] == last


# --- on the wire ------------------------------------------------------------------------------------------------------

FIRST_RELEASE_KEY = re.compile(r"\A[a-z0-9@.-]{1,64} [A-Za-z0-9+/]+={0,2}\Z")
"""What the servers from before secrets could be changed take for a key, in at most 4096 characters."""
PHC = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


@given(st.integers(0, 2**53 - 1), st.text(min_size=1, max_size=1024))
def test_a_change_is_carried_by_what_older_servers_keep_and_pass_on_as_it_is(stamp: int, verifier: str):
    verifier = verifier.encode(errors="ignore").decode()[:1024]
    if not verifier or len(verifier.encode()) > 3000:
        return
    change = SecretChange(stamp, "node.1.1", verifier)
    key = change_as_key(change)
    assert change_in_key(key) == change
    assert FIRST_RELEASE_KEY.match(key.text) and len(key.text) <= 4096 and len(key.comment) <= 100
    assert not key.bound, "it must open nothing there"


def test_keys_are_not_taken_for_changed_secrets():
    for text in ("ssh-ed25519 AAAAkey", "secret-verifier@activity-tui /w=="):
        assert change_in_key(KeyChange(text, 1, False)) is None
    assert change_in_key(msgspec.structs.replace(change_as_key(SecretChange(1, "i", PHC)), bound=True)) is None


def test_servers_from_before_secrets_could_be_changed_pass_a_change_on_unharmed():
    network = ScriptedNetwork()
    (server,) = network.build(chain(1))
    network.registered(server, "ada", "old")
    older = network.peer(server)
    older.say(wire.Authenticate("network secret", id="older", incarnation=1, features=["sync", "user_info", "quit"]))
    network.run(0.5)
    ada = network.logged_in(server, "ada", "old")
    ada.say(wire.ChangeSecret("old", "new"))
    network.run(0.5)
    older.say(wire.SyncRequest({}))
    network.run(0.5)
    line = next(one for one in older.lines if b"secret-verifier" in one)
    fields = msgspec.json.decode(line)
    # All that an older server knows of an ACCOUNT, as it was released.
    assert fields.keys() <= {"command", "id", "stamp", "username", "verifier", "claimed_at", "claim", "key"}
    assert fields["verifier"] == "$argon2id$old", "there the registration is unchanged"
    assert FIRST_RELEASE_KEY.match(fields["key"]["text"])
    # What it keeps and passes on is made of those fields, and says the same.
    other = network.start("other")
    link = network.peer(other)
    link.say(wire.Authenticate("network secret", id="older", incarnation=1, features=["sync"]))
    network.run(0.1)
    link.say(line + b"\n")
    network.run(0.5)
    assert logs_in(network, other, "ada", "new") and not logs_in(network, other, "ada", "old")


# --- at a server ------------------------------------------------------------------------------------------------------


def with_account(count: int = 3, name: str = "ada") -> tuple[ScriptedNetwork, list[WatchedServer]]:
    network = ScriptedNetwork()
    servers = network.build(chain(count), redirects=False)
    network.registered(servers[0], name, "old")
    network.run(0.5)
    return network, servers


def logs_in(network: ScriptedNetwork, server: WatchedServer, name: str, secret: str) -> bool:
    client = network.client(server)
    client.login(name, secret)
    assert network.until(lambda: bool(client.of(LoginSuccess) or client.of(LoginFailed)), 40.0), client.log
    found = bool(client.of(LoginSuccess))
    client.hang_up()
    return found


def change(network: ScriptedNetwork, server: WatchedServer, secret: str, new: str, name: str = "ada") -> ScriptedClient:
    client = network.logged_in(server, name, secret)
    client.say(wire.ChangeSecret(secret, new))
    network.run(0.5)
    return client


def only(network: ScriptedNetwork, servers: list[WatchedServer], secret: str, *others: str, name: str = "ada") -> bool:
    """Whether of these secrets one opens the account at each server, and the others nowhere."""
    return all(
        logs_in(network, server, name, secret) and not any(logs_in(network, server, name, each) for each in others)
        for server in servers
    )


def test_a_secret_that_is_changed_at_one_server_counts_at_all_and_the_old_one_at_none():
    network, servers = with_account()
    client = change(network, servers[1], "old", "new")
    assert client.of(SecretChanged) and client.closed is None
    assert only(network, servers, "new", "old")


def test_a_server_shows_native_clients_that_it_can_change_secrets_and_base_clients_nothing():
    network, servers = with_account(1)
    native = network.logged_in(servers[0], "ada", "old")
    assert native.of(LoginSuccess)[0].features[:1] == ["change_secret"]
    base = network.base_client(servers[0])
    base.login("ada", "old")
    network.run(0.1)
    assert msgspec.json.decode(base.lines[0]).keys() == {"command", "info"}


def test_who_does_not_know_the_present_secret_changes_nothing_and_is_told_late():
    network, servers = with_account(1)
    client = network.logged_in(servers[0], "ada", "old")
    client.say(wire.ChangeSecret("guess", "new"))
    network.run(0.5)
    assert not client.of(SecretNotChanged), "the answer is kept back"
    network.run(1.0)
    assert [one.info for one in client.of(SecretNotChanged)] == [WRONG]
    assert only(network, servers, "old", "new", "guess")


def test_who_guesses_at_the_present_secret_is_disconnected_after_a_few_times():
    network, servers = with_account(1)
    client = network.client(servers[0], origin="local", vouched="ada")
    client.login("ada")
    network.run(0.1)
    for number in range(WRONG_SECRETS_MAX):
        client.say(wire.ChangeSecret(f"guess {number}", "new"))
        network.run(10.0)
    assert client.closed is not None and len(client.of(SecretNotChanged)) == WRONG_SECRETS_MAX
    assert len(servers[0].told("refused")) >= WRONG_SECRETS_MAX


def test_somebody_who_came_in_without_the_secret_has_to_give_it():
    network, servers = with_account(1)
    client = network.client(servers[0], origin="local", vouched="ada")
    client.login("ada")
    network.run(0.1)
    client.say(wire.ChangeSecret("old", "new"))
    network.run(0.5)
    assert client.of(SecretChanged)
    assert only(network, servers, "new", "old")


def test_anonymous_has_no_secret_and_nobody_changes_one_before_the_login():
    network, servers = with_account(1)
    client = network.logged_in(servers[0])
    client.say(wire.ChangeSecret("x", "y"))
    network.run(0.1)
    assert "anonymous has no secret" in client.of(SecretNotChanged)[0].info and client.closed is None
    early = network.client(servers[0])
    early.say(wire.ChangeSecret("old", "new"))
    network.run(0.1)
    assert early.closed is not None and early.of(wire.InvalidMessage)


@pytest.mark.parametrize(("new", "why"), [("", "at least 1"), ("x" * 1025, "at most 1024"), ("old", "the present one")])
def test_what_cannot_be_a_new_secret_is_refused_with_a_reason(new: str, why: str):
    network, servers = with_account(1)
    client = change(network, servers[0], "old", new)
    assert why in client.of(SecretNotChanged)[0].info and client.closed is None
    assert logs_in(network, servers[0], "ada", "old")


def test_a_change_is_answered_when_it_is_durable_and_not_before():
    network, servers = with_account(1)
    client = network.logged_in(servers[0], "ada", "old")
    servers[0].disk.delay = (0.3, 0.3)
    client.say(wire.ChangeSecret("old", "new"))
    network.run(0.2)
    assert not client.of(SecretChanged) and logs_in(network, servers[0], "ada", "old")
    network.run(0.3)
    assert client.of(SecretChanged)


def test_a_change_that_cannot_be_kept_is_refused_and_made_nowhere():
    network, servers = with_account(2)
    client = network.logged_in(servers[0], "ada", "old")
    servers[0].disk.full = True
    client.say(wire.ChangeSecret("old", "new"))
    network.run(0.5)
    client.say(wire.ChangeSecret("old", "newer"))
    network.run(0.5)
    assert [("no space left" in one.info) for one in client.of(SecretNotChanged)] == [True, True]
    client.post("still here", "ada", "old")
    network.run(0.1)
    assert client.of(wire.ActivityAck) or client.closed is not None
    assert only(network, servers, "old", "new", "newer")


def test_a_server_that_leaves_changes_no_secrets_any_more():
    _, servers = with_account(2)
    servers[0].drain()
    claim = claim_of(servers[1])
    servers[0].handle(events.SecretChangeRequested(7, claim, "old", "new"))
    assert "leaving the network" in (servers[0].secret_answers[7] or "")


def claim_of(server: WatchedServer, name: str = "ada") -> str:
    account = server.node.account(name)
    assert account is not None
    return account.claim


def test_the_driver_can_have_a_secret_changed_for_somebody_who_knows_the_present_one():
    network, servers = with_account(2)
    claim = claim_of(servers[0])
    servers[0].handle(events.SecretChangeRequested(1, claim, "guess", "new"))
    servers[0].handle(events.SecretChangeRequested(2, claim, "old", "new"))
    servers[0].handle(events.SecretChangeRequested(3, "nobody.1.1", "old", "new"))
    network.run(1.0)
    assert servers[0].secret_answers == {1: WRONG, 2: None, 3: "the account is not known here"}
    assert only(network, servers, "new", "old", "guess")
    assert "secret_old" not in repr(events.SecretChangeRequested(1, claim, "secret_old", "new"))


def test_a_change_that_is_asked_for_again_because_its_answer_was_lost_has_succeeded():
    network, servers = with_account(1)
    client = network.client(servers[0], origin="local", vouched="ada")
    client.login("ada")
    network.run(0.1)
    for _ in range(2):
        client.say(wire.ChangeSecret("old", "new"))
        network.run(0.5)
    assert len(client.of(SecretChanged)) == 2
    assert len([one for one in servers[0].disk.entries() if one.kind == "account"]) == 2


def test_of_two_who_change_it_at_the_same_server_at_once_the_first_wins_and_the_second_is_told():
    network, servers = with_account(1)
    first, second = (network.client(servers[0], origin="local", vouched="ada") for _ in range(2))
    for one in (first, second):
        one.login("ada")
    network.run(0.1)
    first.say(wire.ChangeSecret("old", "first"))
    second.say(wire.ChangeSecret("old", "second"))
    network.run(3.0)
    assert first.of(SecretChanged) and [one.info for one in second.of(SecretNotChanged)] == [WRONG]
    assert only(network, servers, "first", "old", "second")


def test_a_crowd_that_wants_to_change_one_secret_is_answered_each_and_the_account_stays_changeable():
    network, servers = with_account(1)
    claim = claim_of(servers[0])
    for asked in range(2_000):
        # None of them is a change, which turns out only when it is their turn.
        servers[0].handle(events.SecretChangeRequested(asked, claim, "old", "new" if asked == 0 else ""))
    network.run(5.0)
    answers = servers[0].secret_answers
    assert answers[0] is None and all(answers[asked] for asked in range(1, 2_000))
    assert servers[0].node.secrets.under_way == 0
    servers[0].handle(events.SecretChangeRequested(-1, claim, "new", "newer"))
    network.run(1.0)
    assert answers[-1] is None


def test_an_account_s_secret_can_be_changed_only_so_often():
    network, servers = with_account(1)
    claim = claim_of(servers[0])
    answers = servers[0].secret_answers
    secret = "old"
    for asked in range(CHANGES_MAX):
        servers[0].handle(events.SecretChangeRequested(asked, claim, secret, secret := f"number {asked}"))
        network.run(0.2)
        assert answers[asked] is None, answers[asked]
        if asked % CHANGES_AN_HOUR_MAX == CHANGES_AN_HOUR_MAX - 1 and asked < CHANGES_MAX - 1:
            servers[0].handle(events.SecretChangeRequested(-1, claim, secret, "too soon"))
            assert "within an hour" in (answers[-1] or "")
            network.run(3600.0)
    servers[0].handle(events.SecretChangeRequested(-1, claim, secret, "too often"))
    assert f"changed {CHANGES_MAX} times" in (answers[-1] or "")


# --- who is logged in -------------------------------------------------------------------------------------------------


def test_who_is_in_with_the_old_secret_leaves_everywhere_and_who_changed_it_stays():
    network, servers = with_account()
    others = [network.logged_in(server, "ada", "old") for server in servers]
    base = network.base_client(servers[2])
    base.login("ada", "old")
    vouched = network.client(servers[2], origin="local", vouched="ada")
    vouched.login("ada")
    strangers = [network.logged_in(server) for server in servers]
    network.run(0.5)
    client = change(network, servers[0], "old", "new")
    network.run(0.5)
    for gone in (*others, base):
        assert gone.closed is not None and "secret of this account was changed" in gone.of(wire.InvalidMessage)[0].info
    assert client.closed is None and vouched.closed is None and not any(one.closed for one in strangers)
    assert [server.secrets_replaced for server in servers] == [[claim_of(servers[0])]] * 3


def test_who_changed_the_secret_goes_on_posting_with_the_old_one_or_the_new_one():
    network, servers = with_account(1)
    client = change(network, servers[0], "old", "new")
    client.post("under way", "ada", "old", ref="1")
    client.post("from now on", "ada", "new", ref="2")
    network.run(0.5)
    assert len(client.of(wire.ActivityAck)) == 2
    client.post("never", "ada", "other", ref="3")
    network.run(0.5)
    assert client.closed is not None


def test_a_login_that_is_being_checked_while_the_secret_changes_is_checked_again():
    network, servers = with_account(1)
    network.hashing = 0.5
    late = network.client(servers[0])
    client = network.logged_in_slowly(servers[0], "ada", "old")
    client.say(wire.ChangeSecret("old", "new"))
    # Checked, and hashed: a second from here the change is committed.
    network.run(0.8)
    late.login("ada", "old")
    network.run(3.0)
    assert client.of(SecretChanged)
    assert late.of(LoginFailed) and not late.of(LoginSuccess)


# --- in the network ---------------------------------------------------------------------------------------------------


def test_a_change_survives_a_crash_and_reaches_a_server_that_joins_later():
    network, servers = with_account(2)
    change(network, servers[0], "old", "new")
    network.run(0.5)
    servers[0].crash()
    again = network.start("n000", servers[1])
    late = network.start("late", servers[1])
    network.run(3.0)
    assert only(network, [again, servers[1], late], "new", "old")


def test_a_parted_network_keeps_the_later_change_of_both_when_it_is_one_again():
    network, servers = with_account(2)
    network.part(servers[:1], servers[1:])
    change(network, servers[0], "old", "earlier")
    network.run(1.0)
    inside = change(network, servers[1], "old", "later")
    outside = network.logged_in(servers[0], "ada", "earlier")
    assert only(network, servers[:1], "earlier", "old") and only(network, servers[1:], "later", "old")
    network.mend()
    servers[1].join(servers[0])
    network.run(20.0)
    assert only(network, servers, "later", "earlier", "old")
    assert outside.closed is not None and inside.closed is None


def test_each_of_two_accounts_of_one_name_keeps_its_own_secret_when_parts_meet():
    network = ScriptedNetwork()
    first, second = network.start("one"), network.start("two")
    network.registered(first, "ada", "first")
    network.run(1.0)
    network.registered(second, "ada", "second")
    change(network, first, "first", "first new")
    change(network, second, "second", "second new")
    second.join(first)
    network.run(5.0)
    renamed = first.node.account_name(claim_of_second(first))
    assert renamed is not None and renamed != "ada"
    for server in (first, second):
        assert logs_in(network, server, "ada", "first new") and logs_in(network, server, renamed, "second new")
        assert logs_in(network, server, "ada", "second new"), "who had the name finds their account by the secret"
        assert not logs_in(network, server, "ada", "first") and not logs_in(network, server, renamed, "second")


def claim_of_second(server: WatchedServer) -> str:
    return next(fact.claim for name, fact in server.node.book if name != "ada")


def test_servers_that_want_to_know_the_users_are_told_the_verifier_of_the_newest_secret():
    network, servers = with_account(1)
    change(network, servers[0], "old", "new")
    peer = network.peer(servers[0])
    peer.say(wire.Authenticate("network secret", features=["user_info"]))
    network.run(0.5)
    assert peer.of(wire.UserInfo)[0].user_info == {"ada": "$argon2id$new"}


def test_base_servers_and_base_clients_hear_nothing_of_a_change():
    network, servers = with_account(1)
    base = network.base_server(servers[0])
    before = len(base.log)
    change(network, servers[0], "old", "new")
    network.run(0.5)
    assert not [one for one in base.log[before:] if "new" in repr(one)]


def test_a_change_outdoes_one_that_a_clock_far_ahead_has_dated():
    network, servers = with_account(2)
    account = servers[0].node.account("ada")
    assert account is not None
    peer = network.peer(servers[0])
    peer.say(wire.Authenticate("network secret", id="far", incarnation=1, features=["sync"]))
    network.run(0.1)
    ahead = change_as_key(SecretChange(10**15 * 4, "far.1.1", "$argon2id$far"))
    peer.say(wire.Account("far.1.1", 1, account.username, account.verifier, account.stamp, account.claim, ahead))
    network.run(0.5)
    assert only(network, servers, "far", "old")
    change(network, servers[1], "far", "new")
    network.run(0.5)
    assert only(network, servers, "new", "far", "old")


def test_a_change_that_arrives_before_its_registration_counts_once_both_are_there():
    network = ScriptedNetwork()
    (server,) = network.build(chain(1))
    peer = network.peer(server)
    peer.say(wire.Authenticate("network secret", id="far", incarnation=1, features=["sync"]))
    network.run(0.1)
    fact = AccountFact("ada", "$argon2id$old", 5, "far.1.1")
    key = change_as_key(SecretChange(9, "far.1.1", "$argon2id$new"))
    peer.say(wire.Account("far.1.2", 9, fact.username, fact.verifier, fact.stamp, fact.claim, key))
    network.run(0.1)
    peer.say(wire.Account("far.1.1", 5, fact.username, fact.verifier, fact.stamp, fact.claim))
    network.run(0.1)
    assert only(network, [server], "new", "old")


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_meanwhile_exactly_the_newest_secret_counts_in_the_end(seed: int):
    rng = random.Random(seed)
    network = ScriptedNetwork(seed)
    servers = network.build(star(4))
    network.registered(servers[0], "ada", "0")
    network.run(0.5)
    names = [server.config.name for server in servers]
    asked = 0
    for _ in range(50):
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
                asked += 1
                server = rng.choice(living)
                known = server.node.account("ada")
                assert known is not None
                present = known.verifier.rpartition("$")[2]
                server.handle(events.SecretChangeRequested(asked, known.claim, present, str(asked)))
        network.run(rng.random())
    network.mend()
    for name in names:
        if not network.servers[name].alive:
            network.start(name, network.living[0])
    network.living[1].join(network.living[0])
    network.run(90.0)
    assert len(network.living) == 4 and network.is_one()
    made: list[SecretChange] = []
    for entry in network.living[0].disk.entries():
        if entry.kind == "account":
            key = msgspec.json.decode(entry.body, type=AccountFact).key
            if key is not None and (found := change_in_key(key)) is not None:
                made.append(found)
    newest = max(made).verifier.rpartition("$")[2]
    assert len(made) > 3
    others = [one.verifier.rpartition("$")[2] for one in made if one is not max(made)]
    assert only(network, network.living, newest, "0", *others)


def test_a_line_that_asks_for_a_change_is_read_as_it_was_written():
    message = decode(b'{"command":"CHANGE_SECRET","secret":"a","new_secret":"b","more":1}')
    assert message == wire.ChangeSecret("a", "b")
