"""Peers that talk nonsense or lie.

Whoever has not authenticated may say anything. Who knows the network's secret is trusted with content, but not with
sense: it sends garbage, repeats itself, answers what nobody asked, and hangs up when it likes.
"""

from __future__ import annotations

import random
from typing import Final

import msgspec

from core.certificates.leaf import ShownLeaf
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.environment.simulated_network import DialFailure, Encryption
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.codec import encode
from core.wire.messages import Message
from core.wire.server_keys import ShownEnd, link_digest

DIAL_LIMIT: Final = 3.0
NONCE: Final = b"drawn by nobody!"

_GARBAGE: Final = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b'{"command":"LOGIN"}',
    b'{"command":17}',
    b'{"command":"NOPE"}',
    b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":[1]}',
    b'{"command":"SERVER_ANNOUNCE","id":"x","load":-1,"hostname":"h","port":99999}',
    b'{"command":"REGISTER","username":"","secret":""}',
    b'{"command":"REGISTER","username":"anonymous","secret":"x"}',
    b'{"command":"LOGIN","username":"anonymous","seen":{"no stream":1},"features":["ack"]}',
    b'{"command":"LOGIN","username":"\\ud800","secret":"\\ud800"}',
    b'{"command":"AUTHENTICATE","secret":"wrong"}',
    b'{"command":"LOCK_ALLOWED","username":"u","secret":"s"}',
    b'{"command":"ACTIVITY_BROADCAST","activity":{"by":"nobody"}}',
    b"GET / HTTP/1.1",
    b"[" * 5000,
    b'{"command":"LOGIN","username":' + b"1" * 5000 + b"}",
)


class HostilePeer:
    """One hostile connection, opened again and again for a while."""

    def __init__(
        self, environment: Environment, name: str, target: Address, *, authenticated: bool, secret: str
    ) -> None:
        self._environment = environment
        self.name = name
        self.host = f"hostile-{name}"
        self.target = target
        self.authenticated = authenticated
        self.secret = secret
        self.rng = seeded(environment.seed, "hostile", name)
        self.end: End | None = None
        self._heard: list[Message] = []
        self._id = f"hostile{pick(self.rng, 100_000):05}"
        self._incarnation = 0
        self._signer = HashSigner(name.encode())

    def start(self, attempts: int) -> None:
        if attempts > 0:
            native = self.authenticated and self.rng.random() < 0.7
            # Who knows the secret has had itself admitted, and has a certificate.
            encryption = Encryption(lambda there: ShownLeaf(there.network, self._signer.key)) if native else None
            self._environment.network.dial(
                self.host, self.target, DIAL_LIMIT, lambda outcome: self._dialled(outcome, attempts), encryption
            )

    def _dialled(self, outcome: End | DialFailure, attempts: int) -> None:
        if isinstance(outcome, End):
            outcome.party = self
            self.end = outcome
            self._heard = []
            if self.authenticated:
                self._incarnation += 1
                outcome.send(encode(self._introduction(native=outcome.encrypted))[:-1])
            if not outcome.encrypted:
                self._go_on(outcome)
        self._environment.schedule.after(between(self.rng, 0.5, 3.0), lambda: self._again(attempts))

    def _again(self, attempts: int) -> None:
        end, self.end = self.end, None
        if end is not None:
            end.party = None
            end.vanish(told=True)
        self.start(attempts - 1)

    def _introduction(self, *, native: bool) -> Message:
        return wire.Authenticate(
            "" if native else self.secret,
            id=self._id if native else None,
            incarnation=self._incarnation if native else None,
            hostname=self.host,
            port=1,
            features=["sync", "quit"] if native else [],
            link="lazy",
            key=self._signer.key if native else None,
            nonce=NONCE if native else None,
        )

    def _prove(self, end: End, hello: wire.ServerHello) -> None:
        """Show that it has the key that it has shown: what it has to do to go on."""
        own = ShownEnd(self._id, self._incarnation, self._signer.key, NONCE)
        other = ShownEnd(hello.id, hello.incarnation, hello.key or b"", hello.nonce or b"")
        end.send(encode(wire.ServerProof(self._signer.sign(link_digest(own, other, dialled=True))))[:-1])
        self._go_on(end)

    def _go_on(self, end: End) -> None:
        if self.end is not end or not end.is_open:
            return
        for _ in range(1 + pick(self.rng, 4)):
            end.send(self._nonsense())
        self._environment.schedule.after(between(self.rng, 0.0, 0.3), lambda: self._go_on(end))

    def _nonsense(self) -> bytes:
        rng = self.rng
        if not self.authenticated:
            return _GARBAGE[pick(rng, len(_GARBAGE))]
        if rng.random() < 0.05:
            return _GARBAGE[pick(rng, len(_GARBAGE))]
        if self._heard and rng.random() < 0.4:
            # What it heard is said back, as if it were news.
            return encode(self._heard[pick(rng, len(self._heard))])[:-1]
        return encode(_lie(rng, self._id))[:-1]

    def received(self, conn: int, message: Message) -> None:
        if isinstance(message, wire.ServerHello) and self.end is not None and self.end.encrypted:
            self._prove(self.end, message)
        if len(self._heard) < 200 and not isinstance(message, wire.Quit):
            self._heard.append(message)

    def garbled(self, conn: int, info: str) -> None:
        pass

    def closed(self, conn: int, reason: str) -> None:
        self.end = None


def _lie(rng: random.Random, me: str) -> Message:
    """Something well-formed that has no reason."""
    number = pick(rng, 10)
    claim = f"{me}.1.{number}"
    lies: tuple[Message, ...] = (
        wire.Ping(number),
        wire.Pong(number),
        wire.SyncDigest("0123"),
        wire.SyncRequest({f"{me}.1": number}),
        wire.SyncRequest({"nonsense": number}),
        wire.SyncDone(upto={f"{me}.1": number}, more=rng.random() < 0.5, vector={"x": 1}),
        wire.LockAllowed("u", claim=claim, round=number, count=number),
        wire.LockDenied("u", claim=claim, round=number),
        wire.LockRelease("u", claim),
        wire.LockRequest(f"free{number}", claim=claim, round=number, stamp=1 + number, verifier="$argon2id$x$y"),
        wire.ActivityBroadcast(
            msgspec.Raw(b'{"by":"nobody","n":1}'),
            id=f"{me}.1.{1 + number}",
            stamp=1 + number,
            previous=f"{me}.1.{number}",
        ),
        wire.ActivityBroadcast(msgspec.Raw(b'{"by":"nobody","n":1}')),
        wire.ServerAnnounce(me, number, f"hostile-{me}", 1, incarnation=1, version=number),
        wire.ServerAnnounce("nobody", number, "nowhere", 1),
        wire.UserInfo({f"guest{number}": "secret"}),
        wire.ServerRefused("busy"),
    )
    return lies[pick(rng, len(lies))]
