"""A network that is not there: what the application sees of a node and a client, by hand and to the second."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec

from core.client.client_events import (
    ActivityArrived,
    CatchUpDone,
    ClientEvent,
    LoggedIn,
    LoginRefused,
    PostAccepted,
    Registered,
    RegisterRefused,
)
from core.client.operator_seat import OrderNotTaken
from core.client.past_questions import PastNotShown, PastPage, PastPlace
from core.node.interface.notices import Notice, NoticeKind, Severity
from core.node.interface.snapshot import ConnectionView, NodeSnapshot, ServerView, UserView
from core.wire.activity import stamp_activity
from core.wire.address import Address
from core.wire.invitations import Invited
from core.wire.messages import OrderDrafted, OrderList
from core.wire.signed_orders import ListedOperator, ListedOrder, Order
from core.wire.signing import Signer
from tui.application.app import ActivityApp
from tui.feed.activities import note
from tui.feed.history import ReadPage
from tui.look.preferences import Preferences
from tui.model.client_model import ClientModel
from tui.model.model_updates import tell
from tui.model.network_faces import SignIn

NOON = 1_795_348_800.0
"""22 November 2026, 12:00:00 UTC."""


@dataclass(frozen=True)
class FakeTraffic:
    bytes_in: int
    bytes_out: int
    queued_bytes: int = 0


def alone() -> NodeSnapshot:
    """A network of this node, in which nobody is but its operator."""
    here = ServerView("aa", "ada", "192.0.2.1", 3780, 1, "here", 3, False, (), (), ("alice",))
    return snapshot(servers=(here,), connections=(), users=(UserView("alice", NOON, ("aa",)),), users_total=1, load=1)


def snapshot(**changes: Any) -> NodeSnapshot:
    """A small network: this node, two neighbours, one behind them, a base server, and one that is gone."""
    known = NodeSnapshot(
        at=NOON,
        id="aa",
        name="ada",
        hostname="192.0.2.1",
        port=3780,
        incarnation=3,
        load=3,
        servers=(
            ServerView("aa", "ada", "192.0.2.1", 3780, 3, "here", 3, False, ("bb", "cc"), ("dd",), ("alice", "bob")),
            ServerView("bb", "byron", "192.0.2.2", 3780, 4, "reachable", 1, False, ("aa", "dd"), (), ("carol",)),
            ServerView("cc", "curie", "192.0.2.3", 3780, 2, "reachable", 1, True, ("aa",), (), ()),
            ServerView("dd", "darwin", "192.0.2.4", 3780, 1, "reachable", 7, False, ("bb",), ("aa",), ("dave",)),
            ServerView("ee", "elder", "192.0.2.5", 3781, 6, "guest", via="cc"),
            ServerView("ff", "faraday", "192.0.2.6", 3780, 0, "unreachable"),
        ),
        connections=(
            ConnectionView(
                1, "server", "outbound", "192.0.2.2:3780", "eager", "byron", "bb", ("quit", "sync"), NOON - 7200, 0.0041
            ),
            ConnectionView(
                2, "server", "inbound", "192.0.2.3:50111", "eager", "curie", "cc", ("quit", "sync"), NOON - 300, 0.0382
            ),
            ConnectionView(
                3, "server", "outbound", "192.0.2.4:3780", "lazy", "darwin", "dd", ("quit", "sync"), NOON - 60, 1.25
            ),
            ConnectionView(
                4, "client", "local", "this process", "logged in", "alice", None, ("quit", "ack"), NOON - 7000, 0.0002
            ),
            ConnectionView(5, "client", "inbound", "198.51.100.9:40404", "logged in", "bob", None, (), NOON - 45),
            ConnectionView(6, "client", "inbound", "198.51.100.10:40405", "anonymous", "anonymous", None, (), NOON - 5),
        ),
        users=(
            UserView("alice", NOON - 86400, ("aa",)),
            UserView("bob", NOON - 3600, ("aa",)),
            UserView("carol", NOON - 1800, ("bb",)),
            UserView("dave", NOON - 900, ("dd",), "dan"),
            UserView("erin", NOON - 200_000, ()),
        ),
        users_total=5,
        activities=12,
        draining=False,
        storage_error=None,
        base_servers=False,
        unreachable=1,
    )
    return msgspec.structs.replace(known, **changes)


def processed(activity: Mapping[str, Any], sender: str) -> bytes:
    """The activity as the network broadcasts it."""
    raw = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in activity.items()}
    return stamp_activity(raw, sender)


@dataclass
class FakeNode:
    """A node of which the test decides everything."""

    shown: NodeSnapshot = field(default_factory=snapshot)
    address: Address = field(default_factory=lambda: Address("0.0.0.0", 3780))
    advertised: Address = field(default_factory=lambda: Address("192.0.2.1", 3780))
    secret: str = "correct horse"
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    invitations_fail: str = ""
    """Why none can be made; "": they can."""

    def snapshot(self) -> NodeSnapshot:
        return self.shown

    async def invite(self, uses: int, seconds: float) -> Invited:
        self.calls.append(("invite", uses, seconds))
        if self.invitations_fail:
            raise ConnectionError(self.invitations_fail)
        return Invited("n" * 26, "c" * 26)

    def traffic(self) -> Mapping[int, FakeTraffic]:
        return {
            1: FakeTraffic(1_204_000, 3_310_000),
            2: FakeTraffic(41_000, 88_100),
            3: FakeTraffic(8_800, 9_900),
            4: FakeTraffic(2_100, 51_000),
            5: FakeTraffic(310, 44_000, 2_500_000),
            6: FakeTraffic(120, 700),
        }

    def join(self, address: Address, invited: Invited | None = None) -> None:
        self.calls.append(("join", address) if invited is None else ("join", address, invited))

    def disconnect(self, conn: int, reason: str) -> None:
        self.calls.append(("disconnect", conn))

    def request_drain(self, reason: str = "") -> None:
        self.calls.append(("drain", reason))

    async def wait_closed(self) -> tuple[str, ...]:
        await self.closed.wait()
        return ()

    async def backup_now(self) -> Path:
        self.calls.append(("backup",))
        return Path("/data/backups/one.backup")


class FakeSeat:
    """An operator whose orders are all taken, unless the test says why not."""

    def __init__(self, client: FakeClient, signer: Signer) -> None:
        self._client = client
        self._signer = signer

    async def orders(self) -> OrderList:
        self._client.shown_keys.append(self._signer.key)
        if self._client.no_operator:
            raise OrderNotTaken(self._client.no_operator)
        listed = [ListedOrder(f"{number:024d}", one) for number, one in enumerate(self._client.given)]
        return OrderList("aa", True, [ListedOperator(self._signer.key, 0, "alice")], listed[::-1])

    async def draft(self, kind: str, target: str, words: Sequence[str] = (), because: str = "") -> OrderDrafted:
        if target == "nobody":
            raise OrderNotTaken("there is no nobody")
        order = Order("aa", self._signer.key, 1, kind, target, "alice", target, tuple(words), because)
        return OrderDrafted(order, f"the account {target}")

    async def give(self, drafted: OrderDrafted) -> str:
        self._client.given.append(drafted.order)
        return "abcdefgh" * 3


class FakeClient:
    """A client that says yes at once, unless told otherwise, and keeps what is posted until the test answers."""

    def __init__(self, model: ClientModel, identity: SignIn) -> None:
        self.model = model
        self.given: list[Order] = []
        self.shown_keys: list[bytes] = []
        self.no_operator = ""
        """Why the server heeds none of this person's orders."""
        self.identity = identity
        self.posted: list[tuple[str, Mapping[str, Any]]] = []
        self.documents: list[bytes] = []
        """What was to be kept of the account at every server."""
        self.answers = True
        self.closed = False
        self.silence = 0.0

    async def run(self) -> None:
        world = WORLDS[self.model]
        world.clients.append(self)
        name, secret = self.identity.username, self.identity.secret
        registering = self.identity.way == "register"
        if world.refuse is not None:
            self.tell(RegisterRefused(world.refuse) if registering else LoginRefused(world.refuse))
            return
        if registering:
            self.tell(Registered(name, secret or "made-for-you-7Kq2"))
        self.tell(LoggedIn(name, None if world.node else Address("192.0.2.1", 3780)))
        await asyncio.Event().wait()

    def tell(self, event: ClientEvent) -> None:
        tell(self.model, event)

    def post(self, activity: Mapping[str, Any]) -> str:
        ref = f"ref-{len(self.posted)}"
        self.posted.append((ref, activity))
        return ref

    def keep_document(self, document: bytes) -> None:
        self.documents.append(document)

    def deliver(self, ref: str) -> None:
        """The network has the activity, and it comes back."""
        activity = next(one for key, one in self.posted if key == ref)
        name = self.model.username or "anonymous"
        stamp = int(self.model.clock() * 1_000_000)
        self.tell(PostAccepted(ref, "aa.3.1", stamp))
        self.tell(ActivityArrived("aa.3.1", processed(activity, name), name, stamp, True, ref))

    def operator_seat(self, signer: Signer) -> Any:
        return FakeSeat(self, signer)

    async def change_secret(self, secret: str, new_secret: str) -> None:
        world = WORLDS[self.model]
        world.changes.append((secret, new_secret))
        if world.secret_problem is not None:
            raise world.secret_problem

    @property
    def shows_past(self) -> bool:
        return WORLDS[self.model].past is not None

    async def read_past(self, place: PastPlace | None, backward: bool) -> PastPage:
        read = WORLDS[self.model].past
        if read is None:
            raise PastNotShown("this server is of a version that shows no more")
        return await read(place, backward)

    @property
    def searches_past(self) -> bool:
        return hasattr(WORLDS[self.model].past, "find")

    async def find_in_past(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        read = WORLDS[self.model].past
        find = getattr(read, "find", None)
        if find is None:
            raise PastNotShown("this server is of a version that does not look through its past")
        page: PastPage = await find(place, query) if most == 1 else await find(place, query, most)
        return page

    async def close(self) -> None:
        self.closed = True

    def silent_for(self) -> float:
        return self.silence

    async def status(self) -> Mapping[str, Any] | None:
        shown: Mapping[str, Any] = msgspec.to_builtins(snapshot())
        return shown


WORLDS: dict[ClientModel, World] = {}


class World:
    """A session, its node and its clients."""

    def __init__(
        self,
        *,
        node: bool = True,
        operator: bool = True,
        refuse: str | None = None,
        capacity: int = 5000,
        past: ReadPage | None = None,
    ) -> None:
        self.time = NOON
        self.numbers = itertools.count(1)
        self.node = FakeNode() if node else None
        self.refuse = refuse
        self.clients: list[FakeClient] = []
        self.changes: list[tuple[str, str]] = []
        """Secrets that were to be changed: the present one and the new one."""
        self.secret_problem: Exception | None = None
        self.model = ClientModel(
            FakeClient,
            node=self.node,
            owns_node=operator,
            target=None if node else Address("192.0.2.1", 3780),
            network="" if node else "abcdefghijklmnopqrstuvwxyz",
            clock=lambda: self.time,
            feed_capacity=capacity,
        )
        self.past = past
        """What the server shows of the past; None if it shows nothing."""
        WORLDS[self.model] = self

    @property
    def client(self) -> FakeClient:
        return self.clients[-1]

    def app(self, **options: Any) -> ActivityApp:
        preferences = options.pop("preferences", Preferences(zone=UTC))
        options.setdefault("first", SignIn("login", "alice", "secret"))
        app = ActivityApp(self.model, preferences=preferences, **options)
        app.animation_level = "none"
        return app

    def says(self, sender: str, text: str, *, live: bool = True) -> None:
        self.arrives(sender, note(text), live=live)

    def arrives(self, sender: str, activity: Mapping[str, Any], *, live: bool = True) -> None:
        stamp = int(self.time * 1_000_000)
        tell(
            self.model, ActivityArrived(f"bb.1.{next(self.numbers)}", processed(activity, sender), sender, stamp, live)
        )

    def notice(self, kind: NoticeKind, text: str, severity: Severity = "info") -> None:
        self.model.noticed(Notice(self.time, kind, text, severity))

    def lively(self) -> None:
        """Some minutes of an ordinary day."""
        for after, sender, text in (
            (0, "bob", "good morning, is anybody on curie?"),
            (4, "carol", "me, via byron; round trips look fine from here"),
            (9, "alice", "@bob I am moving the backups to darwin today"),
        ):
            self.time = NOON + after
            self.says(sender, text, live=False)
        self.time = NOON + 12
        tell(self.model, CatchUpDone(3))
        self.arrives("dave", {"type": "Like", "object": {"type": "Note", "name": "Release notes 1.4"}})
        self.time = NOON + 15
        self.arrives("anonymous", {"temperature": 21.50, "sensor": {"id": 7, "room": "lab"}})
        self.time = NOON + 21
        self.arrives(
            "erin",
            {
                "type": "Add",
                "object": {"type": "Image", "name": "harbour"},
                "target": {"type": "Collection", "name": "Holidays"},
            },
        )
        self.time = NOON + 25
        self.says(
            "王小明",
            "漢字も大丈夫です — wide characters keep their column, and a longer line is wrapped "
            "under itself so that the names stay easy to scan",
        )
        for after, kind, text, severity in (
            (1, "listening", "listening on 0.0.0.0:3780, reached at 192.0.2.1:3780", "good"),
            (2, "linked", "linked with byron (192.0.2.2:3780)", "good"),
            (3, "joined", "darwin has joined the network behind byron", "info"),
            (5, "vote", "byron, curie and darwin allow the name carol", "info"),
            (6, "registered", "carol was registered at byron", "good"),
            (8, "redirected", "a client was sent to curie, which has fewer", "info"),
            (11, "lost", "faraday and 2 people behind it cannot be reached", "error"),
            (13, "healed", "the gap is closed: darwin is reached through byron", "good"),
            (18, "quit", "curie is leaving; its people go to ada", "warning"),
            (20, "backup", "a backup of 214 kB was written", "good"),
        ):
            self.time = NOON + after
            self.notice(kind, text, severity)  # type: ignore[arg-type]
        self.time = NOON + 30
