"""Connections between hosts: two ends, and a lane in each direction."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from core.certificates.leaf import ShownLeaf
from core.node.interface.events import TOO_SLOW
from core.simulation.environment.randomness import number_of
from core.simulation.environment.schedule import Schedule
from core.wire.codec import Frame
from core.wire.messages import Message

LINGER: Final = 1.0
"""Seconds that an end which was closed waits for the other to close as well."""
_MULTIPLIER: Final = 6364136223846793005
_INCREMENT: Final = 1442695040888963407
_MASK: Final = 2**64 - 1

Parcel = Frame | bytes
"""What travels: a frame, or the bytes of a line (without terminator) that may be anything."""


class Party(Protocol):
    """Who holds one end of a connection."""

    def received(self, conn: int, message: Message) -> None: ...

    def garbled(self, conn: int, info: str) -> None:
        """Something arrived that is no message."""

    def closed(self, conn: int, reason: str) -> None:
        """Nothing more will come of the connection; once for each."""


class Carrier(Protocol):
    """The network, as a connection sees it."""

    schedule: Schedule
    seed: int
    latency: tuple[float, float]
    queue_max: int
    dark: set[str]
    cuts: set[tuple[str, str]]
    stuck: dict[Lane, None]

    def note_sent(self, end: End, parcel: Parcel) -> None:
        """Something is sent."""

    def deliver(self, end: End, parcel: Parcel) -> None:
        """Something has arrived for whoever holds the end."""

    def forget(self, end: End) -> None:
        """The end is no more."""


class Signal(enum.Enum):
    OPEN = "open"
    END = "end"
    RESET = "reset"


class _EndState(enum.Enum):
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


def _bytes_of(item: Parcel | Signal) -> int:
    return len(item.data) if isinstance(item, Frame) else len(item) if isinstance(item, bytes) else 0


class Lane:
    """One direction of a connection."""

    __slots__ = (
        "_lost",
        "_queue",
        "_random",
        "_stuck",
        "dead",
        "last_at",
        "latency",
        "network",
        "receiver",
        "source",
        "target",
        "tempo",
    )

    def __init__(self, network: Carrier, source: str, target: str, number: int) -> None:
        self.network = network
        self.source = source
        self.target = target
        self.tempo = 0.0
        """Seconds that the receiver takes for each message."""
        self.latency: float | None = None
        """Seconds that this way takes; None: what all take."""
        self.dead = False
        self.last_at = 0.0
        self.receiver: End
        self._queue: deque[Parcel | Signal] = deque()
        self._stuck: deque[Parcel | Signal] = deque()
        self._lost: list[Parcel | Signal] = []
        self._random = number_of(network.seed, "lane", source, target, number)

    @property
    def unconfirmed(self) -> int:
        """Bytes that were sent and have not arrived."""
        return sum(_bytes_of(item) for items in (self._lost, self._stuck, self._queue) for item in items)

    @property
    def waiting(self) -> int:
        """What has been sent and has not arrived."""
        return len(self._queue) + len(self._stuck)

    def send(self, item: Parcel | Signal) -> None:
        if self.dead:
            self._lost.append(item)
            return
        network = self.network
        at = max(self.last_at, network.schedule.time + self.next_latency()) + self.tempo
        self.last_at = at
        self._queue.append(item)
        network.schedule.at(at, self._arrive)

    def next_latency(self) -> float:
        if self.latency is not None:
            return self.latency
        self._random = (self._random * _MULTIPLIER + _INCREMENT) & _MASK
        low, high = self.network.latency
        return low + (high - low) * (self._random >> 11) * 2.0**-53

    def _arrive(self) -> None:
        if not self._queue:
            return
        item = self._queue.popleft()
        if self.dead or self.target in self.network.dark:
            self._lost.append(item)
            return
        if self._stuck or (self.source, self.target) in self.network.cuts:
            self._stuck.append(item)
            self.network.stuck[self] = None
            return
        if not self.receiver.takes:
            self._lost.append(item)
        self.receiver.take(item)

    def release(self) -> None:
        """The path is whole again: what waited is sent once more."""
        stuck, self._stuck = self._stuck, deque()
        now = self.network.schedule.time
        self._queue.extendleft(reversed(stuck))
        for _ in stuck:
            self.last_at = max(self.last_at, now + self.next_latency())
            self.network.schedule.at(now + self.next_latency(), self._arrive)

    def hurry(self) -> None:
        """The receiver is quick again, also with what is on its way."""
        self.tempo = 0.0
        now = self.network.schedule.time
        self.last_at = now
        for _ in self._queue:
            self.last_at = max(self.last_at, now + self.next_latency())
            self.network.schedule.at(self.last_at, self._arrive)

    def lose(self, keep: int) -> None:
        """Of what is on its way only so much arrives, what was sent first."""
        while self.waiting > keep:
            self._lost.append(self._queue.pop() if self._queue else self._stuck.pop())


class End:
    """One end of a connection, `conn` to whoever holds it."""

    __slots__ = (
        "_before_open",
        "_held",
        "_inbox",
        "_paused",
        "_state",
        "conn",
        "encrypted",
        "far",
        "host",
        "lane",
        "line_max",
        "network",
        "party",
        "peer",
        "shown",
    )

    def __init__(self, network: Carrier, conn: int, host: str, peer: str, lane: Lane) -> None:
        self.network = network
        self.conn = conn
        self.host = host
        self.peer = peer
        """The host at the other end."""
        self.lane = lane
        """What this end sends."""
        self.far: End
        self.party: Party | None = None
        self.line_max: int | None = None
        """Bytes of the longest line that its party takes, where messages travel as lines."""
        self.encrypted = False
        self.shown: ShownLeaf | None = None
        """The certificate that the other end has shown."""
        self._state = _EndState.OPEN
        self._held = False
        self._paused = False
        self._inbox: deque[Parcel | Signal] = deque()
        self._before_open: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        return self._state is _EndState.OPEN

    @property
    def takes(self) -> bool:
        """Whether what arrives is confirmed: nothing that comes after its process has closed the connection is."""
        return self._state is _EndState.OPEN

    def when_opened(self, callback: Callable[[], None]) -> None:
        self._before_open = callback

    def send(self, parcel: Parcel) -> None:
        """Send, behind everything that was sent before. Whoever has too much on its way is cut off."""
        if self._state is not _EndState.OPEN:
            return
        network = self.network
        network.note_sent(self, parcel)
        self.lane.send(parcel)
        if self.lane.waiting > network.queue_max:
            self.abort(f"{TOO_SLOW}: more than {network.queue_max} messages waited")

    def close(self, reason: str) -> None:
        """End the connection once everything sent has arrived."""
        if self._state is not _EndState.OPEN:
            return
        self._state = _EndState.CLOSING
        self._inbox.clear()
        self.lane.send(Signal.END)
        self.network.schedule.after(LINGER, lambda: self.end(reason))

    def abort(self, reason: str) -> None:
        """Cut the connection at once."""
        if self._state is not _EndState.CLOSED:
            self.lane.send(Signal.RESET)
            self.network.schedule.after(0.0, lambda: self.end(reason))
            self._state = _EndState.CLOSING

    def cut(self, reason: str) -> None:
        """The connection breaks, and both ends know at once: what is under way is lost."""
        if self._state is _EndState.OPEN:
            for end in (self, self.far):
                end.lane.lose(0)
                end.end(reason)

    def go_dead(self) -> None:
        """Nothing arrives at either end from now on, and nobody is told."""
        self.lane.dead = self.far.lane.dead = True

    def revive(self) -> None:
        """What is said from now on arrives again."""
        self.lane.dead = self.far.lane.dead = False

    def take_each_way(self, seconds: float) -> None:
        """From now on the ways there and back take so long."""
        self.lane.latency = self.far.lane.latency = seconds

    def vanish(self, *, told: bool) -> None:
        """The process that holds this end is dead; the other end is `told` by its kernel, or not."""
        if self._state is not _EndState.CLOSED and told:
            # Also one that it had closed: what said so may have been lost with the process.
            self.lane.send(Signal.RESET)
        self._state = _EndState.CLOSED
        self.party = None
        self._inbox.clear()
        self.network.forget(self)

    def hold(self, held: bool) -> None:
        """Stop handing in what arrives, or go on."""
        self._held = held
        self._go_on()

    def pause(self, paused: bool) -> None:
        """The same for another reason: both have to end."""
        self._paused = paused
        self._go_on()

    def _go_on(self) -> None:
        while self._inbox and not (self._held or self._paused):
            self._take_in(self._inbox.popleft())

    def take(self, item: Parcel | Signal) -> None:
        """Something has arrived."""
        if item is Signal.OPEN:
            opened, self._before_open = self._before_open, None
            if opened is not None:
                opened()
            return
        if self._state is _EndState.CLOSED:
            if item is not Signal.RESET and item is not Signal.END:
                self.lane.send(Signal.RESET)
            return
        if self._held or self._paused:
            self._inbox.append(item)
        else:
            self._take_in(item)

    def _take_in(self, item: Parcel | Signal) -> None:
        if isinstance(item, Signal):
            if item is Signal.END and self._state is _EndState.OPEN:
                self.lane.send(Signal.END)
            self.end("closed by the peer" if item is Signal.END else "connection reset by the peer")
            return
        if self._state is not _EndState.OPEN or self.party is None:
            return
        self.network.deliver(self, item)

    def end(self, reason: str) -> None:
        if self._state is not _EndState.CLOSED:
            self._state = _EndState.CLOSED
            self.network.forget(self)
            party, self.party = self.party, None
            if party is not None:
                party.closed(self.conn, reason)
