"""One node, fed by hand: events go in, what it wants done comes out, and its disk and hashing answer when told to.

What the node says of itself is asked of its public face: the actions, and the words of its snapshot.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.certificates.leaf import ShownLeaf
from core.node.interface import actions, events
from core.node.interface.events import Now
from core.node.interface.node_config import NodeConfig
from core.node.node import Node
from core.simulation.environment import agreeing
from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.store.memory_store import MemoryStore
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.entries import AccountFact, Page
from core.wire.kept_network import KeptNetwork
from core.wire.key_agreement_proofs import AnswerersWord, answering_identity, dialling_identity, proof_of_answering
from core.wire.messages import Message, command_of
from core.wire.packed_facts import PackedFacts
from core.wire.records import RecordPage
from core.wire.recovered import Recovered
from core.wire.server_keys import ServerKey, ShownEnd, link_digest
from core.wire.signing import Signer

SECRET = "network"
WRONG_SECRETS = 12
"""More than may come from one address at once."""
NONCE = b"drawn for a link"
ELSEWHERE = HashSigner(b"elsewhere")
ANOTHER_NETWORK = b"a" * 32
"""Its private key."""
BODY = msgspec.Raw(b'{"text":"hello"}')
ANN = AccountFact("ann", "$argon2id$ann", 1, "elsewhere.1.1")
"""Registered before the node started; her secret is "ann"."""


@dataclass
class OneNode:
    """The node, the time, and what waits to be answered."""

    node: Node = field(init=False)
    time: float = 0.0
    conns: int = 0
    asked: list[actions.Action] = field(default_factory=list)
    """Questions to the disk and to the hashing that nobody has answered."""
    dials: list[actions.Dial] = field(default_factory=list)
    said: list[tuple[int, Message]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What people were told, in its words."""
    wake_at: float | None = None
    tracing: bool = False
    signer: Signer | None = field(default_factory=lambda: HashSigner(b"here"))
    """The node's key; None: it has none."""
    server_keys: tuple[ServerKey, ...] = ()
    """What the disk knows of other servers' keys."""
    network: KeptNetwork | None = None
    """The network that it is of; None: it is of the version before, and all its links are in clear."""

    def __post_init__(self) -> None:
        config = NodeConfig("here.example", 3780, SECRET, name="a", tracing=self.tracing)
        recovered = Recovered(
            "here",
            1,
            accounts=PackedFacts.of([ANN]),
            server_keys=self.server_keys,
            signer=self.signer,
            verifier=HashVerifier() if self.signer is not None else None,
            network=self.network,
            signer_of=HashSigner,
        )
        self.node = Node(config, recovered, random.Random(1), self.now, checked_every=1)
        self._note(self.node.start(self.now))

    @property
    def now(self) -> Now:
        return Now(self.time, 1_700_000_000.0 + self.time)

    # --- inputs -------------------------------------------------------------------------------------------------------

    def handle(self, event: events.Event) -> list[actions.Action]:
        done = self.node.handle(event, self.now)
        self._note(done)
        return done

    def connect(self, host: str = "", *, encrypted: bool = False, shown: ShownLeaf | None = None) -> int:
        """Somebody connects, from a host of their own if none is named."""
        self.conns += 1
        host = host or f"host{self.conns}.example"
        address = Address(host, 40_000)
        self.handle(events.ConnectionOpened(self.conns, "inbound", address, shown=shown, encrypted=encrypted))
        return self.conns

    def say(self, conn: int, message: Message) -> list[actions.Action]:
        return self.handle(events.MessageReceived(conn, message))

    def dialled(self, shown: ShownLeaf | None = None) -> int:
        """The node is told to join a server, and gets through: to one that encrypts, if it shows something."""
        self.handle(events.JoinRequested(Address("base.example", 9000)))
        dial = self.dials[-1]
        self.conns += 1
        encrypted = shown is not None
        opened = events.ConnectionOpened(self.conns, "outbound", dial.address, dial.dial, shown=shown)
        self.handle(msgspec.structs.replace(opened, encrypted=encrypted))
        return self.conns

    def answer(self, *, right: bool = True) -> None:
        """The disk and the hashing answer all that was asked, and what is asked because of that."""
        while self.asked:
            match action := self.asked.pop(0):
                case actions.Persist(batch=batch):
                    self.handle(events.Committed(batch))
                case actions.HashSecret(token=token, secret=secret):
                    self.handle(events.SecretHashed(token, f"$argon2id${secret}"))
                case actions.VerifySecret(token=token):
                    self.handle(events.SecretVerified(token, right))
                case actions.AgreeOnKey():
                    self.handle(agreeing.agree(action, b"here") if right else events.KeyAgreed(action.token))
                case actions.AskSummary(token=token, query=query):
                    self.handle(events.SummaryAnswered(token, MemoryStore("none").ask_summary(query)))
                case actions.FetchPage(token=token):
                    self.handle(events.Fetched(token, Page((), {}, False)))
                case actions.FetchRecords(token=token):
                    self.handle(events.RecordsFetched(token, RecordPage((), {}, False)))

    def run(self, seconds: float) -> None:
        """Let time pass, and everything be answered."""
        end = self.time + seconds
        self.answer()
        while self.wake_at is not None and self.wake_at <= end:
            self.time = max(self.time, self.wake_at)
            self.wake_at = None
            self.handle(events.Woke())
            self.answer()
        self.time = end

    # --- what came of it ----------------------------------------------------------------------------------------------

    def state(self, conn: int) -> str:
        """What people are told of a connection's state; "" when there is none."""
        return next((one.state for one in self.node.snapshot(self.now).connections if one.conn == conn), "")

    def heard(self, conn: int) -> list[str]:
        """The commands that the node has sent over a connection."""
        return [command_of(message) for to, message in self.said if to == conn]

    def _note(self, done: list[actions.Action]) -> None:
        for action in done:
            match action:
                case (
                    actions.Persist()
                    | actions.HashSecret()
                    | actions.VerifySecret()
                    | actions.AgreeOnKey()
                    | actions.FetchPage()
                    | actions.FetchRecords()
                    | actions.AskSummary()
                ):
                    self.asked.append(action)
                case actions.Dial():
                    self.dials.append(action)
                case actions.Send(conn=conn, frame=frame):
                    self.said.append((conn, frame.message))
                case actions.SendAll(conn=conn, frames=frames):
                    self.said += [(conn, frame.message) for frame in frames]
                case actions.Close(conn=conn):
                    self.closed.append(conn)
                case actions.Notify(notice=notice):
                    self.told.append(notice.text)
                case actions.WakeAt(at=at):
                    self.wake_at = at
                case _:
                    pass


def what_was_done(done: list[actions.Action], conn: int) -> list[str]:
    """What a node did about a message, in words: what it said there, whom it asked, and whether it closed."""
    words = []
    for action in done:
        match action:
            case actions.Send(conn=to, frame=frame) if to == conn:
                words.append(command_of(frame.message))
            case actions.Close(conn=to) if to == conn:
                words.append("close")
            case actions.Persist():
                words.append("persist")
            case actions.AskSummary():
                words.append("sum")
            case actions.FetchPage():
                words.append("read")
            case actions.Notify(notice=notice) if notice.kind == "quit":
                words.append("quit")
            case actions.HashSecret():
                words.append("hash")
            case actions.VerifySecret():
                words.append("verify")
            case actions.AgreeOnKey():
                words.append("agree")
            case actions.AdoptNetwork():
                words.append("adopt")
            case _:
                pass
    return words


# --- how a connection gets into each state ----------------------------------------------------------------------------


def native_neighbour(one: OneNode, server: str = "elsewhere", load: int = 0, *shown: str) -> int:
    """A server of ours links with the node, and says how many clients it has."""
    conn = one.connect()
    hello = wire.Authenticate(
        SECRET,
        id=server,
        incarnation=1,
        hostname="other.example",
        port=3780,
        name="b",
        features=["sync", "quit", *shown],
        stamp=1,
    )
    one.say(conn, hello)
    ends = [wire.LinkEnd("here", 1)]
    one.say(conn, wire.ServerAnnounce(server, load, "other.example", 3780, incarnation=1, version=1, links=ends))
    one.say(conn, wire.SyncDone())
    one.run(0.1)
    return conn


def fresh(one: OneNode) -> int:
    return one.connect()


def fresh_encrypted(one: OneNode) -> int:
    return one.connect(encrypted=True)


def authenticating(one: OneNode, **shown: Any) -> int:
    """So many wrong secrets have come from there that the right one waits."""
    for _ in range(WRONG_SECRETS):
        one.say(one.connect("guesser.example"), wire.Authenticate("wrong"))
    conn = one.connect("guesser.example")
    one.say(conn, wire.Authenticate(SECRET, **shown))
    return conn


def authenticating_failover(one: OneNode) -> int:
    return authenticating(one, features=["quit"])


def authenticating_native(one: OneNode) -> int:
    return authenticating(one, id="elsewhere", incarnation=1, features=["sync"])


def proving(one: OneNode, server: str = "elsewhere", seed: bytes = b"elsewhere") -> int:
    """A server has shown its key, and the node has answered."""
    conn = one.connect()
    shown = wire.Authenticate(
        SECRET, id=server, incarnation=1, features=["sync"], key=HashSigner(seed).key, nonce=NONCE, stamp=1
    )
    one.say(conn, shown)
    return conn


def proof(one: OneNode, conn: int, server: str = "elsewhere", seed: bytes = b"elsewhere") -> wire.ServerProof:
    """What such a server proves its key with."""
    signer = HashSigner(seed)
    hello = next(message for to, message in one.said if to == conn and isinstance(message, wire.ServerHello))
    here = ShownEnd("here", 1, hello.key or b"", hello.nonce or b"")
    return wire.ServerProof(signer.sign(link_digest(ShownEnd(server, 1, signer.key, NONCE), here, dialled=True)))


def native_neighbour_with_key(one: OneNode) -> int:
    """A server of ours links with the node, and proves its key."""
    conn = proving(one)
    one.say(conn, proof(one, conn))
    one.say(conn, wire.SyncDone())
    one.run(0.1)
    return conn


def admitting(one: OneNode) -> int:
    """Somebody who shows no certificate asks for admission, and their guess at the secret is wrong or right: nobody can
    tell yet."""
    conn = one.connect(encrypted=True)
    one.say(conn, wire.AdmissionRequest(HashSigner(b"elsewhere").key, b"share"))
    one.answer()
    return conn


def asking(one: OneNode) -> int:
    """The node asks a server of another network for admission."""
    conn = one.dialled(ShownLeaf(HashSigner(ANOTHER_NETWORK).key, ELSEWHERE.key))
    one.answer()
    return conn


def asking_proved(one: OneNode) -> int:
    """The other side knows the secret, and has been told of the network here, which nobody has founded."""
    conn = asking(one)
    (request,) = [message for _, message in one.said if isinstance(message, wire.AdmissionRequest)]
    ids = dialling_identity(request.key), answering_identity(ELSEWHERE.key)
    made = agreeing.agree(actions.AgreeOnKey(1, 1, SECRET, *ids, answers=True, share=request.share), b"elsewhere")
    assert made.key is not None and made.share is not None
    network = HashSigner(ANOTHER_NETWORK).key
    proof = proof_of_answering(made.key, AnswerersWord(network, 1.0))
    one.say(conn, wire.AdmissionShare(made.share, proof, network, 1.0))
    one.answer()
    return conn


def registering(one: OneNode) -> int:
    conn = one.connect()
    one.say(conn, wire.Register("newcomer", "secret"))
    return conn


def greeted(one: OneNode) -> int:
    conn = registering(one)
    one.run(2.0)
    return conn


def logging_in(one: OneNode) -> int:
    conn = one.connect()
    one.say(conn, wire.Login("ann", "ann"))
    return conn


def logged_in(one: OneNode) -> int:
    conn = logging_in(one)
    one.run(0.1)
    return conn


def redirecting(one: OneNode) -> int:
    lighter_neighbour(one)
    conn = one.connect()
    one.say(conn, wire.Login("anonymous"))
    return conn


def lighter_neighbour(one: OneNode) -> None:
    """Somebody is at the node, nobody at the other server of its network: the next client goes there."""
    one.say(one.connect(), wire.Login("anonymous"))
    native_neighbour(one)


def sent_on(one: OneNode) -> int:
    conn = logged_in(one)
    native_neighbour(one, load=100)
    one.handle(events.DrainRequested("told to"))
    one.say(conn, wire.ActivityMessage("ann", {}, "ann"))
    return conn


def waiting(one: OneNode) -> int:
    return one.dialled()


def listening(one: OneNode) -> int:
    native_neighbour(one)
    conn = one.dialled()
    one.say(conn, wire.ServerAnnounce("base", 0, "base.example", 9000))
    return conn


def quiet(one: OneNode) -> int:
    conn = one.connect()
    one.say(conn, wire.Authenticate(SECRET))
    return conn


def base(one: OneNode) -> int:
    conn = quiet(one)
    one.say(conn, wire.ServerAnnounce("base", 0, "base.example", 9000))
    return conn


def base_beside_a_neighbour(one: OneNode) -> int:
    native_neighbour(one)
    conn = one.dialled()
    one.say(conn, wire.ServerAnnounce("base", 0, "base.example", 9000))
    one.run(2.0)
    return conn


def native(one: OneNode) -> int:
    return native_neighbour(one)


def native_asked(one: OneNode) -> int:
    """A neighbour is asked about a name."""
    conn = native_neighbour(one)
    registering(one)
    one.answer()
    return conn


def base_asked(one: OneNode) -> int:
    """A base server is asked about a name."""
    conn = base(one)
    client = one.connect()
    one.say(client, wire.Register("somebody", "secret"))
    one.answer()
    return conn


def listening_asked(one: OneNode) -> int:
    """A base server that is listened to asks about a name, and the node asks its neighbour."""
    conn = listening(one)
    one.say(conn, wire.LockRequest("somebody", "secret"))
    one.answer()
    return conn


def closing(one: OneNode) -> int:
    conn = one.connect()
    one.handle(events.MalformedReceived(conn, "nonsense"))
    return conn
