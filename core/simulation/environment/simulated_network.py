"""The network between hosts: connections like TCP's, and everything that can happen to them.

What one end sends arrives at the other in order, each after a latency of its own, unless the path is cut (it waits,
as with retransmissions), the connection has gone dead (it vanishes, and nobody is told: half-open), or the host has
lost its power. Whoever sends to an end that is gone learns of it by a reset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from core.certificates.leaf import ShownLeaf
from core.simulation.environment.connection_ends import End, Lane, Parcel, Party, Signal
from core.simulation.environment.schedule import Schedule
from core.wire.address import Address
from core.wire.codec import Frame, MalformedLine, decode
from core.wire.messages import Message, command_of
from core.wire.scope import Scope, scope_of

DECODED_MAX: Final = 2048


class Listener(Protocol):
    """Who takes connections at an address; encrypted ones if it has a certificate to show, `leaf`."""

    def accepted(self, end: End, peer: Address) -> Party: ...


class Encryption(NamedTuple):
    """That somebody dials encrypted, and what they show."""

    leaf: Callable[[ShownLeaf], ShownLeaf | None]
    """The certificate that is shown to who shows this one; None: none."""


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
    clear: bool = False
    """Whoever is there does not encrypt."""


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
        self._located: dict[Address, str] = {}
        self._ends: dict[int, End] = {}
        self._numbers = 0
        self._decoded: dict[int, tuple[Frame, Message | MalformedLine]] = {}

    # --- addresses ----------------------------------------------------------------------------------------------------

    def listen(self, address: Address, host: str, listener: Listener) -> None:
        self._listeners[address] = (host, listener)
        self.locate(address, host)

    def locate(self, address: Address, host: str) -> None:
        """Whatever goes to an address goes to this host, whether anybody listens there or not."""
        self._located[address] = host

    def unlisten(self, address: Address) -> None:
        self._listeners.pop(address, None)

    def dial(
        self,
        host: str,
        address: Address,
        limit: float,
        then: Callable[[End | DialFailure], None],
        encryption: Encryption | None = None,
    ) -> None:
        """Open a connection; `then` is called once, within `limit` seconds. To agree on keys takes no time of its
        own."""
        self._try(host, address, self.schedule.time + limit, then, 0, encryption)

    def _try(
        self,
        host: str,
        address: Address,
        until: float,
        then: Callable[[End | DialFailure], None],
        tries: int,
        encryption: Encryption | None,
    ) -> None:
        scope = scope_of(address.host)
        if scope in (Scope.MACHINE, Scope.UNSPECIFIED):
            # On each machine these are that machine.
            address = Address(self.place_of(host).address, address.port)
        elif scope is not Scope.ANYWHERE:
            self.schedule.after(0.0, lambda: then(DialFailure("no route to host", refused=False)))
            return
        target = self._located.get(address, address.host)
        self._numbers += 1
        out = Lane(self, host, target, self._numbers)
        back = Lane(self, target, host, self._numbers)
        forth, again = out.next_latency(), back.next_latency()

        def arrived() -> None:
            if self.schedule.time >= until:
                then(DialFailure("no answer in time", refused=False))
            elif (host, target) in self.unreachable:
                then(DialFailure("no route to host", refused=False))
            elif target in self.dark or (host, target) in self.cuts or (target, host) in self.cuts:
                # A lost SYN is repeated after 1, 2, 4 … seconds.
                pause = min(2.0**tries, max(until - self.schedule.time, 0.0))
                self.schedule.after(pause, lambda: self._try(host, address, until, then, tries + 1, encryption))
            elif (listening := self._listeners.get(address)) is None:
                self.schedule.after(again, lambda: then(DialFailure("connection refused", refused=True)))
            else:
                self.schedule.after(
                    again, lambda: self._connected(host, address, listening[1], out, back, then, encryption)
                )

        self.schedule.after(forth, arrived)

    def _connected(
        self,
        host: str,
        address: Address,
        listener: Listener,
        out: Lane,
        back: Lane,
        then: Callable[[End | DialFailure], None],
        encryption: Encryption | None,
    ) -> None:
        wanted = True
        leaf: ShownLeaf | None = None
        shown: ShownLeaf | None = None
        if encryption is not None:
            leaf = getattr(listener, "leaf", None)
            if leaf is None:
                then(DialFailure("it does not encrypt", refused=False, clear=True))
                return
            shown = encryption.leaf(leaf)
            # Nobody lets in who shows another network's certificate, and who dials is told so afterwards.
            wanted = shown is None or shown.network == leaf.network
        near = End(self, self._numbers + 1, host, out.target, out)
        far = End(self, self._numbers + 2, out.target, host, back)
        self._numbers += 2
        near.far, far.far = far, near
        out.receiver, back.receiver = far, near
        self._ends[near.conn] = near
        self._ends[far.conn] = far
        near.encrypted = far.encrypted = encryption is not None
        near.shown, far.shown = leaf, shown
        peer = Address(self.seen_at(host, out.target), 40_000 + near.conn % 20_000)

        def accept() -> None:
            if wanted and self._listeners.get(address, (None, None))[1] is listener:
                far.party = listener.accepted(far, peer)
            else:
                far.vanish(told=True)

        far.when_opened(accept)
        out.send(Signal.OPEN)
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
