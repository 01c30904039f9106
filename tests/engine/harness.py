"""A scripted node, a store in memory, and a runtime around them on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from core.engine.arrivals.accepting import Acceptor
from core.engine.driving.runtime import Runtime
from core.engine.engine_settings import ConnectionLimits, PasswordSettings
from core.engine.sockets.listening import bind
from core.engine.sockets.network_tls import NetworkTls
from core.engine.threads.passwords import Passwords
from core.engine.threads.persistence import Persistence
from core.engine.upkeep.tracer import Tracer
from core.node.interface.actions import Action
from core.node.interface.events import ConnectionOpened, Event, MessageReceived, Now
from core.node.interface.notices import Notice
from core.node.interface.snapshot import NodeSnapshot
from core.reconciliation.summary_queries import DroppedWanted, SummaryAnswer, SummaryQuery, UnprovedWanted
from core.store import Usage
from core.store.contents import Position, position
from core.store.memory_summary import MemorySummary
from core.store.store_errors import StoreDisplaced
from core.wire.codec import Frame
from core.wire.entries import AccountFact, Entry, EntryId, Fetch, KeyChange, Page, Wanted
from core.wire.entry_runs import EntryRuns, ids_in
from core.wire.keepables import Keepable
from core.wire.messages import Message, Ping
from core.wire.missing import FindArrived, FindDated, FoundRuns, Missing
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord, RecordPage, loose
from core.wire.recovered import Recovered
from core.wire.signing import Signer

POLLED = True
"""Whether plain connections are served by the engine's own transports, and not by those of the loop."""
LIMIT = 30.0
"""Seconds that anything in these tests may take."""

CHEAP = PasswordSettings(memory_kib=64, passes=1)

_Kind = TypeVar("_Kind", bound=Event)


def frame(number: int, size: int = 0) -> Frame:
    """A frame that names its number and is at least `size` bytes long."""
    data = b'{"command":"PING","number":%d}' % number
    return Frame(Ping(number), data.ljust(size - 1) + b"\n")


def said(data: bytes) -> Frame:
    """A frame of these bytes, for all receivers alike."""
    return Frame(Ping(0), data)


def two_forms(data: bytes) -> Frame:
    """A frame of these bytes, in capitals for those who speak the base protocol only."""
    made = said(data)
    made._base = said(data.upper())
    return made


def entry(seq: int, body: bytes = b"{}") -> Entry:
    return Entry(EntryId("n", 1, seq), "activity", seq, body)


class ScriptedNode:
    """Does what `script` says, and remembers what it was told."""

    def __init__(self, script: Callable[[Event], list[Action]] | None = None) -> None:
        self.script = script or (lambda event: [])
        self.events: list[Event] = []
        self.starting: list[Action] = []
        self.snapshots = 0
        self._news = asyncio.Event()

    def start(self, now: Now) -> list[Action]:
        return self.starting

    def handle(self, event: Event, now: Now) -> list[Action]:
        self.events.append(event)
        self._news.set()
        return self.script(event)

    def snapshot(self, now: Now) -> NodeSnapshot:
        self.snapshots += 1
        return NodeSnapshot(now.wall, "n", "n", "h", 1, 1, 0, (), (), (), 0, 0, False, None, False)

    def queues(self) -> dict[str, int]:
        return {"events": len(self.events)}

    def account(self, name: str) -> AccountFact | None:
        return None

    def accounts_called(self, name: str) -> tuple[AccountFact, ...]:
        return ()

    def account_name(self, claim: str) -> str | None:
        return None

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]:
        return ()

    def kept_out(self, claim: str | None, host: str) -> str | None:
        return None

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    async def told(self, kind: type[_Kind], count: int = 1) -> list[_Kind]:
        """Wait until so many events of a kind have come."""
        async with asyncio.timeout(LIMIT):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)

    async def numbers(self, count: int) -> list[int]:
        """Wait for so many pings; their numbers."""
        received = await self.told(MessageReceived, count)
        return [event.message.number for event in received if isinstance(event.message, Ping)]

    @property
    def messages(self) -> list[Message]:
        return [event.message for event in self.of(MessageReceived)]


class MemoryStore:
    """A store that forgets, fails and dawdles when it is told to."""

    prepared = 0
    steps = 1
    """How often a summary has been prepared, and how often it has to be before it can be asked."""

    def __init__(self) -> None:
        self.transactions: list[list[Keepable]] = []
        self.settings: dict[str, str] = {}
        self.setting_sizes: list[int] = []
        self.setting_bytes_max: int | None = None
        self.refused_settings = 0
        self.trimmed = 0
        self.removed: list[EntryId] = []
        self.backups: list[Path] = []
        self.failure: Exception | None = None
        self.displaced = ""
        self.closed = False
        self.threads: set[int] = set()
        self.reached = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.backup_gate = threading.Event()
        self.backup_gate.set()

    @property
    def records(self) -> list[Keepable]:
        return [record for transaction in self.transactions for record in transaction]

    def _work(self) -> None:
        self.threads.add(threading.get_ident())
        self.reached.set()
        assert self.gate.wait(LIMIT)
        if self.failure is not None:
            raise self.failure

    signer: Signer | None = None

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        self._work()
        self.transactions.append(list(keepables))
        return ()

    def remove(self, entries: Collection[EntryId], fingerprints: Collection[bytes]) -> int:
        self._work()
        self.removed += entries
        return len(entries)

    def follow(self, *, idle: bool) -> bool:
        return False

    def fetch(self, query: Fetch) -> Page:
        self._work()
        found = tuple(one for one in self.records if isinstance(one, Entry) and one.kind in query.kinds)
        return Page(found[-query.newest :] if query.newest else found, {}, False)

    @property
    def arrived(self) -> int:
        return 0

    def find(self, query: FindArrived | FindDated) -> FoundRuns:
        self._work()
        return FoundRuns({}, None)

    def fetch_past(self, query: PastQuery) -> Page:
        self._work()
        activities = [one for one in self.records if isinstance(one, Entry) and one.kind == "activity"]
        found = [one for one in activities if query.has(one.stamp, one.id)]
        most = query.entries_max
        return Page(tuple(found[-most:] if query.backward else found[:most]), {}, len(found) > most)

    def fetch_missing(self, query: Missing) -> Page:
        return self.fetch_wanted(Wanted(query.runs))

    def fetch_wanted(self, wanted: Wanted) -> Page:
        self._work()
        ids = set(ids_in(wanted.runs))
        return Page(tuple(one for one in self.records if isinstance(one, Entry) and one.id in ids), {}, False)

    def prepare_summary(self, query: SummaryQuery) -> bool:
        self.prepared += 1
        return self.prepared >= self.steps

    def ask_summary(self, query: SummaryQuery) -> SummaryAnswer:
        self._work()
        summary = MemorySummary()
        summary.add([one for one in self.records if isinstance(one, Entry)])
        assert not isinstance(query, DroppedWanted | UnprovedWanted)
        return summary.answer(query)

    def fetch_records(self, query: Fetch | Wanted) -> RecordPage:
        page = self.fetch(query) if isinstance(query, Fetch) else self.fetch_wanted(query)
        return RecordPage(tuple(loose(page.entries)), page.upto, page.more)

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        self._work()
        activities = [one for one in self.records if isinstance(one, Entry) and one.kind == "activity"]
        return tuple(one for one in activities if before is None or position(one) < before)[-most:]

    def backup(self, directory: Path, keep: int) -> Path:
        self.reached.set()
        assert self.backup_gate.wait(LIMIT)
        if self.failure is not None:
            raise self.failure
        self.backups.append(directory / f"backup-{len(self.backups)}")
        return self.backups[-1]

    def usage(self) -> Usage:
        return Usage()

    def trim(self, wall: float) -> int:
        self._work()
        self.trimmed += 1
        return 1 if self.trimmed % 3 else 0

    def get_setting(self, name: str) -> str | None:
        return self.settings.get(name)

    def set_setting(self, name: str, value: str, *, backed_up: bool = False) -> None:
        try:
            self._work()
            if self.setting_bytes_max is not None and len(value) > self.setting_bytes_max:
                raise OSError("disk full")
        except OSError:
            self.refused_settings += 1
            raise
        self.settings[name] = value
        self.setting_sizes.append(len(value))

    findings: Sequence[str] = ()
    discoveries: deque[str] = deque()  # noqa: RUF012 – nobody puts anything in
    rescued: Path | None = None
    damage: str = ""
    ended_badly: bool = False
    is_damaged: bool = False
    lost: EntryRuns = {}  # noqa: RUF012 – nobody puts anything in
    """What `mend` says was damaged."""

    def note_damage(self, records: Sequence[int], otherwise: str) -> None:
        self.is_damaged = True

    def mend(self) -> EntryRuns:
        self.is_damaged = False
        self.damage = ""
        return self.lost

    def check(self) -> None:
        if self.displaced:
            raise StoreDisplaced(self.displaced)

    def close(self) -> None:
        self.closed = True


class World:
    """One scripted node on a real port."""

    def __init__(self, runtime: Runtime, node: ScriptedNode, store: MemoryStore, port: int) -> None:
        self.runtime = runtime
        self.node = node
        self.store = store
        self.port = port
        self.notices: list[Notice] = []
        self.finished: list[tuple[str, ...]] = []

    async def client(self, *, receive_buffer: int | None = None) -> Peer:
        """A peer on a connection of its own, which the node has been told of."""
        known = len(self.node.of(ConnectionOpened))
        peer = await Peer.dial(self.port, receive_buffer)
        peer.conn = (await self.node.told(ConnectionOpened, known + 1))[-1].conn
        return peer

    async def client_that_says(self, data: bytes) -> Peer:
        """The same, for a node that is told of nobody who has said nothing."""
        known = len(self.node.of(ConnectionOpened))
        peer = await Peer.dial(self.port)
        await peer.say(data)
        peer.conn = (await self.node.told(ConnectionOpened, known + 1))[-1].conn
        return peer


class Peer:
    """The other end of a connection, by bare sockets."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.conn = 0
        self.received = bytearray()

    @classmethod
    async def dial(cls, port: int, receive_buffer: int | None = None, source: str = "127.0.0.1") -> Peer:
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((source, 0))
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(sock)

    async def say(self, data: bytes) -> None:
        async with asyncio.timeout(LIMIT):
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def ping(self, *numbers: int) -> None:
        await self.say(b"".join(frame(number).data for number in numbers))

    async def hear(self, size: int) -> bytes:
        """The next `size` bytes, or fewer if the stream ends."""
        async with asyncio.timeout(LIMIT):
            while len(self.received) < size:
                data = await asyncio.get_running_loop().sock_recv(self.sock, 1 << 20)
                if not data:
                    break
                self.received += data
        found = bytes(self.received[:size])
        del self.received[:size]
        return found

    async def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        pieces = [bytes(self.received)]
        self.received.clear()
        async with asyncio.timeout(LIMIT):
            while data := await asyncio.get_running_loop().sock_recv(self.sock, 1 << 20):
                pieces.append(data)
        return b"".join(pieces)

    def close(self) -> None:
        self.sock.close()


@contextlib.asynccontextmanager
async def world(
    script: Callable[[Event], list[Action]] | None = None,
    *,
    limits: ConnectionLimits | None = None,
    store: MemoryStore | None = None,
    starting: Sequence[Action] = (),
    dial_limit: float = LIMIT,
    lobby: float | None = None,
    tracer: Tracer | None = None,
    tls: NetworkTls | None = None,
    **changes: float,
) -> AsyncIterator[World]:
    """A runtime with a scripted node; `changes` are to the limits. With `lobby` connections wait so long in one. With
    `tls` they can be encrypted."""
    loop = asyncio.get_running_loop()
    store = store or MemoryStore()
    node = ScriptedNode(script)
    node.starting = list(starting)
    persistence = Persistence(loop)
    passwords = Passwords(CHEAP)
    await persistence.open(lambda: (store, Recovered("n", 1)))
    tuned = replace(limits or ConnectionLimits(linger=0.2), **changes)
    runtime = Runtime(
        loop,
        tuned,
        persistence,
        passwords,
        dial_limit=dial_limit,
        on_notice=lambda notice: made.notices.append(notice),
        on_finished=lambda undone: made.finished.append(undone),
        tls=tls,
        tracer=tracer,
    )
    (listener,) = await bind("127.0.0.1", 0)
    listener.listen()
    made = World(runtime, node, store, listener.getsockname()[1])
    runtime.start(node)
    server: asyncio.Server | Acceptor
    if POLLED or lobby is not None:
        server = Acceptor(
            *(loop, listener, runtime.accepted if lobby is None else runtime.admitted),
            tls=None if tls is None else lambda: tls.listening,
            on_exhausted=lambda error: None,
            lobby=runtime.open_lobby(lobby) if lobby is not None else None,
            poller=runtime.connections.poller,
        )
        server.start()
    else:
        server = await loop.create_server(runtime.accepted, sock=listener)
    try:
        yield made
    finally:
        server.close()
        await runtime.aclose("the test is over", at_once=True)
        await passwords.aclose()
        store.gate.set()
        await persistence.aclose()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so that no event tells of."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
