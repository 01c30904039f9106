"""How servers become of one network, and what becomes of those who only say that they are of it.

Here certificates are what somebody says that they have: that they have them is OpenSSL's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from core.certificates.leaf import ShownLeaf
from core.node.interface import events
from core.node.interface.actions import AgreeOnKey
from core.simulation.environment import agreeing
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.testing import SECRET, End, ScriptedNetwork, ScriptedPeer, WatchedServer
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.invitations import Invited, code_id, code_of
from core.wire.key_agreement_proofs import DiallersWord, answering_identity, dialling_identity, proof_of_dialling
from core.wire.messages import Message, command_of
from core.wire.server_keys import certified_id
from tests.node.operators import founded, gives

STRANGER = ShownLeaf(HashSigner(b"another network").key, HashSigner(b"a stranger").key)
ROGUE = Address("rogue.example", 4444)
TRIES = 1000


def secrets_said(*servers: WatchedServer) -> list[str]:
    """Secrets that servers have shown anybody."""
    return [message.secret for server in servers for message in server.said(wire.Authenticate) if message.secret]


def keys_handed_out(*servers: WatchedServer) -> list[Message]:
    """What servers have said that has a network's private key in it."""
    kinds = wire.AdmissionProof | wire.AdmissionGranted | wire.NetworkNews
    return [message for server in servers for _, message in server.sent if isinstance(message, kinds) and message.seed]


def fingerprints(network: ScriptedNetwork) -> set[str]:
    return {server.node.membership.fingerprint for server in network.living}


def joined(network: ScriptedNetwork, name: str, there: WatchedServer, **settings: Any) -> WatchedServer:
    """A server that has no network's key yet is told to join another one."""
    server = network.start(name, there, own_network=True, links="base", **settings)
    network.run(3.0)
    return server


def is_idle(server: WatchedServer) -> bool:
    """Whether it dials nobody."""
    return not server.node.queues()["dials"]


def pair(network: ScriptedNetwork) -> tuple[WatchedServer, WatchedServer]:
    first = network.start("first", own_network=True, links="base")
    return first, joined(network, "second", first)


# --- who knows the secret ---------------------------------------------------------------------------------------------


def test_a_server_that_knows_the_secret_is_admitted_and_nobody_has_shown_it() -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    assert second.neighbours == {first.id}
    assert fingerprints(network) == {first.node.membership.fingerprint}
    assert secrets_said(first, second) == []
    assert all(end.encrypted for end in network.links_between(first, second))
    assert any("has been admitted" in text for text in first.told("security"))
    assert any("this server is of the network" in text for text in second.told("security"))


def test_a_server_that_was_admitted_needs_no_secret_after_a_restart() -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    second.crash()
    second = network.start("second", links="base", secret="forgotten")
    network.run(3.0)
    assert second.neighbours == {first.id}
    assert second.said(wire.AdmissionRequest) == []


def test_a_server_that_does_not_know_the_secret_gives_up_and_neither_has_told_anything() -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    second = joined(network, "second", first, secret="a guess")
    network.run(60.0)
    assert second.neighbours == set()
    assert [command_of(message) for _, message in second.sent] == ["ADMISSION_REQUEST", "AUTHENTICATION_FAIL"]
    assert keys_handed_out(first, second) == []
    assert any("does not know the network's secret" in text for text in first.told("refused"))
    assert len(fingerprints(network)) == 2


@pytest.mark.parametrize("earlier_dials", [True, False])
def test_of_two_networks_the_one_that_was_founded_earlier_stays_and_all_follow(earlier_dials: bool) -> None:
    network = ScriptedNetwork()
    earlier = [network.start("e0", own_network=True, links="base")]
    network.run(1.0)
    later = [network.start("l0", own_network=True, links="base")]
    for number in (1, 2):
        earlier.append(joined(network, f"e{number}", earlier[-1]))
        later.append(joined(network, f"l{number}", later[-1]))
    kept, gone = earlier[0].node.membership.network, later[0].node.membership.network
    assert len(fingerprints(network)) == 2
    (earlier[2] if earlier_dials else later[2]).join(later[2] if earlier_dials else earlier[2])
    network.run(20.0)
    assert network.is_one()
    for server in network.living:
        membership = server.node.membership.network
        assert membership.key == kept.key
        assert [(one.old, one.new) for one in membership.successions] == [(gone.key, kept.key)]
    assert secrets_said(*network.living) == []


def test_servers_that_stop_and_start_as_the_next_version_become_one_by_themselves() -> None:
    """Each makes a network of its own, and knows the others by their keys from before."""
    network = ScriptedNetwork()
    names = ("a", "b", "c")
    for name in names:
        first = network.servers.get("a")
        network.start(name, first, encrypts=False, own_network=True, secret=SECRET)
        network.run(1.0)
    network.run(10.0)
    for server in list(network.living):
        server.crash()
    for name in names:
        network.start(name, own_network=True, links="base")
    network.run(30.0)
    assert network.is_one()
    assert len(fingerprints(network)) == 1
    assert secrets_said(*network.living) == []


def test_a_network_is_upgraded_server_by_server_and_then_no_secret_travels_any_more() -> None:
    network = ScriptedNetwork()
    names = ("a", "b", "c")
    for name in names:
        network.start(name, network.servers.get("a"), encrypts=False, own_network=True)
        network.run(1.0)
    network.run(10.0)
    for name in names:
        network.servers[name].crash()
        network.run(2.0)
        network.start(name, own_network=True, links="mixed")
        network.run(15.0)
        assert network.is_one(), name
    assert len(fingerprints(network)) == 1
    for name in names:
        network.servers[name].crash()
        network.run(1.0)
        network.start(name, links="base")
        network.run(15.0)
    assert network.is_one()
    assert all(end.encrypted for server in network.living for end in server.ends.values())
    assert secrets_said(*network.living) == []


# --- who was invited --------------------------------------------------------------------------------------------------


CODE = code_of(bytes(range(16)))


def invites(server: WatchedServer, uses: int = 1) -> Invited:
    server.invitations[CODE] = uses
    return Invited(server.node.membership.fingerprint, CODE)


def comes_by(network: ScriptedNetwork, name: str, address: Address, invited: Invited) -> WatchedServer:
    """A server that knows no secret of the network comes by an invitation."""
    server = network.start(name, own_network=True, links="base", secret=f"the secret that {name} has made")
    server.handle(events.JoinRequested(address, invited=invited))
    network.run(3.0)
    return server


def test_who_was_invited_is_of_the_network_and_knows_its_secret_and_no_other_comes_by_that_invitation() -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    invited = invites(first)
    second = comes_by(network, "second", first.address, invited)
    assert second.neighbours == {first.id}
    assert second.secrets_kept == [SECRET]
    assert second.said(wire.AdmissionRequest)[0].invitation == code_id(CODE)
    third = comes_by(network, "third", first.address, invited)
    assert third.neighbours == set()
    assert third.secrets_kept == []
    assert [text for text in third.told("join_refused") if "the invitation has been used or has expired" in text]
    assert [text for text in first.told("refused") if "its invitation is not good here" in text]
    joined(network, "fourth", second)
    assert network.servers["fourth"].neighbours >= {second.id}


def test_of_two_who_come_at_once_by_an_invitation_that_is_good_once_one_is_let_in() -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    invited = invites(first)
    both = [network.start(name, own_network=True, links="base", secret="none") for name in ("one", "other")]
    for server in both:
        server.handle(events.JoinRequested(first.address, invited=invited))
    network.run(5.0)
    assert sorted(len(server.neighbours) for server in both) == [0, 1]
    assert len(keys_handed_out(first)) == 1


def test_who_was_invited_comes_to_the_younger_network() -> None:
    network = ScriptedNetwork()
    older = network.start("older", own_network=True, links="base", secret="none")
    network.run(5.0)
    first = network.start("first", own_network=True, links="base")
    invited = invites(first)
    before = first.node.membership.fingerprint
    older.handle(events.JoinRequested(first.address, invited=invited))
    network.run(5.0)
    assert network.is_one()
    assert fingerprints(network) == {before}


def test_an_invitation_is_shown_to_nobody_who_is_not_of_the_network_that_it_names() -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    rogue = Listener(STRANGER, guess)
    network.listen(ROGUE, rogue)
    second = comes_by(network, "second", ROGUE, invites(first))
    network.run(60.0)
    assert rogue.log == []
    assert [text for text in second.told("join_refused") if "and the invitation is to" in text]


# --- who does not -----------------------------------------------------------------------------------------------------


class Listener(ScriptedPeer):
    """Listens where a server of ours was, or was named, and answers as a test has it."""

    def __init__(self, leaf: ShownLeaf | None, respond: Callable[[Listener, Message], None] | None = None) -> None:
        super().__init__()
        self.leaf = leaf
        self.respond = respond
        self.visits = 0

    def connected(self, end: End, server: WatchedServer | None):
        self.visits += 1
        return super().connected(end, server)

    def answer(self, message: Message) -> None:
        if self.respond is not None:
            self.respond(self, message)


def guess(peer: Listener, message: Message, secret: str = "a guess") -> None:
    """Answer who asks for admission, with a key agreed on by a guess."""
    if isinstance(message, wire.AdmissionRequest) and peer.leaf is not None:
        ids = dialling_identity(message.key), answering_identity(peer.leaf.server)
        made = agreeing.agree(AgreeOnKey(1, 1, secret, *ids, answers=True, share=message.share), b"rogue")
        assert made.share is not None
        peer.say(wire.AdmissionShare(made.share, b"p" * 32, peer.leaf.network, 1.0))


@pytest.mark.parametrize("leaf", [None, STRANGER], ids=["in clear", "encrypted"])
@pytest.mark.parametrize("links", ["base", "mixed", "encrypted"])
def test_who_listens_at_the_port_of_a_killed_neighbour_hears_nothing(leaf: ShownLeaf | None, links: str) -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links=links)
    second = network.start("second", first, own_network=True, links=links)
    network.run(3.0)
    address = second.address
    second.crash()
    rogue = Listener(leaf, guess)
    network.listen(address, rogue)
    network.run(120.0)
    assert [time for time, dialled in first.dials if dialled == address]
    assert rogue.log == []
    assert secrets_said(first) == []


@pytest.mark.parametrize("leaf", [None, STRANGER], ids=["in clear", "encrypted"])
def test_who_listens_where_a_leaver_sends_its_neighbours_hears_nothing(leaf: ShownLeaf | None) -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    rogue = Listener(leaf, guess)
    network.listen(ROGUE, rogue)
    (link,) = network.links_between(second, first)
    first.handle(events.MessageReceived(link.far.conn, wire.Quit(ROGUE.host, ROGUE.port)))
    network.run(30.0)
    assert [address for _, address in first.dials if address == ROGUE]
    assert rogue.log == []


@pytest.mark.parametrize("leaf", [None, STRANGER], ids=["in clear", "encrypted"])
def test_who_listens_where_a_made_up_server_is_announced_hears_nothing(leaf: ShownLeaf | None) -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    rogue = Listener(leaf, guess)
    network.listen(ROGUE, rogue)
    (link,) = network.links_between(second, first)
    for server, links in (("made up", []), (second.id, [wire.LinkEnd("made up", 1)])):
        record = wire.ServerAnnounce(server, 0, *ROGUE, incarnation=9, version=9, links=links)
        first.handle(events.MessageReceived(link.far.conn, record))
    network.run(60.0)
    assert rogue.log == []


def test_who_is_asked_and_does_not_know_the_secret_learns_nothing_and_is_not_asked_again() -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    rogue = Listener(STRANGER, guess)
    network.listen(ROGUE, rogue)
    first.handle(events.JoinRequested(ROGUE))
    network.run(120.0)
    assert rogue.commands == ["ADMISSION_REQUEST", "AUTHENTICATION_FAIL"]
    assert first.told("join_refused")
    assert any("does not know this network's secret" in text for text in first.told("refused"))
    assert keys_handed_out(first) == []


def test_a_server_that_may_be_of_2018_is_shown_the_secret_only_where_it_was_named_as_one() -> None:
    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    base = network.listening_base_server()
    where = Address("base.example", base.port)
    first.handle(events.JoinRequested(where))
    network.run(60.0)
    assert base.log == []
    assert [text for text in first.told("join_refused") if "--base" in text and "--links mixed" in text]
    first.handle(events.JoinRequested(where, base=True))
    network.run(1.0)
    assert base.commands[0] == "AUTHENTICATE"
    assert secrets_said(first) == [SECRET]
    assert [text for text in first.told("security") if "in clear" in text]
    assert first.node.snapshot(first.now).secret_shown == (str(where),)


def test_a_base_server_that_has_shown_itself_is_dialled_again_in_clear_unless_that_is_switched_off() -> None:
    for links, expected in (("base", True), ("encrypted", False)):
        network = ScriptedNetwork()
        first = network.start("first", links="base")
        first.handle(events.JoinRequested(Address("base.example", 9000), base=True))
        base = network.listening_base_server()
        network.run(3.0)
        base.announce()
        network.run(1.0)
        first.crash()
        base.log.clear()
        network.start("first", links=links)
        network.run(60.0)
        assert bool(base.log) is expected


def test_a_base_server_that_dials_is_let_in_unless_that_is_switched_off() -> None:
    network = ScriptedNetwork()
    assert network.base_server(network.start("first", links="base")).closed is None
    closed = network.start("closed", links="encrypted")
    base = ScriptedPeer()
    network.connect(base, closed)
    base.say(wire.Authenticate(SECRET))
    network.run(1.0)
    assert base.commands == ["AUTHENTICATION_FAIL"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_server_that_shows_a_secret_and_no_certificate_is_let_in_only_with_mixed_links(encrypted: bool) -> None:
    shown = wire.Authenticate(SECRET, id="elsewhere", incarnation=1, features=["sync"], stamp=1)
    answers = {}
    for links in ("encrypted", "base", "mixed"):
        network = ScriptedNetwork()
        server = network.start("first", links=links)
        peer = ScriptedPeer()
        network.connect(peer, server, encrypted=encrypted)
        peer.say(shown)
        network.run(0.5)
        answers[links] = peer.commands[0]
        assert server.node.attempts.hosts == 0
    assert answers == {"encrypted": "SERVER_REFUSED", "base": "SERVER_REFUSED", "mixed": "SERVER_HELLO"}


def test_who_shows_a_certificate_and_comes_as_another_server_is_refused() -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    liar = ScriptedPeer()
    liar.leaf = ShownLeaf(first.node.membership.network.key, HashSigner(b"liar").key)
    network.connect(liar, first, encrypted=True)
    key = second.node.known_keys.own
    liar.say(wire.Authenticate("", id=second.id, incarnation=2**40, features=["sync"], key=key, nonce=b"n" * 16))
    network.run(1.0)
    assert liar.commands == ["SERVER_REFUSED"]
    assert second.neighbours == {first.id}


def test_a_networks_key_is_not_taken_over_a_link_in_clear_nor_ever_handed_there() -> None:
    network = ScriptedNetwork()
    first = network.start("first")
    peer = ScriptedPeer()
    network.connect(peer, first)
    peer.say(wire.Authenticate(SECRET, id="elsewhere", incarnation=1, features=["sync"], stamp=1))
    network.run(0.5)
    before = first.node.membership.fingerprint
    seed = b"s" * 32
    peer.say(wire.NetworkNews(HashSigner(seed).key, 1.0, (), seed))
    network.run(0.5)
    assert peer.commands[-1] == "INVALID_MESSAGE"
    assert first.node.membership.fingerprint == before
    assert keys_handed_out(first) == []


@pytest.mark.parametrize("seed", [b"x" * 32, None])
def test_a_member_that_hands_over_what_is_not_the_key_of_its_network_changes_nothing(seed: bytes | None) -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    before = fingerprints(network)
    (link,) = network.links_between(second, first)
    first.handle(events.MessageReceived(link.far.conn, wire.NetworkNews(b"k" * 32, 1.0, (), seed)))
    network.run(5.0)
    assert fingerprints(network) == before


def test_a_member_that_makes_up_one_network_after_the_other_has_a_server_change_only_now_and_then() -> None:
    network = ScriptedNetwork()
    first, liar = pair(network)
    (link,) = network.links_between(liar, first)
    seeds = [bytes([one]) * 32 for one in range(100)]
    for one, seed in enumerate(seeds):
        made_up = wire.NetworkNews(HashSigner(seed).key, 1000.0 - one, (), seed)
        first.handle(events.MessageReceived(link.far.conn, made_up))
    network.run(30.0)
    # Four at once, as servers may have to that all start at a time, and then all that were told of meanwhile in one.
    assert len([text for text in first.told("security") if "are one" in text]) == 5
    assert first.node.membership.network.key == HashSigner(seeds[-1]).key


def test_who_becomes_of_another_network_while_it_is_asked_is_asked_again_at_once_and_not_for_ever() -> None:
    def answer(peer: Listener, message: Message) -> None:
        if isinstance(message, wire.AdmissionRequest):
            peer.say(wire.ServerRefused("busy", "this server has just become one of another network; ask again"))

    network = ScriptedNetwork()
    first = network.start("first", own_network=True, links="base")
    changing = Listener(STRANGER, answer)
    network.listen(ROGUE, changing)
    first.handle(events.JoinRequested(ROGUE))
    network.run(0.24)
    assert len(changing.of(wire.AdmissionRequest)) == 4
    network.run(60.0)
    assert 4 < len(changing.of(wire.AdmissionRequest)) < 60


def test_who_shows_the_certificate_that_was_the_networks_when_it_dialled_is_let_in_by_the_next_one() -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    third = network.start("third", own_network=True, links="base")
    network.delay = 0.1
    third.join(second)
    # It has been admitted, and dials as a member, when the network's key changes.
    assert network.until(lambda: third.said(wire.Authenticate) != [])
    (link,) = network.links_between(first, second)
    seed = bytes([1]) * 32
    second.handle(events.MessageReceived(link.far.conn, wire.NetworkNews(HashSigner(seed).key, 1000.0, (), seed)))
    network.run(10.0)
    assert network.is_one()
    assert len(fingerprints(network)) == 1
    assert third.told("refused") == second.told("refused") == []


def test_a_server_that_was_expelled_is_not_admitted_again_although_it_knows_the_secret() -> None:
    network, (server,), ada = founded(1)
    newcomer = Newcomer(server, SECRET)
    network.connect(newcomer, server, encrypted=True)
    newcomer.begin()
    network.run(1.0)
    assert newcomer.commands[-1] == "ADMISSION_GRANTED"
    gives(network, ada, "ada", "expel", certified_id(newcomer.key), "1", "keep")
    network.run(1.0)
    network.connect(newcomer, server, encrypted=True)
    newcomer.begin()
    network.run(1.0)
    assert newcomer.commands[-1] == "SERVER_REFUSED"


# --- a thousand tries -------------------------------------------------------------------------------------------------


class Newcomer(ScriptedPeer):
    """Asks a server for admission, by a secret of its own."""

    def __init__(self, server: WatchedServer, secret: str) -> None:
        super().__init__(server)
        self.secret = secret
        self.key = HashSigner(b"newcomer").key
        self.state: bytes | None = None

    def begin(self) -> None:
        made = self._step()
        self.state = made.state
        self.say(wire.AdmissionRequest(self.key, made.share or b""))

    def _step(self, share: bytes | None = None) -> events.KeyAgreed:
        assert self.server is not None and self.server.leaf is not None
        ids = dialling_identity(self.key), answering_identity(self.server.leaf.server)
        return agreeing.agree(AgreeOnKey(1, 1, self.secret, *ids, share=share, state=self.state), b"newcomer")

    def answer(self, message: Message) -> None:
        if isinstance(message, wire.AdmissionShare):
            key = self._step(message.share).key
            assert key is not None
            own = HashSigner(b"own").key
            self.say(wire.AdmissionProof(proof_of_dialling(key, DiallersWord(own, None, None)), own))


def test_of_a_thousand_who_guess_nobody_is_told_anything_and_most_are_not_even_looked_at() -> None:
    network = ScriptedNetwork()
    server = network.start("first", links="base")
    guessers = []
    for number in range(TRIES):
        guesser = Newcomer(server, f"guess {number}")
        network.connect(guesser, server, host="guesser.example", encrypted=True)
        guesser.begin()
        guessers.append(guesser)
        network.run(0.05)
    network.run(60.0)
    heard = {command for guesser in guessers for command in guesser.commands}
    assert heard <= {"ADMISSION_SHARE", "AUTHENTICATION_FAIL", "INVALID_MESSAGE"}
    assert keys_handed_out(server) == []
    looked_at = sum(bool(guesser.of(wire.AdmissionShare)) for guesser in guessers)
    assert looked_at < TRIES / 10


def test_what_was_said_at_a_true_admission_is_worth_nothing_a_thousand_times() -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    said = [message for _, message in second.sent if isinstance(message, wire.AdmissionRequest | wire.AdmissionProof)]
    assert len(said) == 2
    handed_out = len(keys_handed_out(first))
    for number in range(TRIES):
        thief = ScriptedPeer()
        network.connect(thief, first, host=f"thief{number}.example", encrypted=True)
        thief.say(said[0])
        network.run(0.1)
        thief.say(said[1])
        network.run(0.1)
        assert "ADMISSION_GRANTED" not in thief.commands
        thief.hang_up()
    assert len(keys_handed_out(first)) == handed_out


class Middle(Listener):
    """Passes on what two servers say to each other; each sees this one's certificate, or none."""

    def __init__(self, network: ScriptedNetwork, to: WatchedServer) -> None:
        super().__init__(STRANGER)
        self.network = network
        self.to = to
        self.ahead: Ahead | None = None

    def connected(self, end: End, server: WatchedServer | None):
        self.ahead = None
        return super().connected(end, server)

    def answer(self, message: Message) -> None:
        if self.ahead is None:
            self.ahead = Ahead(self)
            # From everywhere: whoever guesses from one address is slowed.
            self.network.connect(self.ahead, self.to, host=f"middle{self.visits}.example", encrypted=True)
        self.ahead.say(message)


class Ahead(ScriptedPeer):
    def __init__(self, middle: Middle) -> None:
        super().__init__(middle.to)
        self.middle = middle

    def answer(self, message: Message) -> None:
        if self.middle.closed is None:
            self.middle.say(message)


def test_who_stands_in_the_middle_and_passes_everything_on_gets_nothing_a_thousand_times() -> None:
    network = ScriptedNetwork()
    first = network.start("first", links="base")
    middle = Middle(network, first)
    network.listen(ROGUE, middle)
    for number in range(TRIES // 100):
        victim = network.start(f"victim{number}", own_network=True, links="base")
        for _ in range(100):
            victim.handle(events.JoinRequested(ROGUE))
            assert network.until(partial(is_idle, victim))
        assert victim.neighbours == set()
        assert keys_handed_out(victim) == []
        assert secrets_said(victim) == []
        victim.crash()
    assert keys_handed_out(first) == []
    assert middle.visits == TRIES


def test_a_thousand_dials_to_who_listens_at_a_neighbours_address_tell_nothing() -> None:
    network = ScriptedNetwork()
    first, second = pair(network)
    address = second.address
    second.crash()
    rogues = [Listener(None, guess), Listener(STRANGER, guess)]
    for number in range(TRIES):
        network.listen(address, rogues[number % 2])
        first.node.healing.dialling.dial_server(second.id, [address], "heal")
        first.handle(events.Woke())
        network.run(0.3)
    assert len([where for _, where in first.dials if where == address]) >= TRIES
    assert [rogue.log for rogue in rogues] == [[], []]
    assert secrets_said(first) == []
