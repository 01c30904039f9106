"""The network between hosts: connections like TCP's, and everything that can happen to them.

What one end sends arrives at the other in order, each after a latency of its own, unless the path is cut (it waits,
as with retransmissions), the connection has gone dead (it vanishes, and nobody is told: half-open), or the host has
lost its power. Whoever sends to an end that is gone learns of it by a reset.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from core.simulation.environment.randomness import number_of
from core.simulation.environment.schedule import Schedule
from core.wire.address import Address
from core.wire.codec import Frame, MalformedLine, decode
from core.wire.messages import Message, command_of
from core.wire.scope import Scope, scope_of

LINGER: Final = 1.0
"""Seconds that an end which was closed waits for the other to close as well."""
DECODED_MAX: Final = 2048
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


class Listener(Protocol):
    """Who takes connections at an address."""

    def accepted(self, end: End, peer: Address) -> Party: ...


class HostPlace(NamedTuple):
    """Where a host is."""

    address: str
    """What others see it as."""
    is_machine: bool
    """Whether all hosts at this address are on one machine; else it is a name that many share."""


class DialFailure(NamedTuple):
    """A dial that came to nothing."""

    reason: str
    refused: bool


class _Signal(enum.Enum):
    OPEN = "open"
    END = "end"
    RESET = "reset"


class _Stage(enum.Enum):
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


def _bytes_of(item: Parcel | _Signal) -> int:
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

    def __init__(self, network: SimulatedNetwork, source: str, target: str, number: int) -> None:
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
        self._queue: deque[Parcel | _Signal] = deque()
        self._stuck: deque[Parcel | _Signal] = deque()
        self._lost: list[Parcel | _Signal] = []
        self._random = number_of(network.seed, "lane", source, target, number)

    @property
    def unconfirmed(self) -> int:
        """Bytes that were sent and have not arrived."""
        return sum(_bytes_of(item) for items in (self._lost, self._stuck, self._queue) for item in items)

    @property
    def waiting(self) -> int:
        """What has been sent and has not arrived."""
        return len(self._queue) + len(self._stuck)

    def send(self, item: Parcel | _Signal) -> None:
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
        """Of what is on its way only so much arrives."""
        while len(self._queue) > keep:
            self._lost.append(self._queue.pop())
        if keep < len(self._queue) + len(self._stuck):
            self._lost += self._stuck
            self._stuck.clear()


class End:
    """One end of a connection, `conn` to whoever holds it."""

    __slots__ = (
        "_before_open",
        "_held",
        "_inbox",
        "_paused",
        "_stage",
        "conn",
        "far",
        "host",
        "lane",
        "line_max",
        "network",
        "party",
        "peer",
    )

    def __init__(self, network: SimulatedNetwork, conn: int, host: str, peer: str, lane: Lane) -> None:
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
        self._stage = _Stage.OPEN
        self._held = False
        self._paused = False
        self._inbox: deque[Parcel | _Signal] = deque()
        self._before_open: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        return self._stage is _Stage.OPEN

    @property
    def takes(self) -> bool:
        """Whether what arrives is confirmed: nothing that comes after its process has closed the connection is."""
        return self._stage is _Stage.OPEN

    def when_opened(self, callback: Callable[[], None]) -> None:
        self._before_open = callback

    def send(self, parcel: Parcel) -> None:
        """Send, behind everything that was sent before. Whoever has too much on its way is cut off."""
        if self._stage is not _Stage.OPEN:
            return
        network = self.network
        network.note_sent(self, parcel)
        self.lane.send(parcel)
        if self.lane.waiting > network.queue_max:
            self.abort(f"too slow: more than {network.queue_max} messages waited")

    def close(self, reason: str) -> None:
        """End the connection once everything sent has arrived."""
        if self._stage is not _Stage.OPEN:
            return
        self._stage = _Stage.CLOSING
        self._inbox.clear()
        self.lane.send(_Signal.END)
        self.network.schedule.after(LINGER, lambda: self.end(reason))

    def abort(self, reason: str) -> None:
        """Cut the connection at once."""
        if self._stage is not _Stage.CLOSED:
            self.lane.send(_Signal.RESET)
            self.network.schedule.after(0.0, lambda: self.end(reason))
            self._stage = _Stage.CLOSING

    def cut(self, reason: str) -> None:
        """The connection breaks, and both ends know at once: what is under way is lost."""
        if self._stage is _Stage.OPEN:
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
        if self._stage is not _Stage.CLOSED and told:
            # Also one that it had closed: what said so may have been lost with the process.
            self.lane.send(_Signal.RESET)
        self._stage = _Stage.CLOSED
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

    def take(self, item: Parcel | _Signal) -> None:
        """Something has arrived."""
        if item is _Signal.OPEN:
            opened, self._before_open = self._before_open, None
            if opened is not None:
                opened()
            return
        if self._stage is _Stage.CLOSED:
            if item is not _Signal.RESET and item is not _Signal.END:
                self.lane.send(_Signal.RESET)
            return
        if self._held or self._paused:
            self._inbox.append(item)
        else:
            self._take_in(item)

    def _take_in(self, item: Parcel | _Signal) -> None:
        if isinstance(item, _Signal):
            if item is _Signal.END and self._stage is _Stage.OPEN:
                self.lane.send(_Signal.END)
            self.end("closed by the peer" if item is _Signal.END else "connection reset by the peer")
            return
        if self._stage is not _Stage.OPEN or self.party is None:
            return
        self.network.deliver(self, item)

    def end(self, reason: str) -> None:
        if self._stage is not _Stage.CLOSED:
            self._stage = _Stage.CLOSED
            self.network.forget(self)
            party, self.party = self.party, None
            if party is not None:
                party.closed(self.conn, reason)


class SimulatedNetwork:
    """All hosts and connections."""

    def __init__(
        self,
        schedule: Schedule,
        seed: int,
        *,
        latency: tuple[float, float],
        codec: bool,
        queue_max: int,
        note: Callable[[End, str, bytes], None],
    ) -> None:
        self.schedule = schedule
        self.seed = seed
        self.latency = latency
        """Least and greatest, in seconds, one way."""
        self.codec = codec
        """Whether messages travel as the bytes of their lines, or, faster, as they are."""
        self.queue_max = queue_max
        self.cuts: set[tuple[str, str]] = set()
        """Pairs of hosts between which nothing gets through in this direction."""
        self.stuck: dict[Lane, None] = {}
        """Lanes on which something waits for their path; the ends they belong to may be gone."""
        self.unreachable: set[tuple[str, str]] = set()
        """Pairs of hosts of which the first cannot dial the second, and is told so at once."""
        self.places: dict[str, HostPlace] = {}
        """Where hosts are that are not at an address of their own name."""
        self.dark: set[str] = set()
        """Hosts without power: nothing answers there."""
        self.decoded_max = DECODED_MAX
        """How many frames are remembered, so that one that goes to many is decoded once."""
        self.counting: Callable[[End, Message], None] | None = None
        """Told of each message that is sent, while somebody counts."""
        self._note = note
        self._listeners: dict[Address, tuple[str, Listener]] = {}
        self._ends: dict[int, End] = {}
        self._numbers = 0
        self._decoded: dict[int, tuple[Frame, Message | MalformedLine]] = {}

    # --- addresses ----------------------------------------------------------------------------------------------------

    def listen(self, address: Address, host: str, listener: Listener) -> None:
        self._listeners[address] = (host, listener)

    def unlisten(self, address: Address) -> None:
        self._listeners.pop(address, None)

    def dial(self, host: str, address: Address, limit: float, then: Callable[[End | DialFailure], None]) -> None:
        """Open a connection; `then` is called once, within `limit` seconds."""
        self._try(host, address, self.schedule.time + limit, then, 0)

    def _try(
        self, host: str, address: Address, until: float, then: Callable[[End | DialFailure], None], tries: int
    ) -> None:
        scope = scope_of(address.host)
        if scope in (Scope.MACHINE, Scope.UNSPECIFIED):
            # On each machine these are that machine.
            address = Address(self.place_of(host).address, address.port)
        elif scope is not Scope.ANYWHERE:
            self.schedule.after(0.0, lambda: then(DialFailure("no route to host", refused=False)))
            return
        found = self._listeners.get(address)
        target = found[0] if found is not None else address.host
        self._numbers += 1
        out = Lane(self, host, target, self._numbers)
        back = Lane(self, target, host, self._numbers)
        there, again = out.next_latency(), back.next_latency()

        def arrived() -> None:
            if self.schedule.time >= until:
                then(DialFailure("no answer in time", refused=False))
            elif (host, target) in self.unreachable:
                then(DialFailure("no route to host", refused=False))
            elif target in self.dark or (host, target) in self.cuts or (target, host) in self.cuts:
                # A lost SYN is repeated after 1, 2, 4 … seconds.
                pause = min(2.0**tries, max(until - self.schedule.time, 0.0))
                self.schedule.after(pause, lambda: self._try(host, address, until, then, tries + 1))
            elif (listening := self._listeners.get(address)) is None:
                self.schedule.after(again, lambda: then(DialFailure("connection refused", refused=True)))
            else:
                self.schedule.after(again, lambda: self._connected(host, address, listening[1], out, back, then))

        self.schedule.after(there, arrived)

    def _connected(
        self,
        host: str,
        address: Address,
        listener: Listener,
        out: Lane,
        back: Lane,
        then: Callable[[End | DialFailure], None],
    ) -> None:
        near = End(self, self._numbers + 1, host, out.target, out)
        far = End(self, self._numbers + 2, out.target, host, back)
        self._numbers += 2
        near.far, far.far = far, near
        out.receiver, back.receiver = far, near
        self._ends[near.conn] = near
        self._ends[far.conn] = far
        peer = Address(self.seen_at(host, out.target), 40_000 + near.conn % 20_000)

        def accept() -> None:
            if self._listeners.get(address, (None, None))[1] is listener:
                far.party = listener.accepted(far, peer)
            else:
                far.vanish(told=True)

        far.when_opened(accept)
        out.send(_Signal.OPEN)
        then(near)

    def place_of(self, host: str) -> HostPlace:
        """Where a host is."""
        return self.places.get(host) or HostPlace(host, is_machine=True)

    def seen_at(self, host: str, by: str) -> str:
        """What another host sees a host as: on the same machine that is loopback."""
        place = self.place_of(host)
        return "127.0.0.1" if place.is_machine and place == self.places.get(by) else place.address

    def connect(self, one: str, other: str) -> tuple[End, End]:
        """Two ends of a connection that is up already; their parties are still to be set."""
        self._numbers += 3
        out = Lane(self, one, other, self._numbers)
        back = Lane(self, other, one, self._numbers)
        near = End(self, self._numbers - 2, one, other, out)
        far = End(self, self._numbers - 1, other, one, back)
        near.far, far.far = far, near
        out.receiver, back.receiver = far, near
        self._ends[near.conn] = near
        self._ends[far.conn] = far
        return near, far

    # --- what happens to connections ----------------------------------------------------------------------------------

    def forget(self, end: End) -> None:
        self._ends.pop(end.conn, None)

    def ends_of(self, host: str) -> list[End]:
        """The ends at a host, in the order in which they came up."""
        return [end for end in self._ends.values() if end.host == host]

    def ends_between(self, one: str, other: str) -> list[End]:
        """The ends at `one` of connections with `other`, in the order in which they came up."""
        return [end for end in self._ends.values() if end.host == one and end.peer == other]

    def ends(self) -> list[End]:
        return list(self._ends.values())

    def mend(self, pairs: list[tuple[str, str]]) -> None:
        """Let everything through again between these hosts, in these directions."""
        mended = [pair for pair in pairs if pair in self.cuts]
        self.cuts.difference_update(mended)
        for lane in list(self.stuck):
            if (lane.source, lane.target) in mended:
                del self.stuck[lane]
                lane.release()

    def note_sent(self, end: End, parcel: Parcel) -> None:
        if self.counting is not None and isinstance(parcel, Frame):
            self.counting(end, parcel.message)

    def deliver(self, end: End, parcel: Parcel) -> None:
        party = end.party
        assert party is not None
        if isinstance(parcel, Frame):
            if not self.codec:
                self._note(end, command_of(parcel.message), b"")
                party.received(end.conn, parcel.message)
                return
            self._note(end, command_of(parcel.message), parcel.data)
            message = self._decode(parcel)
            size = len(parcel.data) - 1
        else:
            self._note(end, "(raw)", parcel)
            size = len(parcel)
            try:
                message = decode(parcel)
            except MalformedLine as error:
                message = error
        if end.line_max is not None and size > end.line_max:
            party.garbled(end.conn, f"a line is longer than {end.line_max} bytes")
        elif isinstance(message, MalformedLine):
            party.garbled(end.conn, str(message))
        else:
            party.received(end.conn, message)

    def _decode(self, frame: Frame) -> Message | MalformedLine:
        """Decode a frame once, however many connections it went to: messages cannot change."""
        known = self._decoded.get(id(frame))
        if known is not None:
            return known[1]
        result: Message | MalformedLine
        try:
            result = decode(frame.data[:-1])
        except MalformedLine as error:
            result = error
        if len(self._decoded) >= self.decoded_max:
            self._decoded.clear()
        self._decoded[id(frame)] = (frame, result)
        return result
