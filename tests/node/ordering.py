"""What tests of operators' orders do over and over: log in, post, look at what holds."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer
from core.wire import messages as wire
from core.wire.founding_record import FoundingRecord
from core.wire.messages import ActivityAck, ActivityRefused, LoginSuccess, OrderTaken
from core.wire.signed_orders import code_verifier
from tests.node.operators import gives, signer_of

HELLO = {"text": msgspec.Raw(b'"hello"')}


def logs_in(network: ScriptedNetwork, server: WatchedServer, name: str, secret: str = "s", **how: Any) -> bool:
    client = network.client(server, **how)
    client.login(name, secret)
    network.run(1.0)
    return bool(client.of(LoginSuccess))


def posts(network: ScriptedNetwork, client: ScriptedClient, name: str, secret: str = "s") -> str:
    """What becomes of a post."""
    client.say(wire.ActivityMessage(name, HELLO, secret, ref=f"{name}{len(client.log)}"))
    network.run(0.5)
    refused = client.of(ActivityRefused)
    return refused[-1].info if refused and client.log[-1] is refused[-1] else client.commands[-1]


def bob_at(network: ScriptedNetwork, server: WatchedServer) -> ScriptedClient:
    network.registered(server, "bob")
    network.run(0.5)
    return network.logged_in(server, "bob", "s")


def founding_of(server: WatchedServer) -> FoundingRecord:
    record = server.node.orders.founding.record
    assert record is not None
    return record


def effects(server: WatchedServer) -> Any:
    return server.node.orders.effects


def bodies(server: WatchedServer) -> list[bytes]:
    """What the server's disk keeps."""
    return [entry.body for entry in server.entries() if entry.kind == "activity"]


def said(network: ScriptedNetwork, client: ScriptedClient, name: str, text: bytes, ref: str) -> str:
    """Somebody posts; the id of what they posted."""
    client.say(wire.ActivityMessage(name, {"text": msgspec.Raw(b'"%b"' % text)}, "s", ref=ref))
    network.run(0.5)
    return client.of(ActivityAck)[-1].id


def history(network: ScriptedNetwork, server: WatchedServer) -> list[str | None]:
    """What somebody who comes is sent of the past."""
    client = network.client(server)
    client.login(history=100)
    network.run(2.0)
    return [one.id for one in client.of(wire.ActivityBroadcast)]


def stamp_of(server: WatchedServer) -> int:
    return int(server.now.wall * 1_000_000)


def code_for(network: ScriptedNetwork, ada: ScriptedClient, name: str, code: str, seconds: float = 3600.0) -> str:
    assert ada.server is not None
    expires = str(stamp_of(ada.server) + int(seconds * 1_000_000))
    taken = gives(network, ada, "ada", "code", name, code_verifier(code), expires)
    assert isinstance(taken, OrderTaken)
    network.run(0.5)
    return taken.id


def redeems(network: ScriptedNetwork, server: WatchedServer, name: str, code: str, secret: str) -> bool:
    client = network.client(server)
    client.say(wire.RedeemCode(name, code, secret))
    network.run(12.0)
    assert bool(client.of(wire.SecretChanged)) != bool(client.of(wire.SecretNotChanged)), client.log
    if client.of(wire.SecretChanged):
        client.login(name, secret)
        network.run(0.5)
        assert client.of(LoginSuccess)
        return True
    return False


def blob(who: str) -> str:
    """The middle of a public key's line."""
    kind = b"ssh-ed25519"
    key = signer_of(who).key
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind + len(key).to_bytes(4, "big") + key).decode()
