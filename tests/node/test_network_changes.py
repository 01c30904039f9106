"""Operators give the network another key, or another secret: who gets it, and who does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.certificates.approval import read_approval
from core.certificates.leaf import ShownLeaf
from core.certificates.succession import succession_digest
from core.node.interface import events
from core.node.interface.actions import AgreeOnKey
from core.node.orders.network_changes import ORDERED_MAX, PREPARED_MAX
from core.simulation.environment import agreeing
from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.simulation.testing import SECRET, ScriptedBaseServer, ScriptedClient, ScriptedNetwork, WatchedServer
from core.store.kept_network_setting import read_network
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.kept_network import Succession
from core.wire.kept_secret import KeptSecret
from core.wire.key_agreement_proofs import (
    AnswerersWord,
    answering_identity,
    dialling_identity,
    proof_of_answering,
    returning_digest,
)
from core.wire.messages import Message
from core.wire.network_orders import approved, key_change_in
from core.wire.signed_orders import operator_fingerprint, sign_order
from tests.node.operators import founded, gives, shows_key, signer_of
from tests.node.test_admission import TRIES, Listener, Newcomer, fingerprints, joined, keys_handed_out

BASE_HOST = "base.example"
WEEK = 7 * 86_400.0


def network_of(count: int = 3) -> tuple[ScriptedNetwork, list[WatchedServer], ScriptedClient]:
    """A network with an operator, ada, all of whose links are encrypted."""
    return founded(count, links="base")


def key_at(server: WatchedServer) -> bytes:
    return server.node.membership.network.key


def secret_at(server: WatchedServer) -> str:
    """The network's secret, as this start of the server has it."""
    return str((server.secrets_kept or [server.config.secret])[-1])


def rekeys(network: ScriptedNetwork, ada: ScriptedClient) -> None:
    """Ada orders another key, and everybody who can be reached has it."""
    assert isinstance(gives(network, ada, "ada", "rekey", ""), wire.OrderTaken)
    network.run(3.0)


def rotates(network: ScriptedNetwork, ada: ScriptedClient, seconds: float = WEEK) -> None:
    """Ada orders another secret; the one before holds so long."""
    until = int((network.now.wall + seconds) * 1_000_000)
    assert isinstance(gives(network, ada, "ada", "secret", "", str(until)), wire.OrderTaken)
    network.run(3.0)


def expels(network: ScriptedNetwork, ada: ScriptedClient, server: WatchedServer) -> None:
    assert isinstance(gives(network, ada, "ada", "expel", server.id, "1", "keep"), wire.OrderTaken)
    network.run(1.0)


def comes_with(network: ScriptedNetwork, name: str, there: WatchedServer, secret: str, **settings: Any) -> bool:
    """Whether a new server that knows this secret is let in."""
    server = joined(network, name, there, secret=secret, **settings)
    network.run(20.0)
    return there.id in server.neighbours


# --- another key ------------------------------------------------------------------------------------------------------


def test_one_order_gives_every_server_another_key_and_another_secret_and_links_stay() -> None:
    network, servers, ada = network_of()
    before = key_at(servers[0])
    rekeys(network, ada)
    assert len(fingerprints(network)) == 1
    assert network.is_one()
    for server in servers:
        assert key_at(server) != before
        assert secret_at(server) == secret_at(servers[0]) != SECRET
        kept = server.node.membership.network
        assert [(one.old, one.new) for one in kept.successions] == [(before, kept.key)]
        assert kept.prepared == ()
        assert any("as ada has ordered" in text for text in server.told("security"))
    assert comes_with(network, "later", servers[2], secret_at(servers[0]))
    assert not comes_with(network, "late", servers[2], SECRET)


def test_the_private_key_stands_in_no_order_and_what_an_order_says_is_signed_by_both_keys() -> None:
    network, servers, ada = network_of(1)
    before = servers[0].node.membership.network
    rekeys(network, ada)
    after = servers[0].node.membership.network
    assert after.order is not None and servers[0].leaf is not None
    change = key_change_in(after.order.order)
    assert change is not None and change.key == after.key
    assert HashVerifier().fits(change.succession.signature, before.key, succession_digest(before.key, after.key))
    approval = read_approval(after.key, servers[0].leaf.successions, HashVerifier())
    assert approval is not None and approval.operator == signer_of("ada").key and approval.stamp > 0
    bodies = b"".join(entry.body for entry in servers[0].entries())
    for private in (after.seed, after.ssh or b"", secret_at(servers[0]).encode()):
        assert private not in bodies and msgspec.json.encode(private)[1:-1] not in bodies


def test_servers_show_who_the_operator_is_before_there_is_another_key() -> None:
    network, servers, _ = network_of()
    network.run(1.0)
    for server in servers:
        assert server.leaf is not None
        approval = read_approval(key_at(server), server.leaf.successions, HashVerifier())
        assert approval is not None and (approval.operator, approval.stamp) == (signer_of("ada").key, 0)


def test_nobody_but_an_operator_of_rank_0_orders_another_key() -> None:
    network, servers, ada = network_of()
    network.registered(servers[0], "bob", "his")
    bob = network.logged_in(servers[0], "bob", "his")
    line = f"ssh-ed25519 {_blob(signer_of('bob').key)}"
    assert isinstance(gives(network, ada, "ada", "appoint", "bob", line), wire.OrderTaken)
    assert isinstance(shows_key(network, bob, "bob"), wire.OrderList)
    refused = gives(network, bob, "bob", "rekey", "")
    assert isinstance(refused, wire.OrderRefused) and "first operator" in refused.info
    rotates(network, ada)
    until = str(int((network.now.wall + WEEK) * 1_000_000))
    assert isinstance(gives(network, bob, "bob", "secret", "", until), wire.OrderTaken)


def _blob(key: bytes) -> str:
    import base64

    kind = b"ssh-ed25519"
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind + len(key).to_bytes(4, "big") + key).decode()


def test_a_key_cannot_be_undone_but_another_one_takes_its_place() -> None:
    network, servers, ada = network_of(2)
    rekeys(network, ada)
    first = servers[0].node.membership.network
    assert first.order is not None
    refused = gives(network, ada, "ada", "undo", first.order.order.id)
    assert isinstance(refused, wire.OrderRefused) and "give it another one" in refused.info
    rekeys(network, ada)
    assert len(fingerprints(network)) == 1
    kept = servers[1].node.membership.network
    assert len(kept.successions) == 2 and kept.successions[-1].old == first.key


@pytest.mark.parametrize("who_dials", ["the late one", "the others"])
def test_a_server_that_was_away_comes_in_with_what_it_had_and_gets_the_new_key_and_secret(who_dials: str) -> None:
    network, servers, ada = network_of()
    servers[2].crash()
    network.run(2.0)
    rekeys(network, ada)
    if who_dials == "the others":
        for server in servers[:2]:
            network.unlisten(server.address)
    late = network.start("n002", links="base", secret="long forgotten")
    network.run(60.0)
    assert late.neighbours
    assert network.is_one()
    assert key_at(late) == key_at(servers[0])
    assert secret_at(late) == secret_at(servers[0])


def test_a_crash_between_the_order_and_the_key_loses_neither() -> None:
    network, servers, ada = network_of(2)
    ada.say(wire.OrderDraft(signer_of("ada").key, "rekey", ""))
    network.run(0.2)
    order = approved(ada.of(wire.OrderDrafted)[-1].order, signer_of("ada"))
    kept = read_network(servers[0].disk.store)
    assert kept is not None and len(kept.prepared) == 1
    servers[0].watching = lambda action: servers[0].crash() if type(action).__name__ == "AdoptNetwork" else None
    ada.say(wire.GiveOrder(sign_order(order, signer_of("ada"))))
    network.run(5.0)
    again = network.start("n000", links="base", founds=True)
    network.run(30.0)
    assert network.is_one()
    change = key_change_in(order)
    assert change is not None
    assert [key_at(server) for server in network.living] == [change.key] * 2
    assert secret_at(again) == secret_at(servers[1]) != SECRET


def test_of_two_keys_that_two_parts_of_the_network_were_given_all_take_the_later_one() -> None:
    network, servers, ada = network_of(4)
    there = network.logged_in(servers[3], "ada", "hers")
    assert isinstance(shows_key(network, there, "ada"), wire.OrderList)
    network.part(servers[:2], servers[2:])
    network.run(5.0)
    rekeys(network, ada)
    rekeys(network, there)
    assert len(fingerprints(network)) == 2
    later = key_at(servers[3])
    network.mend()
    network.run(90.0)
    assert network.is_one()
    assert {key_at(server) for server in servers} == {later}
    assert {secret_at(server) for server in servers} == {secret_at(servers[3])}


def test_a_part_of_the_network_that_knew_nothing_of_it_comes_back_as_a_whole() -> None:
    network, servers, ada = network_of(4)
    network.part(servers[:2], servers[2:])
    network.run(5.0)
    rekeys(network, ada)
    assert comes_with(network, "new there", servers[3], SECRET)
    network.mend()
    network.run(90.0)
    assert network.is_one()
    assert len(fingerprints(network)) == 1


# --- who is expelled --------------------------------------------------------------------------------------------------


def test_an_expelled_server_gets_neither_the_key_nor_the_secret() -> None:
    network, servers, ada = network_of()
    expels(network, ada, servers[2])
    rekeys(network, ada)
    network.run(30.0)
    assert key_at(servers[2]) != key_at(servers[0]) == key_at(servers[1])
    assert secret_at(servers[2]) == SECRET
    assert servers[2].neighbours == set()


@pytest.mark.parametrize("kind", ["rekey", "secret"])
def test_no_key_and_no_secret_is_made_at_a_server_that_is_expelled(kind: str) -> None:
    """It would be the first to have them: the operator may not know where they are logged in."""
    network, servers, ada = network_of()
    there = network.logged_in(servers[2], "ada", "hers")
    shows_key(network, there, "ada")
    words = [str(int((network.now.wall + WEEK) * 1_000_000))] if kind == "secret" else []
    there.say(wire.OrderDraft(signer_of("ada").key, kind, "", words))
    network.run(0.2)
    drafted = there.of(wire.OrderDrafted)[-1].order
    expels(network, ada, servers[2])
    refused = gives(network, there, "ada", kind, "", *words)
    assert isinstance(refused, wire.OrderRefused) and "this server is expelled" in refused.info
    there.say(wire.GiveOrder(sign_order(approved(drafted, signer_of("ada")), signer_of("ada"))))
    network.run(0.5)
    assert "this server is expelled" in there.of(wire.OrderRefused)[-1].info


def test_a_server_that_has_not_heard_of_the_expulsion_hands_nothing_to_the_expelled_one() -> None:
    """The order of the key names who was expelled: a neighbour may tell of it before the other order has come."""
    network, servers, ada = network_of()
    expels(network, ada, servers[2])
    rekeys(network, ada)
    now = servers[0].node.membership.network
    other, others, _ = network_of()
    assert now.order is not None and servers[2].id == others[2].id
    end = other.links_between(others[0], others[1])[0]
    before = len(keys_handed_out(others[1]))
    news = wire.NetworkNews(now.key, 0.1, now.successions, now.seed, now.ssh, now.order)
    others[1].handle(events.MessageReceived(end.far.conn, news))
    assert key_at(others[1]) == now.key, "it is the same operator of the same network"
    other.run(0.1)
    assert others[2].id in others[1].neighbours, "it has not heard of the expulsion"
    assert len(keys_handed_out(others[1])) == before


class Returning(Newcomer):
    """Comes as a server that was away."""

    def __init__(self, server: WatchedServer, key: HashSigner, signer: HashSigner | None = None) -> None:
        super().__init__(server, SECRET)
        self.own, self.signer = key, signer or key
        self.key = key.key

    def begin(self) -> None:
        assert self.server is not None and self.server.leaf is not None
        made = self._step()
        self.state = made.state
        share = made.share or b""
        proof = self.signer.sign(returning_digest(self.key, self.server.leaf.server, share))
        self.say(wire.AdmissionRequest(self.key, share, proof=proof))


def test_who_was_expelled_and_who_it_makes_up_do_not_come_back_a_thousand_times() -> None:
    network, servers, ada = network_of()
    expelled = servers[2]
    before = HashSigner(expelled.id.encode())
    honest = HashSigner(servers[1].id.encode())
    comer = Returning(servers[0], before)
    expels(network, ada, expelled)
    rekeys(network, ada)
    handed_out = len(keys_handed_out(servers[0], servers[1]))
    for number in range(TRIES):
        kinds = (
            before,
            HashSigner(f"made up {number}".encode()),
        )
        comer = Returning(servers[number % 2], kinds[number % 2])
        if number % 3 == 2:
            # In the name of an honest server, whose key it does not have.
            comer = Returning(servers[0], honest, HashSigner(b"another"))
            comer.signer = HashSigner(b"no such key")
        network.connect(comer, servers[number % 2], host=f"rogue{number}.example", encrypted=True)
        comer.begin()
        network.run(0.2)
        assert "ADMISSION_GRANTED" not in comer.commands, number
        comer.hang_up()
    assert len(keys_handed_out(servers[0], servers[1])) == handed_out


def test_the_key_from_before_does_not_come_back_whoever_says_that_it_is_older() -> None:
    network, servers, ada = network_of()
    old = servers[0].node.membership.network
    rekeys(network, ada)
    link = network.links_between(servers[0], servers[1])[0]
    now = key_at(servers[0])
    for founded_at in (old.founded_at, 0.0, 1.0):
        for successions in ((), (succeed_with(now, old.key),)):
            news = wire.NetworkNews(old.key, founded_at, successions, old.seed, old.ssh)
            servers[0].handle(events.MessageReceived(link.conn, news))
            network.run(10.0)
    assert {key_at(server) for server in servers} == {now}


def test_a_member_cannot_have_a_network_with_an_operator_take_a_key_of_its_own() -> None:
    network, servers, _ = network_of()
    before = key_at(servers[0])
    link = network.links_between(servers[0], servers[1])[0]
    made_up = HashSigner(b"q" * 32).key
    servers[0].handle(events.MessageReceived(link.conn, wire.NetworkNews(made_up, 0.0, (), b"q" * 32, b"r" * 32)))
    network.run(10.0)
    assert {key_at(server) for server in servers} == {before}


def test_a_member_does_not_fill_what_people_are_shown_of_earlier_keys() -> None:
    network, servers, ada = network_of()
    rekeys(network, ada)
    kept = servers[0].node.membership.network
    link = network.links_between(servers[0], servers[1])[0]
    for number in range(20):
        junk = tuple(succeed_with(HashSigner(bytes([number, one]) * 16).key, kept.key) for one in range(8))
        servers[0].handle(events.MessageReceived(link.conn, wire.NetworkNews(kept.key, 0.0, junk)))
    network.run(5.0)
    assert servers[0].node.membership.network.successions == kept.successions


def succeed_with(old: bytes, new: bytes) -> Succession:
    """What who has an old key signs: in this world the public half is enough."""
    signer = HashSigner(b"")
    signer.key = old
    return Succession(old, new, signer.sign(succession_digest(old, new)))


def test_two_networks_that_both_have_operators_do_not_become_one_by_somebodys_word() -> None:
    network, servers, _ = network_of(2)
    other = network.start("other", own_network=True, links="base", founds=True)
    network.run(1.0)
    network.registered(other, "eve", "hers")
    eve = network.logged_in(other, "eve", "hers")
    shows_key(network, eve, "eve")
    before = {key_at(server) for server in network.living}
    servers[1].join(other)
    network.run(10.0)
    assert {key_at(server) for server in network.living} == before
    assert any("both networks have operators" in text for text in servers[1].told("join_refused"))


# --- another secret ---------------------------------------------------------------------------------------------------


def test_one_order_gives_every_server_another_secret_and_both_hold_for_a_time() -> None:
    network, servers, ada = network_of()
    before = key_at(servers[0])
    rotates(network, ada)
    new = secret_at(servers[0])
    assert {secret_at(server) for server in servers} == {new} != {SECRET}
    assert {key_at(server) for server in servers} == {before}
    assert comes_with(network, "by the old one", servers[2], SECRET)
    assert comes_with(network, "by the new one", servers[1], new)
    assert secret_at(network.servers["by the old one"]) == new
    assert not comes_with(network, "by a guess", servers[1], "neither")
    network.skip(WEEK + 60.0)
    network.run(60.0)
    assert not comes_with(network, "too late", servers[2], SECRET)
    assert comes_with(network, "in time", servers[0], new)


def test_a_secret_that_holds_no_more_at_once_admits_nobody() -> None:
    network, servers, ada = network_of()
    rotates(network, ada, 0.0)
    assert not comes_with(network, "old", servers[2], SECRET)
    assert comes_with(network, "new", servers[2], secret_at(servers[1]))


def test_a_server_that_was_away_is_in_with_its_certificate_and_learns_the_secret_whatever_it_was_started_with() -> None:
    network, servers, ada = network_of()
    servers[2].crash()
    rotates(network, ada, 0.0)
    late = network.start("n002", links="base")
    network.run(30.0)
    assert network.is_one()
    assert secret_at(late) == secret_at(servers[0]) != SECRET
    assert late.secrets_kept == [secret_at(servers[0])]
    late.crash()
    again = network.start("n002", links="base", secret=SECRET)
    network.run(5.0)
    assert secret_at(again) == secret_at(servers[0])
    again.crash()
    odd = network.start("n002", links="base", secret="never heard of")
    network.run(5.0)
    assert secret_at(odd) == secret_at(servers[0])
    assert any("was given is not the network's" in text for text in odd.told("security"))


def test_of_two_secrets_that_two_parts_were_given_the_later_one_counts_and_both_hold() -> None:
    network, servers, ada = network_of(4)
    there = network.logged_in(servers[3], "ada", "hers")
    shows_key(network, there, "ada")
    network.part(servers[:2], servers[2:])
    network.run(5.0)
    rotates(network, ada)
    rotates(network, there)
    one, other = secret_at(servers[0]), secret_at(servers[3])
    assert one != other
    network.mend()
    network.run(60.0)
    assert network.is_one()
    assert {secret_at(server) for server in servers} == {other}
    for number, secret in enumerate((SECRET, one, other)):
        assert comes_with(network, f"by {number}", servers[number], secret), secret


def test_an_order_of_a_secret_can_be_undone() -> None:
    network, servers, ada = network_of()
    taken = gives(network, ada, "ada", "secret", "", "1")
    assert isinstance(taken, wire.OrderTaken)
    network.run(3.0)
    assert SECRET not in {secret_at(server) for server in servers}
    assert isinstance(gives(network, ada, "ada", "undo", taken.id), wire.OrderTaken)
    network.run(3.0)
    assert {secret_at(server) for server in servers} == {SECRET}
    assert comes_with(network, "as before", servers[2], SECRET)


def test_a_member_that_tells_of_secrets_nobody_ordered_changes_nothing() -> None:
    network, servers, ada = network_of()
    rotates(network, ada)
    before = secret_at(servers[0])
    link = network.links_between(servers[0], servers[1])[0]
    for number in range(50):
        made_up = tuple(KeptSecret(f"made up {number} {one}", b"b" * 32) for one in range(4))
        servers[0].handle(events.MessageReceived(link.conn, wire.NetworkNews(key_at(servers[0]), secrets=made_up)))
    network.run(5.0)
    assert {secret_at(server) for server in servers} == {before}
    assert len(servers[0].node.membership.network.secrets) == 2


def test_a_backup_has_no_secret_and_who_is_put_back_to_it_learns_the_present_one() -> None:
    network, servers, ada = network_of()
    rotates(network, ada)
    from pathlib import Path

    restored = servers[2].disk.store.restored(servers[2].disk.store.backup(Path("copies"), 1))
    kept = read_network(restored)
    assert kept is not None and kept.secrets == () and kept.prepared == ()


# --- who is let in again, and who resigns -----------------------------------------------------------------------------


def test_a_server_whose_expulsion_is_undone_comes_back_and_gets_the_new_key_and_secret() -> None:
    network, servers, ada = network_of()
    expelled = gives(network, ada, "ada", "expel", servers[2].id, "1", "keep")
    assert isinstance(expelled, wire.OrderTaken)
    rekeys(network, ada)
    assert key_at(servers[2]) != key_at(servers[0])
    assert isinstance(gives(network, ada, "ada", "undo", expelled.id), wire.OrderTaken)
    network.run(120.0)
    assert network.is_one()
    assert key_at(servers[2]) == key_at(servers[0])
    assert secret_at(servers[2]) == secret_at(servers[0])


def test_what_a_resigning_operator_has_made_of_the_networks_key_stays() -> None:
    network, servers, ada = network_of(2)
    rekeys(network, ada)
    now = key_at(servers[0])
    assert isinstance(gives(network, ada, "ada", "dismiss", "ada", "none"), wire.OrderTaken)
    network.run(2.0)
    servers[1].crash()
    again = network.start("n001", links="base")
    network.run(30.0)
    assert network.is_one() and key_at(again) == now
    assert secret_at(again) == secret_at(servers[0]) != SECRET
    refused = gives(network, ada, "ada", "rekey", "")
    assert isinstance(refused, wire.OrderRefused)


# --- servers that know only one secret, or no orders ------------------------------------------------------------------


class OfOneSecret(ScriptedBaseServer):
    """A server of 2018 that was started with one secret."""

    def __init__(self, secret: str) -> None:
        super().__init__(9000)
        self.secret = secret
        self.shown: list[str] = []

    def answer(self, message: Message) -> None:
        if isinstance(message, wire.Authenticate):
            self.shown.append(message.secret)
            if message.secret != self.secret:
                self.say(wire.AuthenticationFail("wrong secret"))
                self.hang_up()
                return
            self.announce()
        super().answer(message)


@pytest.mark.parametrize("started_with", ["the old one", "the new one", "neither"])
def test_a_server_of_2018_is_shown_each_secret_that_holds_until_it_knows_one(started_with: str) -> None:
    network, servers, ada = network_of(2)
    rotates(network, ada)
    old, new = SECRET, secret_at(servers[0])
    base = OfOneSecret({"the old one": old, "the new one": new}.get(started_with, "none"))
    network.listen(Address(BASE_HOST, 9000), base)
    servers[0].handle(events.JoinRequested(Address(BASE_HOST, 9000), base=True))
    network.run(20.0)
    assert base.shown[:2] == ([old] if started_with == "the old one" else [old, new])[: len(base.shown)]
    assert bool(servers[0].told("join_refused")) == (started_with == "neither")
    if started_with == "neither":
        assert base.shown == [old, new], "it is asked no more"


def test_a_server_of_2018_that_dials_comes_in_with_each_secret_that_holds_and_no_longer() -> None:
    network, servers, ada = network_of(2)
    rotates(network, ada, 3600.0)

    def comes(secret: str) -> bool:
        peer = network.peer(servers[1])
        peer.say(wire.Authenticate(secret))
        network.run(2.0)
        refused = "AUTHENTICATION_FAIL" in peer.commands
        peer.hang_up()
        network.run(1.0)
        return not refused

    assert comes(SECRET) and comes(secret_at(servers[1]))
    network.skip(3700.0)
    network.run(30.0)
    assert comes(secret_at(servers[1])) and not comes(SECRET)


def test_by_what_servers_that_know_no_orders_go_a_later_key_goes_before_an_earlier_one() -> None:
    """They take the key of whichever network says that it was founded earlier."""
    network, servers, ada = network_of(1)
    told = [servers[0].node.membership.told_founded]
    for _ in range(3):
        rekeys(network, ada)
        told.append(servers[0].node.membership.told_founded)
    dates = [one for one in told if one is not None]
    assert dates == sorted(dates, reverse=True) and len(set(dates)) == 4
    assert all(0.0 < one < 1.0 for one in dates)


def test_a_server_that_does_not_know_by_which_order_its_key_came_does_not_go_back_to_an_earlier_one() -> None:
    network, servers, ada = network_of(2)
    rekeys(network, ada)
    first = servers[0].node.membership.network
    rekeys(network, ada)
    now = servers[0].node.membership.network
    servers[1].crash()
    store = servers[1].disk.store
    store.set_setting("network_order", "null", backed_up=True)
    again = network.start("n001", links="base")
    network.run(5.0)
    assert again.node.membership.network.order == now.order
    end = network.links_between(servers[0], again)[0]
    news = wire.NetworkNews(first.key, 0.2, first.successions, first.seed, first.ssh, first.order)
    again.handle(events.MessageReceived(end.far.conn, news))
    network.run(5.0)
    assert key_at(again) == now.key


# --- who lies, who fills, and who heeds others ------------------------------------------------------------------------


def test_nothing_is_drawn_for_who_has_not_shown_an_operators_key_and_what_an_operator_has_drafted_stays() -> None:
    """The operator's public key is shown to everybody: to name it is no proof."""
    network, servers, ada = network_of(1)
    network.registered(servers[0], "eve", "hers")
    eve = network.logged_in(servers[0], "eve", "hers")
    ada.say(wire.OrderDraft(signer_of("ada").key, "rekey", ""))
    network.run(0.2)
    order = approved(ada.of(wire.OrderDrafted)[-1].order, signer_of("ada"))
    before = servers[0].node.membership.network
    for number in range(20):
        until = str(int((network.now.wall + WEEK) * 1_000_000))
        eve.say(wire.OrderDraft(signer_of(("eve", "ada")[number % 2]).key, "secret", "", [until]))
        eve.say(wire.OrderDraft(signer_of("ada").key, "rekey", ""))
        network.run(0.2)
    assert eve.of(wire.OrderDrafted) == []
    assert servers[0].node.membership.network == before
    ada.say(wire.GiveOrder(sign_order(order, signer_of("ada"))))
    network.run(0.5)
    assert ada.of(wire.OrderTaken)


def test_secrets_that_an_operator_has_drafted_and_never_ordered_are_few() -> None:
    network, servers, ada = network_of(1)
    rotates(network, ada)
    ordered = secret_at(servers[0])
    for _ in range(20):
        ada.say(wire.OrderDraft(signer_of("ada").key, "secret", "", ["1"]))
        network.run(0.2)
    kept = servers[0].node.membership.network.secrets
    assert len(kept) == 2 + PREPARED_MAX
    assert [one.secret for one in kept[:2]] == [SECRET, ordered]
    ada.say(wire.GiveOrder(sign_order(ada.of(wire.OrderDrafted)[-1].order, signer_of("ada"))))
    network.run(0.5)
    assert secret_at(servers[0]) == kept[-1].secret


def test_a_secret_is_ordered_where_it_was_drafted_and_nowhere_else() -> None:
    """Otherwise the network's secret would be one that nobody has, if that server is lost."""
    network, servers, ada = network_of(2)
    ada.say(wire.OrderDraft(signer_of("ada").key, "secret", "", ["1"]))
    network.run(0.2)
    there = network.logged_in(servers[1], "ada", "hers")
    there.say(wire.GiveOrder(sign_order(ada.of(wire.OrderDrafted)[-1].order, signer_of("ada"))))
    network.run(0.5)
    assert "was not made here" in there.of(wire.OrderRefused)[-1].info


def test_a_secret_that_holds_no_more_comes_back_by_no_number_of_later_ones() -> None:
    """A change of the key has ended it; each later secret leaves the one before it good for a week."""
    network, servers, ada = network_of(2)
    rekeys(network, ada)
    servers[1].crash()
    for _ in range(ORDERED_MAX + 1):
        rotates(network, ada)
    late = network.start("n001", links="base")
    network.run(20.0)
    assert network.is_one()
    assert not comes_with(network, "old", late, SECRET)
    assert not comes_with(network, "old there", servers[0], SECRET)
    assert comes_with(network, "new", late, secret_at(servers[0]))


def test_servers_that_heed_other_operators_tell_each_other_of_their_keys_once_and_not_for_ever() -> None:
    """The settings of one of them name another operator, so that the other one cannot follow."""
    network = ScriptedNetwork()
    named = frozenset({operator_fingerprint(signer_of("bob").key)})
    here = network.start("here", links="base", founds=True, redirects=False, operators=named)
    there = joined(network, "there", here, redirects=False)
    for name in ("ada", "bob"):
        network.registered(here, name, "secret")
    network.run(0.5)
    shows_key(network, network.logged_in(here, "ada", "secret"), "ada")
    bob = network.logged_in(here, "bob", "secret")
    assert isinstance(shows_key(network, bob, "bob"), wire.OrderList)
    said = len(here.said(wire.NetworkNews)) + len(there.said(wire.NetworkNews))
    assert isinstance(gives(network, bob, "bob", "rekey", ""), wire.OrderTaken)
    network.run(20.0)
    assert key_at(here) != key_at(there)
    assert len(here.said(wire.NetworkNews)) + len(there.said(wire.NetworkNews)) - said <= 4


def test_a_server_that_was_away_takes_from_a_member_no_key_but_the_one_that_an_operator_has_signed_for() -> None:
    """The member shows what every server of the network shows, knows the secret, and then hands over another key."""
    network, servers, ada = network_of()
    servers[2].crash()
    rekeys(network, ada)
    shown = servers[0].leaf
    assert shown is not None
    seed = b"m" * 32
    made_up = HashSigner(seed).key

    def lies(peer: Listener, message: Message) -> None:
        if isinstance(message, wire.AdmissionRequest) and peer.leaf is not None:
            ids = dialling_identity(message.key), answering_identity(peer.leaf.server)
            made = agreeing.agree(AgreeOnKey(1, 1, SECRET, *ids, answers=True, share=message.share), b"liar")
            assert made.share is not None and made.key is not None
            proof = proof_of_answering(made.key, AnswerersWord(made_up, 0.0))
            peer.say(wire.AdmissionShare(made.share, proof, made_up, 0.0))
        elif isinstance(message, wire.AdmissionProof):
            peer.say(wire.AdmissionGranted(0.0, (), seed, b"n" * 32))

    liars = [Listener(ShownLeaf(shown.network, HashSigner(b"liar").key, shown.successions), lies) for _ in range(2)]
    for server, liar in zip(servers[:2], liars, strict=True):
        server.crash()
        network.listen(server.address, liar)
    late = network.start("n002", links="base")
    before = key_at(late)
    network.run(60.0)
    assert any("ADMISSION_PROOF" in liar.commands for liar in liars)
    assert key_at(late) == before


def test_a_secret_that_was_drafted_and_never_ordered_keeps_no_server_from_being_started_with_another_one() -> None:
    network, servers, ada = network_of(1)
    ada.say(wire.OrderDraft(signer_of("ada").key, "secret", "", ["1"]))
    network.run(0.2)
    assert ada.of(wire.OrderDrafted)
    servers[0].crash()
    again = network.start("n000", links="base", founds=True, secret="another one")
    network.run(2.0)
    assert not any("was given is not the network's" in text for text in again.told("security"))
    assert comes_with(network, "new", again, "another one")
    assert not comes_with(network, "old", again, SECRET)
