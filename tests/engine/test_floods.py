"""What one address does to a server, and what everybody else notices of it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from core.engine import passwords as module
from core.node.actions import Action, HashSecret, VerifySecret
from core.node.events import ConnectionOpened, Event, MessageReceived, SecretHashed, SecretVerified
from tests.engine.harness import LIMIT, Peer, World, until, world


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets that were looked at, while `gate` keeps the first ones from being finished."""
    secrets: list[str] = []

    def verify(_: object, secret: str, verifier: str | None) -> bool:
        secrets.append(secret)
        assert GATE.wait(LIMIT)
        return False

    GATE.clear()
    monkeypatch.setattr(module.Passwords, "_verify", verify)
    return secrets


GATE = threading.Event()


def check_each(event: Event) -> list[Action]:
    """A node that has a secret checked for each message."""
    if isinstance(event, MessageReceived):
        token = 1000 + event.conn
        return [VerifySecret(token, f"secret {event.conn}", None, event.conn, "ann")]
    return []


async def test_the_secrets_of_those_who_hung_up_are_not_looked_at(computed: list[str]) -> None:
    async with world(check_each) as here:
        mallories = [await here.client() for _ in range(50)]
        for peer in mallories:
            await peer.ping(1)
        await here.node.told(MessageReceived, 50)
        for peer in mallories:
            peer.close()
        # Two are being computed; all others are answered as not looked at.
        dropped = await here.node.told(SecretVerified, 48)
        assert {one.matches for one in dropped} == {None}
        ann = await here.client()
        await ann.ping(1)
        await here.node.told(MessageReceived, 51)
        GATE.set()
        await here.node.told(SecretVerified, 51)
        assert len(computed) == 3
        assert computed[-1] == f"secret {ann.conn}"


async def from_address(here: World, address: str) -> Peer:
    known = len(here.node.of(ConnectionOpened))
    peer = await Peer.dial(here.port, source=address)
    peer.conn = (await here.node.told(ConnectionOpened, known + 1))[-1].conn
    return peer


async def test_somebody_from_elsewhere_waits_for_nobodys_flood(computed: list[str]) -> None:
    async with world(check_each) as here:
        for _ in range(30):
            await (await from_address(here, "127.0.0.1")).ping(1)
        await here.node.told(MessageReceived, 30)
        ann = await from_address(here, "127.0.0.2")
        await ann.ping(1)
        await here.node.told(MessageReceived, 31)
        GATE.set()
        await here.node.told(SecretVerified, 31)
        assert f"secret {ann.conn}" in computed[:4], "two were under way, and another one may have its turn first"


async def test_a_registration_is_not_hashed_for_somebody_who_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(module.Passwords, "_hash", lambda *_: "made" if gate.wait(LIMIT) else None)

    def script(event: Event) -> list[Action]:
        if isinstance(event, MessageReceived):
            return [HashSecret(event.conn, "s", event.conn, "ann")]
        return []

    async with world(script) as here:
        peers = [await here.client() for _ in range(5)]
        for peer in peers:
            await peer.ping(1)
        await here.node.told(MessageReceived, 5)
        for peer in peers:
            peer.close()
        assert [one.verifier for one in await here.node.told(SecretHashed, 3)] == [None] * 3
        gate.set()
        await here.node.told(SecretHashed, 5)


async def test_nothing_is_remembered_of_checks_that_are_over(computed: list[str]) -> None:
    GATE.set()
    async with world(check_each) as here:
        peer = await here.client()
        await peer.ping(1, 2, 3)
        await here.node.told(SecretVerified, 3)
        await until(lambda: not here.runtime._checks)
        peer.close()
    await asyncio.sleep(0)
