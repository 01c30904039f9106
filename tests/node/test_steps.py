"""What one event costs does not grow with all that there is: steps are counted, not time.

Each row is a kind of event at a server that has so many clients, servers or accounts. Its steps (bytecodes of `core`)
are counted at three sizes. What is linear in all of them would double from one to the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import msgspec
import pytest

from core.node.interface import actions, events
from core.simulation.testing import SECRET, ScriptedClient, ScriptedNetwork, ScriptedPeer, WatchedServer
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.entries import AccountFact

SIZES = (100, 200, 400)
GROWTH_MAX = 1.25
"""From the smallest to the largest: a logarithm, and the odd longer name."""

_ANSWERS = (actions.HashSecret, actions.VerifySecret)


def counted(act: Callable[[], object]) -> int:
    """How many steps of the node's code something takes."""
    steps = 0

    def trace(frame: FrameType, what: str, argument: object) -> Any:
        nonlocal steps
        # What the simulated network takes is not the node's.
        if "/core/" not in frame.f_code.co_filename or "/core/simulation/" in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if what == "opcode":
            steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return steps


@dataclass
class Scene:
    """A server among so many."""

    network: ScriptedNetwork
    server: WatchedServer
    n: int

    def handle(self, *handed_in: events.Event) -> int:
        """Hand in events, in the order given; their steps."""
        node = self.server.node
        done: list[actions.Action] = []

        def act() -> None:
            for event in handed_in:
                done.extend(node.handle(event, self.network.now))

        steps = counted(act)
        self.server.perform(done)
        return steps

    def say(self, peer: ScriptedPeer, message: wire.Message) -> int:
        """Hand in what somebody says."""
        return self.handle(events.MessageReceived(peer.conn, message))

    def later(self, seconds: float) -> int:
        """The steps of all that happens within some time."""
        return counted(lambda: self.network.run(seconds))


def facts(count: int) -> Iterator[AccountFact]:
    for number in range(count):
        yield AccountFact(f"user{number:05}", "$argon2id$s", 1 + number, f"claim{number}")


def logged_in(scene: Scene, name: str, *, native: bool, secret: str | None = "s") -> ScriptedClient:
    client = scene.network.client(scene.server, features=["ack", "ping", "quit", "resume"] if native else ())
    client.login(name, secret if name != "anonymous" else None)
    return client


def among_clients(n: int, *, native: bool = False, anonymous: bool = False) -> tuple[Scene, list[ScriptedClient]]:
    network = ScriptedNetwork(checked=False)
    server = network.start("one", redirects=False)
    for fact in facts(n + 10):
        server.node.book.apply(fact)
    scene = Scene(network, server, n)
    clients = [logged_in(scene, "anonymous" if anonymous else f"user{number:05}", native=native) for number in range(n)]
    network.run(2.0)
    assert server.load == n
    return scene, clients


def among_servers(n: int) -> tuple[Scene, ScriptedPeer]:
    """A server with a neighbour behind which there are so many others."""
    network = ScriptedNetwork(checked=False)
    server = network.start("one")
    scene = Scene(network, server, n)
    peer = network.peer(server, host="neighbour")
    peer.say(
        wire.Authenticate(SECRET, id="p", incarnation=1, hostname="h", port=1, features=["sync"], stamp=1, name="p")
    )
    network.run(0.1)
    links = [wire.LinkEnd(server.id, 1), *(wire.LinkEnd(f"s{number:04}", 1) for number in range(n))]
    peer.say(record("p", links=links))
    for number in range(n):
        peer.say(record(f"s{number:04}", links=[wire.LinkEnd("p", 1)], users=[f"there{number}"]))
    network.run(3.0)
    assert len(server.reachable) == n + 2
    for fact in facts(10):
        server.node.book.apply(fact)
    return scene, peer


def record(server: str, version: int = 1, load: int = 1, **more: Any) -> wire.ServerAnnounce:
    return wire.ServerAnnounce(server, load, "h", 1, incarnation=1, version=version, name=server, **more)


def closed(client: ScriptedPeer, unsent: int = 0) -> events.ConnectionClosed:
    return events.ConnectionClosed(client.conn, "reset", unsent)


def opened(scene: Scene) -> events.ConnectionOpened:
    return events.ConnectionOpened(1_000_000, "inbound", Address("h", 1))


Row = Callable[[int], int]


def connect(n: int) -> int:
    scene, _ = among_clients(n)
    return scene.handle(opened(scene))


def nobody_says_anything(n: int) -> int:
    scene, _ = among_clients(n)
    scene.network.run(12.0)
    scene.handle(opened(scene))
    scene.network.skip(11.0)
    return scene.handle(events.Woke())


def a_login(name: str) -> Row:
    def row(n: int) -> int:
        scene, _ = among_clients(n)
        scene.handle(opened(scene))
        steps = scene.handle(events.MessageReceived(1_000_000, wire.Login(name, "s")))
        return steps + (scene.later(0.1) if name != "anonymous" else 0)

    return row


def a_wrong_secret(n: int) -> int:
    scene, _ = among_clients(n)
    scene.handle(opened(scene))
    return scene.handle(events.MessageReceived(1_000_000, wire.Login("user00001", "no"))) + scene.later(0.1)


def logout(n: int) -> int:
    scene, clients = among_clients(n)
    return scene.say(clients[n // 2], wire.Logout()) + scene.handle(closed(clients[n // 2]))


def disconnect(native: bool, anonymous: bool) -> Row:
    def row(n: int) -> int:
        scene, clients = among_clients(n, native=native, anonymous=anonymous)
        return scene.handle(closed(clients[n // 2]))

    return row


def nonsense(n: int) -> int:
    scene, clients = among_clients(n)
    return scene.handle(events.MalformedReceived(clients[0].conn, "nonsense"))


def post(n: int) -> int:
    scene, clients = among_clients(n)
    activity = wire.ActivityMessage("user00000", {}, "s")
    return scene.say(clients[0], activity)


def post_and_hand_out(n: int) -> int:
    scene, clients = among_clients(n)
    scene.say(clients[0], wire.ActivityMessage("user00000", {}, "s"))
    return scene.handle(events.Committed(scene.server.asked_last[actions.Persist]))


def register(n: int) -> int:
    scene, _ = among_clients(n)
    scene.handle(opened(scene))
    steps = scene.handle(events.MessageReceived(1_000_000, wire.Register("newcomer", "s")))
    token = scene.server.asked_last[actions.HashSecret]
    steps += scene.handle(events.SecretHashed(token, "$argon2id$s"))
    return steps + scene.handle(events.Committed(scene.server.asked_last[actions.Persist]))


def neighbour(scene: Scene) -> ScriptedPeer:
    """A native server beside the one that is measured."""
    peer = scene.network.peer(scene.server, host="neighbour")
    peer.say(wire.Authenticate(SECRET, id="p", incarnation=1, hostname="h", port=1, features=["sync"], stamp=1))
    peer.say(record("p", links=[wire.LinkEnd(scene.server.id, 1)]))
    scene.network.run(1.0)
    return peer


def a_loads_announcement(n: int) -> int:
    scene, clients = among_clients(n)
    neighbour(scene)
    scene.handle(closed(clients[0]))
    scene.network.skip(1.0)
    return scene.handle(events.Woke())


def a_rename(n: int) -> int:
    scene, _ = among_clients(n)
    peer = neighbour(scene)
    return scene.say(peer, wire.Account("earlier.1.1", 1, "user00003", "$argon2id$s", 0, "earlier.1.1"))


def a_picture(n: int) -> int:
    """With more clients and accounts than it shows."""
    scene, _ = among_clients(100)
    for fact in facts(1000 + 20 * n):
        scene.server.node.book.apply(fact)
    return counted(lambda: scene.server.node.snapshot(scene.server.now))


def a_kick(n: int) -> int:
    scene, clients = among_clients(n)
    return scene.handle(events.DisconnectRequested(clients[0].conn, "go"))


def a_base_server(n: int) -> int:
    scene, _ = among_clients(n)
    peer = scene.network.peer(scene.server, host="neighbour")
    steps = scene.say(peer, wire.Authenticate(SECRET))
    return steps + scene.say(peer, wire.ServerAnnounce("base", 1, "h", 9))


def a_base_servers_registration(n: int) -> int:
    scene, _ = among_clients(n)
    base = scene.network.base_server(scene.server)
    scene.network.run(1.0)
    return scene.say(base, wire.LockRequest("newcomer", "s"))


def a_servers_secret(n: int) -> int:
    scene, _ = among_clients(n)
    peer = scene.network.peer(scene.server, host="neighbour")
    return scene.say(peer, wire.Authenticate("wrong"))


def a_login_among_servers(n: int) -> int:
    scene, _ = among_servers(n)
    for _ in range(5):
        logged_in(scene, "anonymous", native=False)
    scene.network.run(1.0)
    scene.handle(opened(scene))
    return scene.handle(events.MessageReceived(1_000_000, wire.Login("anonymous")))


def a_named_login_among_servers(n: int) -> int:
    scene, peer = among_servers(n)
    logged_in(scene, "anonymous", native=False)
    scene.network.run(1.0)
    scene.say(peer, record("s0003", 2, 5, links=[wire.LinkEnd("p", 1)], users=["there3"]))
    scene.handle(opened(scene))
    scene.handle(events.MessageReceived(1_000_000, wire.Login("user00001", "s")))
    return scene.handle(events.SecretVerified(scene.server.asked_last[actions.VerifySecret], True))


def a_load_of_a_server(n: int) -> int:
    scene, peer = among_servers(n)
    return scene.say(peer, record("s0003", 2, 5, links=[wire.LinkEnd("p", 1)], users=["there3"]))


def somebody_moves_between_servers(n: int) -> int:
    scene, peer = among_servers(n)
    clock = int(scene.server.now.wall * 1_000_000)
    away = {f"there{number}": (clock, clock) for number in range(3, 13)}
    return scene.say(peer, record("s0003", 2, 0, links=[wire.LinkEnd("p", 1)], users=[], away=away))


def a_post_from_elsewhere(n: int) -> int:
    scene, peer = among_servers(n)
    stamp = int(scene.server.now.wall * 1_000_000)
    return scene.say(peer, wire.ActivityBroadcast(msgspec.Raw(b"{}"), id="s0003.1.1", stamp=stamp))


def a_ping_among_servers(n: int) -> int:
    scene, peer = among_servers(n)
    return scene.say(peer, wire.Ping(1))


def register_among_servers(n: int) -> int:
    scene, _ = among_servers(n)
    logged_in(scene, "anonymous", native=False)
    scene.network.run(1.0)
    scene.handle(opened(scene))
    steps = scene.handle(events.MessageReceived(1_000_000, wire.Register("newcomer", "s")))
    return steps + scene.handle(events.SecretHashed(scene.server.asked_last[actions.HashSecret], "$argon2id$s"))


def a_base_announcement_among_servers(n: int) -> int:
    scene, _ = among_servers(n)
    base = scene.network.base_server(scene.server)
    scene.network.run(1.0)
    return scene.say(base, wire.ServerAnnounce("base", 2, "base.example", 9000))


def with_registrations(n: int) -> tuple[Scene, ScriptedPeer]:
    """So many registrations under way, which a neighbour does not answer."""
    network = ScriptedNetwork(checked=False)
    server = network.start("one", registrations_per_minute=1e6)
    scene = Scene(network, server, n)
    peer = network.peer(server, host="neighbour")
    peer.say(wire.Authenticate(SECRET, id="p", incarnation=1, hostname="h", port=1, features=["sync"], stamp=1))
    peer.say(record("p", links=[wire.LinkEnd(server.id, 1)]))
    network.run(1.0)
    for number in range(n):
        network.client(server, features=(), host=f"h{number}").register(f"name{number}", "s")
    network.run(0.2)
    assert len(server.node.registration.echoes) == n
    return scene, peer


def a_lock_answer_among_registrations(n: int) -> int:
    scene, peer = with_registrations(n)
    claim = str(scene.server.said(wire.LockRequest)[0].claim)
    return scene.say(peer, wire.LockAllowed("name0", claim=claim, round=1, count=1))


def a_lock_request_among_registrations(n: int) -> int:
    scene, peer = with_registrations(n)
    return scene.say(peer, wire.LockRequest("other", claim="c.1.1", round=1, stamp=1, verifier="$argon2id$s"))


def another_link_ends_among_registrations(n: int) -> int:
    scene, _ = with_registrations(n)
    other = scene.network.peer(scene.server, host="another")
    other.say(wire.Authenticate(SECRET, id="q", incarnation=1, hostname="h", port=2, features=["sync"], stamp=2))
    scene.network.run(0.1)
    return scene.handle(closed(other))


ROWS: dict[str, Row] = {
    "connect": connect,
    "nobody says anything": nobody_says_anything,
    "login": a_login("user00001"),
    "login, anonymous": a_login("anonymous"),
    "a wrong secret": a_wrong_secret,
    "logout": logout,
    "disconnect, base client": disconnect(False, False),
    "disconnect, our client": disconnect(True, False),
    "disconnect, anonymous": disconnect(False, True),
    "nonsense": nonsense,
    "disconnect by the operator": a_kick,
    "post": post,
    "post, handed out": post_and_hand_out,
    "register": register,
    "this server's load is announced": a_loads_announcement,
    "an account is renamed": a_rename,
    "a base server comes": a_base_server,
    "a base server registers somebody": a_base_servers_registration,
    "a wrong network secret": a_servers_secret,
    "a picture for a screen": a_picture,
    "login among many servers": a_login_among_servers,
    "login under a name among many servers": a_named_login_among_servers,
    "another server's load": a_load_of_a_server,
    "people lose their connection elsewhere": somebody_moves_between_servers,
    "a post from elsewhere": a_post_from_elsewhere,
    "a ping of a server": a_ping_among_servers,
    "register among many servers": register_among_servers,
    "a base server's announcement among many servers": a_base_announcement_among_servers,
    "a lock's answer among many registrations": a_lock_answer_among_registrations,
    "a lock's request among many registrations": a_lock_request_among_registrations,
    "another link ends among many registrations": another_link_ends_among_registrations,
}


@pytest.mark.parametrize("name", ROWS)
def test_the_steps_of_an_event_do_not_grow_with_what_there_is(name: str) -> None:
    steps = [ROWS[name](n) for n in SIZES]
    assert steps[0] > 10, "something was counted"
    assert steps[-1] <= GROWTH_MAX * steps[0], f"{name}: {steps} steps among {SIZES}"


@pytest.mark.parametrize("native", [False, True], ids=["base clients", "our clients"])
def test_the_steps_of_a_mass_disconnect_are_linear(native: bool) -> None:
    per_client = []
    for n in SIZES:
        scene, clients = among_clients(n, native=native)
        per_client.append(scene.handle(*(closed(client) for client in clients)) / n)
    assert per_client[-1] <= GROWTH_MAX * per_client[0], f"{per_client} steps for each among {SIZES}"
